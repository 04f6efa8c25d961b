use prost::Message;

use super::*;
use crate::fixtures::with_input;
use crate::onnx::proto::{ModelProto, StringStringEntryProto};

fn opened(shape: [usize; 3], metadata: &[(&str, &str)]) -> Opened {
    let mut bytes = with_input(shape).into_model(17);
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto { key: (*key).into(), value: (*value).into() };
    let more = ModelProto { metadata_props: metadata.iter().map(entry).collect(), ..Default::default() };
    bytes.extend(more.encode_to_vec());
    Opened { name: "net".to_owned(), model: Model::from_bytes(bytes, None).unwrap(), card: None }
}

fn scores(count: usize) -> Scores {
    Scores { count, ends_in: None }
}

fn settle_plainly(opened: &Opened, classes: usize) -> Result<Settings, SettingsError> {
    let input = ImageInput::find(opened.model.graph())?;
    settle(opened, &input, scores(classes), &Overrides::default())
}

#[test]
fn a_thousand_classes_mean_imagenet_and_anything_else_is_plain() {
    let imagenet = settle_plainly(&opened([3, 224, 200], &[]), 1000).unwrap();
    assert_eq!(imagenet.card.input, InputCard::imagenet(224, 200));
    assert_eq!((imagenet.origins.pixels, imagenet.origins.labels), (Origin::ImageNet, Origin::ImageNet));
    assert_eq!((imagenet.labels.name(340).as_str(), imagenet.origins.size), ("zebra", Origin::Input));
    let digits = settle_plainly(&opened([1, 28, 28], &[]), 10).unwrap();
    assert_eq!(digits.card.input, InputCard::plain(28, 28, Channels::Grey));
    assert_eq!((digits.labels.name(7).as_str(), digits.origins.labels), ("class 7", Origin::Default));
}

#[test]
fn metadata_go_before_habits() {
    let metadata = [("Image.BitmapPixelFormat", "Bgr8"), ("Image.NominalPixelRange", "NominalRange_0_255")];
    let settled = settle_plainly(&opened([3, 224, 224], &metadata), 1000).unwrap();
    assert_eq!((settled.card.input.channels, settled.card.input.scale), (Channels::Bgr, 1.0));
    assert_eq!(settled.origins.pixels, Origin::Metadata);
}

#[test]
fn a_card_goes_before_everything_but_the_user() {
    let mut opened = opened([3, 32, 32], &[]);
    let text = "name = 'c'\n[input]\nheight = 32\nwidth = 32\n[output]\nlabels = ['cat', 'dog']";
    let place = CardPlace::File("c.toml".into());
    opened.card = Some((Card::parse(text).unwrap(), place.clone()));
    let settled = settle_plainly(&opened, 3).unwrap();
    assert_eq!(settled.labels.names(), ["cat", "dog", "class 2"]);
    assert_eq!(settled.origins.labels, Origin::Card(place));
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "a\nb\nc").unwrap();
    let overrides = Overrides { labels: Some(labels), resize: Some(Resize::ShortestEdge) };
    let input = ImageInput::find(opened.model.graph()).unwrap();
    let settled = settle(&opened, &input, scores(3), &overrides).unwrap();
    assert_eq!((settled.labels.names()[2].as_str(), settled.card.input.resize), ("c", Resize::ShortestEdge));
    assert_eq!((settled.origins.labels, settled.origins.resize), (Origin::User, Origin::User));
}

#[test]
fn a_card_that_contradicts_the_network_is_an_error() {
    let mut opened = opened([3, 32, 32], &[]);
    let text = "name = 'c'\n[input]\nheight = 64\nwidth = 32";
    opened.card = Some((Card::parse(text).unwrap(), CardPlace::File("c.toml".into())));
    let error = settle_plainly(&opened, 2).unwrap_err().to_string();
    assert!(error.contains("64 × 32") && error.contains("32 × 32"), "{error}");
}

#[test]
fn inputs_that_are_no_pictures_are_listed() {
    for shape in [[7, 32, 32], [3, 1 << 40, 8]] {
        let error = settle_plainly(&opened(shape, &[]), 2).unwrap_err().to_string();
        let [channels, height, width] = shape;
        assert!(error.contains(&format!("[n, {channels}, {height}, {width}]")), "{error}");
    }
}

#[test]
fn probabilities_are_made_as_the_card_says_or_as_the_network_ends() {
    let mut opened = opened([3, 32, 32], &[]);
    let settled = |opened: &Opened, count, ends_in| {
        let input = ImageInput::find(opened.model.graph()).unwrap();
        let settled = settle(opened, &input, Scores { count, ends_in }, &Overrides::default()).unwrap();
        (settled.activation, settled.origins.activation, settled.labels.len())
    };
    assert_eq!(settled(&opened, 4, None), (Activation::Softmax, Origin::Default, 4));
    assert_eq!(settled(&opened, 4, Some(Activation::Sigmoid)), (Activation::Sigmoid, Origin::Ending, 4));
    assert_eq!(settled(&opened, 1, Some(Activation::Sigmoid)), (Activation::Sigmoid, Origin::Ending, 2));
    assert_eq!(settled(&opened, 1, None), (Activation::None, Origin::Default, 1));
    let text = "name = 'c'\n[input]\nheight = 32\nwidth = 32\n[output]\nactivation = 'sigmoid'";
    let place = CardPlace::File("c.toml".into());
    opened.card = Some((Card::parse(text).unwrap(), place.clone()));
    assert_eq!(settled(&opened, 1, None), (Activation::Sigmoid, Origin::Card(place), 2));
}
