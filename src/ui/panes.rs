//! Which pictures are on the screen: for each its place, its room, its caption and what it shows.
//!
//! Both the view and the orders to the painters come from here. Must not paint.

use std::path::Path;

use ratatui::layout::{Constraint, Layout, Margin, Rect};

use super::layout::regions;
use crate::app::state::{Load, State, Tab};
use crate::attribution::MethodId;
use crate::jobs::subject::{Subject, Values};
use crate::jobs::{Explained, Outcome};
use crate::look::{Look, View};

/// Places of the strip begin here; those of the canvas at 0.
const STRIP: u32 = 16;
/// Least columns of an entry of the strip.
const LEAST_WIDTH: u16 = 9;

/// A picture on the screen.
#[derive(Clone, Debug)]
pub struct Pane {
    /// Tells places apart.
    pub place: u32,
    /// Cells there are for it.
    pub area: Rect,
    /// A line above it; empty where the frame's title says it all.
    pub caption: String,
    /// What it shows, once there is something.
    pub subject: Option<Subject>,
}

/// An entry of the strip.
#[derive(Clone, Debug)]
pub struct Cell {
    /// Its picture.
    pub pane: Pane,
    /// Where its name goes.
    pub label: Rect,
    /// Its name.
    pub name: String,
    /// Whether it is the one that is shown.
    pub chosen: bool,
    /// The picture of the list that it is, in a strip of pictures.
    pub picture: Option<usize>,
}

/// The strip.
#[derive(Clone, Debug)]
pub struct Strip {
    /// What is stepped through.
    pub title: String,
    /// Which entry of how many is chosen.
    pub position: String,
    /// The entries in view.
    pub cells: Vec<Cell>,
}

impl Strip {
    /// Pictures of the list that are in view.
    pub fn pictures(&self) -> Vec<usize> {
        self.cells.iter().filter_map(|cell| cell.picture).collect()
    }
}

/// Every picture on the screen.
pub fn visible(state: &State) -> Vec<Pane> {
    let mut panes = canvas(state);
    panes.extend(strip(state).into_iter().flat_map(|strip| strip.cells).map(|cell| cell.pane));
    panes
}

/// The pictures of the canvas.
pub fn canvas(state: &State) -> Vec<Pane> {
    let Some(regions) = regions(state.size) else { return Vec::new() };
    let inner = regions.canvas.inner(Margin::new(1, 1));
    let photo = state.photo().cloned().map(Subject::Photo);
    let pane = |place, area, caption: String, subject| captioned(Pane { place, area, caption, subject });
    match state.tab {
        Tab::Explain => vec![Pane { place: 0, area: inner, caption: String::new(), subject: state.canvas_subject() }],
        Tab::Picture => {
            let seen = state.seen();
            let [top, bottom] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(inner);
            let channels = seen.as_ref().map_or(3, |seen| seen.prepared.input.dim().0);
            let apart = inner.height >= 16 && channels == 3;
            let [left, right] = halves(if apart { top } else { inner });
            let fed = |channel| seen.clone().map(|seen| Subject::Fed(seen, channel));
            let size = seen.as_ref().map_or(String::new(), |seen| {
                let (c, h, w) = seen.prepared.input.dim();
                format!(", {c} × {h} × {w}")
            });
            let mut panes = vec![
                pane(0, left, "as a person sees it".to_owned(), photo),
                pane(1, right, format!("as the network is fed{size}"), fed(None)),
            ];
            if apart {
                let columns: [Rect; 3] = Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(bottom);
                for (channel, (area, name)) in columns.into_iter().zip(["red", "green", "blue"]).enumerate() {
                    panes.push(pane(2 + channel as u32, area, format!("{name}, normalised"), fed(Some(channel))));
                }
            }
            panes
        }
        Tab::Path => path(state, inner),
    }
}

