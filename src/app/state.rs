//! Everything the screen shows and the keys change.
//!
//! Owns the state and what can be read off it. Must not change itself: [`super::update`](mod@super::update) does.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ratatui::layout::Size;
use ratatui::style::Color;

use super::picker::Picker;
use crate::app::command::{Command, TABLE};
use crate::attribution::{MethodId, Of, Parameters, Target};
use crate::config::keys::{Key as Press, Keymap};
use crate::config::theme::{Theme, Themes};
use crate::jobs::cache::Cache;
use crate::jobs::painter::Order;
use crate::jobs::progress::Progress;
use crate::jobs::subject::Subject;
use crate::jobs::{Facts, Key, Outcome, Seen};
use crate::look::Look;
use crate::map::Map;
use crate::model::layers::Kind;
use crate::model::picture::Picture;
use crate::terminal::picture::{Encoded, Encoding};

mod answers;
mod climb;
mod examples;
mod unit;
mod walk;

pub use climb::{Climbing, Peak};
pub use examples::{Examples, Making, in_rows};
pub use unit::{Cursor, Tally};
pub use walk::Walk;

/// Bytes of results that are kept.
const CACHE: usize = 512 << 20;

/// The views, by their digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tab {
    /// 1: the picture and what the network is fed.
    Picture,
    /// 2: the filters of a convolution.
    Filters,
    /// 3: the feature maps of a layer.
    Maps,
    /// 4: the pictures that excite a unit most.
    Examples,
    /// 5: what a unit looks for.
    Maximise,
    /// 6: which channels excite and inhibit a unit.
    Circuits,
    /// 7: the map of a method.
    Explain,
    /// 8: integrated gradients step by step.
    Path,
}

impl Tab {
    /// Every view with its digit and name.
    pub const ALL: [(Self, char, &'static str); 8] = [
        (Self::Picture, '1', "Picture"),
        (Self::Filters, '2', "Filters"),
        (Self::Maps, '3', "Maps"),
        (Self::Examples, '4', "Examples"),
        (Self::Maximise, '5', "Maximise"),
        (Self::Circuits, '6', "Circuits"),
        (Self::Explain, '7', "Explain"),
        (Self::Path, '8', "Path"),
    ];
}

/// A picture of the list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// File name, as it is shown.
    pub name: String,
    /// What to pass on a command line.
    pub argument: String,
    /// How much of it is in memory.
    pub load: Load,
}

/// A file name without its ending.
pub fn stem(name: &str) -> Cow<'_, str> {
    Path::new(name).file_stem().unwrap_or_default().to_string_lossy()
}

/// How much of a picture is in memory.
#[derive(Clone, Debug)]
pub enum Load {
    /// Nothing yet.
    Not,
    /// It is being read.
    Asked,
    /// A thumbnail, and the picture itself unless it is far from the current one.
    Ready {
        /// A small copy for the strip.
        small: Arc<Picture>,
        /// The picture.
        picture: Option<Arc<Picture>>,
    },
    /// It cannot be read.
    Failed(String),
}

/// The model.
#[derive(Clone, Debug)]
pub enum Model {
    /// It is being opened.
    Opening {
        /// What is being done.
        note: String,
    },
    /// It is open.
    Ready(Arc<Facts>),
    /// It cannot be opened.
    Failed(String),
}

/// What the engine thread does.
#[derive(Clone, Debug)]
pub struct Running {
    /// The question.
    pub key: Key,
    /// Which request it is.
    pub generation: u64,
    /// How far.
    pub progress: Progress,
    /// Whether the user cancelled it.
    pub cancelled: bool,
    /// Whether it takes so long that what it will replace should look old.
    pub slow: bool,
    /// What there is already.
    pub partial: Option<Outcome>,
}

/// A place on the screen for a picture.
#[derive(Clone, Default)]
pub struct Pane {
    /// What was ordered last, and the order's number.
    pub ordered: Option<(u64, Order)>,
    /// What it shows.
    pub shown: Option<Shown>,
}

/// What a place shows.
#[derive(Clone)]
pub struct Shown {
    /// Number of the order.
    pub serial: u64,
    /// What it is of.
    pub subject: Subject,
    /// The picture.
    pub picture: Arc<Encoded>,
    /// The map in it.
    pub map: Option<Arc<Map>>,
}

