//! Snowman, football and traffic cone.

use super::v;
use crate::chance::Chance;
use crate::paint::{Paint, srgb};
use crate::shape::Shape::{Ball, Block, Egg, Frustum, Limb, Ring};
use crate::thing::{Thing, part};
use glam::Vec3;

pub fn snowman(chance: &mut Chance) -> Thing {
    let snow = chance.color(&[0xf4f6fa, 0xeef2f8]);
    let white = || Paint::Mottled { a: snow, b: snow * 0.9, size: 0.12 };
    let coal = || Paint::Plain(srgb(0x121212));
    let scarf = chance.color(&[0xc8241e, 0x1e6a3f, 0x2a4fa0, 0xe8a01e, 0x7a2f8a]);
    let (low, mid, high) = (chance.range(0.27, 0.32), chance.range(0.2, 0.23), chance.range(0.145, 0.17));
    let chest = low * 1.55 + mid * 0.62;
    let head = chest + mid * 0.72 + high * 0.72;
    let wool = Paint::Panels { colors: vec![scarf, scarf * 0.6], count: 16.0 };
    let mut parts = vec![
        part(Ball { radius: low }, white()).at(0.0, low * 0.88, 0.0).rough(0.012, 0.09),
        part(Ball { radius: mid }, white()).at(0.0, chest, 0.0).blended(0.03).rough(0.01, 0.08),
        part(Ball { radius: high }, white()).at(0.0, head, 0.0).blended(0.02).rough(0.008, 0.08),
        part(
            Limb { a: v(high * 0.9, head, 0.0), b: v(high + 0.17, head - 0.02, 0.0), radius_a: 0.03, radius_b: 0.008 },
            Paint::Plain(chance.color(&[0xf0791e, 0xe8601a])),
        ),
        part(Ball { radius: 0.022 }, coal()).at(high * 0.87, head + high * 0.34, high * 0.36).both_sides().glossy(0.5),
        part(Ring { major: high * 0.93, minor: 0.042 }, wool.clone()).at(0.0, head - high * 0.78, 0.0),
        part(
            Block { half: v(0.022, 0.13, 0.045), round: 0.015 },
            Paint::Stripes { a: scarf, b: scarf * 0.6, axis: Vec3::Y, period: 0.05, share: 0.5, waver: 0.0 },
        )
        .at(mid * 0.93, chest - 0.09, chance.pick(&[-0.09, 0.09]))
        .turned(0.0, 0.0, 4.0),
    ];
    for y in [0.45, 0.05, -0.35] {
        let out = mid * (1.0f32 - y * y).sqrt();
        parts.push(part(Ball { radius: 0.022 }, coal()).at(out, chest + mid * y, 0.0).glossy(0.5));
    }
    for z in [0.0, 0.035, 0.065] {
        let out = high * 0.9 - z * 0.3;
        parts.push(part(Ball { radius: 0.013 }, coal()).at(out, head - high * 0.42 + z * 0.45, z).both_sides());
    }
    let twig = || Paint::Plain(srgb(0x4a3420));
    for side in [-1.0, 1.0] {
        let hand = v(chance.range(-0.05, 0.1), chest + chance.range(0.02, 0.26), side * (mid + 0.27));
        let elbow = v(0.0, chest + 0.06, side * mid * 0.9);
        parts.push(part(Limb { a: elbow, b: hand, radius_a: 0.017, radius_b: 0.01 }, twig()));
        let finger = hand + v(0.05, 0.06, -side * 0.0);
        parts.push(part(Limb { a: elbow.lerp(hand, 0.75), b: finger, radius_a: 0.01, radius_b: 0.007 }, twig()));
    }
    match chance.below(3) {
        0 => {
            let felt = || Paint::Plain(srgb(0x16161a));
            let brim = head + high * 0.72;
            parts
                .push(part(Frustum { bottom: high * 1.25, top: high * 1.25, height: 0.02 }, felt()).at(0.0, brim, 0.0));
            parts.push(part(Frustum { bottom: high * 0.78, top: high * 0.82, height: 0.2 }, felt()).at(0.0, brim, 0.0));
            parts.push(part(Frustum { bottom: high * 0.8, top: high * 0.8, height: 0.045 }, Paint::Plain(scarf)).at(
                0.0,
                brim + 0.02,
                0.0,
            ));
        }
        1 => {
            parts.push(
                part(Egg { radii: v(high * 1.02, high * 0.95, high * 1.02) }, wool)
                    .at(0.0, head + high * 0.3, 0.0)
                    .cut_under(0.0),
            );
            parts.push(
                part(Ball { radius: 0.05 }, Paint::Plain(snow)).at(0.0, head + high * 1.3, 0.0).rough(0.01, 0.02),
            );
        }
        _ => {}
    }
    Thing::new(parts)
}

pub fn football(chance: &mut Chance) -> Thing {
    let white = chance.color(&[0xf4f4f2, 0xeceae4, 0xf2e8c8]);
    let black = chance.color(&[0x141416, 0x141416, 0x1a2a5a, 0x8a1a1a]);
    let (x, y, z) = (chance.range(0.0, 360.0), chance.range(0.0, 360.0), chance.range(0.0, 360.0));
    let ball = part(Ball { radius: 0.4 }, Paint::Football { a: white, b: black });
    Thing::new(vec![ball.turned(x, y, z).at(0.0, 0.395, 0.0).glossy(0.55)])
}

pub fn traffic_cone(chance: &mut Chance) -> Thing {
    let orange = chance.color(&[0xf0561a, 0xe8481e, 0xf2701e]);
    let band = chance.color(&[0xf4f4f2, 0xe8ecf0]);
    let tall = chance.range(0.78, 0.95);
    let wide = chance.range(0.2, 0.26);
    let rubber = if chance.odds(0.5) { orange * 0.9 } else { srgb(0x1e1e20) };
    let period = tall * chance.pick(&[0.34, 0.42, 0.6]);
    let bands =
        Paint::Stripes { a: orange, b: band, axis: Vec3::Y, period, share: chance.range(0.32, 0.48), waver: 0.0 };
    Thing::new(vec![
        part(Block { half: v(wide * 1.4, 0.025, wide * 1.4), round: 0.02 }, Paint::Plain(rubber)).glossy(0.2),
        part(Frustum { bottom: wide, top: 0.035, height: tall }, bands).at(0.0, 0.04, 0.0).glossy(0.35).blended(0.03),
    ])
}
