//! The colours of a solid's surface as a function of the place on it. Owns patterns and pigments; must not know about
//! light, camera or the solids' distances. Colours are linear RGB in 0..1.

use crate::noise;
use glam::{IVec3, Vec2, Vec3};

/// Linear RGB.
pub type Color = Vec3;

/// Linear colour from the three sRGB bytes 0xRRGGBB.
pub fn srgb(hex: u32) -> Color {
    let byte = |shift: u32| ((hex >> shift) & 255) as f32 / 255.0;
    Vec3::new(byte(16), byte(8), byte(0)).map(|v| v.powf(2.2))
}

/// A pattern over a part's own coordinates (before the part was placed).
#[derive(Clone, Debug)]
pub enum Paint {
    Plain(Color),
    /// Two colours in uneven patches of about `size`.
    Mottled {
        a: Color,
        b: Color,
        size: f32,
    },
    /// Stripes across `axis`, `period` apart; `share` of a period has colour `b`; `waver` bends them.
    Stripes {
        a: Color,
        b: Color,
        axis: Vec3,
        period: f32,
        share: f32,
        waver: f32,
    },
    /// Round spots of colour `b`, about `size` apart, each `share` of that wide.
    Spots {
        a: Color,
        b: Color,
        size: f32,
        share: f32,
    },
    /// Spots of colour `b` at given places of given radius.
    Dots {
        a: Color,
        b: Color,
        dots: Vec<(Vec3, f32)>,
    },
    /// Cracked patches of colour `b` in a net of `a`.
    Patches {
        a: Color,
        b: Color,
        size: f32,
        net: f32,
    },
    /// Courses of bricks in `b` with mortar `a`, laid round the solid.
    Bricks {
        a: Color,
        b: Color,
        size: Vec2,
    },
    /// Planks along x with grain.
    Wood {
        a: Color,
        b: Color,
        plank: f32,
    },
    /// Sectors about the y axis, the colours in turn.
    Panels {
        colors: Vec<Color>,
        count: f32,
    },
    /// A football's twelve black pentagons.
    Football {
        a: Color,
        b: Color,
    },
    /// Rows and columns of panes of colour `b` on the sides of a box, in a wall of `a`.
    Windows {
        a: Color,
        b: Color,
        grid: Vec2,
        low: f32,
        high: f32,
    },
}

impl Paint {
    /// The colour at `p`.
    pub fn color(&self, p: Vec3) -> Color {
        match self {
            Self::Plain(color) => *color,
            Self::Mottled { a, b, size } => a.lerp(*b, smooth(0.35, 0.65, noise::clouds(p / *size, 3))),
            Self::Stripes { a, b, axis, period, share, waver } => {
                let bend = if *waver > 0.0 { waver * (noise::value(p * 0.7 / *period) - 0.5) * 2.0 } else { 0.0 };
                let phase = (p.dot(*axis) / period + bend).rem_euclid(1.0);
                let edge = (phase - 0.5).abs() - 0.5 * (1.0 - share);
                a.lerp(*b, smooth(-0.04, 0.04, edge))
            }
            Self::Spots { a, b, size, share } => {
                let (near, _, _) = noise::scatter(p / *size);
                a.lerp(*b, smooth(0.04, -0.04, near - share * 0.5))
            }
            Self::Dots { a, b, dots } => {
                let edge = dots.iter().map(|(at, radius)| (p - *at).length() - radius).fold(f32::MAX, f32::min);
                a.lerp(*b, smooth(0.008, -0.008, edge))
            }
            Self::Patches { a, b, size, net } => {
                let (near, next, owner) = noise::scatter(p / *size);
                let tone = 0.8 + 0.4 * noise::hash(owner);
                a.lerp(*b * tone, smooth(*net - 0.04, *net + 0.04, next - near))
            }
            Self::Bricks { a, b, size } => bricks(*a, *b, *size, Vec2::new(wrap(p, *size), p.y)),
            Self::Wood { a, b, plank } => wood(*a, *b, *plank, p),
            Self::Panels { colors, count } => {
                let turn = p.z.atan2(p.x) / std::f32::consts::TAU + 0.5;
                let sector = (turn * count).floor() as usize;
                colors.get(sector % colors.len().max(1)).copied().unwrap_or(Vec3::ONE)
            }
            Self::Football { a, b } => football(*a, *b, p),
            Self::Windows { a, b, grid, low, high } => {
                let along = if p.x.abs() > p.z.abs() { p.z } else { p.x };
                let cell = Vec2::new(along / grid.x, (p.y - low) / grid.y);
                let inside = Vec2::new(cell.x - cell.x.round(), cell.y - cell.y.floor() - 0.5).abs();
                let pane = p.y > *low && p.y < *high && inside.x < 0.32 && inside.y < 0.3;
                if pane { *b } else { *a }
            }
        }
    }
}

