//! A network and pictures that are part of the program, so that a copied binary alone has something to show.

use crate::choice::choice;
use crate::onnx::Model;

use super::card::Card;
use super::gallery::Origin;
use super::source::{CardPlace, Opened, SourceError};

choice! {
    /// A network inside the program.
    #[derive(Default)]
    pub enum Bundled {
        /// Trained on the project's own rendered scenes.
        #[default]
        Scenes = "scenes",
        /// The same, trained on the worst pictures nearby: its gradients lie on the things, and what its units look for can
        /// be recognised.
        Robust = "scenes-robust",
    }
}

impl Bundled {
    /// Its ONNX file and its card.
    const fn files(self) -> (&'static [u8], &'static str) {
        match self {
            Self::Scenes => (include_bytes!("../../models/scenes.onnx"), include_str!("../../models/scenes.toml")),
            Self::Robust => {
                (include_bytes!("../../models/scenes-robust.onnx"), include_str!("../../models/scenes-robust.toml"))
            }
        }
    }

    /// Reads the network and its card.
    pub fn open(self) -> Result<Opened, SourceError> {
        let (model, card) = self.files();
        let name = self.name().to_owned();
        let broken = |source| SourceError::Model { name: name.clone(), source };
        let model = Model::from_bytes(model, None).map_err(broken)?;
        let card = Card::parse(card).map_err(|source| SourceError::Card { place: name.clone(), source })?;
        Ok(Opened { name, model, card: Some((card, CardPlace::Bundled(self))) })
    }
}

macro_rules! embed {
    ($($name:literal,)+) => {
        [$(Origin::Bundled($name, include_bytes!(concat!("../../models/pictures/", $name))),)+]
    };
}

/// The pictures inside the program, the one to begin with first.
pub const PICTURES: [Origin; 18] = embed![
    "01-zebra.jpg",
    "02-lighthouse.jpg",
    "03-ladybird.jpg",
    "04-balloon.jpg",
    "05-mushroom.jpg",
    "06-zebra-and-umbrella.jpg",
    "07-teapot.jpg",
    "08-windmill.jpg",
    "09-sailing-boat.jpg",
    "10-penguin-and-snowman.jpg",
    "11-car.jpg",
    "12-giraffe.jpg",
    "13-castle.jpg",
    "14-duck-and-football.jpg",
    "15-cactus.jpg",
    "16-pumpkin.jpg",
    "17-house.jpg",
    "18-bus-and-traffic-cone.jpg",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_of_the_folder_is_embedded_and_can_be_read() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models/pictures");
        let files = super::super::gallery::gather(&[folder]).unwrap();
        let names = |origins: &[Origin]| origins.iter().map(Origin::name).collect::<Vec<_>>();
        assert_eq!(names(&PICTURES), names(&files));
        for picture in PICTURES {
            let (width, height) = picture.open().unwrap().rgb.dimensions();
            assert!(width.min(height) >= 512, "{} is {width} × {height}", picture.name());
        }
    }

    #[test]
    fn every_network_opens_with_its_card() {
        for bundled in Bundled::ALL {
            let opened = bundled.open().unwrap();
            assert_eq!(opened.card.unwrap().0.name, bundled.name());
        }
    }
}
