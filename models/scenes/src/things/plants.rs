//! Mushroom, saguaro cactus, palm tree and pumpkin.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Paint, srgb};
use crate::shape::Shape::{Ball, Block, Egg, Frustum, Lathe, Limb, Ribbed, Ring};
use crate::thing::{Part, Thing, part};
use glam::Vec3;

fn one_mushroom(chance: &mut Chance, at: Vec3, scale: f32, cap: &Paint) -> Vec<Part> {
    let s = scale;
    let pale = chance.color(&[0xf2e8d5, 0xe9dcc0, 0xf5f0e6]);
    let wide = chance.range(0.36, 0.46) * s;
    let tall = chance.range(0.2, 0.38) * s;
    let top = chance.range(0.5, 0.68) * s;
    let lean = v(chance.range(-0.07, 0.07), 0.0, chance.range(-0.07, 0.07)) * s;
    let head = at + lean + Vec3::Y * top;
    let stem = Limb { a: at + Vec3::Y * 0.06 * s, b: head, radius_a: 0.13 * s, radius_b: 0.085 * s };
    let gills = Paint::Panels { colors: vec![pale * 0.95, pale * 0.7], count: 60.0 };
    vec![
        part(stem, Paint::Mottled { a: pale, b: pale * 0.8, size: 0.1 }),
        part(Egg { radii: v(wide, tall, wide) }, cap.clone())
            .at(head.x, head.y - 0.02, head.z)
            .cut_under(0.0)
            .glossy(0.5),
        part(Frustum { bottom: wide * 0.55, top: wide * 0.97, height: 0.05 * s }, gills).at(
            head.x,
            head.y - 0.055 * s,
            head.z,
        ),
        part(Ring { major: 0.11 * s, minor: 0.025 * s }, Paint::Plain(pale)).at(
            at.x + lean.x * 0.7,
            at.y + top * 0.72,
            at.z + lean.z * 0.7,
        ),
    ]
}

pub fn mushroom(chance: &mut Chance) -> Thing {
    let cap = if chance.odds(0.65) {
        let a = chance.color(&[0xc71a12, 0xd8321a, 0xb0120e, 0xd8581a]);
        Paint::Spots { a, b: srgb(0xf6f0e4), size: chance.range(0.13, 0.19), share: 0.62 }
    } else {
        let a = chance.color(&[0x8a5a34, 0x6e4426, 0xb48a5a, 0xc9a878]);
        Paint::Mottled { a, b: a * 0.7, size: 0.15 }
    };
    let mut parts = one_mushroom(chance, Vec3::ZERO, 1.0, &cap);
    for _ in 0..chance.below(3) {
        let angle = chance.range(0.0, std::f32::consts::TAU);
        let away = chance.range(0.42, 0.6);
        let scale = chance.range(0.3, 0.62);
        parts.extend(one_mushroom(chance, v(angle.cos() * away, 0.0, angle.sin() * away), scale, &cap));
    }
    Thing::new(parts)
}

pub fn cactus(chance: &mut Chance) -> Thing {
    let green = chance.color(&[0x3f7a3a, 0x5a8f4a, 0x2f6b46, 0x6f9a5a]);
    let thick = chance.range(0.12, 0.155);
    let tall = chance.range(0.82, 1.0);
    let column =
        |radius: f32, low: f32, high: f32| {
            let half = 0.5 * (high - low) + radius;
            part(Ribbed { radii: v(radius * 1.15, half, radius * 1.15), ribs: 11.0, depth: 0.12 }, Paint::Plain(green))
                .at(0.0, 0.5 * (low + high), 0.0)
        };
    let skin = |period| Paint::Panels { colors: vec![green, green * 0.62], count: period };
    let mut parts = vec![
        part(
            Limb { a: v(0.0, 0.0, 0.0), b: v(0.0, tall - thick, 0.0), radius_a: thick, radius_b: thick * 0.92 },
            skin(26.0),
        ),
        column(thick, tall - 0.45, tall - thick * 0.9),
    ];
    let turn = chance.range(0.0, 180.0);
    for side in 0..chance.pick(&[1, 2, 2, 2, 3]) {
        let low = chance.range(0.28, 0.5);
        let out = thick + chance.range(0.13, 0.19);
        let high = low + chance.range(0.16, 0.36);
        let radius = thick * chance.range(0.55, 0.72);
        let yaw = turn + side as f32 * 180.0 + chance.range(-35.0, 35.0);
        let elbow = v(out, low + 0.04, 0.0);
        for (a, b) in [(v(0.0, low, 0.0), elbow), (elbow, v(out + 0.02, high, 0.0))] {
            let arm = Limb { a, b, radius_a: radius, radius_b: radius };
            let paint = Paint::Stripes {
                a: green,
                b: green * 0.62,
                axis: Vec3::Z,
                period: radius * 0.45,
                share: 0.4,
                waver: 0.0,
            };
            parts.push(part(arm, paint).framed(Vec3::ZERO, 0.0, yaw, 0.0).blended(0.04));
        }
    }
    if chance.odds(0.35) {
        let flower = chance.color(&[0xf04f8a, 0xf7d23e, 0xf2f0ee]);
        parts.push(part(Egg { radii: v(0.05, 0.035, 0.05) }, Paint::Plain(flower)).at(0.0, tall + 0.01, 0.0));
    }
    if chance.odds(0.35) {
        let clay = chance.color(&[0xb5603a, 0xc87a50, 0xd9d2c6, 0x3f6f8f]);
        let pot = points(&[(0.0, -0.02), (0.2, -0.02), (0.27, 0.24), (0.3, 0.24), (0.3, 0.31), (0.0, 0.31)]);
        parts.push(part(Lathe { profile: pot, round: 0.01 }, Paint::Plain(clay)).glossy(0.3));
    }
    Thing::new(parts)
}

