//! What a message does to the state.
//!
//! [`update`] is synchronous and total: any message in any state gives a state and effects, and nothing is read,
//! written or waited for here. Must not know how effects are carried out.

use std::time::Duration;

use crossterm::event::{Event as Input, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Size;
use tui_input::backend::crossterm::EventHandler;

use super::command::Command;
use super::follow::{answered, follow};
use super::picker::{List, Picker};
use super::state::{Load, Model, Popup, Shown, State, Tab, Toast};
use super::view::{self, reproduce};
use crate::attribution::{MethodId, Of};
use crate::config::keys::{Key as Press, Meaning};
use crate::jobs::indexer::News;
use crate::jobs::painter::{Made, Order};
use crate::jobs::subject::Subject;
use crate::jobs::{Event, Key, Outcome, Request};
use crate::look::{Colormap, Look};

pub(super) mod step;
pub(super) mod units;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The window has another size, and perhaps cells of another size in pixels.
    Resize(Size, Option<(u16, u16)>),
    /// News from the engine thread.
    Job(Event),
    /// A picture was read: itself and a small copy.
    Read(usize, Result<ReadPicture, String>),
    /// A pane was painted.
    Made(Made),
    /// News of the index that is being made.
    Index(News),
    /// A file was written, or not.
    Exported(Result<String, String>),
    /// Time for the next step of the path.
    Tick,
    /// The terminal has lost what it was sent.
    Lost,
    /// Something to say.
    Say(Toast),
}

/// A picture and a small copy of it.
pub type ReadPicture = (std::sync::Arc<crate::model::picture::Picture>, std::sync::Arc<crate::model::picture::Picture>);

/// Something to be done.
#[derive(Debug)]
pub enum Effect {
    /// Read a picture of the list.
    Read(usize),
    /// Ask the engine thread.
    Submit(Request),
    /// Cancel what the engine thread does.
    Cancel,
    /// Make the index of the folder, or stop making it.
    Index(bool),
    /// Paint a pane; the number comes back with it.
    Paint(u64, Order),
    /// Put text on the clipboard.
    Copy(String),
    /// Paint a subject at full size and save it as a PNG.
    Export {
        /// What.
        subject: Subject,
        /// File name without its ending.
        name: String,
        /// The command that makes the same picture, kept in the file.
        command: String,
    },
    /// Send [`Msg::Tick`] after this time.
    Tick(Duration),
    /// Draw the next frame from nothing.
    Redraw,
    /// Stop the process until it is continued.
    Suspend,
    /// Leave with this exit code.
    Quit(u8),
}

/// Time between two steps of the path while it plays.
const TICK: Duration = Duration::from_millis(80);
/// Steps of integrated gradients that keys step through.
const STEPS: [usize; 6] = [10, 20, 50, 100, 200, 500];
/// Quantiles, percent, that keys step through.
const CLAMPS: [f32; 6] = [10.0, 5.0, 2.0, 1.0, 0.5, 0.0];
/// Standard deviations of the blur, pixels of the input, that keys step through.
const SIGMAS: [f32; 6] = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0];

/// Applies a message and returns what is to be done.
pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let mut effects = Vec::new();
    match msg {
        Msg::Key(key) if key.kind == KeyEventKind::Release => return effects,
        Msg::Key(key) => press(state, key, &mut effects),
        Msg::Resize(size, cell) => {
            state.size = size;
            if let Some(cell) = cell.filter(|cell| *cell != state.encoding.cell) {
                state.encoding.cell = cell;
            }
            state.epoch += 1;
            effects.push(Effect::Redraw);
        }
        Msg::Job(event) => job(state, event),
        Msg::Read(index, result) => {
            if let Some(entry) = state.pictures.get_mut(index) {
                entry.load = match result {
                    Ok((picture, small)) => Load::Ready { small, picture: Some(picture) },
                    Err(why) => Load::Failed(why),
                };
            }
        }
        Msg::Made(made) => painted(state, made),
        Msg::Index(news) => state.index_news(news),
        Msg::Exported(result) => {
            let bad = result.is_err();
            let text = result.map_or_else(|why| why, |path| format!("saved {path}"));
            state.toast = Some(Toast { text, bad });
        }
        Msg::Tick if state.playing => {
            let last = last_step(state);
            state.step = if state.step >= last { 0 } else { state.step + 1 };
            if last > 0 && state.tab == Tab::Path {
                effects.push(Effect::Tick(TICK));
            } else {
                state.playing = false;
            }
        }
        Msg::Tick => {
            if let Some(running) = &mut state.running {
                running.slow = true;
            }
        }
        Msg::Lost => {
            state.epoch += 1;
            effects.push(Effect::Redraw);
        }
        Msg::Say(toast) => state.toast = Some(toast),
    }
    state.step = state.step.min(last_step(state));
    effects.extend(follow(state));
    effects
}

