//! Means and errors, number for number as numpy computes them: floating-point sums depend on their order, and a published
//! standard error is only reproduced by the same order and the same draws.

use ptb_core::evaluation::Estimate;

use crate::python_random::NumpyGenerator;

/// Resamples of a bootstrap.
const RESAMPLES: u32 = 1000;
/// Seed of its draws.
const BOOTSTRAP_SEED: u64 = 42;
/// Numbers that numpy adds with eight running sums before it splits the list.
const BLOCK: usize = 128;

/// The sum as numpy forms it: eight running sums over short lists, halves of longer ones.
pub fn numpy_sum(numbers: &[f64]) -> f64 {
    if numbers.len() < 8 {
        return numbers.iter().fold(0.0, |sum, number| sum + number);
    }
    if numbers.len() <= BLOCK {
        return short_sum(numbers);
    }
    let half = numbers.len() / 2;
    let (first, second) = numbers.split_at(half - half % 8);
    numpy_sum(first) + numpy_sum(second)
}

fn short_sum(numbers: &[f64]) -> f64 {
    let (eights, rest) = numbers.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (place, eight) in eights.iter().enumerate() {
        for (sum, number) in sums.iter_mut().zip(eight) {
            *sum = if place == 0 { *number } else { *sum + number };
        }
    }
    let pairs: [f64; 4] = std::array::from_fn(|pair| sums[2 * pair] + sums[2 * pair + 1]);
    let sum = (pairs[0] + pairs[1]) + (pairs[2] + pairs[3]);
    rest.iter().fold(sum, |sum, number| sum + number)
}

/// The mean; none of nothing.
pub fn mean(numbers: &[f64]) -> Option<f64> {
    (!numbers.is_empty()).then(|| numpy_sum(numbers) / numbers.len() as f64)
}

/// The mean, clipped to 0..1.
pub fn clipped_mean(numbers: &[f64]) -> Option<f64> {
    mean(numbers).map(|mean| mean.clamp(0.0, 1.0))
}

/// The mean and its standard error over numbers that are taken as independent, with Bessel's correction; 0 for a single
/// one, as the reference has it.
pub fn mean_with_error(numbers: &[f64]) -> Option<Estimate> {
    let mean = mean(numbers)?;
    let count = numbers.len() as f64;
    let error = if numbers.len() > 1 { (squares(numbers, mean) / (count - 1.0)).sqrt() / count.sqrt() } else { 0.0 };
    Some(Estimate::new(mean, Some(error)))
}

/// The clipped mean with a bootstrap standard error: the deviation of the clipped means of 1,000 resamples.
pub fn clipped_mean_with_bootstrap_error(numbers: &[f64]) -> Option<Estimate> {
    let value = clipped_mean(numbers)?;
    let count = u32::try_from(numbers.len()).ok()?;
    let mut generator = NumpyGenerator::new(BOOTSTRAP_SEED);
    let means: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            let drawn = generator.choice(count, numbers.len());
            let resample: Vec<f64> = drawn.into_iter().map(|place| numbers[place as usize]).collect();
            clipped_mean(&resample)
        })
        .collect();
    let error = (squares(&means, mean(&means)?) / f64::from(RESAMPLES)).sqrt();
    Some(Estimate::new(value, Some(error)))
}

/// The sum of the squared distances from the mean.
fn squares(numbers: &[f64], mean: f64) -> f64 {
    let squares: Vec<f64> = numbers.iter().map(|number| (number - mean) * (number - mean)).collect();
    numpy_sum(&squares)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_have_the_order_of_numpy() {
        // numpy 2.2.6: numpy.sum(1.0 / numpy.arange(1, n + 1)); plain loops give 5.433147092589174 for 128.
        let numbers: Vec<f64> = (1..=1000).map(|number| 1.0 / f64::from(number)).collect();
        let sums = [(7, 2.592_857_142_857_142_5), (128, 5.433_147_092_589_173), (1000, 7.485_470_860_550_345)];
        for (count, expected) in sums {
            assert_eq!(numpy_sum(&numbers[..count]).to_bits(), f64::to_bits(expected), "{count}");
        }
    }

    #[test]
    fn nothing_has_no_mean() {
        assert_eq!(mean(&[]), None);
        assert_eq!(mean_with_error(&[]), None);
        assert_eq!(clipped_mean_with_bootstrap_error(&[]), None);
    }

    #[test]
    fn a_single_number_has_no_error() {
        let single = Estimate::new(0.5, Some(0.0));
        assert_eq!(mean_with_error(&[0.5]), Some(single));
        assert_eq!(clipped_mean_with_bootstrap_error(&[0.5]), Some(single));
        assert_eq!(clipped_mean(&[-3.0]), Some(0.0));
    }

    proptest! {
        #[test]
        fn a_sum_is_a_sum(numbers in prop::collection::vec(-1e3_f64..1e3, 0..400)) {
            let plain: f64 = numbers.iter().sum();
            prop_assert!((numpy_sum(&numbers) - plain).abs() < 1e-9);
        }
    }
}
