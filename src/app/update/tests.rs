use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::app::fixture::{answer, facts, picture, settle, start};
use crate::config::keys::sequence;
use crate::jobs::progress::Progress;
use crate::jobs::subject::Values;
use crate::look::View;
use crate::terminal::graphics::Graphics;
use crate::terminal::picture::Encoding;

/// A settled state in a window of 120 × 40.
pub(super) fn settled() -> State {
    let mut state = start("dark");
    let effects = update(&mut state, Msg::Resize(Size::new(120, 40), None));
    settle(&mut state, effects);
    state
}

/// Presses keys written as in `keys.toml`, settling after each; returns what leaves the program.
pub(super) fn typed(state: &mut State, keys: &str) -> Vec<Effect> {
    let mut left = Vec::new();
    for key in sequence(keys).unwrap() {
        let effects = update(state, Msg::Key(KeyEvent::new(key.code, key.modifiers)));
        left.extend(settle(state, effects));
    }
    left
}

/// Effects of one key, not carried out.
pub(super) fn pressed(state: &mut State, key: &str) -> Vec<Effect> {
    let key = sequence(key).unwrap()[0];
    update(state, Msg::Key(KeyEvent::new(key.code, key.modifiers)))
}

fn touches_engine(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Submit(_) | Effect::Cancel))
}

#[test]
fn the_picture_is_painted_before_the_model_is_open() {
    let mut state = start("dark");
    let effects = update(&mut state, Msg::Resize(Size::new(80, 24), None));
    assert!(effects.iter().any(|e| matches!(e, Effect::Submit(Request { key: Key::Open, .. }))));
    let effects = update(&mut state, Msg::Read(0, Ok((picture(), picture()))));
    assert!(effects.iter().any(|e| matches!(e, Effect::Paint(_, Order { subject: Subject::Photo(_), .. }))));
    assert!(!touches_engine(&effects), "nothing can be asked yet");
}

#[test]
fn a_start_settles_on_the_explanation_of_the_predicted_class() {
    let state = settled();
    assert!(state.is_idle());
    assert_eq!(state.target().unwrap().class, 0);
    assert_eq!(state.explained().unwrap().attribution.method, MethodId::GradCam);
    assert!(state.map().is_some());
}

#[test]
fn a_network_without_layers_says_so_and_begins_with_the_gradient() {
    let mut state = start("dark");
    update(&mut state, Msg::Resize(Size::new(120, 40), None));
    let generation = state.running.as_ref().unwrap().generation;
    let bare = crate::jobs::Facts { layers: Vec::new(), default_layer: None, ..facts() };
    let outcome = Outcome::Opened(bare.into());
    update(&mut state, Msg::Job(Event::Done { generation, outcome, seconds: 0.1 }));
    assert_eq!(state.method(), MethodId::Gradient);
    assert!(state.toast.as_ref().is_some_and(|toast| toast.text.contains("this is the gradient")));
    let cells = |state: &State| {
        let cells = crate::ui::view(state).cells;
        cells.content.iter().map(|cell| cell.symbol()).collect::<String>()
    };
    for view in ["2", "3", "4", "5", "6"] {
        pressed(&mut state, view);
        assert!(cells(&state).contains("no layers with feature maps"), "{view}");
        assert!(crate::ui::panes::strip(&state).unwrap().cells.iter().all(|cell| cell.picture.is_some()), "{view}");
    }
    pressed(&mut state, "7");
    assert!(!cells(&state).contains("no layers with feature maps"));
}

#[test]
fn appearance_never_asks_the_engine() {
    let mut state = settled();
    for key in ["o", "O", ")", "(", "}", "{", "s", "S", "v", "V"] {
        let effects = pressed(&mut state, key);
        assert!(!touches_engine(&effects), "{key}: {effects:?}");
        settle(&mut state, effects);
    }
    typed(&mut state, "8");
    for key in ["r", "R", "Left", "Home", "Right", "Shift-Right", "End", "v", "o"] {
        let effects = pressed(&mut state, key);
        assert!(!touches_engine(&effects), "{key}: {effects:?}");
        assert!(effects.iter().any(|e| matches!(e, Effect::Paint(..))) || key == "End", "{key} repaints");
        settle(&mut state, effects);
    }
}

#[test]
fn stepping_back_is_answered_from_memory() {
    let mut state = settled();
    typed(&mut state, "J K");
    assert!(!touches_engine(&pressed(&mut state, "J")), "both pictures have been seen");
}

