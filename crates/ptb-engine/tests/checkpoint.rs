//! Checkpoint folders that are broken or hostile are refused with the file, the cause and what to do.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use ptb_engine::checkpoint::{Checkpoint, CheckpointError, Problem};
use ptb_engine::config::ConfigError;
use ptb_engine::decoder::DecoderError;
use ptb_engine::generate::{CachedDecoder, SequenceCache, Step};
use serde_json::{Value, json};
use tempfile::TempDir;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A copy of a golden checkpoint that a test may damage.
struct Copy(TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let copy = Self(tempfile::tempdir().unwrap());
        for entry in fs::read_dir(golden(name)).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path(entry.file_name().to_str().unwrap())).unwrap();
        }
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn change_json(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let mut value = serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap();
        change(&mut value);
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    fn change_bytes(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = fs::read(self.path(name)).unwrap();
        change(&mut bytes);
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Opens and loads everything; returns the error after checking that it names `file`.
    fn error(&self, file: &str) -> Problem {
        let error = Checkpoint::open(self.0.path()).and_then(|checkpoint| checkpoint.weights()).unwrap_err();
        assert!(error.path.ends_with(file), "{error}");
        error.problem
    }
}

/// Where the data of the safetensors header's first tensor begins in a file.
fn data_start(bytes: &[u8]) -> usize {
    8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

#[test]
fn whole_checkpoints_are_loaded() {
    for name in ["tied", "untied", "sharded"] {
        let checkpoint = Checkpoint::open(&golden(name)).unwrap();
        let weights = checkpoint.weights().unwrap();
        assert_eq!(weights.contains_key("lm_head.weight"), name != "tied");
        assert_eq!(checkpoint.generation().eos_token_ids(), Some(vec![258, 256]));
        assert_eq!(checkpoint.tokenizer().token_to_id("<|im_end|>"), Some(258));
        assert!(checkpoint.surplus_tensors().is_empty());
    }
}

#[test]
fn checkpoints_of_every_architecture_are_loaded() {
    for (name, tensor) in [
        ("qwen3_window", "model.layers.2.self_attn.o_proj.bias"),
        ("smollm3", "model.layers.3.mlp.up_proj.weight"),
        ("smollm3_window", "model.layers.3.mlp.down_proj.bias"),
        ("gemma3_text", "model.layers.3.post_feedforward_layernorm.weight"),
        ("gemma3_old", "model.layers.5.pre_feedforward_layernorm.weight"),
        ("gemma3_new", "lm_head.weight"),
    ] {
        let checkpoint = Checkpoint::open(&golden(name)).unwrap();
        assert!(checkpoint.weights().unwrap().contains_key(tensor), "{name}");
        assert_eq!(checkpoint.surplus_tensors(), [""; 0], "{name}");
    }
}

#[test]
fn a_tensor_missing_inside_of_a_larger_model_is_named_as_in_the_file() {
    for (name, tensor) in [
        ("gemma3_old", "language_model.model.layers.1.mlp.up_proj.weight"),
        ("gemma3_new", "model.language_model.layers.1.self_attn.q_proj.bias"),
        ("gemma3_old", "language_model.model.embed_tokens.weight"),
        ("gemma3_new", "model.language_model.embed_tokens.weight"),
    ] {
        let copy = Copy::of(name);
        copy.change_bytes(WEIGHTS, |bytes| {
            let end = data_start(bytes);
            let broken = tensor.replace("model", "medal");
            let header = String::from_utf8(bytes[8..end].to_vec()).unwrap().replace(tensor, &broken);
            bytes[8..end].copy_from_slice(header.as_bytes());
        });
        match copy.error(WEIGHTS) {
            Problem::Tensor(DecoderError::MissingTensor { name }) => assert!(name.contains(tensor), "{name}"),
            other => panic!("{tensor}: {other}"),
        }
    }
}

#[test]
fn a_vision_tower_is_no_decoder() {
    let copy = Copy::of("gemma3_old");
    copy.change_json("config.json", |config| config["text_config"]["num_hidden_layers"] = json!(7));
    match copy.error(WEIGHTS) {
        Problem::Tensor(DecoderError::MissingTensor { name }) => assert!(name.contains("layers.6."), "{name}"),
        other => panic!("{other}"),
    }
    let copy = Copy::of("gemma3_text");
    copy.change_json("config.json", |config| {
        config["architectures"] = json!(["Gemma3ForConditionalGeneration"]);
        config["model_type"] = json!("gemma3");
    });
    assert!(matches!(copy.error("config.json"), Problem::Config(ConfigError::Absent { key: "text_config" })));
}

#[test]
fn a_quantised_checkpoint_is_refused() {
    let copy = Copy::of("smollm3");
    copy.change_json("config.json", |config| config["quantization_config"] = json!({"quant_method": "fp8"}));
    match copy.error("config.json") {
        Problem::Config(error) => assert!(error.to_string().contains("fp8"), "{error}"),
        other => panic!("{other}"),
    }
}

#[test]
fn missing_files_are_named() {
    for file in ["config.json", "tokenizer.json", WEIGHTS] {
        let copy = Copy::of("tied");
        fs::remove_file(copy.path(file)).unwrap();
        assert!(matches!(copy.error(file), Problem::Missing));
    }
    let absent = Checkpoint::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(matches!(absent.problem, Problem::Missing), "{absent}");
}

#[test]
fn a_checkpoint_without_generation_config_is_greedy_by_default() {
    let copy = Copy::of("tied");
    fs::remove_file(copy.path("generation_config.json")).unwrap();
    assert_eq!(Checkpoint::open(copy.0.path()).unwrap().generation().do_sample, None);
}

#[test]
fn only_a_pickle_is_no_checkpoint() {
    let copy = Copy::of("tied");
    fs::rename(copy.path(WEIGHTS), copy.path("pytorch_model.bin")).unwrap();
    assert!(matches!(copy.error(WEIGHTS), Problem::Missing));
}

#[test]
fn truncated_weights_are_refused() {
    for kept in [0, 4, 100, 60_000] {
        let copy = Copy::of("tied");
        copy.change_bytes(WEIGHTS, |bytes| bytes.truncate(kept));
        let problem = copy.error(WEIGHTS);
        assert!(matches!(problem, Problem::Safetensors(_) | Problem::Io(_)), "{kept}: {problem}");
    }
}

#[test]
fn a_header_that_lies_about_sizes_is_refused() {
    let copy = Copy::of("tied");
    copy.change_bytes(WEIGHTS, |bytes| bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes()));
    assert!(matches!(copy.error(WEIGHTS), Problem::Safetensors(_)));

    let copy = Copy::of("tied");
    copy.change_bytes(WEIGHTS, |bytes| {
        let header = r#"{"model.norm.weight":{"dtype":"F32","shape":[999999999999],"data_offsets":[0,8]}}"#;
        *bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &[0; 8]].concat();
    });
    assert!(matches!(copy.error(WEIGHTS), Problem::Safetensors(_)));
}

