//! The dice: one seeded stream per picture, and the few ways in which scenes draw from it.

use crate::paint::{Color, srgb};
use glam::Vec3;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A repeatable source of choices.
pub struct Chance(ChaCha8Rng);

impl Chance {
    /// The stream of one picture: `seed` for the whole set, `index` for the picture in it.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(index);
        Self(rng)
    }

    /// Uniform in `low..high`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Uniform in `0..count`; `count` must not be 0.
    pub fn below(&mut self, count: usize) -> usize {
        self.0.random_range(0..count as u64) as usize
    }

    /// True with this probability.
    pub fn odds(&mut self, probability: f32) -> bool {
        self.0.random::<f32>() < probability
    }

    /// One of the choices, which must not be empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of the sRGB colours, a little changed in brightness and hue.
    pub fn color(&mut self, choices: &[u32]) -> Color {
        let color = srgb(self.pick(choices));
        let tint = Vec3::new(self.range(0.85, 1.15), self.range(0.88, 1.12), self.range(0.85, 1.15));
        (color * tint * self.range(0.75, 1.2)).clamp(Vec3::splat(0.004), Vec3::splat(0.95))
    }

    /// Approximately normal, mean 0 and standard deviation 1.
    pub fn normal(&mut self) -> f32 {
        (0..6).map(|_| self.range(-1.0, 1.0)).sum::<f32>() * 0.707
    }
}
