//! The terminal UI as a terminal sees it: keys in, screen and bytes out, and how the terminal is left.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "support/colours.rs"]
mod colours;
#[path = "support/data.rs"]
mod data;
#[path = "support/terminal.rs"]
mod terminal;

use colours::Studio;
use image::RgbImage;
use lensor::terminal::picture::scale;
use lensor::terminal::probe::Depth;
use lensor::terminal::screen::Screen;
use rustix::process::{Signal, kill_process};
use terminal::{Kind, Terminal, kitty_pictures, sixels};

/// A studio with a red and a blue picture, and the UI on them.
fn opened(kind: Kind, flags: &[&str]) -> (Studio, Terminal) {
    let studio = Studio::new();
    studio.square("a.png", [220, 30, 30]);
    studio.square("b.png", [30, 30, 220]);
    let arguments = [&["colours.onnx", "a.png", "b.png", "--device", "cpu"], flags].concat();
    let terminal = Terminal::start(kind, studio.folder(), env!("CARGO_BIN_EXE_lensor"), &arguments, &[]);
    (studio, terminal)
}

#[test]
fn keys_walk_from_the_picture_to_the_path_and_out() {
    let (studio, mut terminal) = opened(Kind::Plain, &[]);
    let screen = terminal.wait(&["Grad-CAM ▸ maps ▸ red", "● red", "halfblocks", "ready"]);
    assert!(screen.contains("a.png") && screen.contains("ONNX Runtime"), "{screen}");
    terminal.send("J");
    terminal.wait(&["b.png ▸ Grad-CAM ▸ maps ▸ blue", "● blue", "ready"]);
    terminal.send("c");
    terminal.wait(&["○", "ready"]);
    terminal.send("8");
    terminal.wait(&["from baseline to picture", "sum of the first 50 of 50 steps", "residual", "ready"]);
    terminal.send("\x1b[H");
    terminal.wait(&["sum of the first 1 of 50 steps", "ready"]);
    terminal.send("1");
    terminal.wait(&["as the network is fed, 3 × 32 × 32", "red, normalised", "ready"]);
    terminal.send("?");
    terminal.wait(&["╭ keys", "next method"]);
    terminal.send("x");
    terminal.send("7e");
    terminal.wait(&["saved b-grad-cam-maps-red.png"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.is_restored());
    assert!(studio.path("b-grad-cam-maps-red.png").exists());
}

/// The bundled network on a picture, with an empty cache.
fn opened_on_the_bundled_network() -> (Studio, Terminal) {
    let studio = Studio::new();
    studio.square("a.png", [220, 30, 30]);
    studio.square("b.png", [30, 30, 220]);
    let cache = studio.path("cache");
    let variables = [("XDG_CACHE_HOME", cache.to_str().unwrap())];
    let arguments = ["a.png", "b.png", "--device", "cpu"];
    let program = env!("CARGO_BIN_EXE_lensor");
    let mut terminal = Terminal::start(Kind::Plain, studio.folder(), program, &arguments, &variables);
    terminal.wait(&["a.png ▸ Grad-CAM ▸ layer4.1", "ready"]);
    terminal.send("2");
    terminal.wait(&["Filters ▸ conv1:0", "16 filters · in colours, zero is grey", "ready"]);
    (studio, terminal)
}

#[test]
fn each_part_of_the_preparation_is_shown_alone_by_keys() {
    let (studio, mut terminal) = opened(Kind::Plain, &[]);
    terminal.wait(&["Grad-CAM ▸ maps ▸ red", "ready"]);
    terminal.send("1");
    terminal.wait(&["as a person sees it", "as the network is fed, 3 × 32 × 32", "o one alone", "ready"]);
    terminal.send("y");
    terminal.wait(&["copied: lensor prepare a.png --model colours.onnx"]);
    terminal.send("oooy");
    terminal.wait(&["copied: lensor prepare a.png --model colours.onnx --channel 0"]);
    terminal.send("oo");
    terminal.wait(&["blue, normalised", "o all of them", "ready"]);
    terminal.send("o");
    terminal.wait(&["as a person sees it", "as the network is fed", "ready"]);
    terminal.send("e");
    terminal.wait(&["saved a-prepared.png"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    let saved = image::open(studio.path("a-prepared.png")).unwrap();
    assert!(saved.width() > 4 * saved.height(), "five pictures side by side");
}

#[test]
fn a_filter_is_followed_to_its_position_by_keys() {
    let (_studio, mut terminal) = opened_on_the_bundled_network();
    terminal.send("w");
    terminal.wait(&["one range", "ready"]);
    terminal.send("p");
    terminal.wait(&["input 0 of 3", "ready"]);
    terminal.send("P");
    terminal.wait(&["in colours", "ready"]);
    terminal.send("]");
    terminal.wait(&["Filters ▸ layer1.0.conv1:0", "mean over 16 inputs", "ready"]);
    terminal.send("\r.");
    let screen = terminal.wait(&["layer1.0.conv1:1 at work", "✓ as the network computes it", "position", "ready"]);
    assert!(screen.contains("Enter back"), "{screen}");
    terminal.send("\x1b[1;2D\x1b[1;2D\x1b[1;2D\x1b[1;2D\x1b[1;2A\x1b[1;2A\x1b[1;2A\x1b[1;2A\x1b[C\x1b[B\x1b[B");
    terminal.wait(&["at work · row 2, column 1", "✓ as the network computes it", "ready"]);
    terminal.send("y");
    terminal.wait(&["copied: lensor filters a.png --layer layer1.0.conv1:1 --position 2,1 --contrast shared"]);
    terminal.send("\x1b[H");
    terminal.wait(&["layer1.0.conv1:1 at work", "Home where it is strongest"]);
    terminal.send("\r");
    terminal.wait(&["16 filters", "Enter see it at work", "ready"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn a_unit_is_frozen_and_its_gradient_followed_back_by_keys() {
    let (studio, mut terminal) = opened_on_the_bundled_network();
    terminal.send("3gulayer2.0.conv1:5\r");
    terminal.wait(&["Maps ▸ layer2.0.conv1:5", "feature maps · after the activation", "ready"]);
    terminal.send("u");
    terminal.wait(&["by mean", "ready"]);
    terminal.send("U");
    terminal.wait(&["d freeze", "ready"]);
    terminal.send("d[");
    terminal.wait(&["Maps ▸ layer1.1:5", "gradient of layer2.0.conv1:5", "d let go", "ready"]);
    terminal.send("y");
    terminal.wait(&["copied: lensor features a.png --layer layer1.1 --gradient-of layer2.0.conv1:5"]);
    terminal.send("\r");
    terminal.wait(&["its values, 32 × 32", "over the picture", "at the picture, abs-max", "ready"]);
    terminal.send("J");
    terminal.wait(&["b.png ▸ Maps ▸ layer1.1:5", "channels dead in 2 pictures", "over the picture", "ready"]);
    terminal.send("v");
    terminal.send("y");
    terminal.wait(&["--layer layer1.1:5 --gradient-of layer2.0.conv1:5 --colormap magma"]);
    terminal.send("e");
    terminal.wait(&["saved b-gradient-of-layer2.0.conv1-5-at-layer1.1-5.png"]);
    terminal.send("d\r");
    terminal.wait(&["feature maps · after the activation", "ready"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(studio.path("b-gradient-of-layer2.0.conv1-5-at-layer1.1-5.png").exists());
}

#[test]
fn a_climb_is_steered_by_keys_and_its_icons_are_used_elsewhere() {
    let studio = Studio::new();
    studio.square("a.png", [220, 30, 30]);
    let cache = studio.path("cache");
    let variables = [("XDG_CACHE_HOME", cache.to_str().unwrap())];
    let arguments = ["colours.onnx", "a.png", "--device", "cpu"];
    let program = env!("CARGO_BIN_EXE_lensor");
    let mut terminal = Terminal::start(Kind::Plain, studio.folder(), program, &arguments, &variables);
    terminal.wait(&["Grad-CAM ▸ maps ▸ red", "ready"]);
    terminal.send("5------");
    terminal.wait(&["Maximise ▸ maps:0", "naive", "regularised", "channel · 32 steps · seed 0", "32 of 32"]);
    terminal.send("n");
    terminal.wait(&["seed 1", "32 of 32"]);
    terminal.send("f");
    terminal.wait(&["neuron · 32 steps", "middle of the channel", "32 of 32"]);
    terminal.send("F.");
    terminal.wait(&["Maximise ▸ maps:1", "mean of the channel", "32 of 32", "3 of 3", "ready"]);
    terminal.send("y");
    terminal.wait(&["copied: lensor maximize --model colours.onnx --layer maps:1 --both --steps 32 --seed 1"]);
    terminal.send("3\r");
    terminal.wait(&["its values, 32 × 32", "what it looks for", "ready"]);
    terminal.send("6gh");
    terminal.wait(&["▸ logits:", "▸ maps:", "kernel", "enters", "adds", "icon", "ready"]);
    // Icons may still be in the making: it would ask.
    terminal.send("Q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn an_index_is_made_and_seen_by_keys() {
    let studio = Studio::new();
    for (name, colour) in [("red", [220, 30, 30]), ("blue", [30, 30, 220]), ("dark", [60, 30, 30])] {
        studio.square(&format!("photos/{name}.png"), colour);
    }
    let data = data::home(studio.folder());
    let variables = [("XDG_DATA_HOME", data.to_str().unwrap())];
    let arguments = ["colours.onnx", "photos", "--device", "cpu"];
    let mut terminal =
        Terminal::start(Kind::Plain, studio.folder(), env!("CARGO_BIN_EXE_lensor"), &arguments, &variables);
    terminal.wait(&["Grad-CAM ▸ maps", "ready"]);
    terminal.send("3");
    terminal.wait(&["Maps ▸ maps:0", "after the activation", "ready"]);
    terminal.send("4");
    // Where maps lay is what is to be done.
    terminal.wait(&["Examples ▸ maps:0", "there is no index of this folder yet", "i makes it"]);
    terminal.send("i");
    terminal.wait(&["index complete, 3 new pictures"]);
    let screen = terminal.wait(&["top pictures · by max · picture", "3, complete", "red.png", "dark.png", "ready"]);
    assert!(screen.contains("silent"), "{screen}");
    terminal.send("l");
    terminal.wait(&["Examples ▸ maps:1", "silent for every picture"]);
    terminal.send("luoG");
    // The layer answers to the blue one, and not to the others.
    terminal.wait(&[
        "Examples ▸ maps:2",
        "by mean · crop · of 2 kinds, a row each",
        "A blue.png",
        "B red.png",
        "ready",
    ]);
    // The neighbours of the class are units, and have top pictures too.
    terminal.send("6gh");
    terminal.wait(&["▸ logits:", "kernel", "enters", "adds", "top", "ready"]);
    // Icons may still be in the making: it would ask.
    terminal.send("Q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(terminal.is_restored());
}

#[test]
fn keys_walk_the_units_from_their_filters_to_their_maps() {
    let (studio, mut terminal) = opened(Kind::Plain, &[]);
    terminal.wait(&["Grad-CAM ▸ maps ▸ red", "ready"]);
    terminal.send("2");
    terminal.wait(&["Filters ▸ maps:0", "3 filters · in colours, zero is grey", "3 × 3 × 3", "ready"]);
    terminal.send("l");
    terminal.wait(&["Filters ▸ maps:1", "ready"]);
    terminal.send("\r");
    terminal.wait(&["maps:1 at work · row", "sum + bias", "✓ as the network computes it", "ready"]);
    terminal.send("\r");
    terminal.send("3");
    terminal.wait(&["Maps ▸ maps:1", "3 feature maps · after the activation", "channels dead in 1 picture", "ready"]);
    terminal.send("J");
    terminal.wait(&["b.png ▸ Maps ▸ maps:1", "channels dead in 2 pictures", "ready"]);
    terminal.send("a");
    terminal.wait(&["before the activation", "ready"]);
    terminal.send("\r");
    terminal.wait(&["its values, 32 × 32", "over the picture", "ready"]);
    terminal.send("\r");
    terminal.send("gumaps:2");
    terminal.wait(&["╭ units", "maps:2"]);
    terminal.send("\r");
    terminal.wait(&["Maps ▸ maps:2", "ready"]);
    terminal.send("Y");
    terminal.wait(&["copied: maps:2"]);
    terminal.send("e");
    terminal.wait(&["saved b-maps-maps.png"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(studio.path("b-maps-maps.png").exists());
}

#[test]
fn keys_walk_along_circuits_and_back() {
    let (studio, mut terminal) = opened(Kind::Plain, &[]);
    terminal.wait(&["Grad-CAM ▸ maps ▸ red", "ready"]);
    terminal.send("6");
    let screen = terminal.wait(&[
        "Circuits ▸ maps:0",
        "excites",
        "inhibits",
        "▸ picture:red",
        "kernel",
        "enters",
        "adds",
        "ready",
    ]);
    assert!(screen.contains("2 channels"), "{screen}");
    terminal.send("\r");
    terminal.wait(&["picture:red is where the way back ends"]);
    terminal.send("gh");
    terminal.wait(&["Circuits ▸ maps:0 ▸ logits:0", "fc:0", "▸ maps:0", "ready"]);
    terminal.send("J");
    terminal.wait(&["b.png ▸ Circuits ▸ maps:0 ▸ logits:0", "ready"]);
    terminal.send("\x7f");
    terminal.wait(&["b.png ▸ Circuits ▸ maps:0", "▸ picture:", "ready"]);
    terminal.send("u");
    terminal.wait(&["by what they add in all", "ready"]);
    terminal.send("y");
    terminal.wait(&["copied: lensor circuits b.png --model colours.onnx"]);
    terminal.send("e");
    terminal.wait(&["saved b-circuit-maps-0.png"]);
    // Icons may still be in the making: it would ask.
    terminal.send("Q");
    assert_eq!(terminal.exit_code(), 0);
    assert!(studio.path("b-circuit-maps-0.png").exists());
}

#[test]
fn a_mute_terminal_gets_half_blocks_and_keeps_its_keys() {
    let studio = Studio::new();
    studio.square("a.png", [220, 30, 30]);
    let arguments = ["colours.onnx", "a.png", "--device", "cpu"];
    let mut terminal = Terminal::start(Kind::Mute, studio.folder(), env!("CARGO_BIN_EXE_lensor"), &arguments, &[]);
    terminal.wait_for_bytes(b"\x1b[c");
    terminal.send("1");
    terminal.wait(&["as a person sees it", "halfblocks", "ready"]);
    // An answer that comes late is not typed: its 8 would open the path.
    terminal.send("\x1b_Gi=8;OK\x1b\\");
    terminal.send("?");
    terminal.wait(&["╭ keys"]);
    terminal.send("\x1b");
    terminal.wait(&["as a person sees it", "ready"]);
    terminal.send("Q");
    assert_eq!(terminal.exit_code(), 0);
}

#[test]
fn signals_leave_the_terminal_clean() {
    for (sent, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let (_studio, mut terminal) = opened(Kind::Kitty, &[]);
        terminal.wait(&["kitty", "ready"]);
        kill_process(terminal.process(), sent).unwrap();
        assert_eq!(terminal.exit_code(), code);
        assert!(terminal.is_restored(), "{sent:?}");
        let bytes = String::from_utf8_lossy(&terminal.bytes()).into_owned();
        let end = &bytes[bytes.rfind("\x1b[?1049l").unwrap().saturating_sub(400)..];
        assert!(end.contains("a=d,d=I,i="), "pictures are deleted: {end:?}");
    }
}

#[test]
fn a_closed_terminal_ends_the_program() {
    let (_studio, mut terminal) = opened(Kind::Plain, &[]);
    terminal.wait(&["ready"]);
    terminal.hang_up();
    assert_ne!(terminal.exit_code(), 0);
}

#[test]
fn an_interrupt_asks_and_a_second_one_ends_with_130() {
    let (_studio, mut terminal) = opened(Kind::Plain, &["--graphics", "halfblocks"]);
    terminal.wait(&["ready"]);
    terminal.send("\x03");
    terminal.wait(&["Quit lensor?"]);
    terminal.send("\x03");
    assert_eq!(terminal.exit_code(), 130);
    assert!(terminal.is_restored());
}

/// Run by the test below in a terminal of its own; anywhere else it does nothing.
#[test]
fn a_child_that_panics() {
    if std::env::var_os("LENSOR_TEST_CHILD").is_some() {
        let _screen = Screen::open(Depth::True, || {}).unwrap();
        panic!("a mistake of the program");
    }
}

#[test]
fn a_panic_leaves_the_terminal_clean_and_is_readable() {
    let program = std::env::current_exe().unwrap().display().to_string();
    let arguments = ["--exact", "a_child_that_panics", "--nocapture", "--test-threads", "1"];
    let folder = tempfile::tempdir().unwrap();
    let child = [("LENSOR_TEST_CHILD", "1")];
    let mut terminal = Terminal::start(Kind::Mute, folder.path(), &program, &arguments, &child);
    assert_ne!(terminal.exit_code(), 0);
    terminal.wait(&["a mistake of the program"]);
    assert!(terminal.is_restored());
}

/// The picture that `e` saves: exactly what was painted.
fn exported(studio: &Studio, terminal: &mut Terminal) -> RgbImage {
    terminal.send("e");
    terminal.wait(&["saved a-grad-cam-maps-red.png"]);
    image::open(studio.path("a-grad-cam-maps-red.png")).unwrap().to_rgb8()
}

#[test]
fn kitty_is_sent_the_painted_pixels() {
    let (studio, mut terminal) = opened(Kind::Kitty, &[]);
    terminal.wait(&["kitty", "Grad-CAM ▸ maps ▸ red", "ready"]);
    let painted = exported(&studio, &mut terminal);
    let sent = kitty_pictures(&terminal.bytes());
    let same = |png: &Vec<u8>| image::load_from_memory(png).unwrap().to_rgb8() == painted;
    assert!(sent.iter().any(same), "none of {} pictures is the painted one", sent.len());
}

#[test]
fn sixel_is_sent_the_painted_pixels() {
    let (studio, mut terminal) = opened(Kind::Sixel, &[]);
    terminal.wait(&["sixel", "Grad-CAM ▸ maps ▸ red", "ready"]);
    let painted = exported(&studio, &mut terminal);
    let sent = sixels(&terminal.bytes());
    // Sixel pictures are sent at the size of their cells: compare with the painted picture at that size. Its colours are
    // percentages of a palette, and what was scaled was the picture below the map.
    let closest = sent.iter().map(|bytes| {
        let decoded = icy_sixel::SixelImage::decode(bytes).unwrap();
        let expected = scale(&painted, decoded.width as u32, decoded.height as u32);
        let pairs = expected.pixels().zip(decoded.pixels.chunks(4));
        let total: u64 = pairs.flat_map(|(e, d)| (0..3).map(move |c| u64::from(e.0[c].abs_diff(d[c])))).sum();
        let large = decoded.width > 300;
        if large { total as f64 / (3 * decoded.width * decoded.height) as f64 } else { f64::INFINITY }
    });
    let closest = closest.fold(f64::INFINITY, f64::min);
    assert!(closest < 5.0, "mean difference {closest} of {} pictures", sent.len());
}

#[test]
fn wrong_starts_are_told_without_touching_the_screen() {
    let studio = Studio::new();
    let arguments = ["colours.onnx", "missing.png"];
    let program = env!("CARGO_BIN_EXE_lensor");
    let mut terminal = Terminal::start(Kind::Mute, studio.folder(), program, &arguments, &[]);
    assert_eq!(terminal.exit_code(), 1);
    terminal.wait(&["missing.png"]);
    assert!(!String::from_utf8_lossy(&terminal.bytes()).contains("\x1b[?1049h"));
}

#[test]
fn a_broken_network_is_explained_on_the_screen() {
    let studio = Studio::new();
    studio.square("a.png", [220, 30, 30]);
    std::fs::write(studio.path("broken.onnx"), b"not a network").unwrap();
    let program = env!("CARGO_BIN_EXE_lensor");
    let arguments = ["broken.onnx", "a.png", "--device", "cpu"];
    let mut terminal = Terminal::start(Kind::Plain, studio.folder(), program, &arguments, &[]);
    terminal.wait(&["no model", "broken.onnx", "Enter tries again"]);
    terminal.send("q");
    assert_eq!(terminal.exit_code(), 0);
}
