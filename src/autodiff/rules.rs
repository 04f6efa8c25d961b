//! The rules: how each operator family passes a gradient from its output to its inputs.
//!
//! One file per family. A rule emits nodes and sends gradients; it must not know where the gradient goes next.

use super::AutodiffError;
use super::backward::{Backward, no_rule};
use crate::onnx::Node;

mod activation;
mod arithmetic;
mod averaging;
mod convolution;
mod einsum;
mod indexing;
mod interpolation;
mod linear;
mod normalization;
pub(super) mod pointwise;
mod pooling;
mod quantization;
mod reduction;
pub(super) mod resampling;
mod selection;
mod sequence;
mod shape;
pub(super) mod softmax;
mod tiling;
mod window;

pub(super) use pooling::Maxima;
pub(super) use shape::crop;
pub(super) use window::Kernel;

/// Sends the gradient of a node's first output on to its inputs.
type Rule = fn(&mut Backward, &Node, &str) -> Result<(), AutodiffError>;

fn rule(op: &str) -> Option<Rule> {
    Some(match op {
        "Relu" => activation::relu,
        "Clip" => activation::clip,
        "PRelu" => activation::prelu,
        "Identity" | "Dropout" => activation::pass,
        "Cast" | "CastLike" => activation::cast,
        "Abs" | "Celu" | "Cos" | "Elu" | "Erf" | "Exp" | "Gelu" | "HardSigmoid" | "HardSwish" | "LeakyRelu" | "Log"
        | "Mish" | "Neg" | "Reciprocal" | "Selu" | "Sigmoid" | "Sin" | "Softplus" | "Softsign" | "Sqrt" | "Swish"
        | "Tanh" | "ThresholdedRelu" => pointwise::pointwise,
        "Add" | "Sum" => arithmetic::sum,
        "Mean" => arithmetic::mean,
        "Sub" => arithmetic::sub,
        "Mul" => arithmetic::mul,
        "Div" => arithmetic::div,
        "Pow" => arithmetic::pow,
        "Max" | "Min" => selection::extreme,
        "Where" => selection::choose,
        "Conv" => convolution::conv,
        "ConvTranspose" => convolution::conv_transpose,
        "Gemm" => linear::gemm,
        "MatMul" => linear::matmul,
        "Einsum" => einsum::einsum,
        "BatchNormalization" => normalization::batch_normalization,
        "LayerNormalization" => normalization::layer_normalization,
        "InstanceNormalization" => normalization::instance_normalization,
        "GroupNormalization" => normalization::group_normalization,
        "LpNormalization" => normalization::lp_normalization,
        "LRN" => normalization::local_response,
        "MaxPool" => pooling::max_pool,
        "AveragePool" => averaging::average_pool,
        "LpPool" => averaging::lp_pool,
        "GlobalLpPool" => averaging::global_lp_pool,
        "GlobalAveragePool" => reduction::global_average_pool,
        "GlobalMaxPool" => reduction::global_max_pool,
        "ReduceLogSum" | "ReduceMean" | "ReduceSum" => reduction::even,
        "ReduceL1" | "ReduceL2" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMin" | "ReduceSumSquare" => {
            reduction::uneven
        }
        "CumSum" => reduction::cumulative,
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => shape::reshape,
        "Transpose" => shape::transpose,
        "Concat" => shape::concat,
        "Slice" => shape::slice,
        "Pad" => shape::pad,
        "Expand" => tiling::expand,
        "Tile" => tiling::tile,
        "DepthToSpace" => tiling::depth_to_space,
        "SpaceToDepth" => tiling::space_to_depth,
        "Gather" => indexing::gather,
        "GatherElements" => indexing::gather_elements,
        "GatherND" => indexing::gather_nd,
        "ScatterElements" | "ScatterND" => indexing::scatter,
        "TopK" => indexing::top_k,
        "Resize" => resampling::resize,
        "SequenceAt" => sequence::at,
        "Softmax" => softmax::softmax,
        "LogSoftmax" => softmax::log_softmax,
        "QuantizeLinear" => quantization::quantize,
        "DequantizeLinear" => quantization::dequantize,
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

/// Whether there is a rule for a node's operator. The way back from a part of a sequence passes by what makes the sequence.
pub(super) fn exists(node: &Node) -> bool {
    let op = node.op_type.as_str();
    node.domain.is_empty() && (matches!(op, "Split" | "SplitToSequence") || rule(op).is_some())
}

/// Applies the rule of a node that a gradient has reached.
pub(super) fn apply(backward: &mut Backward, node: &Node) -> Result<(), AutodiffError> {
    if node.op_type == "Split" && node.domain.is_empty() {
        return shape::split(backward, node);
    }
    if !node.domain.is_empty() {
        let reason = "it is no standard operator; if it is a function of the model's own, put what it does in its place with \
                      onnx.inliner.inline_local_functions";
        return Err(no_rule(node, reason));
    }
    let rule = rule(&node.op_type).ok_or_else(|| no_rule(node, "lensor has no rule for this operator"))?;
    match backward.gradient(node.output()) {
        Some(gradient) => rule(backward, node, &gradient),
        None => Err(no_rule(node, "the logits depend on an output of it that has no derivative")),
    }
}
