//! What the comparison of two checkpoints says about where the weights come from.

use std::path::Path;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::checkpoint::{Checkpoint, LineageError, Tensor};
use super::compare::{TensorComparison, compare};
use crate::item::KnownModel;
use crate::policy::LineageThresholds;

/// Where the weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineageClass {
    /// They are the base model's.
    Identical,
    /// They are the base model's with changes that training makes.
    FineTuned,
    /// They are those of another known model, or were trained from it.
    KnownModel,
    /// They have the base model's shapes and nothing else in common with it.
    Unrelated,
    /// They do not have the base model's tensors or shapes.
    Mismatch,
}

/// How far the weights are from a known model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KnownDistance {
    /// The known model.
    pub name: String,
    /// Frobenius norm of the difference over that of the known model; absent when the shapes differ.
    pub relative_delta: Option<f64>,
}

/// The lineage of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LineageReport {
    /// Where the weights come from.
    pub class: LineageClass,
    /// The known model they come from, for [`LineageClass::KnownModel`].
    pub origin: Option<String>,
    /// Share of the base's tensors that are the same in every element.
    pub identical_share: f64,
    /// Frobenius norm of the whole difference over that of the base.
    pub relative_delta: f64,
    /// Median cosine of the matrices, weighted by their elements.
    pub median_cosine: f64,
    /// Share of the matrices' elements that lie in matrices without anything in common with the base's.
    pub unrelated_share: f64,
    /// Tensors of the base that are missing.
    pub missing: Vec<String>,
    /// Tensors that the base does not have.
    pub extra: Vec<String>,
    /// Tensors of another shape.
    pub reshaped: Vec<String>,
    /// Tensors with NaN or infinite elements.
    pub not_finite: Vec<String>,
    /// Distances to the known models.
    pub known: Vec<KnownDistance>,
    /// Each tensor that both have.
    pub tensors: Vec<TensorComparison>,
}

/// Tells where the weights in `candidate` come from: the base model, one of the `known` models, or neither.
///
/// Both checkpoints are read once, in pieces; memory does not grow with their size.
pub fn lineage(
    base: &Path,
    candidate: &Path,
    known: &[KnownModel],
    thresholds: &LineageThresholds,
) -> Result<LineageReport, LineageError> {
    let submitted = Checkpoint::open(candidate)?;
    let mut report = against(base, candidate, &submitted, thresholds)?;
    for model in known {
        let distance = against(&model.folder, candidate, &submitted, thresholds)?;
        let comparable = distance.class != LineageClass::Mismatch && distance.class != LineageClass::Unrelated;
        let relative_delta = comparable.then_some(distance.relative_delta);
        report.known.push(KnownDistance { name: model.name.clone(), relative_delta });
    }
    if let Some(origin) = closer_origin(&report, thresholds) {
        report.class = LineageClass::KnownModel;
        report.origin = Some(origin);
    }
    Ok(report)
}

/// The known model that the weights are so much closer to than to the base that they must come from it.
fn closer_origin(report: &LineageReport, thresholds: &LineageThresholds) -> Option<String> {
    if report.class == LineageClass::Identical {
        return None;
    }
    let comparable = matches!(report.class, LineageClass::FineTuned);
    let to_base = if comparable { report.relative_delta } else { f64::INFINITY };
    let close = |delta: f64| delta <= to_base * thresholds.known_distance_ratio && delta < to_base;
    let distances = report.known.iter().filter_map(|known| known.relative_delta.map(|delta| (delta, &known.name)));
    distances.filter(|(delta, _)| close(*delta)).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.clone())
}

/// A tensor of the base and its counterpart.
struct Pair<'a> {
    name: &'a str,
    base: &'a Tensor,
    candidate: &'a Tensor,
    elements: u64,
}

fn against(
    base: &Path,
    candidate: &Path,
    submitted: &Checkpoint,
    thresholds: &LineageThresholds,
) -> Result<LineageReport, LineageError> {
    let original = Checkpoint::open(base)?;
    let mut report = empty_report();
    let pairs = pair_up(&original, submitted, &mut report);
    let compared: Result<Vec<_>, _> =
        pairs.par_iter().map(|pair| compare(pair.name, pair.base, pair.candidate, pair.elements)).collect();
    report.tensors = compared.map_err(|error| LineageError { path: candidate.to_owned(), problem: error.into() })?;
    report.summarise(original.tensors.len(), thresholds);
    Ok(report)
}

fn empty_report() -> LineageReport {
    LineageReport {
        class: LineageClass::Mismatch,
        origin: None,
        identical_share: 0.0,
        relative_delta: 0.0,
        median_cosine: 0.0,
        unrelated_share: 0.0,
        missing: Vec::new(),
        extra: Vec::new(),
        reshaped: Vec::new(),
        not_finite: Vec::new(),
        known: Vec::new(),
        tensors: Vec::new(),
    }
}

