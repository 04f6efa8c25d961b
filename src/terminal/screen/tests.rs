use image::RgbImage;
use ratatui::layout::Size;

use super::*;
use crate::terminal::graphics::Graphics;
use crate::terminal::picture::Encoding;

fn picture(graphics: Graphics, shade: u8) -> Arc<Encoded> {
    let encoding = Encoding { graphics, cell: (10, 20), registers: 256, tmux: false };
    let pixels = RgbImage::from_pixel(40, 40, image::Rgb([shade, 0, 0]));
    Arc::new(encoding.encode(&pixels, Size::new(4, 2), 0).unwrap())
}

fn frame(text: &str, pictures: Vec<(Rect, Arc<Encoded>)>) -> Frame {
    let mut cells = Buffer::empty(Rect::new(0, 0, 20, 6));
    cells.set_string(0, 5, text, ratatui::style::Style::new());
    let pictures = pictures.into_iter().map(|(area, picture)| Placed { place: 0, area, picture }).collect();
    Frame { cells, pictures, cursor: None }
}

fn drawn(writer: &mut Writer, frame: Frame) -> String {
    let mut out = Vec::new();
    writer.draw(frame, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

const AREA: Rect = Rect::new(2, 1, 4, 2);

#[test]
fn a_picture_is_written_once_and_again_only_when_it_changes() {
    let mut writer = Writer::new(Depth::True);
    let red = picture(Graphics::Sixel, 200);
    let first = drawn(&mut writer, frame("one", vec![(AREA, red.clone())]));
    assert!(first.starts_with("\x1b[?2026h") && first.ends_with("\x1b[?2026l"));
    assert!(first.contains("\x1b[2;3H\x1bP"), "the picture starts at its place");
    let second = drawn(&mut writer, frame("two", vec![(AREA, red)]));
    assert!(second.contains("two") && !second.contains("\x1bP"));
    let third = drawn(&mut writer, frame("two", vec![(AREA, picture(Graphics::Sixel, 90))]));
    assert!(third.contains("\x1bP") && !third.contains("two"));
}

#[test]
fn a_sixel_picture_that_leaves_is_written_over() {
    let mut writer = Writer::new(Depth::True);
    drawn(&mut writer, frame("x", vec![(AREA, picture(Graphics::Sixel, 200))]));
    let after = drawn(&mut writer, frame("x", vec![]));
    assert_eq!(after.matches(' ').count(), 8, "{after:?}");
}

#[test]
fn a_kitty_picture_alternates_between_two_ids_and_is_deleted_when_it_leaves() {
    let mut writer = Writer::new(Depth::True);
    let [a, b] = kitty::ids(0);
    let first = drawn(&mut writer, frame("x", vec![(AREA, picture(Graphics::Kitty, 1))]));
    let second = drawn(&mut writer, frame("x", vec![(AREA, picture(Graphics::Kitty, 2))]));
    assert!(first.contains(&format!("i={b},p=1")) && second.contains(&format!("i={a},p=1")));
    assert!(second.contains(&format!("a=d,d=I,i={b}")));
    let gone = drawn(&mut writer, frame("x", vec![]));
    assert!(gone.contains(&format!("a=d,d=I,i={a}")));
}

#[test]
fn half_blocks_are_cells_and_follow_the_depth_of_the_terminal() {
    let mut writer = Writer::new(Depth::Indexed);
    let out = drawn(&mut writer, frame("x", vec![(AREA, picture(Graphics::Halfblocks, 255))]));
    assert!(out.contains("38;5;196") || out.contains("48;5;196"), "{out:?}");
}

#[test]
fn a_resize_starts_from_a_clear_screen() {
    let mut writer = Writer::new(Depth::True);
    drawn(&mut writer, frame("x", vec![(AREA, picture(Graphics::Kitty, 1))]));
    let mut larger = frame("x", vec![]);
    larger.cells.resize(Rect::new(0, 0, 30, 6));
    let out = drawn(&mut writer, larger);
    assert!(out.contains("\x1b[2J") && out.contains("a=d,d=I"));
}
