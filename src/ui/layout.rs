//! Where the five parts of the frame lie for a size of the window. Must not know what is in them.

use ratatui::layout::{Rect, Size};

/// The smallest window that is of use.
pub const LEAST: Size = Size::new(50, 16);
/// Columns from which the panel stands beside the canvas.
const BESIDE: u16 = 76;
/// Rows from which there is a strip.
const STRIP: u16 = 28;
/// Rows of a panel that lies below the canvas.
const BELOW: u16 = 9;

/// The parts of the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Regions {
    /// Where am I; the views on the right.
    pub crumbs: Rect,
    /// The picture.
    pub canvas: Rect,
    /// Numbers and lists.
    pub panel: Rect,
    /// What is stepped through.
    pub strip: Option<Rect>,
    /// What can be done.
    pub hints: Rect,
    /// Device, protocol, job.
    pub status: Rect,
}

/// The parts for a window; `None` where it is smaller than [`LEAST`].
pub fn regions(size: Size) -> Option<Regions> {
    let Size { width, height } = size;
    if width < LEAST.width || height < LEAST.height {
        return None;
    }
    let row = |y| Rect::new(0, y, width, 1);
    let beside = width >= BESIDE;
    let strip_height = match height {
        _ if height < STRIP || (!beside && height < STRIP + BELOW) => 0,
        _ if height >= 44 => 9,
        _ if height >= 36 => 8,
        _ => 7,
    };
    let body = Rect::new(0, 1, width, height - 3 - strip_height);
    let strip = (strip_height > 0).then(|| Rect::new(0, body.bottom(), width, strip_height));
    let (canvas, panel) = if beside {
        let panel = (width * 38 / 100).clamp(37, 64);
        let canvas = Rect { width: width - panel, ..body };
        (canvas, Rect { x: canvas.right(), width: panel, ..body })
    } else {
        let below = BELOW.min(body.height / 2);
        let canvas = Rect { height: body.height - below, ..body };
        (canvas, Rect { y: canvas.bottom(), height: below, ..body })
    };
    Some(Regions { crumbs: row(0), canvas, panel, strip, hints: row(height - 2), status: row(height - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_window_without_overlap() {
        for (width, height) in [(50, 16), (75, 24), (80, 24), (76, 60), (60, 50), (120, 40), (200, 50), (500, 200)] {
            let r = regions(Size::new(width, height)).unwrap();
            let parts = [Some(r.crumbs), Some(r.canvas), Some(r.panel), r.strip, Some(r.hints), Some(r.status)];
            let parts: Vec<Rect> = parts.into_iter().flatten().collect();
            assert_eq!(parts.iter().map(|p| p.area()).sum::<u32>(), u32::from(width) * u32::from(height), "{width}");
            for (at, part) in parts.iter().enumerate() {
                assert!(parts[..at].iter().all(|other| other.intersection(*part).is_empty()), "{width} × {height}");
            }
        }
        assert!(regions(Size::new(49, 60)).is_none() && regions(Size::new(80, 15)).is_none());
    }

    #[test]
    fn a_narrow_window_folds_the_panel_below_and_then_hides_the_strip() {
        let narrow = regions(Size::new(60, 40)).unwrap();
        assert!(narrow.panel.y >= narrow.canvas.bottom() && narrow.strip.is_some());
        assert!(regions(Size::new(60, 30)).unwrap().strip.is_none());
        assert!(regions(Size::new(100, 30)).unwrap().strip.is_some());
    }
}
