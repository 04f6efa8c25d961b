//! A convolution drawn as an equation: picture ∗ filter → feature map, and at one position kernel × patch = value.
//!
//! Must not compute it: the state has the product.

use ndarray::Axis;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};

use super::panes::{Pane, arranged, captioned};
use super::{numbers, text};
use crate::app::state::State;
use crate::interpretation::convolution::Product;
use crate::interpretation::feature_maps::{FeatureMaps, Side};
use crate::interpretation::filters::Filters;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::{Mark, Subject};
use crate::model::unit::Unit;
use crate::paint::overlay::edges;

/// Columns of a number: with three digits, and with two where there is no room for that.
const NUMBERS: [u16; 2] = [7, 5];
/// Columns between kernel and patch.
const BETWEEN: u16 = 3;
/// Columns between two pictures.
const GAP: u16 = 3;
/// What stands between the pictures.
const SIGNS: [&str; 3] = ["∗", "=", "→"];
/// Colour of the frame around the position.
const MARK: [u8; 3] = [255, 170, 40];
/// Rows below the numbers: the sums of the inputs and what comes of them.
const SUMS: u16 = 3;
/// Rows that the pictures need.
const LEAST: u16 = 8;
/// Largest difference of a value from the network's that is rounding, as a part of the largest sum.
const ROUNDING: f32 = 1e-4;

/// Columns of a number of kernel and patch, where there is room for them.
fn number_width(filters: &Filters, inner: Rect) -> Option<u16> {
    let (_, _, height, width) = filters.weights.dim();
    let high = usize::from(inner.height) >= height + usize::from(1 + SUMS + LEAST);
    let wide = |number: &u16| usize::from(inner.width) >= width * usize::from(number * 2) + usize::from(BETWEEN);
    NUMBERS.into_iter().find(|number| high && wide(number))
}

/// Rows of the numbers in a canvas: all of kernel and patch where there is room for them, else only their sums.
fn rows(filters: &Filters, inner: Rect) -> u16 {
    let all = number_width(filters, inner).map(|_| filters.weights.dim().2 as u16 + 1 + SUMS);
    all.unwrap_or(SUMS).min(inner.height)
}

/// The four pictures and the numbers below them.
fn rooms(filters: &Filters, inner: Rect) -> ([Rect; 4], Rect) {
    let [top, bottom] = Layout::vertical([Constraint::Fill(1), Constraint::Length(rows(filters, inner))]).areas(inner);
    let rooms = arranged(top, 4, GAP);
    ([0, 1, 2, 3].map(|at| rooms.get(at).copied().unwrap_or_default()), bottom)
}

/// Picture, filter and the feature maps before and after the activation, with the position marked.
pub fn panes(state: &State, filters: &std::sync::Arc<Filters>, unit: Unit, inner: Rect) -> Vec<Pane> {
    let ([input, filter, before, after], _) = rooms(filters, inner);
    let inks = state.inks();
    let single = |sheet: Sheet, channel: usize| Subject::Sheet(Page::whole(sheet, vec![channel], inks));
    let product = state.product();
    let told = product.as_ref().map_or(0, |product| state.told_input(product));
    let (in_colours, chosen) = (filters.colours.is_some(), state.cursor.input);
    let place = state.work_at();
    let under = |size: (usize, usize)| {
        let (top, left) = filters.corner(place?);
        let (height, width) = filters.reach();
        Some(mark((top, left), (height, width), size))
    };
    let input_subject = state.source().map(|source| {
        let (_, height, width) = source.maps.dim();
        let subject = match state.seen().filter(|_| in_colours) {
            Some(seen) => Subject::Fed(seen, chosen),
            None => single(Sheet::Maps(source.clone()), filters.input_channel(unit.channel, told)),
        };
        marked(subject, under((height, width)))
    });
    let of_map = |side: Side| {
        let maps: std::sync::Arc<FeatureMaps> = state.maps_of(unit.layer, side)?;
        let (_, height, width) = maps.maps.dim();
        let at = place.map(|(row, column)| mark((row as isize, column as isize), (1, 1), (height, width)));
        Some(marked(single(Sheet::Maps(maps), unit.channel), at))
    };
    let drawn = if in_colours { chosen } else { Some(told) };
    let what = if in_colours { "the picture".to_owned() } else { format!("input {told}") };
    // Signs stand between pictures in a line, and before their names in two rows.
    let lines = input.y != after.y;
    let named = |at: usize, name: &str| if lines { format!("{} {name}", SIGNS[at]) } else { name.to_owned() };
    vec![
        captioned(0, input, what, input_subject),
        captioned(1, filter, named(0, "filter"), Some(single(Sheet::Filters(filters.clone(), drawn), unit.channel))),
        captioned(2, before, named(1, "sum + bias"), of_map(Side::Before)),
        captioned(3, after, named(2, "activation"), of_map(Side::After)),
    ]
}

fn marked(subject: Subject, mark: Option<Mark>) -> Subject {
    match mark {
        Some(mark) => Subject::Marked(Box::new(subject), mark),
        None => subject,
    }
}

/// Rows and columns from a corner on, of a map of `size` (height, width).
fn mark(corner: (isize, isize), reach: (usize, usize), size: (usize, usize)) -> Mark {
    Mark { edges: edges(corner, reach, size), colour: MARK }
}

