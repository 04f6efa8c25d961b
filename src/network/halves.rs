//! The gradient of one picture in two halves, forward and back, so that another class of the same picture costs only the
//! second.
//!
//! Owns the two sessions and what the first left for the second. Must not know what the gradients are used for.

use std::collections::HashSet;
use std::thread;

use ndarray::{Array1, Array2, Array3, Array4, ArrayView3, Axis};

use crate::attribution::{Of, Target};
use crate::autodiff::{self, GradientModel, Observations, Policy, Request};
use crate::engine::{Cancel, Effort, Engine, EngineError, Given, Held, Session, Value};
use crate::onnx::{DataType, Graph, Model, surgery};

use super::prediction::predicted;
use super::{At, Gradients, Network, NetworkError, batch, observe};

/// Most pairs of sessions kept: each holds kernels turned for its way back.
const KEPT: usize = 2;

/// Most bytes of inner tensors kept of the last picture.
const LARGEST: usize = 1 << 29;

/// The pairs, the one used last at the end.
#[derive(Default)]
pub(super) struct Halves(Vec<Pair>);

impl Halves {
    fn keep(&mut self, pair: Pair) {
        if self.0.len() >= KEPT {
            self.0.remove(0);
        }
        self.0.push(pair);
    }
}

struct Pair {
    wrt: Vec<String>,
    taps: Vec<String>,
    /// Both halves in one.
    whole: Model,
    made: GradientModel,
    /// Logits, taps and what the way back uses of the way forth.
    left: Vec<String>,
    forth: Box<dyn Session>,
    /// The second half, made beside the first where the sizes of all that the first leaves are known, else when it has left it.
    back: Option<Back>,
    /// The last picture and what the first half left of it.
    last: Option<(Array3<f32>, Vec<Held>)>,
}

/// The second half.
struct Back {
    session: Box<dyn Session>,
    /// Names of its inputs.
    wanted: Vec<String>,
}

impl Back {
    /// The half of `whole` that makes these gradients from what is left of the way forth.
    fn new(
        whole: &Model,
        engine: &dyn Engine,
        left: &[(&str, DataType, &[usize])],
        gradients: &[String],
    ) -> Result<Self, NetworkError> {
        let gradients: Vec<&str> = gradients.iter().map(String::as_str).collect();
        let back = surgery::resume(whole, left, &gradients)?;
        let session = engine.load(back.bytes(), back.beside(), Effort::Light)?;
        Ok(Self { session, wanted: back.graph().inputs.iter().map(|input| input.name.clone()).collect() })
    }
}

impl Pair {
    /// Both halves are made at the same time: the runtime makes a session with one thread, and the kernels of the way back are
    /// turned meanwhile.
    fn new(
        model: &Model,
        engine: &dyn Engine,
        observations: &Observations,
        request: &Request<'_>,
    ) -> Result<Self, NetworkError> {
        let made = autodiff::differentiate(model, observations, request)?;
        let whole = Model::from_bytes(made.bytes.clone(), made.beside.clone())?;
        let mut left = vec![made.logits.clone()];
        left.extend(made.taps.iter().cloned());
        let fixed = |tensor: &str| observations.get(tensor).is_some_and(|observed| observed.value.is_some());
        for tensor in used_later(whole.graph(), made.forward_nodes, fixed) {
            if !left.iter().any(|known| known == tensor) && !model.graph().inputs.iter().any(|i| i.name == tensor) {
                left.push(tensor.to_owned());
            }
        }
        let ends: Vec<&str> = left.iter().map(String::as_str).collect();
        let cut = surgery::cut(&whole, &ends)?;
        let expected = |tensor: &String| {
            let observed = observations.get(tensor)?;
            Some((tensor.clone(), observe::data_type(observed.element), observed.shape.clone()))
        };
        let expected: Option<Vec<_>> = left.iter().map(expected).collect();
        let (forth, back) = thread::scope(|scope| {
            let back = expected.map(|expected| {
                let (whole, gradients) = (&whole, &made.gradients);
                scope.spawn(move || {
                    let expected = expected.iter().map(|(name, element, shape)| (name.as_str(), *element, &shape[..]));
                    Back::new(whole, engine, &expected.collect::<Vec<_>>(), gradients)
                })
            });
            let forth = engine.load(cut.bytes(), cut.beside(), Effort::Light);
            // Where it fails, it is said when it is tried with what the first half has left.
            (forth, back.and_then(|back| back.join().ok()?.ok()))
        });
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let (wrt, taps) = (owned(request.wrt), owned(request.taps));
        Ok(Self { wrt, taps, whole, made, left, forth: forth?, back, last: None })
    }