fn last_step(state: &State) -> usize {
    state.path().map_or(usize::MAX, |path| path.alphas.len().saturating_sub(1))
}

fn job(state: &mut State, event: Event) {
    let generation = match &event {
        Event::Progress { generation, .. }
        | Event::Partial { generation, .. }
        | Event::Done { generation, .. }
        | Event::Cancelled { generation, .. }
        | Event::Failed { generation, .. } => *generation,
    };
    let Some(mut running) = state.running.take_if(|running| running.generation == generation) else { return };
    match event {
        Event::Progress { note, progress, .. } => {
            if let (Model::Opening { note: shown }, Some(note)) = (&mut state.model, note) {
                *shown = note;
            }
            running.progress = progress;
            state.running = Some(running);
        }
        Event::Partial { outcome, .. } => {
            // What is made of icons is kept wherever the cursor goes.
            if let (Key::Icons { layer, .. }, Outcome::Icons(icons)) = (&running.key, &outcome) {
                let kept = Key::Icons { layer: *layer, make: false };
                state.cache.insert(kept, outcome.clone(), icons.bytes());
            }
            running.partial = Some(outcome);
            state.running = Some(running);
        }
        Event::Done { outcome, seconds, .. } => {
            let aside = match running.key {
                Key::Layers { .. } | Key::Census { .. } | Key::Open | Key::Glimpse { .. } | Key::Deaths { .. } => true,
                Key::Icons { make, .. } => !make,
                _ => false,
            };
            let key = running.key.clone();
            answered(state, running.key, outcome);
            state.times.retain(|(other, _)| *other != key && state.cache.holds(other));
            if !aside {
                state.times.push((key, seconds));
            }
        }
        Event::Cancelled { kept, .. } => {
            let what = running.key.title();
            let toast = |text| Some(Toast { text, bad: false });
            if running.cancelled {
                state.toast = match &kept {
                    Some(Outcome::Explained(e)) => {
                        let (done, total) = (e.attribution.done, e.attribution.total);
                        toast(format!("{what} cancelled after {done} of {total} steps; Enter computes it again"))
                    }
                    Some(Outcome::Climbed(climb)) => {
                        let (done, total) = (climb.done, climb.total);
                        toast(format!("{what} stopped after {done} of {total} steps; Enter climbs again"))
                    }
                    _ => toast(format!("{what} cancelled; Enter computes it again")),
                };
                state.refused.push((running.key.clone(), "cancelled; Enter computes it again".to_owned()));
                if let Some(outcome) = kept {
                    answered(state, running.key, outcome);
                }
            }
        }
        Event::Failed { message, .. } => {
            if running.key == Key::Open {
                state.model = Model::Failed(message.clone());
            }
            state.refused.push((running.key, message));
        }
    }
}

fn painted(state: &mut State, made: Made) {
    let Made { order, serial, result } = made;
    let Some(pane) = state.panes.get_mut(&order.place) else { return };
    if pane.shown.as_ref().is_some_and(|shown| shown.serial > serial) || order.epoch != state.epoch {
        return;
    }
    match result {
        Ok((picture, map)) => pane.shown = Some(Shown { serial, subject: order.subject, picture, map }),
        Err(why) => state.toast = Some(Toast { text: why, bad: true }),
    }
}

