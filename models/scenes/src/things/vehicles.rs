//! Sailing boat, car, bus, rocket and hot-air balloon.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Color, Paint, srgb};
use crate::shape::Shape::{Ball, Block, Egg, Frustum, Lathe, Limb, Ring, Slab};
use crate::thing::{Part, Thing, part};
use glam::{Vec2, Vec3};

const BODYWORK: [u32; 9] = [0xc81e1e, 0x1e4fb4, 0xf0b41e, 0xeeeeea, 0x24282c, 0x2f8a4a, 0xe86a1e, 0x8ab4c8, 0x8a2a4f];

pub fn sailing_boat(chance: &mut Chance) -> Thing {
    let hull = chance.color(&[0xf2f0ea, 0x8a4f2a, 0x1e3f6a, 0xa8241e, 0x2f5f4a]);
    let stripe = chance.color(&[0xc8281e, 0x1e3a6a, 0xf2f0ea]);
    let deck = chance.color(&[0xc89a64, 0xb08454]);
    let white = chance.color(&[0xf6f2e8, 0xf4f4f2, 0xeee0c4, 0xd85a3a, 0xe8b050]);
    let seams = Paint::Stripes { a: white, b: white * 0.82, axis: Vec3::Y, period: 0.11, share: 0.12, waver: 0.0 };
    let jib = if chance.odds(0.3) { Paint::Plain(stripe) } else { seams.clone() };
    let mast = chance.range(0.95, 1.1);
    let boom = chance.range(0.3, 0.38);
    let swing = chance.range(-28.0, 28.0);
    let spar = || Paint::Plain(srgb(0x7a5a3a));
    let sail = |corners: &[(f32, f32)], paint: Paint| {
        part(Slab { outline: points(corners), half_thickness: 0.003, round: 0.005 }, paint)
    };
    Thing::new(vec![
        part(
            Egg { radii: v(0.52, 0.26, 0.17) },
            Paint::Stripes { a: hull, b: stripe, axis: Vec3::Y, period: 0.5, share: 0.1, waver: 0.0 },
        )
        .turned(180.0, 0.0, 0.0)
        .at(0.0, 0.17, 0.0)
        .cut_under(0.0)
        .glossy(0.5),
        part(Egg { radii: v(0.5, 0.018, 0.155) }, Paint::Plain(deck)).at(0.0, 0.175, 0.0),
        part(Egg { radii: v(0.17, 0.08, 0.085) }, Paint::Plain(hull)).at(0.08, 0.18, 0.0),
        part(Frustum { bottom: 0.016, top: 0.01, height: mast }, spar()).at(0.06, 0.17, 0.0),
        part(Limb { a: v(0.0, 0.0, 0.0), b: v(-boom, 0.0, 0.0), radius_a: 0.012, radius_b: 0.01 }, spar()).framed(
            v(0.06, 0.3, 0.0),
            0.0,
            swing,
            0.0,
        ),
        sail(&[(-0.015, 0.02), (-boom, 0.02), (-boom * 0.55, mast * 0.38), (-0.02, mast * 0.82)], seams).framed(
            v(0.06, 0.3, 0.0),
            0.0,
            swing,
            0.0,
        ),
        sail(&[(0.02, mast * 0.72), (0.4, 0.03), (-0.05, 0.1)], jib).framed(v(0.06, 0.2, 0.0), 0.0, swing * 0.4, 0.0),
        part(Limb { a: v(0.06, mast + 0.15, 0.0), b: v(0.5, 0.2, 0.0), radius_a: 0.004, radius_b: 0.004 }, spar()),
        sail(&[(0.0, 0.0), (-0.13, 0.03), (0.0, 0.06)], Paint::Plain(stripe)).at(0.06, mast + 0.11, 0.0),
    ])
}

