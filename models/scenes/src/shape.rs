//! Signed distances of the primitive solids that everything is built of, each in its own frame.
//!
//! Owns the geometry of one solid. Must not know where the solid stands, how it is painted, or that there is a camera.
//! The formulas are Inigo Quilez's (<https://iquilezles.org/articles/distfunctions/>).

use glam::{Vec2, Vec3};

/// A primitive solid. Lengths are in the units of the thing it is a part of, which is about one unit tall.
#[derive(Clone, Debug)]
pub enum Shape {
    /// Ball about the origin.
    Ball { radius: f32 },
    /// Ellipsoid about the origin.
    Egg { radii: Vec3 },
    /// Box with rounded edges, standing on y = 0.
    Block { half: Vec3, round: f32 },
    /// Round cone from `a` to `b`.
    Limb { a: Vec3, b: Vec3, radius_a: f32, radius_b: f32 },
    /// Cone cut off at the top, standing on y = 0; a cylinder when both radii agree.
    Frustum { bottom: f32, top: f32, height: f32 },
    /// Torus about the y axis.
    Ring { major: f32, minor: f32 },
    /// Closed polygon in (distance from the axis, height), turned about the y axis.
    Lathe { profile: Vec<Vec2>, round: f32 },
    /// Closed polygon in (x, y), extruded along z to both sides.
    Slab { outline: Vec<Vec2>, half_thickness: f32, round: f32 },
    /// Umbrella canopy: the part above `cut` of a hollow ball, pulled in between `ribs` ribs.
    Canopy { radius: f32, cut: f32, thickness: f32, ribs: f32 },
    /// Ellipsoid with `ribs` furrows of the given depth (a share of the radius), like a pumpkin or a cactus.
    Ribbed { radii: Vec3, ribs: f32, depth: f32 },
}

impl Shape {
    /// Signed distance from `p`, negative inside. For eggs and ribbed eggs a first-order estimate.
    pub fn distance(&self, p: Vec3) -> f32 {
        match self {
            Self::Ball { radius } => p.length() - radius,
            Self::Egg { radii } => egg(p, *radii),
            Self::Block { half, round } => {
                let q = (p - Vec3::Y * half.y).abs() - *half + Vec3::splat(*round);
                q.max(Vec3::ZERO).length() + q.max_element().min(0.0) - round
            }
            Self::Limb { a, b, radius_a, radius_b } => limb(p, *a, *b, *radius_a, *radius_b),
            Self::Frustum { bottom, top, height } => frustum(p, *bottom, *top, 0.5 * height),
            Self::Ring { major, minor } => Vec2::new(around_axis(p).x - major, p.y).length() - minor,
            Self::Lathe { profile, round } => polygon(around_axis(p), profile) - round,
            Self::Slab { outline, half_thickness, round } => {
                let side = Vec2::new(polygon(Vec2::new(p.x, p.y), outline), p.z.abs() - half_thickness);
                side.max_element().min(0.0) + side.max(Vec2::ZERO).length() - round
            }
            Self::Canopy { radius, cut, thickness, ribs } => canopy(p, *radius, *cut, *thickness, *ribs),
            Self::Ribbed { radii, ribs, depth } => {
                let furrow = (p.z.atan2(p.x) * 0.5 * ribs).sin().abs().sqrt() - 1.0;
                (egg(p, *radii) - depth * furrow * radii.x.min(around_axis(p).x)) * 0.8
            }
        }
    }

    /// Centre and radius of a ball that holds the solid.
    pub fn bounds(&self) -> (Vec3, f32) {
        match self {
            Self::Ball { radius } => (Vec3::ZERO, *radius),
            Self::Egg { radii } => (Vec3::ZERO, radii.max_element()),
            Self::Ribbed { radii, depth, .. } => (Vec3::ZERO, radii.max_element() * (1.0 + depth)),
            Self::Block { half, .. } => (Vec3::Y * half.y, half.length()),
            Self::Limb { a, b, radius_a, radius_b } => {
                (0.5 * (*a + *b), 0.5 * (*b - *a).length() + radius_a.max(*radius_b))
            }
            Self::Frustum { bottom, top, height } => {
                (Vec3::Y * 0.5 * height, Vec2::new(bottom.max(*top), 0.5 * height).length())
            }
            Self::Ring { major, minor } => (Vec3::ZERO, major + minor),
            Self::Lathe { profile, round } => {
                let middle = 0.5 * (span(profile, |v| v.y).0 + span(profile, |v| v.y).1);
                let reach = profile.iter().map(|v| Vec2::new(v.x, v.y - middle).length()).fold(0.0, f32::max);
                (Vec3::Y * middle, reach + round)
            }
            Self::Slab { outline, half_thickness, round } => {
                let (left, right) = span(outline, |v| v.x);
                let (low, high) = span(outline, |v| v.y);
                let half = Vec3::new(0.5 * (right - left), 0.5 * (high - low), *half_thickness);
                (Vec3::new(0.5 * (left + right), 0.5 * (low + high), 0.0), half.length() + round)
            }
            Self::Canopy { radius, thickness, .. } => (Vec3::ZERO, radius * 1.05 + thickness),
        }
    }
}

