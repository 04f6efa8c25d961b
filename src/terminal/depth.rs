//! Fewer colours for terminals that have fewer. Must not know what the colours are for.

use ratatui::buffer::Buffer;
use ratatui::style::Color;

use super::probe::Depth;

/// The levels of the 6 × 6 × 6 cube of the 256-colour palette.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];
/// xterm's values of the 16 named colours.
const NAMED: [([u8; 3], Color); 16] = [
    ([0, 0, 0], Color::Black),
    ([205, 0, 0], Color::Red),
    ([0, 205, 0], Color::Green),
    ([205, 205, 0], Color::Yellow),
    ([0, 0, 238], Color::Blue),
    ([205, 0, 205], Color::Magenta),
    ([0, 205, 205], Color::Cyan),
    ([229, 229, 229], Color::Gray),
    ([127, 127, 127], Color::DarkGray),
    ([255, 0, 0], Color::LightRed),
    ([0, 255, 0], Color::LightGreen),
    ([255, 255, 0], Color::LightYellow),
    ([92, 92, 255], Color::LightBlue),
    ([255, 0, 255], Color::LightMagenta),
    ([0, 255, 255], Color::LightCyan),
    ([255, 255, 255], Color::White),
];

/// Replaces 24-bit colours by the nearest the terminal has.
pub fn reduce(buffer: &mut Buffer, depth: Depth) {
    if depth != Depth::True {
        for cell in &mut buffer.content {
            cell.fg = nearest(cell.fg, depth);
            cell.bg = nearest(cell.bg, depth);
        }
    }
}

fn nearest(colour: Color, depth: Depth) -> Color {
    let Color::Rgb(r, g, b) = colour else { return colour };
    let rgb = [r, g, b];
    let distance = |other: [u8; 3]| -> u32 { (0..3).map(|c| u32::from(rgb[c].abs_diff(other[c])).pow(2)).sum() };
    if depth == Depth::Named {
        return NAMED.iter().min_by_key(|(value, _)| distance(*value)).map_or(Color::Reset, |(_, name)| *name);
    }
    let level = |v: u8| (0..6_u8).min_by_key(|&i| LEVELS[usize::from(i)].abs_diff(v)).unwrap_or(0);
    let [x, y, z] = rgb.map(level);
    let cube = distance([x, y, z].map(|i| LEVELS[usize::from(i)]));
    let mean = (u32::from(r) + u32::from(g) + u32::from(b)) / 3;
    let step = (mean.saturating_sub(3) / 10).min(23) as u8;
    if distance([8 + 10 * step; 3]) < cube {
        Color::Indexed(232 + step)
    } else {
        Color::Indexed(16 + 36 * x + 6 * y + z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_the_palette_stay_and_others_move_to_the_nearest() {
        assert_eq!(nearest(Color::Rgb(255, 0, 0), Depth::Indexed), Color::Indexed(196));
        assert_eq!(nearest(Color::Rgb(118, 118, 118), Depth::Indexed), Color::Indexed(243));
        assert_eq!(nearest(Color::Rgb(250, 250, 240), Depth::Named), Color::White);
        assert_eq!(nearest(Color::Reset, Depth::Named), Color::Reset);
        assert_eq!(nearest(Color::Rgb(1, 2, 3), Depth::True), nearest(Color::Rgb(1, 2, 3), Depth::True));
    }
}
