//! What is known of a model before it is run: the runtime infers the shapes of tensors from that of the picture.
//!
//! Where a shape is computed from other shapes, as exporters write a flattening, that small part of the model is run, and
//! the runtime goes on from there. Must not guess: where a single shape depends on what is in the picture, there is nothing
//! to say.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::thread;

use ndarray::{ArrayD, IxDyn};

use super::{Plan, data_type};
use crate::autodiff::{Observations, Observed};
use crate::engine::{Cancel, Effort, ElementType, Engine, EngineError, MOST_ELEMENTS, Outlet, Value};
use crate::network::NetworkError;
use crate::onnx::build::GraphBuilder;
use crate::onnx::{Dim, Graph, Model, Node, OnnxError, surgery};

/// Operators of which only a run shows how long they take.
pub(in crate::network) const LOOPS: [&str; 3] = ["If", "Loop", "Scan"];

/// Most times that the runtime is asked to go on: MaxViT computes shapes of shapes dozens of times. Each takes some
/// milliseconds.
const ROUNDS: usize = 100;

/// Most multiplications by which weights may be computed of weights: some tenths of a second.
const MOST_WORK: u64 = 1 << 33;

/// Most elements of floats on which a shape depends: factors of a Resize, one an axis.
const MOST_SIZES: usize = 64;

/// What [`observe`](super::observe) would see, without a run but for what no picture changes; `None` where only a run can
/// tell. Fails for a tensor that is larger than any feature map.
pub fn infer(
    model: &Model,
    engine: &dyn Engine,
    input: &str,
    shape: &[usize],
    cancel: &Cancel,
) -> Result<Option<Observations>, NetworkError> {
    let plan = Plan::new(model.graph());
    let outline = Outline { model, engine, input, plan: &plan, cancel };
    let with = |pictures: usize| {
        let mut shape = shape.to_vec();
        shape.iter_mut().take(1).for_each(|size| *size += pictures);
        outline.known(&shape)
    };
    // A picture more shows which axis is the batch's.
    let (single, double) = thread::scope(|scope| {
        let double = scope.spawn(|| with(1));
        (with(0), double.join().ok())
    });
    let Some(Known { sizes, elements, mut values }) = single? else { return Ok(None) };
    let double = double.and_then(Result::ok).flatten();
    let observed = |tensor: &&str| {
        let shape = sizes.get(*tensor)?.clone();
        let more = double.as_ref().and_then(|double| double.sizes.get(*tensor));
        let batch = more.and_then(|more| more.iter().zip(&shape).position(|(a, b)| a != b));
        let value = values.remove(*tensor).filter(|_| plan.fixed.contains(tensor));
        let element = value.as_ref().map(Value::element_type).or_else(|| elements.get(*tensor).copied());
        let element = element.unwrap_or(plan.elements[tensor]);
        Some(((*tensor).to_owned(), Observed { shape, batch, element, value }))
    };
    Ok(plan.tensors.iter().map(observed).collect())
}

/// A model that is asked for shapes.
struct Outline<'a> {
    model: &'a Model,
    engine: &'a dyn Engine,
    /// Name of the picture input.
    input: &'a str,
    plan: &'a Plan<'a>,
    cancel: &'a Cancel,
}

/// What is known so far.
#[derive(Default)]
struct Known<'a> {
    sizes: HashMap<&'a str, Vec<usize>>,
    elements: HashMap<&'a str, ElementType>,
    /// Elements of the tensors that are the same for every picture.
    values: HashMap<String, Value>,
}

