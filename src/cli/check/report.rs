//! What is said about a checked network: the object that `--json` prints, and the same as text.

use serde::Serialize;

use crate::attribution::MethodId;
use crate::autodiff;
use crate::cli::sections::Sections;
use crate::evaluation::gradient_check::{Agreement, Place, TOLERANCE};
use crate::evaluation::methods::{Answer, Trial};
use crate::model::output::Activation;
use crate::model::settings::{Listing, Setting};
use crate::model::summary::Summary;
use crate::network::{Network, NetworkError};
use crate::onnx::Graph;

/// Operators that are listed in the text; the others are counted together.
const LISTED: usize = 24;

/// A checked network.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its name.
    model: String,
    input: Input,
    output: Output,
    /// How its last feature maps become logits.
    head: String,
    /// Number of layers that can be looked at.
    layers: usize,
    #[serde(flatten)]
    summary: Summary,
    /// Version of the standard operators.
    opset: i64,
    /// What wrote the file.
    producer: String,
    /// What is settled about it, and where that came from.
    settings: Listing,
    /// What people should know about how it is run.
    notes: Vec<String>,
    /// What it ran on.
    device: String,
    /// Version of ONNX Runtime.
    onnxruntime: String,
    /// What it was checked with.
    picture: String,
    target: Target,
    methods: Vec<MethodRow>,
    /// Nodes between input and logits whose operators have no gradient rule.
    without_rule: Vec<NodeRow>,
    gradients: Vec<GradientRow>,
    /// Largest error that counts as right.
    tolerance: f64,
    /// Whether all gradients could be computed and count as right.
    pub holds: bool,
}

#[derive(Debug, Serialize)]
struct Input {
    name: String,
    /// Channels, height, width.
    shape: [usize; 3],
}

#[derive(Debug, Serialize)]
struct Output {
    name: String,
    classes: usize,
    activation: Activation,
}

#[derive(Debug, Serialize)]
struct Target {
    index: usize,
    label: String,
    logit: f32,
}

#[derive(Debug, Serialize)]
struct MethodRow {
    method: MethodId,
    works: bool,
    /// What there is to know: why it does not work, or what is odd about the map.
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct NodeRow {
    node: String,
    operator: String,
}

#[derive(Debug, Serialize)]
struct GradientRow {
    /// Name of the layer, or `input`.
    place: String,
    shape: [usize; 3],
    holds: bool,
    #[serde(flatten)]
    agreement: Option<Agreement>,
    /// Why there is no gradient.
    reason: Option<String>,
}

impl Report {
    /// Puts together what is said. `class` is what was differentiated, with its logit.
    pub fn new(
        network: &mut Network,
        picture: &str,
        (class, logit): (usize, f32),
        trials: &[Trial],
        places: &[Place],
    ) -> Result<Self, NetworkError> {
        let summary = network.summary()?;
        let model = network.model();
        let without = autodiff::without_rule(model.graph(), network.input(), network.logits());
        let without_rule =
            without.iter().map(|node| NodeRow { node: node.name.clone(), operator: node.qualified_op() });
        let name = in_file(model.graph(), network.logits()).to_owned();
        let (classes, activation) = (network.classes(), network.activation());
        Ok(Self {
            model: network.card().name.clone(),
            input: Input { name: network.input().to_owned(), shape: network.preprocess().shape() },
            output: Output { name, classes, activation },
            head: network.head().to_string(),
            layers: network.layers().len(),
            summary,
            opset: model.opset(),
            producer: model.producer().to_owned(),
            settings: network.settings().clone(),
            notes: network.notes().to_vec(),
            device: network.engine().device().to_owned(),
            onnxruntime: network.engine().version().to_owned(),
            picture: picture.to_owned(),
            target: Target { index: class, label: network.labels().name(class), logit },
            methods: trials.iter().map(MethodRow::of).collect(),
            without_rule: without_rule.collect(),
            gradients: places.iter().map(|place| GradientRow::of(network, place)).collect(),
            tolerance: TOLERANCE,
            holds: places.iter().all(Place::holds),
        })
    }

    fn is_estimate(&self) -> bool {
        self.gradients.iter().any(|row| row.agreement.is_some_and(|agreement| agreement.estimate))
    }

