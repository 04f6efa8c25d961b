//! A view as a command line and as a file name. Must not know how either is used.

use std::fmt::Write;
use std::path::Path;

use crate::app::state::State;
use crate::attribution::{MethodId, Of, Parameters};
use crate::look::Look;

/// A command line under construction.
pub struct Line(String);

impl Line {
    /// `lensor COMMAND`, on the current picture where the command is `of_picture`, and on the model.
    pub fn new(state: &State, command: &str, of_picture: bool) -> Self {
        let mut line = Self(format!("lensor {command}"));
        if of_picture {
            let _ = write!(line.0, " {}", quoted(&state.pictures[state.picture].argument));
        }
        if let Some(model) = &state.model_argument {
            line.word("--model", model);
        }
        state.model_flags.iter().for_each(|(flag, value)| line.word(flag, value));
        line
    }

    /// Adds what is no flag.
    pub fn argument(&mut self, value: &str) {
        let _ = write!(self.0, " {}", quoted(value));
    }

    /// Adds a flag with its value.
    pub fn word(&mut self, flag: &str, value: &str) {
        let _ = write!(self.0, " {flag} {}", quoted(value));
    }

    /// Adds a flag where its value `is` not what it usually `was`.
    pub fn changed(&mut self, flag: &str, is: &str, was: &str) {
        if is != was {
            self.word(flag, is);
        }
    }

    /// Adds what is unusual about how maps look.
    pub fn look(&mut self, state: &State) {
        let (look, usual) = (&state.look, Look::default());
        let mut changed = |flag: &str, is: String, was: String| self.changed(flag, &is, &was);
        changed("--aggregate", look.aggregate.to_string(), usual.aggregate.to_string());
        let clamp = |look: &Look| format!("{},{}", look.clamp.0, look.clamp.1);
        changed("--clamp", clamp(look), clamp(&usual));
        changed("--resample", look.resample.to_string(), usual.resample.to_string());
        changed("--sigma", look.sigma.to_string(), usual.sigma.to_string());
        changed("--colormap", look.colormap.to_string(), usual.colormap.to_string());
        changed("--opacity", look.opacity.to_string(), usual.opacity.to_string());
        changed("--blend", look.blend.to_string(), usual.blend.to_string());
        changed("--view", look.view.to_string(), usual.view.to_string());
    }

    /// Adds a flag without a value.
    pub fn flag(&mut self, flag: &str) {
        let _ = write!(self.0, " {flag}");
    }

    /// The line.
    pub fn finish(self) -> String {
        self.0
    }
}

/// The command that draws the same map from the same question.
pub fn explain(state: &State) -> String {
    let mut line = Line::new(state, "explain", true);
    let mut word = |flag: &str, value: &str| line.word(flag, value);
    let method = state.method();
    word("--method", method.name());
    if let Some(target) = state.target() {
        word("--target", &target.class.to_string());
        if target.of == Of::Probability {
            word("--of", "probability");
        }
    }
    if let (Some(layer), Some(facts)) = (state.layer(), state.facts()) {
        word("--layer", &facts.layers[layer].name);
    }
    let Parameters { steps, baseline, .. } = &state.parameters;
    if method == MethodId::IntegratedGradients {
        word("--steps", &steps.to_string());
        word("--baseline", baseline.name());
    }
    line.look(state);
    line.finish()
}

/// A file name for the view, without its ending: `zebra-grad-cam-layer4.1-zebra`.
pub fn file_name(state: &State) -> String {
    let name = &state.pictures[state.picture].name;
    let mut parts = vec![Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned()];
    parts.extend(super::of(state.tab).name_parts(state));
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
    parts.join("-").chars().map(plain).collect()
}

/// Method, layer and class of the map that is shown.
pub fn explained(state: &State) -> Vec<String> {
    let (Some(_), Some(facts)) = (state.values(), state.facts()) else { return Vec::new() };
    let layer = state.layer().map(|layer| facts.layers[layer].name.clone());
    let first_name = |class| facts.labels.name(class).split(',').next().unwrap_or_default().to_owned();
    let class = state.target().map(|target| first_name(target.class));
    [Some(state.method().name().to_owned()), layer, class].into_iter().flatten().collect()
}

/// A command about the unit under the cursor, or about its layer unless one unit fills the canvas.
pub fn of_unit(state: &State, command: &str, of_picture: bool) -> Line {
    let mut line = Line::new(state, command, of_picture);
    if let Some(named) = named(state) {
        line.word("--layer", &named);
    }
    line
}

/// What is shown of which layer or unit, for a file name.
pub fn unit_parts(state: &State, what: &str) -> Vec<String> {
    std::iter::once(what.to_owned()).chain(named(state)).collect()
}

/// The address of the unit, or the name of its layer.
fn named(state: &State) -> Option<String> {
    let layer = state.unit().map(|unit| unit.layer);
    match state.cursor.close {
        true => state.address(),
        false => Some(state.facts()?.layers[layer?].name.clone()),
    }
}

/// As a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("a/b-1.png"), "a/b-1.png");
        assert_eq!(quoted("my cat's.png"), "'my cat'\\''s.png'");
        assert_eq!(quoted(""), "''");
    }
}
