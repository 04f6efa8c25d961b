//! Takes a picture of a scene: samples, antialiasing, exposure, tone, sensor noise; and the mask of the things in it.
//! Must not know how the scene was composed.

use crate::chance::Chance;
use crate::light::{self, Seen};
use crate::paint::Color;
use crate::scene::Scene;
use glam::{Vec2, Vec3};

/// A square picture: `size` × `size` sRGB bytes and class indices.
pub struct Picture {
    pub size: usize,
    /// Row by row, three bytes a pixel.
    pub rgb: Vec<u8>,
    /// 0 where no named thing is, otherwise class index + 1.
    pub mask: Vec<u8>,
}

/// How a picture is taken.
pub struct Settings {
    pub size: usize,
    /// Samples a pixel is `grid` × `grid`; with `everywhere` false only along edges, with one sample elsewhere.
    pub grid: usize,
    pub everywhere: bool,
    /// Standard deviation of the sensor's noise, in 0..1 of the finished picture.
    pub noise: f32,
}

/// Takes the picture.
pub fn take(scene: &Scene, settings: &Settings, chance: &mut Chance) -> Picture {
    let size = settings.size;
    let first: Vec<Seen> = (0..size * size).map(|i| sample(scene, settings, i, Vec2::splat(0.5), Vec2::ZERO)).collect();
    let mask = first.iter().map(|seen| seen.class.map_or(0, |class| class + 1)).collect();
    let toned: Vec<Color> = first.iter().map(|seen| tone(seen.color * scene.exposure)).collect();
    let mut rgb = Vec::with_capacity(3 * size * size);
    for i in 0..size * size {
        let mut color = toned[i];
        if settings.everywhere || on_edge(&first, &toned, size, i) {
            color = many(scene, settings, i, chance);
        }
        color *= vignette(i, size);
        for channel in color.to_array() {
            let value = channel + settings.noise * chance.normal();
            rgb.push((value * 255.0 + 0.5).clamp(0.0, 255.0) as u8);
        }
    }
    Picture { size, rgb, mask }
}

fn sample(scene: &Scene, settings: &Settings, index: usize, within: Vec2, lens: Vec2) -> Seen {
    let size = settings.size;
    let at = (Vec2::new((index % size) as f32, (index / size) as f32) + within) / size as f32;
    let (origin, direction) = scene.camera.ray(at, lens);
    light::look(scene, origin, direction, 2.0 * scene.camera.half / size as f32)
}

/// Mean of a grid of samples, toned one by one so that a glint does not make an edge jagged.
fn many(scene: &Scene, settings: &Settings, index: usize, chance: &mut Chance) -> Color {
    let grid = settings.grid;
    let mut sum = Vec3::ZERO;
    for cell in 0..grid * grid {
        let jitter = Vec2::new(chance.range(0.0, 1.0), chance.range(0.0, 1.0));
        let within = (Vec2::new((cell % grid) as f32, (cell / grid) as f32) + jitter) / grid as f32;
        let (radius, angle) = (chance.range(0.0, 1.0).sqrt(), chance.range(0.0, std::f32::consts::TAU));
        let lens = Vec2::new(radius * angle.cos(), radius * angle.sin());
        sum += tone(sample(scene, settings, index, within, lens).color * scene.exposure);
    }
    sum / (grid * grid) as f32
}

/// Whether a neighbour shows another surface or a much different colour.
fn on_edge(seen: &[Seen], toned: &[Color], size: usize, index: usize) -> bool {
    let (x, y) = (index % size, index / size);
    let mut neighbours = [None; 4];
    neighbours[0] = (x > 0).then(|| index - 1);
    neighbours[1] = (x + 1 < size).then(|| index + 1);
    neighbours[2] = (y > 0).then(|| index - size);
    neighbours[3] = (y + 1 < size).then(|| index + size);
    neighbours.into_iter().flatten().any(|other| {
        let thing = seen[index].surface != 1 || seen[other].surface != 1;
        let step = (toned[index] - toned[other]).abs().max_element();
        seen[index].surface != seen[other].surface || (thing && step > 0.14)
    })
}

/// Radiance to sRGB with soft shoulders: Narkowicz's fit of the ACES curve.
fn tone(color: Color) -> Color {
    let x = color.max(Vec3::ZERO) * 0.72;
    let mapped = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14);
    mapped.clamp(Vec3::ZERO, Vec3::ONE).map(|v| v.powf(1.0 / 2.2))
}

fn vignette(index: usize, size: usize) -> f32 {
    let at = Vec2::new((index % size) as f32, (index / size) as f32) / size as f32 - 0.5;
    1.0 - 0.22 * at.length_squared()
}