    /// The report as text.
    pub fn text(&self) -> String {
        let methods = self.methods.iter().map(|row| row.method.name());
        let mut text = Sections::new(methods.chain(self.gradients.iter().map(|row| row.place.as_str())));
        text.section(&self.model);
        text.line("input", format!("{}, {}", self.input.name, shape(self.input.shape)));
        let Output { name, classes, activation } = &self.output;
        text.line(
            "output",
            match (activation, classes) {
                (Activation::None, 1) => format!("{name}, a number"),
                (Activation::None, _) => format!("{name}, {classes} numbers"),
                _ => format!("{name}, {classes} classes, {activation}"),
            },
        );
        text.line("head", &self.head);
        text.line("layers", format!("{} (`lensor layers` lists them)", self.layers));
        text.line("parameters", grouped(self.summary.parameters));
        text.line("multiply-adds", grouped(self.summary.multiply_adds));
        text.line("operators", operators(&self.summary.operators));
        let producer = if self.producer.is_empty() { "a program that does not say" } else { &self.producer };
        text.line("written by", format!("{producer}, opset {}", self.opset));
        text.line("runs on", format!("{}, ONNX Runtime {}", self.device, self.onnxruntime));
        let Target { index, label, logit } = &self.target;
        text.line("checked with", format!("{}: class {index}, {label}, logit {logit:.3}", self.picture));

        text.section("settings");
        for Setting { name, value, source } in &self.settings.0 {
            text.line(name, format!("{value} ({source})"));
        }
        self.notes.iter().for_each(|note| text.line("note", note));

        text.section("methods");
        for MethodRow { method, works, note } in &self.methods {
            let verdict = if *works { "works" } else { "no" };
            text.line(method.name(), note.as_ref().map_or(verdict.to_owned(), |note| format!("{verdict}: {note}")));
        }
        if !self.without_rule.is_empty() {
            text.section("operators without a gradient rule");
            self.without_rule.iter().for_each(|row| text.line(&row.operator, &row.node));
        }

        text.section("gradients against differences of the score along random lines");
        let width = |of: fn(&GradientRow) -> usize| self.gradients.iter().map(of).max().unwrap_or(0);
        let shapes = width(|row| shape(row.shape).chars().count());
        for row in &self.gradients {
            let outcome = match (&row.agreement, &row.reason) {
                (Some(agreement), _) => verdict(agreement),
                (None, reason) => format!("no gradient: {}", reason.as_deref().unwrap_or_default()),
            };
            text.line(&row.place, format!("{:>shapes$}  {outcome}", shape(row.shape)));
        }
        let wrong = self.gradients.iter().filter(|row| !row.holds).count();
        let percent = self.tolerance * 100.0;
        text.section(match (self.holds, self.gradients.len()) {
            (true, 1) if !self.is_estimate() => format!("the gradient is right within {percent} %"),
            (true, all) if self.is_estimate() => {
                format!("all {all} gradients can be computed; through quantisation they are estimates, which nothing can prove")
            }
            (true, all) => format!("all {all} gradients are right within {percent} %"),
            (false, all) => format!("{wrong} of {all} gradients cannot be trusted here (right is within {percent} %)"),
        });
        text.text().to_owned()
    }
}

impl MethodRow {
    fn of(trial: &Trial) -> Self {
        let (works, note) = match &trial.outcome {
            Ok(Answer::Works) => (true, None),
            Ok(Answer::Zero) => (true, Some("its map is all zero on this picture".to_owned())),
            Ok(Answer::NotFinite) => (false, Some("its map holds values that are not finite numbers".to_owned())),
            Err(error) => (false, Some(error.to_string())),
        };
        Self { method: trial.method, works, note }
    }
}

impl GradientRow {
    fn of(network: &Network, place: &Place) -> Self {
        let layer = place.layer.and_then(|index| network.layers().get(index));
        let (name, shape) = match layer {
            Some(layer) => (layer.name.clone(), [layer.channels, layer.height, layer.width]),
            None => ("input".to_owned(), network.preprocess().shape()),
        };
        let (agreement, reason) = match &place.outcome {
            Ok(agreement) => (Some(*agreement), None),
            Err(error) => (None, Some(error.to_string())),
        };
        Self { place: name, shape, holds: place.holds(), agreement, reason }
    }
}

/// A tensor, or where it was added to the file's, as both classes of a single score are, what it is made of.
fn in_file<'a>(graph: &'a Graph, mut tensor: &'a str) -> &'a str {
    while tensor.starts_with("lensor/")
        && let Some(source) = graph.producer(tensor).and_then(|node| node.input(0))
    {
        tensor = source;
    }
    tensor
}

fn verdict(agreement: &Agreement) -> String {
    let Agreement { error, slope, step, cells, directions, flat, .. } = agreement;
    if *flat {
        return "right   the score hardly depends on it: differences and gradient are lost in rounding".to_owned();
    }
    let verdict = match agreement.holds() {
        true if *error > TOLERANCE => "estimate",
        true => "right",
        false => "WRONG",
    };
    let error = if error.is_finite() { format!("{:>7.3} %", error * 100.0) } else { "not a number".to_owned() };
    format!("{verdict}  error {error}   |g| {slope:.3e}, {directions} lines of ±{step} σ in {cells} cells")
}

fn shape([channels, height, width]: [usize; 3]) -> String {
    format!("{channels}×{height}×{width}")
}

/// Several operators a line.
fn operators(all: &[(String, usize)]) -> String {
    let mut words: Vec<String> = all.iter().take(LISTED).map(|(op, count)| format!("{op} {count}")).collect();
    if all.len() > LISTED {
        words.push(format!("and {} others", all.len() - LISTED));
    }
    words.chunks(8).map(|line| line.join(", ")).collect::<Vec<_>>().join(",\n")
}

/// An integer with its digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            ["0", "999", "1 000", "11 689 512"],
            [0, 999, 1000, 11_689_512].map(grouped).each_ref().map(String::as_str)
        );
    }
}