    /// Logits, gradients and taps of one picture `[C, H, W]` under the input's name, as the device has them; `seeds` are told the
    /// logits.
    fn run(
        &mut self,
        engine: &dyn Engine,
        (name, x): (&str, &Array3<f32>),
        seeds: impl FnOnce(&Held) -> Result<[Value; 2], NetworkError>,
        cancel: &Cancel,
    ) -> Result<Vec<Held>, NetworkError> {
        let picture = engine.hold(Value::from(x.clone().insert_axis(Axis(0))))?;
        // What is left of the picture before goes before room is taken for what this one leaves.
        let known = self.last.take().filter(|(last, _)| last == x);
        let left = match known {
            Some((_, left)) => left,
            None => {
                let names: Vec<&str> = self.left.iter().map(String::as_str).collect();
                self.forth.run_held(&[(name, Given::Held(&picture))], &[], &names, cancel)?.1
            }
        };
        let seeds = seeds(&left[0])?;
        let ends: Vec<&str> = self.made.gradients.iter().map(String::as_str).collect();
        let Back { session, wanted } = match &mut self.back {
            Some(back) => back,
            none => {
                let given: Vec<_> = self.left.iter().map(String::as_str).zip(&left).map(declared).collect();
                none.insert(Back::new(&self.whole, engine, &given, &self.made.gradients)?)
            }
        };
        let seeds =
            [&self.made.seed_logit, &self.made.seed_probability].into_iter().zip(seeds.iter().map(Given::Value));
        let held = self.left.iter().zip(left.iter().map(Given::Held));
        let mut inputs: Vec<_> = seeds.chain(held).map(|(name, given)| (name.as_str(), given)).collect();
        inputs.push((name, Given::Held(&picture)));
        inputs.retain(|(name, _)| wanted.iter().any(|wanted| wanted == name));
        let (_, gradients) = session.run_held(&inputs, &[], &ends, cancel)?;
        let (logits, taps) = (&left[..1], &left[1..=self.taps.len()]);
        let answer = [logits, &gradients, taps].concat();
        if left.iter().map(Held::bytes).sum::<usize>() <= LARGEST {
            self.last = Some((x.clone(), left));
        }
        Ok(answer)
    }
}

/// What the nodes from `first` on use of the nodes before, and of the inputs, but for what is the same for every picture.
fn used_later(graph: &Graph, first: usize, fixed: impl Fn(&str) -> bool) -> Vec<&str> {
    let before: HashSet<&str> = graph.nodes.iter().take(first).flat_map(|n| &n.outputs).map(String::as_str).collect();
    let later = graph.nodes.iter().skip(first).flat_map(|node| node.inputs.iter().chain(&node.captured));
    let mut seen = HashSet::new();
    let used = later.map(String::as_str).filter(|name| !name.is_empty() && before.contains(name));
    used.filter(|name| !graph.is_constant(name) && !fixed(name) && seen.insert(*name)).collect()
}

/// A tensor as the second half declares it.
fn declared<'a>((name, value): (&'a str, &'a Held)) -> (&'a str, DataType, &'a [usize]) {
    (name, observe::data_type(value.element_type()), value.shape())
}

/// The gradient of one picture, as the device has it.
pub(super) struct Answer {
    /// `[1, classes]`.
    logits: Array2<f32>,
    gradients: Vec<Held>,
    activations: Vec<Held>,
    straight_through: bool,
}

impl Answer {
    pub(super) fn read(self) -> Result<Gradients, NetworkError> {
        let Self { logits, gradients, activations, straight_through } = self;
        let read = |held: &Held| batch::maps(held.floats()?.into_owned());
        let read = |all: &[Held]| all.iter().map(read).collect::<Result<_, _>>();
        let (gradients, activations) = (read(&gradients)?, read(&activations)?);
        Ok(Gradients { logits, gradients, activations, straight_through })
    }
}

impl Network {
    /// As [`Network::gradient`] for one picture `[C, H, W]`, at the predicted class where none is given. What the forward pass
    /// computes is kept, so that another target of the same picture costs the backward pass alone.
    pub fn gradient_of_one(
        &mut self,
        x: &Array3<f32>,
        target: (Option<usize>, Of),
        at: At<'_>,
        cancel: &Cancel,
    ) -> Result<Gradients, NetworkError> {
        match self.in_halves(x, target, at, cancel)? {
            Some(answer) => answer.read(),
            None => self.at_once(x, target, at, cancel),
        }
    }

