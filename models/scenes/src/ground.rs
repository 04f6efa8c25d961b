//! The plane that things stand on and the wall that may be behind them. Owns their colours and bumps; must not know
//! what stands there.

use crate::chance::Chance;
use crate::noise;
use crate::paint::{Color, bricks, smooth, srgb};
use glam::{IVec3, Vec2, Vec3};

/// Kinds of ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    Grass,
    Sand,
    Water,
    Snow,
    Paving,
    Asphalt,
    Earth,
    Planks,
    Tiles,
    Carpet,
}

impl Ground {
    /// Grounds under an open sky.
    pub const OUTDOORS: [Self; 7] =
        [Self::Grass, Self::Sand, Self::Water, Self::Snow, Self::Paving, Self::Asphalt, Self::Earth];
    /// Grounds in a room.
    pub const INDOORS: [Self; 3] = [Self::Planks, Self::Tiles, Self::Carpet];
}

/// A surface of the ground or the wall at one point.
pub struct Covering {
    pub color: Color,
    /// Slope of the bumps along the two directions of the plane.
    pub slope: Vec2,
    /// 0 dull … 1 polished.
    pub gloss: f32,
}

/// The ground of one picture: y = 0, with its own colours.
#[derive(Clone, Debug)]
pub struct Floor {
    pub kind: Ground,
    first: Color,
    second: Color,
    scale: f32,
    turn: Vec2,
    flowers: f32,
    shift: Vec2,
}

impl Floor {
    /// Draws the ground's colours, the size and direction of its pattern; `grain` enlarges the pattern.
    pub fn new(chance: &mut Chance, kind: Ground, grain: f32) -> Self {
        let palette: (&[u32], &[u32]) = match kind {
            Ground::Grass => (&[0x4f7a28, 0x5f8a34, 0x6f8a3a, 0x47702e], &[0x8a9a4a, 0x9aa054, 0x6f9a3f]),
            Ground::Sand => (&[0xdcc08a, 0xe6cfa0, 0xd2aa74, 0xc98f5a], &[0xc8a874, 0xb88f60, 0xe8d8b0]),
            Ground::Water => (&[0x0f3f54, 0x14505f, 0x1a4a6a, 0x1f5f64], &[0x0a2a3a, 0x0f3a44]),
            Ground::Snow => (&[0xeef2f8, 0xf2f4f6], &[0xd4e0ee, 0xdce4ee]),
            Ground::Paving => (&[0xa8a298, 0xb8a890, 0x94908c, 0xb09078], &[0x6f6a62, 0x7a7468]),
            Ground::Asphalt => (&[0x55565a, 0x47484c, 0x66645f], &[0x3c3d40, 0x4a4a4c]),
            Ground::Earth => (&[0x8a6a48, 0x9a7550, 0x7a5a40, 0xa86a44], &[0x6a503a, 0x5f7034, 0x7a6248]),
            Ground::Planks => (&[0xa87a4a, 0x8a5f38, 0xc09a68, 0x6f4a30], &[0x8a6038, 0x70482a]),
            Ground::Tiles => (&[0xe4dfd4, 0xd4c8b4, 0xc86a44, 0xa8b4b8], &[0x2f3a44, 0x8a4a34, 0xb8b0a4, 0x4a5a50]),
            Ground::Carpet => (&[0x8a3a34, 0x3f4f6a, 0x5a6a4a, 0xb0a48c, 0x6a4a5a], &[0xc8a86a, 0x2f3038, 0xd8d0c0]),
        };
        let angle = chance.range(0.0, std::f32::consts::TAU);
        Self {
            kind,
            first: chance.color(palette.0),
            second: chance.color(palette.1),
            scale: chance.range(0.7, 1.4) * grain,
            turn: Vec2::new(angle.cos(), angle.sin()),
            flowers: if chance.odds(0.4) { chance.range(0.1, 0.45) } else { 0.0 },
            shift: Vec2::new(chance.range(-50.0, 50.0), chance.range(-50.0, 50.0)),
        }
    }

