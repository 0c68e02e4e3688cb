//! What is trained: all weights of a model, or low-rank updates of chosen projections.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::cross_entropy::cross_entropy;
use super::error::TrainError;
use super::parameters::{Gradients, Parameters};
use super::rows::MicroBatch;
use crate::config::DecoderConfig;
use crate::decoder::{Decoder, LowRank, PROJECTIONS, TensorMap};

/// Low-rank adaptation (Hu et al., "LoRA", 2021) of a model's projections.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraOptions {
    /// Rank of each update.
    pub rank: usize,
    /// The update is scaled by alpha / rank.
    pub alpha: f64,
    /// Endings of the projections' names, such as `q_proj`; empty means all seven.
    pub targets: Vec<String>,
}

/// A model with the part of it that is trained.
#[derive(Debug, Clone)]
pub(super) struct Trainable {
    config: DecoderConfig,
    /// The weights that stay as they are; empty when all are trained.
    frozen: TensorMap,
    /// Scale of the low-rank updates; none when all weights are trained.
    scale: Option<f64>,
    pub(super) parameters: Parameters,
}

const DOWN: &str = ".lora_A.weight";
const UP: &str = ".lora_B.weight";

impl Trainable {
    /// Trains every weight.
    pub(super) fn full(config: &DecoderConfig, tensors: &TensorMap) -> Result<Self, TrainError> {
        let parameters = Parameters::new(tensors)?;
        Ok(Self { config: config.clone(), frozen: TensorMap::new(), scale: None, parameters })
    }

    /// Trains low-rank updates that are zero at first; `seed` draws their inner half.
    pub(super) fn low_rank(
        config: &DecoderConfig,
        tensors: TensorMap,
        lora: &LoraOptions,
        seed: u64,
    ) -> Result<Self, TrainError> {
        lora.check(config)?;
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut updates = TensorMap::new();
        for module in lora.modules(&tensors) {
            let (outputs, inputs) = tensors[&format!("{module}.weight")].dims2()?;
            let bound = (3.0 / inputs as f32).sqrt();
            let down = uniform(&mut random, lora.rank * inputs, bound);
            updates.insert(format!("{module}{DOWN}"), Tensor::from_vec(down, (lora.rank, inputs), &Device::Cpu)?);
            updates.insert(format!("{module}{UP}"), Tensor::zeros((outputs, lora.rank), DTYPE, &Device::Cpu)?);
        }
        let scale = Some(lora.alpha / lora.rank as f64);
        Ok(Self { config: config.clone(), frozen: tensors, scale, parameters: Parameters::new(&updates)? })
    }

    /// The decoder with the given tensors in the place of the parameters.
    fn decoder(&self, trained: &TensorMap) -> Result<Decoder, TrainError> {
        let Some(scale) = self.scale else { return Ok(Decoder::new(&self.config, trained)?) };
        let mut low_rank = BTreeMap::new();
        for (name, down) in trained {
            let Some(module) = name.strip_suffix(DOWN) else { continue };
            let up = trained[&format!("{module}{UP}")].clone();
            low_rank.insert(module.to_owned(), LowRank { down: down.clone(), up, scale });
        }
        Ok(Decoder::with_low_rank(&self.config, &self.frozen, &low_rank)?)
    }

    /// The model's weights with any updates merged in.
    pub(super) fn merged(&self) -> Result<TensorMap, TrainError> {
        let trained = self.parameters.tensors()?;
        if self.scale.is_none() { Ok(trained) } else { Ok(self.decoder(&trained)?.merged_weights()?) }
    }

    /// The loss of a micro-batch, times `scale`, and its gradient for every parameter.
    pub(super) fn gradients(
        &self,
        variables: &[Var],
        batch: &MicroBatch,
        scale: f32,
    ) -> Result<(f64, Gradients), TrainError> {
        let names = self.parameters.0.iter().map(|parameter| parameter.name.clone());
        let trained = names.zip(variables).map(|(name, var)| (name, var.as_tensor().clone())).collect();
        let decoder = self.decoder(&trained)?;
        let tokens = Tensor::from_slice(&batch.tokens, (batch.rows, batch.length), &Device::Cpu)?;
        let states = decoder.hidden(&tokens)?.flatten_to(1)?;
        // Logits are the widest tensor by far: they are computed only where a token is learned.
        let positions = Tensor::from_slice(&batch.positions, batch.positions.len(), &Device::Cpu)?;
        let logits = decoder.project(&states.index_select(&positions, 0)?)?;
        let loss = cross_entropy(&logits, batch.targets.clone(), scale)?;
        let gradients = loss.backward()?;
        let gradient = |var: &Var| match gradients.get(var.as_tensor()) {
            Some(gradient) => Ok(gradient.flatten_all()?.to_vec1::<f32>()?),
            None => Ok(vec![0.0; var.elem_count()]),
        };
        let gradients = variables.iter().map(gradient).collect::<Result<_, TrainError>>()?;
        Ok((f64::from(loss.to_scalar::<f32>()?), gradients))
    }
}

