//! Weights of a projection in the order in which the kernel reads them.

use rayon::prelude::*;

use super::kernel::{LANES, Rows, multiply_panel};

/// Multiplications below which starting other threads costs more than it saves.
const WORTH_SHARING: usize = 1 << 19;

/// A matrix [outputs, inputs] as panels of 16 outputs.
#[derive(Debug)]
pub(super) struct PackedMatrix {
    panels: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

impl PackedMatrix {
    /// Packs row-major weights; the last panel is filled up with zeros.
    pub(super) fn new(weights: &[f32], inputs: usize) -> Self {
        let outputs = weights.len() / inputs;
        let mut panels = vec![0.0; outputs.div_ceil(LANES) * LANES * inputs];
        panels.par_chunks_exact_mut(LANES * inputs).zip(weights.par_chunks(LANES * inputs)).for_each(
            |(panel, rows)| {
                for (lane, row) in rows.chunks_exact(inputs).enumerate() {
                    for (k, weight) in row.iter().enumerate() {
                        panel[k * LANES + lane] = *weight;
                    }
                }
            },
        );
        Self { panels, inputs, outputs }
    }

    /// The weights of one output.
    pub(super) fn copy_row(&self, output: usize, row: &mut [f32]) {
        let panel = &self.panels[output / LANES * LANES * self.inputs..];
        for (k, value) in row.iter_mut().enumerate() {
            *value = panel[k * LANES + output % LANES];
        }
    }

    /// Projects each row of `inputs` [rows, inputs] into `outputs` [rows, outputs].
    pub(super) fn multiply(&self, inputs: &[f32], outputs: &mut Vec<f32>) {
        let rows = Rows::dense(inputs, self.inputs);
        outputs.clear();
        outputs.resize(rows.count * self.outputs, 0.0);
        if rows.count * self.inputs * self.outputs < WORTH_SHARING {
            self.multiply_here(rows, outputs);
        } else {
            self.multiply_shared(rows, outputs);
        }
    }

    fn panels(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.panels.chunks_exact(LANES * self.inputs).enumerate().map(|(index, panel)| (index * LANES, panel))
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
        let mut by_panel = vec![0.0; self.panels.len() / self.inputs * rows.count];
        let panels = self.panels.par_chunks_exact(LANES * self.inputs);
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
    use super::*;

    #[test]
    fn shared_and_unshared_products_have_the_same_bits() {
        let numbers = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let (weights, inputs) = (numbers(37 * 20, 0.37), numbers(5 * 20, 0.11));
        let matrix = PackedMatrix::new(&weights, 20);
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
}
