//! A state with a small made-up network, for tests of what follows from messages and of what is drawn.

use std::sync::Arc;

use image::RgbImage;
use ndarray::{Array1, Array2, Array3, Array4};

use super::state::{Start, State};
use super::update::{Effect, Msg, update};
use crate::attribution::{AlphaPath, Attribution, Completeness, MethodId, Raw};
use crate::config::theme::{Theme, Themes};
use crate::index::examples::{Example, Unit};
use crate::index::store::Extent;
use crate::interpretation::circuits::{self, Circuit, Contributions, Place};
use crate::interpretation::feature_maps::{FeatureMaps, Side};
use crate::interpretation::filters::{Filters, Folded};
use crate::interpretation::prototypes::ranking::Entry;
use crate::interpretation::prototypes::tally::{Sighting, Tally};
use crate::jobs::climb::{Climb, Way};
use crate::jobs::examples::{Deaths, Gallery, Kinds};
use crate::jobs::icons::Icons;
use crate::jobs::painter::Made;
use crate::jobs::{Event, Explained, Facts, Key, Outcome, Pulled, Request, Seen};
use crate::look::Look;
use crate::model::card::{Card, InputCard, OutputCard};
use crate::model::channels::Channels;
use crate::model::labels::Labels;
use crate::model::layers::{Kind, Layer};
use crate::model::output::Activation;
use crate::model::picture::Picture;
use crate::model::preprocess::{Preprocess, Rect};
use crate::model::settings::{Listing, Setting};
use crate::model::unit;
use crate::terminal::graphics::Graphics;
use crate::terminal::picture::{Encoding, scale};

/// Side of the made-up network's input.
const SIDE: usize = 16;
/// Its classes.
const CLASSES: [&str; 6] = ["zebra", "castle", "umbrella", "balloon", "ladybird", "teapot"];

/// A theme, or the plain one for `""`.
pub fn theme(name: &str) -> (Theme, Themes) {
    let (themes, _) = Themes::load(None);
    (themes.get(name).unwrap_or_else(|_| Theme::plain()), themes)
}

/// A state at the start, with three pictures.
pub fn start(theme_name: &str) -> State {
    let pictures = ["zebra.jpg", "castle.jpg", "two things.jpg"].map(|n| (n.to_owned(), n.to_owned())).to_vec();
    let encoding = Encoding { graphics: Graphics::Halfblocks, cell: (10, 20), registers: 256, tmux: false };
    let theme = theme(theme_name);
    let model_flags = vec![("--size", "16x16".to_owned())];
    let (model, folder) = (Some("tiny.onnx".to_owned()), Some("photos".to_owned()));
    let (ground, keys, look) = (None, None, Look::default());
    State::new(Start { encoding, ground, theme, keys, model, model_flags, folder, pictures, look }).0
}

/// A picture of a diagonal.
pub fn picture() -> Arc<Picture> {
    let rgb = RgbImage::from_fn(32, 24, |x, y| image::Rgb([(x * 8) as u8, (y * 10) as u8, 60]));
    Arc::new(Picture::opaque("zebra.jpg", rgb))
}

/// What is known about the made-up network.
pub fn facts() -> Facts {
    let layer = |(index, (name, kind, side)): (usize, &(&str, Kind, usize))| Layer {
        index,
        name: (*name).to_owned(),
        kind: *kind,
        op: "Conv 3×3".to_owned(),
        tensor: (*name).to_owned(),
        made: (*name).to_owned(),
        pre_activation: (*kind == Kind::Conv).then(|| format!("{name}.made")),
        parameters: 10,
        channels: 8,
        height: *side,
        width: *side,
    };
    let layers = [
        ("conv1", Kind::Conv, 8),
        ("layer1.0.conv1", Kind::Conv, 8),
        ("layer1.0", Kind::Block, 8),
        ("layer2.0", Kind::Block, 4),
        ("layer3.0", Kind::Block, 2),
    ];
    let card = Card {
        name: "tiny".to_owned(),
        description: String::new(),
        input: InputCard::plain(SIDE, SIDE, Channels::Rgb),
        output: OutputCard::default(),
        provenance: Default::default(),
    };
    Facts {
        name: "tiny".to_owned(),
        labels: Labels::new(CLASSES.map(str::to_owned), CLASSES.len()),
        layers: layers.iter().enumerate().map(layer).collect(),
        default_layer: Some(4),
        preprocess: Preprocess::from(&card),
        activation: Activation::Softmax,
        settings: settings(),
        notes: vec!["its classes have no names: give a file with --labels".to_owned()],
        cam: Err("CAM needs a pooled head; this one is Flatten → Gemm".to_owned()),
        device: "CPU, 2 threads".to_owned(),
        runtime: "1.32.0".to_owned(),
        notice: None,
    }
}

