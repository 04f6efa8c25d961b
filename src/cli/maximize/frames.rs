//! The frames of a climb: many at the start, where much happens, fewer later.

use image::RgbImage;

use crate::terminal::picture::scale;

/// Most frames.
const FRAMES: usize = 64;

/// Longest side of a frame, pixels.
const LONGEST: u32 = 480;

/// What a climb looked like on its way.
pub struct Frames {
    wanted: bool,
    /// Steps after which a frame is kept, in order.
    at: Vec<usize>,
    kept: Vec<RgbImage>,
    last: usize,
}

impl Frames {
    /// Keeps frames of a climb of so many steps, if they are wanted.
    pub fn new(wanted: bool, steps: usize) -> Self {
        let share = |frame: usize| (frame as f64 / FRAMES as f64).powi(2) * steps as f64;
        let mut at: Vec<usize> = (1..=FRAMES).map(|frame| share(frame).ceil() as usize).collect();
        at.dedup();
        Self { wanted, at, kept: Vec::new(), last: 0 }
    }

    /// Keeps the picture after so many steps, if its time has come.
    pub fn see(&mut self, done: usize, paint: impl FnOnce() -> RgbImage) {
        if self.wanted && self.at.binary_search(&done).is_ok() {
            self.keep(done, paint());
        }
    }

    /// All frames, the last being the picture as it is now.
    pub fn finish(mut self, done: usize, paint: impl FnOnce() -> RgbImage) -> Vec<RgbImage> {
        if self.wanted && self.last != done {
            self.keep(done, paint());
        }
        self.kept
    }

    fn keep(&mut self, done: usize, picture: RgbImage) {
        let longest = picture.width().max(picture.height()).max(1);
        let side = |side: u32| (side * LONGEST / longest).max(1);
        let frame = match longest > LONGEST {
            true => scale(&picture, side(picture.width()), side(picture.height())),
            false => picture,
        };
        self.kept.push(frame);
        self.last = done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_close_at_first_and_the_last_is_there_even_after_a_cancel() {
        let mut frames = Frames::new(true, 512);
        (1..=100).for_each(|done| frames.see(done, || RgbImage::new(960, 480)));
        let seen = frames.kept.len();
        assert!((20..40).contains(&seen), "{seen}");
        let all = frames.finish(100, || RgbImage::new(960, 480));
        assert_eq!(all.len(), seen + usize::from(!Frames::new(true, 512).at.contains(&100)));
        assert_eq!(all[0].dimensions(), (480, 240));
        let mut unwanted = Frames::new(false, 8);
        unwanted.see(1, || unreachable!());
        assert!(unwanted.finish(1, || unreachable!()).is_empty());
        let mut short = Frames::new(true, 3);
        (1..=3).for_each(|done| short.see(done, || RgbImage::new(2, 2)));
        assert_eq!(short.finish(3, || unreachable!()).len(), 3);
    }
}
