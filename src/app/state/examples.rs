//! What the view of top pictures shows, and the index it comes from. Must not ask for anything.

use std::sync::Arc;

use super::State;
use crate::app::view::examples::Grouping;
use crate::index::run::Progress;
use crate::interpretation::prototypes::By;
use crate::jobs::examples::{Deaths, Gallery, Kinds, Show, TILE, grouped};
use crate::jobs::indexer::News;
use crate::jobs::sheet::{Page, Sheet};
use crate::jobs::{Key, Outcome};
use crate::model::unit::Unit;
use crate::paint::mosaic::Grid;

/// How top pictures are shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examples {
    /// What they are ranked by.
    pub by: By,
    /// What a tile shows.
    pub show: Show,
    /// In which order they lie.
    pub grouping: Grouping,
    /// The index that is being made; `None` where none is.
    pub making: Option<Making>,
    /// How often the index was written while the program ran: what was read before is then old.
    pub written: usize,
}

/// An index that is being made.
#[derive(Clone, Debug, PartialEq)]
pub enum Making {
    /// It is being prepared.
    Opening(String),
    /// How far it is.
    Progress(Progress),
}

impl State {
    /// The question for the top pictures of the unit under the cursor.
    pub fn examples_question(&self) -> Option<Key> {
        Some(Key::Examples { unit: self.unit()?, by: self.examples.by, written: self.examples.written })
    }

    /// The question for the kinds that they are of.
    pub fn kinds_question(&self) -> Option<Key> {
        Some(Key::Kinds { unit: self.unit()?, by: self.examples.by, written: self.examples.written })
    }

    /// The question for the dead channels over the folder.
    pub fn deaths_question(&self) -> Key {
        Key::Deaths { written: self.examples.written }
    }

    /// The dead channels over the folder, once they are read; those of an earlier state of the index until then. `None`
    /// where there is no index with any picture.
    fn deaths(&self) -> Option<Arc<Deaths>> {
        let read = |written: usize| match self.cache.get(&Key::Deaths { written })? {
            Outcome::Deaths(deaths) => Some(deaths),
            _ => None,
        };
        let written = self.examples.written;
        let found = (written.saturating_sub(LATE)..=written).rev().find_map(read);
        found.filter(|deaths| deaths.pictures > 0)
    }

    /// Dead channels of a layer and how many there are, over the pictures of the index or over those seen; `None` before
    /// the first picture.
    pub fn dead(&self, layer: usize) -> Option<(usize, usize)> {
        let Some(deaths) = self.deaths() else { return self.tally.dead(layer) };
        let alive = deaths.alive.get(layer)?;
        Some((alive.iter().filter(|alive| !**alive).count(), alive.len()))
    }

    /// Whether a channel has said nothing over the pictures that [`State::dead`] counts over.
    pub fn is_dead(&self, unit: Unit) -> Option<bool> {
        let Some(deaths) = self.deaths() else { return self.tally.is_dead(unit) };
        deaths.alive.get(unit.layer)?.get(unit.channel).map(|alive| !alive)
    }

    /// Pictures of the index, where dead channels are counted over those.
    pub fn dead_over_index(&self) -> Option<u64> {
        self.deaths().map(|deaths| deaths.pictures)
    }

    /// The top pictures of the unit under the cursor, once they are read; those of an earlier state of the index until
    /// then.
    pub fn examples(&self) -> Option<Arc<Gallery>> {
        let (unit, by) = (self.unit()?, self.examples.by);
        self.read_of_index(|written| match self.cache.get(&Key::Examples { unit, by, written })? {
            Outcome::Examples(gallery) => Some(gallery),
            _ => None,
        })
    }

    /// The question for the first few of the top pictures of a unit; `None` where there is no index to ask.
    pub fn glimpse_question(&self, unit: Unit) -> Option<Key> {
        let written = self.examples.written;
        let without = |(key, _): &(Key, String)| matches!(key, Key::Glimpse { written: then, .. } if *then == written);
        let asked = !self.refused.iter().any(without);
        asked.then_some(Key::Glimpse { unit, by: self.examples.by, written })
    }

    /// The first few of the top pictures of a unit, as [`State::examples`].
    pub fn glimpse(&self, unit: Unit) -> Option<Arc<Gallery>> {
        let by = self.examples.by;
        self.read_of_index(|written| match self.cache.get(&Key::Glimpse { unit, by, written })? {
            Outcome::Examples(gallery) => Some(gallery),
            _ => None,
        })
    }

    /// What was read last of the index.
    fn read_of_index<T>(&self, read: impl FnMut(usize) -> Option<T>) -> Option<T> {
        let written = self.examples.written;
        (written.saturating_sub(LATE)..=written).rev().find_map(read)
    }

