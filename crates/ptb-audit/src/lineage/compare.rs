//! Two tensors streamed past each other.

use std::io;

use half::{bf16, f16};
use serde::Serialize;

use super::checkpoint::{Dtype, Tensor};

/// Elements held in memory of each tensor.
const PIECE: u64 = 1 << 18;

/// One tensor of the submission beside the base model's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TensorComparison {
    /// Name of the tensor.
    pub name: String,
    /// Elements compared.
    pub elements: u64,
    /// Whether it has two or more dimensions.
    pub matrix: bool,
    /// Whether all elements have the same value, in whatever number format.
    pub identical: bool,
    /// Frobenius norm of the difference over that of the base's tensor.
    pub relative_delta: f64,
    /// Cosine between the two as vectors; 1 for identical ones, 0 if one of them is zero.
    pub cosine: f64,
    /// Elements of the candidate that are NaN or infinite.
    pub not_finite: u64,
    /// Squared Frobenius norm of the base's tensor.
    #[serde(skip)]
    pub(crate) base_squared: f64,
    /// Squared Frobenius norm of the difference.
    #[serde(skip)]
    pub(crate) delta_squared: f64,
}

#[derive(Default)]
struct Sums {
    base: f64,
    candidate: f64,
    product: f64,
    delta: f64,
    different: u64,
    not_finite: u64,
}

impl Sums {
    fn add(&mut self, base: &[f32], candidate: &[f32]) {
        for (&base, &candidate) in base.iter().zip(candidate) {
            if !candidate.is_finite() {
                self.not_finite += 1;
                self.different += 1;
                continue;
            }
            let (b, c) = (f64::from(base), f64::from(candidate));
            self.different += u64::from(b.to_bits() != c.to_bits());
            self.base += b * b;
            self.candidate += c * c;
            self.product += b * c;
            self.delta += (c - b) * (c - b);
        }
    }
}

/// Compares the first `elements` of two tensors.
pub(crate) fn compare(name: &str, base: &Tensor, candidate: &Tensor, elements: u64) -> io::Result<TensorComparison> {
    let mut sums = Sums::default();
    let (mut left, mut right, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    while at < elements {
        let count = PIECE.min(elements - at);
        read_values(base, at, count, &mut bytes, &mut left)?;
        read_values(candidate, at, count, &mut bytes, &mut right)?;
        sums.add(&left, &right);
        at += count;
    }
    let identical = sums.different == 0;
    let norms = (sums.base * sums.candidate).sqrt();
    let ratio = |value: f64, by: f64| if by > 0.0 { value / by } else { 0.0 };
    Ok(TensorComparison {
        name: name.to_owned(),
        elements,
        matrix: base.shape.len() > 1,
        identical,
        relative_delta: ratio(sums.delta, sums.base).sqrt(),
        cosine: if identical { 1.0 } else { ratio(sums.product, norms) },
        not_finite: sums.not_finite,
        base_squared: sums.base,
        delta_squared: sums.delta,
    })
}

/// Reads `count` elements from `start` on as `f32`.
fn read_values(tensor: &Tensor, start: u64, count: u64, bytes: &mut Vec<u8>, values: &mut Vec<f32>) -> io::Result<()> {
    let size = tensor.dtype.size();
    bytes.resize(count as usize * size, 0);
    tensor.read_at(bytes, start * size as u64)?;
    values.clear();
    match tensor.dtype {
        Dtype::F64 => values.extend(bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes) as f32)),
        Dtype::F32 => values.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
        Dtype::F16 => values.extend(bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32())),
        Dtype::Bf16 => values.extend(bytes.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32())),
        // As many numbers as elements, different for different bytes; their size means nothing.
        Dtype::Other(size) => {
            let hash = |bytes: &[u8]| bytes.iter().fold(0_u32, |hash, byte| (hash * 31 + u32::from(*byte)) & 0x7f_ffff);
            values.extend(bytes.chunks_exact(size).map(|bytes| hash(bytes) as f32));
        }
    }
    Ok(())
}
