//! Sphere tracing: where a ray meets the things, the normal there, and how much of the light is in the way. Owns the
//! geometry of a whole scene; must not know colours or weather.

use crate::thing::Thing;
use glam::{Mat3, Quat, Vec3};

/// A thing placed in the world.
pub struct Placed {
    pub thing: Thing,
    /// Class index, or none for clutter.
    pub class: Option<u8>,
    at: Vec3,
    turn: Mat3,
    scale: f32,
    centre: Vec3,
    radius: f32,
}

impl Placed {
    /// Stands `thing` at `at`, turned by `turn` and enlarged by `scale`.
    pub fn new(thing: Thing, class: Option<u8>, at: Vec3, turn: Quat, scale: f32) -> Self {
        let (centre, radius) = thing.bounds();
        let centre = at + turn * centre * scale;
        let radius = radius * scale;
        Self { thing, class, at, turn: Mat3::from_quat(turn.inverse()), scale, centre, radius }
    }

    /// Centre and radius of a ball that holds it, in the world.
    pub fn bounds(&self) -> (Vec3, f32) {
        (self.centre, self.radius)
    }

    /// The point in the thing's frame.
    pub fn local(&self, p: Vec3) -> Vec3 {
        self.turn * (p - self.at) / self.scale
    }

    fn distance(&self, p: Vec3) -> f32 {
        let outside = (p - self.centre).length() - self.radius;
        if outside > 0.3 * self.radius { outside } else { self.near(self.local(p)) * self.scale }
    }

    /// Distance in the thing's frame; from far off, that of its box.
    fn near(&self, q: Vec3) -> f32 {
        let (low, high) = self.thing.extent();
        let outside = (low - q).max(q - high).max(Vec3::ZERO).length();
        if outside > 0.15 { outside } else { self.thing.distance(q) }
    }

    /// The ray in the thing's frame and the stretch of it inside the thing's box widened by `margin`, in the thing's
    /// units; none where it misses.
    fn stretch(&self, origin: Vec3, direction: Vec3, margin: f32) -> Option<(Vec3, Vec3, f32, f32)> {
        let to = self.centre - origin;
        let along = to.dot(direction);
        let radius = self.radius + margin * self.scale;
        if to.length_squared() - along * along > radius * radius || along + radius < 0.0 {
            return None;
        }
        let (start, ahead) = (self.local(origin), self.turn * direction);
        let (low, high) = self.thing.extent();
        let (a, b) = ((low - margin - start) / ahead, (high + margin - start) / ahead);
        let enter = a.min(b).max_element().max(0.0);
        let exit = a.max(b).min_element();
        (exit > enter).then_some((start, ahead, enter, exit))
    }
}

/// Where a ray met a thing.
#[derive(Clone, Copy)]
pub struct Hit {
    pub t: f32,
    pub index: usize,
}

/// First meeting of the ray with any thing nearer than `limit`. `fine` is the width of a pixel in radians.
pub fn trace(things: &[Placed], origin: Vec3, direction: Vec3, limit: f32, fine: f32) -> Option<Hit> {
    let mut best: Option<Hit> = None;
    for (index, placed) in things.iter().enumerate() {
        let Some((start, ahead, enter, exit)) = placed.stretch(origin, direction, 0.0) else { continue };
        let end = exit.min(best.map_or(limit, |hit| hit.t) / placed.scale);
        let mut t = enter;
        for _ in 0..110 {
            if t > end {
                break;
            }
            let d = placed.thing.distance(start + ahead * t);
            if d < 0.25 * fine * t + 1e-4 {
                best = Some(Hit { t: t * placed.scale, index });
                break;
            }
            t += 0.93 * d;
        }
    }
    best
}

/// Outward normal of a thing's surface.
pub fn normal(placed: &Placed, p: Vec3, fine: f32) -> Vec3 {
    let step = fine.max(6e-4 * placed.scale);
    let corners =
        [Vec3::new(1.0, -1.0, -1.0), Vec3::new(-1.0, -1.0, 1.0), Vec3::new(-1.0, 1.0, -1.0), Vec3::new(1.0, 1.0, 1.0)];
    corners.iter().map(|&c| c * placed.distance(p + c * step)).sum::<Vec3>().normalize_or(Vec3::Y)
}

/// Share of the sun that reaches `p`, with a penumbra as wide as `softness` (tangent of the light's half angle) makes it.
pub fn sunlight(things: &[Placed], p: Vec3, sun: Vec3, softness: f32) -> f32 {
    let mut light: f32 = 1.0;
    for placed in things {
        let Some((start, ahead, enter, exit)) = placed.stretch(p, sun, softness) else { continue };
        let mut t = enter.max(0.02);
        for _ in 0..40 {
            if t > exit || light < 0.01 {
                break;
            }
            let d = placed.near(start + ahead * t);
            light = light.min(d / (1.3 * softness * t));
            t += d.abs().clamp(0.012, 0.25);
        }
    }
    let light = light.max(0.0);
    light * light * (3.0 - 2.0 * light)
}

/// Share of the sky that is open above `p`, from a few distances along the normal.
pub fn openness(things: &[Placed], p: Vec3, normal: Vec3, reach: f32, ground: bool) -> f32 {
    let near = |q: Vec3, h: f32| {
        let mut d = if ground { q.y } else { f32::MAX };
        for placed in things {
            if (q - placed.centre).length() - placed.radius < h {
                d = d.min(placed.distance(q));
            }
        }
        d
    };
    let (mut closed, mut weight) = (0.0, 1.0);
    for step in 1..=4 {
        let h = reach * step as f32 / 4.0;
        closed += weight * (h - near(p + normal * h, h)).max(0.0);
        weight *= 0.62;
    }
    (1.0 - 1.05 * closed / reach).clamp(0.08, 1.0)
}
