//! What is asked and what the state knows of the answers. Must not ask.

use std::sync::Arc;

use super::{State, Tab};
use crate::app::view;
use crate::attribution::{AlphaPath, MethodId, Parameters};
use crate::jobs::subject::Values;
use crate::jobs::{Explained, Key, Outcome};
use crate::map::Map;

impl State {
    /// The question whose answer the view shows.
    pub fn question(&self) -> Option<Key> {
        let method = self.method();
        let parameters = match method {
            MethodId::IntegratedGradients | MethodId::Cam => self.parameters.clone(),
            _ => Parameters::default(),
        };
        Some(Key::Explain { picture: self.picture, method, layer: self.layer(), target: self.target()?, parameters })
    }

    /// The question behind the strip of layers.
    pub fn layers_question(&self) -> Option<Key> {
        let shown = self.tab == Tab::Explain && self.method() == MethodId::GradCam && self.facts().is_some();
        shown.then(|| Some(Key::Layers { picture: self.picture, target: self.target()?, layers: self.layers() }))?
    }

    /// The answer to the question of the view, or what there is of it.
    pub fn explained(&self) -> Option<Explained> {
        let key = self.question()?;
        let running = self.running.as_ref().filter(|running| running.key == key);
        match self.cache.get(&key).or_else(|| running?.partial.clone())? {
            Outcome::Explained(explained) => Some(explained),
            _ => None,
        }
    }

    /// What the view attributes to where: the answer to its question, or the same map among those of all layers.
    pub fn values(&self) -> Option<Values> {
        match self.explained() {
            Some(explained) => Some(Values::Result(explained.attribution)),
            None => self.layer_map(),
        }
    }

    /// The map of the layer that is shown among those of all layers.
    pub fn layer_map(&self) -> Option<Values> {
        let at = self.layers().iter().position(|layer| Some(*layer) == self.layer())?;
        match self.cache.get(&self.layers_question()?)? {
            Outcome::Layers(maps) => Some(Values::Layer(maps, at)),
            _ => None,
        }
    }

    /// The path of integrated gradients, once it is computed.
    pub fn path(&self) -> Option<AlphaPath> {
        self.explained()?.attribution.path.clone()
    }

    /// What the view shows that was computed last, and how many seconds it took; of the picture alone the prediction.
    pub fn took(&self) -> Option<(&'static str, f64)> {
        let mut asked = view::of(self.tab).questions(self);
        if asked.is_empty() {
            asked.push(Key::Predict { picture: self.picture });
        }
        let (key, seconds) = self.times.iter().rev().find(|(key, _)| asked.contains(key))?;
        Some((key.title(), *seconds))
    }

    /// Why a question of the view has no answer.
    pub fn refusal(&self) -> Option<&str> {
        let mut asked = view::of(self.tab).questions(self);
        asked.push(Key::Predict { picture: self.picture });
        let refused = |(key, _): &&(Key, String)| asked.contains(key);
        self.refused.iter().rev().find(refused).map(|(_, why)| why.as_str())
    }

    /// The map that the numbers are about.
    pub fn map(&self) -> Option<Arc<Map>> {
        let subject = view::of(self.tab).subject(self)?;
        self.panes.values().filter_map(|pane| pane.shown.as_ref()).find(|shown| shown.subject == subject)?.map.clone()
    }
}
