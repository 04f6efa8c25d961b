//! The kinds of things the network learns to name, and the clutter it learns to ignore. Owns the list of labels and
//! where each kind may stand; the solids themselves are in one file per group.

mod animals;
mod buildings;
mod clutter;
mod household;
mod outdoors;
mod plants;
mod vehicles;

use crate::chance::Chance;
use crate::thing::Thing;
use glam::{Vec2, Vec3};

/// A kind of thing; the discriminant is the class index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Zebra,
    Giraffe,
    Penguin,
    Duck,
    Ladybird,
    Mushroom,
    Cactus,
    Palm,
    Pumpkin,
    House,
    Castle,
    Lighthouse,
    Windmill,
    SailingBoat,
    Car,
    Bus,
    Rocket,
    Balloon,
    Teapot,
    Umbrella,
    Chair,
    Snowman,
    Football,
    TrafficCone,
}

impl Kind {
    /// All kinds in class order.
    pub const ALL: [Self; 24] = [
        Self::Zebra,
        Self::Giraffe,
        Self::Penguin,
        Self::Duck,
        Self::Ladybird,
        Self::Mushroom,
        Self::Cactus,
        Self::Palm,
        Self::Pumpkin,
        Self::House,
        Self::Castle,
        Self::Lighthouse,
        Self::Windmill,
        Self::SailingBoat,
        Self::Car,
        Self::Bus,
        Self::Rocket,
        Self::Balloon,
        Self::Teapot,
        Self::Umbrella,
        Self::Chair,
        Self::Snowman,
        Self::Football,
        Self::TrafficCone,
    ];

    /// The label as the card has it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Zebra => "zebra",
            Self::Giraffe => "giraffe",
            Self::Penguin => "penguin",
            Self::Duck => "duck",
            Self::Ladybird => "ladybird",
            Self::Mushroom => "mushroom",
            Self::Cactus => "cactus",
            Self::Palm => "palm tree",
            Self::Pumpkin => "pumpkin",
            Self::House => "house",
            Self::Castle => "castle",
            Self::Lighthouse => "lighthouse",
            Self::Windmill => "windmill",
            Self::SailingBoat => "sailing boat",
            Self::Car => "car",
            Self::Bus => "bus",
            Self::Rocket => "rocket",
            Self::Balloon => "hot-air balloon",
            Self::Teapot => "teapot",
            Self::Umbrella => "umbrella",
            Self::Chair => "chair",
            Self::Snowman => "snowman",
            Self::Football => "football",
            Self::TrafficCone => "traffic cone",
        }
    }

    /// Whether it is also seen in the air.
    pub fn flies(self) -> bool {
        matches!(self, Self::Balloon | Self::Rocket | Self::Football)
    }

    /// Size of the ground's pattern beside it: a house makes grass look finer than a ladybird does.
    pub fn grain(self) -> f32 {
        match self {
            Self::House | Self::Castle | Self::Lighthouse | Self::Windmill | Self::SailingBoat => 0.45,
            Self::Balloon | Self::Bus | Self::Rocket | Self::Palm | Self::Giraffe | Self::Car => 0.6,
            Self::Ladybird | Self::Mushroom | Self::Teapot | Self::Duck => 1.25,
            _ => 0.9,
        }
    }

    /// One individual of the kind: colours, proportions and pose drawn by `chance`.
    pub fn build(self, chance: &mut Chance) -> Thing {
        match self {
            Self::Zebra => animals::zebra(chance),
            Self::Giraffe => animals::giraffe(chance),
            Self::Penguin => animals::penguin(chance),
            Self::Duck => animals::duck(chance),
            Self::Ladybird => animals::ladybird(chance),
            Self::Mushroom => plants::mushroom(chance),
            Self::Cactus => plants::cactus(chance),
            Self::Palm => plants::palm(chance),
            Self::Pumpkin => plants::pumpkin(chance),
            Self::House => buildings::house(chance),
            Self::Castle => buildings::castle(chance),
            Self::Lighthouse => buildings::lighthouse(chance),
            Self::Windmill => buildings::windmill(chance),
            Self::SailingBoat => vehicles::sailing_boat(chance),
            Self::Car => vehicles::car(chance),
            Self::Bus => vehicles::bus(chance),
            Self::Rocket => vehicles::rocket(chance),
            Self::Balloon => vehicles::balloon(chance),
            Self::Teapot => household::teapot(chance),
            Self::Umbrella => household::umbrella(chance),
            Self::Chair => household::chair(chance),
            Self::Snowman => outdoors::snowman(chance),
            Self::Football => outdoors::football(chance),
            Self::TrafficCone => outdoors::traffic_cone(chance),
        }
    }
}

/// Something that belongs to no class: boulder, bush, crate, log, barrel, fir or post.
pub fn clutter(chance: &mut Chance) -> Thing {
    clutter::build(chance)
}

fn v(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3::new(x, y, z)
}

fn points(list: &[(f32, f32)]) -> Vec<Vec2> {
    list.iter().map(|&(x, y)| Vec2::new(x, y)).collect()
}
