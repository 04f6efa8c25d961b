//! The unit under the cursor of the views that look inside, and what is known of it. Must not move it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::State;
use crate::interpretation::feature_maps::{FeatureMaps, Order, Side};
use crate::interpretation::filters::Filters;
use crate::jobs::sheet::Inks;
use crate::jobs::{Key, Outcome};
use crate::look::Contrast;
use crate::model::unit::Unit;

/// Where the cursor is among the units, and how they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The layer, among all that can be looked at.
    pub layer: usize,
    /// The channel that was last moved to; a layer with fewer shows its last one.
    pub channel: usize,
    /// Whether one unit fills the canvas.
    pub close: bool,
    /// On which side of its activation a layer is looked at.
    pub side: Side,
    /// In which order the channels lie.
    pub order: Order,
    /// Between which values the colours of a tile run.
    pub contrast: Contrast,
}

impl Default for Cursor {
    fn default() -> Self {
        Self { layer: 0, channel: 0, close: false, side: Side::After, order: Order::Index, contrast: Contrast::Each }
    }
}

/// Which channels have said something, over the pictures looked at so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pictures: BTreeSet<usize>,
    alive: Vec<Vec<bool>>,
}

impl Tally {
    /// Adds what was seen for a picture; twice is once.
    pub fn add(&mut self, picture: usize, alive: &[Vec<bool>]) {
        if !self.pictures.insert(picture) {
            return;
        }
        self.alive.resize(alive.len(), Vec::new());
        for (so_far, now) in self.alive.iter_mut().zip(alive) {
            so_far.resize(now.len(), false);
            so_far.iter_mut().zip(now).for_each(|(so_far, now)| *so_far |= now);
        }
    }

    /// Number of pictures looked at.
    pub fn pictures(&self) -> usize {
        self.pictures.len()
    }

    /// Dead channels of a layer and how many there are; `None` before the first picture.
    pub fn dead(&self, layer: usize) -> Option<(usize, usize)> {
        let alive = self.alive.get(layer)?;
        Some((alive.iter().filter(|alive| !**alive).count(), alive.len()))
    }

    /// Whether a channel has said nothing so far; `None` before the first picture.
    pub fn is_dead(&self, unit: Unit) -> Option<bool> {
        self.alive.get(unit.layer)?.get(unit.channel).map(|alive| !alive)
    }
}

impl State {
    /// The unit under the cursor, once the model is open.
    pub fn unit(&self) -> Option<Unit> {
        let facts = self.facts()?;
        let layer = self.cursor.layer.min(facts.layers.len().checked_sub(1)?);
        let channel = self.cursor.channel.min(facts.layers[layer].channels.checked_sub(1)?);
        Some(Unit { layer, channel })
    }

    /// Its address: `layer3.1.conv2:14`.
    pub fn address(&self) -> Option<String> {
        Some(self.unit()?.address(&self.facts()?.layers))
    }

    /// The question for the filters of the layer under the cursor.
    pub fn filters_question(&self) -> Option<Key> {
        Some(Key::Filters { layer: self.unit()?.layer })
    }

    /// The question for the feature maps of the layer under the cursor.
    pub fn maps_question(&self) -> Option<Key> {
        Some(Key::Maps { picture: self.picture, layer: self.unit()?.layer, side: self.cursor.side })
    }

    /// The question for every layer at once.
    pub fn census_question(&self) -> Key {
        Key::Census { picture: self.picture }
    }

    /// The filters of the layer under the cursor, once they are read.
    pub fn filters(&self) -> Option<Arc<Filters>> {
        match self.cache.get(&self.filters_question()?)? {
            Outcome::Filters(filters) => Some(filters),
            _ => None,
        }
    }

    /// The feature maps of the layer under the cursor, once they are computed.
    pub fn feature_maps(&self) -> Option<Arc<FeatureMaps>> {
        match self.cache.get(&self.maps_question()?)? {
            Outcome::Maps(maps) => Some(maps),
            _ => None,
        }
    }

    /// How tiles are coloured.
    pub fn inks(&self) -> Inks {
        Inks { colormap: self.look.colormap, contrast: self.cursor.contrast }
    }

    /// Whether what is shown of a unit looks old: its answer is awaited for so long that it can be seen.
    pub fn is_late(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.slow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_dead_until_one_picture_wakes_it() {
        let mut tally = Tally::default();
        assert_eq!((tally.dead(0), tally.is_dead(Unit { layer: 0, channel: 0 })), (None, None));
        tally.add(4, &[vec![true, false, false]]);
        tally.add(7, &[vec![false, true, false]]);
        tally.add(7, &[vec![true, true, true]]);
        assert_eq!((tally.pictures(), tally.dead(0), tally.dead(1)), (2, Some((1, 3)), None));
        assert_eq!(tally.is_dead(Unit { layer: 0, channel: 2 }), Some(true));
    }
}
