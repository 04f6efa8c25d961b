//! One further, one back: pictures, methods, layers, classes, steps of the path. Must not order any work.

use crate::app::state::{State, Tab};
use crate::attribution::{Baseline, MethodId};

/// The entry of an ascending ladder that follows `value`, or the one before it.
pub fn next_of(ladder: &[f32], value: f32, by: isize) -> f32 {
    let found = if by > 0 {
        ladder.iter().copied().find(|step| *step > value + 1e-4)
    } else {
        ladder.iter().copied().rev().find(|step| *step < value - 1e-4)
    };
    found.unwrap_or(value)
}

fn around(at: usize, by: isize, count: usize) -> usize {
    (at as isize).saturating_add(by).rem_euclid(count.max(1) as isize) as usize
}

/// To this picture, and back to its predicted class.
pub fn picture_to(state: &mut State, index: usize) {
    state.picture = index.min(state.pictures.len().saturating_sub(1));
    state.chosen_class = None;
}

/// So many pictures on, round and round.
pub fn picture(state: &mut State, by: isize) {
    picture_to(state, around(state.picture, by, state.pictures.len()));
}

/// To this method, in the view that shows methods.
pub fn method_to(state: &mut State, method: MethodId) {
    state.chosen_method = method;
    if !(state.tab == Tab::Path && method == MethodId::IntegratedGradients) {
        tab(state, Tab::Explain);
    }
}

/// So many methods on; CAM is passed over where the head does not allow it.
pub fn method(state: &mut State, by: isize) {
    let all = MethodId::ALL;
    let mut at = all.iter().position(|method| *method == state.method()).unwrap_or(0);
    let no_cam = state.facts().is_some_and(|facts| facts.cam.is_err());
    at = around(at, by, all.len());
    if all[at] == MethodId::Cam && no_cam {
        at = around(at, by, all.len());
    }
    method_to(state, all[at]);
}

/// So many layers on, not beyond the ends.
pub fn layer(state: &mut State, by: isize) {
    let layers = state.layers();
    let Some(current) = state.layer() else { return };
    // A picked layer may lie between two that are stepped through.
    let at = layers.iter().rposition(|layer| *layer <= current).unwrap_or(0);
    state.chosen_layer = layers.get(clamped(at, by, layers.len())).copied();
}

/// So many classes down the ranking, not beyond the ends.
pub fn class(state: &mut State, by: isize) {
    let (Some(seen), Some(target)) = (state.seen(), state.target()) else { return };
    let at = seen.rank(target.class).unwrap_or(0);
    let to = clamped(at, by, seen.ranking.len());
    state.chosen_class = seen.ranking.get(to).filter(|_| to > 0).map(|prediction| prediction.class);
}

/// The place so many places on among `count`, not beyond the ends.
pub fn clamped(at: usize, by: isize, count: usize) -> usize {
    (at as isize).saturating_add(by).clamp(0, count.saturating_sub(1) as isize) as usize
}

/// To this view; the path begins at its end, where it is the whole explanation.
pub fn tab(state: &mut State, tab: Tab) {
    if tab == Tab::Path && state.tab != Tab::Path {
        state.step = usize::MAX;
    }
    state.playing = false;
    state.tab = tab;
}

/// The next baseline; one that is a picture is left for the first.
pub fn baseline(state: &mut State) {
    let at = Baseline::ALL.iter().position(|baseline| *baseline == state.parameters.baseline).map_or(0, |at| at + 1);
    state.parameters.baseline = Baseline::ALL[at % Baseline::ALL.len()].clone();
}

/// The next number of steps of a ladder; the place on the path stays at its end or where it was.
pub fn steps(state: &mut State, ladder: &[usize], by: isize) {
    let current = state.parameters.steps;
    let found = if by > 0 {
        ladder.iter().find(|steps| **steps > current)
    } else {
        ladder.iter().rev().find(|steps| **steps < current)
    };
    state.parameters.steps = found.copied().unwrap_or(current);
    state.step = usize::MAX;
}
