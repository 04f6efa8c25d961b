//! What stands about in a picture without a name: boulder, bush, crate, log, barrel, fir and fence.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Paint, srgb};
use crate::shape::Shape::{Ball, Block, Egg, Frustum, Lathe, Limb, Ring};
use crate::thing::{Thing, part};
use glam::Vec3;

pub fn build(chance: &mut Chance) -> Thing {
    match chance.below(8) {
        0 | 1 => boulder(chance),
        2 => bush(chance),
        3 => crate_box(chance),
        4 => log(chance),
        5 => barrel(chance),
        6 => fir(chance),
        _ => fence(chance),
    }
}

fn boulder(chance: &mut Chance) -> Thing {
    let stone = chance.color(&[0x8a857c, 0x6f6a64, 0xa09078, 0x5f5a58]);
    let paint = Paint::Mottled { a: stone, b: stone * 0.6, size: 0.13 };
    let radii = v(chance.range(0.3, 0.5), chance.range(0.22, 0.4), chance.range(0.25, 0.42));
    Thing::new(vec![part(Egg { radii }, paint).at(0.0, radii.y * 0.5, 0.0).rough(0.1, chance.range(0.15, 0.3))])
}

fn bush(chance: &mut Chance) -> Thing {
    let leaf = chance.color(&[0x3f6f2a, 0x5a7f34, 0x2f5f34, 0x8a8a3a, 0x9a5a2a]);
    let paint = Paint::Mottled { a: leaf, b: leaf * 0.45, size: 0.035 };
    let mut parts = Vec::new();
    for i in 0..4 {
        let radius = chance.range(0.2, 0.32);
        let (x, z) = (chance.range(-0.25, 0.25), chance.range(-0.25, 0.25));
        let y = radius * 0.8 + if i == 0 { 0.15 } else { 0.0 };
        parts.push(part(Ball { radius }, paint.clone()).at(x, y, z).rough(0.07, 0.055));
    }
    Thing::new(parts)
}

fn crate_box(chance: &mut Chance) -> Thing {
    let timber = chance.color(&[0xb08a58, 0x8a6a44, 0xc8a878]);
    let wood = Paint::Wood { a: timber, b: timber * 0.7, plank: 0.14 };
    let half = v(chance.range(0.22, 0.36), chance.range(0.2, 0.3), chance.range(0.2, 0.3));
    let rim = Paint::Plain(timber * 0.72);
    Thing::new(vec![
        part(Block { half, round: 0.01 }, wood),
        part(Block { half: v(half.x + 0.012, 0.03, half.z + 0.012), round: 0.005 }, rim.clone()),
        part(Block { half: v(half.x + 0.012, 0.03, half.z + 0.012), round: 0.005 }, rim.clone()).at(
            0.0,
            half.y * 2.0 - 0.06,
            0.0,
        ),
        part(Block { half: v(0.03, half.y, 0.03), round: 0.005 }, rim)
            .at(half.x - 0.012, 0.0, half.z - 0.012)
            .four_corners(),
    ])
}

fn log(chance: &mut Chance) -> Thing {
    let bark = chance.color(&[0x5f4834, 0x6f5a44, 0x4a3a2c]);
    let radius = chance.range(0.09, 0.15);
    let half = chance.range(0.3, 0.5);
    let paint = Paint::Mottled { a: bark, b: bark * 0.5, size: 0.05 };
    let cut = Paint::Plain(srgb(0xc8a070));
    Thing::new(vec![
        part(Frustum { bottom: radius, top: radius * 0.9, height: 2.0 * half }, paint)
            .turned(0.0, 0.0, -90.0)
            .at(-half, radius * 0.95, 0.0)
            .rough(0.012, 0.05),
        part(Frustum { bottom: radius * 0.85, top: radius * 0.8, height: 2.0 * half + 0.02 }, cut)
            .turned(0.0, 0.0, -90.0)
            .at(-half - 0.01, radius * 0.95, 0.0),
    ])
}

fn barrel(chance: &mut Chance) -> Thing {
    let timber = chance.color(&[0x7a5430, 0x5f4028, 0x2f5f8a, 0x8a2f24]);
    let staves = Paint::Panels { colors: vec![timber, timber * 0.75], count: 18.0 };
    let body = points(&[(0.0, 0.0), (0.2, 0.0), (0.245, 0.16), (0.26, 0.3), (0.245, 0.44), (0.2, 0.6), (0.0, 0.6)]);
    let mut parts = vec![part(Lathe { profile: body, round: 0.01 }, staves).glossy(0.2)];
    for y in [0.07, 0.21, 0.39, 0.53] {
        let major = 0.265 - 0.55 * (y - 0.3f32).powi(2);
        parts.push(part(Ring { major, minor: 0.013 }, Paint::Plain(srgb(0x2f3135))).at(0.0, y, 0.0).glossy(0.5));
    }
    Thing::new(parts)
}

fn fir(chance: &mut Chance) -> Thing {
    let green = chance.color(&[0x24502f, 0x2f5f3a, 0x1f4434, 0x4a6a3a]);
    let needles = Paint::Mottled { a: green, b: green * 0.45, size: 0.03 };
    let mut parts = vec![part(Frustum { bottom: 0.06, top: 0.04, height: 0.3 }, Paint::Plain(srgb(0x4a3524)))];
    for i in 0..4 {
        let t = i as f32 / 4.0;
        let cone = Frustum { bottom: 0.36 * (1.0 - t * 0.75), top: 0.02, height: 0.42 - 0.1 * t };
        parts.push(part(cone, needles.clone()).at(0.0, 0.18 + 0.25 * i as f32, 0.0).rough(0.035, 0.05));
    }
    Thing::new(parts)
}

fn fence(chance: &mut Chance) -> Thing {
    let timber = chance.color(&[0x8a6f50, 0xe8e4da, 0x6a5240]);
    let wood = Paint::Mottled { a: timber, b: timber * 0.75, size: 0.07 };
    let rail = |y: f32| Limb { a: v(-0.6, y, 0.0), b: v(0.6, y, 0.0), radius_a: 0.025, radius_b: 0.025 };
    let mut parts = vec![part(rail(0.18), wood.clone()), part(rail(0.36), wood.clone())];
    for x in [-0.5, 0.0, 0.5] {
        let post = Block { half: Vec3::new(0.035, 0.25, 0.03), round: 0.01 };
        parts.push(part(post, wood.clone()).at(x, 0.0, 0.0));
    }
    Thing::new(parts)
}
