//! A pinhole or thin-lens camera. Owns the way from a place in the picture to a ray; must not know the scene.

use glam::{Vec2, Vec3};

/// Where the camera stands and looks.
#[derive(Clone, Debug)]
pub struct Camera {
    pub eye: Vec3,
    ahead: Vec3,
    right: Vec3,
    up: Vec3,
    /// Tangent of half the field of view.
    pub half: f32,
    /// Radius of the lens; 0 is a pinhole, everything sharp.
    pub aperture: f32,
    focus: f32,
}

impl Camera {
    /// Stands at `eye` and looks at `target`, which is in focus; `roll` tilts the horizon (radians).
    pub fn new(eye: Vec3, target: Vec3, half: f32, roll: f32) -> Self {
        let ahead = (target - eye).normalize();
        let level = ahead.cross(Vec3::Y).normalize();
        let right = level * roll.cos() + level.cross(ahead) * roll.sin();
        Self { eye, ahead, right, up: right.cross(ahead), half, aperture: 0.0, focus: (target - eye).length() }
    }

    /// Shifts the view sideways and up by shares of the picture's width, so that the target is off the centre.
    pub fn shifted(mut self, by: Vec2) -> Self {
        let turn = self.ahead - (self.right * by.x + self.up * by.y) * 2.0 * self.half;
        self.ahead = turn.normalize();
        self.right = (self.right - self.ahead * self.right.dot(self.ahead)).normalize();
        self.up = self.right.cross(self.ahead);
        self
    }

    /// Origin and direction of the ray through `at` (0..1 from the top left), through the point `lens` of the unit disc.
    pub fn ray(&self, at: Vec2, lens: Vec2) -> (Vec3, Vec3) {
        let x = (2.0 * at.x - 1.0) * self.half;
        let y = (1.0 - 2.0 * at.y) * self.half;
        let direction = self.ahead + self.right * x + self.up * y;
        if self.aperture == 0.0 {
            return (self.eye, direction.normalize());
        }
        let origin = self.eye + (self.right * lens.x + self.up * lens.y) * self.aperture;
        (origin, (self.eye + direction * self.focus - origin).normalize())
    }
}
