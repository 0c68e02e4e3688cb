//! Means, standard errors and deviations, with the model behind each.
//!
//! | number | formula | assumption |
//! |---|---|---|
//! | mean of cells | Σ xᵢ / n | every task weighs the same |
//! | standard error of that mean | √(Σ sᵢ²) / n | the cells' evaluations are independent |
//! | deviation over replicates | √(Σ (xⱼ − x̄)² / (r − 1)) | replicates are independent passes; none for r = 1 |

use ptb_core::evaluation::Estimate;
use serde::Serialize;

/// What the number after ± means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Spread {
    /// Standard error of one evaluation: how far another draw of test items could move the number.
    StandardError(f64),
    /// Sample standard deviation over replicates: how far another pass of the agent could move it.
    Deviation(f64),
}

impl Spread {
    /// The number itself.
    pub fn value(self) -> f64 {
        match self {
            Spread::StandardError(value) | Spread::Deviation(value) => value,
        }
    }
}

/// A number, how sure it is, and over how many replicates it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// The mean.
    pub value: f64,
    /// How sure it is; absent where that cannot be known.
    pub spread: Option<Spread>,
    /// Replicates behind the mean.
    pub replicates: usize,
}

/// Mean; none of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample standard deviation (divisor n − 1); none below two values.
pub fn sample_deviation(values: &[f64]) -> Option<f64> {
    let center = mean(values).filter(|_| values.len() > 1)?;
    let squares: f64 = values.iter().map(|value| (value - center).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Replicates of one number: the single estimate with its standard error, or mean and deviation over several.
pub fn over_replicates(estimates: &[Estimate]) -> Option<Summary> {
    let values: Vec<f64> = estimates.iter().map(|estimate| estimate.value).collect();
    let spread = match estimates {
        [only] => only.standard_error.map(Spread::StandardError),
        _ => sample_deviation(&values).map(Spread::Deviation),
    };
    Some(Summary { value: mean(&values)?, spread, replicates: values.len() })
}

/// Mean of independent estimates, with its standard error when each has one.
pub fn mean_of_independent(estimates: &[Estimate]) -> Option<Estimate> {
    let values: Vec<f64> = estimates.iter().map(|estimate| estimate.value).collect();
    let errors: Option<Vec<f64>> = estimates.iter().map(|estimate| estimate.standard_error).collect();
    let standard_error =
        errors.map(|errors| errors.iter().map(|error| error * error).sum::<f64>().sqrt() / values.len() as f64);
    Some(Estimate::new(mean(&values)?, standard_error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(value: f64, standard_error: f64) -> Estimate {
        Estimate::new(value, Some(standard_error))
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-12
    }

    #[test]
    fn a_single_replicate_has_a_standard_error_and_no_deviation() {
        let summary = over_replicates(&[estimate(0.5, 0.1)]).unwrap();
        assert_eq!(summary, Summary { value: 0.5, spread: Some(Spread::StandardError(0.1)), replicates: 1 });
        assert_eq!(sample_deviation(&[0.5]), None);
        assert_eq!(over_replicates(&[]), None);
    }

    #[test]
    fn several_replicates_have_the_sample_deviation() {
        let summary = over_replicates(&[estimate(0.1, 9.0), estimate(0.2, 9.0), estimate(0.6, 9.0)]).unwrap();
        assert!(close(summary.value, 0.3));
        // Squares 0.04 + 0.01 + 0.09 over 2.
        assert!(matches!(summary.spread, Some(Spread::Deviation(value)) if close(value, 0.07_f64.sqrt())));
    }

    #[test]
    fn errors_of_independent_cells_add_in_squares() {
        let combined = mean_of_independent(&[estimate(0.2, 0.03), estimate(0.4, 0.04)]).unwrap();
        assert!(close(combined.value, 0.3));
        assert!(close(combined.standard_error.unwrap(), 0.025));
    }

    #[test]
    fn one_unknown_error_makes_the_error_of_the_mean_unknown() {
        let unknown = Estimate::new(0.4, None);
        assert_eq!(mean_of_independent(&[estimate(0.2, 0.03), unknown]).unwrap().standard_error, None);
    }
}
