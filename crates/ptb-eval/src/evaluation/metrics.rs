//! From scores to estimates.
//!
//! The standard error is that of the mean by the central limit theorem, with Bessel's correction: the square root of
//! `sum((x - mean)^2) / (n - 1) / n`, which for right and wrong is `sqrt(p (1 - p) / (n - 1))` and what Inspect's `stderr`
//! gives. Over several seeds the answers to one question are not independent, so the question's mean over the seeds is
//! one observation (Miller, "Adding Error Bars to Evals", arXiv:2411.00640, sections 2.1 and 2.2).

use ptb_core::evaluation::Estimate;

/// Two-sided 95 % quantile of the normal distribution.
const Z_95: f64 = 1.959_963_984_540_054;

/// The mean and its standard error; none without scores, no error for a single one.
pub fn mean_with_error(scores: &[f64]) -> Option<Estimate> {
    if scores.is_empty() {
        return None;
    }
    let count = scores.len() as f64;
    let value = scores.iter().sum::<f64>() / count;
    let squares: f64 = scores.iter().map(|score| (score - value).powi(2)).sum();
    let standard_error = (scores.len() > 1).then(|| (squares / (count - 1.0) / count).sqrt());
    Some(Estimate::new(value, standard_error))
}

/// The mean over seeds. `scores` has one list for each seed, in the same order of samples, with gaps where a sample has no
/// score.
pub(crate) fn mean_over_seeds(scores: &[Vec<Option<f64>>]) -> Option<Estimate> {
    let seed_means: Vec<f64> = scores.iter().filter_map(|seed| Some(mean_with_error(&present(seed))?.value)).collect();
    let value = mean_with_error(&seed_means)?.value;
    let samples = scores.iter().map(Vec::len).max()?;
    let sample_means: Vec<f64> = (0..samples)
        .filter_map(|sample| {
            let of_seeds: Vec<f64> = scores.iter().filter_map(|seed| *seed.get(sample)?).collect();
            Some(mean_with_error(&of_seeds)?.value)
        })
        .collect();
    let standard_error = mean_with_error(&sample_means)?.standard_error;
    Some(Estimate::new(value, standard_error))
}

pub(crate) fn present(scores: &[Option<f64>]) -> Vec<f64> {
    scores.iter().copied().flatten().collect()
}

/// The 95 % interval of a proportion whose answers are not independent: Wilson's with the number of independent answers
/// that would give this standard error, `p (1 - p) / error^2`, as Korn and Graubard do for clustered surveys ("Confidence
/// intervals for proportions with small expected number of positive counts", Survey Methodology 24, 1998). `clusters` is
/// the number of questions, which counts where the error says nothing because all answers are alike.
pub(crate) fn clustered_interval(estimate: Estimate, clusters: usize) -> (f64, f64) {
    let variance = estimate.value * (1.0 - estimate.value);
    let effective = match estimate.standard_error {
        Some(error) if error > 0.0 && variance > 0.0 => variance / (error * error),
        _ => clusters as f64,
    };
    wilson_interval(estimate.value, effective)
}

/// The 95 % Wilson score interval of a proportion seen on `count` samples; all that can be said without samples is that it
/// lies between 0 and 1. Unlike the standard error it stays wide when every answer is wrong.
pub fn wilson_interval(proportion: f64, count: f64) -> (f64, f64) {
    if count <= 0.0 {
        return (0.0, 1.0);
    }
    let n = count;
    let z2 = Z_95 * Z_95;
    let centre = proportion + z2 / (2.0 * n);
    let spread = Z_95 * (proportion * (1.0 - proportion) / n + z2 / (4.0 * n * n)).sqrt();
    let bound = |x: f64| (x / (1.0 + z2 / n)).clamp(0.0, 1.0);
    (bound(centre - spread), bound(centre + spread))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-12
    }

    #[test]
    fn the_standard_error_is_that_of_inspect() {
        // A recorded run: 44 of 60 right, accuracy 0.7333..., stderr 0.05757....
        let scores: Vec<f64> = (0..60).map(|index| if index < 44 { 1.0 } else { 0.0 }).collect();
        let estimate = mean_with_error(&scores).unwrap();
        assert!(close(estimate.value, 0.733_333_333_333_333_3));
        assert!(close(estimate.standard_error.unwrap(), 0.057_571_702_611_783_036));
    }

    #[test]
    fn too_few_scores_give_no_error_and_none_no_mean() {
        assert_eq!(mean_with_error(&[]), None);
        assert_eq!(mean_with_error(&[1.0]).unwrap().standard_error, None);
    }

    #[test]
    fn seeds_that_agree_add_no_certainty() {
        let once = vec![Some(1.0), Some(0.0), Some(1.0), Some(1.0)];
        let single = mean_with_error(&present(&once)).unwrap();
        assert_eq!(mean_over_seeds(&[once.clone(), once]).unwrap(), single);
    }

    #[test]
    fn a_sample_without_score_is_not_a_zero() {
        let estimate = mean_over_seeds(&[vec![Some(1.0), None, Some(1.0)]]).unwrap();
        assert!(close(estimate.value, 1.0));
        assert_eq!(mean_over_seeds(&[vec![None, None]]), None);
    }

    #[test]
    fn the_wilson_interval_of_none_right_is_not_empty() {
        // 0 of 10: upper bound z^2 / (n + z^2).
        let (low, high) = wilson_interval(0.0, 10.0);
        assert!(close(low, 0.0) && (high - 0.277_53).abs() < 1e-4, "{high}");
    }

    #[test]
    fn seeds_that_agree_make_no_interval_narrower() {
        let scores: Vec<Option<f64>> = (0..20).map(|index| Some(f64::from(index % 2))).collect();
        let mean = mean_over_seeds(&[scores.clone(), scores.clone(), scores.clone()]).unwrap();
        let (low, high) = clustered_interval(mean, scores.len());
        let (alone_low, alone_high) = wilson_interval(0.5, 20.0);
        assert!(low <= alone_low && high >= alone_high && low > 0.2, "{low} {high}");
        assert!(clustered_interval(Estimate::new(1.0, Some(0.0)), 20).0 < 0.9);
    }

    proptest! {
        #[test]
        fn the_wilson_interval_holds_the_proportion(count in 1_u32..5000, share in 0.0..=1.0_f64) {
            let proportion = (share * f64::from(count)).round() / f64::from(count);
            let (low, high) = wilson_interval(proportion, f64::from(count));
            prop_assert!(low <= proportion + 1e-12 && proportion <= high + 1e-12 && low < high);
        }
    }
}
