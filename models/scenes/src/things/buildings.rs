//! House, castle, lighthouse and windmill.

use super::{points, v};
use crate::chance::Chance;
use crate::paint::{Color, Paint, srgb};
use crate::shape::Shape::{Ball, Block, Egg, Frustum, Ring, Slab};
use crate::thing::{Part, Thing, part};
use glam::{Vec2, Vec3};

fn masonry(chance: &mut Chance, colors: &[u32], size: f32) -> Paint {
    let brick = chance.color(colors);
    Paint::Bricks { a: brick.lerp(srgb(0xd8d0c4), 0.55), b: brick, size: Vec2::new(size, size * 0.5) }
}

fn glass(chance: &mut Chance) -> Color {
    chance.color(&[0x2a3f55, 0x1f2d3a, 0x3f566a, 0xf2d28a])
}

pub fn house(chance: &mut Chance) -> Thing {
    let (long, deep) = (chance.range(0.38, 0.52), chance.range(0.28, 0.36));
    let wall = chance.range(0.36, 0.62);
    let rise = chance.range(0.26, 0.46);
    let facade = match chance.below(3) {
        0 => masonry(chance, &[0xa8452f, 0x9a5540, 0xb87a54], 0.085),
        1 => {
            let plaster = chance.color(&[0xf2ead8, 0xe8c890, 0xd8e0e4, 0xe0a890, 0xa8c4b4]);
            Paint::Mottled { a: plaster, b: plaster * 0.9, size: 0.2 }
        }
        _ => {
            let plank = chance.color(&[0x9a3a2a, 0x4f6f7f, 0xc8b08a, 0xe8e4da, 0x6f8a5a]);
            Paint::Stripes { a: plank, b: plank * 0.55, axis: Vec3::Y, period: 0.055, share: 0.14, waver: 0.0 }
        }
    };
    let tile = chance.color(&[0x8a3a24, 0x54483f, 0x3f4a58, 0xa85a34, 0x5a2f28]);
    let roof =
        Paint::Stripes { a: tile, b: tile * 0.5, axis: v(0.0, 1.0, 0.0), period: 0.045, share: 0.25, waver: 0.02 };
    let frame = chance.color(&[0xf4f2ec, 0xf4f2ec, 0x4a3424]);
    let pane = glass(chance);
    let door = chance.color(&[0x6a2f1c, 0x2f4f3a, 0x24405f, 0xa83024]);
    let eave = deep + 0.07;
    let pitch = rise / deep;
    let mut parts = vec![
        part(Block { half: v(long, 0.5 * wall, deep), round: 0.005 }, facade.clone()),
        gable(long, deep - 0.01, wall - 0.01, rise - 0.02, facade.clone()),
    ];
    // Two roof slabs, seen along the ridge: a chevron extruded along x.
    let chevron = points(&[
        (-eave, wall - 0.07 * pitch),
        (-eave, wall - 0.07 * pitch + 0.05),
        (0.0, wall + rise + 0.05),
        (eave, wall - 0.07 * pitch + 0.05),
        (eave, wall - 0.07 * pitch),
        (0.0, wall + rise),
    ]);
    parts.push(part(Slab { outline: chevron, half_thickness: long + 0.05, round: 0.006 }, roof).turned(0.0, 90.0, 0.0));
    let mut opening = |x: f32, y: f32, half: Vec3, pane: Color| {
        let rim = half + v(0.018, 0.018, -0.012) * v(1.0, 1.0, 1.0);
        parts.push(part(Block { half: rim, round: 0.004 }, Paint::Plain(frame)).at(x, y - 0.018, deep).both_sides());
        let cross = Paint::Windows { a: frame, b: pane, grid: Vec2::new(half.x, half.y), low: 0.0, high: 2.0 * half.y };
        parts.push(part(Block { half, round: 0.002 }, cross).at(x, y, deep).glossy(0.7).both_sides());
    };
    let door_x = chance.pick(&[-0.5, 0.0, 0.5]) * long;
    for x in [-0.55, 0.0, 0.55] {
        let x = x * long;
        if (x - door_x).abs() > 0.12 {
            opening(x, wall * 0.42, v(0.06, 0.075, 0.022), pane);
        }
    }
    parts.push(
        part(Block { half: v(0.075, wall * 0.31, 0.02), round: 0.004 }, Paint::Plain(door))
            .at(door_x, 0.0, deep)
            .both_sides(),
    );
    for x in [-1.0, 1.0] {
        let window = Paint::Windows { a: frame, b: pane, grid: Vec2::splat(0.065), low: 0.0, high: 0.14 };
        let block = Block { half: v(0.02, 0.07, 0.065), round: 0.002 };
        parts.push(part(block.clone(), window.clone()).at(x * long, wall * 0.45, 0.12).glossy(0.7).both_sides());
        parts.push(part(block, window).at(x * long, wall + rise * 0.18, 0.0).glossy(0.7));
    }
    if chance.odds(0.75) {
        let brick = masonry(chance, &[0x9a4a34, 0x7a6a5f], 0.06);
        let x = chance.range(-0.6, 0.6) * long;
        parts.push(part(Block { half: v(0.055, 0.2, 0.055), round: 0.004 }, brick).at(x, wall + rise * 0.4, 0.1));
    }
    Thing::new(parts)
}