/// What lies over the screen.
#[derive(Clone, Debug)]
pub enum Popup {
    /// All keys, from this line on.
    Help(u16),
    /// A list to pick from.
    Picker(Picker),
    /// Whether to quit while something runs.
    Quit,
}

/// A message at the bottom until the next key.
#[derive(Clone, Debug, PartialEq)]
pub struct Toast {
    /// What it says.
    pub text: String,
    /// Whether something went wrong.
    pub bad: bool,
}

/// The state.
pub struct State {
    /// Size of the screen in cells.
    pub size: Size,
    /// How pictures are encoded.
    pub encoding: Encoding,
    /// The colour behind everything, where the terminal says.
    pub ground: Option<[u8; 3]>,
    /// Rises when the terminal has lost what it was sent.
    pub epoch: u64,
    /// Colours.
    pub theme: Theme,
    /// All colours there are.
    pub themes: Themes,
    /// Keys.
    pub keymap: Keymap<Command>,
    /// What to pass as `--model`; `None` for the bundled one.
    pub model_argument: Option<String>,
    /// Further flags about the model, each with its value.
    pub model_flags: Vec<(&'static str, String)>,
    /// The folder whose index is looked into.
    pub folder: Option<String>,
    /// The model.
    pub model: Model,
    /// The pictures; never empty.
    pub pictures: Vec<Entry>,
    /// Columns of the longest of their names, without its ending.
    pub longest_name: u16,
    /// The current one.
    pub picture: usize,
    /// The view.
    pub tab: Tab,
    /// The method of the view Explain.
    pub chosen_method: MethodId,
    /// The layer, where one was chosen.
    pub chosen_layer: Option<usize>,
    /// The class, where one was chosen.
    pub chosen_class: Option<usize>,
    /// Logit or probability.
    pub of: Of,
    /// What the engine is asked with.
    pub parameters: Parameters,
    /// How maps look.
    pub look: Look,
    /// What the view Picture shows: everything, or one of its pictures from 1 on.
    pub part: usize,
    /// Rows of the panel that are passed over, in the view Picture.
    pub scrolled: u16,
    /// The unit under the cursor, and how units are looked at.
    pub cursor: Cursor,
    /// How top pictures are shown, and the index they come from.
    pub examples: Examples,
    /// What is climbed, and how.
    pub climbing: Climbing,
    /// The walk along circuits.
    pub walk: Walk,
    /// Channels that said something, over the pictures looked at so far.
    pub tally: Tally,
    /// Step of the path.
    pub step: usize,
    /// Whether the steps go by themselves.
    pub playing: bool,
    /// What the engine thread does.
    pub running: Option<Running>,
    /// What it has answered.
    pub cache: Cache<Key, Outcome>,
    /// What it could not answer, and why.
    pub refused: Vec<(Key, String)>,
    /// Number of the last request or order.
    pub serial: u64,
    /// The places on the screen.
    pub panes: BTreeMap<u32, Pane>,
    /// What lies over the screen.
    pub popup: Option<Popup>,
    /// A message.
    pub toast: Option<Toast>,
    /// Keys of a sequence that is not complete.
    pub pressed: Vec<Press>,
    /// How long the answers that are kept took, seconds.
    pub times: Vec<(Key, f64)>,
}

/// What a state begins with.
pub struct Start {
    /// How pictures are encoded.
    pub encoding: Encoding,
    /// The colour behind everything, where the terminal says.
    pub ground: Option<[u8; 3]>,
    /// Colours, and all there are.
    pub theme: (Theme, Themes),
    /// The text of the user's `keys.toml`.
    pub keys: Option<String>,
    /// What to pass as `--model`; `None` for the bundled one.
    pub model: Option<String>,
    /// Further flags about the model, each with its value.
    pub model_flags: Vec<(&'static str, String)>,
    /// The folder whose index is looked into.
    pub folder: Option<String>,
    /// Name and command-line argument of each picture.
    pub pictures: Vec<(String, String)>,
    /// Look of maps.
    pub look: Look,
}

impl State {
    /// The state at the start, and what is wrong with the user's keys.
    pub fn new(start: Start) -> (Self, Vec<String>) {
        let table = TABLE.iter().map(|entry| (entry.command, entry.id, entry.keys));
        let (keymap, errors) = Keymap::new(table, start.keys.as_deref());
        let columns = |(name, _): &(String, String)| stem(name).chars().count();
        let longest_name = start.pictures.iter().map(columns).max().unwrap_or(0).min(usize::from(u16::MAX)) as u16;
        let entry = |(name, argument)| Entry { name, argument, load: Load::Not };
        let state = Self {
            size: Size::new(80, 24),
            encoding: start.encoding,
            ground: start.ground,
            epoch: 0,
            theme: start.theme.0,
            themes: start.theme.1,
            keymap,
            model_argument: start.model,
            model_flags: start.model_flags,
            folder: start.folder,
            model: Model::Opening { note: "opening the model".to_owned() },
            pictures: start.pictures.into_iter().map(entry).collect(),
            longest_name,
            picture: 0,
            tab: Tab::Explain,
            chosen_method: MethodId::GradCam,
            chosen_layer: None,
            chosen_class: None,
            of: Of::default(),
            parameters: Parameters::default(),
            look: start.look,
            walk: Walk::default(),
            part: 0,
            scrolled: 0,
            cursor: Cursor::default(),
            examples: Examples::default(),
            climbing: Climbing::default(),
            tally: Tally::default(),
            step: 0,
            playing: false,
            running: None,
            cache: Cache::new(CACHE),
            refused: Vec::new(),
            serial: 0,
            panes: BTreeMap::new(),
            popup: None,
            toast: None,
            pressed: Vec::new(),
            times: Vec::new(),
        };
        (state, errors.iter().map(ToString::to_string).collect())
    }

