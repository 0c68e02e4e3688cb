//! Trainable weights and the AdamW optimiser.

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use super::error::TrainError;
use crate::decoder::TensorMap;

/// Constants of AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", 2019).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Decay of the running mean of gradients.
    pub beta1: f64,
    /// Decay of the running mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the second mean.
    pub eps: f64,
    /// Pull towards zero, times the learning rate. Normalisation weights are exempt.
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.01 }
    }
}

/// One trainable tensor with its optimiser state: three single-precision numbers for each weight.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) square: Vec<f32>,
}

/// All trainable tensors in a fixed order.
#[derive(Debug, Clone)]
pub(super) struct Parameters(pub(super) Vec<Parameter>);

/// One gradient for each parameter, in the same order.
pub(super) type Gradients = Vec<Vec<f32>>;

impl Parameters {
    /// The tensors of a map, with a fresh optimiser state.
    pub(super) fn new(tensors: &TensorMap) -> Result<Self, TrainError> {
        let parameter = |(name, tensor): (&String, &Tensor)| {
            let values = tensor.flatten_all()?.to_vec1::<f32>()?;
            let zeros = vec![0.0; values.len()];
            let shape = tensor.dims().to_vec();
            Ok(Parameter { name: name.clone(), shape, values, mean: zeros.clone(), square: zeros })
        };
        tensors.iter().map(parameter).collect::<Result<_, _>>().map(Self)
    }

    /// The weights as variables that one backward pass can be run against.
    pub(super) fn variables(&self) -> Result<Vec<Var>, TrainError> {
        let variable = |parameter: &Parameter| {
            let tensor = Tensor::from_slice(&parameter.values, parameter.shape.as_slice(), &Device::Cpu)?;
            Ok(Var::from_tensor(&tensor)?)
        };
        self.0.iter().map(variable).collect()
    }

    /// The weights as tensors by name.
    pub(super) fn tensors(&self) -> Result<TensorMap, TrainError> {
        let variables = self.variables()?;
        Ok(self.0.iter().zip(variables).map(|(p, var)| (p.name.clone(), var.as_tensor().clone())).collect())
    }

    /// One AdamW update; `step` counts from 0. Each tensor is a task of its own for the current thread pool.
    pub(super) fn update(&mut self, gradients: &Gradients, clip: f32, rate: f64, step: usize, adam: &AdamW) {
        let corrections = [adam.beta1, adam.beta2].map(|beta| 1.0 - beta.powi(step as i32 + 1));
        self.0.par_iter_mut().zip(gradients.par_iter()).for_each(|(parameter, gradient)| {
            let decay = if parameter.shape.len() > 1 { (rate * adam.weight_decay) as f32 } else { 0.0 };
            parameter.update(gradient, clip, decay, rate, corrections, adam);
        });
    }
}

impl Parameter {
    fn update(&mut self, gradient: &[f32], clip: f32, decay: f32, rate: f64, corrections: [f64; 2], adam: &AdamW) {
        let (beta1, beta2) = (adam.beta1 as f32, adam.beta2 as f32);
        // Folding both corrections into rate and eps leaves one root and one division for each weight.
        let root = corrections[1].sqrt();
        let (rate, eps) = ((rate * root / corrections[0]) as f32, (adam.eps * root) as f32);
        let state = self.mean.iter_mut().zip(&mut self.square);
        for ((value, (mean, square)), gradient) in self.values.iter_mut().zip(state).zip(gradient) {
            let gradient = gradient * clip;
            *mean = beta1 * *mean + (1.0 - beta1) * gradient;
            *square = beta2 * *square + (1.0 - beta2) * gradient * gradient;
            *value -= decay * *value + rate * *mean / (square.sqrt() + eps);
        }
    }
}

/// Adds gradients in the order given, so that the sum does not depend on how many threads computed them.
pub(super) fn add_all(sum: &mut Gradients, parts: &[Gradients]) {
    sum.par_iter_mut().enumerate().for_each(|(index, sum)| {
        for part in parts {
            for (sum, value) in sum.iter_mut().zip(&part[index]) {
                *sum += value;
            }
        }
    });
}

/// The length of all gradients together as one vector.
pub(super) fn global_norm(gradients: &Gradients) -> f64 {
    let squares = |values: &Vec<f32>| {
        values.chunks(1024).map(|block| f64::from(block.iter().map(|x| x * x).sum::<f32>())).sum::<f64>()
    };
    gradients.par_iter().map(squares).collect::<Vec<_>>().into_iter().sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(values: &[f32]) -> Parameters {
        let tensor = Tensor::from_slice(values, (1, values.len()), &Device::Cpu).expect("the shape fits");
        Parameters::new(&TensorMap::from([("w".to_owned(), tensor)])).expect("single precision")
    }

    /// The first update of Adam has the size of the learning rate, whatever the gradient's.
    #[test]
    fn the_first_update_moves_by_the_learning_rate_against_the_gradient() {
        let adam = AdamW { weight_decay: 0.0, ..AdamW::default() };
        let mut parameters = parameters(&[1.0, 1.0]);
        parameters.update(&vec![vec![1e-3, -50.0]], 1.0, 0.1, 0, &adam);
        let values = &parameters.0[0].values;
        assert!((values[0] - 0.9).abs() < 1e-4 && (values[1] - 1.1).abs() < 1e-4, "{values:?}");
    }

    #[test]
    fn decay_pulls_matrices_to_zero_without_a_gradient() {
        let adam = AdamW { weight_decay: 0.5, ..AdamW::default() };
        let mut parameters = parameters(&[2.0]);
        parameters.update(&vec![vec![0.0]], 1.0, 0.1, 0, &adam);
        assert!((parameters.0[0].values[0] - 1.9).abs() < 1e-6);
    }

    #[test]
    fn the_global_norm_is_that_of_one_long_vector() {
        assert!((global_norm(&vec![vec![3.0], vec![0.0, 4.0]]) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn gradients_add_up() {
        let mut sum = vec![vec![1.0, 2.0]];
        add_all(&mut sum, &[vec![vec![10.0, 0.0]], vec![vec![0.5, 0.25]]]);
        assert_eq!(sum, [[11.5, 2.25]]);
    }
}
