//! Against Pillow and torchvision's geometry (tests/reference/resize.py).

use ndarray::{Ix3, OwnedRepr};
use ndarray_npy::NpzReader;

use super::*;

/// `im.convert("L").resize((8, 8), BILINEAR)`
const GREY: &str = "7b7f807a7a7d747e83817f7b7c7f7e847f7e7f7d7d82847d7f7e7e827e878585817f7e837d7e848284827b827f7d7e7f\
    7f867f7a797d7b82827c7e72747e7a81";

/// A 53 × 37 picture without symmetries.
fn pattern(width: u32, height: u32) -> Picture {
    let value = |x: u32, y: u32, c: u32| ((x * x * 3 + y * y * 5 + x * y * 7 + c * 91) % 256) as u8;
    let rgb = RgbImage::from_fn(width, height, |x, y| Rgb([value(x, y, 0), value(x, y, 1), value(x, y, 2)]));
    Picture::opaque("pattern", rgb)
}

fn card(input: InputCard) -> Preprocess {
    input.check().unwrap();
    Preprocess(input)
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

fn plain() -> InputCard {
    InputCard::plain(8, 8, Channels::Rgb)
}

#[test]
fn scaling_is_within_one_grey_level_of_pillow() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference/resize.npz");
    let mut file = NpzReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let names = file.names().unwrap();
    let mut array = |name: &str| file.by_name::<OwnedRepr<u8>, Ix3>(name).unwrap();
    let mut wrong = Vec::new();
    for name in names.iter().filter_map(|name| name.trim_end_matches(".npy").strip_prefix("result/")) {
        let words: Vec<&str> = name.split(' ').collect();
        let &[source, size, resize, to, filter] = words.as_slice() else { panic!("{name}") };
        let (height, width) = size.split_once('x').unwrap();
        let (pixels, expected) = (array(&format!("source/{source}")), array(&format!("result/{name}")));
        let picture = of_pixels(&pixels);
        let channels = if pixels.dim().2 == 4 { Channels::Rgba } else { Channels::Rgb };
        let preprocess = card(InputCard {
            resize: resize.parse().unwrap(),
            resize_to: to.parse().ok().filter(|side| *side > 0),
            interpolation: filter.parse().unwrap(),
            scale: 1.0,
            ..InputCard::plain(height.parse().unwrap(), width.parse().unwrap(), channels)
        });
        let input = preprocess.prepare(&picture).unwrap().input;
        // Colours count as much as they are opaque: what is clear has none.
        let opacity = |y, x| expected.get([y, x, 3]).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
        let off = |((y, x, c), wanted): ((usize, usize, usize), &u8)| {
            let off = (input[[c, y, x]] - f32::from(*wanted)).abs();
            if c == 3 { off } else { off * opacity(y, x) }
        };
        let worst = expected.indexed_iter().map(off).fold(0.0, f32::max);
        // Colour and opacity are each within one level.
        let most = if channels == Channels::Rgba { 2.0 } else { 1.0 };
        if worst > most {
            wrong.push(format!("{name}: {worst}"));
        }
    }
    assert!(names.len() > 100 && wrong.is_empty(), "{wrong:#?}");
}

/// A picture of `[height, width, 3 or 4]` pixels.
fn of_pixels(pixels: &Array3<u8>) -> Picture {
    let (height, width, channels) = pixels.dim();
    let raw = pixels.as_standard_layout().iter().copied().collect();
    let size = (width as u32, height as u32);
    if channels == 3 {
        return Picture::opaque("pixels", RgbImage::from_raw(size.0, size.1, raw).unwrap());
    }
    let rgba = image::RgbaImage::from_raw(size.0, size.1, raw).unwrap();
    Picture { beyond: Some(Beyond::Rgba(rgba)), ..Picture::opaque("pixels", RgbImage::new(size.0, size.1)) }
}

#[test]
fn grey_is_pillows_grey() {
    let preprocess = card(InputCard::plain(8, 8, Channels::Grey));
    let input = preprocess.prepare(&pattern(53, 37)).unwrap().input;
    let shown = preprocess.to_picture(&input, &input);
    for (got, wanted) in shown.pixels().zip(bytes(GREY)) {
        assert!(got.0[0].abs_diff(wanted) <= 1 && got.0[0] == got.0[2]);
    }
}

#[test]
fn normalisation_follows_the_channel_order_and_can_be_undone() {
    let moments = InputCard { mean: vec![0.5, 0.25, 0.0], std: vec![0.5, 1.0, 2.0], ..plain() };
    let rgb = card(moments.clone());
    assert_eq!(rgb.value_of([255, 0, 255]), [1.0, -0.25, 0.5]);
    let bgr = card(InputCard { channels: Channels::Bgr, ..moments });
    assert_eq!(bgr.value_of([255, 0, 0]), [-1.0, -0.25, 0.5]);
    let picture = pattern(8, 8);
    for preprocess in [rgb, bgr] {
        let prepared = preprocess.prepare(&picture).unwrap();
        assert_eq!(preprocess.to_picture(&prepared.input, &prepared.input), picture.rgb);
        let value = preprocess.value_of(picture.rgb.get_pixel(3, 5).0);
        assert!((0..3).all(|channel| prepared.input[[channel, 5, 3]] == value[channel]));
    }
}

#[test]
fn the_region_is_what_the_network_sees_of_the_view() {
    let edge = card(InputCard { resize: Resize::ShortestEdge, ..plain() });
    let prepared = edge.prepare(&pattern(4096, 2048)).unwrap();
    assert_eq!(prepared.view.dimensions(), (1024, 512));
    assert_eq!(prepared.region, Rect { x: 256.0, y: 0.0, width: 512.0, height: 512.0 });
    let squash = card(plain()).prepare(&pattern(40, 30)).unwrap();
    assert_eq!(squash.region, Rect { x: 0.0, y: 0.0, width: 40.0, height: 30.0 });
}

#[test]
fn odd_pictures_are_prepared_too() {
    for (width, height) in [(1, 1), (20000, 10), (10, 20000), (1, 3000)] {
        for resize in [Resize::Squash, Resize::ShortestEdge] {
            let preprocess = card(InputCard { resize, resize_to: Some(256), ..InputCard::imagenet(224, 224) });
            let prepared = preprocess.prepare(&pattern(width, height)).unwrap();
            assert_eq!(prepared.input.dim(), (3, 224, 224));
            assert!(prepared.view.width() <= 1024 && prepared.view.height() >= 1);
        }
    }
    let empty = Picture::opaque("none", RgbImage::new(0, 4));
    assert!(matches!(card(plain()).prepare(&empty), Err(PreprocessError::Empty { .. })));
}

#[test]
fn arrays_on_a_path_are_shown_over_one_range() {
    let preprocess = card(InputCard::plain(1, 2, Channels::Other(5)));
    let whole = Array3::from_shape_fn((5, 1, 2), |(_, _, x)| x as f32);
    let half = preprocess.to_picture(&(&whole * 0.5), &whole);
    assert_eq!((half.get_pixel(0, 0).0, half.get_pixel(1, 0).0), ([0; 3], [128; 3]));
}
