//! Flags for what is asked: method, target, layer and the method's own settings.

use std::path::Path;
use std::sync::Arc;

use clap::Args;

use super::{Failure, say};
use crate::attribution::{Baseline, MethodId, Of, Parameters, Quadrature};
use crate::model::gallery::Origin;
use crate::network::Network;

/// What is asked about every picture.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Question")]
pub struct QuestionFlags {
    /// Method of attribution [default: grad-cam, or gradient where no layer has feature maps of its own]
    #[arg(long, value_name = "NAME")]
    method: Option<MethodId>,

    /// Class to explain [default: the predicted one]
    #[arg(long, value_name = "INDEX|LABEL")]
    target: Option<String>,

    /// Which score of that class
    #[arg(long, value_name = "SCORE", default_value_t = Of::Logit)]
    of: Of,

    /// Layer that Grad-CAM looks at; `lensor layers` lists them [default: the last with feature maps]
    #[arg(long, value_name = "NAME|INDEX")]
    layer: Option<String>,

    /// Integrated Gradients: places on the path
    #[arg(long, value_name = "N", default_value_t = Parameters::default().steps)]
    steps: usize,

    /// Integrated Gradients: rule for the integral
    #[arg(long, value_name = "RULE", default_value_t = Quadrature::GaussLegendre)]
    quadrature: Quadrature,

    /// Integrated Gradients: black, white, mean, random, blur or a picture
    #[arg(long, value_name = "NAME|FILE", default_value = "black")]
    baseline: String,

    /// Seed of everything random
    #[arg(long, value_name = "N", default_value_t = Parameters::default().seed)]
    seed: u64,

    /// CAM: cut each term off at 0 before adding up, as the lecture's code does
    #[arg(long)]
    cam_relu: bool,

    /// Most pictures or steps in one run [default: as many as fit into the memory allowed, 8 at most, 64 on a GPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    batch: Option<u16>,

    /// Memory that a run's feature maps and the kept steps of a path may take, MiB [default: 1024, on a GPU half of its free
    /// memory]
    #[arg(long, value_name = "MIB")]
    memory: Option<usize>,
}

/// What is asked, in the terms of one network.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The method.
    pub method: MethodId,
    /// The class; the predicted one where none is given.
    pub class: Option<usize>,
    /// Which score of it.
    pub of: Of,
    /// The layer; the method's own choice where none is given.
    pub layer: Option<usize>,
    /// Settings of the methods.
    pub parameters: Parameters,
}

impl Asked {
    /// What is asked of a network where nothing is said.
    pub fn usual(network: &Network) -> Self {
        let (of, parameters) = (Of::default(), Parameters::default());
        Self { method: usual(network), class: None, of, layer: None, parameters }
    }
}

/// The method of a network where none is chosen; says so where it is not Grad-CAM.
fn usual(network: &Network) -> MethodId {
    let method = MethodId::usual(network.default_layer());
    if method != MethodId::GradCam {
        say(&format!("note: no layer has feature maps of its own for Grad-CAM to look at, so the method is {method}"));
    }
    method
}

impl QuestionFlags {
    /// Looks up names in the network. A name that it does not have is wrong usage.
    pub fn ask(&self, network: &Network) -> Result<Asked, Failure> {
        fn usage(flag: &'static str) -> impl Fn(&dyn std::fmt::Display) -> Failure {
            move |error| Failure::Usage(format!("{flag}: {error}"))
        }
        let class = self.target.as_deref().map(|query| network.labels().find(query));
        let class = class.transpose().map_err(|error| usage("--target")(&error))?;
        let layer = self.layer.as_deref().map(|name| network.layer(name));
        let layer = layer.transpose().map_err(|error| usage("--layer")(&error))?;
        let method = match (self.method, layer) {
            (Some(method), _) => method,
            (None, Some(_)) => MethodId::GradCam,
            (None, None) => usual(network),
        };
        if layer.is_some() && !method.takes_layer() {
            return Err(Failure::Usage(format!("--layer: {method} does not look at a layer that can be chosen")));
        }
        let parameters = Parameters {
            steps: self.steps,
            quadrature: self.quadrature,
            baseline: baseline(&self.baseline, network)?,
            seed: self.seed,
            cam_relu: self.cam_relu,
            // Asked for by what is written.
            path: false,
            batch: self.batch.map(usize::from),
            memory: self.memory.map(|mib| mib.saturating_mul(1 << 20)),
        };
        Ok(Asked { method, class, of: self.of, layer, parameters })
    }
}

/// A baseline by name, or a picture prepared as the network wants it.
fn baseline(name: &str, network: &Network) -> Result<Baseline, Failure> {
    if let Some(baseline) = Baseline::named(name) {
        return Ok(baseline);
    }
    let Some(origin) = Origin::named(Path::new(name)) else {
        let known = Baseline::ALL.map(|each| each.to_string()).join(", ");
        return Err(Failure::Usage(format!("--baseline: {name} is neither a picture nor one of {known}")));
    };
    let picture = origin.open()?;
    let prepared = network.preprocess().prepare(&picture)?;
    Ok(Baseline::Picture { name: name.to_owned(), input: Arc::new(prepared.input) })
}