    /// What is known about the model, once it is open.
    pub fn facts(&self) -> Option<&Arc<Facts>> {
        match &self.model {
            Model::Ready(facts) => Some(facts),
            _ => None,
        }
    }

    /// The current picture, once it is read.
    pub fn photo(&self) -> Option<&Arc<Picture>> {
        match &self.pictures.get(self.picture)?.load {
            Load::Ready { picture, .. } => picture.as_ref(),
            _ => None,
        }
    }

    /// What the network said about the current picture.
    pub fn seen(&self) -> Option<Arc<Seen>> {
        match self.cache.get(&Key::Predict { picture: self.picture })? {
            Outcome::Predicted(seen) => Some(seen),
            _ => None,
        }
    }

    /// The method that is shown.
    pub fn method(&self) -> MethodId {
        if self.tab == Tab::Path { MethodId::IntegratedGradients } else { self.chosen_method }
    }

    /// The score that is explained: of the chosen class, or of the predicted one.
    pub fn target(&self) -> Option<Target> {
        let class = self.chosen_class.or_else(|| Some(self.seen()?.ranking.first()?.class))?;
        let of = if self.method() == MethodId::Cam { Of::Logit } else { self.of };
        Some(Target { class, of })
    }

    /// Layers that are stepped through: the first convolution and then the blocks, or all convolutions where the network
    /// has no blocks; and the layer that is shown by default.
    pub fn layers(&self) -> Vec<usize> {
        let Some(facts) = self.facts() else { return Vec::new() };
        let is_block = |kind| matches!(kind, Kind::Block | Kind::Concat | Kind::Features);
        let has_blocks = facts.layers.iter().any(|layer| is_block(layer.kind));
        let first = facts.layers.iter().position(|layer| layer.kind == Kind::Conv);
        let wanted = facts.layers.iter().enumerate().filter(|(at, layer)| match has_blocks {
            true => is_block(layer.kind) || Some(*at) == first,
            false => layer.kind == Kind::Conv,
        } || facts.default_layer == Some(*at));
        wanted.map(|(at, _)| at).collect()
    }

    /// The layer that is shown: the chosen one, or the last, where the method has layers.
    pub fn layer(&self) -> Option<usize> {
        self.method().takes_layer().then(|| self.chosen_layer.or(self.facts()?.default_layer))?
    }

    /// The colour behind pictures: what the terminal says, or what the text of the theme can be read on.
    pub fn ground(&self) -> [u8; 3] {
        let is_dark = |colour: Option<Color>| match colour {
            Some(Color::Rgb(r, g, b)) => [r, g, b].iter().all(|level| *level < 100),
            _ => false,
        };
        self.ground.unwrap_or(if is_dark(self.theme.text.fg) { [255; 3] } else { [0; 3] })
    }

    /// Whether nothing is being computed or painted.
    pub fn is_idle(&self) -> bool {
        let painted = |pane: &Pane| match (&pane.ordered, &pane.shown) {
            (Some((serial, _)), Some(shown)) => *serial == shown.serial,
            (ordered, _) => ordered.is_none(),
        };
        self.running.is_none() && self.panes.values().all(painted)
    }
}
