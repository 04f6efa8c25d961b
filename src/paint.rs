//! From a map to pixels.
//!
//! Owns the colours: colormaps, the map over the picture, the legend, pictures in a row or a mosaic, figures with words. Must not know about terminals
//! or files, nor how a map came about.

pub mod colormap;
pub mod figure;
pub mod legend;
pub mod mosaic;
pub mod overlay;
pub mod preparation;
pub mod text;
pub mod tile;

pub use overlay::paint;
