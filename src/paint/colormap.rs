//! Tables of colours: 256 per [`Colormap`], made once.

use std::sync::LazyLock;

use colorgrad::{Gradient, preset};

use crate::look::Colormap;

/// 256 RGB colours from the low end to the high end.
pub type Lut = [[u8; 3]; 256];

/// The colours of a colormap.
pub fn lut(colormap: Colormap) -> &'static Lut {
    static TABLES: LazyLock<Vec<Lut>> = LazyLock::new(|| Colormap::ALL.iter().map(|each| table(*each)).collect());
    &TABLES[colormap as usize]
}

/// The place in a table of a position, 0 to 1; `None` for NaN. In a diverging colormap 0.5 is the middle.
pub fn place(position: f32) -> Option<usize> {
    // The cast rounds down and stays inside 0..=255; rounding first would cost more than all the rest.
    (!position.is_nan()).then(|| usize::from((position * 255.0 + 0.5) as u8))
}

/// The colour at a position, 0 to 1; `None` for NaN.
pub fn colour(lut: &Lut, position: f32) -> Option<[u8; 3]> {
    place(position).map(|place| lut[place])
}

fn table(colormap: Colormap) -> Lut {
    match colormap {
        Colormap::Viridis => sample(&preset::viridis(), false),
        Colormap::Magma => sample(&preset::magma(), false),
        Colormap::Inferno => sample(&preset::inferno(), false),
        Colormap::Plasma => sample(&preset::plasma(), false),
        Colormap::Cividis => sample(&preset::cividis(), false),
        Colormap::Grey => std::array::from_fn(|level| [level as u8; 3]),
        Colormap::Turbo => sample(&preset::turbo(), false),
        // ColorBrewer's RdBu and PuOr begin with the warm end; here warm means positive.
        Colormap::BlueRed => sample(&preset::rd_bu(), true),
        Colormap::RedBlue => sample(&preset::rd_bu(), false),
        Colormap::PurpleOrange => sample(&preset::pu_or(), false),
    }
}

fn sample(gradient: &dyn Gradient, reversed: bool) -> Lut {
    std::array::from_fn(|level| {
        let position = level as f32 / 255.0;
        let [r, g, b, _] = gradient.at(if reversed { 1.0 - position } else { position }).to_rgba8();
        [r, g, b]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lightness([r, g, b]: [u8; 3]) -> f32 {
        let linear = |level: u8| (f32::from(level) / 255.0).powf(2.2);
        (0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)).cbrt()
    }

    #[test]
    fn even_colormaps_get_lighter_all_the_way() {
        for colormap in Colormap::ALL.iter().filter(|each| each.is_even() && !each.is_diverging()) {
            let lut = lut(*colormap);
            assert!(lut.windows(16).all(|w| lightness(w[15]) > lightness(w[0])), "{colormap}");
        }
        let turbo = lut(Colormap::Turbo);
        assert!(lightness(turbo[255]) < lightness(turbo[128]));
    }

    #[test]
    fn diverging_colormaps_are_lightest_at_zero_and_warm_on_one_side() {
        for colormap in Colormap::ALL.iter().filter(|each| each.is_diverging()) {
            let lut = lut(*colormap);
            let (low, middle, high) = (lut[0], lut[128], lut[255]);
            assert!(lightness(middle) > lightness(low) && lightness(middle) > lightness(high), "{colormap}");
            let (cold, warm) = if *colormap == Colormap::RedBlue { (high, low) } else { (low, high) };
            assert!(cold[2] > cold[0] && warm[0] > warm[2], "{colormap}: {low:?} {high:?}");
        }
    }

    #[test]
    fn positions_meet_the_ends_and_nan_has_no_colour() {
        let lut = lut(Colormap::Grey);
        assert_eq!(colour(lut, 0.0), Some([0; 3]));
        assert_eq!(colour(lut, 1.0), Some([255; 3]));
        assert_eq!(colour(lut, f32::NAN), None);
    }
}
