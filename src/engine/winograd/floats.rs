//! Floats in memory as the cache reads it.

/// Floats of a line of the cache.
pub(super) const LINE: usize = 64 / size_of::<f32>();

/// Floats that begin with a line of the cache.
#[derive(Default)]
pub(super) struct Floats(Vec<f32>);

impl Floats {
    /// The first ones, more of them if there are too few.
    pub fn first(&mut self, count: usize) -> &mut [f32] {
        if self.0.len() < count + LINE {
            self.0.resize(count + LINE, 0.0);
        }
        let skipped = self.skipped();
        &mut self.0[skipped..][..count]
    }

    pub fn all(&self) -> &[f32] {
        self.0.get(self.skipped()..).unwrap_or_default()
    }

    fn skipped(&self) -> usize {
        self.0.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE)
    }
}
