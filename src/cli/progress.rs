//! Progress on stderr: a bar on a terminal, a line for each new step elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::say;

/// Shows what takes long while getting ONNX Runtime; nothing is shown before the first report, nor left on a terminal
/// after the last.
pub struct Progress {
    bar: ProgressBar,
    /// The last step said where there is no terminal, up to its first colon.
    said: String,
}

impl Progress {
    /// Shows nothing yet.
    pub fn new() -> Self {
        Self { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()), said: String::new() }
    }

    /// Takes one report: what is going on, and the done fraction where it is known.
    pub fn report(&mut self, text: &str, done: Option<f32>) {
        let step = text.split(':').next().unwrap_or_default();
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.bar.enable_steady_tick(Duration::from_millis(100));
        }
        // Still hidden: stderr is no terminal.
        if self.bar.is_hidden() && step != self.said {
            say(step);
            self.said = step.to_owned();
        }
        let template = if done.is_some() { "{spinner} {bar:24} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
        if let Some(done) = done {
            self.bar.set_length(1000);
            self.bar.set_position((done.clamp(0.0, 1.0) * 1000.0) as u64);
        }
        self.bar.set_message(text.to_owned());
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
