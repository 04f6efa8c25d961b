//! Sun, sky and the far horizon. Owns where the light comes from and what a ray sees that hits nothing; must not know
//! what stands in the scene.

use crate::chance::Chance;
use crate::noise;
use crate::paint::{Color, smooth, srgb};
use glam::{Vec2, Vec3};

/// The time of day and the weather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Clear,
    Cloudy,
    Overcast,
    Evening,
    Indoors,
}

/// What is seen along the horizon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizon {
    Open,
    Hills,
    Mountains,
    Forest,
}

/// Everything a ray may need to know of the light. Colours are radiances relative to a white surface in the sun.
#[derive(Clone, Debug)]
pub struct Sky {
    pub weather: Weather,
    /// Towards the sun, unit length.
    pub sun: Vec3,
    pub sun_color: Color,
    /// Light from straight above.
    pub zenith: Color,
    /// Light from the horizon; also what the distance fades into.
    pub haze: Color,
    /// Share of the view that haze takes per unit of distance.
    pub haze_density: f32,
    /// The larger, the softer the edges of shadows; tangent of the light's half angle.
    pub softness: f32,
    horizon: Horizon,
    hill: Color,
    cover: f32,
    shift: Vec2,
}

impl Sky {
    /// Draws a sky of the given weather. `azimuth` is the direction of the sun in radians.
    pub fn new(chance: &mut Chance, weather: Weather, azimuth: f32) -> Self {
        let elevation: f32 = match weather {
            Weather::Evening => chance.range(0.14, 0.3),
            Weather::Indoors => chance.range(0.6, 1.0),
            _ => chance.range(0.45, 1.05),
        };
        let sun = Vec3::new(elevation.cos() * azimuth.cos(), elevation.sin(), elevation.cos() * azimuth.sin());
        let (sun_color, zenith, haze, cover) = match weather {
            Weather::Clear => (Vec3::new(1.45, 1.3, 1.08), srgb(0x3f7fce), srgb(0xbcd6ec), chance.range(0.0, 0.3)),
            Weather::Cloudy => (Vec3::new(1.3, 1.2, 1.05), srgb(0x4f86c4), srgb(0xc4d4e2), chance.range(0.4, 0.62)),
            Weather::Overcast => (Vec3::new(0.5, 0.5, 0.52), srgb(0xc4ccd6), srgb(0xdce0e4), chance.range(0.7, 0.9)),
            Weather::Evening => (Vec3::new(2.1, 1.3, 0.72), srgb(0x6a80b0), srgb(0xf6c49c), chance.range(0.2, 0.55)),
            Weather::Indoors => (Vec3::new(0.9, 0.82, 0.7), srgb(0xc0b8ae), srgb(0xb0a69a), 0.0),
        };
        let tint = Vec3::new(chance.range(0.93, 1.07), 1.0, chance.range(0.93, 1.07));
        Self {
            weather,
            sun,
            sun_color: sun_color * chance.range(0.85, 1.15),
            zenith: zenith * tint * chance.range(0.85, 1.15),
            haze: haze * tint,
            haze_density: if weather == Weather::Indoors { 0.0 } else { chance.range(0.004, 0.02) },
            softness: match weather {
                Weather::Overcast => 0.35,
                Weather::Indoors => 0.14,
                Weather::Cloudy => 0.07,
                _ => 0.035,
            },
            horizon: chance.pick(&[Horizon::Open, Horizon::Hills, Horizon::Hills, Horizon::Mountains, Horizon::Forest]),
            hill: chance.color(&[0x5f7a44, 0x7a8a50, 0x4a6a44, 0x8a7a54]),
            cover,
            shift: Vec2::new(chance.range(-90.0, 90.0), chance.range(-90.0, 90.0)),
        }
    }

    /// The same sky over another horizon.
    pub fn over(mut self, horizon: Horizon) -> Self {
        self.horizon = horizon;
        self
    }