    /// The mean colour, for the light that the ground throws back up.
    pub fn bounce(&self) -> Color {
        if self.kind == Ground::Water { self.first * 0.5 } else { self.first.lerp(self.second, 0.4) }
    }

    /// The ground at (x, z); `footprint` is the width of a pixel there.
    pub fn at(&self, x: f32, z: f32, footprint: f32) -> Covering {
        let turned = Vec2::new(x * self.turn.x - z * self.turn.y, x * self.turn.y + z * self.turn.x);
        let p = turned / self.scale + self.shift;
        let w = footprint / self.scale;
        match self.kind {
            Ground::Grass => self.grass(p, Vec2::new(x, z) / self.scale, w),
            Ground::Sand => self.sand(p, w),
            Ground::Water => self.water(p, w),
            Ground::Snow => self.speckled(p, w, 0.5, 0.35),
            Ground::Paving => self.paving(p, w),
            Ground::Asphalt => self.asphalt(p, turned, w),
            Ground::Earth => self.speckled(p, w, 1.3, 0.9),
            Ground::Planks => self.planks(p, w),
            Ground::Tiles => self.tiles(p, w),
            Ground::Carpet => self.carpet(p, w),
        }
    }

    /// `lying` is `p` with x along the view, in which blades look stretched.
    fn grass(&self, p: Vec2, lying: Vec2, w: f32) -> Covering {
        let patch = noise::clouds2(p * 1.7, 3, w * 1.7);
        let lean = 0.012 * noise::value2(p * 11.0);
        let blades = noise::clouds2(Vec2::new(lying.x * 16.0, (lying.y + lean) * 60.0), 4, w * 22.0);
        let tufts = noise::clouds2(p * 9.0, 2, w * 6.0);
        let light = 0.1 + 1.25 * blades + 0.7 * (tufts - 0.5);
        let mut color = self.first.lerp(self.second, smooth(0.35, 0.7, patch)) * light;
        if self.flowers > 0.0 {
            let (near, _, cell) = noise::scatter(Vec3::new(p.x * 7.0, p.y * 7.0, 0.5));
            let pick = noise::hash(cell + IVec3::splat(77));
            if pick < 0.6 * self.flowers && near < 0.3 {
                let petal = [srgb(0xf6f2e4), srgb(0xf4d23a), srgb(0xd84a5a), srgb(0x9a6ac8)];
                let tone = petal[(pick * 997.0) as usize % petal.len()];
                color = color.lerp(tone, smooth(0.27, 0.17, near) * noise::fade(w * 4.0));
            }
        }
        let slope = Vec2::new(blades - 0.5, tufts - 0.5) * 0.9;
        Covering { color, slope, gloss: 0.0 }
    }

    fn sand(&self, p: Vec2, w: f32) -> Covering {
        let patch = noise::clouds2(p * 0.8, 3, w);
        let bend = 3.0 * noise::value2(p * 0.9);
        let ripple = (p.x * 15.0 + bend * 2.4).sin() * noise::fade(w * 4.0) * smooth(0.3, 0.6, patch);
        let grain = noise::clouds2(p * 40.0, 3, w * 40.0);
        let color = self.first.lerp(self.second, patch) * (0.8 + 0.4 * grain) * (1.0 + 0.06 * ripple);
        Covering { color, slope: Vec2::new(ripple * 0.22, (grain - 0.5) * 0.3), gloss: 0.0 }
    }

    fn water(&self, p: Vec2, w: f32) -> Covering {
        let height = |q: Vec2| {
            let swell = noise::value2(q * Vec2::new(1.6, 3.1));
            swell * 0.5 + noise::clouds2(q * Vec2::new(5.0, 9.0) + Vec2::splat(swell), 3, w * 9.0) * 0.26
        };
        let step = 0.02 + w;
        let here = height(p);
        let slope = Vec2::new(height(p + Vec2::X * step) - here, height(p + Vec2::Y * step) - here) / step * 0.16;
        let depth = noise::clouds2(p * 0.5, 2, w);
        Covering { color: self.second.lerp(self.first, depth), slope: slope * noise::fade(w * 1.2), gloss: 1.0 }
    }

