//! A thing is a list of painted parts joined into one solid. Owns joining, placing and the bounds that let a ray skip
//! what it cannot hit. Must not know the kinds of things there are, nor the light.

use crate::paint::{Color, Paint};
use crate::shape::Shape;
use glam::{Mat3, Quat, Vec3};

/// One painted solid of a thing, placed in the thing's frame.
#[derive(Clone, Debug)]
pub struct Part {
    shape: Shape,
    paint: Paint,
    gloss: f32,
    at: Vec3,
    turn: Mat3,
    frame: Vec3,
    frame_turn: Mat3,
    mirror: [bool; 2],
    spin: f32,
    blend: f32,
    bend: f32,
    floor: f32,
    rough: (f32, f32),
    bounds: (Vec3, f32),
    inner: Vec3,
    slack: f32,
}

/// Starts a part: a solid at the origin.
pub fn part(shape: Shape, paint: Paint) -> Part {
    let bounds = shape.bounds();
    Part {
        shape,
        paint,
        gloss: 0.1,
        at: Vec3::ZERO,
        turn: Mat3::IDENTITY,
        frame: Vec3::ZERO,
        frame_turn: Mat3::IDENTITY,
        mirror: [false; 2],
        spin: 0.0,
        blend: 0.0,
        bend: 0.0,
        floor: f32::MIN,
        rough: (0.0, 1.0),
        bounds,
        inner: Vec3::ZERO,
        slack: 0.0,
    }
}

/// Inverse of the turn by the given degrees about x, then y, then z.
fn untangle(x: f32, y: f32, z: f32) -> Mat3 {
    let turn = Quat::from_rotation_z(z.to_radians())
        * Quat::from_rotation_y(y.to_radians())
        * Quat::from_rotation_x(x.to_radians());
    Mat3::from_quat(turn.inverse())
}

impl Part {
    /// Moves the part within its frame.
    pub fn at(mut self, x: f32, y: f32, z: f32) -> Self {
        self.at = Vec3::new(x, y, z);
        self
    }

    /// Turns the part about its own origin, in degrees about x, then y, then z.
    pub fn turned(mut self, x: f32, y: f32, z: f32) -> Self {
        self.turn = untangle(x, y, z);
        self
    }

    /// Adds the mirror image in z (left and right of a thing that faces +x).
    pub fn both_sides(mut self) -> Self {
        self.mirror[1] = true;
        self
    }

    /// Adds the mirror images in x and in z.
    pub fn four_corners(mut self) -> Self {
        self.mirror = [true, true];
        self
    }

    /// Repeats the part `count` times about the y axis of its frame.
    pub fn around(mut self, count: u32) -> Self {
        self.spin = std::f32::consts::TAU / count as f32;
        self
    }

    /// Places the frame in which the part was mirrored or repeated: first turned (degrees), then moved.
    pub fn framed(mut self, at: Vec3, x: f32, y: f32, z: f32) -> Self {
        self.frame = at;
        self.frame_turn = untangle(x, y, z);
        self
    }

    /// Joins the part to those before it with a fillet of about this width.
    pub fn blended(mut self, width: f32) -> Self {
        self.blend = width;
        self
    }

    /// Lets the part droop: y falls by `amount` × x² (negative to curl up).
    pub fn drooping(mut self, amount: f32) -> Self {
        self.bend = amount;
        self
    }

    /// Cuts away what lies under `y` in the part's own coordinates.
    pub fn cut_under(mut self, y: f32) -> Self {
        self.floor = y;
        self
    }

    /// Roughens the surface by `amount`, with lumps about `size` wide.
    pub fn rough(mut self, amount: f32, size: f32) -> Self {
        self.rough = (amount, size);
        self
    }

    /// 0 dull … 1 polished.
    pub fn glossy(mut self, gloss: f32) -> Self {
        self.gloss = gloss;
        self
    }

    /// The point in the frame of the part, folded by its symmetries.
    fn folded(&self, p: Vec3) -> Vec3 {
        let mut q = p - self.frame;
        if self.frame_turn != Mat3::IDENTITY {
            q = self.frame_turn * q;
        }
        if self.mirror[0] {
            q.x = q.x.abs();
        }
        if self.mirror[1] {
            q.z = q.z.abs();
        }
        if self.spin > 0.0 {
            let angle = q.z.atan2(q.x);
            let (sin, cos) = ((angle / self.spin).round() * self.spin).sin_cos();
            q = Vec3::new(cos * q.x + sin * q.z, q.y, cos * q.z - sin * q.x);
        }
        q
    }

