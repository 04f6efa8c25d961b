//! Matrix products.

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use crate::onnx::Node;
use crate::onnx::build::Attr;

/// Y = α A′ B′ + β C, where ′ is an optional transposition.
pub(super) fn gemm(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))?;
    let flag = |name| node.attr_int(name).unwrap_or(0) != 0;
    let (trans_a, trans_b) = (flag("transA"), flag("transB"));
    let alpha = node.attr_float("alpha").unwrap_or(1.0);
    let mut product = |left: &str, right: &str, trans_left: bool, trans_right: bool| {
        let transposed = [("transA", trans_left), ("transB", trans_right)].map(|(k, v)| (k, Attr::Int(i64::from(v))));
        backward.emit("Gemm", &[left, right], &[transposed[0], transposed[1], ("alpha", Attr::Float(alpha))])
    };
    let to_a = match trans_a {
        false => product(gradient, b, false, !trans_b),
        true => product(b, gradient, trans_b, true),
    };
    backward.send(a, to_a);
    if backward.wants(b) {
        return Err(no_rule(node, "its second matrix depends on the picture"));
    }
    if let Some(c) = node.input(2).filter(|c| backward.wants(c)) {
        let beta = backward.builder.scalar(node.attr_float("beta").unwrap_or(1.0));
        let scaled = backward.emit("Mul", &[gradient, &beta], &[]);
        let to_c = backward.unbroadcast(&scaled, node.output(), c)?;
        backward.send(c, to_c);
    }
    Ok(())
}

/// Y = A B over the last two axes, the others broadcast.
pub(super) fn matmul(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let (a, b) = node.input(0).zip(node.input(1)).ok_or_else(|| no_rule(node, "it does not have two inputs"))?;
    let (rank_a, rank_b) = (backward.rank(a)?, backward.rank(b)?);
    if rank_a < 2 || rank_b < 2 {
        return Err(no_rule(node, "one of its inputs is a vector"));
    }
    if backward.wants(a) {
        let transposed = transpose_last(backward, b, rank_b);
        let to_a = backward.emit("MatMul", &[gradient, &transposed], &[]);
        let to_a = sum_stacks(backward, node, &to_a, a)?;
        backward.send(a, to_a);
    }
    if backward.wants(b) {
        let transposed = transpose_last(backward, a, rank_a);
        let to_b = backward.emit("MatMul", &[&transposed, gradient], &[]);
        let to_b = sum_stacks(backward, node, &to_b, b)?;
        backward.send(b, to_b);
    }
    Ok(())
}

fn transpose_last(backward: &mut Backward, tensor: &str, rank: usize) -> String {
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    backward.emit("Transpose", &[tensor], &[("perm", Attr::Ints(&order))])
}

/// Sums over the leading axes along which an operand was broadcast; the last two are the operand's already.
fn sum_stacks(backward: &mut Backward, node: &Node, gradient: &str, operand: &str) -> Result<String, AutodiffError> {
    let (from, to) = (backward.observed(node.output())?, backward.observed(operand)?);
    let stacks = |shape: &[usize]| shape[..shape.len() - 2].to_vec();
    let grows = from.batch.is_some_and(|axis| axis + 2 < from.shape.len()) && to.batch.is_none();
    if stacks(&from.shape) == stacks(&to.shape) && !grows {
        return Ok(gradient.to_owned());
    }
    let lead = from.shape.len().saturating_sub(to.shape.len());
    let axes: Vec<i64> = (0..from.shape.len() - 2)
        .filter(|axis| axis.checked_sub(lead).is_none_or(|inner| to.shape[inner] == 1 && to.batch != Some(inner)))
        .map(|axis| axis as i64)
        .collect();
    let axes = backward.builder.ints(&axes);
    let sum = backward.emit("ReduceSum", &[gradient, &axes], &[("keepdims", Attr::Int(1))]);
    backward.reshape_like(&sum, operand)
}
