//! From a map to pixels.
//!
//! Owns the colours: colormaps, the map over the picture, the legend, pictures in a row or a mosaic. Must not know about terminals
//! or files, nor how a map came about.

pub mod colormap;
pub mod legend;
pub mod mosaic;
pub mod overlay;
pub mod tile;

pub use overlay::paint;
