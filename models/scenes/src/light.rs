//! The colour that a ray brings back. Owns shading: sun, sky, light thrown back by the ground, gloss, mirror images in
//! water, haze. Must not know how the scene was composed nor what becomes of the colour.

use crate::ground::{Covering, Ground};
use crate::march::{self, Hit};
use crate::paint::{Color, smooth};
use crate::scene::Scene;
use glam::{Vec2, Vec3};

/// What a ray met.
pub struct Seen {
    /// Linear radiance.
    pub color: Color,
    /// Class index of the thing met first, if it has one.
    pub class: Option<u8>,
    /// Tells one surface from another, for finding edges.
    pub surface: usize,
}

enum Met {
    Thing(Hit),
    Ground(f32),
    Wall(f32, usize),
    Nothing,
}

/// Follows a ray. `fine` is the width of a pixel in radians.
pub fn look(scene: &Scene, origin: Vec3, direction: Vec3, fine: f32) -> Seen {
    let met = meet(scene, origin, direction, fine);
    let (class, surface) = match &met {
        Met::Thing(hit) => (scene.things[hit.index].class, 2 + hit.index),
        Met::Ground(_) => (None, 1),
        Met::Wall(_, index) => (None, 1000 + index),
        Met::Nothing => (None, 0),
    };
    Seen { color: radiance(scene, origin, direction, fine, &met, true), class, surface }
}

/// Class index of what the ray meets first: [`look`] without the light.
pub fn class_at(scene: &Scene, origin: Vec3, direction: Vec3, fine: f32) -> Option<u8> {
    match meet(scene, origin, direction, fine) {
        Met::Thing(hit) => scene.things[hit.index].class,
        _ => None,
    }
}

fn meet(scene: &Scene, origin: Vec3, direction: Vec3, fine: f32) -> Met {
    let mut met = Met::Nothing;
    let mut limit = 400.0;
    if direction.y < -1e-4 && -origin.y / direction.y < limit {
        limit = -origin.y / direction.y;
        met = Met::Ground(limit);
    }
    for (index, wall) in scene.walls.iter().enumerate() {
        let toward = direction.dot(wall.normal);
        let t = (wall.offset - origin.dot(wall.normal)) / toward;
        if toward < -1e-4 && t > 0.0 && t < limit {
            limit = t;
            met = Met::Wall(t, index);
        }
    }
    march::trace(&scene.things, origin, direction, limit, fine).map_or(met, Met::Thing)
}

fn radiance(scene: &Scene, origin: Vec3, direction: Vec3, fine: f32, met: &Met, mirrors: bool) -> Color {
    let (t, color) = match *met {
        Met::Nothing => return scene.sky.seen(direction, fine),
        Met::Thing(hit) => {
            let p = origin + direction * hit.t;
            let placed = &scene.things[hit.index];
            let (color, gloss) = placed.thing.surface(placed.local(p));
            let normal = march::normal(placed, p, 0.4 * fine * hit.t);
            let covering = Covering { color, slope: Vec2::ZERO, gloss };
            (hit.t, shade(scene, p, direction, normal, &covering, fine * hit.t))
        }
        Met::Ground(t) => {
            let p = origin + direction * t;
            let footprint = fine * t / direction.y.abs().sqrt().max(0.05);
            let covering = scene.floor.at(p.x, p.z, footprint);
            let normal = Vec3::new(-covering.slope.x, 1.0, -covering.slope.y).normalize();
            let color = if scene.floor.kind == Ground::Water {
                water(scene, p, direction, normal, &covering, fine, mirrors)
            } else {
                shade(scene, p, direction, normal, &covering, fine * t)
            };
            let horizon = scene.sky.seen(Vec3::new(direction.x, 0.001, direction.z).normalize(), fine);
            (t, color.lerp(horizon.min(scene.sky.haze), smooth(25.0, 150.0, t)))
        }
        Met::Wall(t, index) => {
            let wall = &scene.walls[index];
            let p = origin + direction * t;
            let covering = wall.at(p, fine * t * 1.3);
            let side = wall.normal.cross(Vec3::Y);
            let normal = (wall.normal + side * covering.slope.x + Vec3::Y * covering.slope.y).normalize();
            (t, shade(scene, p, direction, normal, &covering, fine * t))
        }
    };
    // The distance stays as clear as the hills painted behind it.
    let clear = (-scene.sky.haze_density * t.min(45.0)).exp();
    scene.sky.haze.lerp(color, clear)
}

