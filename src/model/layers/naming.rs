//! Names of layers, from the traces that exporters leave: names of weights, scopes in the names of nodes.

use std::collections::{HashMap, HashSet};

use crate::onnx::{Graph, Node};

use super::{Kind, Layer};

/// Name of the layer that `node` makes.
pub(super) fn name(graph: &Graph, node: &Node, kind: Kind) -> String {
    let module = match kind {
        Kind::Conv => weight_module(node).or_else(|| scope(node)),
        Kind::Block => scope(node).or_else(|| block_module(graph, node)),
        Kind::Concat => scope(node).or_else(|| common_module(graph, node)),
        Kind::Pool => scope(node),
        Kind::Features => normalisation_module(graph, node),
    };
    let named = || node.name.strip_prefix("node_").unwrap_or(&node.name).to_owned();
    let own = || if node.name == node.output() { node.op_type.to_lowercase() } else { named() };
    module.unwrap_or_else(own)
}

/// Name of the module whose weights a node multiplies by.
pub(crate) fn module(graph: &Graph, node: &Node) -> String {
    name(graph, node, Kind::Conv)
}

/// Gives layers that share a name different ones, by operator and then by number. The last of them keeps the name: it is
/// what the module gives back.
pub(super) fn distinguish(layers: &mut [Layer]) {
    let mut taken = HashSet::new();
    // The number that comes next for a name, so that thousands of one name do not take the square of it.
    let mut next = HashMap::<String, usize>::new();
    for layer in layers.iter_mut().rev() {
        if taken.insert(layer.name.clone()) {
            continue;
        }
        let op = layer.op.split(' ').next().unwrap_or_default().to_lowercase();
        let named = format!("{}:{op}", layer.name);
        let number = next.entry(named.clone()).or_insert(1);
        layer.name = named.clone();
        while !taken.insert(layer.name.clone()) {
            *number += 1;
            layer.name = format!("{named}{number}");
        }
    }
}

/// `layer1.0.conv1` of the weight `layer1.0.conv1.weight`.
fn weight_module(node: &Node) -> Option<String> {
    let module = node.input(1)?.strip_suffix(".weight")?;
    (!module.is_empty() && !module.contains("::")).then(|| module.to_owned())
}

/// `features.norm5` of an activation after the normalisation of that name.
fn normalisation_module(graph: &Graph, node: &Node) -> Option<String> {
    let own = |node: &Node| scope(node).or_else(|| weight_module(node));
    own(node).or_else(|| own(graph.producer(node.input(0)?)?))
}

/// `layer1.0.conv1` of the node `/layer1/layer1.0/conv1/Conv`: each part names a module inside the one before it, and
/// a part that begins with the one before it and a dot stands in its place. Or what the node says itself.
fn scope(node: &Node) -> Option<String> {
    let Some((path, _)) = node.name.rsplit_once('/') else { return node.module.clone() };
    let mut modules: Vec<&str> = Vec::new();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let within = |outer: &str| part.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        if modules.last().is_some_and(|last| within(last)) {
            modules.pop();
        }
        modules.push(part);
    }
    (!modules.is_empty()).then(|| modules.join("."))
}

/// The module around the convolution that comes last in a block's branches.
fn block_module(graph: &Graph, node: &Node) -> Option<String> {
    let last = node.inputs.iter().filter_map(|name| nearest_conv(graph, name)).max_by_key(|conv| conv.index)?;
    let module = weight_module(last)?;
    module.rsplit_once('.').map(|(outer, _)| outer.to_owned())
}

/// The module that all branches of a concatenation have in common.
fn common_module(graph: &Graph, node: &Node) -> Option<String> {
    let convs = node.inputs.iter().filter_map(|name| nearest_conv(graph, name));
    let modules: Vec<String> = convs.map(weight_module).collect::<Option<_>>()?;
    let first: Vec<&str> = modules.first()?.split('.').collect();
    let shared = |length: &usize| {
        modules.iter().all(|module| module.split('.').take(*length).eq(first.iter().take(*length).copied()))
    };
    let length = (1..first.len()).rev().find(shared)?;
    Some(first.iter().take(length).copied().collect::<Vec<_>>().join("."))
}

/// Most nodes between a block's last convolution and its sum.
const NEAR: usize = 64;

/// The closest convolution that a tensor is made from, along first inputs.
fn nearest_conv<'a>(graph: &'a Graph, tensor: &'a str) -> Option<&'a Node> {
    let mut node = graph.producer(tensor)?;
    for _ in 0..NEAR {
        if node.op_type == "Conv" {
            return Some(node);
        }
        node = graph.producer(node.input(0)?)?;
    }
    None
}
