//! The walk back through a graph: which tensors need a gradient, what has arrived at each, what is emitted.
//!
//! Owns accumulation and pruning. Must not know any operator: that is what [`super::rules`] are for.

use std::collections::{HashMap, HashSet};

use ndarray::{ArrayD, IxDyn};

use super::phases::{Part, Phases};
use super::rules::{Kernel, Maxima};
use super::{AutodiffError, Observations, Observed, Policy, phases, rules, sums};
use crate::engine::{ElementType, Value};
use crate::onnx::build::{Attr, GraphBuilder};
use crate::onnx::{Beside, DataType, Dim, Graph, LARGEST, Model, Node, ValueInfo, surgery};

/// State of one rewrite.
pub(super) struct Backward<'a> {
    pub builder: GraphBuilder,
    pub policy: Policy,
    /// Whether the runtime has lensor's own operators.
    pub operators: bool,
    /// Whether a gradient was passed straight through quantisation.
    pub straight_through: bool,
    model: &'a Model,
    observations: &'a Observations,
    /// The tensor that is differentiated.
    score: &'a str,
    /// Tensors that depend on a wanted one by a differentiable path.
    active: HashSet<&'a str>,
    /// The wanted ones themselves.
    wrt: &'a [&'a str],
    /// Tensors whose gradients are summed over the pictures of the batch.
    summed: HashSet<&'a str>,
    /// Whether the gradient that is being passed on is such a sum.
    passes_sum: bool,
    /// Gradients that arrived at each tensor and are still to be added up.
    arrived: HashMap<String, Vec<Part>>,
    /// Gradients that were masked: what they were before, and the mask.
    masked: HashMap<String, [String; 2]>,
    /// Gradients that went from the maxima of windows to where those were: what they were before.
    maxima: HashMap<String, Maxima>,
    /// How the number of pictures is called.
    pub batch: Dim,
    /// Outputs to append to existing nodes, by node index.
    node_outputs: HashMap<usize, Vec<String>>,
}

