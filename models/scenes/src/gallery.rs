//! The bundled pictures: which scenes they are and how they are written. Owns the list and the files.

use crate::chance::Chance;
use crate::ground::Ground;
use crate::picture::{self, Picture, Settings};
use crate::scene::{self, Request};
use crate::sky::{Horizon, Weather};
use crate::things::Kind;
use anyhow::{Context, Result, anyhow};
use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, GrayImage};
use rayon::prelude::*;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

struct Entry {
    name: &'static str,
    seed: u64,
    kinds: &'static [Kind],
    place: (Ground, Weather, Horizon),
    /// Yaw of the first thing in degrees, elevation of the camera in radians.
    view: (f32, f32),
}

const fn entry(
    name: &'static str,
    seed: u64,
    kinds: &'static [Kind],
    place: (Ground, Weather, Horizon),
    view: (f32, f32),
) -> Entry {
    Entry { name, seed, kinds, place, view }
}

/// In the order in which they are shown.
#[rustfmt::skip]
const PICTURES: [Entry; 18] = [
    entry("01-zebra", 2, &[Kind::Zebra], (Ground::Grass, Weather::Cloudy, Horizon::Hills), (-50.0, 0.14)),
    entry("02-lighthouse", 10, &[Kind::Lighthouse], (Ground::Water, Weather::Evening, Horizon::Open), (0.0, 0.1)),
    entry("03-ladybird", 6, &[Kind::Ladybird], (Ground::Earth, Weather::Clear, Horizon::Forest), (-40.0, 0.2)),
    entry("04-balloon", 3, &[Kind::Balloon], (Ground::Grass, Weather::Cloudy, Horizon::Mountains), (20.0, -0.2)),
    entry("05-mushroom", 6, &[Kind::Mushroom], (Ground::Grass, Weather::Clear, Horizon::Forest), (0.0, 0.12)),
    entry("06-zebra-and-umbrella", 18, &[Kind::Zebra, Kind::Umbrella], (Ground::Sand, Weather::Clear, Horizon::Open), (-60.0, 0.16)),
    entry("07-teapot", 5, &[Kind::Teapot], (Ground::Planks, Weather::Indoors, Horizon::Open), (60.0, 0.25)),
    entry("08-windmill", 8, &[Kind::Windmill], (Ground::Grass, Weather::Cloudy, Horizon::Hills), (30.0, 0.1)),
    entry("09-sailing-boat", 1, &[Kind::SailingBoat], (Ground::Water, Weather::Cloudy, Horizon::Mountains), (70.0, 0.14)),
    entry("10-penguin-and-snowman", 4, &[Kind::Penguin, Kind::Snowman], (Ground::Snow, Weather::Clear, Horizon::Mountains), (10.0, 0.14)),
    entry("11-car", 10, &[Kind::Car], (Ground::Asphalt, Weather::Cloudy, Horizon::Hills), (-35.0, 0.18)),
    entry("12-giraffe", 8, &[Kind::Giraffe], (Ground::Earth, Weather::Clear, Horizon::Hills), (-40.0, 0.1)),
    entry("13-castle", 8, &[Kind::Castle], (Ground::Grass, Weather::Cloudy, Horizon::Mountains), (-30.0, 0.26)),
    entry("14-duck-and-football", 5, &[Kind::Duck, Kind::Football], (Ground::Tiles, Weather::Indoors, Horizon::Open), (-60.0, 0.25)),
    entry("15-cactus", 4, &[Kind::Cactus], (Ground::Sand, Weather::Clear, Horizon::Mountains), (80.0, 0.12)),
    entry("16-pumpkin", 7, &[Kind::Pumpkin], (Ground::Earth, Weather::Evening, Horizon::Forest), (0.0, 0.2)),
    entry("17-house", 6, &[Kind::House], (Ground::Snow, Weather::Clear, Horizon::Forest), (60.0, 0.2)),
    entry("18-bus-and-traffic-cone", 4, &[Kind::Bus, Kind::TrafficCone], (Ground::Asphalt, Weather::Overcast, Horizon::Forest), (-40.0, 0.2)),
];

/// Renders the bundled pictures into `out` as JPEG and their masks (grey PNG: 0, or class index + 1) into `out/masks`.
/// `only` keeps those whose name contains it; `shift` is added to the seeds.
pub fn render(out: &Path, size: usize, grid: usize, only: Option<&str>, shift: u64) -> Result<()> {
    let masks = out.join("masks");
    std::fs::create_dir_all(&masks).with_context(|| format!("cannot make the folder {}", masks.display()))?;
    let wanted = |entry: &&Entry| only.is_none_or(|part| entry.name.contains(part));
    PICTURES.iter().filter(wanted).collect::<Vec<_>>().into_par_iter().try_for_each(|entry| {
        let picture = take(entry, size, grid, shift);
        save(&picture, &out.join(entry.name).with_extension("jpg"), &masks.join(entry.name).with_extension("png"))
    })
}

fn take(entry: &Entry, size: usize, grid: usize, shift: u64) -> Picture {
    let mut chance = Chance::new(entry.seed + shift, 0);
    let request = Request {
        ground: Some(entry.place.0),
        weather: Some(entry.place.1),
        horizon: Some(entry.place.2),
        cover: (0.13, 0.22),
        clutter: 5,
        yaw: Some(entry.view.0),
        elevation: Some(entry.view.1),
        ..Request::of(entry.kinds)
    };
    let mut scene = scene::compose(&mut chance, &request);
    scene.camera.aperture = 0.012;
    picture::take(&scene, &Settings { size, grid, everywhere: true, noise: 0.004 }, &mut chance)
}

fn save(picture: &Picture, path: &Path, mask: &Path) -> Result<()> {
    let side = picture.size as u32;
    let file = BufWriter::new(File::create(path).with_context(|| format!("cannot write {}", path.display()))?);
    JpegEncoder::new_with_quality(file, 90).encode(&picture.rgb, side, side, ExtendedColorType::Rgb8)?;
    GrayImage::from_raw(side, side, picture.mask.clone())
        .ok_or_else(|| anyhow!("the mask of {} has not {side} × {side} pixels", path.display()))?
        .save(mask)
        .with_context(|| format!("cannot write {}", mask.display()))
}
