//! A circuit in lines of text. Must not know where they are written.

use std::collections::HashSet;
use std::fmt::Write;

use super::Shown;
use crate::interpretation::circuits::{Branch, Circuit, Contributions, Neighbour, Reach};
use crate::paint::legend::number;

/// What a circuit is of, and the sum that it is.
pub fn heading(shown: &Shown<'_>) -> Vec<String> {
    let circuit = shown.circuit;
    let mut lines = Vec::new();
    let [asked, of] = &circuit.addresses;
    let picture = shown.picture.as_ref().map(|pictured| format!(" for {}", pictured.name)).unwrap_or_default();
    lines.push(format!("{of}{picture}"));
    if asked != of {
        let through =
            if circuit.through.is_empty() { String::new() } else { format!(" through {}", circuit.through.join(", ")) };
        lines.push(format!("what {asked} is made from{through}"));
    }
    let Some(found) = shown.found() else { return lines };
    let (row, column) = shown.position;
    let value = found.value[[row, column]];
    let highest = if found.peak() == shown.position { ", its highest" } else { "" };
    let place = if found.value.len() > 1 { format!(" at row {row}, column {column}{highest}") } else { String::new() };
    let has_activation =
        !matches!(circuit.branches.first().map(|branch| branch.reach), Some(Reach::Mean | Reach::Whole));
    let side = if has_activation { "before its activation" } else { "its value" };
    lines.push(format!("{side} {}{place}", number(value)));
    let (excites, inhibits, bias) = sides(circuit, found, shown.position);
    lines.push(format!(
        "= {} that excites {} that inhibits {} bias, {} left over",
        number(excites),
        signed(inhibits),
        signed(bias),
        number(found.deviation)
    ));
    lines
}

/// What excites, what inhibits, and the bias, which add up to the value at a position.
pub fn sides(circuit: &Circuit, found: &Contributions, position: (usize, usize)) -> (f32, f32, f32) {
    let (mut excites, mut inhibits) = (0.0, 0.0);
    for (branch, neighbour, _) in circuit.neighbours() {
        let here = f64::from(found.at(branch, neighbour, position));
        if here > 0.0 { excites += here } else { inhibits += here }
    }
    (excites as f32, inhibits as f32, circuit.branches.iter().map(|branch| branch.bias).sum())
}

/// A number with its sign and a space after it.
pub fn signed(value: f32) -> String {
    if value < 0.0 { format!("− {}", number(-value)) } else { format!("+ {}", number(value)) }
}

/// A branch in a line: what it computes, and what it adds.
pub fn summary(shown: &Shown<'_>, index: usize) -> String {
    let branch = &shown.circuit.branches[index];
    let count = branch.neighbours.len();
    let mut text =
        if branch.name == "shortcut" { branch.name.clone() } else { format!("{} ({})", branch.name, branch.op) };
    if branch.shortcut && branch.name != "shortcut" {
        text += ", the shortcut";
    }
    let _ = write!(text, ": {count} channel{} in", if count == 1 { "" } else { "s" });
    if let Some(found) = shown.found().filter(|_| shown.circuit.branches.len() > 1) {
        let sum: f64 = (0..count).map(|at| f64::from(found.at(index, at, shown.position))).sum();
        let _ = write!(text, ", adding {}", number((sum + f64::from(branch.bias)) as f32));
    }
    text
}

/// What the channels of a branch come through, where that is one thing or a few.
pub fn between(branch: &Branch) -> Option<String> {
    let mut seen = HashSet::new();
    let all = branch.neighbours.iter().map(|neighbour: &Neighbour| neighbour.between.join(", "));
    let different: Vec<String> = all.filter(|each| !each.is_empty() && seen.insert(each.clone())).collect();
    (!different.is_empty() && different.len() <= 3).then(|| format!("through {}", different.join("; or ")))
}