const HEAD: &str = "lm_head.weight";
const EMBEDDINGS: &str = "embed_tokens.weight";

/// Finds each tensor's counterpart and notes those without one. An output matrix that is tied to the embeddings may be
/// stored or left out: both mean the same.
fn pair_up<'a>(original: &'a Checkpoint, submitted: &'a Checkpoint, report: &mut LineageReport) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    for (name, base) in &original.tensors {
        let tied = || (name == HEAD).then(|| submitted.tensors.get(EMBEDDINGS)).flatten();
        match submitted.tensors.get(name).or_else(tied) {
            None if is_vision_part(name) => {}
            None => report.missing.push(name.clone()),
            Some(candidate) => match common_elements(base, candidate) {
                Some(elements) => pairs.push(Pair { name, base, candidate, elements }),
                None => report.reshaped.push(name.clone()),
            },
        }
    }
    for (name, candidate) in submitted.tensors.iter().filter(|(name, _)| !original.tensors.contains_key(*name)) {
        let tied = original.tensors.get(EMBEDDINGS).filter(|_| name == HEAD);
        match tied.and_then(|base| common_elements(base, candidate).map(|elements| (base, elements))) {
            Some((base, elements)) => pairs.push(Pair { name, base, candidate, elements }),
            None => report.extra.push(name.clone()),
        }
    }
    pairs
}

/// Whether a tensor belongs to the part of a multimodal model that a save of its text part leaves out.
fn is_vision_part(name: &str) -> bool {
    ["vision_tower.", "multi_modal_projector."].iter().any(|part| name.starts_with(part))
}

/// Elements that two tensors share: all, or the common rows of a matrix that tokens were added to or removed from.
fn common_elements(base: &Tensor, candidate: &Tensor) -> Option<u64> {
    if base.shape == candidate.shape {
        return Some(base.elements);
    }
    match (base.shape.as_slice(), candidate.shape.as_slice()) {
        ([rows, columns], [other_rows, other_columns]) if columns == other_columns => {
            let (fewer, more) = (rows.min(other_rows), rows.max(other_rows));
            // A few per cent of further tokens is a resized vocabulary, more is another matrix.
            (*more - *fewer <= *rows / 10).then(|| fewer * columns)
        }
        _ => None,
    }
}

impl LineageReport {
    fn summarise(&mut self, base_tensors: usize, thresholds: &LineageThresholds) {
        let squared = |of: fn(&TensorComparison) -> f64| self.tensors.iter().map(of).sum::<f64>();
        let base_squared = squared(|tensor| tensor.base_squared);
        let delta_squared = squared(|tensor| tensor.delta_squared);
        let identical = self.tensors.iter().filter(|tensor| tensor.identical).count();
        self.identical_share = identical as f64 / base_tensors.max(self.tensors.len()).max(1) as f64;
        self.relative_delta = if base_squared > 0.0 { (delta_squared / base_squared).sqrt() } else { 0.0 };
        let finite = self.tensors.iter().filter(|tensor| tensor.not_finite > 0);
        self.not_finite = finite.map(|tensor| tensor.name.clone()).collect();
        self.weigh_matrices(thresholds);
        self.class = self.classify(thresholds);
    }

    /// Median cosine and unrelated share over the matrices that are large enough to tell.
    fn weigh_matrices(&mut self, thresholds: &LineageThresholds) {
        let large = |tensor: &&TensorComparison| tensor.matrix && tensor.elements >= thresholds.least_elements as u64;
        let mut cosines: Vec<(f64, u64)> =
            self.tensors.iter().filter(large).map(|tensor| (tensor.cosine, tensor.elements)).collect();
        cosines.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: u64 = cosines.iter().map(|(_, elements)| elements).sum();
        if total == 0 {
            self.median_cosine = if self.identical_share >= 1.0 { 1.0 } else { 0.0 };
            return;
        }
        let unrelated = cosines.iter().filter(|(cosine, _)| *cosine < thresholds.unrelated_cosine);
        self.unrelated_share = unrelated.map(|(_, elements)| *elements).sum::<u64>() as f64 / total as f64;
        let mut passed = 0;
        let median = cosines.iter().find(|(_, elements)| {
            passed += elements;
            passed * 2 >= total
        });
        self.median_cosine = median.map_or(0.0, |(cosine, _)| *cosine);
    }

