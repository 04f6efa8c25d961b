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

/// Dots of 256 colours; one of 4 × 2 cells lies over them at a cell.
fn mosaic(graphics: Graphics, tmux: bool, dark: (u32, u32)) -> (RgbImage, Arc<Encoded>) {
    let tall = if tmux { 18 } else { 20 };
    let encoding = Encoding { graphics, cell: (10, tall as u16), registers: 256, tmux };
    let inside =
        |x: u32, y: u32| (dark.0..dark.0 + 4).contains(&(x / 10)) && (dark.1..dark.1 + 2).contains(&(y / tall));
    let pixels = RgbImage::from_fn(140, 5 * tall, |x, y| match inside(x, y) {
        true => image::Rgb([0; 3]),
        false => image::Rgb([(x / 10 * 18) as u8, (y / 10 * 25) as u8, 99]),
    });
    let encoded = Arc::new(encoding.encode(&pixels, Size::new(14, 5), 0).unwrap());
    (pixels, encoded)
}

const WIDE: Rect = Rect::new(3, 0, 14, 5);

/// Paints the sixel pictures of a frame over what was there.
fn paint(screen: &mut RgbImage, out: &str) -> usize {
    let mut count = 0;
    for (at, _) in out.match_indices("\x1bP") {
        let place = out[..at].rsplit_once("\x1b[").unwrap().1.trim_end_matches('H');
        let (row, column) = place.split_once(';').unwrap();
        let (x, y) = ((column.parse::<u32>().unwrap() - 4) * 10, (row.parse::<u32>().unwrap() - 1) * 20);
        let end = out[at..].find("\x1b\\").unwrap() + 2;
        let raster = out[at..].split('"').nth(1).unwrap().split('#').next().unwrap();
        let height: u32 = raster.rsplit(';').next().unwrap().parse().unwrap();
        let picture = icy_sixel::SixelImage::decode(&out.as_bytes()[at..at + end]).unwrap();
        for (at, pixel) in picture.pixels.chunks(4).enumerate().take(picture.width * height as usize) {
            let (dx, dy) = ((at % picture.width) as u32, (at / picture.width) as u32);
            screen.put_pixel(x + dx, y + dy, image::Rgb([pixel[0], pixel[1], pixel[2]]));
        }
        count += 1;
    }
    count
}