impl<'a> Outline<'a> {
    fn graph(&self) -> &'a Graph {
        self.model.graph()
    }

    /// What is known of all tensors, for pictures of this shape; `None` where that is not all.
    fn known(&self, shape: &[usize]) -> Result<Option<Known<'a>>, NetworkError> {
        let mut known = Known::default();
        for _ in 0..ROUNDS {
            if self.cancel.is_cancelled() {
                return Err(EngineError::Cancelled.into());
            }
            let before = (known.sizes.len(), known.values.len());
            if self.infer(shape, &mut known).is_none() {
                break;
            }
            let too_large = |sizes: &&Vec<usize>| {
                sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).is_none_or(|n| n > MOST_ELEMENTS)
            };
            if let Some((tensor, sizes)) = known.sizes.iter().find(|(_, sizes)| too_large(sizes)) {
                let shape = sizes.iter().map(|size| *size as i64).collect();
                return Err(EngineError::TooLarge { output: (*tensor).to_owned(), shape }.into());
            }
            if self.graph().nodes.iter().any(|node| LOOPS.contains(&node.op_type.as_str())) {
                break;
            }
            if self.compute(&mut known)?.is_none() {
                break;
            }
            if known.sizes.len() == self.plan.tensors.len() {
                return Ok((self.fits(&known) && self.is_computed(&known)).then_some(known));
            }
            if (known.sizes.len(), known.values.len()) == before {
                break;
            }
        }
        Ok(None)
    }

    /// Asks the runtime for the sizes that follow from what is known.
    fn infer(&self, shape: &[usize], known: &mut Known<'a>) -> Option<()> {
        let graph = self.graph();
        let telling = self.telling(known);
        let made: HashSet<&str> = telling.iter().flat_map(|node| &node.outputs).map(String::as_str).collect();
        let used = telling.iter().flat_map(|node| node.inputs.iter().chain(&node.captured)).map(String::as_str);
        let given = |name: &&str| !made.contains(name) && *name != self.input && known.sizes.contains_key(name);
        let given: BTreeSet<&str> = used.filter(given).collect();
        let ask = |mut addition: GraphBuilder| {
            for name in &given {
                match known.values.get(*name) {
                    Some(Value::F32(array)) if array.len() > MOST_SIZES => {}
                    Some(value) => {
                        let (shape, element) = (value.shape(), data_type(value.element_type()));
                        addition.named_constant(name, shape, element, value.to_le_bytes());
                        continue;
                    }
                    None => {}
                }
                let sizes: Vec<_> = known.sizes[name].iter().map(|size| Dim::Fixed(*size)).collect();
                let element = known.elements.get(name).copied().or_else(|| self.plan.elements.get(name).copied());
                addition.input(name, data_type(element?), &sizes);
            }
            let kept: HashSet<usize> = telling.iter().map(|node| node.index).collect();
            let bytes = surgery::outline(self.model, self.input, shape, &|node| kept.contains(&node), addition).ok()?;
            Some(self.engine.load(&bytes, self.model.beside(), Effort::None).ok()?.outlets())
        };
        let mut addition = GraphBuilder::new("");
        let open = |tensor: &&&str| made.contains(**tensor) && !known.sizes.contains_key(**tensor);
        let open: Vec<&str> = self.plan.tensors.iter().filter(open).copied().collect();
        open.iter().for_each(|tensor| addition.output(tensor));
        let mut outlets: HashMap<String, Outlet> = HashMap::new();
        if !open.is_empty() {
            outlets.extend(ask(addition)?.into_iter().map(|outlet| (outlet.name.clone(), outlet)));
        }
        // A single number, or a tensor whose number of axes is unknown: how many sizes it has tells.
        let mut addition = GraphBuilder::beside(graph, "lensor/");
        let mut asked = HashMap::new();
        for outlet in outlets.values().filter(|outlet| outlet.shape.is_empty() && !graph.is_constant(&outlet.name)) {
            let sizes = addition.node("Shape", &[&outlet.name], &[]);
            addition.output(&sizes);
            asked.insert(sizes, outlet.name.clone());
        }
        if !asked.is_empty() {
            for sizes in ask(addition)?.into_iter().filter(|sizes| sizes.shape != [Some(0)]) {
                asked.get(&sizes.name).map(|name| outlets.remove(name));
            }
        }
        for tensor in &self.plan.tensors {
            let told = outlets.get(*tensor).and_then(|outlet| outlet.shape.iter().copied().collect::<Option<_>>());
            let valued = || known.values.get(*tensor).map(|value| value.shape().to_vec());
            let picture = || (*tensor == self.input).then(|| shape.to_vec());
            let sizes = told.or_else(valued).or_else(picture);
            sizes.into_iter().for_each(|sizes| drop(known.sizes.insert(tensor, sizes)));
            let element = outlets.get(*tensor).and_then(|outlet| outlet.element);
            known.elements.extend(element.map(|element| (*tensor, element)));
        }
        Some(())
    }

    /// The nodes that may tell of sizes: all of them at first; then those of unknown sizes whose inputs have become known, or
    /// are made by such nodes. A large network that computes many shapes would be looked at many times otherwise.
    fn telling(&self, known: &Known<'a>) -> Vec<&'a Node> {
        let graph = self.graph();
        if known.sizes.is_empty() {
            return graph.nodes.iter().collect();
        }
        let mut made: HashSet<&str> = HashSet::new();
        let mut tells = |node: &&'a Node| {
            let varies = |name: &str| self.plan.varies.contains(name);
            let fixed = !node.outputs.iter().any(|output| varies(output));
            let mut inputs = node.inputs.iter().chain(&node.captured).map(String::as_str);
            let here = |name: &str| {
                name.is_empty()
                    || graph.is_constant(name)
                    || known.values.contains_key(name)
                    || (fixed || varies(name)) && (known.sizes.contains_key(name) || made.contains(name))
            };
            let open = |name: &String| !name.is_empty() && !known.sizes.contains_key(name.as_str());
            let tells = graph.is_constant(node.output()) || node.outputs.iter().any(open) && inputs.all(here);
            made.extend(node.outputs.iter().map(String::as_str).filter(|_| tells));
            tells
        };
        graph.nodes.iter().filter(|node| tells(node)).collect()
    }

    /// Computes what is the same for every picture and follows from what is known. Fails where that takes more than computing
    /// weights does, and where it is cancelled.
    fn compute(&self, known: &mut Known<'a>) -> Result<Option<()>, NetworkError> {
        let graph = self.graph();
        let (mut ready, mut shapes): (HashSet<&str>, HashMap<String, Value>) = Default::default();
        let mut work = 0u64;
        for node in graph.nodes.iter().filter(|node| !known.values.contains_key(node.output())) {
            let sizes = || node.input(0).and_then(|input| self.sizes(known, input));
            match (node.op_type.as_str(), sizes()) {
                ("Shape" | "Size", Some(sizes)) => drop(shapes.insert(node.output().to_owned(), told(node, &sizes))),
                ("Shape" | "Size", None) => {}
                _ => {
                    let here = |name: &str| {
                        name.is_empty()
                            || graph.is_constant(name)
                            || known.values.contains_key(name)
                            || shapes.contains_key(name)
                            || ready.contains(name)
                    };
                    // What is not known to be small waits until it is.
                    let fixed = |output: &String| {
                        output.is_empty()
                            || !self.plan.varies.contains(output.as_str())
                                && (known.sizes.contains_key(output.as_str()) || graph.is_constant(output))
                    };
                    if node.outputs.iter().all(fixed) && node.inputs.iter().chain(&node.captured).all(|name| here(name))
                    {
                        work = work.saturating_add(self.work(node, known));
                        if work > MOST_WORK {
                            let (node, op) = (node.name.clone(), node.op_type.clone());
                            let reason = format!("it multiplies {work} pairs of numbers that no picture changes");
                            return Err(OnnxError::Absurd { node, op, reason }.into());
                        }
                        ready.extend(node.outputs.iter().map(String::as_str));
                    }
                }
            }
        }
        known.values.extend(shapes);
        let elements = |tensor: &&str| known.sizes.get(*tensor).map_or(0, |sizes| sizes.iter().product::<usize>());
        // Of weights that are computed step by step only the last are of use: the others are made again where they are needed.
        let taken = self.taken();
        let worth = |tensor: &&str| elements(tensor) <= MOST_SIZES || taken.contains(tensor);
        let computed = |tensor: &&str| ready.contains(tensor) && !known.values.contains_key(*tensor) && worth(tensor);
        let computed: Vec<&str> = self.plan.fixed.iter().copied().filter(computed).collect();
        if computed.iter().map(elements).sum::<usize>() > MOST_ELEMENTS / 2 {
            return Ok(None);
        }
        match self.run(known, &computed) {
            None => Ok(None),
            Some(Err(EngineError::Cancelled)) => Err(EngineError::Cancelled.into()),
            Some(made) => {
                Ok(made.ok().map(|made| known.values.extend(computed.into_iter().map(str::to_owned).zip(made))))
            }
        }
    }

    /// What is used to compute something from the picture.
    fn taken(&self) -> HashSet<&'a str> {
        let varies = |node: &&Node| node.outputs.iter().any(|output| self.plan.varies.contains(output.as_str()));
        self.graph().nodes.iter().filter(varies).flat_map(Node::uses).collect()
    }

    /// Runs the part of the model that makes these tensors of what is known.
    fn run(&self, known: &Known<'a>, tensors: &[&str]) -> Option<Result<Vec<Value>, EngineError>> {
        if tensors.is_empty() {
            return Some(Ok(Vec::new()));
        }
        let given: Vec<_> = known
            .values
            .iter()
            .map(|(name, value)| (name.as_str(), data_type(value.element_type()), value.shape()))
            .collect();
        let part = surgery::resume(self.model, &given, tensors).ok()?;
        let mut session = self.engine.load(part.bytes(), part.beside(), Effort::None).ok()?;
        let taken = |name: &str| known.values.get_key_value(name).map(|(name, value)| (name.as_str(), value));
        let inputs = part.graph().inputs.iter().map(|input| taken(&input.name)).collect::<Option<Vec<_>>>()?;
        Some(session.run(&inputs, tensors, self.cancel))
    }

    /// Sizes of a tensor or a constant, where they are known.
    fn sizes(&self, known: &Known<'a>, tensor: &str) -> Option<Vec<usize>> {
        let stored = || self.graph().constant(tensor)?.dims.iter().map(|size| usize::try_from(*size).ok()).collect();
        known.sizes.get(tensor).cloned().or_else(stored)
    }

    /// Multiplications of a node, of those that take many.
    fn work(&self, node: &Node, known: &Known<'a>) -> u64 {
        let sizes = |index: usize| node.input(index).and_then(|input| self.sizes(known, input)).unwrap_or_default();
        let inner: usize = match node.op_type.as_str() {
            "Conv" => sizes(1).iter().skip(1).product(),
            "Gemm" | "MatMul" => sizes(0).iter().copied().max().unwrap_or(0),
            _ => 0,
        };
        let outputs: usize = self.sizes(known, node.output()).unwrap_or_default().iter().product();
        (outputs as u64).saturating_mul(inner as u64)
    }

    /// Whether the elements are known of all that is used beside the picture and is the same for each.
    fn is_computed(&self, known: &Known<'a>) -> bool {
        let taken = self.taken();
        self.plan.fixed.iter().filter(|tensor| taken.contains(*tensor)).all(|tensor| known.values.contains_key(*tensor))
    }

    /// Whether all nodes can take what they are given, where the runtime looks at that only when it runs.
    fn fits(&self, known: &Known<'a>) -> bool {
        let sizes = |tensor: &str| self.sizes(known, tensor);
        self.graph().nodes.iter().all(|node| fits(node, &sizes))
    }
}

