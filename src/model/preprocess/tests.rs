//! Numbers made with Pillow 13.0.0 and torchvision's geometry from the picture of [`pattern`], as hexadecimal RGB bytes.

use super::*;

/// `im.resize((8, 8), BILINEAR)`
const SQUASH_BILINEAR: &str = "608685807d807f817783747d85747e7282817d6b8c7d7f797e877a7e837d7f817881787d7d7c7b7b808379827a7e887a\
    79817d778183817d837f7c818976888580858a82827d7d7e7c80847c7d86817a88828284817d7c8a868686867e80887e\
    7e847b857a857f7d82828481817c77877b7a89827e82837f7f877d7f8482797c7e828379847d7e7b7e81857885817e7e\
    7e7d85868681827e7a81757e856f858679777e79808285737b87777d7b7d817c817869907670817e7d817d7976768686";

/// `im.resize((8, 8), BICUBIC)`
const SQUASH_BICUBIC: &str = "5b8786837c7f7f837783737c88727f71847f7f688f7d7f7780887a7d827d7f82787f797d7d7a7b7a82837784777e8a7a\
    7a817d778183837d827d7c838b7587847e868b83837c7b7c7c80857a7d87837989848284817b7c8b898886877d81877e\
    7d8479857a867d7c838186847f7c7688797989837e81847e80887f80858179797b828577847e7d797e82867687817e7e\
    7e7c85868782837f7881757e866e858979747d78838187707a86787c7a7d837e7f776694756f817e80827f7874758688";

/// `im.resize((8, 8), LANCZOS)`
const SQUASH_LANCZOS: &str = "5b8686857c7e7d827983747c89727e73827f7f68927e807581887a7d817d8084777f7b7c7f777c7984847486747f8a79\
    79827d768383847c817c7b83897587837e878d82847a7b7c7c7f857a7c89837a89858384817a7b8d8b8886887e81867c\
    7d84788679857d7c838188857e7c7688777a89827e81847f8189807e87807a777b818676857f7c787c81877687837e7d\
    7f7a8686878383807780737f866e858c7b717b77878087707986777c797c837f7e786396736d837e81817e7873738789";

/// Shorter side to 11, centre 8 × 8, bilinear.
const EDGE_BILINEAR: &str = "81807682867678807b8c628b7891616780977386837b82828679817780858b79727082949a6e8e8774808d7d898a808a\
    8873927a8d7a7d78928d707a7c7c8481778285898391928b7587808f798a898b8783807b85877489837b928c87898680\
    807380767c837f88817e847b797378817474816e798c787e717880848275828077868e7e7e7886867e806f86877d7386\
    8783738577737e7c7b817e7c8e7080907f64807c7c8a7a7e817c7c80787d7f747f7d5b9a7d648e7c84728a6e80867982";

/// `im.crop((0, 0, 5, 4)).resize((8, 8), BICUBIC)`
const ENLARGED: &str = "005bb6005bb6025db80863be0e69c31873cd2580e92f8afc005bb6025db80560bb0b66c1136ecd1e79db2d88c83792bb\
    025db80560bb0c67c2146fc81e79e12b86f83d988249a4300762bd0c67c11570cb1f7add2c87e03b96c550af495dbe00\
    0e69c41570ca207bd72c87ff3b96cb4da84165cb2073e1211974cf217cda2f8ae33e99db4fac8d64c00f7eb7228ead44\
    2782dd308bf1419cef53ae7667c82f7dde2e99774aab2a612d88e33792fc4aa5f55cb74672d50389ec3da6595eb9006f";

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
    use super::super::card::Interpolation::{Bicubic, Bilinear, Lanczos};
    let large = pattern(53, 37);
    let small = Picture { rgb: image::imageops::crop_imm(&large.rgb, 0, 0, 5, 4).to_image(), ..large.clone() };
    for (picture, resize, interpolation, expected) in [
        (&large, Resize::Squash, Bilinear, SQUASH_BILINEAR),
        (&large, Resize::Squash, Bicubic, SQUASH_BICUBIC),
        (&large, Resize::Squash, Lanczos, SQUASH_LANCZOS),
        (&large, Resize::ShortestEdge, Bilinear, EDGE_BILINEAR),
        (&small, Resize::Squash, Bicubic, ENLARGED),
    ] {
        let resize_to = (resize == Resize::ShortestEdge).then_some(11);
        let preprocess = card(InputCard { resize, resize_to, interpolation, ..plain() });
        let shown = preprocess.to_picture(&preprocess.prepare(picture).unwrap().input);
        for (got, wanted) in shown.as_raw().iter().zip(bytes(expected)) {
            assert!(got.abs_diff(wanted) <= 1, "{resize:?} {interpolation:?}: {got} is not {wanted}");
        }
    }
}

#[test]
fn grey_is_pillows_grey() {
    let preprocess = card(InputCard::plain(8, 8, Channels::Grey));
    let shown = preprocess.to_picture(&preprocess.prepare(&pattern(53, 37)).unwrap().input);
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
        assert_eq!(preprocess.to_picture(&prepared.input), picture.rgb);
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