fn settings() -> Listing {
    let setting =
        |name, value: &str, source: &str| Setting { name, value: value.to_owned(), source: source.to_owned() };
    Listing(vec![
        setting("input", "x float32 [batch, 3, 16, 16]", "the network has no other"),
        setting("size", "16 × 16", "the network's input"),
        setting("channels", "rgb", "default"),
        setting("resize", "squash", "default"),
        setting("output", "y, stepped back over its Softmax to z", "the network has no other"),
    ])
}

/// The filters of its layers: the first over colours.
fn filters(layer: usize) -> Filters {
    let inputs = if layer == 0 { 3 } else { 8 };
    let wave = |(k, c, y, x)| ((k * 7 + c * 3 + y * 2 + x + layer) as f32 * 0.9).sin() * 0.5;
    Filters {
        weights: Array4::from_shape_fn((8, inputs, 3, 3), wave),
        bias: Array1::from_shape_fn(8, |k| k as f32 * 0.1),
        folded: Folded::Here(vec!["bn1".to_owned()]),
        groups: 1,
        strides: [2, 2],
        dilations: [1, 1],
        pads: [1, 1],
        transposed: false,
        input: "x".to_owned(),
        output: "conv".to_owned(),
        colours: (layer == 0).then_some([0, 1, 2]),
    }
}

/// What an index says about a unit, of pictures that are gone.
fn gallery(channel: usize) -> Gallery {
    let mut tally = Tally::new(&[1], 5);
    for at in 0..40u64 {
        let score = (at as f32 * 0.25 + channel as f32 * 0.1 - 3.0).max(0.0);
        tally.record(&[Sighting { picture: at, scores: vec![(score / 4.0, score)], peaks: vec![(0, (1, 2))] }]);
    }
    let tally = tally.units()[0].clone();
    let example = |entry: &Entry| Example {
        score: entry.score,
        position: (entry.row, entry.column),
        file: format!("photos/{}.jpg", entry.picture).into(),
        sha256: String::new(),
        size: (32, 24),
        crop: Rect { x: 8.0, y: 6.0, width: 8.0, height: 8.0 },
    };
    let examples = tally.max.ranking.entries().iter().map(example).collect();
    let extent = Extent { pictures: 40, files: 41, broken: 1, finished: false, runners: Vec::new() };
    Gallery::new(Unit { tally, examples }, extent)
}

/// A channel of its layers with the eight of the layer before it, or the colours of the picture.
fn circuit(place: &Place) -> (Circuit, Contributions) {
    let facts = facts();
    let Place::Unit(unit) = *place else { return circuits::made_up(place.clone(), "logits:0", Vec::new(), 4) };
    let before = |channel| match unit.layer {
        0 => (Place::Picture { channel }, format!("picture:{}", ["red", "green", "blue"][channel])),
        layer => {
            let unit = unit::Unit { layer: layer - 1, channel };
            (Place::Unit(unit), unit.address(&facts.layers))
        }
    };
    let inputs = (0..if unit.layer == 0 { 3 } else { 8 }).map(before).collect();
    circuits::made_up(place.clone(), &unit.address(&facts.layers), inputs, facts.layers[unit.layer].height)
}

