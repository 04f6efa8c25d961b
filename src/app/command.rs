//! The table of commands: what can be done, by which keys, and why not now.
//!
//! Keymap, hints, help and palette are all drawn from it. Must not know how a command is carried out.

use super::state::{Model, State, Tab};
use super::view;
use crate::attribution::MethodId;
use crate::jobs::Key;
use crate::model::output::Activation;

/// Something a person can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the table below says what each does")]
pub enum Command {
    PictureNext,
    PicturePrevious,
    PicturePick,
    MethodNext,
    MethodPrevious,
    MethodPick,
    LayerNext,
    LayerPrevious,
    LayerPick,
    ClassNext,
    ClassPrevious,
    ClassPick,
    ClassPredicted,
    ScoreToggle,
    StepNext,
    StepPrevious,
    StepFarNext,
    StepFarPrevious,
    StepFirst,
    StepLast,
    Play,
    TabPicture,
    TabExplain,
    TabPath,
    TabNext,
    ViewNext,
    ViewPrevious,
    OpacityUp,
    OpacityDown,
    ClampUp,
    ClampDown,
    SigmaUp,
    SigmaDown,
    ColormapNext,
    ColormapPrevious,
    ColormapPick,
    AggregateNext,
    AggregatePrevious,
    BlendNext,
    ResampleNext,
    BaselineNext,
    StepsMore,
    StepsFewer,
    Recompute,
    Cancel,
    Export,
    Yank,
    Help,
    Palette,
    GraphicsNext,
    ThemeNext,
    Redraw,
    Suspend,
    Interrupt,
    Quit,
    QuitNow,
    Back,
}

/// A line of the table.
#[derive(Debug)]
pub struct Entry {
    /// The command.
    pub command: Command,
    /// Its name in `keys.toml`.
    pub id: &'static str,
    /// What it does, in a few words.
    pub title: &'static str,
    /// Its keys by default.
    pub keys: &'static [&'static str],
}

const fn entry(command: Command, id: &'static str, title: &'static str, keys: &'static [&'static str]) -> Entry {
    Entry { command, id, title, keys }
}

/// Every command, in the order of the help; the part of a name before the dot is its group.
pub const TABLE: &[Entry] = &[
    entry(Command::TabPicture, "show.picture", "the picture, and what the network is fed", &["1"]),
    entry(Command::TabExplain, "show.explain", "why: the map of a method", &["7"]),
    entry(Command::TabPath, "show.path", "integrated gradients, step by step", &["8"]),
    entry(Command::TabNext, "show.next", "next view", &["Tab"]),
    entry(Command::PictureNext, "picture.next", "next picture", &["J", "Down"]),
    entry(Command::PicturePrevious, "picture.previous", "previous picture", &["K", "Up"]),
    entry(Command::PicturePick, "picture.pick", "pick a picture", &["g i"]),
    entry(Command::MethodNext, "method.next", "next method", &["m"]),
    entry(Command::MethodPrevious, "method.previous", "previous method", &["M"]),
    entry(Command::MethodPick, "method.pick", "pick a method", &["g m"]),
    entry(Command::LayerNext, "layer.next", "next layer", &["]", "PgDn"]),
    entry(Command::LayerPrevious, "layer.previous", "previous layer", &["[", "PgUp"]),
    entry(Command::LayerPick, "layer.pick", "pick a layer", &["g l"]),
    entry(Command::ClassNext, "class.next", "next class by probability", &["c"]),
    entry(Command::ClassPrevious, "class.previous", "previous class", &["C"]),
    entry(Command::ClassPick, "class.pick", "pick a class", &["g c", "/"]),
    entry(Command::ClassPredicted, "class.predicted", "back to the predicted class", &["g 0"]),
    entry(Command::ScoreToggle, "class.score", "explain the logit or the probability", &["t"]),
    entry(Command::StepNext, "step.next", "step forward along the strip (α in Path)", &["Right", "l"]),
    entry(Command::StepPrevious, "step.previous", "step back", &["Left", "h"]),
    entry(Command::StepFarNext, "step.far-next", "a tenth forward", &["Shift-Right"]),
    entry(Command::StepFarPrevious, "step.far-previous", "a tenth back", &["Shift-Left"]),
    entry(Command::StepFirst, "step.first", "first (α = 0)", &["Home"]),
    entry(Command::StepLast, "step.last", "last (α = 1)", &["End"]),
    entry(Command::Play, "step.play", "play or pause α", &["Space"]),
    entry(Command::ViewNext, "look.view", "overlay, map, side by side, picture", &["o"]),
    entry(Command::ViewPrevious, "look.view-back", "the same, backwards", &["O"]),
    entry(Command::OpacityUp, "look.opacity-up", "more opaque", &[")"]),
    entry(Command::OpacityDown, "look.opacity-down", "less opaque", &["("]),
    entry(Command::ClampUp, "look.clamp-up", "clamp fewer outliers", &["}"]),
    entry(Command::ClampDown, "look.clamp-down", "clamp more outliers", &["{"]),
    entry(Command::SigmaUp, "look.sigma-up", "blur more", &["s"]),
    entry(Command::SigmaDown, "look.sigma-down", "blur less", &["S"]),
    entry(Command::ColormapNext, "look.colormap", "next colormap", &["v"]),
    entry(Command::ColormapPrevious, "look.colormap-back", "previous colormap", &["V"]),
    entry(Command::ColormapPick, "look.colormap-pick", "pick a colormap", &["z c"]),
    entry(Command::AggregateNext, "look.aggregate", "next way to join the channels", &["r"]),
    entry(Command::AggregatePrevious, "look.aggregate-back", "previous way to join the channels", &["R"]),
    entry(Command::BlendNext, "look.blend", "opacity everywhere, or by strength", &["z b"]),
    entry(Command::ResampleNext, "look.resample", "smooth layer maps, or their cells", &["z n"]),
    entry(Command::BaselineNext, "path.baseline", "next baseline", &["b"]),
    entry(Command::StepsMore, "path.more", "more steps", &["+"]),
    entry(Command::StepsFewer, "path.fewer", "fewer steps", &["-"]),
    entry(Command::Recompute, "job.run", "compute again", &["Enter"]),
    entry(Command::Cancel, "job.cancel", "cancel what runs; what is done stays", &["X"]),
    entry(Command::Export, "file.export", "save the view as PNG", &["e"]),
    entry(Command::Yank, "file.yank", "copy the command that makes this view", &["y"]),
    entry(Command::Palette, "app.palette", "find a command", &[":"]),
    entry(Command::Help, "app.help", "all keys", &["?", "F1"]),
    entry(Command::GraphicsNext, "app.graphics", "next way of drawing pictures", &["g p"]),
    entry(Command::ThemeNext, "app.theme", "next theme", &["g t"]),
    entry(Command::Redraw, "app.redraw", "draw everything anew", &["Ctrl-l"]),
    entry(Command::Suspend, "app.suspend", "stop; fg continues", &["Ctrl-z"]),
    entry(Command::Interrupt, "app.interrupt", "cancel what runs, or quit", &["Ctrl-c"]),
    entry(Command::Back, "app.back", "close what is open", &["Esc"]),
    entry(Command::Quit, "app.quit", "quit", &["q"]),
    entry(Command::QuitNow, "app.quit-now", "quit without asking", &["Q"]),
];

