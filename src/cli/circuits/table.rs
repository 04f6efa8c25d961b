//! A circuit in words.

use std::fmt::Write;

use super::report::{brought, shares};
use crate::cli::filters::folding;
use crate::interpretation::circuits::Edge;
use crate::jobs::circuit::Shown;
use crate::jobs::circuit::words::{between, heading, summary};
use crate::paint::legend::number;

/// The table.
pub fn text(shown: &Shown<'_>) -> String {
    let mut text = String::new();
    heading(shown).iter().for_each(|line| text += &format!("{line}\n"));
    for index in 0..shown.circuit.branches.len() {
        text.push('\n');
        of_branch(shown, index, &mut text);
    }
    text
}

fn of_branch(shown: &Shown<'_>, index: usize, text: &mut String) {
    let branch = &shown.circuit.branches[index];
    *text += &summary(shown, index);
    text.push('\n');
    if branch.layer.is_some() {
        *text += &format!("  {}\n", folding(&branch.folded));
    }
    if let Some(between) = between(branch) {
        *text += &format!("  {between}\n");
    }
    let ranking = shown.ranking(Some(index));
    let rows: Vec<Vec<String>> =
        ranking.excites.iter().chain(&ranking.inhibits).map(|edge| columns(shown, edge)).collect();
    let names = ["", "kernel Σ", "norm", "here", "share", "whole map"];
    let used = if shown.found().is_some() { names.len() } else { 3 };
    let wide = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([names[column].chars().count()]).max().unwrap_or(0)
    };
    let first = wide(0).max("inhibits".len());
    let line = |cells: &[String]| {
        let mut line = format!("    {:first$}", cells[0]);
        for (column, cell) in cells.iter().enumerate().take(used).skip(1) {
            let _ = write!(line, "  {cell:>width$}", width = wide(column));
        }
        line.push('\n');
        line
    };
    let split = |edge: &Edge| origins(shown, edge);
    for (title, edges, from) in
        [("excites", &ranking.excites, 0), ("inhibits", &ranking.inhibits, ranking.excites.len())]
    {
        if edges.is_empty() {
            continue;
        }
        let mut head: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        head[0] = title.to_owned();
        *text += line(&head).replacen("    ", "  ", 1).replacen(title, &format!("{title}  "), 1).as_str();
        for (edge, row) in edges.iter().zip(&rows[from..]) {
            *text += &line(row);
            if let Some(parts) = split(edge) {
                *text += &format!("      = {parts}\n");
            }
        }
    }
    let Some(of) = shown.found().and_then(|found| found.branches.get(index)).filter(|of| of.origins.len() > 1) else {
        return;
    };
    *text += "  where it all comes from\n";
    for (at, origin) in of.origins.iter().enumerate() {
        let way = origin.shortcut.as_ref().map(|block| format!(", by the shortcut of {block}")).unwrap_or_default();
        *text += &format!("    {:>9}  {}{way}\n", number(brought(of, at, shown.position)), origin.name);
    }
}

fn columns(shown: &Shown<'_>, edge: &Edge) -> Vec<String> {
    let neighbour = &shown.circuit.branches[edge.branch].neighbours[edge.neighbour];
    let mut cells = vec![neighbour.address.clone(), number(neighbour.sum), number(neighbour.norm)];
    if let Some(found) = shown.found() {
        let here = found.at(edge.branch, edge.neighbour, shown.position);
        let share = 100.0 * here.abs() / found.magnitude(shown.position).max(f32::MIN_POSITIVE);
        cells.extend([number(here), format!("{share:.1} %"), number(found.total(edge.branch, edge.neighbour))]);
    }
    cells
}

/// What a neighbour's contribution is the sum of, where sums lie on the way.
fn origins(shown: &Shown<'_>, edge: &Edge) -> Option<String> {
    let of = shown.found()?.branches.get(edge.branch)?;
    let shares = shares(of, edge.neighbour, shown.position);
    if shares.len() < 2 {
        return None;
    }
    let part = |(_, address, part): &(usize, &str, f32)| format!("{} {address}", number(*part));
    let mut said: Vec<String> = shares.iter().take(4).filter(|(.., part)| *part != 0.0).map(part).collect();
    if shares.len() > 4 {
        let rest: f32 = shares[4..].iter().map(|(_, _, part)| part).sum();
        said.push(format!("{} from {} more", number(rest), shares.len() - 4));
    }
    Some(said.join(", "))
}
