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
    RowNext,
    RowPrevious,
    RowFarNext,
    RowFarPrevious,
    PageNext,
    PagePrevious,
    StepFirst,
    StepLast,
    Play,
    UnitPick,
    UnitCopy,
    ChannelNext,
    ChannelPrevious,
    InputNext,
    InputPrevious,
    Freeze,
    SideToggle,
    OrderNext,
    OrderPrevious,
    ContrastNext,
    GroupToggle,
    IndexToggle,
    PeakNext,
    PeakPrevious,
    SeedNext,
    SeedPrevious,
    WalkBack,
    CircuitOfClass,
    TabPicture,
    TabFilters,
    TabMaps,
    TabExamples,
    TabMaximise,
    TabCircuits,
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
    entry(Command::TabFilters, "show.filters", "the filters of a convolution", &["2"]),
    entry(Command::TabMaps, "show.maps", "the feature maps of a layer", &["3"]),
    entry(Command::TabExamples, "show.examples", "the pictures that excite a unit most", &["4"]),
    entry(Command::TabMaximise, "show.maximise", "what a unit looks for", &["5"]),
    entry(Command::TabCircuits, "show.circuits", "what excites and inhibits a unit", &["6"]),
    entry(Command::TabExplain, "show.explain", "why: the map of a method", &["7"]),
    entry(Command::TabPath, "show.path", "integrated gradients, step by step", &["8"]),
    entry(Command::TabNext, "show.next", "next view", &["Tab"]),
    entry(Command::PictureNext, "picture.next", "next picture", &["J"]),
    entry(Command::PicturePrevious, "picture.previous", "previous picture", &["K"]),
    entry(Command::PicturePick, "picture.pick", "pick a picture", &["g i"]),
    entry(Command::MethodNext, "method.next", "next method", &["m"]),
    entry(Command::MethodPrevious, "method.previous", "previous method", &["M"]),
    entry(Command::MethodPick, "method.pick", "pick a method", &["g m"]),
    entry(Command::LayerNext, "layer.next", "next layer", &["]"]),
    entry(Command::LayerPrevious, "layer.previous", "previous layer", &["["]),
    entry(Command::LayerPick, "layer.pick", "pick a layer", &["g l"]),
    entry(Command::ClassNext, "class.next", "next class by probability", &["c"]),
    entry(Command::ClassPrevious, "class.previous", "previous class", &["C"]),
    entry(Command::ClassPick, "class.pick", "pick a class", &["g c", "/"]),
    entry(Command::ClassPredicted, "class.predicted", "back to the predicted class", &["g 0"]),
    entry(Command::ScoreToggle, "class.score", "explain the logit or the probability", &["t"]),
    entry(Command::StepNext, "step.next", "step forward (α in Path, channels in 2 to 6)", &["Right", "l"]),
    entry(Command::StepPrevious, "step.previous", "step back", &["Left", "h"]),
    entry(Command::StepFarNext, "step.far-next", "a greater step forward", &["Shift-Right"]),
    entry(Command::StepFarPrevious, "step.far-previous", "a greater step back", &["Shift-Left"]),
    entry(Command::RowNext, "step.down", "a row down, or the next picture", &["Down", "j"]),
    entry(Command::RowPrevious, "step.up", "a row up, or the previous picture", &["Up", "k"]),
    entry(Command::RowFarNext, "step.far-down", "rows down", &["Shift-Down"]),
    entry(Command::RowFarPrevious, "step.far-up", "rows up", &["Shift-Up"]),
    entry(Command::PageNext, "step.page-down", "a page down, or the next layer", &["PgDn"]),
    entry(Command::PagePrevious, "step.page-up", "a page up, or the previous layer", &["PgUp"]),
    entry(Command::StepFirst, "step.first", "first (α = 0)", &["Home"]),
    entry(Command::StepLast, "step.last", "last (α = 1)", &["End"]),
    entry(Command::Play, "step.play", "play or pause α", &["Space"]),
    entry(Command::UnitPick, "unit.pick", "go to a unit by its address", &["g u"]),
    entry(Command::UnitCopy, "unit.copy", "copy the address of the unit", &["Y"]),
    entry(Command::ChannelNext, "unit.next", "next channel", &["."]),
    entry(Command::ChannelPrevious, "unit.previous", "previous channel", &[","]),
    entry(Command::InputNext, "unit.input", "filters: next input alone, or all of them", &["p"]),
    entry(Command::InputPrevious, "unit.input-back", "filters: previous input alone", &["P"]),
    entry(Command::Freeze, "unit.freeze", "freeze the unit: its gradient at every layer before it", &["d"]),
    entry(Command::SideToggle, "unit.side", "before or after the activation", &["a"]),
    entry(Command::OrderNext, "unit.order", "order: index, mean, max, zeros, similarity", &["u"]),
    entry(Command::OrderPrevious, "unit.order-back", "the same, backwards", &["U"]),
    entry(Command::ContrastNext, "unit.contrast", "colours by each tile's range, or by that of all", &["w"]),
    entry(Command::GroupToggle, "examples.kinds", "top pictures by rank, or by kind", &["G"]),
    entry(Command::IndexToggle, "examples.index", "make the index of the folder, or stop making it", &["i"]),
    entry(Command::PeakNext, "climb.peak", "climb the channel, a neuron, the class, the layer", &["f"]),
    entry(Command::PeakPrevious, "climb.peak-back", "the same, backwards", &["F"]),
    entry(Command::SeedNext, "climb.seed", "climb from the next seed", &["n"]),
    entry(Command::SeedPrevious, "climb.seed-back", "climb from the seed before", &["N"]),
    entry(Command::WalkBack, "unit.back", "back along the walk through circuits", &["Backspace"]),
    entry(Command::CircuitOfClass, "unit.class", "the circuit of the class's logit", &["g h"]),
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
    entry(Command::Recompute, "job.run", "look closer, and back; compute again", &["Enter"]),
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
        let of_unit = view::of(state.tab).unit_layers(state).map(|_| state.unit());
        match self {
            Self::LayerNext | Self::LayerPrevious | Self::LayerPick | Self::PageNext | Self::PagePrevious
                if matches!(of_unit, Some(Some(_))) =>
            {
                Ok(())
            }
            Self::UnitPick | Self::UnitCopy | Self::ContrastNext | Self::ChannelNext | Self::ChannelPrevious
                if of_unit.is_none() =>
            {
                no("this is no view of units; 2 to 6 are")
            }
            Self::UnitPick | Self::UnitCopy if of_unit == Some(None) => no("the model is not open yet"),
            Self::WalkBack | Self::CircuitOfClass => no("circuits have it (6)"),
            Self::RowFarNext | Self::RowFarPrevious if of_unit.is_none() => no("there are no rows here"),
            Self::RowNext | Self::RowPrevious if of_unit.is_none() && state.pictures.len() < 2 => {
                no("there is only one picture")
            }
            Self::GroupToggle if state.tab != Tab::Examples => no("top pictures are in Examples (4)"),
            Self::IndexToggle if of_unit.is_none() => no("views of units show what comes of it (2 to 6)"),
            Self::ViewNext | Self::ViewPrevious | Self::OrderNext | Self::OrderPrevious
                if state.tab == Tab::Examples =>
            {
                Ok(())
            }
            Self::SideToggle | Self::OrderNext | Self::OrderPrevious | Self::Freeze if state.tab != Tab::Maps => {
                no("feature maps have it (3)")
            }
            Self::PeakNext | Self::PeakPrevious | Self::SeedNext | Self::SeedPrevious if state.tab != Tab::Maximise => {
                no("nothing is climbed here; 5 climbs")
            }
            Self::InputNext | Self::InputPrevious if state.tab != Tab::Filters => no("filters have it (2)"),
            Self::InputNext | Self::InputPrevious if state.filters().is_none_or(|filters| filters.inputs() < 2) => {
                no("these filters have one input")
            }
            Self::PictureNext | Self::PicturePrevious | Self::PicturePick if state.pictures.len() < 2 => {
                no("there is only one picture")
            }
            Self::LayerNext | Self::LayerPrevious | Self::LayerPick | Self::PageNext | Self::PagePrevious
                if method != MethodId::GradCam =>
            {
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