    /// What `combine` makes of the gradient and of the feature maps of each of some layers, both `[channels, height, width]`, for
    /// one picture `[C, H, W]`; and the logits. As [`Network::gradient_of_one`], but nothing is copied that the host can read.
    pub fn combine_at_layers<T>(
        &mut self,
        x: &Array3<f32>,
        Target { class, of }: Target,
        layers: &[usize],
        combine: impl Fn(ArrayView3<'_, f32>, ArrayView3<'_, f32>) -> T,
        cancel: &Cancel,
    ) -> Result<(Vec<T>, Array1<f32>), NetworkError> {
        let (target, at) = ((Some(class), of), At::Layers(layers));
        if let Some(answer) = self.in_halves(x, target, at, cancel)? {
            let one = |(gradient, maps): (&Held, &Held)| {
                let (gradient, maps) = (gradient.floats()?, maps.floats()?);
                let (gradient, maps) = (batch::maps(gradient.view())?, batch::maps(maps.view())?);
                Ok(combine(gradient.index_axis(Axis(0), 0), maps.index_axis(Axis(0), 0)))
            };
            let combined = answer.gradients.iter().zip(&answer.activations).map(one);
            return Ok((combined.collect::<Result<_, NetworkError>>()?, answer.logits.index_axis_move(Axis(0), 0)));
        }
        let Gradients { logits, gradients, activations, .. } = self.at_once(x, target, at, cancel)?;
        let one = |(gradient, maps): (&Array4<f32>, &Array4<f32>)| {
            combine(gradient.index_axis(Axis(0), 0), maps.index_axis(Axis(0), 0))
        };
        Ok((gradients.iter().zip(&activations).map(one).collect(), logits.index_axis_move(Axis(0), 0)))
    }

    /// The gradient of one picture by one session.
    fn at_once(
        &mut self,
        x: &Array3<f32>,
        (class, of): (Option<usize>, Of),
        at: At<'_>,
        cancel: &Cancel,
    ) -> Result<Gradients, NetworkError> {
        let batch: Array4<f32> = x.clone().insert_axis(Axis(0));
        let class = match class {
            Some(class) => class,
            None => predicted(self.forward(&batch, &[], cancel)?.logits.row(0)),
        };
        self.gradient(&batch, &[Target { class, of }], at, cancel)
    }

    /// The gradient of one picture by two sessions; `None` where that does not work.
    pub(super) fn in_halves(
        &mut self,
        x: &Array3<f32>,
        target: (Option<usize>, Of),
        at: At<'_>,
        cancel: &Cancel,
    ) -> Result<Option<Answer>, NetworkError> {
        if self.part.is_some_and(|part| part != 1) {
            return Ok(None);
        }
        match self.try_halves(x, target, at, cancel) {
            Err(NetworkError::Engine(error)) if !matches!(error, EngineError::Cancelled) => {
                tracing::debug!(%error, "the gradient was not taken in halves");
                Ok(None)
            }
            answer => answer.map(Some),
        }
    }

    fn try_halves(
        &mut self,
        x: &Array3<f32>,
        (class, of): (Option<usize>, Of),
        at: At<'_>,
        cancel: &Cancel,
    ) -> Result<Answer, NetworkError> {
        if x.shape() != self.preprocess.shape() {
            return Err(NetworkError::Shape { given: x.shape().to_vec(), expected: self.preprocess.shape() });
        }
        if let Some(class) = class {
            self.check_class(class)?;
        }
        let mut pair = self.pair(at)?;
        let rows = |logits: &Held| batch::rows(Some(logits.floats()?.into_owned()), self.classes);
        let seeds = |logits: &Held| {
            let class = match class {
                Some(class) => class,
                None => predicted(rows(logits)?.row(0)),
            };
            Ok(self.seeds(&[Target { class, of }])?.map(Value::from))
        };
        let result = pair.run(&*self.engine, (&self.input.name, x), seeds, cancel);
        let (count, straight_through) = (pair.wrt.len(), pair.made.straight_through);
        self.halves.keep(pair);
        let mut gradients = result?;
        let activations = gradients.split_off(1 + count);
        let logits = rows(&gradients.remove(0))?;
        Ok(Answer { logits, gradients, activations, straight_through })
    }

    /// Makes what [`Network::gradient_of_one`] runs, so that the first question does not wait for it.
    pub fn ready_for_one(&mut self, at: At<'_>) -> Result<(), NetworkError> {
        let pair = self.pair(at)?;
        self.halves.keep(pair);
        Ok(())
    }

    /// The halves that give gradients there, made if there are none, and not among those that are kept while they are used.
    fn pair(&mut self, at: At<'_>) -> Result<Pair, NetworkError> {
        self.observe()?;
        let (wrt, taps) = at.asked(&self.input, &self.layers)?;
        let serves = |pair: &Pair| pair.wrt.iter().eq(&wrt) && pair.taps.iter().eq(&taps);
        match self.halves.0.iter().position(serves) {
            Some(at) => Ok(self.halves.0.remove(at)),
            None => {
                let observations = self.observations.get_or_insert_default();
                let (logits, activation) = (self.logits.as_str(), self.activation);
                let (policy, operators) = (Policy::Gradient, self.engine.has_operators());
                let request = Request { logits, activation, wrt: &wrt, taps: &taps, policy, sum: false, operators };
                Pair::new(&self.model, &*self.engine, observations, &request)
            }
        }
    }
}