/// What Shape or Size make of a tensor of these sizes.
fn told(node: &Node, sizes: &[usize]) -> Value {
    let sizes: Vec<i64> = sizes.iter().map(|size| *size as i64).collect();
    if node.op_type == "Size" {
        return Value::I64(ndarray::arr0(sizes.iter().product()).into_dyn());
    }
    let count = sizes.len() as i64;
    let place = |name: &str, default: i64| {
        let place = node.attr_int(name).unwrap_or(default);
        (if place < 0 { place + count } else { place }).clamp(0, count) as usize
    };
    let (start, end) = (place("start", 0), place("end", count));
    let part = sizes.get(start..end.max(start)).unwrap_or_default();
    let array = ArrayD::from_shape_vec(IxDyn(&[part.len()]), part.to_vec());
    Value::I64(array.unwrap_or_else(|_| ArrayD::zeros(IxDyn(&[0]))))
}

/// Whether a node can take what it is given, where the runtime looks at that only when it runs.
fn fits(node: &Node, sizes: &dyn Fn(&str) -> Option<Vec<usize>>) -> bool {
    let of = |index: usize| node.input(index).and_then(sizes);
    let turned = |name: &str| usize::from(node.attr_int(name).unwrap_or(0) != 0);
    match (node.op_type.as_str(), of(0), of(1)) {
        ("Conv", Some(x), Some(kernel)) => {
            let group = usize::try_from(node.attr_int("group").unwrap_or(1)).unwrap_or(0);
            x.len() == kernel.len() && x.get(1) == kernel.get(1).map(|channels| channels * group).as_ref()
        }
        ("Gemm", Some(a), Some(b)) => a.get(1 - turned("transA")) == b.get(turned("transB")),
        ("Reshape", Some(x), _) => {
            sizes(node.output()).is_some_and(|y| x.iter().product::<usize>() == y.iter().product::<usize>())
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::observe;
    use super::*;
    use crate::fixtures::{engine, sine, tiny_a, tiny_b, with_input};
    use crate::model::bundled::Bundled;
    use crate::model::source::Source;
    use crate::onnx::build::Attr;

    /// A network that computes its shapes: a flattening as exporters write it, and whatever else.
    fn computes_shapes() -> Vec<u8> {
        let mut b = with_input([3, 8, 8]);
        b.named_floats("kernel", sine((32, 3, 3, 3), [0.3, 1.7, 0.3]).view());
        let maps = b.node("Conv", &["x", "kernel"], &[]);
        let (zero, axis, rest, two) = (b.int(0), b.ints(&[0]), b.ints(&[-1]), b.int(2));
        let sizes = b.node("Shape", &[&maps], &[]);
        let count = b.node("Gather", &[&sizes, &zero], &[("axis", Attr::Int(0))]);
        let count = b.node("Unsqueeze", &[&count, &axis], &[]);
        let target = b.node("Concat", &[&count, &rest], &[("axis", Attr::Int(0))]);
        let size = b.node("Size", &[&maps], &[]);
        b.node("Mul", &[&size, &two], &[]);
        let side = b.node("Shape", &[&maps], &[("start", Attr::Int(-1))]);
        b.node("ConstantOfShape", &[&side], &[]);
        b.named_node("Reshape", &[&maps, &target], &["logits"], &[]);
        b.output("logits");
        b.into_model(17)
    }

    #[test]
    fn what_is_inferred_is_what_a_run_shows() {
        let bytes = |bytes: Vec<u8>| Model::from_bytes(bytes, None).unwrap();
        let bundled = Source::Bundled(Bundled::Scenes).open().unwrap().model;
        let models = [(bytes(tiny_a()), 16), (bytes(tiny_b()), 16), (bytes(computes_shapes()), 8), (bundled, 128)];
        for (model, side) in models {
            let (input, shape) = (model.graph().inputs[0].name.clone(), [1, 3, side, side]);
            let inferred = infer(&model, &*engine(), &input, &shape, &Cancel::new()).unwrap().unwrap();
            let seen = observe(&model, &*engine(), &input, &shape).unwrap();
            assert_eq!(inferred.len(), seen.len());
            for (name, seen) in seen {
                let Observed { shape, batch, element, value } = &inferred[&name];
                assert_eq!((shape, batch, element), (&seen.shape, &seen.batch, &seen.element), "{name}");
                assert_eq!(value, &seen.value, "{name}");
            }
        }
    }

    #[test]
    fn shapes_are_computed_from_shapes_many_times_over() {
        let mut b = with_input([3, 8, 8]);
        let (three, axis, two, same) = (b.int(3), b.ints(&[0]), b.int(2), b.ints(&[0, 0, -1]));
        let mut maps = "x".to_owned();
        for _ in 0..20 {
            let sizes = b.node("Shape", &[&maps], &[]);
            let side = b.node("Gather", &[&sizes, &three], &[("axis", Attr::Int(0))]);
            let twice = b.node("Mul", &[&side, &two], &[]);
            // What a division gives, the runtime does not follow by itself.
            let side = b.node("Div", &[&twice, &two], &[]);
            let side = b.node("Unsqueeze", &[&side, &axis], &[]);
            let target = b.node("Concat", &[&same, &side], &[("axis", Attr::Int(0))]);
            maps = b.node("Reshape", &[&maps, &target], &[]);
        }
        b.output(&maps);
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        let inferred = infer(&model, &*engine(), "x", &[1, 3, 8, 8], &Cancel::new()).unwrap().unwrap();
        assert_eq!((&inferred[&maps].shape[..], inferred[&maps].batch), (&[1, 3, 8, 8][..], Some(0)));
    }

    #[test]
    fn of_weights_that_are_computed_the_last_are_kept() {
        let mut b = with_input([3, 8, 8]);
        let [weights, factor] = [sine((32, 3, 3, 3), [0.3, 1.7, 0.3]), sine((1, 1, 1, 1), [1.0, 0.3, 0.9])];
        let [weights, factor] = [weights, factor].map(|values| b.floats(values.view()));
        let scaled = b.node("Mul", &[&weights, &factor], &[]);
        // As it is exported where nothing is folded.
        let sizes = b.node("Shape", &[&weights], &[]);
        let kernel = b.node("Reshape", &[&scaled, &sizes], &[]);
        b.named_node("Conv", &["x", &kernel], &["y"], &[]);
        b.output("y");
        let model = Model::from_bytes(b.into_model(17), None).unwrap();
        let inferred = infer(&model, &*engine(), "x", &[1, 3, 8, 8], &Cancel::new()).unwrap().unwrap();
        assert_eq!((inferred[&scaled].shape.as_slice(), &inferred[&scaled].value), (&[32, 3, 3, 3][..], &None));
        assert!(matches!(&inferred[&kernel].value, Some(Value::F32(kernel)) if kernel.len() == 32 * 27));
        assert_eq!(inferred["y"].shape, [1, 32, 6, 6]);
    }

    #[test]
    fn what_a_run_decides_is_left_to_it() {
        let with = |between: &dyn Fn(&mut crate::onnx::build::GraphBuilder)| {
            let mut b = with_input([3, 8, 8]);
            between(&mut b);
            b.output("y");
            let model = Model::from_bytes(b.into_model(17), None).unwrap();
            infer(&model, &*engine(), "x", &[1, 3, 8, 8], &Cancel::new())
        };
        assert!(with(&|b| b.named_node("NonZero", &["x"], &["y"], &[])).unwrap().is_none());
        let channels = |b: &mut GraphBuilder| {
            b.named_floats("kernel", sine((4, 2, 3, 3), [0.3, 1.7, 0.3]).view());
            b.named_node("Conv", &["x", "kernel"], &["y"], &[]);
        };
        assert!(with(&channels).unwrap().is_none(), "the run says which node it is");
        let tall = |b: &mut GraphBuilder| {
            let repeats = b.ints(&[1, 1, 1000, 1000]);
            let first = b.node("Tile", &["x", &repeats], &[]);
            b.named_node("Tile", &[&first, &repeats], &["y"], &[]);
        };
        let error = with(&tall).unwrap_err().to_string();
        assert!(error.contains("`y`") && error.contains("[1, 3, 8000000, 8000000]"), "{error}");
    }
}
