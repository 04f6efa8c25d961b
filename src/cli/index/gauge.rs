//! Progress of an index on stderr: a bar on a terminal, a line now and then elsewhere.

use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::say;
use crate::index::run::Progress;

/// How often a line is printed where there is no terminal.
const LINES: Duration = Duration::from_secs(30);

/// Shows how far a run is.
pub struct Gauge {
    bar: ProgressBar,
    said: Instant,
}

impl Gauge {
    /// Shows nothing yet.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        let template = "{spinner} {wide_bar} {percent:>3} %  {msg} ";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, said: Instant::now() }
    }

    /// Shows it.
    pub fn show(&mut self, progress: &Progress) {
        let looked = progress.done + progress.broken + progress.passed;
        self.bar.set_length(progress.found.max(looked) as u64);
        self.bar.set_position(looked as u64);
        self.bar.set_message(line(progress));
        if self.bar.is_hidden() && self.said.elapsed() >= LINES {
            say(&line(progress));
            self.said = Instant::now();
        }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// `1,234 of 50,000 pictures, 71.2 a second, 11 minutes left`.
fn line(progress: &Progress) -> String {
    let looked = progress.done + progress.broken + progress.passed;
    let least = if progress.listed { "" } else { "at least " };
    let found = HumanCount(progress.found.max(looked) as u64);
    let mut line = format!("{} of {least}{found} pictures, {:.1} a second", HumanCount(looked as u64), progress.rate);
    if let Some(left) = progress.left {
        line += &format!(", {} left", HumanDuration(left));
    }
    if progress.broken > 0 {
        line += &format!(", {} broken", HumanCount(progress.broken as u64));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long_still() {
        let progress = Progress { done: 1200, passed: 34, found: 50_000, rate: 71.23, ..Progress::default() };
        assert_eq!(line(&progress), "1,234 of at least 50,000 pictures, 71.2 a second");
        let listed = Progress { listed: true, left: Some(Duration::from_secs(660)), broken: 2, ..progress };
        assert_eq!(line(&listed), "1,236 of 50,000 pictures, 71.2 a second, 11 minutes left, 2 broken");
    }
}
