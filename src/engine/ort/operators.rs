//! lensor's own operators: what would cost several of ONNX's, and is asked for at every step. They run on the processor.
//!
//! A graph names them with their domain, as `lensor.MaxPoolGradient`, and is written without them for any other device, see
//! [`Engine::has_operators`](crate::engine::Engine::has_operators). Must not know what graphs they are in.

use ort::operator::OperatorDomain;

use crate::onnx::DOMAIN;

mod figures;
mod max_pool_gradient;
mod maxima;
mod stem_gradient;
mod winograd;

pub(super) use winograd::Shared;

/// All of them, for a session whose model has these kernels beside it.
pub(super) fn all(kernels: Shared) -> Result<OperatorDomain, ort::Error> {
    OperatorDomain::new(DOMAIN)?
        .add(max_pool_gradient::MaxPoolGradient)?
        .add(stem_gradient::StemGradient)?
        .add(figures::OfMaps)?
        .add(figures::OfSum)?
        .add(winograd::Winograd(kernels))
}