    /// Light that reaches a surface from the part of the sky its normal looks at.
    pub fn ambient(&self, normal: Vec3) -> Color {
        let light = self.haze.lerp(self.zenith, 0.5 + 0.5 * normal.y);
        let grey = Vec3::splat(light.dot(Vec3::new(0.25, 0.6, 0.15)));
        light.lerp(grey, 0.35) * 0.72
    }

    /// What a ray in this direction sees. `fine` is the width of a pixel in radians.
    pub fn seen(&self, direction: Vec3, fine: f32) -> Color {
        let up = direction.y.max(0.0);
        let toward = direction.dot(self.sun).max(0.0);
        let mut color = self.haze.lerp(self.zenith, 1.0 - (-up * 3.4).exp());
        if self.weather == Weather::Indoors {
            return color;
        }
        let glow = if self.weather == Weather::Overcast { 0.1 } else { 1.0 };
        color += self.sun_color * glow * (0.22 * toward.powi(12) + 0.35 * toward.powi(90) + 5.0 * toward.powi(2600));
        if direction.y > 0.01 && self.cover > 0.0 {
            color = self.clouded(color, direction, toward, fine);
        }
        self.landscape(color, direction)
    }

    fn clouded(&self, color: Color, direction: Vec3, toward: f32, fine: f32) -> Color {
        let plane = Vec2::new(direction.x, direction.z) / (direction.y + 0.12) * 1.5 + self.shift;
        let density = noise::clouds2(plane, 5, fine / (direction.y + 0.12));
        let lit = noise::clouds2(plane + Vec2::new(self.sun.x, self.sun.z) * 0.18, 3, fine);
        let cover = smooth(0.72 - 0.5 * self.cover, 0.95 - 0.5 * self.cover, density);
        let shade = smooth(-0.12, 0.16, density - lit + 0.03);
        let white = self.sun_color * 0.5 + self.haze * 0.35;
        let grey = self.haze * 0.52 + self.zenith * 0.12;
        let cloud = grey.lerp(white, 0.25 + 0.75 * shade) + self.sun_color * 0.3 * toward.powi(8);
        color.lerp(cloud.min(Vec3::splat(1.6)), cover * (direction.y * 9.0).min(1.0) * 0.92)
    }

    /// Ridges along the horizon, the farther the hazier.
    fn landscape(&self, mut color: Color, direction: Vec3) -> Color {
        let (height, rough, layers) = match self.horizon {
            Horizon::Open => return color,
            Horizon::Hills => (0.06, 1.6, 3),
            Horizon::Mountains => (0.19, 2.4, 2),
            Horizon::Forest => (0.05, 2.0, 2),
        };
        if direction.y > height * 1.5 {
            return color;
        }
        let azimuth = Vec2::new(direction.x, direction.z).normalize_or_zero() * rough;
        for layer in 0..layers {
            let near = (layer + 1) as f32 / layers as f32;
            let p = azimuth * (1.0 + 0.7 * layer as f32) + self.shift + Vec2::splat(layer as f32 * 31.0);
            let mut ridge = height * (1.25 - 0.6 * near) * (0.25 + noise::clouds2(p, 4, 0.0));
            if self.horizon == Horizon::Forest {
                ridge += 0.02 * near * noise::clouds2(p * 38.0, 2, 0.0);
            }
            if direction.y < ridge {
                let tone = 0.55 + 0.6 * noise::clouds2(Vec2::new(p.x * 9.0 + p.y * 9.0, direction.y * 160.0), 3, 0.0);
                let base = match self.horizon {
                    Horizon::Mountains => srgb(0x6a6f78).lerp(
                        srgb(0xf0f4f8),
                        smooth(0.085, 0.12, direction.y + 0.05 * (noise::clouds2(p * 6.0, 3, 0.0) - 0.5)),
                    ),
                    Horizon::Forest => self.hill * Vec3::new(0.45, 0.6, 0.5),
                    _ => self.hill,
                };
                let light = self.sun_color * (0.25 + 0.5 * self.sun.y) + self.ambient(Vec3::Y) * 0.6;
                color = (base * tone * light).lerp(self.haze * 0.9, 0.78 - 0.5 * near);
            }
        }
        color
    }
}