#[test]
fn weights_that_are_not_numbers_are_named() {
    for (bits, name) in [(f32::NAN, "NaN"), (f32::INFINITY, "inf"), (f32::NEG_INFINITY, "-inf")] {
        let copy = Copy::of("tied");
        copy.change_bytes(WEIGHTS, |bytes| {
            let at = data_start(bytes) + 4 * 5;
            bytes[at..at + 4].copy_from_slice(&bits.to_le_bytes());
        });
        match copy.error(WEIGHTS) {
            Problem::NotFinite { index: 5, value, .. } => assert_eq!(value.to_string(), name),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn another_architecture_is_refused() {
    let copy = Copy::of("tied");
    copy.change_json("config.json", |config| config["architectures"] = json!(["GemmaForCausalLM"]));
    assert!(matches!(copy.error("config.json"), Problem::Config(ConfigError::Architecture { .. })));
}

#[test]
fn weights_that_do_not_fit_the_configuration_are_named() {
    let copy = Copy::of("tied");
    copy.change_json("config.json", |config| config["intermediate_size"] = json!(29));
    assert!(matches!(copy.error(WEIGHTS), Problem::Tensor(DecoderError::WrongShape { .. })));

    let copy = Copy::of("tied");
    copy.change_json("config.json", |config| config["tie_word_embeddings"] = json!(false));
    match copy.error(WEIGHTS) {
        Problem::Tensor(DecoderError::MissingTensor { name }) => assert_eq!(name, "lm_head.weight"),
        other => panic!("{other}"),
    }
}

#[test]
fn integers_as_weights_are_refused() {
    let copy = Copy::of("tied");
    copy.change_bytes(WEIGHTS, |bytes| {
        let end = data_start(bytes);
        let header = String::from_utf8(bytes[8..end].to_vec()).unwrap().replacen("\"F32\"", "\"I32\"", 1);
        bytes[8..end].copy_from_slice(header.as_bytes());
    });
    assert!(matches!(copy.error(WEIGHTS), Problem::TensorType { dtype, .. } if dtype == "I32"));
}

#[test]
fn surplus_tensors_are_listed_and_ignored() {
    let copy = Copy::of("untied");
    copy.change_json("config.json", |config| config["tie_word_embeddings"] = json!(true));
    let checkpoint = Checkpoint::open(copy.0.path()).unwrap();
    assert_eq!(checkpoint.surplus_tensors(), ["lm_head.weight"]);
}

#[test]
fn links_out_of_the_folder_are_refused() {
    for file in ["config.json", "tokenizer.json", "generation_config.json", WEIGHTS] {
        let copy = Copy::of("tied");
        fs::remove_file(copy.path(file)).unwrap();
        symlink(golden("tied").join(file), copy.path(file)).unwrap();
        assert!(matches!(copy.error(file), Problem::Escapes), "{file}");
    }
}

#[test]
fn a_folder_or_a_device_in_place_of_a_file_is_refused() {
    let copy = Copy::of("tied");
    fs::remove_file(copy.path("tokenizer.json")).unwrap();
    fs::create_dir(copy.path("tokenizer.json")).unwrap();
    assert!(matches!(copy.error("tokenizer.json"), Problem::NotAFile));
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_without_waiting_for_a_writer() {
    for file in ["config.json", "tokenizer.json", WEIGHTS] {
        let copy = Copy::of("tied");
        fs::remove_file(copy.path(file)).unwrap();
        let made = std::process::Command::new("mkfifo").arg(copy.path(file)).status().unwrap();
        assert!(made.success());
        assert!(matches!(copy.error(file), Problem::NotAFile), "{file}");
    }
}

#[test]
fn shard_names_that_are_paths_are_refused() {
    for name in
        ["../tied/model.safetensors", "/etc/passwd", "a/b.safetensors", "..", "model.bin", "./x.safetensors", ""]
    {
        let copy = Copy::of("sharded");
        copy.change_json(INDEX, |index| index["weight_map"]["model.norm.weight"] = json!(name));
        assert!(matches!(copy.error(INDEX), Problem::ShardName { .. }), "{name:?}");
    }
}

#[test]
fn an_index_that_lies_is_refused() {
    let copy = Copy::of("sharded");
    copy.change_json(INDEX, |index| index["weight_map"]["lm_head.weight"] = json!("model-00002-of-00004.safetensors"));
    let problem = Checkpoint::open(copy.0.path()).unwrap_err().problem;
    assert!(matches!(problem, Problem::MisplacedTensor { .. }), "{problem}");

    let copy = Copy::of("sharded");
    copy.change_json(INDEX, |index| index["weight_map"] = json!({"model.norm.weight": 3}));
    assert!(matches!(copy.error(INDEX), Problem::Index(_)));

    let copy = Copy::of("sharded");
    fs::remove_file(copy.path("model-00002-of-00004.safetensors")).unwrap();
    assert!(matches!(copy.error("model-00002-of-00004.safetensors"), Problem::Missing));
}

#[test]
fn a_tokenizer_beyond_the_embeddings_is_refused() {
    let copy = Copy::of("tied");
    copy.change_json("tokenizer.json", |tokenizer| tokenizer["model"]["vocab"]["zzz"] = json!(320));
    assert!(matches!(copy.error("tokenizer.json"), Problem::Vocabulary { highest: 320, vocab_size: 320 }));
}

#[test]
fn a_tokenizer_that_is_not_one_is_refused() {
    for content in ["", "{}", "[1", r#"{"version": "1.0"}"#, "\u{feff}x"] {
        let copy = Copy::of("tied");
        fs::write(copy.path("tokenizer.json"), content).unwrap();
        assert!(matches!(copy.error("tokenizer.json"), Problem::Tokenizer(_)), "{content:?}");
    }
}

#[test]
fn training_settings_of_a_tokenizer_are_dropped() {
    let copy = Copy::of("tied");
    copy.change_json("tokenizer.json", |tokenizer| {
        tokenizer["truncation"] =
            json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
    });
    let checkpoint = Checkpoint::open(copy.0.path()).unwrap();
    assert_eq!(checkpoint.tokenizer().encode("abcdef", false).unwrap().len(), 6);
}

#[test]
fn deeply_nested_and_oversized_json_is_refused() {
    let copy = Copy::of("tied");
    fs::write(copy.path("config.json"), "[".repeat(100_000)).unwrap();
    assert!(matches!(copy.error("config.json"), Problem::Config(ConfigError::Json(_))));
    fs::write(copy.path("config.json"), " ".repeat(5 << 20)).unwrap();
    assert!(matches!(copy.error("config.json"), Problem::TooLarge { .. }));
}

#[test]
fn impossible_sampling_is_refused() {
    let copy = Copy::of("tied");
    fs::write(copy.path("generation_config.json"), r#"{"top_p": 2.0}"#).unwrap();
    assert!(matches!(copy.error("generation_config.json"), Problem::Generation(_)));
    fs::write(copy.path("generation_config.json"), r#"{"eos_token_id": [1, 320]}"#).unwrap();
    assert!(matches!(copy.error("generation_config.json"), Problem::Generation(_)));
}

#[test]
fn every_error_says_what_to_do() {
    let copy = Copy::of("tied");
    fs::remove_file(copy.path("tokenizer.json")).unwrap();
    let error: CheckpointError = Checkpoint::open(copy.0.path()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("tokenizer.json") && text.contains("save_pretrained"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever is damaged, there is a checkpoint with finite weights or an error, never a panic.
    #[test]
    fn damaged_files_are_read_or_refused(
        name in prop::sample::select(vec!["tied", "sharded", "smollm3", "gemma3_text", "gemma3_old"]),
        file in prop::sample::select(vec!["config.json", "tokenizer.json", "generation_config.json", WEIGHTS, INDEX,
                                          "model-00001-of-00004.safetensors"]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        kept in prop::option::of(any::<prop::sample::Index>()),
        is_in_header in any::<bool>(),
    ) {
        let copy = Copy::of(name);
        prop_assume!(copy.path(file).exists());
        copy.change_bytes(file, |bytes| {
            let reach = if is_in_header { bytes.len().min(2500) } else { bytes.len() };
            for (place, value) in damage {
                let place = place.index(reach);
                bytes[place] = value;
            }
            if let Some(kept) = kept {
                bytes.truncate(kept.index(bytes.len()));
            }
        });
        let Ok(checkpoint) = Checkpoint::open(copy.0.path()) else { return Ok(()) };
        if let Ok(decoder) = CachedDecoder::load(&checkpoint) {
            // Hostile settings may ask for more positions than there is memory for a cache.
            if SequenceCache::bytes(checkpoint.config(), 8) < 1 << 20 {
                let mut cache = SequenceCache::new(checkpoint.config(), 8);
                let _ = decoder.step(&mut [Step { cache: &mut cache, tokens: &[1, 2, 3] }]);
            }
        }
        if let Ok(weights) = checkpoint.weights() {
            for tensor in weights.values() {
                let sum = tensor.sum_all().unwrap().to_scalar::<f32>().unwrap();
                prop_assert!(!sum.is_nan());
            }
        }
    }
}
