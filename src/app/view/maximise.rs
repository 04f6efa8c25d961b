//! View 5: the picture that excites a unit most, watched while it is climbed to.

use std::sync::Arc;

use super::{Field, View, reproduce};
use crate::app::command::Command;
use crate::app::state::{Peak, State};
use crate::jobs::Key;
use crate::jobs::subject::Subject;
use crate::model::picture::Picture;
use crate::paint::mosaic::row;
use crate::ui::mosaic;
use crate::ui::view::maximise::rooms;

/// Numbers of steps to choose from.
const STEPS: [usize; 7] = [32, 64, 128, 256, 512, 1024, 2048];

/// Width and height of an icon, for a layout before there are any.
const ICON: (usize, usize) = (64, 64);

pub(super) struct Maximise;

impl View for Maximise {
    /// Icons that are kept come at once, those that are missing after the climb that is watched.
    fn questions(&self, state: &State) -> Vec<Key> {
        let [kept, all] = state.icons_questions().map_or([None, None], |keys| keys.map(Some));
        let [census, deaths] = [state.census_question(), state.deaths_question()].map(Some);
        [kept, census, state.climb_question(), all, deaths].into_iter().flatten().collect()
    }

    /// Both ways side by side.
    fn subject(&self, state: &State) -> Option<Subject> {
        let climb = state.climb()?;
        let [naive, regularised] = [0, 1].map(|way: usize| &climb.ways[way].picture.rgb);
        let both = row(&[naive, regularised], (naive.width() / 32).max(2));
        Some(Subject::Photo(Arc::new(Picture::opaque("", both))))
    }

    fn enabled(&self, state: &State, command: Command) -> Result<(), String> {
        match command {
            Command::StepsMore | Command::StepsFewer => Ok(()),
            Command::ContrastNext => Err("these are pictures of their own colours".to_owned()),
            Command::Yank if state.objective().is_some() => Ok(()),
            command => command.usually_enabled(state),
        }
    }

    fn unit_layers(&self, state: &State) -> Option<Vec<usize>> {
        Some((0..state.facts().map_or(0, |facts| facts.layers.len())).collect())
    }

    fn field(&self, state: &State) -> Field {
        let tile = state.icons().map_or(ICON, |icons| (icons.size.0 as usize, icons.size.1 as usize));
        mosaic::field_in(state, rooms(state).1, Field::in_order(state).order, tile)
    }

    fn carry_out(&self, state: &mut State, command: Command) -> bool {
        let climbing = &mut state.climbing;
        match command {
            Command::PeakNext => climbing.peak = climbing.peak.step(1),
            Command::PeakPrevious => climbing.peak = climbing.peak.step(-1),
            Command::SeedNext => climbing.seed = climbing.seed.wrapping_add(1),
            Command::SeedPrevious => climbing.seed = climbing.seed.saturating_sub(1),
            Command::StepsMore => {
                climbing.steps = STEPS.into_iter().find(|steps| *steps > climbing.steps).unwrap_or(climbing.steps);
            }
            Command::StepsFewer => {
                let fewer = STEPS.into_iter().rev().find(|steps| *steps < climbing.steps);
                climbing.steps = fewer.unwrap_or(climbing.steps);
            }
            _ => return false,
        }
        true
    }

    fn command_line(&self, state: &State) -> String {
        let mut line = reproduce::Line::new(state, "maximize", false);
        let layer = state.facts().zip(state.unit()).map(|(facts, unit)| facts.layers[unit.layer].name.clone());
        match state.climbing.peak {
            Peak::Class => line.word("--class", &state.target().map_or(0, |target| target.class).to_string()),
            Peak::Dream => {
                line.word("--layer", &layer.unwrap_or_default());
                line.flag("--deep-dream");
            }
            Peak::Channel | Peak::Neuron => line.word("--layer", &state.address().unwrap_or_default()),
        }
        if state.climbing.peak == Peak::Neuron {
            line.flag("--neuron");
        }
        line.flag("--both");
        let usual = crate::app::state::Climbing::default();
        line.changed("--steps", &state.climbing.steps.to_string(), &usual.steps.to_string());
        line.changed("--seed", &state.climbing.seed.to_string(), &usual.seed.to_string());
        line.finish()
    }

    fn name_parts(&self, state: &State) -> Vec<String> {
        let of = match (state.climbing.peak, state.facts().zip(state.target())) {
            (Peak::Class, Some((facts, target))) => Some(facts.labels.name(target.class)),
            _ => state.address(),
        };
        std::iter::once("maximise".to_owned()).chain(of).collect()
    }
}
