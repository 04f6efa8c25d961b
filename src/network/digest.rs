//! Every layer's feature maps in a few numbers a channel, in one run.
//!
//! The maps are reduced inside the graph, so that they never leave the runtime. On a processor an operator of lensor's own
//! takes average, highest value and its place in one pass over each map, as the runtime lays it out: [`surgery::FIGURES`].
//! Elsewhere GlobalAveragePool gives the averages, and MaxPool the highest value of each row and of each column, which together
//! tell where a map is highest, mostly; ArgMax would not promise the first of several places.
//!
//! The reductions are listed from the last layer to the first, because the runtime begins with the last node that nothing else
//! needs: each map is then reduced while it is still in the cache, and freed. Must not know what the numbers are kept for.

use std::sync::Arc;

use ndarray::{Array4, ArrayD, Axis};

use super::{Network, NetworkError, Scores, batch};
use crate::engine::{Cancel, Effort, Engine, EngineError, Session};
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{Model, OnnxError, surgery};

/// A session that digests pictures.
pub struct Digest {
    session: Box<dyn Session>,
    input: String,
    outputs: Outputs,
    /// Width of each layer's maps.
    widths: Vec<usize>,
    part: Option<usize>,
}

/// The outputs for each layer.
#[derive(Clone)]
enum Outputs {
    /// Figures of its maps.
    Figures(Vec<String>),
    /// Averages, rows and columns.
    Sides(Vec<[String; 3]>),
}

/// Most sessions that give whole feature maps: each holds its own copy of the weights up to its last layer.
const KEPT: usize = 3;

/// Gives whole feature maps of any layer, in sessions that are made when they are first needed and go no further than the
/// last layer that is asked for.
pub struct Maps {
    engine: Arc<dyn Engine>,
    model: Model,
    /// By the last layer that they compute, the one used last at the end.
    sessions: Vec<(usize, Box<dyn Session>)>,
    input: String,
    tensors: Vec<String>,
    part: Option<usize>,
}

impl Network {
    /// So many sessions on `engine` that digest every layer.
    pub fn digests(&self, engine: &dyn Engine, count: usize) -> Result<Vec<Digest>, NetworkError> {
        let (model, outputs) = self.with_figures()?;
        if let Some(laid_out) = engine.lay_out(&model) {
            match self.sessions(&outputs, count, || engine.load_laid_out(&laid_out)) {
                Ok(digests) => return Ok(digests),
                Err(error) => tracing::warn!(%error, "lensor's own operators are not used"),
            }
        }
        let (model, outputs) = self.with_sides()?;
        self.sessions(&outputs, count, || engine.load(model.bytes(), model.beside(), Effort::Utmost))
    }

    fn sessions(
        &self,
        outputs: &Outputs,
        count: usize,
        load: impl Fn() -> Result<Box<dyn Session>, EngineError>,
    ) -> Result<Vec<Digest>, NetworkError> {
        let digest = |_| {
            let session = load()?;
            let widths = self.layers.iter().map(|layer| layer.width).collect();
            Ok(Digest { session, input: self.input.name.clone(), outputs: outputs.clone(), widths, part: self.part })
        };
        (0..count).map(digest).collect()
    }

    /// The model with the figures of every layer's maps as its outputs.
    fn with_figures(&self) -> Result<(Model, Outputs), OnnxError> {
        let mut builder = self.beside();
        let figures = |tensor: &str| builder.node(surgery::FIGURES, &[tensor], &[]);
        let mut outputs: Vec<String> =
            self.layers.iter().rev().map(|layer| layer.tensor.as_str()).map(figures).collect();
        outputs.reverse();
        let names: Vec<&str> = outputs.iter().map(String::as_str).collect();
        Ok((self.ending(builder, &names)?, Outputs::Figures(outputs)))
    }

    /// The model with averages, rows and columns of every layer's maps as its outputs.
    fn with_sides(&self) -> Result<(Model, Outputs), OnnxError> {
        let mut builder = self.beside();
        let mut outputs = Vec::with_capacity(self.layers.len());
        for layer in self.layers.iter().rev() {
            let maps = layer.tensor.as_str();
            let mut highest = |[height, width]: [usize; 2]| {
                let kernel = Attr::Ints(&[height as i64, width as i64]);
                let highest = builder.node("MaxPool", &[maps], &[("kernel_shape", kernel)]);
                builder.node("Flatten", &[&highest], &[("axis", Attr::Int(1))])
            };
            let (columns, rows) = (highest([layer.height, 1]), highest([1, layer.width]));
            let average = builder.node("GlobalAveragePool", &[maps], &[]);
            let average = builder.node("Flatten", &[&average], &[("axis", Attr::Int(1))]);
            outputs.push([average, rows, columns]);
        }
        outputs.reverse();
        let names: Vec<&str> = outputs.iter().flatten().map(String::as_str).collect();
        Ok((self.ending(builder, &names)?, Outputs::Sides(outputs)))
    }

