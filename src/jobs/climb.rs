//! Answers about what a unit looks for: the climb to its picture, naive and regularised, and the icons of its layer.
//!
//! Must not know which question comes next or how an answer is shown.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Outcome;
use super::explainer::failed;
use super::icons::{Icons, Store, fill};
use super::worker::{Stopped, Tell};
use crate::engine::Cancel;
use crate::interpretation::maximization::{
    self, Ascent, MaximizationError, Objective, Parameters, Regularization, icons,
};
use crate::model::picture::Picture;
use crate::network::Network;
use crate::paint::tile;

/// Least time between two pictures of a climb: it is watched, and painting takes time that the climb needs.
const BETWEEN: Duration = Duration::from_millis(120);

/// Parts of the work on icons that are told of.
const PARTS: usize = 1000;

/// A climb, naive and regularised from the same seed.
#[derive(Clone, Debug)]
pub struct Climb {
    /// Naive, then regularised.
    pub ways: [Way; 2],
    /// Steps done.
    pub done: usize,
    /// Steps asked for.
    pub total: usize,
}

/// One way up.
#[derive(Clone, Debug)]
pub struct Way {
    /// The picture so far.
    pub picture: Arc<Picture>,
    /// The value of the objective at each step.
    pub values: Vec<f32>,
}

impl Climb {
    fn of(ascents: &[Ascent; 2]) -> Self {
        let ways = [0, 1].map(|at: usize| {
            let pictures = ascents[at].pictures();
            let rgb = tile::picture(pictures.index_axis(ndarray::Axis(0), 0));
            let values = ascents[at].history().first().cloned().unwrap_or_default();
            Way { picture: Arc::new(Picture::opaque("", rgb)), values }
        });
        Self { ways, done: ascents[1].done(), total: ascents[1].total() }
    }

    /// Bytes it holds, about.
    pub fn bytes(&self) -> usize {
        self.ways.iter().map(|way| way.picture.rgb.as_raw().len() + 4 * way.values.len()).sum()
    }
}

/// Climbs both ways, a step each in turn.
pub fn climb(
    network: &mut Network,
    (objective, steps, seed): (&Objective, usize, u64),
    cancel: &Cancel,
    tell: Tell<'_>,
) -> Result<Outcome, Stopped> {
    let objectives = [objective.clone()];
    let mut start = |regularization| {
        let parameters = Parameters { regularization, steps, seed, ..Parameters::default() };
        Ascent::new(network, &objectives, &parameters, None)
    };
    let mut ascents = [start(Regularization::None)?, start(Regularization::Lucid)?];
    let mut sent: Option<Instant> = None;
    maximization::climb(network, &mut ascents, cancel, &mut |ascents| {
        let due = sent.is_none_or(|sent| sent.elapsed() >= BETWEEN);
        let both: Option<&[Ascent; 2]> = ascents.try_into().ok().filter(|_| due);
        let partial = both.map(|both| {
            sent = Some(Instant::now());
            Outcome::Climbed(Arc::new(Climb::of(both)))
        });
        tell(None, ascents[1].done(), steps, partial);
    })?;
    let climb = Climb::of(&ascents);
    let (done, total) = (climb.done, climb.total);
    let outcome = Outcome::Climbed(Arc::new(climb));
    match done {
        0 => Err(Stopped::Cancelled(None)),
        _ if done < total => Err(Stopped::Cancelled(Some(outcome))),
        _ => Ok(outcome),
    }
}

/// The icons of a layer: those that are kept, or all, which takes long.
pub fn icons(
    network: &mut Network,
    store: Option<&Store>,
    (layer, make): (usize, bool),
    cancel: &Cancel,
    tell: Tell<'_>,
) -> Result<Outcome, Stopped> {
    let outcome = |icons: Icons| Outcome::Icons(Arc::new(icons));
    if !make && let Some(store) = store {
        return Ok(outcome(store.find(network, layer)));
    }
    let parameters = icons::parameters(network, layer);
    if !make {
        return Ok(outcome(Icons::none(network, layer, &parameters)));
    }
    let all = fill(network, layer, &parameters, &[], store, cancel, &mut |icons, share| {
        tell(None, (share * PARTS as f64) as usize, PARTS, icons.cloned().map(outcome));
    })?;
    let done = all.made() == all.tiles.len();
    if done { Ok(outcome(all)) } else { Err(Stopped::Cancelled(Some(outcome(all)))) }
}

impl From<MaximizationError> for Stopped {
    fn from(error: MaximizationError) -> Self {
        match error {
            MaximizationError::Network(error) => error.into(),
            error => failed(error),
        }
    }
}