/// Kernel, patch, and what comes of them.
pub fn text(state: &State, filters: &Filters, unit: Unit, inner: Rect, buffer: &mut Buffer) {
    let theme = &state.theme;
    let (pictures, room) = rooms(filters, inner);
    for (sign, picture) in SIGNS.iter().zip(&pictures).filter(|_| pictures[0].y == pictures[3].y) {
        let (x, y) = (picture.right(), picture.y + picture.height / 2);
        text::centred(
            buffer,
            Rect { x, y, width: GAP.min(inner.right().saturating_sub(x)), height: 1 },
            sign,
            theme.accent.add_modifier(Modifier::BOLD),
        );
    }
    let Some((product, (row, column))) = state.product().zip(state.work_at()) else {
        text::centred(buffer, room, "computing what the filter sees", theme.quiet);
        return;
    };
    let told = state.told_input(&product);
    let name = |input: usize| name(state, filters, unit, input);
    let (_, _, height, width) = filters.weights.dim();
    if let Some(columns) = number_width(filters, inner) {
        let block = width as u16 * columns;
        let left = room.x + room.width.saturating_sub(block * 2 + BETWEEN) / 2;
        let kernel = filters.kernel(unit.channel, told);
        let patch = product.patch.index_axis(Axis(0), told);
        let digits = if columns == NUMBERS[0] { 3 } else { 2 };
        let [of_kernel, of_patch] = [kernel, patch].map(|values| numbers::Aligned::of(values.iter(), digits));
        let line = |at: u16| Rect { x: left, y: room.y + at, width: block, height: 1 };
        let beside = |at: u16| Rect { x: left + block + BETWEEN, ..line(at) };
        heading(
            buffer,
            line(0),
            [&format!("kernel, {}", of_input(&name(told))), "kernel"],
            &of_kernel.unit(),
            theme.quiet,
        );
        let place = [format!("patch at row {row}, column {column}"), "patch".to_owned()];
        heading(buffer, beside(0), [&place[0], &place[1]], &of_patch.unit(), theme.quiet);
        for y in 0..height {
            let at = 1 + y as u16;
            for x in 0..width {
                let cell = |block: Rect| Rect { x: block.x + x as u16 * columns, width: columns, ..block };
                text::right(buffer, cell(line(at)), &of_kernel.write(kernel[[y, x]]), theme.text);
                text::right(buffer, cell(beside(at)), &of_patch.write(patch[[y, x]]), theme.text);
            }
            if y == height / 2 {
                let between = Rect { x: left + block, width: BETWEEN, ..line(at) };
                text::centred(buffer, between, "×", theme.accent);
            }
        }
    }
    let bottom = |up: u16| Rect { y: room.bottom().saturating_sub(up), height: 1, ..room };
    text::centred(buffer, bottom(2), &sums(&product, &name, usize::from(room.width)), theme.quiet);
    let (result, style) = result(state, unit, &product, (row, column));
    text::centred(buffer, bottom(1), text::fitting(&result, usize::from(room.width)), style);
}

/// An input by its colour, or by its number.
fn of_input(name: &str) -> String {
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("input {name}") } else { name.to_owned() }
}

/// Names a block of numbers, the longer way where there is room, and says in what they are counted.
fn heading(buffer: &mut Buffer, line: Rect, names: [&str; 2], unit: &str, style: Style) {
    let whole = |name: &str| if unit.is_empty() { name.to_owned() } else { format!("{name}, in {unit}") };
    let [long, short] = names.map(whole);
    let fits = long.chars().count() <= usize::from(line.width);
    text::right(buffer, line, if fits { &long } else { &short }, style);
}

/// What an input is called: its colour, or its number among the channels before.
fn name(state: &State, filters: &Filters, unit: Unit, input: usize) -> String {
    let channel = filters.input_channel(unit.channel, input);
    let names = state.facts().filter(|_| filters.colours.is_some()).map(|facts| facts.preprocess.channels().names());
    names.and_then(|names| names.get(channel).cloned()).unwrap_or_else(|| channel.to_string())
}

/// Σ kernel × patch of the inputs, the strongest first where not all can be told.
fn sums(product: &Product, name: &dyn Fn(usize) -> String, width: usize) -> String {
    let mut inputs: Vec<usize> = (0..product.sums.len()).collect();
    if inputs.len() > 4 {
        inputs.sort_by(|a, b| product.sums[*b].abs().total_cmp(&product.sums[*a].abs()));
    }
    let mut line = "Σ kernel × patch,".to_owned();
    for (at, input) in inputs.into_iter().enumerate() {
        let comma = if at > 0 { "," } else { "" };
        let more = format!("{comma} {}: {}", name(input), numbers::number(product.sums[input]));
        if line.chars().count() + more.chars().count() + 2 > width {
            line += ", …";
            break;
        }
        line += &more;
    }
    line
}

/// The value, and whether the network says the same: in ways of which the last takes the least room.
fn result(state: &State, unit: Unit, product: &Product, (row, column): (usize, usize)) -> (Vec<String>, Style) {
    let theme = &state.theme;
    let number = numbers::number;
    let says = |side: Side| {
        let maps = state.maps_of(unit.layer, side)?;
        maps.maps.get((unit.channel, row, column)).copied()
    };
    let mut line =
        format!("{} + bias {} = {}", number(product.sums.sum()), number(product.bias), number(product.value));
    let Some(before) = says(Side::Before).or_else(|| says(Side::After)) else { return (vec![line], theme.text) };
    if let Some(after) = says(Side::After) {
        line += &format!(" → {}", number(after));
    }
    let size = product.sums.iter().fold(product.bias.abs(), |largest, sum| largest.max(sum.abs())).max(1e-6);
    match (before - product.value).abs() <= size * ROUNDING {
        true => (vec![format!("{line}  ✓ as the network computes it"), format!("{line} ✓")], theme.good),
        false => {
            let network = number(before);
            let ways =
                [format!("  ! the network computes {network}"), format!(" ! network {network}"), " !".to_owned()];
            (ways.map(|way| format!("{line}{way}")).to_vec(), theme.warn)
        }
    }
}