    fn classify(&self, thresholds: &LineageThresholds) -> LineageClass {
        if !self.missing.is_empty() || !self.reshaped.is_empty() || self.tensors.is_empty() {
            LineageClass::Mismatch
        } else if self.tensors.iter().all(|tensor| tensor.identical) && self.extra.is_empty() {
            LineageClass::Identical
        } else if self.unrelated_share >= thresholds.unrelated_share {
            LineageClass::Unrelated
        } else {
            LineageClass::FineTuned
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::super::checkpoint::tests::safetensors;
    use super::*;

    /// Numbers around zero that look random and depend on the seed only.
    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 40) as f32 / 8_388_608.0 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn model(values: impl Fn(u64, usize) -> Vec<f32>) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (values(1, 2048), values(2, 1024));
        let content =
            safetensors(&[("a.weight", &[32, 64], &a), ("b.weight", &[32, 32], &b), ("norm", &[4], &[1.0; 4])]);
        fs::write(folder.path().join("model.safetensors"), content).unwrap();
        folder
    }

    fn tuned(by: f32) -> TempDir {
        model(move |seed, count| {
            noise(seed, count).iter().zip(noise(seed + 70, count)).map(|(base, delta)| base + by * delta).collect()
        })
    }

    fn told(candidate: &TempDir, known: &[KnownModel]) -> LineageReport {
        let base = model(noise);
        lineage(base.path(), candidate.path(), known, &LineageThresholds::default()).unwrap()
    }

    #[test]
    fn a_copy_is_identical() {
        let report = told(&model(noise), &[]);
        assert_eq!(report.class, LineageClass::Identical);
        assert!((report.identical_share - 1.0).abs() < 1e-12);
    }

    #[test]
    fn light_and_heavy_fine_tunes_are_fine_tunes() {
        for by in [1e-4, 0.1, 1.0, 1.5] {
            let report = told(&tuned(by), &[]);
            assert_eq!(report.class, LineageClass::FineTuned, "{by}");
            assert!((report.relative_delta - f64::from(by)).abs() < 0.05 * f64::from(by), "{}", report.relative_delta);
        }
    }

    #[test]
    fn another_model_of_the_same_shape_is_unrelated() {
        let report = told(&model(|seed, count| noise(seed + 500, count)), &[]);
        assert_eq!(report.class, LineageClass::Unrelated);
        assert!(report.median_cosine.abs() < 0.1);
    }

    #[test]
    fn a_fine_tune_of_a_known_model_names_it() {
        let sibling = tuned(0.2);
        let known = [KnownModel { name: "sibling".to_owned(), folder: sibling.path().to_owned() }];
        let copied = told(&tuned(0.2), &known);
        assert_eq!((copied.class, copied.origin.as_deref()), (LineageClass::KnownModel, Some("sibling")));
        assert_eq!(told(&tuned(0.02), &known).class, LineageClass::FineTuned);
    }

    #[test]
    fn missing_and_reshaped_tensors_are_a_mismatch() {
        let folder = tempfile::tempdir().unwrap();
        let content = safetensors(&[("a.weight", &[64, 32], &noise(1, 2048)), ("norm", &[4], &[1.0; 4])]);
        fs::write(folder.path().join("model.safetensors"), content).unwrap();
        let report = told(&folder, &[]);
        assert_eq!(report.class, LineageClass::Mismatch);
        assert_eq!((report.missing, report.reshaped), (vec!["b.weight".to_owned()], vec!["a.weight".to_owned()]));
    }

    #[test]
    fn weights_that_are_no_numbers_are_named() {
        let candidate = model(|seed, count| {
            let mut values = noise(seed, count);
            values[3] = if seed == 2 { f32::NAN } else { values[3] };
            values
        });
        assert_eq!(told(&candidate, &[]).not_finite, ["b.weight"]);
    }

    #[test]
    fn shards_and_number_formats_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let half = |values: Vec<f32>| -> Vec<u8> {
            values.iter().flat_map(|value| half::bf16::from_f32(*value).to_le_bytes()).collect()
        };
        let bytes = half(noise(2, 1024));
        let header = format!(r#"{{"b.weight":{{"dtype":"BF16","shape":[32,32],"data_offsets":[0,{}]}}}}"#, bytes.len());
        let shard = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &bytes].concat();
        fs::write(folder.path().join("2.safetensors"), shard).unwrap();
        let first = safetensors(&[("a.weight", &[32, 64], &noise(1, 2048)), ("norm", &[4], &[1.0; 4])]);
        fs::write(folder.path().join("1.safetensors"), first).unwrap();
        let index =
            r#"{"weight_map": {"a.weight": "1.safetensors", "norm": "1.safetensors", "b.weight": "2.safetensors"}}"#;
        fs::write(folder.path().join("model.safetensors.index.json"), index).unwrap();
        let report = told(&folder, &[]);
        assert_eq!(report.class, LineageClass::FineTuned);
        assert!(report.relative_delta < 5e-3, "{}", report.relative_delta);
    }
}
