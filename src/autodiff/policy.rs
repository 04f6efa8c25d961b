//! How non-linearities pass the gradient: the one point where gradient-like methods differ.

/// Rule set of a rewrite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Policy {
    /// The derivative itself.
    #[default]
    Gradient,
}