impl<'a> Backward<'a> {
    /// A rewrite that will differentiate `score` with respect to `wrt`.
    pub fn new(
        model: &'a Model,
        observations: &'a Observations,
        score: &'a str,
        wrt: &'a [&'a str],
        policy: Policy,
    ) -> Result<Self, AutodiffError> {
        let graph = model.graph();
        for tensor in wrt.iter().chain([&score]) {
            if !graph.contains(tensor) {
                return Err(AutodiffError::UnknownTensor { tensor: (*tensor).to_owned() });
            }
        }
        let mut builder = GraphBuilder::beside(graph, "lensor/");
        if model.is_whole() {
            builder.keep_apart(model.beside().next());
        }
        Ok(Self {
            builder,
            policy,
            operators: false,
            straight_through: false,
            model,
            observations,
            score,
            active: active(graph, wrt),
            wrt,
            summed: HashSet::new(),
            passes_sum: false,
            arrived: HashMap::new(),
            masked: HashMap::new(),
            maxima: HashMap::new(),
            batch: batch(graph, observations),
            node_outputs: HashMap::new(),
        })
    }

    /// From here on the gradients of the wanted tensors are summed over the pictures of the batch, as soon as all that is
    /// left of the way is linear and the same for every picture.
    pub fn sum_pictures(&mut self) {
        self.summed = sums::linear(self.model.graph(), self.observations, self.wrt);
    }

    /// Emits the backward counterpart of every node that a gradient reaches, last node first.
    pub fn walk(&mut self) -> Result<(), AutodiffError> {
        let model = self.model;
        for node in model.graph().nodes.iter().rev() {
            let reached = node.outputs.iter().any(|output| self.arrived.contains_key(output));
            if reached && node.uses().any(|input| self.wants(input)) {
                self.passes_sum = self.sums(node.output());
                rules::apply(self, node)?;
                let size = self.builder.stored().saturating_add(self.model.bytes().len() as u64);
                if size > LARGEST {
                    return Err(AutodiffError::TooLarge { node: node.name.clone(), size });
                }
            }
        }
        Ok(())
    }

    /// Whether the gradient of a tensor is wanted, for itself or on the way to another.
    pub fn wants(&self, tensor: &str) -> bool {
        self.active.contains(tensor)
    }

    /// Whether the gradient of a tensor is the sum over the pictures of the batch, in the shape of a batch of one.
    pub fn sums(&self, tensor: &str) -> bool {
        self.summed.contains(tensor)
    }

    /// Adds a gradient to what has arrived at a tensor; dropped where nobody wants it.
    pub fn send(&mut self, tensor: &str, gradient: String) {
        if self.wants(tensor) {
            let gradient = match self.sums(tensor) && !self.passes_sum {
                true => sums::over_pictures(self, &gradient),
                false => gradient,
            };
            self.deliver(tensor, Part::Whole(gradient));
        }
    }

    /// As [`Backward::send`], for a gradient that is apart in phases.
    pub fn send_phases(&mut self, tensor: &str, phases: Phases) {
        if self.sums(tensor) && !self.passes_sum {
            let whole = phases.join(self);
            self.send(tensor, whole);
        } else if self.wants(tensor) {
            self.deliver(tensor, Part::Apart(phases));
        }
    }

    /// Adds what is summed over the pictures already, where that is asked for.
    pub fn deliver(&mut self, tensor: &str, part: Part) {
        self.arrived.entry(tensor.to_owned()).or_default().push(part);
    }

    /// The sum of all gradients that arrived at a tensor, if any did.
    pub fn gradient(&mut self, tensor: &str) -> Option<String> {
        let parts = self.arrived.remove(tensor)?;
        let mut parts = phases::join(self, parts).into_iter();
        let first = parts.next()?;
        let sum = parts.fold(first, |sum, part| self.emit("Add", &[&sum, &part], &[]));
        self.describe(tensor, &sum);
        self.arrived.insert(tensor.to_owned(), vec![Part::Whole(sum.clone())]);
        Some(sum)
    }

    /// Says what shape a tensor's gradient has: the runtime keeps a product of two tensors in its blocked layout of
    /// convolutions only where it knows that they are of one shape.
    fn describe(&mut self, tensor: &str, gradient: &str) {
        if let Some(shape) = self.shape_of(tensor, self.sums(tensor)) {
            self.builder.describe(gradient, DataType::Float, &shape);
        }
    }

    /// Sizes of the axes of a tensor of 32-bit floats for any batch, or for one picture where it is a sum over them.
    fn shape_of(&self, tensor: &str, sum: bool) -> Option<Vec<Dim>> {
        let observed = self.observations.get(tensor).filter(|seen| seen.element == ElementType::F32)?;
        let mut shape: Vec<Dim> = observed.shape.iter().map(|size| Dim::Fixed(*size)).collect();
        if let Some(dim) = observed.batch.filter(|_| !sum).and_then(|axis| shape.get_mut(axis)) {
            // Some axes hold several parts of each picture.
            *dim = if *dim == Dim::Fixed(1) { self.batch.clone() } else { Dim::Unknown };
        }
        Some(shape)
    }

    /// Makes a tensor an output, `shape` being its own where that is known: programs other than the runtime ask for it.
    fn output(&mut self, tensor: &str, shape: Option<Vec<Dim>>) {
        match shape {
            Some(shape) => self.builder.shaped_output(tensor, DataType::Float, &shape),
            None => self.builder.output(tensor),
        }
    }

    /// The node that makes a tensor.
    pub fn producer(&self, tensor: &str) -> Option<&'a Node> {
        self.model.graph().producer(tensor)
    }

    /// The ReLU that makes a tensor for one node alone, if nobody asks for the gradient between the two.
    pub fn relu_just_before(&self, tensor: &str) -> Option<&'a Node> {
        let graph = self.model.graph();
        let relu = graph.producer(tensor).filter(|node| node.op_type == "Relu" && node.domain.is_empty())?;
        (self.is_between(tensor) && self.policy == Policy::Gradient).then_some(relu)
    }

    /// Whether a tensor is made for one node alone and nobody asks for its gradient.
    pub fn is_between(&self, tensor: &str) -> bool {
        self.model.graph().consumers(tensor).len() == 1 && !self.wrt.contains(&tensor)
    }

    /// `gradient ⊙ mask`.
    pub fn mask(&mut self, gradient: &str, mask: String) -> String {
        let product = self.emit("Mul", &[gradient, &mask], &[]);
        self.masked.insert(product.clone(), [gradient.to_owned(), mask]);
        product
    }

    /// The gradient of the maxima of windows, brought to where those are.
    pub fn place(&mut self, maxima: Maxima) -> String {
        let placed = maxima.place(self);
        self.maxima.insert(placed.clone(), maxima);
        placed
    }

    /// What a gradient was before it was brought to where the maxima of windows are, if it was.
    pub fn maxima(&self, gradient: &str) -> Option<Maxima> {
        self.maxima.get(gradient).cloned()
    }

    /// A gradient times a factor for each channel. Where the gradient was masked the factor comes before the mask: right
    /// behind a convolution the runtime takes it into the kernel. Of maxima there are fewer than of elements.
    pub fn scale(&mut self, gradient: &str, factors: &str) -> String {
        if let Some([before, mask]) = self.masked.get(gradient).cloned() {
            let scaled = self.emit("Mul", &[&before, factors], &[]);
            return self.mask(&scaled, mask);
        }
        match self.maxima(gradient) {
            Some(mut maxima) => {
                maxima.gradient = self.emit("Mul", &[&maxima.gradient, factors], &[]);
                self.place(maxima)
            }
            None => self.emit("Mul", &[gradient, factors], &[]),
        }
    }

    /// Makes the gradients of some tensors outputs and returns their names.
    pub fn expose_gradients(&mut self, tensors: &[&str]) -> Result<Vec<String>, AutodiffError> {
        let hint =
            |tensor: &&str| if tensors.len() == 1 { "gradient".to_owned() } else { format!("gradient/{tensor}") };
        tensors.iter().map(|tensor| self.expose_gradient(tensor, &hint(tensor))).collect()
    }

    fn expose_gradient(&mut self, tensor: &str, hint: &str) -> Result<String, AutodiffError> {
        let disconnected = || AutodiffError::Disconnected { tensor: tensor.to_owned(), score: self.score.to_owned() };
        let gradient = self.gradient(tensor).ok_or_else(disconnected)?;
        let name = self.builder.fresh(hint);
        self.builder.named_node("Identity", &[&gradient], &[&name], &[]);
        let shape = self.shape_of(tensor, self.sums(tensor));
        self.output(&name, shape);
        Ok(name)
    }

    /// The finished model, with these tensors of the forward pass as outputs too, and what lies beside it.
    pub fn finish<'t>(mut self, taps: impl Iterator<Item = &'t &'t str>) -> Result<(Vec<u8>, Beside), AutodiffError> {
        let mut outputs: HashSet<&str> = self.model.graph().outputs.iter().map(|output| output.name.as_str()).collect();
        for tensor in taps {
            if !self.model.graph().contains(tensor) {
                return Err(AutodiffError::UnknownTensor { tensor: (*tensor).to_owned() });
            }
            if outputs.insert(tensor) {
                let shape = self.shape_of(tensor, false);
                self.output(tensor, shape);
            }
        }
        self.builder.prune();
        let (addition, kept) = self.builder.finish_apart();
        let bytes = match self.node_outputs.is_empty() {
            true => self.model.extended(addition),
            false => surgery::add_node_outputs(self.model, &self.node_outputs)?.extended(addition),
        };
        Ok((bytes, self.model.beside().and(kept)))
    }

    /// Emits a node with one output and returns the output's name.
    pub fn emit(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attr)]) -> String {
        self.builder.node(op, inputs, attributes)
    }

    /// What is known about a tensor.
    pub fn observed(&self, tensor: &str) -> Result<&'a Observed, AutodiffError> {
        let unknown = || AutodiffError::UnknownTensor { tensor: tensor.to_owned() };
        self.observations.get(tensor).ok_or_else(unknown)
    }

    /// Sizes of the axes of a tensor, which may be a constant, at batch 1.
    pub fn sizes(&self, tensor: &str) -> Result<Vec<usize>, AutodiffError> {
        match self.model.graph().constant(tensor) {
            Some(constant) => Ok(constant.dims.iter().map(|size| usize::try_from(*size).unwrap_or(0)).collect()),
            None => Ok(self.observed(tensor)?.shape.clone()),
        }
    }

    /// Number of axes of a tensor, which may be a constant.
    pub fn rank(&self, tensor: &str) -> Result<usize, AutodiffError> {
        Ok(self.sizes(tensor)?.len())
    }

    /// Number of elements of a tensor, which may be a constant, at batch 1.
    pub fn elements(&self, tensor: &str) -> Result<usize, AutodiffError> {
        Ok(self.sizes(tensor)?.into_iter().product())
    }

    /// Type of the elements of a constant that is stored in the file.
    pub fn stored_type(&self, tensor: &str) -> Option<DataType> {
        self.model.graph().constant(tensor).map(|constant| constant.data_type())
    }

    /// Zeros in the shape of a tensor.
    pub fn zeros_like(&mut self, tensor: &str) -> String {
        let shape = self.emit("Shape", &[tensor], &[]);
        self.emit("ConstantOfShape", &[&shape], &[])
    }

    /// Reshapes a gradient to the shape of a tensor, whatever the batch.
    pub fn reshape_like(&mut self, gradient: &str, tensor: &str) -> Result<String, AutodiffError> {
        let observed = self.observed(tensor)?;
        let mut shape: Vec<i64> = observed.shape.iter().map(|size| *size as i64).collect();
        if let Some(axis) = observed.batch {
            shape[axis] = -1;
        }
        let shape = self.builder.ints(&shape);
        Ok(self.emit("Reshape", &[gradient, &shape], &[]))
    }

    /// Name of an output of a node, which is added where the node does not make it yet.
    pub fn node_output(&mut self, node: &Node, index: usize) -> String {
        if let Some(name) = node.outputs.get(index).filter(|name| !name.is_empty()) {
            return name.clone();
        }
        let added = self.node_outputs.entry(node.index).or_default();
        while node.outputs.len() + added.len() < index {
            added.push(String::new());
        }
        let name = self.builder.fresh("");
        added.push(name.clone());
        name
    }

    /// Elements of a constant tensor of floats.
    pub fn weights(&self, node: &Node, tensor: &str) -> Result<ArrayD<f32>, AutodiffError> {
        match self.observations.get(tensor).and_then(|observed| observed.value.as_ref()) {
            Some(Value::F32(array)) => Ok(array.clone()),
            _ if self.model.graph().is_constant(tensor) => Ok(self.model.graph().weights(tensor)?),
            _ => Err(no_rule(node, format!("its input `{tensor}` is computed while the model runs, not a constant"))),
        }
    }

    /// Elements of the constant kernel of a convolution.
    pub fn kernel(&self, node: &Node, tensor: &str) -> Result<Kernel, AutodiffError> {
        if self.observations.get(tensor).is_none_or(|observed| observed.value.is_none())
            && self.model.graph().is_constant(tensor)
        {
            let (shape, elements) = self.model.graph().weight_bytes(tensor)?;
            return Ok(Kernel { shape, elements });
        }
        Ok(Kernel::from(self.weights(node, tensor)?.view()))
    }

    /// Elements of a constant list of integers.
    pub fn integers(&self, node: &Node, tensor: &str) -> Result<Vec<i64>, AutodiffError> {
        match self.observations.get(tensor).and_then(|observed| observed.value.as_ref()) {
            Some(Value::I64(array)) => Ok(array.iter().copied().collect()),
            Some(Value::I32(array)) => Ok(array.iter().map(|v| i64::from(*v)).collect()),
            _ if self.model.graph().is_constant(tensor) => Ok(self.model.graph().integers(tensor)?),
            _ => Err(no_rule(node, format!("its input `{tensor}` is computed while the model runs, not a constant"))),
        }
    }

    /// Sums a gradient over the axes along which `input` was broadcast to make `output`.
    pub fn unbroadcast(&mut self, gradient: &str, output: &str, input: &str) -> Result<String, AutodiffError> {
        let (from, to) = (self.observed(output)?, self.observed(input)?);
        let lead = from.shape.len() - to.shape.len().min(from.shape.len());
        let stretched = |axis: &usize| match axis.checked_sub(lead) {
            None => true,
            Some(inner) => {
                let grows = from.batch == Some(*axis) && to.batch != Some(inner);
                to.shape[inner] == 1 && (from.shape[*axis] != 1 || grows)
            }
        };
        let axes: Vec<i64> = (0..from.shape.len()).filter(stretched).map(|axis| axis as i64).collect();
        if axes.is_empty() {
            return Ok(gradient.to_owned());
        }
        let axes = self.builder.ints(&axes);
        let sum = self.emit("ReduceSum", &[gradient, &axes], &[("keepdims", Attr::Int(1))]);
        if lead == 0 { Ok(sum) } else { self.reshape_like(&sum, input) }
    }

    /// Sends the gradient of a node's output, whose shape it has, to an operand that was broadcast to it.
    pub fn send_unbroadcast(&mut self, node: &Node, operand: &str, gradient: &str) -> Result<(), AutodiffError> {
        if self.wants(operand) {
            let gradient = self.unbroadcast(gradient, node.output(), operand)?;
            self.send(operand, gradient);
        }
        Ok(())
    }

    /// A per-channel constant shaped to broadcast over `[N, C, …]` of this rank.
    pub fn per_channel(&mut self, values: &[f32], rank: usize) -> Option<String> {
        let mut shape = vec![1; rank];
        *shape.get_mut(1)? = values.len();
        let array = ArrayD::from_shape_vec(IxDyn(&shape), values.to_vec()).ok()?;
        Some(self.builder.floats(array.view()))
    }
}

