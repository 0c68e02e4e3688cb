//! Fine-tuning of the micro base model through the public interface.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ptb_engine::checkpoint::Checkpoint;
use ptb_engine::train::{FinetuneOptions, LoraOptions, Summary, TrainError, finetune};
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;

type Outcome = Result<(), Box<dyn Error>>;

/// A folder with the base model and a training set of a few problems.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let folder = TempDir::new()?;
        ptb_micro::write_base_model(&folder.path().join("base"))?;
        fs::write(folder.path().join("train.jsonl"), ptb_micro::micro_math_chat(12, 7))?;
        Ok(Self { folder })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Settings for three epochs of three steps.
    fn options(&self, out: &str) -> FinetuneOptions {
        let new = FinetuneOptions::new(self.path("base"), self.path("train.jsonl"), self.path(out));
        FinetuneOptions { epochs: 3.0, batch_size: 4, micro_batch_size: 2, seed: 5, ..new }
    }

    /// What training on a file with this content is refused with.
    fn refusal(&self, content: &[u8]) -> Result<String, Box<dyn Error>> {
        fs::write(self.path("bad.jsonl"), content)?;
        let options = FinetuneOptions { data: self.path("bad.jsonl"), ..self.options("refused") };
        let error = finetune(&options, |_| {}).err().ok_or("training should have failed")?;
        assert!(!options.out.exists(), "a failed run leaves nothing behind");
        Ok(error.to_string())
    }
}

/// What the run did, and the bytes of the trained weights.
fn train(options: &FinetuneOptions) -> Result<(Summary, Vec<u8>), Box<dyn Error>> {
    let summary = finetune(options, |_| {})?;
    Ok((summary, weights(&options.out)?))
}

fn weights(model: &Path) -> std::io::Result<Vec<u8>> {
    fs::read(model.join("model.safetensors"))
}

#[test]
fn a_few_examples_are_learned_by_heart() -> Outcome {
    let bench = Bench::new()?;
    let options = FinetuneOptions { epochs: 12.0, ..bench.options("out") };
    let mut reported = Vec::new();
    let summary = finetune(&options, |progress| reported.push(*progress))?;
    assert!(summary.last_loss < 0.3 * summary.first_loss, "{summary:?}");
    assert_eq!((summary.rows, summary.steps, summary.truncated), (12, 36, 0));
    assert_eq!((reported.len(), reported[35].step, reported[35].total), (36, 36, 36));
    Ok(())
}

#[test]
fn the_result_is_a_checkpoint_with_the_files_and_the_number_format_of_the_base() -> Outcome {
    let bench = Bench::new()?;
    let (_, trained) = train(&bench.options("out"))?;
    let base = weights(&bench.path("base"))?;
    assert_ne!(trained, base);
    assert_eq!(trained.len(), base.len());
    for name in ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"] {
        assert_eq!(fs::read(bench.path("out").join(name))?, fs::read(bench.path("base").join(name))?, "{name}");
    }
    Checkpoint::open(&bench.path("out"))?.weights()?;
    Ok(())
}

#[test]
fn the_seed_decides_every_byte() -> Outcome {
    let bench = Bench::new()?;
    let (_, first) = train(&bench.options("first"))?;
    let (_, again) = train(&bench.options("again"))?;
    let (_, other) = train(&FinetuneOptions { seed: 6, ..bench.options("other") })?;
    assert!(first == again && first != other);
    Ok(())
}

#[test]
fn the_number_of_threads_changes_nothing() -> Outcome {
    let bench = Bench::new()?;
    let (_, one) = train(&FinetuneOptions { threads: 1, micro_batch_size: 1, ..bench.options("one") })?;
    let (_, three) = train(&FinetuneOptions { threads: 3, micro_batch_size: 1, ..bench.options("three") })?;
    assert!(one == three);
    Ok(())
}