impl Command {
    /// Its line of the table.
    pub fn entry(self) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.command == self)
    }

    /// Whether it does anything now; if not, why.
    pub fn enabled(self, state: &State) -> Result<(), String> {
        view::of(state.tab).enabled(state, self)
    }

    /// Whether it does anything now in a view that has no say in it.
    pub(super) fn usually_enabled(self, state: &State) -> Result<(), String> {
        let no = |why: &str| Err(why.to_owned());
        let method = state.method();
        match self {
            Self::PictureNext | Self::PicturePrevious | Self::PicturePick if state.pictures.len() < 2 => {
                no("there is only one picture")
            }
            Self::LayerNext | Self::LayerPrevious | Self::LayerPick if method != MethodId::GradCam => {
                Err(format!("{} has no layer; Grad-CAM has (m)", method.title()))
            }
            Self::LayerNext | Self::LayerPrevious | Self::LayerPick | Self::ClassPick if state.facts().is_none() => {
                no("the model is not open yet")
            }
            Self::ClassNext | Self::ClassPrevious | Self::ClassPredicted | Self::ScoreToggle
                if state.seen().is_none() =>
            {
                no("there is no prediction yet")
            }
            Self::ScoreToggle if method == MethodId::Cam => no("CAM explains the logit"),
            Self::ScoreToggle if state.facts().is_some_and(|facts| facts.activation == Activation::None) => {
                no("the network gives no probabilities")
            }
            Self::AggregateNext | Self::AggregatePrevious
                if matches!(method, MethodId::Cam | MethodId::GradCam) && state.tab != Tab::Path =>
            {
                Err(format!("{} has no channels to join", method.title()))
            }
            Self::ResampleNext if !matches!(method, MethodId::Cam | MethodId::GradCam) => {
                Err(format!("{} is at the picture's resolution already", method.title()))
            }
            Self::BaselineNext | Self::StepsMore | Self::StepsFewer if method != MethodId::IntegratedGradients => {
                Err(format!("{} has no path; integrated gradients has (8)", method.title()))
            }
            Self::Play if state.tab != Tab::Path => no("α is played in Path (8)"),
            Self::Play if state.path().is_none() => no("the path is not computed yet"),
            Self::Cancel if state.running.is_none() => no("nothing runs"),
            Self::Cancel if matches!(state.running.as_ref().map(|r| &r.key), Some(Key::Open)) => {
                no("the model is being opened; q quits")
            }
            Self::Recompute if matches!(state.model, Model::Opening { .. }) => no("the model is being opened"),
            Self::Export if view::of(state.tab).subject(state).is_none() => no("there is nothing to save yet"),
            Self::Yank if state.seen().is_none() => no("there is no prediction yet"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{Keymap, sequence};

    #[test]
    fn names_are_unique_and_default_keys_do_not_clash() {
        let (_, errors) = Keymap::new(TABLE.iter().map(|e| (e.command, e.id, e.keys)), None);
        assert!(errors.is_empty(), "{errors:?}");
        for (at, entry) in TABLE.iter().enumerate() {
            assert!(
                TABLE[..at].iter().all(|other| other.id != entry.id && other.command != entry.command),
                "{}",
                entry.id
            );
            assert!(entry.keys.iter().all(|key| sequence(key).is_ok()));
        }
    }
}
