//! Which neighbours excite and inhibit most.

use super::{Circuit, Contributions};
use crate::choice::choice;

choice! {
    /// By what neighbours are ranked.
    pub enum By {
        /// What each adds to the value at one position, for a picture.
        Contribution = "contribution",
        /// What each adds over the whole map, for a picture.
        Total = "total",
        /// Σ of its kernel.
        Sum = "sum",
        /// Norm of its kernel; on the side that its sum is on.
        Norm = "norm",
    }
}

impl By {
    /// Whether it takes a picture.
    pub const fn needs_picture(self) -> bool {
        matches!(self, Self::Contribution | Self::Total)
    }
}

/// A neighbour and how strong it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Edge {
    /// Which branch of the circuit.
    pub branch: usize,
    /// Which neighbour of that branch.
    pub neighbour: usize,
    /// Above zero it excites, below it inhibits.
    pub strength: f32,
}

/// The neighbours on either side, the strongest first; equals in the order of their channels. Those of strength 0 are on
/// neither.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranking {
    /// Those above zero.
    pub excites: Vec<Edge>,
    /// Those below zero.
    pub inhibits: Vec<Edge>,
}

/// Ranks the neighbours of a circuit, those of one branch or all. What takes a picture ranks by the kernel's sum without
/// one.
pub fn rank(
    circuit: &Circuit,
    contributions: Option<&Contributions>,
    by: By,
    position: (usize, usize),
    branch: Option<usize>,
) -> Ranking {
    let strength = |branch: usize, neighbour: usize| {
        let of = &circuit.branches[branch].neighbours[neighbour];
        match (by, contributions) {
            (By::Contribution, Some(found)) => found.at(branch, neighbour, position),
            (By::Total, Some(found)) => found.total(branch, neighbour),
            (By::Norm, _) => of.norm * if of.sum < 0.0 { -1.0 } else { 1.0 },
            _ => of.sum,
        }
    };
    let edges = circuit.neighbours().filter(|(of, ..)| branch.is_none_or(|branch| branch == *of));
    let edges: Vec<Edge> =
        edges.map(|(branch, neighbour, _)| Edge { branch, neighbour, strength: strength(branch, neighbour) }).collect();
    let side = |sign: f32| {
        let mut side: Vec<Edge> = edges.iter().filter(|edge| edge.strength * sign > 0.0).copied().collect();
        side.sort_by(|a, b| (b.strength * sign).total_cmp(&(a.strength * sign)));
        side
    };
    Ranking { excites: side(1.0), inhibits: side(-1.0) }
}