    fn beside(&self) -> GraphBuilder {
        GraphBuilder::beside(self.model.graph(), "lensor/digest/")
    }

    /// The model with more nodes, ending at these outputs.
    fn ending(&self, builder: GraphBuilder, outputs: &[&str]) -> Result<Model, OnnxError> {
        let extended = Model::from_bytes(self.model.extended(builder.finish()), self.model.beside().clone())?;
        surgery::cut(&extended, outputs)
    }

    /// What gives the feature maps of any layer on `engine`, computed as [`Network::digests`] computes them.
    pub fn maps(&self, engine: Arc<dyn Engine>) -> Maps {
        Maps {
            engine,
            model: self.model.clone(),
            sessions: Vec::new(),
            input: self.input.name.clone(),
            tensors: self.layers.iter().map(|layer| layer.tensor.clone()).collect(),
            part: self.part,
        }
    }
}

impl Digest {
    /// Digests a batch `[batch, C, H, W]` of prepared pictures: the scores of each picture for each layer.
    pub fn run(&mut self, x: &Array4<f32>, cancel: &Cancel) -> Result<Vec<Vec<Scores>>, NetworkError> {
        let wanted: Vec<&str> = match &self.outputs {
            Outputs::Figures(outputs) => outputs.iter().map(String::as_str).collect(),
            Outputs::Sides(outputs) => outputs.iter().flatten().map(String::as_str).collect(),
        };
        let (session, input) = (&mut self.session, &self.input);
        let values = batch::run(&mut self.part, x, |part, _| session.run(&[(input, part)], &wanted, cancel))?;
        let count = x.len_of(Axis(0));
        let mut pictures: Vec<Vec<Scores>> = vec![Vec::with_capacity(wanted.len()); count];
        let mut values = values.into_iter().map(|value| split(value, count));
        match &self.outputs {
            Outputs::Figures(_) => values.zip(&self.widths).for_each(|(figures, width)| {
                let each = figures.iter().zip(&mut pictures);
                each.for_each(|(figures, scores)| scores.push(Scores::of_figures(figures, *width)));
            }),
            Outputs::Sides(_) => {
                while let (Some(means), Some(rows), Some(columns)) = (values.next(), values.next(), values.next()) {
                    let each = means.into_iter().zip(rows).zip(columns).zip(&mut pictures);
                    each.for_each(|(((means, rows), columns), scores)| {
                        scores.push(Scores::of_sides(means, rows, columns));
                    });
                }
            }
        }
        Ok(pictures)
    }
}

/// The values of each picture of a batch; those of a single one are not copied.
fn split(value: ArrayD<f32>, pictures: usize) -> Vec<Vec<f32>> {
    let value = if value.is_standard_layout() { value } else { value.as_standard_layout().into_owned() };
    let (mut values, offset) = value.into_raw_vec_and_offset();
    values.drain(..offset.unwrap_or(0));
    match pictures {
        1 => vec![values],
        _ => values.chunks((values.len() / pictures.max(1)).max(1)).map(<[f32]>::to_vec).collect(),
    }
}