#[test]
fn a_step_to_another_layer_is_answered_by_the_strip() {
    let mut state = settled();
    let effects = pressed(&mut state, "[");
    assert!(!touches_engine(&effects));
    let is_layer = |e: &Effect| {
        matches!(e, Effect::Paint(_, Order { place: 0, subject: Subject::Map(_, Values::Layer(..), _), .. }))
    };
    assert!(effects.iter().any(is_layer));
}

#[test]
fn keys_walk_pictures_methods_layers_and_classes() {
    let mut state = settled();
    typed(&mut state, "K");
    assert_eq!(state.picture, 2, "round and round");
    typed(&mut state, "[");
    assert_eq!(state.layer(), Some(3));
    typed(&mut state, "[ [ [ [");
    assert_eq!(state.layer(), Some(0), "not beyond the first");
    typed(&mut state, "c");
    assert_eq!(state.target().unwrap().class, 1);
    typed(&mut state, "t");
    assert_eq!(state.target().unwrap().of, Of::Probability);
    typed(&mut state, "C C");
    assert_eq!((state.chosen_class, state.target().unwrap().class), (None, 0));
    typed(&mut state, "M");
    assert_eq!(state.method(), MethodId::GradientInput, "CAM is passed over: the head does not allow it");
    typed(&mut state, "J");
    assert_eq!((state.picture, state.chosen_class), (0, None));
}

#[test]
fn a_class_is_picked_by_typing_part_of_its_name() {
    let mut state = settled();
    typed(&mut state, "g c u m b Enter");
    assert_eq!(state.target().unwrap().class, 2);
    typed(&mut state, "g l c o n v 1 Enter");
    assert_eq!(state.layer(), Some(0));
    typed(&mut state, ": e x p o r");
    assert!(matches!(state.popup, Some(Popup::Picker(_))));
    typed(&mut state, "Esc");
    assert!(state.popup.is_none());
}

#[test]
fn a_disabled_command_says_why() {
    let mut state = settled();
    typed(&mut state, "Space");
    assert!(state.toast.as_ref().unwrap().text.contains("Path"));
    typed(&mut state, "m m ]");
    assert!(state.toast.as_ref().unwrap().text.contains("no layer"));
}

#[test]
fn the_path_begins_at_its_end_and_plays_round() {
    let mut state = settled();
    typed(&mut state, "8");
    assert_eq!(state.step, 49);
    typed(&mut state, "Left Left");
    assert_eq!(state.step, 47);
    typed(&mut state, "Home");
    assert_eq!(state.step, 0);
    let ticks = |effects: &[Effect]| effects.iter().any(|e| matches!(e, Effect::Tick(_)));
    assert!(ticks(&pressed(&mut state, "Space")));
    assert!(ticks(&update(&mut state, Msg::Tick)));
    assert_eq!(state.step, 1);
    pressed(&mut state, "Space");
    assert!(!ticks(&update(&mut state, Msg::Tick)), "a paused path does not go on");
}

/// A state in which integrated gradients run, and their generation.
fn running() -> (State, u64) {
    let mut state = settled();
    let effects = pressed(&mut state, "8");
    let submitted = effects.iter().find_map(|e| if let Effect::Submit(r) = e { Some(r.generation) } else { None });
    (state, submitted.unwrap())
}

#[test]
fn the_running_sum_is_painted_as_it_comes() {
    let (mut state, generation) = running();
    let request = Request { key: state.question().unwrap(), generation, picture: None, seen: None };
    let Outcome::Explained(explained) = answer(&request) else { unreachable!() };
    let attribution = crate::attribution::Attribution { done: 17, ..(*explained.attribution).clone() };
    let outcome = Outcome::Explained(attribution.into());
    let effects = update(&mut state, Msg::Job(Event::Partial { generation, outcome }));
    assert!(effects.iter().any(|e| matches!(e, Effect::Paint(_, Order { subject: Subject::Map(..), .. }))));
    let panel: String = crate::ui::view(&state).cells.content.iter().map(|cell| cell.symbol()).collect();
    assert!(panel.contains("%) so far"), "what is left over is no alarm yet");
}

#[test]
fn news_of_another_generation_changes_nothing() {
    let (mut state, generation) = running();
    let message = "old".to_owned();
    update(&mut state, Msg::Job(Event::Failed { generation: generation - 1, message }));
    assert!(state.running.is_some() && state.refused.is_empty());
}

