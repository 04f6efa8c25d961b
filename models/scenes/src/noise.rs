//! Repeatable noise: the same point gives the same value for ever. Owns hashing and interpolation, nothing about pictures.

use glam::{IVec3, Vec2, Vec3};

/// Uniform in 0..1, a pure function of the lattice cell.
pub fn hash(cell: IVec3) -> f32 {
    let mut h = (cell.x as u32).wrapping_mul(0x8da6_b343)
        ^ (cell.y as u32).wrapping_mul(0xd816_3841)
        ^ (cell.z as u32).wrapping_mul(0xcb1a_b31f);
    h = (h ^ (h >> 15)).wrapping_mul(0x2c1b_3c6d);
    h = (h ^ (h >> 12)).wrapping_mul(0x297a_2d39);
    ((h ^ (h >> 15)) >> 8) as f32 / 16_777_216.0
}

/// Three uniform values of one cell.
pub fn hash3(cell: IVec3) -> Vec3 {
    Vec3::new(hash(cell), hash(cell + IVec3::new(57, 113, 7)), hash(cell + IVec3::new(-31, 17, 271)))
}

/// Value noise in 0..1, smooth, with features about one unit wide.
pub fn value(p: Vec3) -> f32 {
    let floor = p.floor();
    let cell = floor.as_ivec3();
    let f = p - floor;
    let s = f * f * (Vec3::splat(3.0) - 2.0 * f);
    let at = |x, y, z| hash(cell + IVec3::new(x, y, z));
    let row = |y, z| at(0, y, z) + (at(1, y, z) - at(0, y, z)) * s.x;
    let plane = |z| row(0, z) + (row(1, z) - row(0, z)) * s.y;
    let near = plane(0);
    near + (plane(1) - near) * s.z
}

/// Value noise of the plane in 0..1; half the price of [`value`].
pub fn value2(p: Vec2) -> f32 {
    let floor = p.floor();
    let cell = floor.as_ivec2();
    let f = p - floor;
    let s = f * f * (Vec2::splat(3.0) - 2.0 * f);
    let at = |x, y| hash(IVec3::new(cell.x + x, cell.y + y, 0));
    let row = |y| at(0, y) + (at(1, y) - at(0, y)) * s.x;
    row(0) + (row(1) - row(0)) * s.y
}

/// Sum of octaves of [`value2`], about 0..1 with mean 0.5. Octaves finer than `footprint` (the width of a pixel in the
/// same unit) fade out instead of flickering.
pub fn clouds2(p: Vec2, octaves: u32, footprint: f32) -> f32 {
    let (mut sum, mut weight, mut frequency) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        let keep = fade(frequency * footprint);
        if keep <= 0.0 {
            return sum + weight;
        }
        let shift = octave as f32 * 17.3;
        sum += weight * (0.5 + keep * (value2(p * frequency + Vec2::new(shift, -shift)) - 0.5));
        weight *= 0.5;
        frequency *= 2.03;
    }
    sum + weight
}

/// Sum of octaves of [`value`], about 0..1.
pub fn clouds(p: Vec3, octaves: u32) -> f32 {
    let (mut sum, mut weight, mut frequency) = (0.0, 0.5, 1.0);
    for octave in 0..octaves {
        sum += weight * value(p * frequency + Vec3::splat(octave as f32 * 11.7));
        weight *= 0.5;
        frequency *= 2.03;
    }
    sum + weight
}

/// How much of a detail survives when a pixel covers `periods` of it: 1 for none, 0 from about one on.
pub fn fade(periods: f32) -> f32 {
    (1.3 - 1.6 * periods).clamp(0.0, 1.0)
}

/// Nearest and second nearest of the scattered points of a unit lattice: distances and the nearest point's cell.
pub fn scatter(p: Vec3) -> (f32, f32, IVec3) {
    let base = p.floor().as_ivec3();
    let (mut first, mut second, mut owner) = (f32::MAX, f32::MAX, base);
    for x in -1..=1 {
        for y in -1..=1 {
            for z in -1..=1 {
                let cell = base + IVec3::new(x, y, z);
                let d = (cell.as_vec3() + hash3(cell) - p).length_squared();
                if d < first {
                    (second, first, owner) = (first, d, cell);
                } else if d < second {
                    second = d;
                }
            }
        }
    }
    (first.sqrt(), second.sqrt(), owner)
}
