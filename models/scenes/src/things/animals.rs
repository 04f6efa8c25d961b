//! Zebra, giraffe, penguin, rubber duck and ladybird.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Paint, srgb};
use crate::shape::Shape::{Ball, Egg, Limb, Slab};
use crate::thing::{Part, Thing, part};
use glam::Vec3;

const BLACK: u32 = 0x151313;

/// Measures of a hoofed animal that faces +x.
struct Hoofed {
    back: f32,
    half_length: f32,
    girth: f32,
    neck: Vec3,
    neck_radius: f32,
    head: f32,
    leg_radius: f32,
}

/// Body, neck, head and legs; `coat` gives the paint of a part that runs along the given direction.
fn hoofed(chance: &mut Chance, m: &Hoofed, coat: impl Fn(Vec3) -> Paint, muzzle: Paint, mane: Paint) -> Vec<Part> {
    let limb = |a: Vec3, b: Vec3, radius_a: f32, radius_b: f32, paint: Paint| {
        part(Limb { a, b, radius_a, radius_b }, paint).blended(0.06)
    };
    let graze = chance.range(-0.25, 0.12);
    let shoulder = v(m.half_length, m.back, 0.0);
    let rump = v(-m.half_length, m.back, 0.0);
    let reach = m.neck.length();
    let lift = (m.neck.y / reach).asin() + graze;
    let aside = chance.range(-0.25, 0.25);
    let poll = shoulder + v(lift.cos() * aside.cos(), lift.sin(), lift.cos() * aside.sin()) * reach;
    let ahead = v(aside.cos(), 0.0, aside.sin() * 2.0).normalize();
    let nose = poll + (ahead - Vec3::Y * chance.range(0.3, 0.9)).normalize() * m.head;
    let along = (poll - shoulder).normalize();
    let mut parts = vec![
        limb(rump, shoulder, m.girth, m.girth * 0.92, coat(Vec3::X)),
        limb(rump - v(0.02, -0.01, 0.0), rump + v(0.1, 0.0, 0.0), m.girth * 1.04, m.girth, coat(Vec3::X)),
        limb(shoulder + v(0.02, 0.02, 0.0), poll, m.neck_radius * 1.6, m.neck_radius, coat(along)),
        limb(poll, nose, m.head * 0.36, m.head * 0.25, coat((nose - poll).normalize())).blended(0.03),
        part(Ball { radius: m.head * 0.27 }, muzzle).at(nose.x, nose.y, nose.z).blended(0.03),
        limb(shoulder - along * 0.01 - ahead * m.neck_radius, poll - ahead * m.neck_radius, 0.035, 0.03, mane),
    ];
    let side = ahead.cross(Vec3::Y);
    let dark = || Paint::Plain(srgb(BLACK));
    for sign in [-1.0, 1.0] {
        let ear = poll + side * sign * m.head * 0.3 + Vec3::Y * m.head * 0.28;
        parts.push(limb(poll, ear + Vec3::Y * m.head * 0.25, m.head * 0.12, m.head * 0.06, coat(Vec3::Y)));
        let eye = poll.lerp(nose, 0.35) + side * sign * m.head * 0.28 + Vec3::Y * m.head * 0.1;
        parts.push(part(Ball { radius: m.head * 0.075 }, dark()).at(eye.x, eye.y, eye.z).glossy(0.9));
        for end in [-1.0, 1.0] {
            let swing = chance.range(-0.16, 0.16);
            let hip = v(end * m.half_length * 1.05, m.back - m.girth * 0.35, sign * m.girth * 0.55);
            let knee = hip.lerp(v(hip.x, 0.0, hip.z), 0.52) + v(swing * 0.35 + 0.02 * end, 0.0, 0.0);
            let foot = v(hip.x + swing, 0.035, hip.z);
            parts.push(limb(hip, knee, m.leg_radius * 1.9, m.leg_radius, coat(Vec3::Y)));
            parts.push(limb(knee, foot, m.leg_radius, m.leg_radius * 0.75, coat(Vec3::Y)).blended(0.02));
            parts.push(limb(foot, foot - v(0.0, 0.01, 0.0), m.leg_radius * 0.9, m.leg_radius * 1.1, dark()));
        }
    }
    let root = rump - v(m.girth * 0.9, -0.05, 0.0);
    let tip = root + v(-0.08, -0.28, chance.range(-0.08, 0.08));
    parts.push(limb(root, tip, 0.022, 0.014, coat(Vec3::Y)));
    parts.push(limb(tip, tip - v(0.01, 0.09, 0.0), 0.02, 0.028, dark()).blended(0.02));
    parts
}