    fn speckled(&self, p: Vec2, w: f32, bumps: f32, contrast: f32) -> Covering {
        let broad = noise::clouds2(p * 1.3, 3, w * 1.3);
        let fine = noise::clouds2(p * 18.0, 5, w * 18.0);
        let lean = noise::value2(p * 3.1 + Vec2::splat(9.0)) - 0.5;
        let color = self.first.lerp(self.second, smooth(0.3, 0.75, broad)) * (1.0 + contrast * 0.6 * (fine - 0.5));
        Covering { color, slope: Vec2::new(fine - 0.5 + lean * 0.4, broad - 0.5) * bumps * 0.7, gloss: 0.02 }
    }

    fn paving(&self, p: Vec2, w: f32) -> Covering {
        let fine = noise::clouds2(p * 14.0, 3, w * 14.0);
        let sharp = noise::fade(w * 3.0);
        let stones = bricks(self.second * 0.8, self.first, Vec2::new(0.62, 0.36), p);
        let color = (self.first * 0.9).lerp(stones, sharp) * (0.8 + 0.4 * fine);
        Covering { color, slope: Vec2::new(fine - 0.5, 0.5 - fine) * 0.25, gloss: 0.08 }
    }

    fn asphalt(&self, p: Vec2, metres: Vec2, w: f32) -> Covering {
        let grain = noise::clouds2(p * 45.0, 2, w * 45.0);
        let worn = noise::clouds2(p * 0.9, 3, w);
        let mut color = self.first.lerp(self.second, worn) * (0.65 + 0.7 * grain);
        let lane = (metres.y + 1.1).rem_euclid(3.4);
        let dash = metres.x.rem_euclid(2.2) < 1.3;
        if lane < 0.14 && dash && self.flowers > 0.0 {
            color = srgb(0xe8e4d8) * (0.75 + 0.3 * grain);
        }
        Covering { color, slope: Vec2::new(grain - 0.5, worn - 0.5) * 0.3, gloss: 0.05 }
    }

    fn planks(&self, p: Vec2, w: f32) -> Covering {
        let across = p.y / 0.26;
        let board = across.floor();
        let shift = noise::hash(IVec3::new(board as i32, 11, 4));
        let end = (p.x / 2.3 + shift * 5.0).rem_euclid(1.0) * 2.3;
        let grain = noise::clouds2(Vec2::new(p.x * 2.0 + shift * 60.0, p.y * 24.0), 4, w * 12.0);
        let inside = (across - board).min(1.0 - across + board) * 0.26;
        let joint = smooth(0.0, 0.012, inside.min(end)).max(1.0 - noise::fade(w * 8.0));
        let color = self.first.lerp(self.second, smooth(0.3, 0.7, grain)) * (0.8 + 0.4 * shift) * (0.45 + 0.55 * joint);
        Covering { color, slope: Vec2::ZERO, gloss: 0.35 }
    }

    fn tiles(&self, p: Vec2, w: f32) -> Covering {
        let q = p / 0.5;
        let cell = q.floor();
        let inside = (q - cell).min(Vec2::ONE - q + cell).min_element();
        let odd = (cell.x + cell.y).rem_euclid(2.0) > 0.5;
        let sharp = noise::fade(w * 2.0);
        let tile = if odd { self.first } else { self.second };
        let vein = noise::clouds2(p * 5.0 + cell * 7.0, 3, w * 5.0);
        let mean = (self.first + self.second) * 0.5;
        let color = mean.lerp(tile, sharp) * (0.85 + 0.3 * vein);
        let grout = smooth(0.012, 0.028, inside).max(1.0 - sharp);
        Covering { color: (srgb(0x8a867e)).lerp(color, grout), slope: Vec2::ZERO, gloss: 0.5 }
    }