/// Hermite step from 0 at `low` to 1 at `high`; falling when `low` is above `high`.
pub fn smooth(low: f32, high: f32, v: f32) -> f32 {
    let t = ((v - low) / (high - low)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A length along the wall of a round or square solid.
fn wrap(p: Vec3, size: Vec2) -> f32 {
    let radius = Vec2::new(p.x, p.z).length();
    let whole = (std::f32::consts::TAU * radius / size.x).round().max(3.0);
    p.z.atan2(p.x) / std::f32::consts::TAU * whole * size.x
}

/// Bricks over the plane, alternate courses half a brick apart.
pub fn bricks(mortar: Color, brick: Color, size: Vec2, p: Vec2) -> Color {
    let course = (p.y / size.y).floor();
    let along = p.x / size.x + 0.5 * course.rem_euclid(2.0);
    let inside = Vec2::new(along - along.floor(), p.y / size.y - course);
    let gap = (inside.x.min(1.0 - inside.x) * size.x).min(inside.y.min(1.0 - inside.y) * size.y);
    let tone = 0.7 + 0.6 * noise::hash(IVec3::new(along.floor() as i32, course as i32, 5));
    let grain = 0.85 + 0.3 * noise::value2(p * 9.0 / size.y);
    let joint = 0.07 * size.y;
    mortar.lerp(brick * tone, smooth(joint * 0.6, joint * 1.4, gap)) * grain
}

fn wood(a: Color, b: Color, plank: f32, p: Vec3) -> Color {
    let across = (p.z + p.y) / plank;
    let board = across.floor();
    let shift = noise::hash(IVec3::new(board as i32, 3, 9));
    let grain = noise::clouds(Vec3::new(p.x * 1.5 + shift * 40.0, p.y * 14.0, p.z * 14.0) / (plank * 4.0), 3);
    let joint = smooth(0.0, 0.06, (across - board).min(1.0 - across + board));
    a.lerp(b, smooth(0.3, 0.7, grain)) * (0.8 + 0.35 * shift) * (0.35 + 0.65 * joint)
}

fn football(white: Color, black: Color, p: Vec3) -> Color {
    let n = p.normalize_or_zero().abs();
    let golden = 1.618_034;
    let length = (1.0f32 + golden * golden).sqrt();
    let vertices = [Vec3::new(0.0, 1.0, golden), Vec3::new(1.0, golden, 0.0), Vec3::new(golden, 0.0, 1.0)];
    let mut nearest = [0.0f32; 2];
    for vertex in vertices {
        let c = n.dot(vertex) / length;
        if c > nearest[0] {
            nearest = [c, nearest[0]];
        } else if c > nearest[1] {
            nearest[1] = c;
        }
    }
    let seam = smooth(0.012, 0.004, (nearest[0] - nearest[1]).abs());
    let pentagon = smooth(0.929, 0.937, nearest[0]);
    white.lerp(black, pentagon.max(0.6 * seam))
}
