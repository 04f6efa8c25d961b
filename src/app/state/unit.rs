//! The unit under the cursor of the views that look inside, and what is known of it. Must not move it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::State;
use crate::interpretation::convolution::Product;
use crate::interpretation::feature_maps::{self, FeatureMaps, Order, Side};
use crate::interpretation::filters::Filters;
use crate::jobs::sheet::Inks;
use crate::jobs::{Key, Outcome, Pulled};
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
    /// To which channel the most alike come first, in the order of similarity.
    pub beside: usize,
    /// Between which values the colours of a tile run.
    pub contrast: Contrast,
    /// The one input of the filters that is drawn; all of them where there is none.
    pub input: Option<usize>,
    /// The position (row, column) at which a filter is taken apart; the strongest where none was chosen.
    pub work_at: Option<(usize, usize)>,
    /// The unit whose gradient is looked at.
    pub frozen: Option<Unit>,
}

impl Default for Cursor {
    fn default() -> Self {
        Self {
            layer: 0,
            channel: 0,
            close: false,
            side: Side::After,
            order: Order::Index,
            beside: 0,
            contrast: Contrast::Each,
            input: None,
            work_at: None,
            frozen: None,
        }
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
        Some(self.maps_at(self.unit()?.layer, self.side()))
    }

    /// The question for what the filters of the layer under the cursor are slid over.
    pub fn source_question(&self) -> Option<Key> {
        Some(Key::Source { picture: self.picture, layer: self.unit()?.layer })
    }

    /// The question for the order by similarity, where that is the order.
    pub fn alike_question(&self) -> Option<Key> {
        let layer = self.unit()?.layer;
        let channel = self.cursor.beside.min(self.facts()?.layers[layer].channels.saturating_sub(1));
        let asked = self.cursor.order == Order::Similarity && self.frozen_here().is_none();
        asked.then_some(Key::Alike { picture: self.picture, layer, side: self.side(), channel })
    }

    /// The question for the gradient of the frozen unit at the layer under the cursor.
    pub fn pull_question(&self) -> Option<Key> {
        let (unit, layer) = (self.frozen_here()?, self.unit()?.layer);
        let group = feature_maps::groups(&self.facts()?.layers).iter().position(|group| group.contains(&layer))?;
        Some(Key::Pull { picture: self.picture, unit, group })
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

    /// The frozen unit, where the layer under the cursor comes before its layer.
    pub fn frozen_here(&self) -> Option<Unit> {
        self.cursor.frozen.filter(|frozen| self.unit().is_some_and(|unit| unit.layer < frozen.layer))
    }

    /// On which side of its activation the layer under the cursor is looked at; the same where it has none.
    pub fn side(&self) -> Side {
        let layer = self.unit().and_then(|unit| self.facts()?.layers.get(unit.layer));
        if layer.is_some_and(|layer| layer.pre_activation.is_none()) { Side::After } else { self.cursor.side }
    }

    /// The question for the feature maps of a layer.
    pub fn maps_at(&self, layer: usize, side: Side) -> Key {
        Key::Maps { picture: self.picture, layer, side }
    }

    /// The feature maps of the layer under the cursor, once they are computed; of a frozen unit its gradient there.
    pub fn feature_maps(&self) -> Option<Arc<FeatureMaps>> {
        let layer = self.unit()?.layer;
        if self.frozen_here().is_some() {
            return self.pulled()?.layers.iter().find(|(other, _)| *other == layer).map(|(_, maps)| maps.clone());
        }
        self.maps_of(layer, self.side())
    }

    /// The feature maps of a layer, once they are computed, alone or with those of all layers.
    pub fn maps_of(&self, layer: usize, side: Side) -> Option<Arc<FeatureMaps>> {
        match self.cache.get(&self.maps_at(layer, side)) {
            Some(Outcome::Maps(maps)) => return Some(maps),
            _ if side == Side::Before => return None,
            _ => {}
        }
        match self.cache.get(&self.census_question())? {
            Outcome::Census { maps, .. } => maps.get(layer).cloned(),
            _ => None,
        }
    }

    /// What the filters of the layer under the cursor are slid over, once it is computed.
    pub fn source(&self) -> Option<Arc<FeatureMaps>> {
        match self.cache.get(&self.source_question()?)? {
            Outcome::Maps(maps) => Some(maps),
            _ => None,
        }
    }

    /// The gradient of the frozen unit, once it is computed.
    pub fn pulled(&self) -> Option<Arc<Pulled>> {
        match self.cache.get(&self.pull_question()?)? {
            Outcome::Pulled(pulled) => Some(pulled),
            _ => None,
        }
    }

    /// The channels of the layer under the cursor in the order that is chosen, as far as it is known yet.
    pub fn order(&self) -> Vec<usize> {
        let channels = self.unit().zip(self.facts()).map_or(0, |(unit, facts)| facts.layers[unit.layer].channels);
        let alike = self.alike_question().and_then(|key| self.cache.get(&key));
        match (self.cursor.order, alike, self.feature_maps()) {
            (Order::Similarity, Some(Outcome::Order(order)), _) => order.to_vec(),
            (Order::Index | Order::Similarity, ..) | (_, _, None) => (0..channels).collect(),
            (order, _, Some(maps)) => maps.order(order, 0),
        }
    }

    /// The position at which the filter under the cursor is taken apart: the chosen one, or where its feature map is
    /// highest.
    pub fn work_at(&self) -> Option<(usize, usize)> {
        let unit = self.unit()?;
        let layer = self.facts()?.layers.get(unit.layer)?;
        let strongest = || Some(self.maps_of(unit.layer, Side::After)?.figures.get(unit.channel)?.position);
        let (row, column) = self.cursor.work_at.or_else(strongest)?;
        Some((row.min(layer.height.checked_sub(1)?), column.min(layer.width.checked_sub(1)?)))
    }

    /// The filter under the cursor taken apart at that position, once all that needs is there.
    pub fn product(&self) -> Option<Product> {
        let (filters, source) = (self.filters()?, self.source()?);
        let unit = self.unit()?;
        (unit.channel < filters.count()).then_some(())?;
        Some(filters.product(source.maps.view(), unit.channel, self.work_at()?))
    }

    /// The input whose weights are drawn when a filter is taken apart: the chosen one, or the one that says most.
    pub fn told_input(&self, product: &Product) -> usize {
        self.cursor.input.map_or_else(|| product.strongest(), |input| input.min(product.sums.len().saturating_sub(1)))
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
