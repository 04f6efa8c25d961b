//! A circuit as a picture: the unit over the picture, and its neighbours with kernels, feature maps and bars.

use std::sync::Arc;

use image::RgbImage;

use super::{Inks, Pictured, Shown, words};
use crate::interpretation::circuits::Edge;
use crate::look::{Look, View};
use crate::paint::figure::{Column, Figure, MAIN, Row, TILE};
use crate::paint::legend::number;
use crate::paint::tile;

/// Colours of what excites and what inhibits: the ends of the diverging colormap, brought to where they can be read.
const EXCITES: [u8; 3] = [103, 169, 223];
const INHIBITS: [u8; 3] = [239, 138, 98];

/// Paints it.
pub fn paint(shown: &Shown<'_>) -> RgbImage {
    let mut lines = words::heading(shown);
    let title = if lines.is_empty() { String::new() } else { lines.remove(0) };
    for index in 0..shown.circuit.branches.len() {
        lines.push(words::summary(shown, index));
        lines.extend(words::between(&shown.circuit.branches[index]));
    }
    let ranking = shown.ranking(None);
    let edges = || ranking.excites.iter().chain(&ranking.inhibits);
    let longest = edges().fold(f32::MIN_POSITIVE, |longest, edge| longest.max(edge.strength.abs()));
    let inks = Inks::of(shown.circuit, shown.found(), edges());
    let look = Look { view: View::Overlay, ..Look::default() };
    let column = |heading: &str, colour, edges: &[Edge]| Column {
        heading: heading.to_owned(),
        colour,
        tiles: names(shown),
        rows: edges.iter().map(|edge| row(shown, edge, longest, &inks, &look)).collect(),
        empty: "nothing".to_owned(),
    };
    let (main, below) = shown.picture.as_ref().map(|pictured| unit(shown, pictured, &look)).unwrap_or_default();
    let columns = vec![column("excites", EXCITES, &ranking.excites), column("inhibits", INHIBITS, &ranking.inhibits)];
    Figure { title, lines, main, below, columns }.paint()
}

fn scaled(picture: &RgbImage, width: u32, height: u32) -> Arc<RgbImage> {
    Arc::new(tile::scaled(picture, (width, height)))
}

fn names(shown: &Shown<'_>) -> Vec<String> {
    let all = ["kernel", "what enters", "what it adds"];
    all.iter().take(if shown.picture.is_some() { 3 } else { 1 }).map(|name| (*name).to_owned()).collect()
}

fn row(shown: &Shown<'_>, edge: &Edge, longest: f32, inks: &Inks, look: &Look) -> Row {
    let branch = &shown.circuit.branches[edge.branch];
    let neighbour = &branch.neighbours[edge.neighbour];
    let mut tiles = vec![super::kernel(shown.circuit, edge, inks)];
    let mut lines = Vec::new();
    if shown.circuit.branches.len() > 1 {
        lines.push(format!("in {}", branch.name));
    }
    if let Some(pictured) = &shown.picture {
        let entering = super::enters(pictured.found, edge, pictured.prepared, look, TILE, &mut scaled);
        let like = entering.dimensions();
        tiles.extend([entering, super::adds(pictured.found, edge, inks, like)]);
        let here = pictured.found.at(edge.branch, edge.neighbour, shown.position);
        let share = 100.0 * here.abs() / pictured.found.magnitude(shown.position).max(f32::MIN_POSITIVE);
        lines.push(format!("adds {} ({share:.1} %)", number(here)));
    }
    lines.push(format!("kernel: sum {}", number(neighbour.sum)));
    lines.push(format!("        norm {}", number(neighbour.norm)));
    Row { tiles, name: neighbour.address.clone(), lines, bar: edge.strength.abs() / longest }
}

/// The unit's own map over the picture, its position framed.
fn unit(shown: &Shown<'_>, pictured: &Pictured<'_>, look: &Look) -> (RgbImage, Vec<String>) {
    let picture = super::unit(pictured.found, shown.position, pictured.prepared, look, MAIN, &mut scaled);
    let (height, width) = pictured.found.value.dim();
    let said = match shown.circuit.branches.first().map(|branch| branch.reach) {
        Some(reach) if reach.is_spatial() => format!("its map above zero, {height} × {width}, the position framed"),
        _ => "what the network sees".to_owned(),
    };
    (picture, vec![said])
}