#[test]
fn low_rank_training_changes_only_the_chosen_projections() -> Outcome {
    let bench = Bench::new()?;
    let lora = LoraOptions { rank: 4, alpha: 8.0, targets: vec!["q_proj".to_owned(), "v_proj".to_owned()] };
    let (summary, _) = train(&FinetuneOptions { lora: Some(lora), ..bench.options("out") })?;
    assert_eq!(summary.trained_weights, 4 * 4 * (128 + 128 + 128 + 64));
    let (base, trained) = (Checkpoint::open(&bench.path("base"))?, Checkpoint::open(&bench.path("out"))?);
    let trained = trained.weights()?;
    for (name, before) in base.weights()? {
        let same = before.flatten_all()?.to_vec1::<f32>()? == trained[&name].flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(same, !name.contains("q_proj") && !name.contains("v_proj"), "{name}");
    }
    Ok(())
}

/// Type and bytes of tensors by their names.
type Stored = BTreeMap<String, (Dtype, Vec<u8>)>;

/// Every tensor of a checkpoint in one or several files.
fn stored(model: &Path) -> Result<Stored, Box<dyn Error>> {
    let mut tensors = BTreeMap::new();
    for entry in fs::read_dir(model)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "safetensors") {
            let bytes = fs::read(path)?;
            for (name, view) in SafeTensors::deserialize(&bytes)?.tensors() {
                tensors.insert(name, (view.dtype(), view.data().to_vec()));
            }
        }
    }
    Ok(tensors)
}

#[test]
fn every_architecture_is_trained_and_keeps_names_types_and_other_parts() -> Outcome {
    let rows: String = (0..8).map(|number| ptb_micro::chat_row(&format!("{number}?"), &format!("{number}!"))).collect();
    for (name, lora) in [
        ("qwen3_window", false),
        ("smollm3", false),
        ("smollm3_window", true),
        ("gemma3_text", true),
        ("gemma3_old", false),
        ("gemma3_new", true),
    ] {
        let bench = Bench::new()?;
        fs::write(bench.path("train.jsonl"), &rows)?;
        let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
        let lora = lora.then(|| LoraOptions { rank: 4, alpha: 8.0, targets: Vec::new() });
        let options =
            FinetuneOptions { base: base.clone(), epochs: 5.0, learning_rate: 2e-2, lora, ..bench.options("out") };
        let summary = finetune(&options, |_| {})?;
        assert!(summary.last_loss < 0.98 * summary.first_loss, "{name}: {summary:?}");
        let (before, after) = (stored(&base)?, stored(&options.out)?);
        assert!(before.keys().eq(after.keys()), "{name}");
        for (tensor, (dtype, bytes)) in &before {
            let (trained_dtype, trained) = &after[tensor];
            assert_eq!(trained_dtype, dtype, "{name}: {tensor}");
            let is_other = tensor.contains("vision_tower") || tensor.contains("multi_modal");
            let is_trained = !is_other && (options.lora.is_none() || tensor.ends_with("_proj.weight"));
            assert_eq!(trained != bytes, is_trained, "{name}: {tensor}");
        }
        assert_eq!(fs::read(base.join("config.json"))?, fs::read(options.out.join("config.json"))?);
        Checkpoint::open(&options.out)?.weights()?;
    }
    Ok(())
}

#[test]
fn a_run_that_was_cut_off_goes_on_to_the_same_end() -> Outcome {
    let bench = Bench::new()?;
    let (_, undisturbed) = train(&bench.options("undisturbed"))?;
    let options = FinetuneOptions { checkpoint_every: Some(2), resume: true, ..bench.options("resumed") };
    let cut_off = std::panic::catch_unwind(|| finetune(&options, |progress| assert!(progress.step < 6, "cut off")));
    assert!(cut_off.is_err() && bench.path("resumed.checkpoints/step-4").is_dir());

    let changed = FinetuneOptions { learning_rate: 1.0, ..options.clone() };
    assert!(matches!(finetune(&changed, |_| {}), Err(TrainError::Resume { .. })));

    let mut steps = Vec::new();
    finetune(&options, |progress| steps.push(progress.step))?;
    assert_eq!(steps, [5, 6, 7, 8, 9]);
    assert!(weights(&options.out)? == undisturbed);
    assert!(!bench.path("resumed.checkpoints").exists());
    Ok(())
}

