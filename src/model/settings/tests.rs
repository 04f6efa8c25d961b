use prost::Message;

use super::*;
use crate::fixtures::with_input;
use crate::onnx::build::GraphBuilder;
use crate::onnx::proto::{ModelProto, StringStringEntryProto};
use crate::onnx::{DataType, Dim, Model};

fn opened(shape: [usize; 3], metadata: &[(&str, &str)]) -> Opened {
    let mut bytes = with_input(shape).into_model(17);
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto { key: (*key).into(), value: (*value).into() };
    let more = ModelProto { metadata_props: metadata.iter().map(entry).collect(), ..Default::default() };
    bytes.extend(more.encode_to_vec());
    named(bytes, None)
}

fn named(bytes: Vec<u8>, folder: Option<PathBuf>) -> Opened {
    Opened { name: "net".to_owned(), model: Model::from_bytes(bytes, folder).unwrap(), card: None }
}

fn with_card(mut opened: Opened, text: &str) -> (Opened, Origin) {
    let place = CardPlace::File("c.toml".into());
    opened.card = Some((Card::parse(text).unwrap(), place.clone()));
    (opened, Origin::Card(place))
}

fn settled(opened: &Opened, scores: Scores, overrides: &Overrides) -> Result<Settings, SettingsError> {
    let input = ImageInput::find(opened.model.graph())?;
    Sources::gather(opened, &input, overrides)?.settle(opened, scores)
}

fn plainly(opened: &Opened, count: usize) -> Result<Settings, SettingsError> {
    settled(opened, Scores { count, ends_in: None }, &Overrides::default())
}

fn flags(said: Said) -> Overrides {
    Overrides { labels: None, said }
}

#[test]
fn a_thousand_classes_mean_imagenet_and_anything_else_is_plain() {
    let imagenet = plainly(&opened([3, 224, 200], &[]), 1000).unwrap();
    assert_eq!(imagenet.card.input, InputCard::imagenet(224, 200));
    assert_eq!((imagenet.origins.mean, imagenet.origins.labels), (Origin::ImageNet, Origin::ImageNet));
    assert_eq!((imagenet.labels.name(340).as_str(), imagenet.origins.size), ("zebra", Origin::Input));
    let digits = plainly(&opened([1, 28, 28], &[]), 10).unwrap();
    assert_eq!(digits.card.input, InputCard::plain(28, 28, Channels::Grey));
    assert_eq!((digits.labels.name(7).as_str(), digits.origins.labels), ("class 7", Origin::Default));
    let background = plainly(&opened([3, 224, 224], &[]), 1001).unwrap();
    assert_eq!((background.card.input.mean, background.card.input.std), (vec![0.5], vec![0.5]));
}

#[test]
fn metadata_go_before_habits() {
    let metadata = [("Image.BitmapPixelFormat", "Bgr8"), ("Image.NominalPixelRange", "NominalRange_0_255")];
    let settled = plainly(&opened([3, 224, 224], &metadata), 1000).unwrap();
    assert_eq!((settled.card.input.channels, settled.card.input.scale), (Channels::Bgr, 1.0));
    assert_eq!((settled.origins.channels, settled.origins.mean), (Origin::Metadata, Origin::Metadata));
    let grey = plainly(&opened([1, 224, 224], &metadata), 10).unwrap();
    assert_eq!((grey.card.input.channels, grey.origins.mean), (Channels::Grey, Origin::Default), "they do not fit");
}

#[test]
fn a_card_goes_before_everything_but_the_user() {
    let text = "name = 'c'\n[input]\nheight = 32\nwidth = 32\n[output]\nlabels = ['cat', 'dog']";
    let (opened, card) = with_card(opened([3, 32, 32], &[]), text);
    let plain = plainly(&opened, 3).unwrap();
    assert_eq!(plain.labels.names(), ["cat", "dog", "class 2"]);
    assert_eq!((&plain.origins.labels, &plain.origins.mean), (&card, &card));
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "a\nb\nc").unwrap();
    let said = Said { resize: Some(Resize::ShortestEdge), mean: Some(vec![0.1, 0.2, 0.3]), ..Said::default() };
    let overrides = Overrides { labels: Some(labels), said };
    let given = settled(&opened, Scores { count: 3, ends_in: None }, &overrides).unwrap();
    assert_eq!((given.labels.names()[2].as_str(), given.card.input.resize), ("c", Resize::ShortestEdge));
    assert_eq!(given.card.input.mean, [0.1, 0.2, 0.3]);
    assert_eq!(
        (given.origins.labels, given.origins.resize, given.origins.mean),
        (Origin::User, Origin::User, Origin::User)
    );
    assert_eq!(given.origins.std, card);
}

