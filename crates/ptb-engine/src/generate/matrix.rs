//! Weights of a projection in the order in which the kernel reads them.

use candle_core::{CpuStorage, Storage, Tensor, bail};
use half::{bf16, f16};
use rayon::prelude::*;

use super::kernel::{LANES, Number, Rows, multiply_panel};

/// Multiplications below which starting other threads costs more than it saves.
const WORTH_SHARING: usize = 1 << 19;

/// A matrix [outputs, inputs] as panels of 16 outputs, in the type in which it was stored.
#[derive(Debug)]
pub(super) enum PackedMatrix {
    F32(Panels<f32>),
    F16(Panels<f16>),
    Bf16(Panels<bf16>),
}

impl PackedMatrix {
    /// Packs a matrix of one of the three types.
    pub(super) fn new(weights: &Tensor) -> candle_core::Result<Self> {
        let (_, inputs) = weights.dims2()?;
        let weights = weights.contiguous()?;
        let (storage, layout) = weights.storage_and_layout();
        let Some((start, end)) = layout.contiguous_offsets() else { bail!("the weights must be contiguous") };
        match &*storage {
            Storage::Cpu(CpuStorage::F32(values)) => Ok(Self::F32(Panels::new(&values[start..end], inputs))),
            Storage::Cpu(CpuStorage::F16(values)) => Ok(Self::F16(Panels::new(&values[start..end], inputs))),
            Storage::Cpu(CpuStorage::BF16(values)) => Ok(Self::Bf16(Panels::new(&values[start..end], inputs))),
            _ => bail!("weights must be F32, F16 or BF16 on the CPU"),
        }
    }

    /// The weights of one output.
    pub(super) fn copy_row(&self, output: usize, row: &mut [f32]) {
        match self {
            Self::F32(panels) => panels.copy_row(output, row),
            Self::F16(panels) => panels.copy_row(output, row),
            Self::Bf16(panels) => panels.copy_row(output, row),
        }
    }

    /// Projects each row of `inputs` [rows, inputs] into `outputs` [rows, outputs].
    pub(super) fn multiply(&self, inputs: &[f32], outputs: &mut Vec<f32>) {
        match self {
            Self::F32(panels) => panels.multiply(inputs, outputs),
            Self::F16(panels) => panels.multiply(inputs, outputs),
            Self::Bf16(panels) => panels.multiply(inputs, outputs),
        }
    }
}

/// The panels of a matrix one after the other.
#[derive(Debug)]
pub(super) struct Panels<T> {
    numbers: Vec<T>,
    inputs: usize,
    outputs: usize,
}

impl<T: Number> Panels<T> {
    /// Packs row-major weights; the last panel is filled up with zeros.
    fn new(weights: &[T], inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let mut numbers = vec![T::default(); outputs.div_ceil(LANES) * LANES * inputs];
        numbers.par_chunks_exact_mut(LANES * inputs).zip(weights.par_chunks(LANES * inputs)).for_each(
            |(panel, rows)| {
                for (lane, row) in rows.chunks_exact(inputs).enumerate() {
                    for (k, weight) in row.iter().enumerate() {
                        panel[k * LANES + lane] = *weight;
                    }
                }
            },
        );
        Self { numbers, inputs, outputs }
    }

    fn copy_row(&self, output: usize, row: &mut [f32]) {
        let panel = &self.numbers[output / LANES * LANES * self.inputs..];
        for (k, value) in row.iter_mut().enumerate() {
            *value = panel[k * LANES + output % LANES].widen();
        }
    }

    fn multiply(&self, inputs: &[f32], outputs: &mut Vec<f32>) {
        let rows = Rows::dense(inputs, self.inputs);
        outputs.clear();
        outputs.resize(rows.count * self.outputs, 0.0);
        if rows.count * self.inputs * self.outputs < WORTH_SHARING {
            self.multiply_here(rows, outputs);
        } else {
            self.multiply_shared(rows, outputs);
        }
    }

    fn panels(&self) -> impl Iterator<Item = (usize, &[T])> {
        self.numbers.chunks_exact(LANES * self.inputs).enumerate().map(|(index, panel)| (index * LANES, panel))
    }

    fn multiply_here(&self, rows: Rows<'_>, outputs: &mut [f32]) {
        for (first, panel) in self.panels() {
            let kept = LANES.min(self.outputs - first);
            multiply_panel(rows, panel, |row, sums| {
                outputs[row * self.outputs + first..][..kept].copy_from_slice(&sums[..kept]);
            });
        }
    }

    /// Each thread computes whole panels into a place of its own; then the results are sorted by row.
    fn multiply_shared(&self, rows: Rows<'_>, outputs: &mut [f32]) {
        let mut by_panel = vec![0.0; self.numbers.len() / self.inputs * rows.count];
        let panels = self.numbers.par_chunks_exact(LANES * self.inputs);
        by_panel.par_chunks_exact_mut(LANES * rows.count).zip(panels).for_each(|(results, panel)| {
            multiply_panel(rows, panel, |row, sums| results[row * LANES..][..LANES].copy_from_slice(sums));
        });
        for (index, results) in by_panel.chunks_exact(LANES * rows.count).enumerate() {
            let first = index * LANES;
            let kept = LANES.min(self.outputs - first);
            for (row, sums) in results.chunks_exact(LANES).enumerate() {
                outputs[row * self.outputs + first..][..kept].copy_from_slice(&sums[..kept]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn numbers(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn shared_and_unshared_products_have_the_same_bits() {
        let (weights, inputs) = (numbers(37 * 20, 0.37), numbers(5 * 20, 0.11));
        let matrix = Panels::new(&weights, 20);
        let (mut here, mut shared) = (vec![0.0; 5 * 37], vec![0.0; 5 * 37]);
        matrix.multiply_here(Rows::dense(&inputs, 20), &mut here);
        matrix.multiply_shared(Rows::dense(&inputs, 20), &mut shared);
        assert_eq!(here, shared);
        let exact: f32 = (0..20).map(|k| inputs[3 * 20 + k] * weights[36 * 20 + k]).sum();
        assert!((here[3 * 37 + 36] - exact).abs() < 1e-5);
        let mut row = vec![0.0; 20];
        matrix.copy_row(36, &mut row);
        assert_eq!(row, weights[36 * 20..]);
    }

    #[test]
    fn narrow_weights_give_the_bits_of_their_widened_copies() {
        let inputs = numbers(5 * 20, 0.11);
        let weights = Tensor::from_vec(numbers(37 * 20, 0.37), (37, 20), &Device::Cpu).unwrap();
        for dtype in [DType::F16, DType::BF16] {
            let narrow = weights.to_dtype(dtype).unwrap();
            let wide = narrow.to_dtype(DType::F32).unwrap();
            let product = |weights: &Tensor| {
                let mut outputs = Vec::new();
                PackedMatrix::new(weights).unwrap().multiply(&inputs, &mut outputs);
                outputs
            };
            assert_eq!(product(&narrow), product(&wide));
        }
    }
}
