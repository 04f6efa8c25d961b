//! How far a job is: rate and time left. Must not know what is done.

use std::time::Duration;

/// Progress of a job with steps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub done: usize,
    /// Steps there are; 0 where that is not known.
    pub total: usize,
    /// Time since the start.
    pub elapsed: Duration,
}

impl Progress {
    /// Fraction done, where the total is known.
    pub fn fraction(&self) -> Option<f64> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0))
    }

    /// Steps per second, once there has been one.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.elapsed.as_secs_f64();
        (self.done > 0 && seconds > 0.0).then(|| self.done as f64 / seconds)
    }

    /// Seconds left at the rate so far.
    pub fn left(&self) -> Option<f64> {
        self.rate().filter(|_| self.total > 0).map(|rate| self.total.saturating_sub(self.done) as f64 / rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_and_time_left_follow_from_what_is_done() {
        let progress = Progress { done: 20, total: 50, elapsed: Duration::from_secs(4) };
        assert_eq!((progress.fraction(), progress.rate(), progress.left()), (Some(0.4), Some(5.0), Some(6.0)));
        let unknown = Progress { done: 0, total: 0, elapsed: Duration::from_secs(4) };
        assert_eq!((unknown.fraction(), unknown.rate(), unknown.left()), (None, None, None));
    }
}