fn press(state: &mut State, key: KeyEvent, effects: &mut Vec<Effect>) {
    state.toast = None;
    let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
    match state.popup.take() {
        None => {}
        Some(Popup::Quit) => {
            return match key.code {
                _ if interrupt => effects.push(Effect::Quit(130)),
                KeyCode::Char('q' | 'y' | 'Q') | KeyCode::Enter => effects.push(Effect::Quit(0)),
                _ => {}
            };
        }
        Some(Popup::Help(top)) => {
            state.popup = match key.code {
                KeyCode::Down | KeyCode::Char('j') => Some(Popup::Help(top.saturating_add(1))),
                KeyCode::Up | KeyCode::Char('k') => Some(Popup::Help(top.saturating_sub(1))),
                KeyCode::PageDown | KeyCode::Char(' ') => Some(Popup::Help(top.saturating_add(10))),
                KeyCode::PageUp => Some(Popup::Help(top.saturating_sub(10))),
                _ => None,
            };
            return;
        }
        Some(Popup::Picker(picker)) if !interrupt => return pick(state, picker, key, effects),
        Some(Popup::Picker(_)) => return,
    }
    state.pressed.push(Press::from(key));
    match state.keymap.meaning(&state.pressed) {
        Meaning::Prefix => {}
        Meaning::Nothing => state.pressed.clear(),
        Meaning::Command(command) => {
            state.pressed.clear();
            command_now(state, command, effects);
        }
    }
}

/// A key while a list is open.
fn pick(state: &mut State, mut picker: Picker, key: KeyEvent, effects: &mut Vec<Effect>) {
    let items = picker.items(state);
    let last = items.len().saturating_sub(1);
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Esc => return,
        KeyCode::Enter => {
            let Some(item) = items.get(picker.chosen.min(last)) else { return };
            match &item.disabled {
                Some(why) => state.toast = Some(Toast { text: why.clone(), bad: false }),
                None => picked(state, picker.list, item.index, effects),
            }
            return;
        }
        KeyCode::Down | KeyCode::Tab => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Char('n') if control => picker.chosen = (picker.chosen + 1).min(last),
        KeyCode::Up | KeyCode::BackTab => picker.chosen = picker.chosen.min(last).saturating_sub(1),
        KeyCode::Char('p') if control => picker.chosen = picker.chosen.min(last).saturating_sub(1),
        KeyCode::PageDown => picker.chosen = (picker.chosen + 10).min(last),
        KeyCode::PageUp => picker.chosen = picker.chosen.min(last).saturating_sub(10),
        _ => {
            if picker.input.handle_event(&Input::Key(key)).is_some_and(|change| change.value) {
                picker.chosen = 0;
            }
        }
    }
    if picker.list == List::Colormaps
        && let Some(item) = picker.items(state).get(picker.chosen)
    {
        picked(state, List::Colormaps, item.index, effects);
    }
    state.popup = Some(Popup::Picker(picker));
}

fn picked(state: &mut State, list: List, index: usize, effects: &mut Vec<Effect>) {
    match list {
        List::Commands => {
            if let Some(entry) = super::command::TABLE.get(index) {
                command_now(state, entry.command, effects);
            }
        }
        List::Pictures => step::picture_to(state, index),
        List::Methods => step::method_to(state, MethodId::ALL.get(index).copied().unwrap_or(state.chosen_method)),
        List::Layers => match view::of(state.tab).unit_layers(state) {
            Some(_) => state.cursor.layer = index,
            None => state.chosen_layer = Some(index),
        },
        List::Units => units::pick(state, index),
        List::Classes => state.chosen_class = Some(index),
        List::Colormaps => state.look.colormap = Colormap::ALL.get(index).copied().unwrap_or(state.look.colormap),
    }
}