fn span(points: &[Vec2], of: impl Fn(&Vec2) -> f32) -> (f32, f32) {
    points.iter().map(of).fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(v), high.max(v)))
}

fn around_axis(p: Vec3) -> Vec2 {
    Vec2::new((p.x * p.x + p.z * p.z).sqrt(), p.y)
}

fn egg(p: Vec3, radii: Vec3) -> f32 {
    let outer = (p / radii).length();
    let slope = (p / (radii * radii)).length();
    if slope > 0.0 { outer * (outer - 1.0) / slope } else { -radii.min_element() }
}

fn limb(p: Vec3, a: Vec3, b: Vec3, radius_a: f32, radius_b: f32) -> f32 {
    let axis = b - a;
    let length2 = axis.length_squared();
    let taper = radius_a - radius_b;
    let a2 = length2 - taper * taper;
    let inverse = 1.0 / length2;
    let from_a = p - a;
    let y = from_a.dot(axis);
    let z = y - length2;
    let x2 = (from_a * length2 - axis * y).length_squared();
    let (y2, z2) = (y * y * length2, z * z * length2);
    let k = taper.signum() * taper * taper * x2;
    if z.signum() * a2 * z2 > k {
        (x2 + z2).sqrt() * inverse - radius_b
    } else if y.signum() * a2 * y2 < k {
        (x2 + y2).sqrt() * inverse - radius_a
    } else {
        ((x2 * a2 * inverse).sqrt() + y * taper) * inverse - radius_a
    }
}

fn frustum(p: Vec3, bottom: f32, top: f32, half: f32) -> f32 {
    let q = around_axis(p - Vec3::Y * half);
    let k1 = Vec2::new(top, half);
    let k2 = Vec2::new(top - bottom, 2.0 * half);
    let a = Vec2::new(q.x - q.x.min(if q.y < 0.0 { bottom } else { top }), q.y.abs() - half);
    let b = q - k1 + k2 * ((k1 - q).dot(k2) / k2.length_squared()).clamp(0.0, 1.0);
    let sign = if b.x < 0.0 && a.y < 0.0 { -1.0 } else { 1.0 };
    sign * a.length_squared().min(b.length_squared()).sqrt()
}

fn polygon(p: Vec2, corners: &[Vec2]) -> f32 {
    let Some(mut previous) = corners.last().copied() else { return f32::MAX };
    let mut nearest = f32::MAX;
    let mut inside = false;
    for &corner in corners {
        let edge = previous - corner;
        let w = p - corner;
        let along = (w.dot(edge) / edge.length_squared()).clamp(0.0, 1.0);
        nearest = nearest.min((w - edge * along).length_squared());
        if (corner.y > p.y) != (previous.y > p.y) && w.x < edge.x * w.y / edge.y {
            inside = !inside;
        }
        previous = corner;
    }
    if inside { -nearest.sqrt() } else { nearest.sqrt() }
}

fn canopy(p: Vec3, radius: f32, cut: f32, thickness: f32, ribs: f32) -> f32 {
    let pull = 1.0 + 0.05 * (p.z.atan2(p.x) * 0.5 * ribs).sin().abs();
    let q = around_axis(Vec3::new(p.x * pull, p.y, p.z * pull));
    let rim = (radius * radius - cut * cut).sqrt();
    let distance = if cut * q.x > rim * q.y { (q - Vec2::new(rim, cut)).length() } else { (q.length() - radius).abs() };
    (distance - thickness) * 0.9
}