#[test]
fn a_cancel_keeps_what_is_done_and_does_not_ask_again() {
    for key in ["X", "Ctrl-c"] {
        let (mut state, generation) = running();
        assert!(pressed(&mut state, key).iter().any(|e| matches!(e, Effect::Cancel)));
        let request = Request { key: state.question().unwrap(), generation, picture: None, seen: None };
        let Outcome::Explained(explained) = answer(&request) else { unreachable!() };
        let attribution = crate::attribution::Attribution { done: 17, ..(*explained.attribution).clone() };
        let kept = Some(Outcome::Explained(attribution.into()));
        let effects = update(&mut state, Msg::Job(Event::Cancelled { generation, kept }));
        assert!(!touches_engine(&effects));
        assert_eq!(state.explained().unwrap().attribution.done, 17);
        assert!(state.toast.as_ref().unwrap().text.contains("17 of 50"));
        assert!(touches_engine(&pressed(&mut state, "Enter")), "Enter computes it again");
    }
}

#[test]
fn leaving_asks_only_while_something_runs_and_an_interrupt_twice_is_130() {
    let quits = |effects: &[Effect]| effects.iter().find_map(|e| if let Effect::Quit(c) = e { Some(*c) } else { None });
    let (mut state, _) = running();
    assert_eq!(quits(&pressed(&mut state, "q")), None);
    assert_eq!(quits(&pressed(&mut state, "q")), Some(0));
    let mut idle = settled();
    assert_eq!(quits(&pressed(&mut idle, "Ctrl-c")), None);
    assert_eq!(quits(&pressed(&mut idle, "Ctrl-c")), Some(130));
    assert_eq!(quits(&pressed(&mut settled(), "q")), Some(0));
}

#[test]
fn a_failure_is_shown_and_enter_tries_again() {
    let mut state = start("dark");
    let effects = update(&mut state, Msg::Resize(Size::new(80, 24), None));
    let generation = state.running.as_ref().unwrap().generation;
    assert!(touches_engine(&effects));
    let message = "no library; use --onnxruntime FILE".to_owned();
    assert!(!touches_engine(&update(&mut state, Msg::Job(Event::Failed { generation, message }))));
    assert!(matches!(state.model, Model::Failed(_)));
    assert!(touches_engine(&pressed(&mut state, "Enter")));
    assert!(matches!(state.model, Model::Opening { .. }));
}

#[test]
fn an_old_painting_does_not_replace_a_newer_one() {
    let mut state = settled();
    let old = state.panes[&0].shown.clone().unwrap();
    let (serial, order) = state.panes[&0].ordered.clone().unwrap();
    typed(&mut state, "v");
    let new = state.panes[&0].shown.as_ref().unwrap().serial;
    let made = Made { order, serial, result: Ok((old.picture, old.map)) };
    update(&mut state, Msg::Made(made));
    assert_eq!(state.panes[&0].shown.as_ref().unwrap().serial, new);
}

#[test]
fn the_copied_command_says_what_is_shown() {
    let mut state = settled();
    typed(&mut state, "J J v s c");
    let copied =
        typed(&mut state, "y").into_iter().find_map(|e| if let Effect::Copy(text) = e { Some(text) } else { None });
    let expected = "lensor explain 'two things.jpg' --model tiny.onnx --size 16x16 --method grad-cam --target 1 --layer layer3.0 \
                    --sigma 0.5 --colormap magma";
    assert_eq!(copied.unwrap(), expected);
    let exported = typed(&mut state, "e");
    let named = exported
        .iter()
        .any(|e| matches!(e, Effect::Export { name, .. } if name == "two-things-grad-cam-layer3.0-castle"));
    assert!(named, "{exported:?}");
}

#[test]
fn a_resize_and_a_lost_screen_send_every_picture_again() {
    let mut state = settled();
    let count = state.panes.len();
    for message in [Msg::Lost, Msg::Resize(Size::new(120, 40), None)] {
        let effects = update(&mut state, message);
        let painted = effects.iter().filter(|e| matches!(e, Effect::Paint(..))).count();
        assert_eq!(painted, count);
        assert!(effects.iter().any(|e| matches!(e, Effect::Redraw)));
        settle(&mut state, effects);
    }
}

