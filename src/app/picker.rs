//! A list to pick from, filtered by what is typed.
//!
//! Owns which lists there are, their entries and the fuzzy filter. Must not know how picking is carried out.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;

use super::command::{Command, TABLE};
use super::state::State;
use super::view;
use crate::attribution::MethodId;
use crate::look::Colormap;
use crate::model::unit::Unit;
use crate::network::Prediction;

/// What is picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// A command.
    Commands,
    /// A picture.
    Pictures,
    /// A method.
    Methods,
    /// A layer.
    Layers,
    /// A unit, by its address.
    Units,
    /// A class.
    Classes,
    /// A colormap.
    Colormaps,
}

impl List {
    /// What the list is called.
    pub fn title(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Pictures => "pictures",
            Self::Methods => "methods",
            Self::Layers => "layers",
            Self::Units => "units, as layer:channel",
            Self::Classes => "classes",
            Self::Colormaps => "colormaps",
        }
    }
}

/// An entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its place in the whole list.
    pub index: usize,
    /// What it is called.
    pub label: String,
    /// Beside it, on the right.
    pub note: String,
    /// Why it cannot be picked now.
    pub disabled: Option<String>,
}

/// An open list.
#[derive(Clone, Debug)]
pub struct Picker {
    /// Which.
    pub list: List,
    /// What is typed.
    pub input: Input,
    /// Which of the entries that are left is chosen.
    pub chosen: usize,
}

impl Picker {
    /// A list with the current entry chosen.
    pub fn open(list: List, state: &State) -> Self {
        let current = match list {
            List::Commands => 0,
            List::Pictures => state.picture,
            List::Methods => MethodId::ALL.iter().position(|m| *m == state.method()).unwrap_or(0),
            List::Layers => match view::of(state.tab).unit_layers(state) {
                Some(_) => state.unit().map_or(0, |unit| unit.layer),
                None => state.layer().unwrap_or(0),
            },
            List::Units => state.unit().map_or(0, |unit| unit.layer),
            List::Classes => {
                let rank = || state.seen()?.rank(state.target()?.class);
                rank().unwrap_or(0)
            }
            List::Colormaps => Colormap::ALL.iter().position(|c| *c == state.look.colormap).unwrap_or(0),
        };
        Self { list, input: Input::default(), chosen: current }
    }

    /// The entries that match what is typed, best first.
    pub fn items(&self, state: &State) -> Vec<Item> {
        let typed = self.input.value();
        match self.list {
            // The layer is found by its name, the channel is what follows the colon.
            List::Units => {
                let (layer, channel) = channel_of(typed);
                let unit = |item: Item| unit_item(state, item, channel);
                filter(entries(List::Layers, state), layer).into_iter().map(unit).collect()
            }
            list => filter(entries(list, state), typed),
        }
    }
}

/// What is typed of an address: the layer, and the channel once a number follows its last colon.
fn channel_of(typed: &str) -> (&str, Option<usize>) {
    match typed.rsplit_once(':') {
        Some((layer, "")) => (layer, None),
        Some((layer, channel)) => channel.trim().parse().map_or((typed, None), |channel| (layer, Some(channel))),
        None => (typed, None),
    }
}

/// The entry of a layer as that of its unit at a channel, or at that under the cursor.
fn unit_item(state: &State, item: Item, channel: Option<usize>) -> Item {
    let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
    let last = layers.get(item.index).map_or(0, |layer| layer.channels.saturating_sub(1));
    let channel = channel.unwrap_or(state.cursor.channel.min(last));
    let unit = Unit::new(item.index, channel, layers);
    let address = Unit { layer: item.index, channel }.address(layers);
    let index = unit.as_ref().map_or(0, |unit| unit.number(layers));
    Item { index, label: address, disabled: unit.err().map(|error| error.to_string()), ..item }
}

fn entries(list: List, state: &State) -> Vec<Item> {
    let item = |index: usize, label: &str, note: String| Item { index, label: label.to_owned(), note, disabled: None };
    match list {
        List::Commands => {
            let offered =
                TABLE.iter().enumerate().filter(|(_, e)| !matches!(e.command, Command::Palette | Command::Back));
            let entry = |(index, entry): (usize, &super::command::Entry)| Item {
                index,
                label: entry.title.to_owned(),
                note: state.keymap.keys(entry.command).into_iter().next().unwrap_or_default(),
                disabled: entry.command.enabled(state).err(),
            };
            offered.map(entry).collect()
        }
        List::Pictures => state.pictures.iter().enumerate().map(|(i, p)| item(i, &p.name, String::new())).collect(),
        List::Methods => {
            let note = |method: MethodId| match (method, state.facts().map(|facts| &facts.cam)) {
                (MethodId::Cam, Some(Err(why))) => Some(why.clone()),
                _ => None,
            };
            let entry =
                |(i, m): (usize, &MethodId)| Item { disabled: note(*m), ..item(i, m.title(), m.name().to_owned()) };
            MethodId::ALL.iter().enumerate().map(entry).collect()
        }
        List::Layers | List::Units => {
            let layers = state.facts().map(|facts| facts.layers.as_slice()).unwrap_or_default();
            let size = |l: &crate::model::layers::Layer| format!("{} × {} × {}", l.channels, l.height, l.width);
            layers.iter().enumerate().map(|(i, layer)| item(i, &layer.name, size(layer))).collect()
        }
        List::Classes => {
            let (Some(facts), Some(seen)) = (state.facts(), state.seen()) else { return Vec::new() };
            let entry = |p: &Prediction| {
                let label = format!("{}  {}", p.class, facts.labels.name(p.class));
                let note = match p.probability {
                    Some(probability) => format!("{:.2} %", probability * 100.0),
                    None => format!("{}", p.logit),
                };
                item(p.class, &label, note)
            };
            seen.ranking.iter().map(entry).collect()
        }
        List::Colormaps => {
            let note = |c: Colormap| match (c.is_diverging(), c.is_even()) {
                (true, _) => "diverging",
                (_, false) => "not perceptually even",
                _ => "",
            };
            Colormap::ALL.iter().enumerate().map(|(i, c)| item(i, c.name(), note(*c).to_owned())).collect()
        }
    }
}

/// Keeps what matches the typed words, best first; everything in its order where nothing is typed.
fn filter(items: Vec<Item>, typed: &str) -> Vec<Item> {
    if typed.trim().is_empty() {
        return items;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed, CaseMatching::Smart, Normalization::Smart);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, Item)> = items
        .into_iter()
        .filter_map(|item| Some((pattern.score(Utf32Str::new(&item.label, &mut buffer), &mut matcher)?, item)))
        .collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, item)| item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_filters_fuzzily_and_keeps_the_order_of_equals() {
        let item = |(index, label): (usize, &&str)| Item {
            index,
            label: (*label).to_owned(),
            note: String::new(),
            disabled: None,
        };
        let items: Vec<Item> = ["layer1.0", "layer4.1", "conv1", "layer4.0"].iter().enumerate().map(item).collect();
        let labels = |typed| filter(items.clone(), typed).into_iter().map(|i| i.label).collect::<Vec<_>>();
        assert_eq!(labels("ly4"), ["layer4.1", "layer4.0"]);
        assert_eq!(labels("  ").len(), 4);
        assert!(labels("zebra").is_empty());
    }
}