#[test]
fn a_bad_row_is_named_by_file_and_line() -> Outcome {
    let bench = Bench::new()?;
    let good = ptb_micro::chat_row("Q", "A");
    for (row, reason) in [
        ("not json", "expected {\"messages\""),
        ("{\"text\": \"x\"}", "expected {\"messages\""),
        (r#"{"messages": []}"#, "no turn of the assistant"),
        (r#"{"messages": [{"role": "user", "content": "Q"}]}"#, "no turn of the assistant"),
        (r#"{"messages": [{"role": "robot", "content": "Q"}]}"#, "the role of message 0 is robot"),
        (r#"{"messages": [{"role": "assistant", "content": 3}]}"#, "no text"),
        (r#"{"messages": [{"role": "assistant", "content": "a<|im_end|>b"}]}"#, "control token <|im_end|>"),
    ] {
        let message = bench.refusal(format!("{good}\n{row}\n").as_bytes())?;
        assert!(message.contains("bad.jsonl:3: ") && message.contains(reason), "{row}: {message}");
    }
    let huge = format!("{good}{}", "x".repeat(5 << 20));
    assert!(bench.refusal(huge.as_bytes())?.contains("bad.jsonl:2: the line is longer than"));
    assert!(bench.refusal(b"\xff\xfe\n")?.contains("bad.jsonl:1: the line is not UTF-8"));
    assert!(bench.refusal(b"\n \n")?.contains("has no rows"));
    Ok(())
}

#[test]
fn rows_that_lose_their_end_are_counted() -> Outcome {
    let bench = Bench::new()?;
    let (summary, _) = train(&FinetuneOptions { max_length: 42, ..bench.options("out") })?;
    assert!(summary.truncated > 0 && summary.dropped + summary.rows == 12, "{summary:?}");
    let options = FinetuneOptions { max_length: 5, ..bench.options("nothing") };
    assert!(matches!(finetune(&options, |_| {}), Err(TrainError::Setting { name: "max_length", .. })));
    Ok(())
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() -> Outcome {
    let bench = Bench::new()?;
    let options = FinetuneOptions { learning_rate: 1e30, ..bench.options("out") };
    assert!(matches!(finetune(&options, |_| {}), Err(TrainError::NotFinite { .. })));
    assert!(!options.out.exists());
    Ok(())
}

#[test]
fn settings_that_cannot_work_are_named() -> Outcome {
    let bench = Bench::new()?;
    let options = bench.options("out");
    let lora = |rank, target: &str| Some(LoraOptions { rank, alpha: 1.0, targets: vec![target.to_owned()] });
    for (name, bad) in [
        ("batch_size", FinetuneOptions { batch_size: 0, ..options.clone() }),
        ("epochs", FinetuneOptions { epochs: f64::NAN, ..options.clone() }),
        ("warmup_share", FinetuneOptions { warmup_share: 2.0, ..options.clone() }),
        ("lora rank", FinetuneOptions { lora: lora(0, "q_proj"), ..options.clone() }),
        ("lora target", FinetuneOptions { lora: lora(4, "lm_head"), ..options.clone() }),
        ("output folder", FinetuneOptions { out: bench.path("base"), ..options.clone() }),
    ] {
        match finetune(&bad, |_| {}) {
            Err(TrainError::Setting { name: named, .. }) => assert_eq!(named, name),
            other => return Err(format!("{name}: {other:?}").into()),
        }
    }
    let missing = FinetuneOptions { base: bench.path("absent"), ..options };
    assert!(matches!(finetune(&missing, |_| {}), Err(TrainError::Model { .. })));
    Ok(())
}