#[test]
fn one_unit_is_under_the_cursor_of_all_views_that_look_inside() {
    let mut state = settled();
    let touched = touches_engine(&pressed(&mut state, "2"));
    assert!(touched && state.filters().is_none(), "asked for, not waited for");
    state = settled();
    typed(&mut state, "2 Right Right ]");
    assert_eq!(state.address().as_deref(), Some("layer1.0.conv1:2"));
    assert!(state.filters().is_some());
    typed(&mut state, "3");
    assert_eq!(state.feature_maps().map(|maps| maps.count()), Some(8));
    assert!(!touches_engine(&pressed(&mut state, "Right")), "the layer's channels are all there");
    typed(&mut state, "g u 3 . 0 : 1 Enter");
    assert_eq!(state.address().as_deref(), Some("layer3.0:1"));
    typed(&mut state, "g u c o n v 1 : 8 Enter");
    assert!(state.toast.as_ref().unwrap().text.contains("it has 8, numbered from 0"), "{:?}", state.toast);
    let copied = typed(&mut state, "Y");
    assert!(matches!(&copied[..], [Effect::Copy(address)] if address == "layer3.0:1"), "{copied:?}");
    let line = typed(&mut state, "a g u 1 . 0 . c : 2 Enter y")
        .into_iter()
        .find_map(|e| if let Effect::Copy(line) = e { Some(line) } else { None });
    assert_eq!(
        line.unwrap(),
        "lensor features zebra.jpg --model tiny.onnx --size 16x16 --layer layer1.0.conv1 --before"
    );
}

#[test]
fn tiles_stay_until_the_new_ones_come_and_look_old_when_that_takes_long() {
    let mut state = settled();
    typed(&mut state, "3");
    let old = |state: &State| match &crate::ui::panes::canvas(state)[0].subject {
        Some(Subject::Sheet(page)) => page.old,
        other => panic!("{other:?}"),
    };
    assert!(!old(&state));
    let effects = pressed(&mut state, "a");
    settle(&mut state, effects.into_iter().filter(|e| !matches!(e, Effect::Submit(_))).collect());
    assert!(state.feature_maps().is_none() && !old(&state), "nothing flickers while it is quick");
    update(&mut state, Msg::Tick);
    assert!(old(&state));
    update(&mut state, Msg::Key(KeyEvent::new(KeyCode::Right, KeyModifiers::NONE)));
    assert_eq!(state.unit().unwrap().channel, 1, "a key does not wait");
}

#[test]
fn a_filter_is_taken_apart_at_the_place_that_keys_choose() {
    let mut state = settled();
    typed(&mut state, "2 Right Enter");
    let strongest = state.work_at().unwrap();
    typed(&mut state, "Left Up");
    assert_eq!(state.work_at(), Some((strongest.0 - 1, strongest.1 - 1)));
    assert_eq!(state.unit().unwrap().channel, 1, "the keys of tiles walk over positions");
    let effects = pressed(&mut state, "Left");
    assert!(!touches_engine(&effects), "all it needs is there");
    settle(&mut state, effects);
    let product = state.product().unwrap();
    assert_eq!(product.patch.dim(), (3, 3, 3));
    typed(&mut state, ". Home");
    assert_eq!((state.unit().unwrap().channel, state.cursor.work_at), (2, None));
    typed(&mut state, "p p");
    assert_eq!((state.cursor.input, state.told_input(&product)), (Some(1), 1));
    typed(&mut state, "p p");
    assert_eq!(state.cursor.input, None, "round and round");
    let (row, column) = state.work_at().unwrap();
    let line =
        typed(&mut state, "y").into_iter().find_map(|e| if let Effect::Copy(line) = e { Some(line) } else { None });
    let expected =
        format!("lensor filters zebra.jpg --model tiny.onnx --size 16x16 --layer conv1:2 --position {row},{column}");
    assert_eq!(line.unwrap(), expected);
    typed(&mut state, "Esc");
    assert!(!state.cursor.close);
}

#[test]
fn a_frozen_unit_shows_its_gradient_before_it_and_thaws() {
    let mut state = settled();
    typed(&mut state, "3 g u 3 . 0 : 1 Enter d");
    assert!(state.pull_question().is_none(), "at its own layer there is no gradient to see");
    typed(&mut state, "[ [");
    assert!(state.feature_maps().unwrap().range().0 < 0.0);
    assert!(!touches_engine(&pressed(&mut state, "[")), "all layers are answered at once");
    let line =
        typed(&mut state, "] y").into_iter().find_map(|e| if let Effect::Copy(line) = e { Some(line) } else { None });
    assert!(line.unwrap().ends_with("--layer layer1.0 --gradient-of layer3.0:1"));
    typed(&mut state, "d");
    assert!(state.cursor.frozen.is_none() && state.feature_maps().unwrap().range().0 >= 0.0);
}

