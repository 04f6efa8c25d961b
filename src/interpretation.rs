//! What is inside a network: filters, feature maps, the pictures that excite a unit most.
//!
//! Asks the network and returns arrays with their figures. Must not know about colours, terminals or files.

pub mod circuits;
pub mod convolution;
pub mod feature_maps;
pub mod filters;
pub mod gradient;
pub mod maximization;
pub mod prototypes;

#[cfg(test)]
mod tests;
