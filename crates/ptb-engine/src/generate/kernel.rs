//! Matrix products whose every element is the same sum whatever else is computed beside it.
//!
//! A matrix is stored as panels of [`LANES`] outputs: panel p holds, for each input k, the weights of outputs
//! 16 p .. 16 p + 15. One element of a product is a single chain of multiply-and-add over k from first to last, in
//! every row of every batch, so a sequence gets bit for bit the same numbers alone and in company. The same kernel
//! serves projections, attention scores (panels of keys) and attention outputs (panels of values).
//!
//! Panels hold numbers in the type in which they are stored; sums are always of single precision.

use half::{bf16, f16};

/// A number of a panel, which is widened to single precision when it is used.
pub(super) trait Number: Copy + Default + Send + Sync + PartialEq + std::fmt::Debug {
    fn widen(self) -> f32;
}

impl Number for f32 {
    #[inline]
    fn widen(self) -> f32 {
        self
    }
}

impl Number for bf16 {
    #[inline]
    fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
}

impl Number for f16 {
    /// Moves the bits to their places and lets a multiplication correct the bias of the exponent, which is exact also
    /// for subnormal numbers. Infinities do not occur among weights.
    #[inline]
    fn widen(self) -> f32 {
        const BIAS: f32 = f32::from_bits((127 + 127 - 15) << 23);
        let bits = u32::from(self.to_bits());
        let magnitude = f32::from_bits((bits & 0x7fff) << 13) * BIAS;
        f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
    }
}

/// Outputs in a panel: two vector registers of eight floats.
pub(super) const LANES: usize = 16;
/// Rows that share one pass over a panel: 6 x 16 sums fill the twelve registers left beside inputs and weights.
const ROWS: usize = 6;

/// Rows of inputs, `stride` apart, of which the first `width` elements count.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) stride: usize,
    pub(super) width: usize,
    pub(super) count: usize,
}

impl<'a> Rows<'a> {
    /// Rows that follow each other without a gap.
    pub(super) fn dense(values: &'a [f32], width: usize) -> Self {
        Self { values, stride: width, width, count: values.len() / width }
    }

    fn row(&self, index: usize) -> &'a [f32] {
        &self.values[index * self.stride..][..self.width]
    }
}

/// Multiplies rows with one panel (`width` x 16 weights) and hands the 16 results of each row to `store`.
pub(super) fn multiply_panel<T: Number>(rows: Rows<'_>, panel: &[T], store: impl FnMut(usize, &[f32; LANES])) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // SAFETY: the processor has just been found to have both features.
        return unsafe { multiply_panel_avx2(rows, panel, store) };
    }
    // Elsewhere a fused multiplication may be a library call: the plain one vectorises everywhere.
    multiply_panel_by(rows, panel, store, |a, b, sum| a * b + sum);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn multiply_panel_avx2<T: Number>(rows: Rows<'_>, panel: &[T], store: impl FnMut(usize, &[f32; LANES])) {
    multiply_panel_by(rows, panel, store, f32::mul_add);
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only inlined code is compiled for the features of its caller")]
fn multiply_panel_by<T: Number>(
    rows: Rows<'_>,
    panel: &[T],
    mut store: impl FnMut(usize, &[f32; LANES]),
    add: impl Fn(f32, f32, f32) -> f32 + Copy,
) {
    let mut first = 0;
    while first < rows.count {
        // Tiles of about the same height: a low one at the end would wait for its own sums.
        let rest = rows.count - first;
        first += match rest.div_ceil(rest.div_ceil(ROWS)) {
            1 => tile::<1, T>(rows, first, panel, &mut store, add),
            2 => tile::<2, T>(rows, first, panel, &mut store, add),
            3 => tile::<3, T>(rows, first, panel, &mut store, add),
            4 => tile::<4, T>(rows, first, panel, &mut store, add),
            5 => tile::<5, T>(rows, first, panel, &mut store, add),
            _ => tile::<ROWS, T>(rows, first, panel, &mut store, add),
        };
    }
}

#[inline(always)]
#[expect(clippy::inline_always, reason = "only inlined code is compiled for the features of its caller")]
fn tile<const N: usize, T: Number>(
    rows: Rows<'_>,
    first: usize,
    panel: &[T],
    store: &mut impl FnMut(usize, &[f32; LANES]),
    add: impl Fn(f32, f32, f32) -> f32,
) -> usize {
    let inputs: [&[f32]; N] = std::array::from_fn(|row| rows.row(first + row));
    let weights = &panel.as_chunks::<LANES>().0[..rows.width];
    // Plain indices: with iterators in their place the sums leave the registers, and it takes four times as long.
    let mut sums = [[0.0_f32; LANES]; N];
    for (k, weights) in weights.iter().enumerate() {
        let weights: [f32; LANES] = std::array::from_fn(|lane| weights[lane].widen());
        for row in 0..N {
            let input = inputs[row][k];
            for lane in 0..LANES {
                sums[row][lane] = add(input, weights[lane], sums[row][lane]);
            }
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        store(first + row, sums);
    }
    N
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(rows: Rows<'_>, panel: &[f32]) -> Vec<[f32; LANES]> {
        let mut out = vec![[0.0; LANES]; rows.count];
        multiply_panel(rows, panel, |row, sums| out[row] = *sums);
        out
    }

    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        (0..count as u32).map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 1e7 - 0.8).collect()
    }

    #[test]
    fn agrees_with_the_definition() {
        let (inputs, panel) = (numbers(7 * 33, 1), numbers(33 * LANES, 2));
        for (row, found) in product(Rows::dense(&inputs, 33), &panel).iter().enumerate() {
            for (lane, found) in found.iter().enumerate() {
                let exact: f64 =
                    (0..33).map(|k| f64::from(inputs[row * 33 + k]) * f64::from(panel[k * LANES + lane])).sum();
                assert!((f64::from(*found) - exact).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_row_gets_the_same_bits_in_any_company() {
        let (inputs, panel) = (numbers(20 * 50, 3), numbers(50 * LANES, 4));
        let together = product(Rows::dense(&inputs, 50), &panel);
        for first in 0..20 {
            for count in 1..=20 - first {
                let part = product(Rows::dense(&inputs[first * 50..][..count * 50], 50), &panel);
                assert_eq!(part, together[first..first + count]);
            }
        }
    }

    #[test]
    fn narrow_numbers_are_widened_exactly() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (f16::from_bits(bits), bf16::from_bits(bits));
            if half.is_finite() {
                assert_eq!(half.widen().to_bits(), half.to_f32().to_bits(), "{bits:x}");
            }
            if brain.is_finite() {
                assert_eq!(brain.widen().to_bits(), brain.to_f32().to_bits(), "{bits:x}");
            }
        }
    }
}
