//! Text in cells: clipped to its width, aligned, wrapped. Must not know what the text is about.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text, or as much of it as fits with `…` at its end.
pub fn clip(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut clipped = String::new();
    for character in text.chars() {
        if clipped.width() + character.width().unwrap_or(0) + 1 > width {
            break;
        }
        clipped.push(character);
    }
    if width > 0 {
        clipped.push('…');
    }
    clipped
}

/// The text, or as much of its end as fits after `…`: where the end tells more than the beginning.
pub fn clip_front(text: &str, width: usize) -> String {
    let backwards = |text: &str| text.chars().rev().collect::<String>();
    backwards(&clip(&backwards(text), width))
}

/// The first of some ways to say something that fits, or else the last.
pub fn fitting(ways: &[String], width: usize) -> &str {
    ways.iter().find(|way| way.width() <= width).or(ways.last()).map_or("", String::as_str)
}

/// As many of the parts as there is room for, the first at any rate.
pub fn parts(parts: &[String], width: usize) -> String {
    let joined = |count: usize| parts[..count].join(" · ");
    let fitting = (1..=parts.len()).rev().map(joined).find(|text| text.width() <= width);
    fitting.unwrap_or_else(|| clip(parts.first().map_or("", String::as_str), width))
}

/// Writes at the left of the area's first row and returns the columns used.
pub fn left(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let text = clip(text, usize::from(area.width));
    if area.height > 0 {
        buffer.set_string(area.x, area.y, &text, style);
    }
    text.width() as u16
}

/// Writes at the right of the area's first row and returns the columns used.
pub fn right(buffer: &mut Buffer, area: Rect, text: &str, style: Style) -> u16 {
    let text = clip(text, usize::from(area.width));
    let width = text.width() as u16;
    if area.height > 0 {
        buffer.set_string(area.right().saturating_sub(width), area.y, &text, style);
    }
    width
}

/// Writes in the middle of the area's first row.
pub fn centred(buffer: &mut Buffer, area: Rect, text: &str, style: Style) {
    let text = clip(text, usize::from(area.width));
    let x = area.x + (area.width - (text.width() as u16).min(area.width)) / 2;
    if area.height > 0 {
        buffer.set_string(x, area.y, &text, style);
    }
}

/// Breaks text into lines of at most this width, at spaces where there are any.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let mut word = word;
            if !line.is_empty() && line.width() + 1 + word.width() > width {
                lines.push(std::mem::take(&mut line));
            } else if !line.is_empty() {
                line.push(' ');
            }
            // A word that is longer than a line, such as a path.
            while word.width() > width && width > 0 {
                let room = width - line.width();
                let end = word.char_indices().nth(room).map_or(word.len(), |(at, _)| at);
                line.push_str(&word[..end]);
                lines.push(std::mem::take(&mut line));
                word = &word[end..];
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines
}

/// The first of a class's names: `zebra` of "zebra, Equus burchelli".
pub fn first_name(label: &str) -> &str {
    label.split(',').next().unwrap_or(label).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_clipped_by_width_not_by_bytes() {
        assert_eq!(clip("αβγδ", 4), "αβγδ");
        assert_eq!(clip("αβγδε", 4), "αβγ…");
        assert_eq!(clip("日本語", 4), "日…");
        assert_eq!(clip("abc", 0), "");
        assert_eq!(clip_front("n023_zebra", 7), "…_zebra");
    }

    #[test]
    fn what_fits_is_said_the_longest_way() {
        let ways = ["at row 3, column 5", "at (3, 5)"].map(str::to_owned);
        assert_eq!([18, 17, 3].map(|width| fitting(&ways, width)), [&*ways[0], &ways[1], &ways[1]]);
    }

    #[test]
    fn what_matters_least_goes_first() {
        let all = ["64 filters", "in colours", "page 1 of 2"].map(str::to_owned);
        assert_eq!(parts(&all, 40), "64 filters · in colours · page 1 of 2");
        assert_eq!(parts(&all, 36), "64 filters · in colours");
        assert_eq!((parts(&all, 7), parts(&[], 7)), ("64 fil…".to_owned(), String::new()));
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_inside_long_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("a\nb", 7), ["a", "b"]);
        assert_eq!(wrap("no /a/very/long/path", 8), ["no", "/a/very/", "long/pat", "h"]);
    }
}
