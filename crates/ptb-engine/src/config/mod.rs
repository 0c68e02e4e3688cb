//! The shape of a decoder, read from the `config.json` of a Hugging Face checkpoint.
//!
//! Qwen3, SmolLM3 and Gemma 3 are known, all as one [`DecoderConfig`]. Anything that would make the same weights compute
//! something else (code in the checkpoint, quantisation, other position scalings, experts) is refused by name: a score of
//! a model that was run in another way than its author meant is worse than no score.

mod architecture;
mod decoder;
mod error;
mod raw;

use architecture::Architecture;
pub use decoder::{Activation, DecoderConfig, Design, LayerConfig, RotaryConfig, WeightType};
pub use error::ConfigError;
use raw::RawConfig;
pub use raw::TokenIds;

impl DecoderConfig {
    /// Reads the bytes of a `config.json`.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ConfigError> {
        let raw: RawConfig = serde_json::from_slice(bytes)?;
        let architecture = Architecture::of(&raw)?;
        raw.check_plain()?;
        let config = architecture.read(raw)?;
        config.validate()?;
        Ok(config)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Models of a few thousand weights with grouped heads that are wider than `hidden_size` / heads.
    pub(crate) fn tiny() -> DecoderConfig {
        read(&tiny_file()).unwrap()
    }

    /// One of each architecture, with everything switched on that it can have.
    pub(crate) fn tiny_ones() -> [DecoderConfig; 3] {
        let qwen3 =
            json!({"attention_bias": true, "use_sliding_window": true, "sliding_window": 3, "max_window_layers": 1});
        let smollm3 = json!({
            "architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "no_rope_layers": [1, 0],
            "attention_bias": true, "mlp_bias": true, "rope_scaling": {"type": "linear", "factor": 2.0}
        });
        let gemma3 = json!({
            "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "sliding_window": 2,
            "sliding_window_pattern": 2, "query_pre_attn_scalar": 5, "attn_logit_softcapping": 2.0,
            "final_logit_softcapping": 3.0, "tie_word_embeddings": true, "attention_bias": true
        });
        [qwen3, smollm3, gemma3].map(|changes| read(&changed(tiny_file(), &changes)).unwrap())
    }