#[test]
fn similarity_is_to_the_channel_that_was_under_the_cursor() {
    let mut state = settled();
    typed(&mut state, "3 Right Right U");
    assert_eq!((state.order()[0], state.unit().unwrap().channel), (2, 2));
    assert!(!touches_engine(&pressed(&mut state, "Right")), "the order stays while the cursor walks");
    assert_eq!(state.unit().unwrap().channel, 3);
}

#[test]
fn dead_channels_are_counted_over_the_pictures_seen() {
    let mut state = settled();
    typed(&mut state, "3 J J");
    assert_eq!((state.tally.pictures(), state.tally.dead(2)), (3, Some((3, 8))));
}

#[test]
fn views_go_round() {
    let mut state = settled();
    let first = state.look.view;
    let mut seen = Vec::new();
    for _ in View::ALL {
        typed(&mut state, "o");
        seen.push(state.look.view);
    }
    assert_eq!((seen.len(), seen.last()), (View::ALL.len(), Some(&first)));
}

fn message() -> impl Strategy<Value = Msg> {
    let key = prop_oneof![
        proptest::char::range(' ', '~').prop_map(KeyCode::Char),
        Just(KeyCode::Enter),
        Just(KeyCode::Esc),
        Just(KeyCode::Tab),
        Just(KeyCode::Backspace),
        Just(KeyCode::Left),
        Just(KeyCode::Home),
        Just(KeyCode::PageDown),
    ];
    let modifiers = prop_oneof![4 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    let elapsed = Duration::from_millis(5);
    prop_oneof![
        20 => (key, modifiers).prop_map(|(code, modifiers)| Msg::Key(KeyEvent::new(code, modifiers))),
        2 => (0..250_u16, 0..90_u16).prop_map(|(w, h)| Msg::Resize(Size::new(w, h), None)),
        1 => (0..9_usize).prop_map(|at| Msg::Read(at, Err("broken".to_owned()))),
        1 => (0..60_u64).prop_map(|generation| Msg::Job(Event::Cancelled { generation, kept: None })),
        1 => (0..60_u64).prop_map(move |generation| {
            let progress = Progress { done: 3, total: 5, elapsed };
            Msg::Job(Event::Progress { generation, note: Some("x".to_owned()), progress })
        }),
        1 => (0..60_u64).prop_map(|g| Msg::Job(Event::Done { generation: g, outcome: Outcome::Opened(facts().into()), seconds: 1.0 })),
        1 => Just(Msg::Tick),
        1 => Just(Msg::Lost),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, rng_seed: proptest::test_runner::RngSeed::Fixed(3), ..Default::default() })]

    /// Total: any messages in any order give a state that can be drawn.
    #[test]
    fn any_messages_give_a_state_that_can_be_drawn(messages in proptest::collection::vec((message(), any::<bool>()), 1..40)) {
        let mut state = start("dark");
        for (message, carried_out) in messages {
            let effects = update(&mut state, message);
            if carried_out {
                settle(&mut state, effects);
            }
            let _ = crate::ui::view(&state);
        }
    }
}

#[test]
fn behind_tmux_the_strip_is_one_picture() {
    let mut state = start("dark");
    state.encoding = Encoding { graphics: Graphics::Sixel, cell: (10, 20), registers: 256, tmux: true };
    let effects = update(&mut state, Msg::Resize(Size::new(160, 48), None));
    settle(&mut state, effects);
    typed(&mut state, "1");
    let places = |state: &State| state.panes.keys().copied().collect::<Vec<_>>();
    assert_eq!(places(&state), [0, 1, 2, 3, 4, 16]);
    let Some(Subject::Row(row)) = state.panes[&16].shown.as_ref().map(|shown| &shown.subject) else { panic!() };
    let apart = crate::ui::panes::strip(&state).unwrap().cells;
    let left = |at: usize| row.parts[at].0[0];
    assert_eq!((row.parts.len(), apart.len()), (3, 3));
    assert_eq!(left(1) - left(0), u32::from(apart[1].label.x - apart[0].label.x) * 10, "above their names");
    state.encoding.tmux = false;
    typed(&mut state, "2 1");
    assert_eq!(places(&state), [0, 1, 2, 3, 4, 16, 17, 18]);
    state.encoding.tmux = true;
    let effects = update(&mut state, Msg::Resize(Size::new(400, 100), None));
    settle(&mut state, effects);
    let mut strip = state.panes.range(16..).map(|(_, pane)| pane.ordered.as_ref().unwrap().1.room.width);
    assert!(strip.all(|width| width <= 100), "a sixel picture reaches no further");
}
