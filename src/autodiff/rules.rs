//! The rules: how each operator family passes a gradient from its output to its inputs.
//!
//! One file per family. A rule emits nodes and sends gradients; it must not know where the gradient goes next.

use super::AutodiffError;
use super::backward::{Backward, no_rule};
use crate::onnx::Node;

pub(super) mod activation;
mod arithmetic;
mod convolution;
mod linear;
mod normalization;
mod pooling;
mod reduction;
mod shape;
pub(super) mod softmax;
mod window;

/// Sends the gradient of a node's first output on to its inputs.
type Rule = fn(&mut Backward, &Node, &str) -> Result<(), AutodiffError>;

fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Relu" => activation::relu,
        "Clip" => activation::clip,
        "LeakyRelu" => activation::leaky_relu,
        "Sigmoid" => activation::sigmoid,
        "Identity" | "Dropout" => activation::pass,
        "Cast" => activation::cast,
        "Add" => arithmetic::add,
        "Sub" => arithmetic::sub,
        "Mul" => arithmetic::mul,
        "Div" => arithmetic::div,
        "Conv" => convolution::conv,
        "Gemm" => linear::gemm,
        "MatMul" => linear::matmul,
        "BatchNormalization" => normalization::batch_normalization,
        "MaxPool" => pooling::max_pool,
        "AveragePool" => pooling::average_pool,
        "GlobalAveragePool" => reduction::global_average_pool,
        "ReduceMean" => reduction::reduce_mean,
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => shape::reshape,
        "Transpose" => shape::transpose,
        "Concat" => shape::concat,
        "Slice" => shape::slice,
        "Pad" => shape::pad,
        "Softmax" => softmax::softmax,
        _ => return None,
    })
}

/// Operators whose outputs are integers, booleans or steps: their derivative is zero wherever it exists, so that the
/// gradient ends there by right and not for want of a rule.
pub(super) fn stops_gradient(node: &Node) -> bool {
    const STOPS: [&str; 23] = [
        "And",
        "ArgMax",
        "ArgMin",
        "Ceil",
        "ConstantOfShape",
        "Equal",
        "Floor",
        "Greater",
        "GreaterOrEqual",
        "IsInf",
        "IsNaN",
        "Less",
        "LessOrEqual",
        "NonMaxSuppression",
        "NonZero",
        "Not",
        "OneHot",
        "Or",
        "Round",
        "Shape",
        "Sign",
        "Size",
        "Xor",
    ];
    let float_cast = || matches!(node.attr_int("to"), Some(1 | 10 | 11 | 16));
    node.domain.is_empty() && (STOPS.contains(&node.op_type.as_str()) || node.op_type == "Cast" && !float_cast())
}

/// Applies the rule of a node that a gradient has reached.
pub(super) fn apply(backward: &mut Backward, node: &Node) -> Result<(), AutodiffError> {
    if node.op_type == "Split" && node.domain.is_empty() {
        return shape::split(backward, node);
    }
    let rule = rule(&node.op_type).filter(|_| node.domain.is_empty());
    let rule = rule.ok_or_else(|| no_rule(node, "lensor has no rule for this operator"))?;
    match backward.gradient(node.output()) {
        Some(gradient) => rule(backward, node, &gradient),
        None => Err(no_rule(node, "the logits depend on an output of it that has no derivative")),
    }
}
