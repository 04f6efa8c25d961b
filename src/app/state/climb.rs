//! What is climbed in the view of activation maximisation, and what is known of it. Must not start it.

use std::sync::Arc;

use super::State;
use crate::choice::choice;
use crate::interpretation::maximization::{Objective, Parameters};
use crate::jobs::climb::Climb;
use crate::jobs::icons::Icons;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::subject::Subject;
use crate::jobs::{Key, Outcome};
use crate::model::unit::Unit;

choice! {
    /// What of the unit under the cursor is climbed.
    #[derive(Default)]
    pub enum Peak {
        /// The mean of its feature map.
        #[default]
        Channel = "channel",
        /// The middle of its feature map.
        Neuron = "neuron",
        /// The class that is explained.
        Class = "class",
        /// All that its layer sees.
        Dream = "deep dream",
    }
}

/// How it is climbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climbing {
    /// What.
    pub peak: Peak,
    /// In so many steps.
    pub steps: usize,
    /// From which seed.
    pub seed: u64,
}

impl Default for Climbing {
    fn default() -> Self {
        Self { peak: Peak::Channel, steps: Parameters::default().steps, seed: 0 }
    }
}

impl State {
    /// What is climbed, in the network's terms.
    pub fn objective(&self) -> Option<Objective> {
        Some(match self.climbing.peak {
            Peak::Channel => Objective::Channel(self.unit()?),
            Peak::Neuron => Objective::Neuron { unit: self.unit()?, at: None },
            Peak::Class => Objective::Class(self.target()?.class),
            Peak::Dream => Objective::Dream { layer: self.unit()?.layer },
        })
    }

    /// The question for the climb.
    pub fn climb_question(&self) -> Option<Key> {
        let Climbing { steps, seed, .. } = self.climbing;
        Some(Key::Climb { objective: self.objective()?, steps, seed })
    }

    /// The questions for the icons of the layer: those that are kept, and all.
    pub fn icons_questions(&self) -> Option<[Key; 2]> {
        let layer = self.unit()?.layer;
        Some([false, true].map(|make| Key::Icons { layer, make }))
    }

    /// The climb, or as far as it is.
    pub fn climb(&self) -> Option<Arc<Climb>> {
        match self.so_far(&self.climb_question()?)? {
            Outcome::Climbed(climb) => Some(climb),
            _ => None,
        }
    }

    /// The icons of the layer under the cursor, as far as they are made.
    pub fn icons(&self) -> Option<Arc<Icons>> {
        self.icons_of(self.unit()?.layer)
    }

    /// The icons of a layer, as far as they are made.
    pub fn icons_of(&self, layer: usize) -> Option<Arc<Icons>> {
        let so_far = |make: bool| self.so_far(&Key::Icons { layer, make });
        match so_far(true).or_else(|| so_far(false))? {
            Outcome::Icons(icons) => Some(icons),
            _ => None,
        }
    }

    /// The icon of a unit, once it is made, as a picture of its own.
    pub fn icon(&self, unit: Unit) -> Option<Subject> {
        let icons = self.icons_of(unit.layer).filter(|icons| icons.tile(unit.channel).is_some())?;
        Some(Subject::Sheet(Page::whole(Sheet::Icons(icons), vec![unit.channel], self.inks())))
    }

    /// Whether the climb goes on.
    pub fn is_climbing(&self) -> bool {
        let question = self.climb_question();
        self.running.as_ref().is_some_and(|running| Some(&running.key) == question.as_ref())
    }

    /// The answer to a question, or what there is of it.
    fn so_far(&self, key: &Key) -> Option<Outcome> {
        let running = self.running.as_ref().filter(|running| running.key == *key);
        self.cache.get(key).or_else(|| running?.partial.clone())
    }
}
