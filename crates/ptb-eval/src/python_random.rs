//! The random orders of Python and numpy, draw for draw.
//!
//! Published orders of choices, few-shot examples and bootstrap samples come from these two generators, so equal numbers
//! need equal draws. For everything of our own, seeds are derived by hash instead.

mod mersenne;
mod pcg;

use mersenne::MersenneTwister;
pub use pcg::NumpyGenerator;

/// Python's `random.Random(seed)`: one generator that several lists are shuffled with, one after the other.
#[derive(Debug)]
pub struct PythonGenerator(MersenneTwister);

impl PythonGenerator {
    /// `random.Random(seed)`.
    pub fn new(seed: u64) -> Self {
        Self(MersenneTwister::new(seed))
    }

    /// `shuffle(items)`.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.0.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// Puts items into the order of Python's `random.Random(seed).shuffle(items)`.
pub fn python_shuffle<T>(seed: u64, items: &mut [T]) {
    PythonGenerator::new(seed).shuffle(items);
}

/// The order of numpy's `default_rng(seed).permutation(n)`.
pub fn numpy_permutation(seed: u64, n: u32) -> Vec<u32> {
    NumpyGenerator::new(seed).permutation(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_those_of_python() {
        let mut order: Vec<_> = (0..10).collect();
        python_shuffle(42, &mut order);
        assert_eq!(order, [7, 3, 2, 8, 5, 6, 9, 4, 0, 1]);
        python_shuffle(42, &mut Vec::<u8>::new());
    }

    #[test]
    fn orders_are_those_of_numpy() {
        assert_eq!(numpy_permutation(42, 10), [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
        assert_eq!(numpy_permutation(42, 0), [0_u32; 0]);
    }
}