    fn tiny_file() -> Value {
        json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 24, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "intermediate_size": 40,
            "vocab_size": 50, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e4,
            "tie_word_embeddings": false, "initializer_range": 0.2
        })
    }

    fn qwen3() -> Value {
        json!({
            "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 2048, "num_hidden_layers": 28,
            "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 6144,
            "vocab_size": 151_936, "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1_000_000,
            "tie_word_embeddings": true, "eos_token_id": 151_645, "rope_scaling": null, "attention_bias": false,
            "hidden_act": "silu", "max_window_layers": 28, "sliding_window": null, "use_sliding_window": false,
            "torch_dtype": "bfloat16"
        })
    }

    fn smollm3() -> Value {
        json!({
            "architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "hidden_size": 2048,
            "num_hidden_layers": 36, "num_attention_heads": 16, "num_key_value_heads": 4, "intermediate_size": 11008,
            "vocab_size": 128_256, "max_position_embeddings": 65536, "rms_norm_eps": 1e-6, "rope_theta": 5_000_000.0,
            "eos_token_id": 128_012, "rope_scaling": null, "attention_bias": false, "mlp_bias": false,
            "hidden_act": "silu", "no_rope_layer_interval": 4, "sliding_window": null, "use_sliding_window": false
        })
    }

    /// As published: most of the numbers are the defaults of the architecture.
    fn gemma3() -> Value {
        json!({
            "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "eos_token_id": [1, 106],
            "initializer_range": 0.02, "mm_tokens_per_image": 256, "image_token_index": 262_144,
            "text_config": {
                "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text",
                "num_hidden_layers": 34, "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024
            },
            "vision_config": {"hidden_size": 1152, "num_hidden_layers": 27, "model_type": "siglip_vision_model"}
        })
    }

    fn changed(mut file: Value, changes: &Value) -> Value {
        for (key, value) in changes.as_object().unwrap() {
            file[key] = value.clone();
        }
        file
    }

    fn read(file: &Value) -> Result<DecoderConfig, ConfigError> {
        DecoderConfig::from_json(file.to_string().as_bytes())
    }

    fn with(file: Value, key: &str, value: &Value) -> Result<DecoderConfig, ConfigError> {
        read(&changed(file, &json!({ key: value })))
    }

    fn windows(config: &DecoderConfig) -> Vec<Option<usize>> {
        config.layers.iter().map(|layer| layer.window).collect()
    }

    #[test]
    fn the_published_qwen3_is_read() {
        let config = read(&qwen3()).unwrap();
        assert_eq!((config.query_size(), config.key_value_size(), config.group_size()), (2048, 1024, 2));
        assert_eq!(config.rotations, [RotaryConfig { theta: 1e6, factor: 1.0 }]);
        assert_eq!(config.layers, [LayerConfig { window: None, rotation: Some(0) }; 28]);
        assert_eq!(config.eos_token_ids, [151_645]);
        assert!(config.tie_word_embeddings && config.design.query_key_norms && !config.design.attention_bias);
    }

    #[test]
    fn the_published_smollm3_is_read() {
        let config = read(&smollm3()).unwrap();
        assert_eq!((config.head_dim, config.layers.len(), config.tie_word_embeddings), (128, 36, true));
        let turned: Vec<bool> = config.layers[..8].iter().map(|layer| layer.rotation.is_some()).collect();
        assert_eq!(turned, [true, true, true, false, true, true, true, false]);
        assert!(!config.design.query_key_norms && !config.design.feed_forward_bias);
    }

    #[test]
    fn the_published_gemma3_is_read() {
        let config = read(&gemma3()).unwrap();
        assert_eq!((config.hidden_size, config.num_attention_heads, config.num_key_value_heads), (2560, 8, 4));
        assert_eq!((config.vocab_size, config.head_dim, config.max_position_embeddings), (262_208, 256, 131_072));
        assert_eq!(
            config.rotations,
            [RotaryConfig { theta: 1e6, factor: 8.0 }, RotaryConfig { theta: 1e4, factor: 1.0 }]
        );
        assert_eq!(config.layers[4], LayerConfig { window: Some(1024), rotation: Some(1) });
        assert_eq!(config.layers[5], LayerConfig { window: None, rotation: Some(0) });
        assert_eq!(windows(&config).into_iter().flatten().count(), 29);
        assert_eq!(config.eos_token_ids, [1, 106]);
        let design = config.design;
        assert!(config.tie_word_embeddings && design.output_norms && design.query_key_norms && design.is_part);
        assert_eq!((design.activation, design.attention_softcap), (Activation::GeluTanh, None));
        assert!((design.attention_scale - 0.0625).abs() < 1e-9 && (design.norm_offset - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_embedding_scale_is_rounded_as_the_weights_are() {
        for (stored, expected) in
            [(WeightType::F32, 50.596_443_f32), (WeightType::F16, 50.593_75), (WeightType::Bf16, 50.5)]
        {
            let mut config = read(&gemma3()).unwrap();
            config.round_embedding_scale(stored);
            assert_eq!(config.design.embedding_scale, Some(expected));
        }
    }

    #[test]
    fn the_nested_rotations_of_newer_files_are_read() {
        let rope = json!({"rope_theta": 5000.0, "rope_type": "default"});
        let config = with(qwen3(), "rope_parameters", &rope).unwrap();
        assert_eq!(config.rotations, [RotaryConfig { theta: 5000.0, factor: 1.0 }]);
        let rope = json!({"full_attention": {"rope_theta": 2e6, "rope_type": "linear", "factor": 4.0},
                          "sliding_attention": {"rope_theta": 3e4, "rope_type": "default"}});
        let mut file = gemma3();
        file["text_config"] = json!({"rope_parameters": rope, "sliding_window": 8});
        assert_eq!(
            read(&file).unwrap().rotations,
            [RotaryConfig { theta: 2e6, factor: 4.0 }, RotaryConfig { theta: 3e4, factor: 1.0 }]
        );
    }

    #[test]
    fn windows_follow_the_list_of_layer_types_or_the_rule_of_the_architecture() {
        let list = json!(["full_attention", "sliding_attention"]);
        let two = json!({"num_hidden_layers": 2, "layer_types": list, "sliding_window": 7});
        let on = json!({"use_sliding_window": true});
        assert_eq!(windows(&read(&changed(changed(qwen3(), &two), &on)).unwrap()), [None, Some(7)]);
        let [qwen3, _, gemma3] = tiny_ones();
        assert_eq!((windows(&qwen3), windows(&gemma3)), (vec![None, Some(3)], vec![Some(2), None]));
        let smollm3 = json!({"use_sliding_window": true, "sliding_window": 9});
        let smollm3 = read(&changed(self::smollm3(), &smollm3)).unwrap();
        assert_eq!(windows(&smollm3)[..5], [None, None, None, Some(9), None]);
    }

    #[test]
    fn other_architectures_are_refused_by_name() {
        for (key, value) in [
            ("architectures", json!(["LlamaForCausalLM"])),
            ("architectures", json!(["Qwen3MoeForCausalLM"])),
            ("architectures", json!(["Qwen3ForCausalLM", "Qwen3ForCausalLM"])),
            ("architectures", json!(["SmolLM3ForCausalLM"])),
            ("architectures", json!(null)),
            ("model_type", json!("llama")),
        ] {
            let error = with(qwen3(), key, &value).unwrap_err();
            assert!(matches!(error, ConfigError::Architecture { .. }), "{value}: {error}");
            let found = value.as_str().or(value[0].as_str()).unwrap_or("[]").to_owned();
            assert!(error.to_string().contains(&found) && error.to_string().contains("Gemma3ForCausalLM"), "{error}");
        }
    }

    #[test]
    fn settings_that_change_the_computation_are_refused_by_name_and_value() {
        for (file, key, value, named) in [
            (qwen3(), "auto_map", json!({"AutoModel": "x.Y"}), "x.Y"),
            (qwen3(), "quantization_config", json!({"quant_method": "awq"}), "awq"),
            (qwen3(), "rope_scaling", json!({"type": "yarn", "factor": 4.0}), "yarn"),
            (qwen3(), "rope_scaling", json!({"rope_type": "llama3", "factor": 4.0}), "llama3"),
            (smollm3(), "rope_parameters", json!({"rope_type": "dynamic", "rope_theta": 1e4}), "dynamic"),
            (smollm3(), "rope_parameters", json!({"full_attention": {"rope_theta": 1e4}}), "each kind of layer"),
            (smollm3(), "partial_rotary_factor", json!(0.5), "0.5"),
            (qwen3(), "num_experts", json!(128), "128"),
            (smollm3(), "num_local_experts", json!(8), "8"),
            (qwen3(), "mlp_bias", json!(true), "true"),
            (qwen3(), "hidden_act", json!("relu2"), "relu2"),
            (smollm3(), "hidden_act", json!("gelu"), "gelu"),
            (smollm3(), "layer_types", json!(vec!["chunked_attention"; 36]), "chunked_attention"),
            (smollm3(), "layer_types", json!(vec!["sliding_attention"; 36]), "without use_sliding_window"),
        ] {
            match with(file, key, &value).unwrap_err() {
                error @ ConfigError::Unsupported { key: found, .. } => {
                    assert!(found == key && error.to_string().contains(named), "{key}: {error}");
                }
                other => panic!("{key}: {other}"),
            }
        }
    }

    #[test]
    fn what_gemma3_cannot_do_is_refused_inside_of_the_text_configuration() {
        for (key, value, named) in [
            ("use_bidirectional_attention", json!(true), "use_bidirectional_attention"),
            ("quantization_config", json!({"bits": 8}), "quantization_config"),
            ("hidden_activation", json!("gelu"), "hidden_activation"),
            ("rope_parameters", json!({"rope_theta": 1e4}), "rope_parameters"),
            ("rope_scaling", json!({"rope_type": "linear"}), "factor"),
            ("rope_scaling", json!({"rope_type": "linear", "factor": 0.0}), "factor"),
            ("model_type", json!("gemma2"), "text_config.model_type"),
            ("sliding_window_pattern", json!(0), "sliding_window_pattern"),
            ("query_pre_attn_scalar", json!(-1), "query_pre_attn_scalar"),
            ("query_pre_attn_scalar", json!(0), "query_pre_attn_scalar"),
            ("final_logit_softcapping", json!(0.0), "final_logit_softcapping"),
            ("attn_logit_softcapping", json!(-50.0), "attn_logit_softcapping"),
            ("rope_local_base_freq", json!(0), "rope_theta"),
        ] {
            let mut file = gemma3();
            file["text_config"][key] = value;
            let error = read(&file).unwrap_err();
            assert!(error.to_string().contains(&format!("`{named}`")), "{key}: {error}");
        }
        assert!(matches!(with(gemma3(), "text_config", &json!(null)), Err(ConfigError::Absent { key: "text_config" })));
    }

    #[test]
    fn absurd_numbers_are_refused_by_name() {
        for (file, key, value) in [
            (qwen3(), "hidden_size", json!(1_000_000_000)),
            (qwen3(), "hidden_size", json!(0)),
            (qwen3(), "num_hidden_layers", json!(1_u64 << 40)),
            (qwen3(), "num_key_value_heads", json!(3)),
            (qwen3(), "head_dim", json!(7)),
            (qwen3(), "rms_norm_eps", json!(0.0)),
            (qwen3(), "rope_theta", json!(-1.0)),
            (qwen3(), "vocab_size", json!(u32::MAX)),
            (qwen3(), "eos_token_id", json!(151_936)),
            (smollm3(), "num_attention_heads", json!(0)),
            (smollm3(), "no_rope_layer_interval", json!(0)),
            (smollm3(), "no_rope_layers", json!([1, 0, 1])),
            (smollm3(), "no_rope_layers", json!(vec![2; 36])),
            (smollm3(), "layer_types", json!([])),
        ] {
            match with(file, key, &value).unwrap_err() {
                ConfigError::OutOfRange { key: named, .. } => assert_eq!(named, key),
                other => panic!("{key}: {other}"),
            }
        }
        assert!(matches!(with(qwen3(), "hidden_size", &json!(-1)).unwrap_err(), ConfigError::Json(_)));
        assert!(matches!(with(qwen3(), "head_dim", &json!("x")).unwrap_err(), ConfigError::Json(_)));
        assert!(matches!(
            with(qwen3(), "rope_theta", &json!(null)).unwrap_err(),
            ConfigError::Absent { key: "rope_theta" }
        ));
    }

    #[test]
    fn windows_of_no_or_of_countless_positions_are_refused() {
        for width in [json!(0), json!(-5), json!(1_i64 << 40)] {
            let mut file = gemma3();
            file["text_config"]["sliding_window"] = width.clone();
            let error = read(&file).unwrap_err();
            assert!(error.to_string().starts_with(&format!("`sliding_window` is {width}")), "{error}");
        }
        let on = json!({"use_sliding_window": true, "layer_types": vec!["sliding_attention"; 36]});
        let error = read(&changed(smollm3(), &on)).unwrap_err();
        assert!(matches!(error, ConfigError::Absent { key: "sliding_window" }), "{error}");
        assert!(matches!(with(smollm3(), "sliding_window", &json!(2.5)).unwrap_err(), ConfigError::Json(_)));
    }
}