pub fn zebra(chance: &mut Chance) -> Thing {
    let white = chance.color(&[0xf4efe6, 0xe9dfcf, 0xf6f4f0]);
    let period = chance.range(0.075, 0.115);
    let share = chance.range(0.42, 0.55);
    let coat = |axis: Vec3| Paint::Stripes { a: white, b: srgb(BLACK), axis, period, share, waver: 0.35 };
    let m = Hoofed {
        back: 0.62,
        half_length: chance.range(0.24, 0.3),
        girth: chance.range(0.165, 0.195),
        neck: v(0.22, 0.27, 0.0),
        neck_radius: 0.085,
        head: 0.24,
        leg_radius: 0.038,
    };
    Thing::new(hoofed(chance, &m, coat, Paint::Plain(srgb(0x2a2422)), coat(v(0.6, 0.8, 0.0))))
}

pub fn giraffe(chance: &mut Chance) -> Thing {
    let net = chance.color(&[0xf0dcae, 0xeed2a0, 0xf6e6c4]);
    let patch = chance.color(&[0x9a5a22, 0x7d4316, 0xb06a2a]);
    let size = chance.range(0.1, 0.14);
    let coat = |_| Paint::Patches { a: net, b: patch, size, net: 0.14 };
    let m = Hoofed {
        back: 0.62,
        half_length: chance.range(0.15, 0.19),
        girth: chance.range(0.12, 0.14),
        neck: v(0.17, chance.range(0.5, 0.62), 0.0),
        neck_radius: 0.048,
        head: 0.16,
        leg_radius: 0.028,
    };
    let mane = Paint::Plain(patch * 0.7);
    Thing::new(hoofed(chance, &m, coat, Paint::Plain(srgb(0xcaa878)), mane))
}

pub fn penguin(chance: &mut Chance) -> Thing {
    let back = chance.color(&[0x16181d, 0x20262f, 0x111111]);
    let belly = chance.color(&[0xf7f6f2, 0xf0ece2]);
    let orange = chance.color(&[0xf08a1c, 0xf5a52a, 0xe06a1a]);
    let lift = chance.range(8.0, 50.0);
    let nod = chance.range(-0.03, 0.05);
    let tall = chance.range(0.36, 0.42);
    Thing::new(vec![
        part(Egg { radii: v(0.225, tall, 0.235) }, Paint::Plain(back)).at(0.0, 0.42, 0.0).glossy(0.3),
        part(Egg { radii: v(0.2, tall * 0.86, 0.19) }, Paint::Plain(belly)).at(0.06, 0.39, 0.0).glossy(0.2),
        part(Ball { radius: 0.145 }, Paint::Plain(back)).at(0.03 + nod, 0.84, 0.0).blended(0.08).glossy(0.3),
        part(Egg { radii: v(0.05, 0.055, 0.045) }, Paint::Plain(belly)).at(0.115 + nod, 0.86, 0.062).both_sides(),
        part(Ball { radius: 0.02 }, Paint::Plain(srgb(0x050505))).at(0.16 + nod, 0.87, 0.066).both_sides().glossy(0.9),
        part(
            Limb { a: v(0.13 + nod, 0.825, 0.0), b: v(0.27 + nod, 0.8, 0.0), radius_a: 0.042, radius_b: 0.012 },
            Paint::Plain(orange),
        )
        .glossy(0.4),
        part(Egg { radii: v(0.075, 0.23, 0.025) }, Paint::Plain(back)).at(0.0, -0.19, 0.0).framed(
            v(0.0, 0.63, 0.2),
            -lift,
            0.0,
            0.0,
        ),
        part(Egg { radii: v(0.075, 0.23, 0.025) }, Paint::Plain(back)).at(0.0, -0.19, 0.0).framed(
            v(0.0, 0.63, -0.2),
            lift,
            0.0,
            0.0,
        ),
        part(Egg { radii: v(0.13, 0.035, 0.075) }, Paint::Plain(orange)).at(0.1, 0.03, 0.1).both_sides(),
        part(Egg { radii: v(0.12, 0.03, 0.08) }, Paint::Plain(back)).at(-0.23, 0.1, 0.0).turned(0.0, 0.0, 25.0),
    ])
}