/// Triangular gable wall under a roof whose ridge runs along x.
fn gable(long: f32, deep: f32, low: f32, rise: f32, paint: Paint) -> Part {
    let outline = points(&[(-deep, low), (0.0, low + rise), (deep, low)]);
    part(Slab { outline, half_thickness: long, round: 0.0 }, paint).turned(0.0, 90.0, 0.0)
}

pub fn castle(chance: &mut Chance) -> Thing {
    let stone = masonry(chance, &[0x9a948a, 0xb0a080, 0x8a8078, 0xc4b496], 0.1);
    let half = chance.range(0.36, 0.44);
    let wall = chance.range(0.34, 0.44);
    let tower = chance.range(0.6, 0.78);
    let radius = chance.range(0.105, 0.13);
    let slate = chance.color(&[0x3a4f78, 0x8a2f2a, 0x4a4a54, 0x2f6a5f]);
    let dark = || Paint::Plain(srgb(0x17130f));
    let mut parts = vec![
        part(Block { half: v(half, 0.5 * wall, 0.05), round: 0.003 }, stone.clone()).at(0.0, 0.0, half).both_sides(),
        part(Block { half: v(half, 0.5 * wall, 0.05), round: 0.003 }, stone.clone())
            .turned(0.0, 90.0, 0.0)
            .at(half, 0.0, 0.0)
            .four_corners(),
        part(Frustum { bottom: radius * 1.08, top: radius, height: tower }, stone.clone())
            .at(half, 0.0, half)
            .four_corners(),
        part(Frustum { bottom: radius * 1.02, top: radius * 1.25, height: 0.07 }, stone.clone())
            .at(half, tower, half)
            .four_corners(),
        part(Block { half: v(0.17, 0.34, 0.17), round: 0.003 }, stone.clone()).at(-0.06, 0.0, 0.0),
        part(Block { half: v(0.03, 0.035, 0.03), round: 0.002 }, stone.clone()).at(0.16, 0.0, 0.0).around(8).framed(
            v(-0.06, 0.68, 0.0),
            0.0,
            0.0,
            0.0,
        ),
        part(Block { half: v(0.09, 0.13, 0.03), round: 0.0 }, dark()).at(half + 0.05, 0.0, 0.0).turned(0.0, 90.0, 0.0),
        part(Ball { radius: 0.09 }, dark()).at(half, 0.24, 0.0),
        part(Block { half: v(0.012, 0.045, 0.03), round: 0.0 }, dark())
            .at(half + radius, tower * 0.62, half)
            .four_corners(),
        part(Block { half: v(0.03, 0.045, 0.012), round: 0.0 }, dark())
            .at(half, tower * 0.62, half + radius)
            .four_corners(),
    ];
    for x in [0.1, 0.26] {
        let tooth = Block { half: v(0.045, 0.035, 0.05), round: 0.002 };
        parts.push(part(tooth.clone(), stone.clone()).at(x, wall, half).four_corners());
        parts.push(part(tooth, stone.clone()).turned(0.0, 90.0, 0.0).at(half, wall, x).four_corners());
    }
    if chance.odds(0.6) {
        let cone = Frustum { bottom: radius * 1.4, top: 0.004, height: chance.range(0.24, 0.34) };
        let tiles = Paint::Stripes { a: slate, b: slate * 0.6, axis: Vec3::Y, period: 0.03, share: 0.3, waver: 0.0 };
        parts.push(part(cone, tiles).at(half, tower + 0.06, half).four_corners());
    } else {
        for (x, z) in [(1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0)] {
            let tooth = Block { half: v(0.032, 0.035, 0.032), round: 0.002 };
            let (x, z) = (half + x * radius, half + z * radius);
            parts.push(part(tooth, stone.clone()).at(x, tower + 0.06, z).four_corners());
        }
    }
    if chance.odds(0.7) {
        let cloth = chance.color(&[0xc8281e, 0x1e4fa8, 0xe8b820]);
        parts.push(part(Frustum { bottom: 0.01, top: 0.008, height: 0.32 }, dark()).at(-0.06, 0.66, 0.0));
        let flag = Slab { outline: points(&[(0.0, 0.0), (0.2, 0.05), (0.0, 0.11)]), half_thickness: 0.006, round: 0.0 };
        parts.push(part(flag, Paint::Plain(cloth)).at(-0.06, 0.86, 0.0).turned(0.0, chance.range(0.0, 360.0), 0.0));
    }
    Thing::new(parts)
}