    /// From the folded frame to the solid's own coordinates.
    fn unturned(&self, folded: Vec3) -> Vec3 {
        let q = folded - self.at;
        if self.turn == Mat3::IDENTITY { q } else { self.turn * q }
    }

    fn distance(&self, p: Vec3, give_up: f32) -> f32 {
        let folded = self.folded(p);
        let outside = (folded - self.inner).length() - self.bounds.1 - self.slack;
        if outside > give_up {
            return outside;
        }
        let mut q = self.unturned(folded);
        q.y += self.bend * q.x * q.x;
        let mut d = self.shape.distance(q).max(self.floor - q.y);
        if self.rough.0 > 0.0 && d < 3.0 * self.rough.0 {
            d = 0.7 * (d + self.rough.0 * (2.0 * crate::noise::clouds(q / self.rough.1, 2) - 1.0));
        }
        if self.bend != 0.0 { d * 0.7 } else { d }
    }

    fn color(&self, p: Vec3) -> Color {
        let mut q = self.unturned(self.folded(p));
        q.y += self.bend * q.x * q.x;
        self.paint.color(q)
    }

    /// Works out where the part's ball is in the folded frame, once the part is placed for good.
    fn settled(mut self) -> Self {
        self.inner = self.turn.transpose() * self.bounds.0 + self.at;
        self.slack = self.rough.0 + self.bend.abs() * self.bounds.1 * self.bounds.1;
        self
    }

    /// A ball in the thing's frame that holds the part and all its images.
    fn ball(&self) -> (Vec3, f32) {
        let radius = self.bounds.1 + self.slack;
        if self.spin == 0.0 && self.mirror == [false; 2] {
            (self.frame + self.frame_turn.transpose() * self.inner, radius)
        } else {
            (self.frame, self.inner.length() + radius)
        }
    }
}

/// A solid of joined parts, standing on y = 0 and facing +x, about one unit tall.
#[derive(Clone, Debug, Default)]
pub struct Thing {
    parts: Vec<Part>,
    low: Vec3,
    high: Vec3,
}

impl Thing {
    /// Joins the parts; the order matters only for fillets.
    pub fn new(parts: Vec<Part>) -> Self {
        let parts: Vec<Part> = parts.into_iter().map(Part::settled).collect();
        let (mut low, mut high) = (Vec3::splat(f32::MAX), Vec3::splat(f32::MIN));
        for (centre, radius) in parts.iter().map(Part::ball) {
            low = low.min(centre - radius);
            high = high.max(centre + radius);
        }
        let mut thing = Self { parts, low, high };
        thing.shrink_to_surface(low, high);
        thing
    }

    /// The parts' balls are generous: looks for the surface in a coarse lattice for a tighter box.
    fn shrink_to_surface(&mut self, low: Vec3, high: Vec3) {
        let (mut tight_low, mut tight_high) = (high, low);
        let steps = 18;
        let cell = (high - low) / steps as f32;
        for i in 0..steps * steps * steps {
            let index = Vec3::new((i % steps) as f32, (i / steps % steps) as f32, (i / steps / steps) as f32);
            let p = low + (index + 0.5) * cell;
            if self.distance(p) < 0.5 * cell.length() {
                tight_low = tight_low.min(p - 0.5 * cell);
                tight_high = tight_high.max(p + 0.5 * cell);
            }
        }
        (self.low, self.high) = (tight_low, tight_high);
    }

    /// Lowest and highest corner of a box that holds the thing.
    pub fn extent(&self) -> (Vec3, Vec3) {
        (self.low, self.high)
    }

    /// Centre and radius of a ball that holds the thing.
    pub fn bounds(&self) -> (Vec3, f32) {
        (0.5 * (self.low + self.high), 0.5 * (self.high - self.low).length())
    }

    /// Signed distance, a lower bound far from the surface.
    pub fn distance(&self, p: Vec3) -> f32 {
        let mut nearest = f32::MAX;
        for part in &self.parts {
            let d = part.distance(p, nearest + part.blend);
            let overlap = (part.blend - (d - nearest).abs()).max(0.0);
            nearest = nearest.min(d);
            if overlap > 0.0 {
                nearest -= overlap * overlap * 0.25 / part.blend;
            }
        }
        nearest
    }

    /// Colour and gloss of the surface at `p`: those of the nearest part.
    pub fn surface(&self, p: Vec3) -> (Color, f32) {
        let mut nearest = f32::MAX;
        let mut owner = None;
        for part in &self.parts {
            let d = part.distance(p, nearest);
            if d < nearest {
                nearest = d;
                owner = Some(part);
            }
        }
        owner.map_or((Vec3::splat(0.5), 0.0), |part| (part.color(p), part.gloss))
    }
}