#[test]
fn what_must_be_heeded_and_contradicts_the_network_is_an_error() {
    let (opened, _) = with_card(opened([3, 32, 32], &[]), "name = 'c'\n[input]\nheight = 64\nwidth = 32");
    let error = plainly(&opened, 2).unwrap_err().to_string();
    assert!(["64 × 32", "c.toml", "[batch, 3, 32, 32]"].iter().all(|part| error.contains(part)), "{error}");
    let error = settled(
        &opened,
        Scores { count: 2, ends_in: None },
        &flags(Said { channels: Some(Channels::Grey), ..Said::default() }),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("grey") && error.contains("given"), "{error}");
}

#[test]
fn a_free_size_is_what_is_said_or_the_usual() {
    let mut builder = GraphBuilder::new("t");
    let any = |name: &str| Dim::Symbol(name.to_owned());
    builder.input("x", DataType::Float, &[any("n"), Dim::Fixed(3), any("h"), any("w")]);
    let opened = named(builder.into_model(17), None);
    let usual = plainly(&opened, 10).unwrap();
    assert_eq!((usual.card.input.height, usual.origins.size), (224, Origin::Default));
    let said = Said { size: Some([96, 128]), resize_to: Some(140), ..Said::default() };
    let given = settled(&opened, Scores { count: 10, ends_in: None }, &flags(said)).unwrap();
    assert_eq!((given.card.input.height, given.card.input.width, given.card.input.resize_to), (96, 128, Some(140)));
    assert_eq!((given.origins.size, given.origins.resize), (Origin::User, Origin::User));
}

#[test]
fn whole_numbers_are_the_pixels_themselves() {
    let mut builder = GraphBuilder::new("t");
    builder.input("x", DataType::Uint8, &[1, 224, 224, 3].map(Dim::Fixed));
    let settled = plainly(&named(builder.into_model(17), None), 1000).unwrap();
    assert_eq!((settled.card.input.scale, settled.card.input.mean), (1.0, vec![0.0]));
    assert_eq!((settled.origins.scale, settled.origins.mean), (Origin::Input, Origin::Input));
}

#[test]
fn probabilities_are_made_as_is_said_or_as_the_network_ends() {
    let settled = |opened: &Opened, count, ends_in| {
        let settled = settled(opened, Scores { count, ends_in }, &Overrides::default()).unwrap();
        (settled.activation, settled.origins.activation, settled.labels.len())
    };
    let plain = opened([3, 32, 32], &[]);
    assert_eq!(settled(&plain, 4, None), (Activation::Softmax, Origin::Default, 4));
    assert_eq!(settled(&plain, 4, Some(Activation::Sigmoid)), (Activation::Sigmoid, Origin::Ending, 4));
    assert_eq!(settled(&plain, 1, Some(Activation::Sigmoid)), (Activation::Sigmoid, Origin::Ending, 2));
    assert_eq!(settled(&plain, 1, None), (Activation::None, Origin::Default, 1));
    let text = "name = 'c'\n[input]\nheight = 32\nwidth = 32\n[output]\n";
    let (by_word, card) = with_card(plain.clone(), &format!("{text}activation = 'sigmoid'"));
    assert_eq!(settled(&by_word, 1, None), (Activation::Sigmoid, card.clone(), 2));
    let (by_names, _) = with_card(plain, &format!("{text}labels = ['sound', 'cracked']"));
    assert_eq!(settled(&by_names, 1, None), (Activation::Sigmoid, card, 2));
}

#[test]
fn the_publishers_files_are_read_and_their_order_counts() {
    let folder = tempfile::tempdir().unwrap();
    let processor = r#"{"size": {"shortest_edge": 40}, "do_center_crop": true, "crop_size": 32, "resample": 3,
                        "image_mean": [0.5, 0.4, 0.3], "rescale_factor": 0.5}"#;
    let config = r#"{"id2label": {"1": "dog", "0": "cat"}, "pretrained_cfg": {"mean": [0.1, 0.1, 0.1], "std": [0.2]}}"#;
    std::fs::write(folder.path().join("preprocessor_config.json"), processor).unwrap();
    std::fs::write(folder.path().join("config.json"), config).unwrap();
    std::fs::create_dir(folder.path().join("onnx")).unwrap();
    let bytes = with_input([3, 32, 32]).into_model(17);
    let inside = named(bytes, Some(folder.path().join("onnx")));
    let Settings { card, origins, labels, .. } = plainly(&inside, 2).unwrap();
    let input = card.input;
    assert_eq!((input.resize, input.resize_to), (Resize::ShortestEdge, Some(40)));
    assert_eq!((input.interpolation, input.scale), (Interpolation::Bicubic, 0.5));
    assert_eq!(
        (input.mean, input.std, labels.names()),
        (vec![0.5, 0.4, 0.3], vec![0.2], &["cat", "dog"].map(str::to_owned)[..])
    );
    assert_eq!(origins.mean, Origin::Hub(folder.path().join("preprocessor_config.json")));
    assert_eq!(origins.labels, Origin::Hub(folder.path().join("config.json")));
    std::fs::write(folder.path().join("config.json"), "{").unwrap();
    assert!(plainly(&inside, 2).unwrap_err().to_string().contains("config.json"));
}
