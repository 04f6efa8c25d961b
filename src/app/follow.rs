//! What follows from a state: pictures to read, the next question to the engine, panes to paint.
//!
//! Nothing is ordered by a key directly; a key changes the state and this compares what it needs with what it has.
//! Must not do any of it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::state::{Load, Model, Running, State, Toast};
use super::update::Effect;
use super::view;
use crate::attribution::MethodId;
use crate::jobs::painter::Order;
use crate::jobs::progress::Progress;
use crate::jobs::{Key, Outcome, Request};
use crate::ui::panes;

/// Whole pictures that stay in memory around the current one, to each side.
const NEAR: usize = 3;
/// Time after which what waits for an answer should look old.
const PATIENCE: Duration = Duration::from_millis(150);

/// Brings what is read, asked and ordered in line with the state.
pub fn follow(state: &mut State) -> Vec<Effect> {
    let mut effects = Vec::new();
    read(state, &mut effects);
    ask(state, &mut effects);
    paint(state, &mut effects);
    effects
}

/// Pictures that are on the screen and not read; whole pictures far from the current one are let go.
fn read(state: &mut State, effects: &mut Vec<Effect>) {
    let mut wanted = vec![state.picture];
    wanted.extend(panes::strip(state).into_iter().flat_map(|strip| strip.pictures()));
    for index in wanted {
        let current = index == state.picture;
        let Some(entry) = state.pictures.get_mut(index) else { continue };
        let missing = match &entry.load {
            Load::Not => true,
            Load::Ready { picture, .. } => current && picture.is_none(),
            Load::Asked | Load::Failed(_) => false,
        };
        if missing {
            entry.load = Load::Asked;
            effects.push(Effect::Read(index));
        }
    }
    let current = state.picture;
    for (_, entry) in state.pictures.iter_mut().enumerate().filter(|(index, _)| index.abs_diff(current) > NEAR) {
        if let Load::Ready { picture, .. } = &mut entry.load {
            *picture = None;
        }
    }
}

/// The first question that the view needs and that has neither an answer nor a refusal.
fn next_question(state: &State) -> Option<Key> {
    if !matches!(state.model, Model::Ready(_)) {
        return matches!(state.model, Model::Opening { .. }).then_some(Key::Open);
    }
    let open = |key: &Key| !state.cache.holds(key) && !state.refused.iter().any(|(refused, _)| refused == key);
    let (view, seen) = (view::of(state.tab), state.seen().is_some());
    let predict = || state.photo().map(|_| Key::Predict { picture: state.picture }).filter(open);
    let first = |keys: Vec<Key>| {
        keys.into_iter().find_map(|key| match key.needs_no_picture() {
            true => Some(key).filter(open),
            false if seen => Some(key).filter(open),
            false => predict(),
        })
    };
    first(view.questions(state)).or_else(predict).or_else(|| first(view.extras(state)))
}

fn ask(state: &mut State, effects: &mut Vec<Effect>) {
    // What is in view is the last to be forgotten, however large it is.
    let view = view::of(state.tab);
    let predict = Key::Predict { picture: state.picture };
    for key in view.extras(state).iter().chain(&view.questions(state)).chain([&predict]) {
        state.cache.touch(key);
    }
    let running = state.running.as_ref().map(|running| &running.key);
    let Some(key) = next_question(state) else {
        // What runs is not needed any more: let go of it, unless it opens the model.
        if running.is_some_and(|key| *key != Key::Open) && state.running.as_ref().is_some_and(|r| !r.cancelled) {
            effects.push(Effect::Cancel);
            state.running = None;
        }
        return;
    };
    if running == Some(&key) || running == Some(&Key::Open) {
        return;
    }
    state.serial += 1;
    let picture = state.photo().cloned();
    let request = Request { key: key.clone(), generation: state.serial, picture, seen: state.seen() };
    state.running = Some(Running {
        key,
        generation: state.serial,
        progress: Progress::default(),
        cancelled: false,
        slow: false,
        partial: None,
    });
    if !state.playing {
        effects.push(Effect::Tick(PATIENCE));
    }
    effects.push(Effect::Submit(request));
}

/// Panes whose picture is not of what they should show.
fn paint(state: &mut State, effects: &mut Vec<Effect>) {
    let wanted = panes::visible(state);
    let places: BTreeSet<u32> = wanted.iter().filter(|pane| pane.subject.is_some()).map(|pane| pane.place).collect();
    state.panes.retain(|place, _| places.contains(place));
    for want in wanted {
        let Some(subject) = want.subject else { continue };
        let room = want.area.as_size();
        let order = Order { place: want.place, subject, room, encoding: state.encoding, epoch: state.epoch };
        let pane = state.panes.entry(want.place).or_default();
        if pane.ordered.as_ref().is_none_or(|(_, ordered)| *ordered != order) {
            state.serial += 1;
            pane.ordered = Some((state.serial, order.clone()));
            effects.push(Effect::Paint(state.serial, order));
        }
    }
}

/// Puts an answer where it belongs.
pub fn answered(state: &mut State, key: Key, outcome: Outcome) {
    match outcome {
        Outcome::Opened(facts) => {
            let method = MethodId::usual(facts.default_layer);
            let without = (state.chosen_method, method) == (MethodId::GradCam, MethodId::Gradient);
            let other = || {
                without.then(|| "no layer has feature maps of its own for Grad-CAM: this is the gradient".to_owned())
            };
            let said = facts.notice.clone().or_else(other).map(|text| Toast { text, bad: false });
            state.toast = said.or(state.toast.take());
            if without {
                state.chosen_method = method;
            }
            state.model = Model::Ready(facts);
        }
        outcome => {
            if let (Key::Census { picture }, Outcome::Census { alive, .. }) = (&key, &outcome) {
                state.tally.add(*picture, alive);
            }
            let bytes = outcome.bytes();
            state.cache.insert(key, outcome, bytes);
        }
    }
}
