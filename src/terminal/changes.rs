//! What of a picture is no longer as it was: rectangles of cells.
//!
//! A terminal draws over whole cells without a seam, whatever the bands of its protocol are. Must not know how they are
//! drawn.

use image::RgbImage;
use ratatui::layout::Rect;

/// More rectangles than this are drawn faster as one picture.
const MOST: usize = 24;

/// The rectangles of cells of `cell` pixels in which two pictures of one size differ, none over another: each the smallest
/// around cells that touch. `None` where it is no less work to draw everything: they take half of it or more, or are many.
pub fn between(before: &RgbImage, after: &RgbImage, cell: (u32, u32)) -> Option<Vec<Rect>> {
    let (width, height) = after.dimensions();
    if before.dimensions() != (width, height) || width == 0 || height == 0 || cell.0 == 0 || cell.1 == 0 {
        return None;
    }
    let (columns, rows) = (width.div_ceil(cell.0) as usize, height.div_ceil(cell.1) as usize);
    let mut differ = vec![false; columns * rows];
    let line = width as usize * 3;
    let pairs = before.as_raw().chunks_exact(line).zip(after.as_raw().chunks_exact(line));
    for (y, (old, new)) in pairs.enumerate().filter(|(_, (old, new))| old != new) {
        let cells = &mut differ[y / cell.1 as usize * columns..][..columns];
        let parts = old.chunks(cell.0 as usize * 3).zip(new.chunks(cell.0 as usize * 3));
        cells.iter_mut().zip(parts).for_each(|(differs, (old, new))| *differs |= old != new);
    }
    let boxes = boxes(&mut differ, columns);
    let area: usize = boxes.iter().map(|area| area.area() as usize).sum();
    (boxes.len() <= MOST && area * 2 <= columns * rows).then_some(boxes)
}

/// Boxes around cells that touch, diagonally too; those that overlap are one.
fn boxes(marked: &mut [bool], columns: usize) -> Vec<Rect> {
    let rows = marked.len() / columns;
    let mut boxes: Vec<Rect> = Vec::new();
    let mut open = Vec::new();
    for start in 0..marked.len() {
        if !std::mem::take(&mut marked[start]) {
            continue;
        }
        open.push(start);
        let mut found = at(start, columns);
        while let Some(next) = open.pop() {
            let (x, y) = (next % columns, next / columns);
            found = found.union(at(next, columns));
            for y in y.saturating_sub(1)..(y + 2).min(rows) {
                for x in x.saturating_sub(1)..(x + 2).min(columns) {
                    if std::mem::take(&mut marked[y * columns + x]) {
                        open.push(y * columns + x);
                    }
                }
            }
        }
        // What it overlaps may reach into others.
        while let Some(over) = boxes.iter().position(|other| !other.intersection(found).is_empty()) {
            found = found.union(boxes.swap_remove(over));
        }
        boxes.push(found);
    }
    boxes
}

fn at(index: usize, columns: usize) -> Rect {
    Rect::new((index % columns) as u16, (index / columns) as u16, 1, 1)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn changed(places: &[(u32, u32)]) -> Option<Vec<Rect>> {
        let before = RgbImage::from_pixel(100, 95, Rgb([7; 3]));
        let mut after = before.clone();
        places.iter().for_each(|(x, y)| after.put_pixel(*x, *y, Rgb([8, 7, 7])));
        between(&before, &after, (10, 20))
    }

    #[test]
    fn a_pixel_changes_its_cell_and_cells_that_touch_are_one_box() {
        assert_eq!(changed(&[]), Some(vec![]));
        assert_eq!(changed(&[(9, 19), (10, 20)]), Some(vec![Rect::new(0, 0, 2, 2)]));
        assert_eq!(changed(&[(0, 0), (99, 94)]), Some(vec![Rect::new(0, 0, 1, 1), Rect::new(9, 4, 1, 1)]));
    }

    #[test]
    fn a_frame_is_the_box_around_it_with_what_lies_in_it() {
        let ring: Vec<(u32, u32)> = (0..5).flat_map(|cell| [(cell * 10, 0), (cell * 10, 50)]).collect();
        let sides = [(0, 25), (45, 25)];
        assert_eq!(changed(&[&ring[..], &sides, &[(25, 25)]].concat()), Some(vec![Rect::new(0, 0, 5, 3)]));
    }

    #[test]
    fn half_of_a_picture_or_another_size_is_drawn_whole() {
        assert_eq!(changed(&[(0, 0), (10, 10), (59, 94), (20, 30), (30, 50), (40, 70)]), None);
        let (a, b) = (RgbImage::new(10, 10), RgbImage::new(10, 11));
        assert_eq!(between(&a, &b, (5, 5)), None);
        let dots: Vec<(u32, u32)> =
            (0..5).flat_map(|x| (0..5).map(move |y| (x * 20, y * 20))).filter(|(_, y)| *y != 20).collect();
        assert_eq!(changed(&dots).map(|boxes| boxes.len()), Some(10));
    }
}
