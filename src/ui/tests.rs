use std::fmt::Write;
use std::time::Duration;

use ratatui::style::{Color, Modifier};

use super::*;
use crate::app::fixture::{settle, start};
use crate::app::state::State;
use crate::app::update::{Msg, update};
use crate::config::keys::sequence;
use crate::index::run::Progress;
use crate::jobs::indexer::News;
use crate::terminal::screen::Frame;

/// A settled state in a window, after some keys.
fn shown(theme: &str, (width, height): (u16, u16), keys: &str) -> State {
    let mut state = start(theme);
    let effects = update(&mut state, Msg::Resize(Size::new(width, height), None));
    settle(&mut state, effects);
    for key in keys.split_whitespace().map(|key| sequence(key).unwrap()[0]) {
        let event = crossterm::event::KeyEvent::new(key.code, key.modifiers);
        let effects = update(&mut state, Msg::Key(event));
        settle(&mut state, effects);
    }
    state
}

/// Text of the frame with its pictures drawn in, then the runs of equal style of each row.
fn dump(state: &State) -> String {
    let Frame { mut cells, pictures, .. } = view(state);
    for placed in pictures {
        placed.picture.render(placed.area, &mut cells);
    }
    let mut text = String::new();
    for y in 0..cells.area.height {
        let row: String = (0..cells.area.width).map(|x| cells[(x, y)].symbol()).collect();
        let _ = writeln!(text, "{}", row.trim_end());
    }
    for y in 0..cells.area.height {
        let mut runs: Vec<(u16, String)> = Vec::new();
        for x in 0..cells.area.width {
            let cell = &cells[(x, y)];
            let style = [name(cell.fg, ""), name(cell.bg, "on "), marks(cell.modifier)].concat();
            if runs.last().is_none_or(|(_, last)| *last != style) {
                runs.push((x, style));
            }
        }
        let runs: Vec<String> = runs.iter().map(|(x, style)| format!("{x}:{}", style.trim())).collect();
        let _ = writeln!(text, "{y:>3} {}", runs.join(" "));
    }
    text
}

fn name(colour: Color, before: &str) -> String {
    match colour {
        Color::Reset => String::new(),
        Color::Rgb(r, g, b) => format!("{before}#{r:02x}{g:02x}{b:02x} "),
        other => format!("{before}{other} "),
    }
}

fn marks(modifier: Modifier) -> String {
    if modifier.is_empty() { String::new() } else { format!("{modifier:?} ").to_lowercase() }
}

#[test]
fn explain_80x24() {
    insta::assert_snapshot!(dump(&shown("dark", (80, 24), "")));
}

#[test]
fn explain_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "")));
}

#[test]
fn path_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "8 Home Right")));
}

#[test]
fn picture_light_120x40() {
    insta::assert_snapshot!(dump(&shown("light", (120, 40), "1")));
}

#[test]
fn a_panel_without_room_says_how_much_it_lacks_and_scrolls_in_view_1() {
    let text = |keys: &str| dump(&shown("dark", (80, 24), keys));
    let first = text("1");
    assert!(first.contains(" PgDn ") && !first.contains("stepped back over its Softmax"), "{first}");
    let second = text("1 PgDn");
    assert!(second.contains("PgUp back") && second.contains("stepped back over"), "{second}");
    assert_eq!(text("1 PgDn PgDn PgDn PgUp"), text("1"));
    let folded = dump(&shown("dark", (60, 30), "7"));
    assert!(folded.contains(" more ─╯") && !folded.contains("PgDn"), "{folded}");
}

#[test]
fn filters_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "2 Right Down")));
}

#[test]
fn filters_of_a_block_60x30() {
    insta::assert_snapshot!(dump(&shown("dark", (60, 30), "3 ] ] 2")));
}

#[test]
fn maps_80x24() {
    insta::assert_snapshot!(dump(&shown("dark", (80, 24), "3 ]")));
}

#[test]
fn maps_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "3 ] ] ] a u Right")));
}

#[test]
fn examples_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "4 Right")));
}

#[test]
fn examples_of_two_kinds_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "4 ] u G")));
}

#[test]
fn examples_while_the_index_is_made_80x24() {
    let mut state = shown("dark", (80, 24), "4");
    let progress =
        Progress { done: 120, found: 5000, rate: 71.25, left: Some(Duration::from_secs(69)), ..Progress::default() };
    let effects = update(&mut state, Msg::Index(News::Progress(progress)));
    settle(&mut state, effects);
    insta::assert_snapshot!(dump(&state));
}

