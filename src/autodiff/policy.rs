//! How non-linearities pass the gradient: the one point where gradient-like methods differ.

/// Rule set of a rewrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The derivative itself.
    #[default]
    Gradient,
    /// The derivative; but where a ReLU (or ReLU6) would let nothing of a picture's gradient through, all that would bring
    /// its input back into the open range, so that a dead unit can be woken. The score is taken as one to be raised
    /// (Lucid's `redirected_relu_grad`, which is written for losses and has the opposite signs).
    Redirected,
}
