//! Functions of one number at a time: the gradient times the derivative, written with the output where that saves a pass.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_PI, FRAC_2_SQRT_PI, PI};

use super::super::AutodiffError;
use super::super::backward::{Backward, no_rule};
use super::super::formula::Formula;
use crate::onnx::Node;

/// y = f(x): f′(x) times the gradient.
pub(super) fn pointwise(backward: &mut Backward, node: &Node, gradient: &str) -> Result<(), AutodiffError> {
    let x = node.input(0).ok_or_else(|| no_rule(node, "it has no input"))?;
    let slope = slope(node, Formula::tensor(x), Formula::tensor(node.output()));
    let slope = slope.ok_or_else(|| no_rule(node, "its derivative is not known"))?;
    let passed = backward.write(&(Formula::tensor(gradient) * slope));
    backward.send(x, passed);
    Ok(())
}

/// The derivative of y = f(x) where f is the operator of `node`. At a kink it is what PyTorch takes it to be.
fn slope(node: &Node, x: Formula, y: Formula) -> Option<Formula> {
    let attribute = |name, default| node.attr_float(name).unwrap_or(default);
    let positive = x.is("Greater", 0.0);
    Some(match node.op_type.as_str() {
        "Abs" => x.map("Sign"),
        "Celu" => (x.with("Min", 0.0) / attribute("alpha", 1.0)).map("Exp"),
        "Cos" => -x.map("Sin"),
        "Elu" => positive.clone() + (1.0 - positive) * (y + attribute("alpha", 1.0)),
        "Erf" => FRAC_2_SQRT_PI * (-x.squared()).map("Exp"),
        "Exp" => y,
        "Gelu" if node.attr_string("approximate") == Some("tanh") => {
            let scale = FRAC_2_PI.sqrt();
            let tanh = (scale * (x.clone() + 0.044_715 * (x.squared() * x.clone()))).map("Tanh");
            let inner = scale * (1.0 + 3.0 * 0.044_715 * x.squared());
            0.5 * (1.0 + tanh.clone()) + 0.5 * (x * (1.0 - tanh.squared()) * inner)
        }
        "Gelu" => {
            let below = 0.5 * (1.0 + (x.clone() * FRAC_1_SQRT_2).map("Erf"));
            let density = (-0.5 * x.squared()).map("Exp") / (2.0 * PI).sqrt();
            below + x * density
        }
        "HardSigmoid" => attribute("alpha", 0.2) * y.is("Greater", 0.0) * y.is("Less", 1.0),
        "HardSwish" => x.hard_sigmoid(1.0 / 6.0, 0.5) + x.map("Abs").is("Less", 3.0) * x / 6.0,
        "LeakyRelu" => {
            let alpha = attribute("alpha", 0.01);
            alpha + (1.0 - alpha) * positive
        }
        "Log" => x.map("Reciprocal"),
        "Mish" => {
            let tanh = x.map("Softplus").map("Tanh");
            tanh.clone() + x.clone() * x.map("Sigmoid") * (1.0 - tanh.squared())
        }
        "Neg" => Formula::from(-1.0),
        "Reciprocal" => -y.squared(),
        "Selu" => {
            let (alpha, gamma) = (attribute("alpha", 1.673_263_2), attribute("gamma", 1.050_701));
            gamma * positive.clone() + (1.0 - positive) * (y + alpha * gamma)
        }
        "Sigmoid" => of_sigmoid(y),
        "Sin" => x.map("Cos"),
        "Softplus" => x.map("Sigmoid"),
        "Softsign" => (1.0 - y.map("Abs")).squared(),
        "Sqrt" => 0.5 / y,
        "Swish" => {
            let scaled = attribute("alpha", 1.0) * x;
            let gate = scaled.map("Sigmoid");
            gate.clone() * (1.0 + scaled * (1.0 - gate))
        }
        "Tanh" => 1.0 - y.squared(),
        "ThresholdedRelu" => x.is("Greater", attribute("alpha", 1.0)),
        _ => return None,
    })
}

/// The derivative of y = σ(x), y (1 − y). 1 − y is written as what ONNX Runtime computes in the blocked layout of
/// convolutions.
fn of_sigmoid(y: Formula) -> Formula {
    y.clone() * y.hard_sigmoid(-1.0, 1.0)
}

/// The gradient `g` of a sigmoid's output `y` passed on to its input.
pub(in super::super) fn through_sigmoid(backward: &mut Backward, g: &str, y: &str) -> String {
    backward.write(&(Formula::tensor(g) * of_sigmoid(Formula::tensor(y))))
}