#[test]
fn maximise_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "5 ] Right Down")));
}

#[test]
fn maximise_a_class_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "5 f f n")));
}

#[test]
fn maximise_60x30() {
    insta::assert_snapshot!(dump(&shown("light", (60, 30), "5")));
}

#[test]
fn circuits_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "3 ] 6 Down")));
}

#[test]
fn circuits_80x24() {
    insta::assert_snapshot!(dump(&shown("light", (80, 24), "6 Right u u")));
}

#[test]
fn circuits_walked_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "3 ] ] 6 Down Enter Right")));
}

#[test]
fn a_filter_at_work_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "2 Right Enter Right Down")));
}

#[test]
fn a_filter_at_work_80x24() {
    insta::assert_snapshot!(dump(&shown("light", (80, 24), "2 ] Enter")));
}

#[test]
fn a_frozen_unit_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "3 g u 3 . 0 : 1 Enter d [ [ Enter")));
}

#[test]
fn a_layer_aside_of_a_frozen_unit_says_so() {
    let text = dump(&shown("dark", (120, 40), "3 g u 3 . 0 : 1 Enter d [ [ ["));
    assert!(text.contains("layer1.0.conv1 is not on the way to layer3.0:1"), "{text}");
    assert!(!text.contains("follows"));
}

#[test]
fn one_channel_alone_200x50() {
    insta::assert_snapshot!(dump(&shown("okabe-ito", (200, 50), "1 o o o")));
}

#[test]
fn folded_60x30() {
    insta::assert_snapshot!(dump(&shown("named", (60, 30), "m")));
}

#[test]
fn too_small_40x12() {
    insta::assert_snapshot!(dump(&shown("dark", (40, 12), "")));
}

#[test]
fn no_colour_80x24() {
    let state = shown("", (80, 24), "1");
    let frame = view(&state);
    let coloured = frame.cells.content.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
    assert!(!coloured, "text has no colours; pictures keep theirs");
    insta::assert_snapshot!(dump(&state));
}

#[test]
fn help_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), "?")));
}

#[test]
fn palette_120x40() {
    insta::assert_snapshot!(dump(&shown("dark", (120, 40), ": l a y e r")));
}

#[test]
fn a_prefix_shows_what_may_follow() {
    let frame = dump(&shown("dark", (120, 40), "g"));
    let hints = frame.lines().nth(38).unwrap();
    assert!(hints.contains("c pick a class") && hints.contains("l pick a layer"), "{hints}");
}

#[test]
fn the_status_line_says_how_long_what_is_shown_took() {
    let status = |keys| dump(&shown("dark", (120, 40), keys)).lines().nth(39).unwrap().to_owned();
    for (keys, what) in [
        ("", "Grad-CAM 41 ms"),
        ("1", "prediction 41 ms"),
        ("1 7", "Grad-CAM 41 ms"),
        ("3", "feature maps 41 ms"),
        ("3 7", "Grad-CAM 41 ms"),
        ("8 7", "Grad-CAM 41 ms"),
    ] {
        assert!(status(keys).contains(what), "{keys}: {}", status(keys));
    }
}

#[test]
fn what_is_climbed_heads_the_panel() {
    let text = |keys| dump(&shown("dark", (120, 40), keys));
    assert!(text("5 ] f f").contains("class       0 of 6") && !text("5 ] f f").contains("layer1.0.conv1:0"));
    assert!(text("5 ] f f f").contains("Maximise ▸ layer1.0.conv1") && !text("5 ] f f f").contains("layer1.0.conv1:0"));
    assert!(text("5 ]").contains("layer1.0.conv1:0"));
}

#[test]
fn nothing_jumps_when_a_number_changes() {
    let column = |state: &State, what: &str| {
        dump(state)
            .lines()
            .find(|line| line.contains(what))
            .map(|line| line[..line.find(what).unwrap()].chars().count())
    };
    let (first, second) = (shown("dark", (120, 40), ""), shown("dark", (120, 40), "c c c"));
    for what in ["probability", "logit", "├ map"] {
        assert_eq!(column(&first, what), column(&second, what), "{what}");
    }
}

#[test]
fn a_popup_hides_only_the_pictures_it_covers() {
    let state = shown("dark", (120, 40), ":");
    let pictures = view(&state).pictures;
    assert!(pictures.iter().any(|placed| placed.place == 0), "the canvas stays in sight");
    assert!(view(&shown("dark", (120, 40), "?")).pictures.iter().all(|placed| placed.place != 0));
}