pub fn duck(chance: &mut Chance) -> Thing {
    let mallard = chance.odds(0.3);
    let yellow = chance.color(&[0xf9cf1d, 0xfbdc3a, 0xf4b915]);
    let (body, head, wing) = if mallard {
        (chance.color(&[0xb9aa96, 0x9c8a76]), chance.color(&[0x0f6b3e, 0x125c4a]), chance.color(&[0x6e5a48, 0x8a7b6a]))
    } else {
        (yellow, yellow, yellow * 0.94)
    };
    let bill = chance.color(&[0xf0731c, 0xe8551a, 0xf08c2a]);
    let look = chance.range(-0.06, 0.06);
    let head_at = v(0.27, 0.68, look);
    let gloss = if mallard { 0.15 } else { 0.7 };
    let plain = |shape, color| part(shape, Paint::Plain(color)).glossy(gloss);
    let mut parts = vec![
        plain(Egg { radii: v(0.43, 0.27, 0.3) }, body).at(0.0, 0.24, 0.0),
        plain(Limb { a: v(-0.3, 0.3, 0.0), b: v(-0.5, 0.47, 0.0), radius_a: 0.14, radius_b: 0.035 }, body)
            .blended(0.12),
        plain(Limb { a: v(0.2, 0.36, 0.0), b: head_at, radius_a: 0.17, radius_b: 0.13 }, head).blended(0.1),
        plain(Ball { radius: 0.2 }, head).at(head_at.x, head_at.y, head_at.z).blended(0.06),
        plain(Egg { radii: v(0.24, 0.15, 0.07) }, wing)
            .at(-0.06, 0.32, 0.27)
            .turned(0.0, 0.0, -14.0)
            .both_sides()
            .blended(0.03),
        plain(Egg { radii: v(0.13, 0.032, 0.085) }, bill).at(head_at.x + 0.24, head_at.y - 0.035, head_at.z),
        plain(Egg { radii: v(0.1, 0.025, 0.07) }, bill * 0.8).at(head_at.x + 0.22, head_at.y - 0.07, head_at.z),
    ];
    for sign in [-1.0, 1.0] {
        let eye = head_at + v(0.135, 0.055, sign * 0.125);
        parts.push(plain(Ball { radius: 0.045 }, srgb(0xf5f5f0)).at(eye.x, eye.y, eye.z));
        parts.push(plain(Ball { radius: 0.03 }, srgb(0x080808)).at(eye.x + 0.02, eye.y, eye.z + sign * 0.016));
    }
    Thing::new(parts)
}

pub fn ladybird(chance: &mut Chance) -> Thing {
    let shell = chance.color(&[0xd8150f, 0xc4140e, 0xe8340f, 0xe8680f]);
    let black = srgb(0x0c0b0b);
    let size = chance.range(0.085, 0.115);
    let mut dots: Vec<(Vec3, f32)> =
        [(0.22, 0.34, 0.19), (-0.02, 0.3, 0.27), (-0.25, 0.28, 0.17), (0.1, 0.45, 0.1), (-0.16, 0.46, 0.08)]
            .iter()
            .flat_map(|&(x, y, z)| [(v(x, y, z), size), (v(x, y, -z), size)])
            .collect();
    // The seam between the wing cases, as a row of fine dots.
    dots.extend((0..24).map(|i| {
        let angle = (i as f32 * 6.8).to_radians();
        (v(0.46 * angle.cos(), 0.1 + 0.41 * angle.sin(), 0.0), 0.03)
    }));
    let mut parts = vec![
        part(Egg { radii: v(0.46, 0.41, 0.4) }, Paint::Dots { a: shell, b: black, dots })
            .at(-0.05, 0.1, 0.0)
            .cut_under(-0.02)
            .glossy(0.95),
        part(Egg { radii: v(0.17, 0.2, 0.27) }, Paint::Plain(black)).at(0.38, 0.16, 0.0).glossy(0.8),
        part(Egg { radii: v(0.07, 0.07, 0.06) }, Paint::Plain(srgb(0xf2efe6))).at(0.46, 0.25, 0.15).both_sides(),
        part(Ball { radius: 0.11 }, Paint::Plain(black)).at(0.53, 0.15, 0.0).glossy(0.8),
        part(
            Limb { a: v(0.56, 0.22, 0.05), b: v(0.7, 0.36, 0.14), radius_a: 0.014, radius_b: 0.022 },
            Paint::Plain(black),
        )
        .both_sides(),
    ];
    for x in [0.26, 0.0, -0.26] {
        let spread = chance.range(-0.07, 0.07);
        for (a, b) in [
            (v(x, 0.12, 0.3), v(x + 0.03 + spread, 0.16, 0.5)),
            (v(x + 0.03 + spread, 0.16, 0.5), v(x + 0.08 + spread, 0.0, 0.58)),
        ] {
            let leg = Limb { a, b, radius_a: 0.032, radius_b: 0.022 };
            parts.push(part(leg, Paint::Plain(black)).both_sides());
        }
    }
    if chance.odds(0.2) {
        let wing = Slab {
            outline: points(&[(0.0, 0.0), (-0.25, 0.14), (-0.62, 0.12), (-0.7, 0.0), (-0.4, -0.09)]),
            half_thickness: 0.004,
            round: 0.004,
        };
        let veil = Paint::Plain(srgb(0xb8b0a0));
        parts.push(part(wing, veil).at(0.1, 0.42, 0.16).turned(70.0, 28.0, -14.0).both_sides());
    }
    Thing::new(parts)
}