impl Maps {
    /// The feature maps `[batch, channels, height, width]` of some layers for a batch of prepared pictures.
    pub fn run(
        &mut self,
        x: &Array4<f32>,
        layers: &[usize],
        cancel: &Cancel,
    ) -> Result<Vec<Array4<f32>>, NetworkError> {
        let wanted: Vec<&str> = layers.iter().filter_map(|layer| Some(self.tensors.get(*layer)?.as_str())).collect();
        let last = layers.iter().copied().max().unwrap_or(0);
        let mut session = match self.sessions.iter().position(|(known, _)| *known == last) {
            Some(at) => self.sessions.remove(at).1,
            None => {
                // All layers up to it, so that they are computed as they are for the digest.
                let names: Vec<&str> = self.tensors.iter().take(last + 1).map(String::as_str).collect();
                let cut = surgery::cut(&self.model, &names)?;
                self.engine.load(cut.bytes(), self.model.beside(), Effort::Utmost)?
            }
        };
        let input = &self.input;
        let values = batch::run(&mut self.part, x, |part, _| session.run(&[(input, part)], &wanted, cancel));
        if self.sessions.len() >= KEPT {
            self.sessions.remove(0);
        }
        self.sessions.push((last, session));
        values?.into_iter().map(batch::maps).collect()
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::super::Peak;
    use super::*;
    use crate::fixtures::{engine, network, sine, tiny_a};
    use crate::interpretation::feature_maps::FeatureMaps;
    use crate::model::bundled::Bundled;
    use crate::model::source::Source;

    #[test]
    fn a_digest_says_what_the_maps_say() {
        let mut network = network(tiny_a());
        let x = sine((3, 3, 16, 16), [1.0, 0.37, 0.2]);
        let scores = network.digests(&*engine(), 1).unwrap()[0].run(&x, &Cancel::new()).unwrap();
        let forward = network.forward(&x, &[0, 1, 2], &Cancel::new()).unwrap();
        let whole = network.maps(engine()).run(&x, &[0, 2], &Cancel::new()).unwrap();
        assert_eq!((scores.len(), scores[0].len(), whole.len()), (3, 3, 2));
        for (layer, maps) in forward.activations.iter().enumerate() {
            for (picture, scores) in scores.iter().enumerate() {
                let maps = FeatureMaps::new(maps.index_axis(Axis(0), picture).to_owned());
                for (channel, (figures, (mean, max))) in maps.figures.iter().zip(scores[layer].pairs()).enumerate() {
                    approx::assert_abs_diff_eq!(mean, figures.mean, epsilon = 1e-6);
                    approx::assert_abs_diff_eq!(max, figures.max, epsilon = 1e-6);
                    let (row, column) = figures.position;
                    if !figures.is_silent() {
                        assert_eq!(scores[layer].peak(channel), Peak::At(row as u32, column as u32));
                    }
                }
            }
        }
        let highest = whole[1].slice(s![0, 3, .., ..]).iter().copied().fold(f32::MIN, f32::max);
        assert_eq!(scores[0][2].pairs().nth(3).unwrap().1, highest, "the very same bits");
    }

    /// On a network with blocks whose sums lensor adds up itself, and with convolutions that pass over places.
    #[test]
    fn highest_values_and_places_are_those_of_the_maps_whatever_takes_them() {
        let source = Source::Bundled(Bundled::Scenes);
        let network = Network::open(&source, engine(), &Default::default()).unwrap();
        let x = sine((2, 3, 128, 128), [1.0, 0.37, 0.2]);
        let layers: Vec<usize> = (0..network.layers().len()).collect();
        let whole = network.maps(engine()).run(&x, &layers, &Cancel::new()).unwrap();
        let mut digests = network.digests(&*engine(), 1).unwrap();
        assert!(matches!(digests[0].outputs, Outputs::Figures(_)));
        let (model, outputs) = network.with_sides().unwrap();
        digests.extend(
            network.sessions(&outputs, 1, || engine().load(model.bytes(), model.beside(), Effort::Utmost)).unwrap(),
        );
        for digest in &mut digests {
            let scores = digest.run(&x, &Cancel::new()).unwrap();
            for (picture, scores) in scores.iter().enumerate() {
                for ((scores, maps), layer) in scores.iter().zip(&whole).zip(network.layers()) {
                    let maps = FeatureMaps::new(maps.index_axis(Axis(0), picture).to_owned());
                    for (channel, (figures, (mean, max))) in maps.figures.iter().zip(scores.pairs()).enumerate() {
                        assert_eq!(max, figures.max, "{}:{channel}", layer.name);
                        approx::assert_abs_diff_eq!(mean, figures.mean, epsilon = 1e-5);
                        let (row, column) = figures.position;
                        let peak = scores.peak(channel);
                        assert!(
                            peak == Peak::At(row as u32, column as u32) || peak == Peak::Unclear,
                            "{}:{channel}",
                            layer.name
                        );
                        assert!(peak != Peak::Unclear || matches!(outputs, Outputs::Sides(_)));
                    }
                }
            }
        }
    }

    #[test]
    fn a_picture_has_the_same_scores_in_any_company() {
        let network = network(tiny_a());
        let x = sine((5, 3, 16, 16), [1.0, 0.37, 0.2]);
        let digest = &mut network.digests(&*engine(), 1).unwrap()[0];
        let together = digest.run(&x, &Cancel::new()).unwrap();
        for (picture, scores) in together.iter().enumerate() {
            let alone = x.slice(s![picture..picture + 1, .., .., ..]).to_owned();
            assert_eq!(&digest.run(&alone, &Cancel::new()).unwrap()[0], scores);
        }
    }
}
