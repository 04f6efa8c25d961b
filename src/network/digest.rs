//! Every layer's feature maps in a few numbers a channel, in one run: average, highest value of each row, highest value
//! of each column.
//!
//! The maps are reduced inside the graph, so that they never leave the runtime: by GlobalAveragePool and MaxPool, which
//! the runtime computes in its blocked layout of convolutions (ReduceMax and ArgMax would have every map laid out anew).
//! Rows and columns together tell where a map is highest. The reductions are listed from the last layer to the first,
//! because the runtime begins with the last node that nothing else needs: each map is then reduced while it is still in the
//! cache, and freed. A residual sum of maps that are reduced themselves would cost two passes over memory, one to add and
//! one for the ReLU: it is made part of a convolution, see [`surgery::sum_in_convolutions`].
//!
//! Must not know what the numbers are kept for.

use std::sync::Arc;

use ndarray::{Array4, ArrayD, Axis};

use super::{Network, NetworkError, Scores, batch};
use crate::engine::{Cancel, Effort, Engine, Session};
use crate::model::layers::Kind;
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{Model, Node, surgery};

/// A session that digests pictures.
pub struct Digest {
    session: Box<dyn Session>,
    input: String,
    /// For each layer, the outputs with averages, rows and columns.
    outputs: Vec<[String; 3]>,
    part: Option<usize>,
}

/// Channels that the runtime's blocked layout takes together, at most.
const BLOCK: usize = 16;

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
    /// A session on `engine` that digests every layer.
    pub fn digest(&self, engine: &dyn Engine) -> Result<Digest, NetworkError> {
        // Only the processor has a layout in which such a convolution is no work.
        let blocked = cfg!(target_arch = "x86_64") && engine.device().starts_with("CPU");
        let sums = if blocked { self.residual_sums() } else { Vec::new() };
        let model = surgery::sum_in_convolutions(&self.model, &sums)?;
        let mut builder = GraphBuilder::beside(model.graph(), "lensor/digest/");
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
        let extended = Model::from_bytes(model.extended(builder.finish()), model.beside().clone())?;
        let ends: Vec<&str> = outputs.iter().flatten().map(String::as_str).collect();
        let cut = surgery::cut(&extended, &ends)?;
        let session = engine.load(cut.bytes(), self.model.beside(), Effort::Full)?;
        Ok(Digest { session, input: self.input.name.clone(), outputs, part: self.part })
    }

    /// Sums behind which a ReLU makes the maps of a layer, and of which a summand is the maps of another that a convolution
    /// made.
    fn residual_sums(&self) -> Vec<surgery::Sum> {
        let graph = self.graph();
        let of = |tensor: &str| self.layers.iter().find(|layer| layer.tensor == tensor);
        let sum = |node: &Node| {
            let [behind] = graph.consumers(node.output()) else { return None };
            let relu = graph.nodes.get(*behind).filter(|relu| relu.qualified_op() == "Relu")?;
            let block = of(relu.output()).filter(|block| block.channels.is_multiple_of(BLOCK))?;
            let size = (block.channels, block.height, block.width);
            let alike = |tensor: &String| {
                let layer = of(tensor).filter(|layer| layer.kind == Kind::Conv)?;
                (size == (layer.channels, layer.height, layer.width)).then_some(())
            };
            let input = node.inputs.iter().position(|tensor| alike(tensor).is_some())?;
            Some(surgery::Sum { node: node.index, input, channels: block.channels })
        };
        graph.nodes.iter().filter(|node| node.qualified_op() == "Add").filter_map(sum).collect()
    }

    /// What gives the feature maps of any layer on `engine`, computed as [`Network::digest`] computes them.
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
        let wanted: Vec<&str> = self.outputs.iter().flatten().map(String::as_str).collect();
        let (session, input) = (&mut self.session, &self.input);
        let values = batch::run(&mut self.part, x, |part, _| session.run(&[(input, part)], &wanted, cancel))?;
        let count = x.len_of(Axis(0));
        let mut pictures: Vec<Vec<Scores>> = vec![Vec::with_capacity(self.outputs.len()); count];
        let mut values = values.into_iter().map(|value| split(value, count));
        while let (Some(means), Some(rows), Some(columns)) = (values.next(), values.next(), values.next()) {
            let each = means.into_iter().zip(rows).zip(columns).zip(&mut pictures);
            each.for_each(|(((means, rows), columns), scores)| scores.push(Scores::new(means, rows, columns)));
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
                self.engine.load(cut.bytes(), self.model.beside(), Effort::Full)?
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
        let scores = network.digest(&*engine()).unwrap().run(&x, &Cancel::new()).unwrap();
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

    #[test]
    fn residual_sums_are_the_very_same_in_a_convolution() {
        let source = Source::Bundled(Bundled::Scenes);
        let network = Network::open(&source, engine(), &Default::default()).unwrap();
        let sums = network.residual_sums();
        assert!(sums.len() > 6, "{sums:?}");
        let x = sine((1, 3, 128, 128), [1.0, 0.37, 0.2]);
        let scores = network.digest(&*engine()).unwrap().run(&x, &Cancel::new()).unwrap();
        let layers: Vec<usize> = (0..network.layers().len()).collect();
        let whole = network.maps(engine()).run(&x, &layers, &Cancel::new()).unwrap();
        for ((scores, maps), layer) in scores[0].iter().zip(&whole).zip(network.layers()) {
            for ((_, max), map) in scores.pairs().zip(maps.index_axis(Axis(0), 0).outer_iter()) {
                assert_eq!(max, map.fold(f32::NEG_INFINITY, |a, b| b.max(a)), "{}", layer.name);
            }
        }
    }

    #[test]
    fn a_picture_has_the_same_scores_in_any_company() {
        let network = network(tiny_a());
        let x = sine((5, 3, 16, 16), [1.0, 0.37, 0.2]);
        let mut digest = network.digest(&*engine()).unwrap();
        let together = digest.run(&x, &Cancel::new()).unwrap();
        for (picture, scores) in together.iter().enumerate() {
            let alone = x.slice(s![picture..picture + 1, .., .., ..]).to_owned();
            assert_eq!(&digest.run(&alone, &Cancel::new()).unwrap()[0], scores);
        }
    }
}