pub fn lighthouse(chance: &mut Chance) -> Thing {
    let band = chance.color(&[0xc8241c, 0xc8241c, 0x1f2a3f, 0x1d4f8a, 0x1a1a1a]);
    let white = chance.color(&[0xf4f2ea, 0xefeae0]);
    let roof = chance.color(&[0x8a1f1a, 0x24303f, 0x2a2a2a]);
    let tall = chance.range(0.72, 0.82);
    let period = tall / chance.pick(&[2.0, 2.5, 3.0, 3.5]);
    let (foot, neck) = (chance.range(0.15, 0.19), chance.range(0.09, 0.11));
    let paint = Paint::Stripes { a: white, b: band, axis: Vec3::Y, period, share: 0.5, waver: 0.0 };
    let iron = || Paint::Plain(srgb(0x22262b));
    let rock = chance.color(&[0x6f6a62, 0x8a8070, 0x55504a]);
    let opening = |y: f32, half: Vec3| {
        let out = foot + (neck - foot) * (y + half.y) / tall - 0.008;
        part(Block { half, round: 0.003 }, iron()).at(0.0, y, out)
    };
    let lamp = Paint::Stripes {
        a: chance.color(&[0xfff0b0, 0xd8e8f0]),
        b: srgb(0x30343a),
        axis: v(0.7, 0.0, 0.7),
        period: 0.05,
        share: 0.14,
        waver: 0.0,
    };
    let mut parts = vec![
        part(Frustum { bottom: foot, top: neck, height: tall }, paint).at(0.0, 0.05, 0.0).glossy(0.25),
        part(Frustum { bottom: neck * 1.1, top: neck * 1.55, height: 0.035 }, iron()).at(0.0, tall + 0.04, 0.0),
        part(Ring { major: neck * 1.5, minor: 0.007 }, iron()).at(0.0, tall + 0.14, 0.0),
        part(Frustum { bottom: 0.005, top: 0.005, height: 0.07 }, iron()).at(neck * 1.5, tall + 0.07, 0.0).around(12),
        part(Frustum { bottom: neck * 0.8, top: neck * 0.8, height: 0.13 }, lamp).at(0.0, tall + 0.07, 0.0).glossy(0.9),
        part(Egg { radii: v(neck * 1.05, 0.1, neck * 1.05) }, Paint::Plain(roof))
            .at(0.0, tall + 0.19, 0.0)
            .cut_under(0.0)
            .glossy(0.4),
        part(Ball { radius: 0.022 }, iron()).at(0.0, tall + 0.3, 0.0),
        opening(0.06, v(0.04, 0.075, 0.02)),
        opening(tall * 0.42, v(0.02, 0.03, 0.02)),
        opening(tall * 0.72, v(0.02, 0.03, 0.02)),
    ];
    if chance.odds(0.6) {
        let base = Egg { radii: v(chance.range(0.26, 0.4), 0.11, chance.range(0.24, 0.34)) };
        parts.push(part(base, Paint::Mottled { a: rock, b: rock * 0.5, size: 0.07 }).rough(0.045, 0.11));
    }
    Thing::new(parts)
}

