//! The loss: cross-entropy of the next token, in one operation.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::decoder::exp;

/// `scale` times the sum over rows of -log softmax(logits)[target], as a scalar.
///
/// `logits` is [rows, vocabulary]. Neither the probabilities nor their logarithms are stored for the way back; they are
/// cheaper to compute again than to keep.
pub(super) fn cross_entropy(logits: &Tensor, targets: Vec<u32>, scale: f32) -> Result<Tensor> {
    logits.apply_op1(CrossEntropy { targets, scale })
}

struct CrossEntropy {
    targets: Vec<u32>,
    scale: f32,
}

impl CrossEntropy {
    fn rows<'a>(&'a self, logits: &'a [f32], width: usize) -> Result<impl Iterator<Item = (&'a [f32], usize)>> {
        if logits.len() != width * self.targets.len() || self.targets.iter().any(|&target| target as usize >= width) {
            bail!("the targets do not fit the logits");
        }
        Ok(logits.chunks_exact(width).zip(self.targets.iter().map(|&target| target as usize)))
    }

    fn gradient(&self, logits: &[f32], width: usize, grad: f32) -> Result<Vec<f32>> {
        let factor = self.scale * grad;
        let mut values = vec![0.0; logits.len()];
        for ((row, target), out) in self.rows(logits, width)?.zip(values.chunks_exact_mut(width)) {
            let highest = highest(row);
            let total = exponentials(row, highest, out);
            let share = factor / total;
            for value in out.iter_mut() {
                *value *= share;
            }
            out[target] -= factor;
        }
        Ok(values)
    }
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, logits: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (_, width) = layout.shape().dims2()?;
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("the logits must be contiguous") };
        let logits = &logits.as_slice::<f32>()?[start..end];
        let mut scratch = vec![0.0; width];
        let mut loss = 0.0_f64;
        for (row, target) in self.rows(logits, width)? {
            let highest = highest(row);
            let total = exponentials(row, highest, &mut scratch);
            loss += f64::from(highest) + f64::from(total).ln() - f64::from(row[target]);
        }
        Ok((CpuStorage::F32(vec![(loss * f64::from(self.scale)) as f32]), Shape::from(())))
    }

    /// scale * (softmax - one at the target) for each row.
    fn bwd(&self, logits: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, width) = logits.dims2()?;
        let grad = grad.to_scalar::<f32>()?;
        let (storage, layout) = logits.storage_and_layout();
        let candle_core::Storage::Cpu(storage) = &*storage else { bail!("training runs on the CPU") };
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("the logits must be contiguous") };
        let values = self.gradient(&storage.as_slice::<f32>()?[start..end], width, grad)?;
        Ok(Some(Tensor::from_vec(values, logits.shape(), logits.device())?))
    }
}

fn highest(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 8];
    let blocks = row.chunks_exact(8);
    let rest = blocks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for block in blocks {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    lanes.into_iter().fold(rest, f32::max)
}

/// Writes exp(row - highest) and returns the sum.
fn exponentials(row: &[f32], highest: f32, out: &mut [f32]) -> f32 {
    for (out, &value) in out.iter_mut().zip(row) {
        *out = exp(value - highest);
    }
    out.chunks(256).map(|block| block.iter().sum::<f32>()).sum()
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Var};

    use super::*;

    fn logits() -> Tensor {
        let values: Vec<f32> = (0..33_u16).map(|i| f32::from(i * 37 % 17) / 4.0 - 2.0).collect();
        Tensor::from_vec(values, (3, 11), &Device::Cpu).expect("the shape fits")
    }

    #[test]
    fn agrees_with_candle_in_value_and_gradient() -> Result<()> {
        let targets = vec![0_u32, 10, 4];
        let ours = Var::from_tensor(&logits())?;
        let theirs = Var::from_tensor(&logits())?;
        let loss = cross_entropy(&ours, targets.clone(), 0.5)?;
        let expected = candle_nn::loss::cross_entropy(&theirs, &Tensor::new(targets, &Device::Cpu)?)?;
        let expected = (expected * 1.5)?;
        assert!((loss.to_scalar::<f32>()? - expected.to_scalar::<f32>()?).abs() < 1e-5);
        let (ours, theirs) = (
            loss.backward()?.get(&ours).expect("a gradient").flatten_all()?.to_vec1::<f32>()?,
            expected.backward()?.get(&theirs).expect("a gradient").flatten_all()?.to_vec1::<f32>()?,
        );
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-6));
        Ok(())
    }

    #[test]
    fn a_target_outside_the_vocabulary_is_refused() {
        assert!(cross_entropy(&logits(), vec![0, 11, 4], 1.0).is_err());
        assert!(cross_entropy(&logits(), vec![0, 4], 1.0).is_err());
    }
}
