//! Networks that are part of the program, so that a copied binary alone has something to show.

use crate::choice::choice;
use crate::onnx::Model;

use super::card::Card;
use super::source::{CardPlace, Opened, SourceError};

choice! {
    /// A network inside the program.
    #[derive(Default)]
    pub enum Bundled {
        /// Trained on the project's own rendered scenes.
        #[default]
        Scenes = "scenes",
    }
}

impl Bundled {
    /// Its ONNX file and its card.
    const fn files(self) -> (&'static [u8], &'static str) {
        match self {
            Self::Scenes => (include_bytes!("../../models/scenes.onnx"), include_str!("../../models/scenes.toml")),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_opens_with_its_card() {
        for bundled in Bundled::ALL {
            let opened = bundled.open().unwrap();
            assert_eq!(opened.card.unwrap().0.name, bundled.name());
        }
    }
}
