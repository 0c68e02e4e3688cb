//! The decoder as a differentiable function of its weights.
//!
//! [`Decoder`] runs whole, right-padded sequences and can be differentiated with respect to every weight that is a
//! candle variable. One decoder serves all architectures: what sets them apart stands in
//! [`Design`](crate::config::Design). Weights are found by their Hugging Face names ([`tensor_shapes`] lists them), so a
//! checkpoint, a freshly drawn model ([`random_weights`]) and a set of trainable variables are all the same kind of map.
//! Any of the seven projections of a block can carry a low-rank update ([`LowRank`]).

mod activation;
mod attention;
mod dense;
mod error;
mod exponential;
mod heads;
mod linear;
mod normalisation;
mod rotation;
mod storage;
mod weights;

pub(crate) use activation::gate_in_place;
pub(crate) use attention::{Scoring, soft_cap};
pub use dense::Decoder;
pub use error::DecoderError;
pub use exponential::exp;
pub use linear::{Linear, LowRank};
pub(crate) use normalisation::normalise;
pub(crate) use rotation::{RotarySpeeds, Rotation};
pub use weights::{PROJECTIONS, TensorMap, random_weights, tensor_shapes};
pub(crate) use weights::{expect, has_bias, projection_shape};
