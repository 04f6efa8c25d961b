//! Composes a scene: which things stand where, on what ground, under what sky, seen from where. Owns the choices; must
//! not know how a surface is lit.

use crate::camera::Camera;
use crate::chance::Chance;
use crate::ground::{Floor, Ground, Wall};
use crate::light;
use crate::march::Placed;
use crate::sky::{Horizon, Sky, Weather};
use crate::things::{self, Kind};
use glam::{Quat, Vec2, Vec3};

/// Everything that a picture is taken of.
pub struct Scene {
    pub things: Vec<Placed>,
    pub floor: Floor,
    pub walls: Vec<Wall>,
    pub sky: Sky,
    pub camera: Camera,
    /// Factor on the light before it becomes a picture.
    pub exposure: f32,
}

/// What is asked of a scene; what is left open is drawn by chance.
#[derive(Clone, Debug)]
pub struct Request {
    pub kinds: Vec<Kind>,
    pub ground: Option<Ground>,
    pub weather: Option<Weather>,
    pub horizon: Option<Horizon>,
    /// Share of the picture that the named things should cover, from … to.
    pub cover: (f32, f32),
    /// Pieces of clutter, at most.
    pub clutter: usize,
    /// Yaw of the first thing in degrees; 0 faces the camera.
    pub yaw: Option<f32>,
    /// How far above the things the camera stands, as an angle in radians.
    pub elevation: Option<f32>,
}

impl Request {
    /// The given things, everything else left to chance.
    pub fn of(kinds: &[Kind]) -> Self {
        Self {
            kinds: kinds.to_vec(),
            ground: None,
            weather: None,
            horizon: None,
            cover: (0.08, 0.3),
            clutter: 6,
            yaw: None,
            elevation: None,
        }
    }
}

/// Composes the scene that `request` asks for.
pub fn compose(chance: &mut Chance, request: &Request) -> Scene {
    let ground = request.ground.unwrap_or_else(|| {
        if chance.odds(0.24) { chance.pick(&Ground::INDOORS) } else { chance.pick(&Ground::OUTDOORS) }
    });
    let indoors = Ground::INDOORS.contains(&ground);
    let weather = request.weather.unwrap_or_else(|| {
        let outdoors =
            [Weather::Clear, Weather::Clear, Weather::Cloudy, Weather::Cloudy, Weather::Overcast, Weather::Evening];
        if indoors { Weather::Indoors } else { chance.pick(&outdoors) }
    });
    // The camera stands in the direction of azimuth 0; a sun behind the things is rarer than one behind the camera.
    let azimuth = chance.range(0.35, if indoors { 1.3 } else { 2.5 }) * chance.pick(&[-1.0, 1.0]);
    let mut sky = Sky::new(chance, weather, azimuth);
    if let Some(horizon) = request.horizon {
        sky = sky.over(horizon);
    }
    let grain = request.kinds.first().map_or(1.0, |kind| kind.grain());
    let floor = Floor::new(chance, ground, grain);
    let walls = walls(chance, indoors);
    let mut things = named(chance, &request.kinds, ground, request.yaw);
    let (middle, radius) = surround(&things);
    strew(chance, &mut things, request.clutter, middle, radius);
    let half = chance.range(0.24, 0.46);
    let exposure = chance.range(0.95, 1.5);
    let camera = Camera::new(Vec3::X, Vec3::ZERO, half, 0.0);
    let mut scene = Scene { things, floor, walls, sky, camera, exposure };
    frame(chance, &mut scene, middle, radius, request);
    scene
}

/// The things asked for, side by side as seen from the camera.
fn named(chance: &mut Chance, kinds: &[Kind], ground: Ground, yaw: Option<f32>) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    let mut edge = 0.0;
    for (i, &kind) in kinds.iter().enumerate() {
        let thing = kind.build(chance);
        let scale = chance.range(0.85, 1.2);
        let degrees = yaw.filter(|_| i == 0).unwrap_or_else(|| chance.range(0.0, 360.0));
        let turn = Quat::from_rotation_y(degrees.to_radians());
        let mut lift = 0.0;
        let mut lean = Quat::IDENTITY;
        if kind.flies() && chance.odds(if kind == Kind::Balloon { 0.75 } else { 0.4 }) {
            lift = chance.range(0.15, 1.3);
            let tilt = if kind == Kind::Rocket { 0.5 } else { 0.08 };
            lean = Quat::from_rotation_x(chance.range(-tilt, tilt)) * Quat::from_rotation_z(chance.range(-tilt, tilt));
        }
        if kind == Kind::SailingBoat && ground != Ground::Water {
            lift = 0.08;
        }
        let (_, radius) = thing.bounds();
        let reach = radius * scale * 0.82;
        let z = if i == 0 { 0.0 } else { edge + reach + chance.range(0.0, 0.25) };
        let x = if i == 0 { 0.0 } else { chance.range(-0.4, 0.4) };
        edge = z + reach;
        placed.push(Placed::new(thing, Some(kind as u8), Vec3::new(x, lift, z), lean * turn, scale));
    }
    placed
}

