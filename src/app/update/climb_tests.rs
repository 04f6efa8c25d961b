//! The view that climbs: what it asks, and what stays of a climb that ends early.

use super::tests::{pressed, settled, typed};
use super::*;
use crate::app::fixture::{answer, settle};
use crate::app::state::Peak;
use crate::interpretation::maximization::Objective;

/// What a key asks the engine.
fn asked(effects: &[Effect]) -> Option<Request> {
    effects.iter().find_map(|effect| if let Effect::Submit(request) = effect { Some(request.clone()) } else { None })
}

/// Carries out everything but the next question, whose answer is `kept` icons or what `then` says.
fn answered_with(state: &mut State, request: &Request) -> Vec<Effect> {
    let event = Event::Done { generation: request.generation, outcome: answer(request), seconds: 0.1 };
    update(state, Msg::Job(event))
}

/// A state of view 5 in which the climb has just been asked for.
fn climbing() -> (State, Request) {
    let mut state = settled();
    let kept = asked(&pressed(&mut state, "5")).unwrap();
    assert!(matches!(kept.key, Key::Icons { make: false, .. }), "icons that are kept come at once: {:?}", kept.key);
    let census = asked(&answered_with(&mut state, &kept)).unwrap();
    assert!(matches!(census.key, Key::Census { .. }), "the strip comes before what takes long: {:?}", census.key);
    let climb = asked(&answered_with(&mut state, &census)).unwrap();
    assert!(matches!(climb.key, Key::Climb { steps: 512, seed: 0, .. }), "{:?}", climb.key);
    (state, climb)
}

#[test]
fn the_climb_is_watched_and_then_the_missing_icons_are_made() {
    let (mut state, climb) = climbing();
    let (generation, partial) = (climb.generation, answer(&climb));
    let effects = update(&mut state, Msg::Job(Event::Partial { generation, outcome: partial }));
    assert!(state.climb().is_some() && state.is_climbing());
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Paint(..))), "pictures stream in");
    let icons = asked(&answered_with(&mut state, &climb)).unwrap();
    assert!(matches!(icons.key, Key::Icons { make: true, .. }), "{:?}", icons.key);
    assert!(!state.is_climbing() && state.icons().unwrap().made() == 4);
    answered_with(&mut state, &icons);
    assert_eq!(state.icons().unwrap().made(), 8);
}

#[test]
fn icons_that_are_made_stay_when_the_cursor_goes_on() {
    let (mut state, climb) = climbing();
    let icons = asked(&answered_with(&mut state, &climb)).unwrap();
    let outcome = answer(&icons);
    update(&mut state, Msg::Job(Event::Partial { generation: icons.generation, outcome }));
    assert!(asked(&pressed(&mut state, "Right")).is_some_and(|next| matches!(next.key, Key::Climb { .. })));
    assert_eq!(state.icons().unwrap().made(), 8);
}

#[test]
fn a_climb_that_is_stopped_keeps_its_picture_until_enter() {
    let (mut state, climb) = climbing();
    let Outcome::Climbed(whole) = answer(&climb) else { unreachable!() };
    let kept = Outcome::Climbed(std::sync::Arc::new(crate::jobs::climb::Climb { done: 40, ..(*whole).clone() }));
    assert!(pressed(&mut state, "X").iter().any(|effect| matches!(effect, Effect::Cancel)));
    let effects = update(&mut state, Msg::Job(Event::Cancelled { generation: climb.generation, kept: Some(kept) }));
    assert!(state.toast.as_ref().unwrap().text.contains("40 of 512 steps"));
    assert!(asked(&effects).is_some_and(|next| matches!(next.key, Key::Icons { make: true, .. })));
    settle(&mut state, effects);
    assert_eq!(state.climb().unwrap().done, 40);
    typed(&mut state, "Enter");
    assert_eq!(state.climb().unwrap().done, 512);
}

#[test]
fn keys_change_what_is_climbed_and_the_command_says_it() {
    let mut state = settled();
    typed(&mut state, "5 ] Right");
    let line = |state: &mut State| match typed(state, "y").pop() {
        Some(Effect::Copy(line)) => line,
        other => unreachable!("{other:?}"),
    };
    let usual = "lensor maximize --model tiny.onnx --size 16x16 --layer layer1.0.conv1:1 --both";
    assert_eq!(line(&mut state), usual);
    typed(&mut state, "- n n N");
    assert_eq!(line(&mut state), format!("{usual} --steps 256 --seed 1"));
    typed(&mut state, "f");
    assert!(line(&mut state).contains("layer1.0.conv1:1 --neuron --both"));
    typed(&mut state, "f");
    assert_eq!((state.climbing.peak, state.objective()), (Peak::Class, Some(Objective::Class(0))));
    assert!(line(&mut state).contains("--class 0 --both"));
    typed(&mut state, "f");
    assert!(line(&mut state).contains("--layer layer1.0.conv1 --deep-dream --both"));
    typed(&mut state, "F F F");
    assert_eq!(state.climbing.peak, Peak::Channel);
    assert!(matches!(state.climb_question(), Some(Key::Climb { steps: 256, seed: 1, .. })));
    typed(&mut state, "7 n");
    assert!(state.toast.as_ref().unwrap().text.contains("5 climbs"));
}