/// Tyres with hubs at (±x, ±z).
fn wheels(x: f32, z: f32, radius: f32, hub: Color) -> [Part; 2] {
    let disc = |radius, thick| Frustum { bottom: radius, top: radius, height: thick };
    [
        part(disc(radius, 0.09), Paint::Plain(srgb(0x141416)))
            .turned(90.0, 0.0, 0.0)
            .at(x, radius, z - 0.045)
            .four_corners(),
        part(disc(radius * 0.58, 0.1), Paint::Panels { colors: vec![hub, hub * 0.45], count: 10.0 })
            .turned(90.0, 0.0, 0.0)
            .at(x, radius, z - 0.045)
            .four_corners()
            .glossy(0.7),
    ]
}

pub fn car(chance: &mut Chance) -> Thing {
    let body = chance.color(&BODYWORK);
    let glass = srgb(0x18222c);
    let radius = chance.range(0.1, 0.125);
    let low = 0.07;
    let waist = chance.range(0.27, 0.31);
    let roof = waist + chance.range(0.16, 0.23);
    let (nose, tail) = (chance.range(0.5, 0.56), chance.range(0.46, 0.56));
    let wide = 0.225;
    let (front, back) = (chance.range(0.14, 0.24), chance.range(0.26, 0.44));
    let rake = chance.range(0.1, 0.16);
    let side = points(&[
        (-tail, low + 0.03),
        (-tail, waist - 0.03),
        (-tail + 0.05, waist),
        (front + rake, waist + 0.005),
        (nose - 0.03, waist - 0.05),
        (nose, low + 0.1),
        (nose, low + 0.02),
    ]);
    let cabin = |out: f32| {
        points(&[
            (-back - 0.08 - out, waist - 0.02),
            (-back, roof + out),
            (front - 0.08, roof + out),
            (front + rake + out, waist - 0.02),
        ])
    };
    let paint = |color| Paint::Plain(color);
    let mut parts = vec![
        part(Slab { outline: side, half_thickness: wide - 0.03, round: 0.03 }, paint(body)).glossy(0.9),
        part(Slab { outline: cabin(-0.015), half_thickness: wide - 0.06, round: 0.025 }, paint(glass)).glossy(1.0),
        part(
            Slab {
                outline: points(&[
                    (-back, roof - 0.012),
                    (-back, roof + 0.002),
                    (front - 0.08, roof + 0.002),
                    (front - 0.08, roof - 0.012),
                ]),
                half_thickness: wide - 0.06,
                round: 0.022,
            },
            paint(body),
        )
        .glossy(0.9),
    ];
    for x in [front - 0.06, (front - back) * 0.5 - 0.05, -back - 0.01] {
        let lean = if x > 0.05 { 0.1 } else { -0.02 };
        parts.push(
            part(
                Limb {
                    a: v(x + lean, waist, wide - 0.038),
                    b: v(x, roof, wide - 0.05),
                    radius_a: 0.018,
                    radius_b: 0.018,
                },
                paint(body),
            )
            .both_sides()
            .glossy(0.9),
        );
    }
    let lamp = |x: f32, color: u32, radius: f32| {
        part(Egg { radii: v(0.02, radius, radius * 1.4) }, paint(srgb(color)))
            .at(x, waist - 0.1, wide - 0.07)
            .both_sides()
            .glossy(1.0)
    };
    parts.push(lamp(nose + 0.024, 0xfff2d0, 0.036));
    parts.push(lamp(-tail - 0.026, 0xd01414, 0.03));
    let bumper = Block { half: v(0.02, 0.025, wide - 0.03), round: 0.015 };
    let trim = paint(chance.color(&[0x2a2a2c, 0xb8bcc0]));
    parts.push(part(bumper.clone(), trim.clone()).at(nose + 0.03, low + 0.01, 0.0).glossy(0.6));
    parts.push(part(bumper, trim).at(-tail - 0.03, low + 0.02, 0.0).glossy(0.6));
    let plate = Block { half: v(0.006, 0.02, 0.07), round: 0.002 };
    parts.push(part(plate, paint(srgb(0xeeeade))).at(nose + 0.034, low + 0.055, 0.0));
    parts.push(
        part(Egg { radii: v(0.03, 0.022, 0.018) }, paint(body))
            .at(front + 0.02, waist + 0.02, wide + 0.01)
            .both_sides(),
    );
    parts.extend(wheels(0.325, wide - 0.02, radius, srgb(0xb8bcc2)));
    Thing::new(parts)
}

