//! Subjects side by side in one picture, for a terminal that keeps few pictures.
//!
//! Must not know what they show, nor which terminal that is.

use image::{Rgb, RgbImage, imageops};

use super::subject::{Scale, Subject};

/// Subjects on one ground.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Each with its left and top edge, width and height, pixels.
    pub parts: Vec<([u32; 4], Subject)>,
    /// Width and height of the whole, pixels.
    pub size: (u32, u32),
    /// The colour between them.
    pub ground: [u8; 3],
}

impl Row {
    /// Paints it at its size.
    pub fn paint(&self, scale: Scale<'_>) -> RgbImage {
        let mut whole = RgbImage::from_pixel(self.size.0, self.size.1, Rgb(self.ground));
        for ([x, y, width, height], subject) in &self.parts {
            let painted = subject.paint((*width, *height), scale).pixels;
            let part = scale(&painted, *width, *height);
            imageops::replace(&mut whole, part.as_ref(), i64::from(*x), i64::from(*y));
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::picture::Picture;

    #[test]
    fn each_fills_its_place_and_the_ground_lies_between() {
        let photo = |level| Subject::Photo(Arc::new(Picture::opaque("p", RgbImage::from_pixel(4, 4, Rgb([level; 3])))));
        let parts = vec![([0, 1, 2, 2], photo(50)), ([5, 0, 3, 3], photo(90))];
        let row = Row { parts, size: (8, 3), ground: [7; 3] };
        let painted = row.paint(&mut |picture, w, h| Arc::new(crate::terminal::picture::scale(picture, w, h)));
        let lines: Vec<Vec<u8>> = painted.rows().map(|row| row.map(|pixel| pixel.0[0]).collect()).collect();
        assert_eq!(lines, [[7, 7, 7, 7, 7, 90, 90, 90], [50, 50, 7, 7, 7, 90, 90, 90], [50, 50, 7, 7, 7, 90, 90, 90]]);
    }
}