fn command_now(state: &mut State, command: Command, effects: &mut Vec<Effect>) {
    if let Err(why) = command.enabled(state) {
        state.toast = Some(Toast { text: why, bad: false });
        return;
    }
    let view = view::of(state.tab);
    if view.carry_out(state, command) || units::carry_out(state, view, command) {
        return;
    }
    let open = |list, state: &State| Some(Popup::Picker(Picker::open(list, state)));
    let Look { clamp, sigma, opacity, .. } = state.look;
    match command {
        Command::PictureNext => step::picture(state, 1),
        Command::PicturePrevious => step::picture(state, -1),
        Command::PicturePick => state.popup = open(List::Pictures, state),
        Command::MethodNext => step::method(state, 1),
        Command::MethodPrevious => step::method(state, -1),
        Command::MethodPick => state.popup = open(List::Methods, state),
        Command::LayerNext => step::layer(state, 1),
        Command::LayerPrevious => step::layer(state, -1),
        Command::LayerPick => state.popup = open(List::Layers, state),
        Command::ClassNext => step::class(state, 1),
        Command::ClassPrevious => step::class(state, -1),
        Command::ClassPick => state.popup = open(List::Classes, state),
        Command::ClassPredicted => state.chosen_class = None,
        Command::ScoreToggle => state.of = if state.of == Of::Logit { Of::Probability } else { Of::Logit },
        Command::RowNext => step::picture(state, 1),
        Command::RowPrevious => step::picture(state, -1),
        Command::PageNext => step::layer(state, 1),
        Command::PagePrevious => step::layer(state, -1),
        Command::UnitPick => state.popup = open(List::Units, state),
        Command::UnitCopy => {
            if let Some(address) = state.address() {
                copy(state, address, effects);
            }
        }
        Command::StepNext => view.along(state, 1),
        Command::StepPrevious => view.along(state, -1),
        Command::StepFarNext => view.far(state, 1),
        Command::StepFarPrevious => view.far(state, -1),
        Command::StepFirst => view.along(state, isize::MIN),
        Command::StepLast => view.along(state, isize::MAX),
        Command::Play => {
            state.playing = !state.playing;
            if state.playing {
                effects.push(Effect::Tick(TICK));
            }
        }
        Command::TabPicture => step::tab(state, Tab::Picture),
        Command::TabFilters => step::tab(state, Tab::Filters),
        Command::TabMaps => step::tab(state, Tab::Maps),
        Command::TabExamples => step::tab(state, Tab::Examples),
        Command::TabMaximise => step::tab(state, Tab::Maximise),
        Command::TabCircuits => step::tab(state, Tab::Circuits),
        Command::TabExplain => step::tab(state, Tab::Explain),
        Command::TabPath => step::tab(state, Tab::Path),
        Command::TabNext => {
            let at = Tab::ALL.iter().position(|(tab, ..)| *tab == state.tab).unwrap_or(0);
            step::tab(state, Tab::ALL[(at + 1) % Tab::ALL.len()].0);
        }
        Command::ViewNext => state.look.view = state.look.view.step(1),
        Command::ViewPrevious => state.look.view = state.look.view.step(-1),
        Command::OpacityUp => state.look.opacity = ((opacity * 10.0).round() / 10.0 + 0.1).min(1.0),
        Command::OpacityDown => state.look.opacity = ((opacity * 10.0).round() / 10.0 - 0.1).max(0.0),
        Command::ClampUp => clamp_to(state, step::next_of(&CLAMPS.map(|c| -c), -clamp.0, 1)),
        Command::ClampDown => clamp_to(state, step::next_of(&CLAMPS.map(|c| -c), -clamp.0, -1)),
        Command::SigmaUp => state.look.sigma = step::next_of(&SIGMAS, sigma, 1),
        Command::SigmaDown => state.look.sigma = step::next_of(&SIGMAS, sigma, -1),
        Command::ColormapNext => state.look.colormap = state.look.colormap.step(1),
        Command::ColormapPrevious => state.look.colormap = state.look.colormap.step(-1),
        Command::ColormapPick => state.popup = open(List::Colormaps, state),
        Command::AggregateNext => state.look.aggregate = state.look.aggregate.step(1),
        Command::AggregatePrevious => state.look.aggregate = state.look.aggregate.step(-1),
        Command::BlendNext => state.look.blend = state.look.blend.step(1),
        Command::ResampleNext => state.look.resample = state.look.resample.step(1),
        Command::BaselineNext => step::baseline(state),
        Command::StepsMore => step::steps(state, &STEPS, 1),
        Command::StepsFewer => step::steps(state, &STEPS, -1),
        Command::Recompute => recompute(state),
        Command::Cancel => cancel(state, effects),
        Command::Export => {
            if let Some(subject) = view.subject(state) {
                let (name, command) = (reproduce::file_name(state), view.command_line(state));
                effects.push(Effect::Export { subject, name, command });
            }
        }
        Command::Yank => {
            let line = view.command_line(state);
            copy(state, line, effects);
        }
        Command::Help => state.popup = Some(Popup::Help(0)),
        Command::Palette => state.popup = open(List::Commands, state),
        Command::GraphicsNext => {
            state.encoding.graphics = state.encoding.graphics.next();
            state.epoch += 1;
            state.panes.clear();
            state.toast = Some(Toast { text: format!("pictures by {}", state.encoding.graphics), bad: false });
            effects.push(Effect::Redraw);
        }
        Command::ThemeNext => theme_next(state),
        Command::Redraw => {
            state.epoch += 1;
            effects.push(Effect::Redraw);
        }
        Command::Suspend => effects.push(Effect::Suspend),
        Command::Interrupt if Command::Cancel.enabled(state).is_ok() => cancel(state, effects),
        Command::Interrupt => state.popup = Some(Popup::Quit),
        Command::Quit if Command::Cancel.enabled(state).is_ok() => state.popup = Some(Popup::Quit),
        Command::Quit | Command::QuitNow => effects.push(Effect::Quit(0)),
        Command::Back => state.playing = false,
        // Of units alone.
        Command::RowFarNext | Command::RowFarPrevious | Command::SideToggle | Command::Freeze => {}
        Command::OrderNext | Command::OrderPrevious | Command::ContrastNext | Command::GroupToggle => {}
        Command::InputNext | Command::InputPrevious | Command::ChannelNext | Command::ChannelPrevious => {}
        Command::IndexToggle => effects.push(Effect::Index(state.examples.making.is_none())),
        // Of the view that climbs.
        Command::PeakNext | Command::PeakPrevious | Command::SeedNext | Command::SeedPrevious => {}
        Command::WalkBack | Command::CircuitOfClass => {}
    }
}