/// Interpolated picture, gradient and sum at the step of the path.
fn path(state: &State, inner: Rect) -> Vec<Pane> {
    let [between, gradient, sum] = if inner.width >= inner.height * 3 {
        Layout::horizontal([Constraint::Fill(1); 3]).spacing(1).areas(inner)
    } else {
        let [top, bottom] = Layout::vertical([Constraint::Fill(2), Constraint::Fill(3)]).areas(inner);
        let [left, right] = halves(top);
        [left, right, bottom]
    };
    let pane = |place, area, caption: String, subject| captioned(Pane { place, area, caption, subject });
    let whole = |subject| vec![Pane { place: 0, area: inner, caption: String::new(), subject }];
    let (Some(Explained { attribution, .. }), Some(seen), Some(facts)) =
        (state.explained(), state.seen(), state.facts())
    else {
        return whole(state.canvas_subject());
    };
    let Some(path) = &attribution.path else { return whole(state.canvas_subject()) };
    let step = state.step.min(path.alphas.len().saturating_sub(1));
    let alpha = path.alphas.get(step).copied().unwrap_or(1.0);
    let map = Look { view: View::Map, ..state.look };
    vec![
        pane(
            0,
            between,
            format!("x′ + α (x − x′), α = {alpha:.3}"),
            Some(Subject::Interpolated(facts.clone(), attribution.clone(), step)),
        ),
        pane(
            1,
            gradient,
            "gradient at α".to_owned(),
            Some(Subject::Map(seen.clone(), Values::Gradient(attribution.clone(), step), map)),
        ),
        pane(
            2,
            sum,
            format!("sum of the first {} of {} steps", step + 1, path.alphas.len()),
            Some(Subject::Map(seen, Values::Sum(attribution.clone(), step), state.look)),
        ),
    ]
}

fn halves(area: Rect) -> [Rect; 2] {
    Layout::horizontal([Constraint::Fill(1); 2]).spacing(1).areas(area)
}

/// Keeps the first row of the room for the caption; see [`caption_area`].
fn captioned(mut pane: Pane) -> Pane {
    pane.area = Rect { y: pane.area.y + 1, height: pane.area.height.saturating_sub(1), ..pane.area };
    pane
}

/// Where a pane's caption goes.
pub fn caption_area(pane: &Pane) -> Rect {
    Rect { y: pane.area.y.saturating_sub(1), height: 1, ..pane.area }
}

/// The strip, where the window has one.
pub fn strip(state: &State) -> Option<Strip> {
    let inner = regions(state.size)?.strip?.inner(Margin::new(1, 1));
    let entries = entries(state);
    let picture_rows = inner.height.saturating_sub(1);
    // Square pictures, a column of air, and room for a short name.
    let width = (picture_rows * 2 + 2).max(LEAST_WIDTH).max(longest(&entries.names).min(14) + 2);
    let fitting = usize::from((inner.width / width).max(1));
    let (indices, chosen_at) = entries.window(fitting);
    let cells = indices.into_iter().enumerate().map(|(at, index)| {
        let area = Rect { x: inner.x + at as u16 * width, width, ..inner };
        let room = Rect { width: width.saturating_sub(2), x: area.x + 1, height: picture_rows, ..area };
        let subject = entries.subject(state, index);
        let name = entries.names.get(index).cloned().unwrap_or_default();
        Cell {
            pane: Pane { place: STRIP + at as u32, area: room, caption: String::new(), subject },
            label: Rect { y: area.y + picture_rows, height: 1, ..area },
            name,
            chosen: at == chosen_at,
            picture: matches!(entries.kind, Kind::Pictures).then_some(index),
        }
    });
    let position = if entries.names.is_empty() {
        String::new()
    } else {
        format!("{} of {}", entries.chosen + 1, entries.names.len())
    };
    Some(Strip { title: entries.title.to_owned(), position, cells: cells.collect() })
}

fn longest(names: &[String]) -> u16 {
    names.iter().map(|name| name.chars().count()).max().unwrap_or(0) as u16
}

#[derive(Clone, Copy)]
enum Kind {
    Pictures,
    Layers,
    Alphas,
}

/// Everything that a strip could show.
struct Entries {
    kind: Kind,
    title: &'static str,
    names: Vec<String>,
    chosen: usize,
}

