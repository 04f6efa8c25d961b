//! Gradients of inner tensors: against the gradient of the logits, finite differences, and Lucid's redirected ReLU.

use super::*;
use crate::fixtures::{tiny_a, with_input};

struct Pulled {
    session: Box<dyn Session>,
    model: PullbackModel,
    tensor: String,
}

fn pulled(model: &[u8], tensor: &str, wrt: &[&str], policy: Policy) -> Result<Pulled, AutodiffError> {
    let model = Model::from_bytes(model.to_vec(), None)?;
    let input = &model.graph().inputs[0];
    let shape: Vec<usize> =
        input.shape.iter().map(|d| if let crate::onnx::Dim::Fixed(n) = d { *n } else { 1 }).collect();
    let observations = observe(&model, engine().as_ref(), "x", &shape).unwrap();
    let model = pull_back(&model, &observations, &Pullback { tensor, wrt, policy, operators: true })?;
    let session = engine().load(&model.bytes, &model.beside, crate::engine::Effort::Full).unwrap();
    Ok(Pulled { session, model, tensor: tensor.to_owned() })
}

impl Pulled {
    /// The tensor itself, then its gradients.
    fn ask(&mut self, x: &ArrayD<f32>, seed: &ArrayD<f32>) -> Vec<ArrayD<f32>> {
        let values = [x.clone(), seed.clone()].map(Value::F32);
        let names: Vec<&str> = std::iter::once(&self.tensor).chain(&self.model.gradients).map(String::as_str).collect();
        let inputs = [("x", &values[0]), (self.model.seed.as_str(), &values[1])];
        let values = self.session.run(&inputs, &names, &Cancel::new()).unwrap();
        values.into_iter().map(|value| value.into_f32().unwrap()).collect()
    }
}

#[test]
fn the_logits_pulled_back_give_the_gradient_of_the_class() {
    let x = sine(IxDyn(&[2, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let class = one_hot(2, 5, 2);
    let answers = pulled(&tiny_a(), "logits", &["x", "pool1"], Policy::Gradient).unwrap().ask(&x, &class);
    let known = differentiated(&tiny_a(), x.shape(), &["x", "pool1"], &[]).unwrap().ask(&x, &class, &one_hot(2, 5, 9));
    assert_eq!(answers[0], known.logits);
    assert_eq!(answers[1..], known.gradients[..]);
}

#[test]
fn a_hidden_tensor_agrees_with_finite_differences_and_needs_nothing_after_it() {
    let x = sine(IxDyn(&[2, 3, 16, 16]), [1.0, 0.37, 0.2]);
    let seed = sine(IxDyn(&[2, 12, 8, 8]), [1.0, 0.91, 0.3]);
    let mut pulled = pulled(&tiny_a(), "conv2", &["x", "relu1"], Policy::Gradient).unwrap();
    assert!(
        !Model::from_bytes(pulled.model.bytes.clone(), pulled.model.beside.clone())
            .unwrap()
            .graph()
            .contains("fc.weight")
    );
    let answer = pulled.ask(&x, &seed);
    assert_eq!((answer[1].shape(), answer[2].shape()), (x.shape(), &[2, 8, 16, 16][..]));
    let score =
        |values: &ArrayD<f32>| values.iter().zip(&seed).map(|(v, s)| f64::from(*v) * f64::from(*s)).sum::<f64>();
    let direction = sine(x.raw_dim(), [1.0, 2.11, 0.7]);
    let step = 1e-3;
    let [above, below] = [step, -step].map(|step| score(&pulled.ask(&(&x + &(&direction * step)), &seed)[0]));
    let slope = (above - below) / (2.0 * f64::from(step));
    let products = || answer[1].iter().zip(&direction).map(|(g, d)| f64::from(*g) * f64::from(*d));
    // An element within the step of a kink counts half: measured by Σ |g v|, as the sum itself nearly cancels.
    let error = (slope - products().sum::<f64>()).abs() / products().map(f64::abs).sum::<f64>();
    assert!(error < 1e-2, "off by {error:e} of Σ |g v|");
}

#[test]
fn a_layer_that_comes_later_is_an_error() {
    let error = pulled(&tiny_a(), "relu1", &["relu2"], Policy::Gradient).err().unwrap();
    assert!(matches!(&error, AutodiffError::Disconnected { tensor, score } if tensor == "relu2" && score == "relu1"));
    let error = pulled(&tiny_a(), "relu9", &["x"], Policy::Gradient).err().unwrap();
    assert!(matches!(&error, AutodiffError::UnknownTensor { tensor } if tensor == "relu9"), "{error}");
}

/// The regimes of Lucid's `redirected_relu_grad` and `redirected_relu6_grad`, their signs turned.
#[test]
fn a_blocked_relu_lets_what_would_wake_it_through() {
    let relu = |op: &str| {
        let mut b = with_input([1, 1, 3]);
        let (low, high) = (b.scalar(0.0), b.scalar(6.0));
        let inputs: &[&str] = if op == "Clip" { &["x", &low, &high] } else { &["x"] };
        b.named_node(op, inputs, &["y"], &[]);
        b.output("y");
        b.into_model(17)
    };
    let row = |values: &[f32]| ArrayD::from_shape_vec(IxDyn(&[values.len() / 3, 1, 1, 3]), values.to_vec()).unwrap();
    // The first picture is blocked wherever it has a gradient, the second is not.
    let x = row(&[-1.0, -2.0, -3.0, -1.0, 2.0, -3.0]);
    let seed = row(&[0.5, -0.5, 0.0, 0.5, 0.5, -0.5]);
    let ask = |policy| pulled(&relu("Relu"), "y", &["x"], policy).unwrap().ask(&x, &seed)[1].clone();
    assert_eq!(ask(Policy::Gradient), row(&[0.0, 0.0, 0.0, 0.0, 0.5, 0.0]));
    assert_eq!(ask(Policy::Redirected), row(&[0.5, 0.0, 0.0, 0.0, 0.5, 0.0]));
    let (x, seed) = (row(&[-1.0, 7.0, 8.0]), row(&[-0.5, -0.5, 0.5]));
    let clipped = pulled(&relu("Clip"), "y", &["x"], Policy::Redirected).unwrap().ask(&x, &seed)[1].clone();
    assert_eq!(clipped, row(&[0.0, -0.5, 0.0]));
}