    fn carpet(&self, p: Vec2, w: f32) -> Covering {
        let pile = noise::clouds2(p * 55.0, 2, w * 55.0);
        let weave = (p.x * 7.0).sin() * (p.y * 7.0).sin() * noise::fade(w * 3.0);
        let band = smooth(0.55, 0.62, weave);
        let color = self.first.lerp(self.second, 0.65 * band) * (0.65 + 0.7 * pile);
        Covering { color, slope: Vec2::new(pile - 0.5, weave * 0.1) * 0.5, gloss: 0.0 }
    }
}

/// Patterns of a wall.
#[derive(Clone, Copy, Debug)]
enum Finish {
    Plaster,
    Brick,
    Stripes,
    Boards,
    Tiled,
}

/// An upright wall: the points with `normal` · p = `offset`, seen from the side the normal points to.
#[derive(Clone, Debug)]
pub struct Wall {
    pub normal: Vec3,
    pub offset: f32,
    finish: Finish,
    first: Color,
    second: Color,
    size: f32,
}

impl Wall {
    /// Draws a wall's finish and colours.
    pub fn new(chance: &mut Chance, normal: Vec3, offset: f32) -> Self {
        let finish = chance.pick(&[Finish::Plaster, Finish::Brick, Finish::Stripes, Finish::Boards, Finish::Tiled]);
        let palette: &[u32] = match finish {
            Finish::Brick => &[0xa8503a, 0x8a5f4a, 0xd8d0c4, 0x7a6a60],
            Finish::Boards => &[0xb89060, 0x8a6a48, 0xe4e0d4, 0x6a8a8a],
            _ => &[0xe4dccb, 0xc8d4d4, 0xd8b890, 0x8aa4a8, 0xb0706a, 0x6a7f6a, 0xe8e4dc, 0x4a5f78],
        };
        let first = chance.color(palette);
        let second = first.lerp(chance.color(&[0xf4efe4, 0x3a3f48, 0xc8a060]), chance.range(0.2, 0.7));
        Self { normal, offset, finish, first, second, size: chance.range(0.7, 1.5) }
    }

    /// The wall at a point of it.
    pub fn at(&self, p: Vec3, footprint: f32) -> Covering {
        let along = p.x * self.normal.z - p.z * self.normal.x;
        let q = Vec2::new(along, p.y) / self.size;
        let w = footprint / self.size;
        let rough = noise::clouds2(q * 9.0, 3, w * 9.0);
        let (color, gloss) = match self.finish {
            Finish::Plaster => (self.first * (0.9 + 0.2 * noise::clouds2(q * 1.3, 3, w)), 0.02),
            Finish::Brick => {
                let sharp = noise::fade(w * 4.0);
                let wall = bricks(self.second, self.first, Vec2::new(0.36, 0.15), q);
                (self.first.lerp(self.second, 0.15).lerp(wall, sharp), 0.02)
            }
            Finish::Stripes => {
                let phase = (q.x * 2.6).rem_euclid(1.0);
                (self.first.lerp(self.second, smooth(-0.02, 0.02, (phase - 0.5).abs() - 0.25)), 0.03)
            }
            Finish::Boards => {
                let board = (q.x * 3.2).floor();
                let tone = noise::hash(IVec3::new(board as i32, 2, 8));
                let inside = (q.x * 3.2 - board).min(1.0 - q.x * 3.2 + board);
                let grain = noise::clouds2(Vec2::new(q.x * 26.0, q.y * 2.0 + tone * 30.0), 3, w * 20.0);
                (self.first * (0.75 + 0.3 * tone) * (0.8 + 0.4 * grain) * (0.5 + 0.5 * smooth(0.0, 0.05, inside)), 0.15)
            }
            Finish::Tiled => {
                let cell = (q * 2.6).floor();
                let inside = (q * 2.6 - cell).min(Vec2::ONE - q * 2.6 + cell).min_element();
                let tone = noise::hash(IVec3::new(cell.x as i32, cell.y as i32, 1));
                (self.second.lerp(self.first * (0.85 + 0.3 * tone), smooth(0.015, 0.04, inside)), 0.5)
            }
        };
        Covering { color: color * (0.93 + 0.14 * rough), slope: Vec2::splat((rough - 0.5) * 0.12), gloss }
    }
}
