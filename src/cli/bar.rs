//! The bar on stderr while pictures are explained: which one, how far, how fast, how long still.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;

/// Parts into which one picture's work is divided.
const UNITS: u64 = 1000;

/// A bar over all pictures of a run, hidden where stderr is no terminal.
pub struct Bar(ProgressBar);

impl Bar {
    /// A bar for so many pictures; `quiet` hides it on a terminal too.
    pub fn new(pictures: usize, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(pictures as u64 * UNITS), target);
        let template = "{spinner} {msg:24!} {wide_bar} {percent:>3} %  {elapsed} gone, {eta} left ";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// A bar for so many steps of one job, with their rate.
    pub fn steps(total: usize, job: &str, quiet: bool) -> Self {
        Self::of_job(total, job, quiet, "{spinner} {msg} {wide_bar} {pos}/{len}, {per_sec}, {eta} left ")
    }

    /// A bar for a job in so many parts that mean nothing to people.
    pub fn parts(total: usize, job: &str, quiet: bool) -> Self {
        Self::of_job(total, job, quiet, "{spinner} {msg} {wide_bar} {percent:>3} %  {elapsed} gone, {eta} left ")
    }

    fn of_job(total: usize, job: &str, quiet: bool, template: &str) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(total as u64), target).with_message(job.to_owned());
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    /// A line that says how far the job is, where there is no bar because stderr is no terminal.
    pub fn line(&self, text: &str) {
        if !std::io::stderr().is_terminal() {
            say(text);
        }
    }

    /// Says how many steps of one job are done.
    pub fn done(&self, done: usize) {
        self.0.set_position(done as u64);
    }

    /// Says that `picture` is being worked on, `done` of `total` steps done.
    pub fn step(&self, index: usize, picture: &str, done: usize, total: usize) {
        self.0.set_message(picture.to_owned());
        let part = (done as u64 * UNITS).checked_div(total as u64).unwrap_or(0);
        self.0.set_position(index as u64 * UNITS + part.min(UNITS));
    }

    /// Prints something without tearing the bar.
    pub fn while_hidden<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