/// What the model calls the number of pictures: with the same name everywhere the runtime knows that sizes are equal.
fn batch(graph: &Graph, observations: &Observations) -> Dim {
    let dim = |input: &ValueInfo| {
        // Inputs that the network does not have are lensor's own: their first axis is the batch.
        let axis = observations.get(&input.name).map_or(Some(0), |observed| observed.batch)?;
        input.shape.get(axis).filter(|dim| matches!(dim, Dim::Symbol(_))).cloned()
    };
    graph.inputs.iter().find_map(dim).unwrap_or_else(|| Dim::Symbol("batch".into()))
}

/// Tensors that depend on one of `wrt` by a differentiable path.
fn active<'a>(graph: &'a Graph, wrt: &[&'a str]) -> HashSet<&'a str> {
    let mut active: HashSet<&str> = wrt.iter().copied().collect();
    for node in graph.nodes.iter().filter(|node| !rules::stops_gradient(node)) {
        if node.uses().any(|name| active.contains(name)) {
            active.extend(node.outputs.iter().filter(|name| !name.is_empty()).map(String::as_str));
        }
    }
    active
}

/// The nodes on the differentiable paths from `from` to `score` whose operators have no rule, in graph order. Those that
/// have one may still be used in a way that it does not cover.
pub fn without_rule<'a>(graph: &'a Graph, from: &'a str, score: &'a str) -> Vec<&'a Node> {
    let active = active(graph, &[from]);
    let mut needed = HashSet::from([score]);
    let mut found = Vec::new();
    for node in graph.nodes.iter().rev().filter(|node| !rules::stops_gradient(node)) {
        let on_the_way = node.outputs.iter().any(|output| needed.contains(output.as_str()));
        if on_the_way && node.uses().any(|input| active.contains(input)) {
            needed.extend(node.uses());
            found.extend((!rules::exists(node)).then_some(node));
        }
    }
    found.reverse();
    found
}

/// The error that names a node and says what is in the way.
pub(super) fn no_rule(node: &Node, reason: impl Into<String>) -> AutodiffError {
    AutodiffError::NoRule { node: node.name.clone(), op: node.qualified_op(), reason: reason.into() }
}
