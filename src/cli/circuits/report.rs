//! The figures of a circuit as one object.

use serde_json::{Value, json};

use crate::cli::filters::folding;
use crate::interpretation::circuits::{BranchContributions, Edge, Reach};
use crate::jobs::circuit::Shown;

/// Everything that is said, and the neighbours that are shown.
pub fn report(shown: &Shown<'_>, model: &str) -> Value {
    let circuit = shown.circuit;
    let mut report = json!({
        "model": model,
        "asked": circuit.addresses[0],
        "unit": circuit.address(),
        "through": circuit.through,
        "by": shown.by,
        "branches": (0..circuit.branches.len()).map(|branch| of_branch(shown, branch)).collect::<Value>(),
    });
    if let Some(seen) = &shown.picture {
        let (row, column) = shown.position;
        report["picture"] = json!(seen.name);
        report["position"] = json!([row, column]);
        report["value"] = json!(seen.found.value[[row, column]]);
        report["shape"] = json!(seen.found.value.shape());
        report["left_over"] = json!(seen.found.deviation);
    }
    report
}

fn of_branch(shown: &Shown<'_>, index: usize) -> Value {
    let branch = &shown.circuit.branches[index];
    let ranking = shown.ranking(Some(index));
    let each = |edges: &[Edge]| edges.iter().map(|edge| of_neighbour(shown, edge)).collect::<Value>();
    let mut report = json!({
        "name": branch.name,
        "op": branch.op,
        "shortcut": branch.shortcut,
        "weights": folding(&branch.folded),
        "reach": match branch.reach {
            Reach::Sliding { .. } => "sliding",
            Reach::Spreading { .. } => "spreading",
            Reach::Mean => "mean over space",
            Reach::Whole => "whole map",
        },
        "bias": branch.bias,
        "inputs": branch.neighbours.len(),
        "excites": each(&ranking.excites),
        "inhibits": each(&ranking.inhibits),
    });
    if let Some(found) = shown.found() {
        let count = branch.neighbours.len();
        let sum = |of: &dyn Fn(usize) -> f32| (0..count).map(|at| f64::from(of(at))).sum::<f64>();
        let at = |neighbour| found.at(index, neighbour, shown.position);
        report["contribution"] = json!(sum(&at));
        report["contribution_excites"] = json!(sum(&|neighbour| at(neighbour).max(0.0)));
        report["contribution_inhibits"] = json!(sum(&|neighbour| at(neighbour).min(0.0)));
        let of = &found.branches[index];
        report["origins"] = (0..of.origins.len()).map(|origin| of_origin(shown, of, origin)).collect();
    }
    report
}

fn of_neighbour(shown: &Shown<'_>, edge: &Edge) -> Value {
    let branch = &shown.circuit.branches[edge.branch];
    let neighbour = &branch.neighbours[edge.neighbour];
    let mut report = json!({
        "address": neighbour.address,
        "input": neighbour.input,
        "between": neighbour.between.as_ref(),
        "scale": neighbour.scale,
        "sum": neighbour.sum,
        "norm": neighbour.norm,
        "kernel": neighbour.kernel.outer_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
    });
    if let Some(found) = shown.found() {
        let here = found.at(edge.branch, edge.neighbour, shown.position);
        let total = found.total(edge.branch, edge.neighbour);
        let of = &found.branches[edge.branch];
        report["contribution"] = json!(here);
        report["share"] = json!(here.abs() / found.magnitude(shown.position).max(f32::MIN_POSITIVE));
        report["total"] = json!(total);
        report["mean"] = json!(
            total / of.maps.len_of(ndarray::Axis(1)).max(1) as f32 / of.maps.len_of(ndarray::Axis(2)).max(1) as f32
        );
        let parts = shares(of, edge.neighbour, shown.position);
        if !parts.is_empty() {
            let part = |(origin, address, part): &(usize, &str, f32)| {
                json!({
                    "address": address,
                    "shortcut_of": of.origins[*origin].shortcut,
                    "between": of.origins[*origin].between.as_ref(),
                    "contribution": part,
                })
            };
            report["origins"] = parts.iter().map(part).collect();
        }
    }
    report
}

/// What each origin brings to a neighbour: its index, its address, and the contribution; the strongest first.
pub fn shares(of: &BranchContributions, neighbour: usize, position: (usize, usize)) -> Vec<(usize, &str, f32)> {
    let origins = of.origins.iter().enumerate();
    let mut shares: Vec<_> = origins
        .filter_map(|(index, origin)| {
            let part = origin.parts.iter().position(|(at, _)| *at == neighbour)?;
            Some((index, origin.parts[part].1.as_str(), of.part(index, part, position)))
        })
        .collect();
    shares.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    shares
}

/// What an origin brings by all neighbours together.
pub fn brought(of: &BranchContributions, origin: usize, position: (usize, usize)) -> f32 {
    let parts = of.origins.get(origin).map_or(0, |origin| origin.parts.len());
    (0..parts).map(|part| f64::from(of.part(origin, part, position))).sum::<f64>() as f32
}

fn of_origin(shown: &Shown<'_>, of: &BranchContributions, index: usize) -> Value {
    let origin = &of.origins[index];
    json!({
        "name": origin.name,
        "shortcut_of": origin.shortcut,
        "between": origin.between.as_ref(),
        "channels": origin.parts.len(),
        "contribution": brought(of, index, shown.position),
    })
}