pub fn windmill(chance: &mut Chance) -> Thing {
    let tall = chance.range(0.62, 0.74);
    let wall = match chance.below(3) {
        0 => masonry(chance, &[0xa8553a, 0x8a5a44, 0xa89a88], 0.08),
        1 => Paint::Plain(chance.color(&[0xf2eee4, 0xe8e0d0])),
        _ => {
            let plank = chance.color(&[0x6a4f38, 0x4a5f4a, 0x7a6a5a]);
            Paint::Stripes { a: plank, b: plank * 0.55, axis: Vec3::Y, period: 0.05, share: 0.2, waver: 0.0 }
        }
    };
    let cap = chance.color(&[0x4a3424, 0x7a2f22, 0x33404a]);
    let timber = chance.color(&[0x5a4028, 0x3f2d1e, 0xe8e4da]);
    let cloth = chance.color(&[0xf2ead8, 0xe8dcc0, 0xf4f4f0]);
    let hub = v(0.2, tall + 0.03, 0.0);
    let long = chance.range(0.44, 0.52);
    let swing = chance.range(0.0, 90.0);
    let lattice = Paint::Windows { a: timber, b: cloth, grid: Vec2::new(0.06, 0.075), low: 0.0, high: 9.0 };
    let dark = || Paint::Plain(srgb(0x1f1a16));
    Thing::new(vec![
        part(Frustum { bottom: chance.range(0.23, 0.27), top: 0.145, height: tall }, wall),
        part(Egg { radii: v(0.18, 0.15, 0.165) }, Paint::Plain(cap)).at(0.0, tall - 0.01, 0.0).cut_under(0.0),
        part(Ring { major: 0.15, minor: 0.018 }, Paint::Plain(timber)).at(0.0, tall, 0.0),
        part(Frustum { bottom: 0.035, top: 0.03, height: 0.22 }, Paint::Plain(timber))
            .turned(0.0, 0.0, -90.0)
            .at(0.05, hub.y, 0.0),
        part(Frustum { bottom: 0.014, top: 0.009, height: long }, Paint::Plain(timber))
            .turned(0.0, 0.0, -90.0)
            .around(4)
            .framed(hub, 0.0, swing, 90.0),
        part(Block { half: v(0.062, 0.42 * long, 0.006), round: 0.002 }, lattice)
            .turned(90.0, 90.0, 0.0)
            .at(0.13, 0.01, 0.055)
            .around(4)
            .framed(hub, 0.0, swing, 90.0),
        part(Block { half: v(0.055, 0.1, 0.03), round: 0.004 }, dark()).turned(0.0, 90.0, 0.0).at(0.235, 0.0, 0.0),
        part(Block { half: v(0.03, 0.04, 0.03), round: 0.0 }, dark()).at(0.0, tall * 0.45, 0.18).both_sides(),
        part(Block { half: v(0.03, 0.03, 0.03), round: 0.0 }, dark()).turned(0.0, 90.0, 0.0).at(
            0.175,
            tall * 0.62,
            0.0,
        ),
    ])
}
