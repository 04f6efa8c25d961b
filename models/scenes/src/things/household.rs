//! Teapot, umbrella and chair.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Color, Paint, srgb};
use crate::shape::Shape::{Ball, Block, Canopy, Egg, Frustum, Lathe, Limb, Ring};
use crate::thing::{Thing, part};
use glam::Vec3;

pub fn teapot(chance: &mut Chance) -> Thing {
    let glaze = chance.color(&[0xf2efe6, 0x2f5f9a, 0xc84a34, 0x3f7f6a, 0xe8b84a, 0x5a2f24, 0x8ab0c4, 0x222428]);
    let accent = chance.color(&[0x1f4f9a, 0xd8442a, 0xf2ead8, 0x2f7a5a, 0xe8a02a]);
    let coat = match chance.below(4) {
        0 => Paint::Spots { a: glaze, b: accent, size: 0.17, share: 0.5 },
        1 => Paint::Stripes { a: glaze, b: accent, axis: Vec3::Y, period: 0.3, share: 0.3, waver: 0.0 },
        _ => Paint::Plain(glaze),
    };
    let tall = chance.range(0.29, 0.38);
    let wide = chance.range(0.35, 0.41);
    let plain = |shape| part(shape, Paint::Plain(glaze)).glossy(1.0);
    let top = tall * 1.85;
    let spout_tip = v(wide + 0.3, top * 0.92, 0.0);
    let bow = v(wide + 0.1, tall * 0.85, 0.0);
    Thing::new(vec![
        part(Egg { radii: v(wide, tall, wide) }, coat).at(0.0, tall * 0.97, 0.0).glossy(1.0),
        plain(Limb { a: v(wide * 0.7, tall * 0.55, 0.0), b: bow, radius_a: 0.11, radius_b: 0.07 }).blended(0.06),
        plain(Limb { a: bow, b: spout_tip, radius_a: 0.07, radius_b: 0.038 }).blended(0.05),
        plain(Ring { major: chance.range(0.17, 0.22), minor: 0.036 })
            .turned(90.0, 0.0, 0.0)
            .at(-wide - 0.06, tall * 1.02, 0.0)
            .blended(0.03),
        plain(Ring { major: wide * 0.52, minor: 0.022 }).at(0.0, top * 0.985, 0.0),
        plain(Egg { radii: v(wide * 0.5, 0.1, wide * 0.5) }).at(0.0, top * 0.985, 0.0),
        plain(Ball { radius: 0.055 }).at(0.0, top * 0.985 + 0.13, 0.0).blended(0.03),
        plain(Frustum { bottom: wide * 0.6, top: wide * 0.55, height: 0.05 }),
    ])
}

pub fn umbrella(chance: &mut Chance) -> Thing {
    let palette = [0xd8241e, 0x1e4fa8, 0xf0b81e, 0xf4f2ea, 0x1f8a5a, 0x24262c, 0xe86a9a, 0x6a2f8a];
    let first = chance.color(&palette);
    let colors: Vec<Color> =
        if chance.odds(0.55) { vec![first, chance.color(&palette)] } else { vec![first, first * 0.86] };
    let cut = chance.range(0.16, 0.3);
    let radius = chance.range(0.52, 0.6);
    let stick = chance.color(&[0x6a4528, 0x24262a, 0xd8d8d8]);
    let top = 1.02;
    let lean = (chance.range(-30.0, 30.0), chance.range(-30.0, 30.0));
    let drop = top - radius;
    let base = v(0.0, 0.06, 0.0);
    let mut parts = vec![
        part(Canopy { radius, cut, thickness: 0.012, ribs: 8.0 }, Paint::Panels { colors, count: 8.0 })
            .at(0.0, drop, 0.0)
            .framed(base, lean.0, 0.0, lean.1)
            .glossy(0.25),
        part(Frustum { bottom: 0.014, top: 0.012, height: top + 0.06 }, Paint::Plain(stick))
            .framed(base, lean.0, 0.0, lean.1)
            .glossy(0.4),
        part(Frustum { bottom: 0.02, top: 0.006, height: 0.09 }, Paint::Plain(stick))
            .at(0.0, top, 0.0)
            .framed(base, lean.0, 0.0, lean.1),
    ];
    let wood = Paint::Plain(chance.color(&[0x8a5a30, 0x3a2a20, 0xc81e1e]));
    if chance.odds(0.6) {
        let hook = part(Ring { major: 0.065, minor: 0.019 }, wood).turned(90.0, 0.0, 0.0).at(0.065, 0.02, 0.0);
        parts.push(hook.framed(base, lean.0, 0.0, lean.1).glossy(0.6));
    } else {
        parts.push(part(Frustum { bottom: 0.16, top: 0.13, height: 0.07 }, Paint::Plain(srgb(0x6f6f72))));
    }
    Thing::new(parts)
}

