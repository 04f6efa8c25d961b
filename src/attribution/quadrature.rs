//! Rules for an integral over α in [0, 1].

use std::f64::consts::PI;

use crate::choice::choice;

choice! {
    /// How the integral along the path is approximated. The weights of every rule add up to 1.
    pub enum Quadrature {
        /// Gauss-Legendre: exact for polynomials up to degree 2n − 1; neither end is visited.
        GaussLegendre = "gauss-legendre",
        /// Trapezoids over n − 1 intervals, both ends visited with half weight. (Captum's `riemann_trapezoid` divides
        /// by n instead of n − 1, so its attributions are (n − 1)/n of these.)
        Trapezoid = "trapezoid",
        /// α = i/n, from 0.
        Left = "left",
        /// α = (i + 1)/n, to 1.
        Right = "right",
        /// α = (i + ½)/n.
        Midpoint = "midpoint",
    }
}

/// A place on the path and its weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// 0 is the baseline, 1 the picture.
    pub alpha: f64,
    /// Share of the integral.
    pub weight: f64,
}

impl Quadrature {
    /// The `n` nodes of the rule, α ascending. One node alone has weight 1; for the trapezoid it lies in the middle.
    pub fn nodes(self, n: usize) -> Vec<Node> {
        let count = n as f64;
        let even =
            |offset: f64| (0..n).map(|i| Node { alpha: (i as f64 + offset) / count, weight: 1.0 / count }).collect();
        match self {
            Self::GaussLegendre => (0..n).map(|i| gauss_legendre(n, i)).collect(),
            Self::Trapezoid if n > 1 => {
                let step = 1.0 / (count - 1.0);
                let weight = |i: usize| if i == 0 || i + 1 == n { step / 2.0 } else { step };
                (0..n).map(|i| Node { alpha: i as f64 * step, weight: weight(i) }).collect()
            }
            Self::Left => even(0.0),
            Self::Right => even(1.0),
            Self::Midpoint | Self::Trapezoid => even(0.5),
        }
    }
}

/// Node `i` of `n`: a root of the Legendre polynomial by Newton's method from the usual first guess, mapped to [0, 1].
fn gauss_legendre(n: usize, i: usize) -> Node {
    let mut x = -((i as f64 + 0.75) / (n as f64 + 0.5) * PI).cos();
    for _ in 0..100 {
        let (value, slope) = legendre(n, x);
        let step = value / slope;
        x -= step;
        if step.abs() < 1e-16 {
            break;
        }
    }
    let (_, slope) = legendre(n, x);
    Node { alpha: 0.5 * (1.0 + x), weight: 1.0 / ((1.0 - x * x) * slope * slope) }
}

/// The Legendre polynomial of degree `n` and its derivative, by the three-term recurrence.
fn legendre(n: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (1.0, x);
    for k in 2..=n {
        let k = k as f64;
        (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
    }
    (value, n as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gauss_legendre_is_exact_for_polynomials_of_degree_2n_minus_1() {
        for n in [1, 2, 3, 7, 50] {
            let nodes = Quadrature::GaussLegendre.nodes(n);
            for degree in 0..2 * n as i32 {
                let integral: f64 = nodes.iter().map(|node| node.weight * node.alpha.powi(degree)).sum();
                assert!((integral - 1.0 / f64::from(degree + 1)).abs() < 1e-14, "n {n}, degree {degree}: {integral}");
            }
        }
    }

    /// First and middle node of `numpy.polynomial.legendre.leggauss(50)`.
    #[test]
    fn fifty_nodes_are_numpys() {
        let nodes = Quadrature::GaussLegendre.nodes(50);
        let near = |value: f64, expected: f64| assert!((value - expected).abs() < 1e-14, "{value} {expected}");
        near(nodes[0].alpha, 0.0005667977899644905);
        near(nodes[0].weight, 0.0014543112765789633);
        near(nodes[25].alpha, 0.5155491691635944);
        near(nodes[25].weight, 0.031088308327673515);
    }

    #[test]
    fn every_rule_ascends_inside_the_unit_interval_and_weighs_one() {
        for rule in Quadrature::ALL {
            for n in [1, 2, 5, 50, 300] {
                let nodes = rule.nodes(n);
                assert_eq!(nodes.len(), n);
                let total: f64 = nodes.iter().map(|node| node.weight).sum();
                assert!((total - 1.0).abs() < 1e-13, "{rule} {n}: {total}");
                assert!(nodes.windows(2).all(|pair| pair[0].alpha < pair[1].alpha));
                assert!(nodes.iter().all(|node| (0.0..=1.0).contains(&node.alpha)));
            }
        }
        assert_eq!(Quadrature::Trapezoid.nodes(3)[0], Node { alpha: 0.0, weight: 0.25 });
    }
}
