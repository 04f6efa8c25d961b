//! Prototypical examples: for every channel of every layer, what it is told about a collection of pictures.
//!
//! Owns the scores of a picture for a unit, the rankings, histograms and counts kept of them, and the clusters of what
//! is found. Everything kept is exact: it does not depend on the order in which pictures come, nor on how they are dealt
//! out to several tallies that are put together later. Must not know where pictures lie or how a tally is stored.

use crate::choice::choice;

pub mod clusters;
pub mod histogram;
pub mod ranking;
pub mod tally;

choice! {
    /// What pictures are ranked by: a figure of the unit's feature map.
    #[derive(Default)]
    pub enum By {
        /// Its average.
        Mean = "mean",
        /// Its sum. A layer's maps are all of one size, so the order is that of the average.
        Sum = "sum",
        /// Its highest value.
        #[default]
        Max = "max",
    }
}