pub fn bus(chance: &mut Chance) -> Thing {
    let body = chance.color(&[0xc81e1e, 0xf0b01e, 0xf0b01e, 0x1e6ab4, 0x2f8a5a, 0xeeeee8]);
    let band = chance.color(&[0xf4f2ec, 0x24282c, 0xf4f2ec]);
    let glass = srgb(0x1a2733);
    let decks = if chance.odds(0.35) { 2 } else { 1 };
    let long = chance.range(0.6, 0.72);
    let wide = 0.2;
    let (low, storey) = (0.1, 0.3);
    let top = low + 0.1 + storey * decks as f32;
    let half = 0.5 * (top - low);
    let mut parts =
        vec![part(Block { half: v(long, half, wide), round: 0.045 }, Paint::Plain(body)).at(0.0, low, 0.0).glossy(0.8)];
    for deck in 0..decks {
        let sill = low + 0.16 + storey * deck as f32;
        let panes = Paint::Windows { a: body, b: glass, grid: Vec2::new(0.165, 0.2), low: 0.0, high: 0.2 };
        parts.push(
            part(Block { half: v(long - 0.05, 0.1, wide + 0.004), round: 0.003 }, panes).at(0.0, sill, 0.0).glossy(0.9),
        );
        let screen = Block { half: v(long + 0.004, 0.09, wide - 0.045), round: 0.003 };
        parts.push(part(screen, Paint::Plain(glass)).at(0.0, sill, 0.0).glossy(1.0));
        let line = Block { half: v(long + 0.003, 0.012, wide + 0.003), round: 0.003 };
        parts.push(part(line, Paint::Plain(band)).at(0.0, sill - 0.05, 0.0).glossy(0.6));
    }
    let lamp = |x: f32, color: u32| {
        part(Egg { radii: v(0.02, 0.03, 0.04) }, Paint::Plain(srgb(color)))
            .at(x, low + 0.07, wide - 0.06)
            .both_sides()
            .glossy(1.0)
    };
    parts.push(lamp(long, 0xfff4d4));
    parts.push(lamp(-long, 0xd01414));
    parts.push(
        part(Block { half: v(0.015, 0.022, wide - 0.01), round: 0.01 }, Paint::Plain(srgb(0x2a2a2c)))
            .at(long, low, 0.0),
    );
    let sign = Block { half: v(0.008, 0.025, 0.1), round: 0.003 };
    parts.push(part(sign, Paint::Plain(srgb(0x141414))).at(long, top - 0.07, 0.0));
    parts.extend(wheels(long * 0.62, wide - 0.015, 0.105, srgb(0xa8acb2)));
    Thing::new(parts)
}

