//! What is said about one explained picture: the object that `--json` prints, and the same as text.

use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::{Map as Object, Value, json};

use crate::attribution::{Attribution, Completeness, MethodId, Of, Parameters};
use crate::look::Look;
use crate::map::{Map, MapState};
use crate::model::output::Activation;
use crate::model::settings::Listing;
use crate::network::{Network, prediction};
use crate::paint::legend;

/// One class and what the network gives it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Class index.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Its logit.
    pub logit: f32,
    /// Its probability, 0 to 1; `null` where the output is no class's score.
    pub probability: Option<f32>,
}

/// The class that was explained.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// Class index.
    pub index: usize,
    /// Its name.
    pub label: String,
    /// Logit or probability.
    pub of: Of,
    /// That score.
    pub score: f32,
}

/// The layer that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct LayerRow {
    /// Its index.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Channels, height, width.
    pub shape: [usize; 3],
}

/// The 2-D map, in figures.
#[derive(Debug, Clone, Serialize)]
pub struct MapFigures {
    /// `ok`, `zero`, `constant` or `not-finite`.
    pub state: &'static str,
    /// Whether it is signed.
    pub signed: bool,
    /// Values at the two ends of the colours.
    pub shown_range: (f32, f32),
    /// Where the strongest value is, as shares of the network's input from its left and top edge.
    pub strongest: Option<(f32, f32)>,
}

/// One explained picture.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Name of the network.
    pub model: String,
    /// The picture.
    pub picture: String,
    /// What makes probabilities of logits.
    pub activation: Activation,
    /// The best classes, best first.
    pub predictions: Vec<Row>,
    /// What was explained.
    pub target: Explained,
    /// By which method.
    pub method: MethodId,
    /// At which layer, for methods that look at one.
    pub layer: Option<LayerRow>,
    /// Whether it rests on a gradient that passes quantisation by the straight-through estimate.
    pub straight_through: bool,
    /// The method's settings.
    pub parameters: Value,
    /// How the map is shown.
    pub look: Look,
    /// Lowest and highest value of the map before clamping and blurring.
    pub range: (f32, f32),
    /// The map in figures.
    pub map: MapFigures,
    /// Σ attributions − (F(x) − F(x′)), for path methods.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub residual: Option<f64>,
    /// Both sides of that difference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
    /// What it ran on.
    pub device: String,
    /// Version of ONNX Runtime.
    pub onnxruntime: String,
    /// Time that all runs for this picture took.
    pub seconds: f64,
    /// What is settled about the network, and where that came from.
    pub settings: Listing,
    /// What should be known about how it is run and what is assumed about it.
    pub notes: Vec<String>,
    /// Files written.
    pub files: Vec<String>,
}

/// What a report is about.
pub struct Subject<'a> {
    /// Name of the picture.
    pub picture: &'a str,
    /// The answer.
    pub attribution: &'a Attribution,
    /// Its map.
    pub map: &'a Map,
    /// How that is shown.
    pub look: &'a Look,
    /// What was asked.
    pub parameters: &'a Parameters,
    /// Time taken.
    pub seconds: f64,
}

impl Report {
    /// Puts together what is said, with the `top` best classes.
    pub fn new(network: &Network, subject: &Subject<'_>, top: usize) -> Self {
        let Subject { attribution, map, .. } = *subject;
        let label = |class| network.labels().name(class);
        let ranked = prediction::ranked(ndarray::aview1(&attribution.logits), network.activation());
        let row = |p: prediction::Prediction| Row {
            index: p.class,
            label: label(p.class),
            logit: p.logit,
            probability: p.probability,
        };
        let layer = attribution.layer.and_then(|index| network.layers().get(index)).map(|layer| LayerRow {
            index: layer.index,
            name: layer.name.clone(),
            shape: [layer.channels, layer.height, layer.width],
        });
        let target = attribution.target;
        Self {
            model: network.card().name.clone(),
            picture: subject.picture.to_owned(),
            activation: network.activation(),
            predictions: ranked.into_iter().take(top).map(row).collect(),
            target: Explained {
                index: target.class,
                label: label(target.class),
                of: target.of,
                score: attribution.score,
            },
            method: attribution.method,
            layer,
            straight_through: attribution.straight_through,
            parameters: settings_of(attribution.method, subject.parameters),
            look: *subject.look,
            range: map.raw_range,
            map: MapFigures {
                state: state(map.state),
                signed: map.signed,
                shown_range: map.shown_range,
                strongest: strongest(map),
            },
            residual: attribution.completeness.map(|completeness| completeness.residual()),
            completeness: attribution.completeness,
            device: network.engine().device().to_owned(),
            onnxruntime: network.engine().version().to_owned(),
            seconds: subject.seconds,
            settings: network.settings().clone(),
            notes: network.notes().to_vec(),
            files: Vec::new(),
        }
    }

