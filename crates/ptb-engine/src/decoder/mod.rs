//! The Qwen3 decoder as a differentiable function of its weights.
//!
//! [`Decoder`] runs whole, right-padded sequences and can be differentiated with respect to every weight that is a
//! candle variable. Weights are found by their Hugging Face names ([`tensor_shapes`] lists them), so a checkpoint, a
//! freshly drawn model ([`random_weights`]) and a set of trainable variables are all the same kind of map. Any of the
//! seven projections of a block can carry a low-rank update ([`LowRank`]).

mod activation;
mod attention;
mod dense;
mod error;
mod exponential;
mod linear;
mod normalisation;
mod rotation;
mod storage;
mod weights;

pub(crate) use attention::softmax;
pub use dense::Decoder;
pub use error::DecoderError;
pub use exponential::exp;
pub(crate) use exponential::sigmoid;
pub use linear::{Linear, LowRank};
pub(crate) use normalisation::normalise;
pub(crate) use rotation::{RotarySpeeds, Rotation};
pub use weights::{PROJECTIONS, TensorMap, random_weights, tensor_shapes};