/// What the made-up network answers.
pub fn answer(request: &Request) -> Outcome {
    match &request.key {
        Key::Open => Outcome::Opened(Arc::new(facts())),
        Key::Predict { .. } => {
            let prepared = facts().preprocess.prepare(request.picture.as_ref().unwrap()).unwrap();
            let logits = Array1::from(vec![6.0, 3.5, 1.0, 0.5, -0.25, -2.0]);
            Outcome::Predicted(Arc::new(Seen::new(prepared, logits.view(), Activation::Softmax)))
        }
        Key::Explain { method, layer, target, parameters, .. } => {
            let ramp = |scale: f32| {
                Array3::from_shape_fn((3, SIDE, SIDE), |(c, y, x)| (x as f32 - y as f32 + c as f32) * scale)
            };
            let raw = match method.is_layer_map() {
                true => Raw::Layer(Array2::from_shape_fn((2, 2), |(y, x)| (x + y) as f32 * 0.25)),
                false => Raw::Input(ramp(0.01)),
            };
            let steps = parameters.steps;
            let path = || AlphaPath {
                alphas: (0..steps).map(|i| (i as f32 + 0.5) / steps as f32).collect(),
                weights: vec![1.0 / steps as f32; steps],
                scores: (0..steps).map(|i| i as f32 / 10.0).collect(),
                probabilities: (0..steps).map(|i| i as f32 / steps as f32).collect(),
                gradients: Arc::new(Array4::from_elem((steps, 3, SIDE, SIDE), 0.01)),
                input: Arc::new(ramp(0.1)),
                baseline: Arc::new(Array3::zeros((3, SIDE, SIDE))),
            };
            let is_path = *method == MethodId::IntegratedGradients;
            let total = if is_path { steps } else { 1 };
            Outcome::Explained(Explained::from(Attribution {
                method: *method,
                target: *target,
                layer: *layer,
                raw,
                logits: vec![6.0, 3.5, 1.0, 0.5, -0.25, -2.0],
                score: 6.0,
                straight_through: false,
                completeness: is_path.then_some(Completeness { sum: 5.98, difference: 6.0 }),
                path: is_path.then(path),
                done: total,
                total,
            }))
        }
        Key::Filters { layer } => Outcome::Filters(Arc::new(filters(*layer))),
        Key::Maps { picture, layer, side } => {
            let of = &facts().layers[*layer];
            let wave = |(c, y, x)| ((c * 5 + y * 2 + x * 3 + picture + layer) as f32 * 0.7).sin();
            let maps = Array3::from_shape_fn((of.channels, of.height, of.width), wave);
            Outcome::Maps(Arc::new(FeatureMaps::new(match side {
                Side::Before => maps,
                Side::After => maps.mapv(|value| value.max(0.0)),
            })))
        }
        Key::Circuit { place } => Outcome::Circuit(Arc::new(circuit(place).0)),
        Key::Contributions { place, .. } => Outcome::Contributions(Arc::new(circuit(place).1)),
        Key::Source { layer: 0, picture } => {
            let input = request.seen.as_ref().unwrap().prepared.input.clone();
            Outcome::Maps(Arc::new(FeatureMaps::new(input + *picture as f32)))
        }
        Key::Source { .. } => {
            let maps = Array3::from_shape_fn((8, 8, 8), |(c, y, x)| ((c + y * 3 + x) as f32 * 0.4).sin());
            Outcome::Maps(Arc::new(FeatureMaps::new(maps)))
        }
        Key::Alike { channel, .. } => Outcome::Order(Arc::new((0..8).map(|at| (at + channel) % 8).collect())),
        Key::Pull { unit, .. } => {
            let maps = |(layer, of): (usize, &Layer)| {
                let wave = |(c, y, x)| ((c * 3 + y + x * 2 + layer) as f32 * 0.8).cos() * 0.01;
                let maps = Array3::from_shape_fn((of.channels, of.height, of.width), wave);
                (layer, Arc::new(FeatureMaps::new(maps)))
            };
            // The second layer is on no way to any other.
            let layers =
                facts().layers.iter().enumerate().take(unit.layer).filter(|(at, _)| *at != 1).map(maps).collect();
            let input = Some(Arc::new(FeatureMaps::new(Array3::from_elem((3, SIDE, SIDE), 0.5))));
            Outcome::Pulled(Arc::new(Pulled { layers, input }))
        }
        Key::Census { .. } => {
            let layers = facts().layers;
            let alive = layers.iter().map(|layer| (0..layer.channels).map(|c| c > layer.index).collect()).collect();
            let busy =
                layers.iter().map(|layer| Array2::from_shape_fn((layer.height, layer.width), |(y, x)| (x + y) as f32));
            Outcome::Census { alive: Arc::new(alive), busy: Arc::new(busy.collect()), maps: Vec::new() }
        }
        Key::Examples { unit, .. } | Key::Glimpse { unit, .. } => Outcome::Examples(Arc::new(gallery(unit.channel))),
        Key::Deaths { .. } => Outcome::Deaths(Arc::new(Deaths::default())),
        Key::Kinds { .. } => {
            let of = [0, 1, 0, 0, 1].map(Some).to_vec();
            Outcome::Kinds(Arc::new(Kinds { count: 2, silhouette: 0.61, of }))
        }
        Key::Climb { steps, .. } => {
            let way = |scale: f32| {
                let rgb = RgbImage::from_fn(16, 16, |x, y| {
                    image::Rgb([(x * 16) as u8, (y * 16) as u8, (scale * 40.0) as u8])
                });
                let values = (0..*steps).map(|step| scale * (step as f32).sqrt()).collect();
                Way { picture: Arc::new(Picture::opaque("", rgb)), values }
            };
            Outcome::Climbed(Arc::new(Climb { ways: [way(3.0), way(0.5)], done: *steps, total: *steps }))
        }
        Key::Icons { layer, make } => {
            let tile = |channel: usize| {
                let level = (channel * 30) as u8;
                let rgb = RgbImage::from_fn(8, 8, |x, y| image::Rgb([level, (x * 30) as u8, (y * 30) as u8]));
                (*make || channel.is_multiple_of(2)).then(|| Arc::new(rgb))
            };
            let channels = facts().layers[*layer].channels;
            Outcome::Icons(Arc::new(Icons { tiles: (0..channels).map(tile).collect(), size: (8, 8) }))
        }
        Key::Layers { layers, .. } => {
            let map = |side: &usize| Array2::from_shape_fn((2 + side % 2, 2), |(y, x)| (x * y) as f32);
            Outcome::Layers(Arc::new(layers.iter().map(map).collect()))
        }
    }
}

/// Carries out effects as the program would, at once, until nothing follows any more; returns those that leave the
/// program (copy, export, quit and the like).
pub fn settle(state: &mut State, effects: Vec<Effect>) -> Vec<Effect> {
    let mut left = Vec::new();
    let mut waiting: std::collections::VecDeque<Effect> = effects.into();
    while let Some(effect) = waiting.pop_front() {
        let message = match effect {
            Effect::Read(index) => Msg::Read(index, Ok((picture(), picture()))),
            Effect::Submit(request) => {
                let outcome = answer(&request);
                Msg::Job(Event::Done { generation: request.generation, outcome, seconds: 0.041 })
            }
            Effect::Paint(serial, order) => {
                let cells = order.encoding.fit(order.subject.dimensions(), order.room);
                let mut scaled = |picture: &RgbImage, w, h| Arc::new(scale(picture, w, h));
                let painted = order.subject.paint(order.encoding.pixels(cells), &mut scaled);
                let encoded = order.encoding.encode(&painted.pixels, cells, order.place).unwrap();
                Msg::Made(Made { order, serial, result: Ok((Arc::new(encoded), painted.map)) })
            }
            other => {
                left.push(other);
                continue;
            }
        };
        waiting.extend(update(state, message));
    }
    left
}