    /// The kinds of pictures among them, once they are known.
    pub fn kinds(&self) -> Option<Arc<Kinds>> {
        let (unit, by) = (self.unit()?, self.examples.by);
        let count = self.examples()?.examples.len();
        self.read_of_index(|written| match self.cache.get(&Key::Kinds { unit, by, written })? {
            Outcome::Kinds(kinds) if kinds.of.len() == count => Some(kinds),
            _ => None,
        })
    }

    /// Places of the top pictures in the order in which they lie: one row, or a row for each kind.
    pub fn examples_rows(&self) -> Option<Vec<Vec<usize>>> {
        let gallery = self.examples()?;
        let kinds = self.kinds().filter(|_| self.examples.grouping == Grouping::Kind);
        Some(kinds.map_or_else(|| vec![(0..gallery.examples.len()).collect()], |kinds| grouped(&kinds.of)))
    }

    /// The top pictures as one picture for a file.
    pub fn examples_page(&self) -> Option<Page> {
        let (gallery, rows) = (self.examples()?, self.examples_rows()?);
        let count = gallery.examples.len();
        let mut grid = Grid::square(count, (TILE, TILE), TILE / 20);
        if rows.len() > 1 {
            grid.columns = rows.iter().map(Vec::len).max().unwrap_or(1);
        }
        let channels = in_rows(&rows, grid.columns);
        let size = grid.size(channels.len());
        let sheet = Sheet::Examples(gallery, self.examples.show);
        Some(Page { sheet, channels, grid, size, inks: self.inks(), cursor: None, ground: [0; 3], old: false })
    }

    /// Takes news of the index.
    pub fn index_news(&mut self, news: News) {
        let (making, text, bad) = match news {
            News::Opening(what) => (Some(Making::Opening(what)), None, false),
            News::Progress(progress) => {
                let before = match &self.examples.making {
                    Some(Making::Progress(before)) => before.writes,
                    _ => 0,
                };
                self.examples.written += progress.writes.saturating_sub(before);
                (Some(Making::Progress(progress)), None, false)
            }
            News::Ended(text) => (None, Some(text), false),
            News::Failed(text) => (None, Some(format!("index: {text}")), true),
        };
        if making.is_none() {
            self.examples.written += 1;
        }
        self.examples.making = making;
        if let Some(text) = text {
            self.toast = Some(super::Toast { text, bad });
        }
    }
}

/// Writes of the index after which what was read before is not shown any more.
const LATE: usize = 64;

/// What stands in a place where no picture lies.
const NOTHING: usize = usize::MAX;

/// Rows one after the other, each filled up to whole rows of so many columns.
pub fn in_rows(rows: &[Vec<usize>], columns: usize) -> Vec<usize> {
    let columns = columns.max(1);
    let mut places = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        places.extend(row);
        if at + 1 < rows.len() {
            places.resize(places.len().next_multiple_of(columns), NOTHING);
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pictures_are_read_again_when_the_index_was_written() {
        let mut state = crate::app::fixture::start("dark");
        state.model = crate::app::state::Model::Ready(crate::app::fixture::facts().into());
        let progress = |writes| News::Progress(Progress { writes, ..Progress::default() });
        let first = state.examples_question();
        state.index_news(progress(0));
        assert_eq!(state.examples_question(), first);
        state.index_news(progress(1));
        state.index_news(progress(1));
        assert_eq!((state.examples.written, state.examples_question() == first), (1, false));
        state.index_news(News::Ended("done".to_owned()));
        assert_eq!((state.examples.written, state.examples.making.clone()), (2, None));
        state.index_news(progress(1));
        assert_eq!(state.examples.written, 3, "another run begins to count anew");
        state.index_news(News::Failed("no room".to_owned()));
        assert!(state.toast.is_some_and(|toast| toast.bad && toast.text.contains("no room")));
    }

    #[test]
    fn dead_channels_are_those_of_the_folder_where_there_is_an_index() {
        let mut state = crate::app::fixture::start("dark");
        state.tally.add(0, &[vec![true, false, false]]);
        let unit = Unit { layer: 0, channel: 1 };
        let read = |state: &mut State, written, pictures| {
            let deaths = Deaths { pictures, alive: vec![vec![true, true, false]] };
            state.cache.insert(Key::Deaths { written }, Outcome::Deaths(deaths.into()), 3);
        };
        read(&mut state, 0, 0);
        assert_eq!((state.dead(0), state.is_dead(unit), state.dead_over_index()), (Some((2, 3)), Some(true), None));
        state.index_news(News::Ended("done".to_owned()));
        assert_eq!(state.dead_over_index(), None, "not read again yet");
        read(&mut state, 1, 1234);
        assert_eq!(
            (state.dead(0), state.is_dead(unit), state.dead_over_index()),
            (Some((1, 3)), Some(false), Some(1234))
        );
    }

    #[test]
    fn each_kind_begins_a_row() {
        assert_eq!(in_rows(&[vec![0, 2, 3], vec![1]], 2), [0, 2, 3, NOTHING, 1]);
        assert_eq!(in_rows(&[vec![0, 1, 2]], 2), [0, 1, 2]);
    }
}
