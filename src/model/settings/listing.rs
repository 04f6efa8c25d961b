//! The settings in words, each with where it came from: what people and `--json` are told.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::*;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// What it is called.
    #[serde(skip)]
    pub name: &'static str,
    /// Its value in words.
    pub value: String,
    /// Where it came from.
    pub source: String,
}

/// All settings in the order in which a picture meets them; as JSON an object by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing(pub Vec<Setting>);

impl Listing {
    /// The settings of a network with this input. `output` names the tensor that is explained, and where that came from.
    pub fn new(settings: &Settings, input: &ImageInput, output: (String, Origin)) -> Self {
        let (card, origins) = (&settings.card.input, &settings.origins);
        let resize = match (card.resize_to, card.resize) {
            (Some(side), how) => format!("{how} to {side}, centre cut out"),
            (None, Resize::Squash) => format!("squash to {} × {}", card.height, card.width),
            (None, Resize::ShortestEdge) => "shortest-edge, centre cut out".to_owned(),
        };
        let labels = match &origins.labels {
            Origin::Default => "none".to_owned(),
            _ => format!("{} names", settings.labels.len()),
        };
        let line = |name, value: String, origin: &Origin| Setting { name, value, source: origin.to_string() };
        Self(vec![
            line("input", input.to_string(), &Origin::Only),
            line("size", format!("{} × {}", card.height, card.width), &origins.size),
            line("channels", card.channels.to_string(), &origins.channels),
            line("resize", resize, &origins.resize),
            line("interpolation", card.interpolation.to_string(), &origins.interpolation),
            line("scale", fraction(card.scale), &origins.scale),
            line("mean", numbers(&card.mean), &origins.mean),
            line("std", numbers(&card.std), &origins.std),
            line("output", output.0, &output.1),
            line("activation", settings.activation.to_string(), &origins.activation),
            line("labels", labels, &origins.labels),
        ])
    }
}

impl Serialize for Listing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|setting| map.serialize_entry(setting.name, setting))?;
        map.end()
    }
}

/// `1/255` rather than `0.00392156862745098`.
fn fraction(value: f64) -> String {
    let inverse = (1.0 / value * 10.0).round() / 10.0;
    if value < 0.5 && (value * inverse - 1.0).abs() < 1e-9 { format!("1/{inverse}") } else { value.to_string() }
}

fn numbers(values: &[f32]) -> String {
    values.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")
}