/// Centre and radius of a ball around all of them.
fn surround(things: &[Placed]) -> (Vec3, f32) {
    let (mut low, mut high) = (Vec3::splat(f32::MAX), Vec3::splat(f32::MIN));
    for placed in things {
        let (centre, radius) = placed.bounds();
        low = low.min(centre - radius * 0.9);
        high = high.max(centre + radius * 0.9);
    }
    let middle = 0.5 * (low + high);
    (middle, 0.5 * (high - low).max_element())
}

/// Strews clutter beside and behind the named things.
fn strew(chance: &mut Chance, things: &mut Vec<Placed>, most: usize, middle: Vec3, radius: f32) {
    let count = chance.below(most + 1);
    for _ in 0..count {
        let thing = things::clutter(chance);
        let scale = chance.range(0.35, 1.15);
        let reach = thing.bounds().1 * scale;
        let turn = Quat::from_rotation_y(chance.range(0.0, std::f32::consts::TAU));
        for _ in 0..8 {
            let x = middle.x + chance.range(-5.5, 1.2) * radius;
            let z = middle.z + chance.range(-3.2, 3.2) * radius;
            let in_the_way = x > middle.x && (z - middle.z).abs() < radius + reach;
            let at = Vec3::new(x, 0.0, z);
            let clear = things.iter().all(|other| {
                let (centre, other) = other.bounds();
                Vec2::new(centre.x - x, centre.z - z).length() > 0.8 * (other + reach)
            });
            if clear && !in_the_way {
                things.push(Placed::new(thing, None, at, turn, scale));
                break;
            }
        }
    }
}

/// Walls of a room, or now and then a wall in the open.
fn walls(chance: &mut Chance, indoors: bool) -> Vec<Wall> {
    if !indoors && !chance.odds(0.1) {
        return Vec::new();
    }
    let turn = chance.range(-0.5, 0.5);
    let normal = Vec3::new(turn.cos(), 0.0, turn.sin());
    let offset = -chance.range(1.4, 3.6);
    let mut walls = vec![Wall::new(chance, normal, offset)];
    if indoors && chance.odds(0.5) {
        let mut side = walls[0].clone();
        side.normal = Vec3::new(-turn.sin(), 0.0, turn.cos()) * turn.signum();
        side.offset = -chance.range(1.6, 3.2);
        walls.push(side);
    }
    walls
}

/// Finds the camera's place from which the named things cover as much of the picture as asked for.
fn frame(chance: &mut Chance, scene: &mut Scene, middle: Vec3, radius: f32, request: &Request) {
    let half = scene.camera.half;
    let drawn = if chance.odds(0.8) { chance.range(0.04, 0.42) } else { chance.range(0.4, 0.8) };
    let elevation = request.elevation.unwrap_or(drawn);
    let (least, most) = request.cover;
    let wanted = chance.range(least.sqrt(), most.sqrt()).powi(2);
    let roll = 0.03 * chance.normal();
    let aside = Vec2::new(chance.range(-1.0, 1.0), chance.range(-0.7, 0.9));
    let nearest = 0.92 * radius / half;
    let mut distance = nearest * 1.4;
    for _ in 0..4 {
        let mut eye = middle + Vec3::new(elevation.cos(), elevation.sin(), 0.0) * distance;
        eye.y = eye.y.max(0.12 * radius);
        // Only as far off the centre as keeps the things in the picture.
        let room = (0.5 - 0.46 * radius / (half * distance)).clamp(0.02, 0.3);
        scene.camera = Camera::new(eye, middle, half, roll).shifted(aside * room);
        let covered = coverage(scene);
        distance = (distance * (covered / wanted).sqrt().clamp(0.5, 1.8)).clamp(nearest, 14.0 * radius);
    }
    let eye = scene.camera.eye;
    scene.walls.retain(|wall| eye.dot(wall.normal) > wall.offset + 0.2);
}

/// Share of the picture covered by named things, from a coarse look.
pub fn coverage(scene: &Scene) -> f32 {
    const SIDE: usize = 36;
    let fine = 2.0 * scene.camera.half / SIDE as f32;
    let hits = (0..SIDE * SIDE).filter(|i| {
        let at = Vec2::new((i % SIDE) as f32 + 0.5, (i / SIDE) as f32 + 0.5) / SIDE as f32;
        let (origin, direction) = scene.camera.ray(at, Vec2::ZERO);
        light::class_at(scene, origin, direction, fine).is_some()
    });
    hits.count() as f32 / (SIDE * SIDE) as f32
}