fn copy(state: &mut State, text: String, effects: &mut Vec<Effect>) {
    state.toast = Some(Toast { text: format!("copied: {text}"), bad: false });
    effects.push(Effect::Copy(text));
}

fn clamp_to(state: &mut State, negative: f32) {
    state.look.clamp = (-negative, 100.0 + negative);
}

fn theme_next(state: &mut State) {
    let names: Vec<String> = state.themes.names().into_iter().map(str::to_owned).collect();
    let at = names.iter().position(|name| *name == state.theme.name).map_or(0, |at| at + 1);
    match names.get(at % names.len().max(1)).map(|name| state.themes.get(name)) {
        Some(Ok(theme)) => {
            state.toast = Some(Toast { text: format!("theme {}", theme.name), bad: false });
            state.theme = theme;
        }
        Some(Err(error)) => state.toast = Some(Toast { text: error.to_string(), bad: true }),
        None => {}
    }
}

fn cancel(state: &mut State, effects: &mut Vec<Effect>) {
    if let Some(running) = &mut state.running {
        running.cancelled = true;
        effects.push(Effect::Cancel);
    }
}

/// Forgets the answers to what the view asks, and every refusal.
fn recompute(state: &mut State) {
    if matches!(state.model, Model::Failed(_)) {
        state.model = Model::Opening { note: "opening the model".to_owned() };
    }
    if let Load::Failed(_) = state.pictures[state.picture].load {
        state.pictures[state.picture].load = Load::Not;
    }
    for key in view::of(state.tab).questions(state) {
        state.cache.remove(&key);
    }
    state.refused.clear();
}

#[cfg(test)]
mod climb_tests;
#[cfg(test)]
mod tests;