pub fn rocket(chance: &mut Chance) -> Thing {
    let skin = chance.color(&[0xf2f0ec, 0xd8dce0, 0xe8e4dc, 0xc8342a]);
    let trim = chance.color(&[0xd0241c, 0x1e4fb4, 0xf0901e, 0x24282c]);
    let fins = chance.pick(&[3, 4]);
    let stout = chance.range(0.14, 0.2);
    let profile = points(&[
        (0.0, 0.1),
        (stout * 0.62, 0.1),
        (stout * 0.9, 0.25),
        (stout, 0.42),
        (stout * 0.97, 0.58),
        (stout * 0.84, 0.72),
        (stout * 0.62, 0.85),
        (stout * 0.33, 0.96),
        (0.0, 1.04),
    ]);
    let bands =
        Paint::Stripes { a: skin, b: trim, axis: Vec3::Y, period: chance.range(0.5, 0.62), share: 0.22, waver: 0.0 };
    let tip = Lathe {
        profile: points(&[(0.0, 0.86), (stout * 0.62, 0.86), (stout * 0.36, 0.97), (0.0, 1.06)]),
        round: 0.008,
    };
    let fin = Slab {
        outline: points(&[
            (stout * 0.7, 0.4),
            (stout + 0.17, 0.12),
            (stout + 0.19, -0.02),
            (stout + 0.1, 0.04),
            (stout * 0.55, 0.14),
        ]),
        half_thickness: 0.012,
        round: 0.008,
    };
    let mut parts = vec![
        part(Lathe { profile, round: 0.006 }, bands).glossy(0.7),
        part(tip, Paint::Plain(trim)).glossy(0.7),
        part(fin, Paint::Plain(trim)).around(fins).glossy(0.6),
        part(Frustum { bottom: stout * 0.7, top: stout * 0.45, height: 0.1 }, Paint::Plain(srgb(0x34363a)))
            .at(0.0, 0.02, 0.0),
    ];
    for y in [0.66, 0.5] {
        let out = stout * if y > 0.6 { 0.86 } else { 0.99 };
        let size = if y > 0.6 { 0.062 } else { 0.04 };
        let rim = part(Ring { major: size, minor: 0.014 }, Paint::Plain(srgb(0xa8acb0))).turned(0.0, 0.0, 90.0);
        parts.push(rim.at(out, y, 0.0).around(fins).glossy(0.8));
        let pane = Ball { radius: size * 0.95 };
        parts.push(part(pane, Paint::Plain(srgb(0x1f4f7a))).at(out - size * 0.62, y, 0.0).around(fins).glossy(1.0));
    }
    Thing::new(parts)
}

pub fn balloon(chance: &mut Chance) -> Thing {
    let palette = [0xd8241e, 0xf0b41e, 0x1e5ab4, 0xf4f2ea, 0x2f9a5a, 0xe8701e, 0x7a2f8a, 0x1fa0b0];
    let count = chance.pick(&[2, 2, 3]);
    let colors: Vec<Color> = (0..count).map(|_| chance.color(&palette)).collect();
    let cloth = if chance.odds(0.65) {
        Paint::Panels { colors, count: 12.0 }
    } else {
        let (a, b) = (chance.color(&palette), chance.color(&palette));
        Paint::Stripes { a, b, axis: Vec3::Y, period: chance.range(0.16, 0.3), share: 0.5, waver: 0.0 }
    };
    let wide = chance.range(0.35, 0.4);
    let profile: Vec<Vec2> = [
        (0.0, 0.28),
        (0.09, 0.28),
        (0.2, 0.4),
        (0.31, 0.54),
        (0.385, 0.68),
        (0.4, 0.8),
        (0.375, 0.92),
        (0.3, 1.04),
        (0.19, 1.12),
        (0.08, 1.155),
        (0.0, 1.16),
    ]
    .iter()
    .map(|&(r, y)| Vec2::new(r * wide / 0.4, y))
    .collect();
    let wicker = chance.color(&[0x8a5f34, 0x6f4a28, 0xa87a48]);
    let basket =
        Paint::Stripes { a: wicker, b: wicker * 0.55, axis: v(0.0, 1.0, 0.0), period: 0.03, share: 0.4, waver: 0.1 };
    let rope = Limb { a: v(0.055, 0.1, 0.055), b: v(0.065, 0.31, 0.065), radius_a: 0.006, radius_b: 0.006 };
    Thing::new(vec![
        part(Lathe { profile, round: 0.015 }, cloth).glossy(0.25),
        part(Block { half: v(0.065, 0.055, 0.065), round: 0.014 }, basket),
        part(rope, Paint::Plain(srgb(0x2f2820))).four_corners(),
    ])
}