fn entries(state: &State) -> Entries {
    if let (Tab::Path, Some(path)) = (state.tab, state.path()) {
        let names = path.alphas.iter().map(|alpha| format!("α {alpha:.3}")).collect::<Vec<_>>();
        let chosen = state.step.min(names.len().saturating_sub(1));
        return Entries { kind: Kind::Alphas, title: "from baseline to picture", names, chosen };
    }
    if let (Tab::Explain, MethodId::GradCam, Some(facts)) = (state.tab, state.method(), state.facts()) {
        let layers = state.layers();
        let names = layers.iter().map(|layer| facts.layers[*layer].name.clone()).collect();
        let current = state.layer().unwrap_or(0);
        let chosen = layers.iter().rposition(|layer| *layer <= current).unwrap_or(0);
        return Entries { kind: Kind::Layers, title: "Grad-CAM by layer", names, chosen };
    }
    let stem = |name: &str| Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let names = state.pictures.iter().map(|entry| stem(&entry.name)).collect();
    Entries { kind: Kind::Pictures, title: "pictures", names, chosen: state.picture }
}

impl Entries {
    /// The entries in view and which of them is chosen: a window around it, or a sample of the whole path.
    fn window(&self, fitting: usize) -> (Vec<usize>, usize) {
        let count = self.names.len();
        if let Kind::Alphas = self.kind
            && count > fitting
            && fitting > 1
        {
            let nearest = (self.chosen * (fitting - 1) + (count - 1) / 2) / (count - 1);
            let mut sample: Vec<usize> = (0..fitting).map(|at| at * (count - 1) / (fitting - 1)).collect();
            sample[nearest] = self.chosen;
            return (sample, nearest);
        }
        let first = self.chosen.saturating_sub(fitting / 2).min(count.saturating_sub(fitting));
        ((first..count.min(first + fitting)).collect(), self.chosen - first.min(self.chosen))
    }

    fn subject(&self, state: &State, index: usize) -> Option<Subject> {
        match self.kind {
            Kind::Pictures => match &state.pictures.get(index)?.load {
                Load::Ready { small, .. } => Some(Subject::Photo(small.clone())),
                _ => None,
            },
            Kind::Layers => match state.cache.get(&state.layers_question()?)? {
                Outcome::Layers(maps) => {
                    let look = Look { view: View::Overlay, ..state.look };
                    Some(Subject::Map(state.seen()?, Values::Layer(maps, index), look))
                }
                _ => None,
            },
            Kind::Alphas => Some(Subject::Interpolated(state.facts()?.clone(), state.explained()?.attribution, index)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(kind: Kind, count: usize, chosen: usize) -> Entries {
        Entries { kind, title: "", names: vec![String::new(); count], chosen }
    }

    #[test]
    fn the_window_follows_the_chosen_entry() {
        assert_eq!(entries(Kind::Pictures, 12, 0).window(5), (vec![0, 1, 2, 3, 4], 0));
        assert_eq!(entries(Kind::Pictures, 12, 6).window(5), (vec![4, 5, 6, 7, 8], 2));
        assert_eq!(entries(Kind::Pictures, 12, 11).window(5), (vec![7, 8, 9, 10, 11], 4));
        assert_eq!(entries(Kind::Layers, 3, 2).window(5), (vec![0, 1, 2], 2));
        assert_eq!(entries(Kind::Layers, 0, 0).window(5), (vec![], 0));
    }

    #[test]
    fn a_long_path_is_sampled_from_end_to_end_with_the_step_in_it() {
        for chosen in 0..50 {
            let (sample, at) = entries(Kind::Alphas, 50, chosen).window(8);
            assert_eq!((sample.len(), sample[at]), (8, chosen));
            assert!(sample.is_sorted(), "{chosen}: {sample:?}");
        }
        assert_eq!(entries(Kind::Alphas, 50, 0).window(8).0, [0, 7, 14, 21, 28, 35, 42, 49]);
    }
}