const DTYPE: candle_core::DType = candle_core::DType::F32;

/// Evenly spread numbers between -bound and bound.
fn uniform(random: &mut ChaCha8Rng, count: usize, bound: f32) -> Vec<f32> {
    let unit = |bits: u32| (bits >> 8) as f32 / (1_u32 << 23) as f32 - 1.0;
    (0..count).map(|_| bound * unit(random.next_u32())).collect()
}

impl LoraOptions {
    fn check(&self, config: &DecoderConfig) -> Result<(), TrainError> {
        let most = config.hidden_size;
        if !(1..=most).contains(&self.rank) {
            return Err(TrainError::setting("lora rank", self.rank, format!("between 1 and {most}")));
        }
        if !self.alpha.is_finite() || self.alpha <= 0.0 {
            return Err(TrainError::setting("lora alpha", self.alpha, "a positive number"));
        }
        let known = |target: &String| PROJECTIONS.iter().any(|name| name.ends_with(target.as_str()));
        match self.targets.iter().find(|target| target.is_empty() || !known(target)) {
            Some(target) => {
                Err(TrainError::setting("lora target", target, format!("one of {}", PROJECTIONS.join(", "))))
            }
            None => Ok(()),
        }
    }

    /// The names of the adapted modules, in order.
    fn modules(&self, tensors: &TensorMap) -> Vec<String> {
        let wanted = |module: &str| {
            PROJECTIONS.iter().any(|name| module.ends_with(name))
                && (self.targets.is_empty() || self.targets.iter().any(|target| module.ends_with(target.as_str())))
        };
        tensors
            .keys()
            .filter_map(|name| name.strip_suffix(".weight"))
            .filter(|name| wanted(name))
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::tiny;
    use crate::decoder::random_weights;
    use crate::train::parameters::AdamW;
    use crate::train::rows::Row;

    fn batch() -> MicroBatch {
        let row = Row { tokens: vec![3, 1, 4, 1, 5], learned: vec![false, false, true, true, true] };
        MicroBatch::new(&[&row])
    }

    fn lora() -> LoraOptions {
        LoraOptions { rank: 2, alpha: 4.0, targets: Vec::new() }
    }

    fn loss(model: &Trainable) -> Result<f64, TrainError> {
        Ok(model.gradients(&model.parameters.variables()?, &batch(), 1.0)?.0)
    }

    #[test]
    fn untrained_low_rank_updates_change_nothing() -> Result<(), TrainError> {
        let weights = random_weights(&tiny(), 1)?;
        let plain = Trainable::full(&tiny(), &weights)?;
        let adapted = Trainable::low_rank(&tiny(), weights, &lora(), 3)?;
        assert!((loss(&plain)? - loss(&adapted)?).abs() < f64::EPSILON);
        Ok(())
    }

    #[test]
    fn trained_low_rank_updates_merge_into_the_same_model() -> Result<(), TrainError> {
        let mut adapted = Trainable::low_rank(&tiny(), random_weights(&tiny(), 1)?, &lora(), 3)?;
        let before = loss(&adapted)?;
        for step in 0..5 {
            let (_, gradients) = adapted.gradients(&adapted.parameters.variables()?, &batch(), 1.0)?;
            adapted.parameters.update(&gradients, 1.0, 1e-2, step, &AdamW::default());
        }
        let trained = loss(&adapted)?;
        let merged = loss(&Trainable::full(&tiny(), &adapted.merged()?)?)?;
        assert!(trained < before && (trained - merged).abs() < 1e-4 * trained, "{before} {trained} {merged}");
        Ok(())
    }
}