fn water(
    scene: &Scene,
    p: Vec3,
    direction: Vec3,
    normal: Vec3,
    covering: &Covering,
    fine: f32,
    mirrors: bool,
) -> Color {
    let mut back = direction - 2.0 * direction.dot(normal) * normal;
    back.y = back.y.abs().max(0.01);
    let back = back.normalize();
    let facing = (-direction.dot(normal)).clamp(0.0, 1.0);
    let mirror = 0.03 + 0.97 * (1.0 - facing).powi(5);
    let above = p + Vec3::Y * 2e-3;
    let image = if mirrors {
        radiance(scene, above, back, fine * 3.0, &meet(scene, above, back, fine * 3.0), false)
    } else {
        scene.sky.seen(back, fine)
    };
    let light = march::sunlight(&scene.things, above, scene.sky.sun, scene.sky.softness);
    let deep = covering.color * (scene.sky.ambient(Vec3::Y) + scene.sky.sun_color * 0.5 * light * scene.sky.sun.y);
    let glint = scene.sky.sun_color * (8.0 * light * back.dot(scene.sky.sun).max(0.0).powi(350));
    deep.lerp(image, mirror.clamp(0.0, 0.85)) + glint
}

fn shade(scene: &Scene, p: Vec3, direction: Vec3, normal: Vec3, covering: &Covering, footprint: f32) -> Color {
    let sky = &scene.sky;
    let lifted = p + normal * (2e-3 + 0.5 * footprint);
    let toward = normal.dot(sky.sun);
    let light = if toward > 0.0 { march::sunlight(&scene.things, lifted, sky.sun, sky.softness) } else { 0.0 };
    let open = march::openness(&scene.things, lifted, normal, 0.32, p.y > 0.01) * corners(scene, p);
    let down = 0.5 - 0.5 * normal.y;
    let bounced = scene.floor.bounce() * (sky.sun_color * sky.sun.y * 0.45 + sky.ambient(Vec3::Y) * 0.5);
    let mut color = covering.color
        * (sky.sun_color * (toward.max(0.0) * light)
            + (sky.ambient(normal) * (1.0 - 0.6 * down) + bounced * down) * open);
    if covering.gloss > 0.0 {
        let back = direction - 2.0 * direction.dot(normal) * normal;
        let facing = (-direction.dot(normal)).clamp(0.0, 1.0);
        let mirror = covering.gloss * (0.05 + 0.7 * (1.0 - facing).powi(5));
        let image = if back.y > 0.0 {
            sky.haze.lerp(sky.zenith, back.y) * (0.75 + 0.5 * smooth(0.0, 0.5, back.y))
        } else {
            bounced
        };
        let sharpness = 8.0 + 220.0 * covering.gloss * covering.gloss;
        let half = (sky.sun - direction).normalize();
        let glint = normal.dot(half).max(0.0).powf(sharpness) * covering.gloss * (0.4 + 1.6 * covering.gloss);
        color = color.lerp(image * open, mirror) + sky.sun_color * (glint * light * 0.8);
    }
    color
}

/// The shade in the corners between floor and walls.
fn corners(scene: &Scene, p: Vec3) -> f32 {
    let mut open = 1.0;
    for wall in &scene.walls {
        let d = p.dot(wall.normal) - wall.offset;
        let gap = if d < 1e-2 { p.y } else { d };
        open *= 0.62 + 0.38 * smooth(0.0, 0.7, gap);
    }
    open
}
