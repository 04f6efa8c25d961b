//! A picture of what every channel of a layer looks for, side by side.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use image::RgbImage;
use ndarray::ArrayD;
use serde_json::json;

use super::super::bar::Bar;
use super::super::output::Outputs;
use super::super::sheet::Findings;
use super::super::{Context, Failure, INTERRUPTED, Outcome, say};
use super::Maximize;
use crate::export::Format;
use crate::interpretation::maximization::icons;
use crate::jobs::icons::{Icons, Store, fill};
use crate::network::Network;
use crate::paint::mosaic::Grid;

/// Parts into which the work is divided on the bar.
const PARTS: usize = 1000;

/// Makes the icons of a layer that are not kept from an earlier run, and writes down all of them.
pub fn run(args: &Maximize, layer: usize, network: &mut Network, outputs: &Outputs, context: &Context) -> Outcome {
    if outputs.has(Format::Gif) {
        return Err(Failure::Usage("--out: a .gif shows one climb: name a channel".to_owned()));
    }
    let of = network.layers()[layer].clone();
    let parameters = args.over(icons::parameters(network, layer));
    let store = Store::of_user().filter(|_| !args.fresh);
    let begun = Instant::now();
    let bar = Bar::parts(PARTS, &of.name, args.json);
    let mut kept = None;
    let made = fill(network, layer, &parameters, &[], store.as_ref(), &context.cancel, &mut |icons, share| {
        if let (Some(kept), Some(icons)) = (kept, icons) {
            bar.line(&format!("{} of {} channels", icons.made().max(kept), of.channels));
        }
        kept = kept.or(icons.map(Icons::made));
        bar.done((share * PARTS as f64) as usize);
    });
    let icons = made.map_err(super::usage)?;
    drop(bar);
    let (seconds, kept, made, total) = (begun.elapsed().as_secs_f64(), kept.unwrap_or(0), icons.made(), of.channels);
    if made == 0 {
        return Err(crate::engine::EngineError::Cancelled.into());
    }
    let rest = if made < total { format!(", interrupted at {made} of {total}") } else { String::new() };
    let findings = Findings {
        picture: sheet(&icons),
        title: format!("what the channels of {} look for{rest}", of.name),
        arrays: vec![("icons", array(&icons))],
        report: json!({
            "model": network.card().name,
            "layer": { "index": of.index, "name": of.name, "op": of.op },
            "parameters": parameters,
            "made": icons.tiles.iter().map(Option::is_some).collect::<Vec<_>>(),
            "kept": kept,
            "interrupted": made < total,
            "seconds": seconds,
            "device": network.engine().device(),
        }),
        text: format!("{}: {made} of {total} channels, {kept} of them kept from before, {seconds:.1} s\n", of.name),
    };
    let outcome = findings.deliver(outputs, &of.name, args.json, context)?;
    if made < total {
        say(&format!("interrupted after {made} of {total} channels: these are kept"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(outcome)
}

/// All icons; black where one is not made.
fn sheet(icons: &Icons) -> RgbImage {
    let grid = Grid::square(icons.tiles.len(), icons.size, (icons.size.0 / 16).max(1));
    let tile =
        |tile: &Option<Arc<RgbImage>>| tile.as_ref().map_or_else(|| RgbImage::new(1, 1), |tile| (**tile).clone());
    grid.paint(icons.tiles.iter().map(tile))
}

/// Colours 0 to 1, `[channels, 3, height, width]`; NaN for those that are not made.
fn array(icons: &Icons) -> ArrayD<f32> {
    let (width, height) = icons.size;
    let value = |tile: Option<&RgbImage>, colour: usize, y: usize, x: usize| {
        tile.map_or(f32::NAN, |tile| f32::from(tile.get_pixel(x as u32, y as u32).0[colour]) / 255.0)
    };
    ArrayD::from_shape_fn(vec![icons.tiles.len(), 3, height as usize, width as usize], |at| {
        value(icons.tile(at[0]).map(AsRef::as_ref), at[1], at[2], at[3])
    })
}