pub fn palm(chance: &mut Chance) -> Thing {
    let bark = chance.color(&[0x8a6a48, 0x9a7f5e, 0x6f5540]);
    let leaf = chance.color(&[0x3f8a34, 0x2f7a3a, 0x5a9a3a, 0x4a7f2a]);
    let lean = chance.range(-0.25, 0.25);
    let mut parts = Vec::new();
    let place = |t: f32| v(lean * t * t, t * 0.86, 0.0);
    for i in 0..5 {
        let (t0, t1) = (i as f32 / 5.0, (i + 1) as f32 / 5.0);
        let radius = |t: f32| 0.058 - 0.024 * t;
        let trunk = Limb { a: place(t0), b: place(t1), radius_a: radius(t0), radius_b: radius(t1) };
        let rings = Paint::Stripes { a: bark, b: bark * 0.6, axis: Vec3::Y, period: 0.045, share: 0.35, waver: 0.1 };
        parts.push(part(trunk, rings));
    }
    let top = place(1.0);
    let count = chance.pick(&[6, 7, 8]);
    let long = chance.range(0.25, 0.3);
    for (level, (droop, rise, shift)) in [(2.6, 12.0, 0.0), (1.5, 38.0, 25.0)].into_iter().enumerate() {
        let stripes = Paint::Stripes {
            a: leaf * (0.8 + 0.25 * level as f32),
            b: leaf * 0.5,
            axis: v(0.8, 0.0, 0.0),
            period: 0.028,
            share: 0.35,
            waver: 0.0,
        };
        let frond = part(Egg { radii: v(long, 0.014, 0.062) }, stripes)
            .at(long * 0.95, 0.02, 0.0)
            .turned(0.0, 0.0, rise)
            .drooping(droop);
        parts.push(frond.around(count).framed(top, 0.0, shift, 0.0));
    }
    if chance.odds(0.6) {
        let nut = chance.color(&[0x5f3f24, 0x8a7a2f]);
        parts.push(
            part(Ball { radius: 0.042 }, Paint::Plain(nut)).at(0.06, -0.035, 0.0).around(4).framed(top, 0.0, 20.0, 0.0),
        );
    }
    parts.push(part(Egg { radii: v(0.16, 0.05, 0.16) }, Paint::Mottled { a: bark * 0.6, b: leaf * 0.5, size: 0.05 }));
    Thing::new(parts)
}

pub fn pumpkin(chance: &mut Chance) -> Thing {
    let orange = chance.color(&[0xe8761a, 0xf08a1e, 0xd8601a, 0xe89a3a]);
    let stem = chance.color(&[0x5f6f2f, 0x6f5f34, 0x7f8a4a]);
    let flat = chance.range(0.27, 0.38);
    let wide = chance.range(0.42, 0.48);
    let ribs = chance.pick(&[8.0, 10.0, 12.0]);
    let skin = Paint::Mottled { a: orange, b: orange * v(0.9, 0.72, 0.6), size: 0.16 };
    let mut parts = vec![
        part(Ribbed { radii: v(wide, flat, wide), ribs, depth: 0.11 }, skin).at(0.0, flat * 0.94, 0.0).glossy(0.45),
        part(
            Limb {
                a: v(0.0, flat * 1.72, 0.0),
                b: v(chance.range(-0.08, 0.08), flat * 1.9 + 0.13, 0.04),
                radius_a: 0.07,
                radius_b: 0.04,
            },
            Paint::Mottled { a: stem, b: stem * 0.6, size: 0.03 },
        )
        .blended(0.05),
    ];
    if chance.odds(0.25) {
        let hollow = || Paint::Plain(srgb(0x1e0d04));
        let eye = Block { half: v(0.03, 0.055, 0.05), round: 0.02 };
        parts.push(part(eye, hollow()).at(wide * 0.93, flat * 1.08, 0.16).both_sides());
        for (z, y) in [(0.0, 0.5), (0.09, 0.54), (0.18, 0.64)] {
            let tooth = Block { half: v(0.04, 0.035, 0.047), round: 0.01 };
            parts.push(part(tooth, hollow()).at(wide * (0.94 - z * 0.35), flat * y, z).both_sides());
        }
    }
    Thing::new(parts)
}