#[test]
fn of_a_sixel_picture_that_differs_in_part_only_the_cells_are_written_that_do() {
    let mut writer = Writer::new(Depth::True);
    let mut screen = RgbImage::new(140, 100);
    let mut sizes = Vec::new();
    for (dark, parts) in [((0, 0), 1), ((8, 3), 2), ((7, 3), 2), ((7, 3), 0), ((2, 0), 2)] {
        let (pixels, encoded) = mosaic(Graphics::Sixel, false, dark);
        let out = drawn(&mut writer, frame("x", vec![(WIDE, encoded)]));
        assert_eq!(paint(&mut screen, &out), parts, "{dark:?}");
        let worst = screen.iter().zip(pixels.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(worst <= 2, "{dark:?}: {worst}; sixel colours are percentages");
        sizes.push(out.len());
    }
    assert!(sizes[1..].iter().all(|size| size * 2 < sizes[0]), "{sizes:?}");
}

#[test]
fn parts_of_a_kitty_picture_lie_above_it_until_it_is_drawn_whole_or_leaves() {
    let mut writer = Writer::new(Depth::True);
    let show =
        |writer: &mut Writer, dark| drawn(writer, frame("x", vec![(WIDE, mosaic(Graphics::Kitty, false, dark).1)]));
    show(&mut writer, (0, 0));
    let part = show(&mut writer, (1, 0));
    let id = kitty::part(0);
    assert!(part.contains(&format!("i={id},p=1,q=2,C=1,c=1,r=2")) && !part.contains("a=d"), "{part:?}");
    let gone = drawn(&mut writer, frame("x", vec![]));
    assert!([kitty::ids(0)[1], id, id + 1].iter().all(|id| gone.contains(&format!("a=d,d=I,i={id},"))), "{gone:?}");
    show(&mut writer, (0, 0));
    for step in 0..32 {
        assert!(!show(&mut writer, (1 - step % 2, 0)).contains("a=d"), "{step}");
    }
    let whole = show(&mut writer, (1, 0));
    assert_eq!(whole.matches("a=d,d=I").count(), 65, "its twin and all parts: {whole:?}");
}

#[test]
fn behind_tmux_a_picture_is_soon_drawn_whole_again() {
    let mut writer = Writer::new(Depth::True);
    let mut show = |dark| drawn(&mut writer, frame("x", vec![(WIDE, mosaic(Graphics::Sixel, true, dark).1)])).len();
    let whole = show((0, 0));
    let sizes: Vec<usize> = (1..12).map(|step| show((step % 2, 0))).collect();
    assert!(sizes[0] * 2 < whole && sizes[1] * 2 > whole, "{whole} {sizes:?}");
}

/// tmux keeps the last 9 of all that were written, whether or not they can be seen.
#[test]
fn what_tmux_lets_go_of_is_drawn_again() {
    let mut writer = Writer::new(Depth::True);
    let areas: Vec<Rect> = (0..6).map(|at| Rect::new(at * 20, 0, 14, 5)).collect();
    let [still, one, two] = [(0, 0), (1, 0), (5, 3)].map(|dark| mosaic(Graphics::Sixel, true, dark).1);
    let mut written: Vec<(u32, usize)> = Vec::new();
    for step in 0..60 {
        let moving = if step % 2 == 0 { &one } else { &two };
        let mut shown = frame("x", vec![]);
        shown.cells.resize(Rect::new(0, 0, 120, 6));
        for (place, area) in areas.iter().enumerate() {
            let picture = if place == 0 { moving } else { &still }.clone();
            shown.pictures.push(Placed { place: place as u32, area: *area, picture });
        }
        let out = drawn(&mut writer, shown);
        for (at, _) in out.match_indices("\x1bP") {
            let place = out[..at].rsplit_once("\x1b[").unwrap().1.trim_end_matches('H');
            let column: u32 = place.split_once(';').unwrap().1.parse().unwrap();
            written.push((column / 20, step));
        }
        let kept = &written[written.len().saturating_sub(9)..];
        for place in 0..6 {
            assert!(kept.iter().any(|(other, _)| *other == place), "{place} at {step}: {kept:?}");
        }
    }
    assert!(written.len() < 60 * 6, "{} pictures", written.len());
}

#[test]
fn pictures_that_are_not_begun_are_left_to_a_newer_frame() {
    let mut writer = Writer::new(Depth::True);
    let two = |text: &str, first: Arc<Encoded>, second: Arc<Encoded>| {
        let mut frame = frame(text, vec![(AREA, first)]);
        frame.pictures.push(Placed { place: 1, area: Rect { y: 3, ..AREA }, picture: second });
        frame
    };
    let [a, b, c] = [1, 90, 200].map(|shade| picture(Graphics::Sixel, shade));
    drawn(&mut writer, two("one", a.clone(), a.clone()));
    let mut asked = 0;
    let mut out = Vec::new();
    let mut newer = |_: &mut Vec<u8>| {
        asked += 1;
        Ok(asked == 2)
    };
    let mut over = two("two", b.clone(), b.clone());
    over.cells.set_string(3, 3, "x", ratatui::style::Style::new());
    writer.draw_until(over, &mut out, &mut newer).unwrap();
    let first = String::from_utf8(out).unwrap();
    assert!(first.contains("two") && first.ends_with("\x1b[?2026l"), "{first:?}");
    assert_eq!(first.matches("\x1bP").count(), 1, "the second picture is left out");
    // The one that was left out is not what it was: it was written over.
    let mut same = two("three", b.clone(), a);
    same.cells.set_string(3, 3, "x", ratatui::style::Style::new());
    let second = drawn(&mut writer, same);
    assert_eq!(second.matches("\x1bP").count(), 1, "{second:?}");
    let third = drawn(&mut writer, two("four", c, b));
    assert_eq!(third.matches("\x1bP").count(), 2);
}