    /// One line: what was explained, and how.
    pub fn title(&self) -> String {
        let Explained { label, of, score, .. } = &self.target;
        let score = legend::number(*score);
        let mut title = match self.activation {
            Activation::None => format!("{} of {label} ({score})", self.method.title()),
            _ => format!("{} of {label} ({of} {score})", self.method.title()),
        };
        if let Some(LayerRow { name, shape: [channels, height, width], .. }) = &self.layer {
            // Writing to a string cannot fail.
            let _ = write!(title, ", {name} ({channels}×{height}×{width})");
        }
        if self.straight_through {
            title += ", straight-through gradient";
        }
        title
    }

    /// The report as text, several lines. `map` is the one it was made of.
    pub fn text(&self, map: &Map) -> Result<String, fmt::Error> {
        let mut text = String::new();
        writeln!(text, "{}", self.picture)?;
        let width = self.predictions.iter().map(|row| row.label.chars().count()).max().unwrap_or(0);
        for Row { index, label, logit, probability } in &self.predictions {
            match probability {
                Some(p) => {
                    let percent = f64::from(*p) * 100.0;
                    writeln!(text, "  {index:>5}  {label:width$}  {percent:>6.2} %   logit {logit:>8.3}")?;
                }
                None => writeln!(text, "  {index:>5}  {label:width$}  {logit:>10}")?,
            }
        }
        writeln!(text, "  {}", self.title())?;
        writeln!(text, "  {}", legend::text(map))?;
        if let (MapState::Ok, Some((x, y))) = (map.state, self.map.strongest) {
            writeln!(text, "  strongest {:.0} % from the left, {:.0} % from the top", x * 100.0, y * 100.0)?;
        }
        if let Some(Completeness { sum, difference }) = self.completeness {
            let residual = sum - difference;
            writeln!(text, "  adds up to {sum:.4}, should be {difference:.4}: residual {residual:+.4}")?;
        }
        for file in &self.files {
            writeln!(text, "  wrote {file}")?;
        }
        Ok(text)
    }
}

/// The settings that concern a method.
fn settings_of(method: MethodId, parameters: &Parameters) -> Value {
    let Parameters { steps, quadrature, baseline, seed, cam_relu, path: _, batch: _, memory: _ } = parameters;
    match method {
        MethodId::IntegratedGradients => {
            json!({ "steps": steps, "quadrature": quadrature, "baseline": baseline, "seed": seed })
        }
        MethodId::Cam => json!({ "cam_relu": cam_relu }),
        MethodId::Gradient | MethodId::GradientInput | MethodId::GradCam => Value::Object(Object::new()),
    }
}

fn state(state: MapState) -> &'static str {
    match state {
        MapState::Ok => "ok",
        MapState::Zero => "zero",
        MapState::Constant(_) => "constant",
        MapState::NotFinite { .. } => "not-finite",
    }
}

/// The centre of the pixel farthest from zero, as shares of width and height; `None` without contrast.
fn strongest(map: &Map) -> Option<(f32, f32)> {
    let (height, width) = map.values.dim();
    let finite = map.values.indexed_iter().filter(|(_, value)| value.is_finite());
    let (row, column) = finite.max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?.0;
    (map.state != MapState::Zero).then(|| ((column as f32 + 0.5) / width as f32, (row as f32 + 0.5) / height as f32))
}