pub fn chair(chance: &mut Chance) -> Thing {
    let timber = chance.color(&[0x8a5a30, 0xb88a54, 0x5a3a20, 0xe8e4da, 0x2a2a2c, 0xb4342a, 0x3f7a8a]);
    let grain = Paint::Wood { a: timber, b: timber * 0.62, plank: 0.12 };
    let seat = if chance.odds(0.4) {
        Paint::Plain(chance.color(&[0xa82a24, 0x2f4f7a, 0x3f6f4a, 0xd8b04a, 0xe0d8c8]))
    } else {
        grain.clone()
    };
    let half = chance.range(0.22, 0.26);
    let high = chance.range(0.42, 0.5);
    let top = high + chance.range(0.48, 0.62);
    let leg = chance.range(0.022, 0.034);
    let splay = chance.range(0.0, 0.06);
    let rake = chance.range(0.03, 0.1);
    let bar = |a: Vec3, b: Vec3, radius: f32| {
        part(Limb { a, b, radius_a: radius, radius_b: radius }, grain.clone()).glossy(0.3)
    };
    let mut parts = vec![
        part(Block { half: v(half, 0.025, half), round: 0.02 }, seat).at(0.0, high - 0.02, 0.0).glossy(0.25),
        bar(v(half - 0.03, high, half - 0.03), v(half - 0.02 + splay, leg, half - 0.02 + splay), leg).four_corners(),
        bar(v(-half + 0.02, high, half - 0.03), v(-half - rake, top, half - 0.03), leg * 0.95).both_sides(),
        bar(v(-half - rake, top, -half + 0.03), v(-half - rake, top, half - 0.03), leg * 1.25),
    ];
    if chance.odds(0.5) {
        for z in [0.0, half * 0.45] {
            parts.push(bar(v(-half + 0.02, high, z), v(-half - rake, top, z), leg * 0.6).both_sides());
        }
    } else {
        for share in [0.35, 0.7] {
            let at = v(-half + 0.02, high, 0.0).lerp(v(-half - rake, top, 0.0), share);
            parts.push(part(Block { half: v(0.012, 0.045, half - 0.03), round: 0.01 }, grain.clone()).at(
                at.x,
                at.y - 0.03,
                0.0,
            ));
        }
    }
    if chance.odds(0.6) {
        parts.push(
            bar(
                v(-half, high * 0.4, half - 0.01 + splay * 0.5),
                v(half, high * 0.4, half - 0.01 + splay * 0.5),
                leg * 0.6,
            )
            .both_sides(),
        );
    }
    if chance.odds(0.2) {
        let cushion = Lathe {
            profile: points(&[(0.0, 0.0), (half * 0.85, 0.01), (half * 0.85, 0.05), (0.0, 0.07)]),
            round: 0.012,
        };
        parts.push(part(cushion, Paint::Plain(chance.color(&[0xd8a04a, 0x7a9ab0, 0xb04a5a]))).at(
            0.0,
            high + 0.03,
            0.0,
        ));
    }
    Thing::new(parts)
}
