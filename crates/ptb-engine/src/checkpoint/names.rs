//! The names of tensors in the files of a checkpoint.

use super::error::Problem;
use crate::config::DecoderConfig;
use crate::decoder::DecoderError;

/// What the decoder calls its tensors; files of larger models have it inside of another name.
const DECODER: &str = "model.";
const HEAD: &str = "lm_head.";
const EMBEDDING: &str = "model.embed_tokens.weight";

/// How the files of a checkpoint name the decoder's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Names {
    /// In the place of [`DECODER`].
    decoder: &'static str,
    /// In the place of [`HEAD`].
    head: &'static str,
}

const PLAIN: Names = Names { decoder: DECODER, head: HEAD };

/// Models with a decoder and a vision tower: the layout of published files, and that of the modules since
/// transformers 4.52.
const PARTS: [Names; 2] = [
    Names { decoder: "language_model.model.", head: "language_model.lm_head." },
    Names { decoder: "model.language_model.", head: HEAD },
];

/// Beginnings of the names of parts that the decoder does not need and that belong to the model all the same.
const OTHER_PARTS: [&str; 4] =
    ["vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector."];

impl Names {
    /// The layout of a checkpoint, found by the embedding.
    pub(super) fn detect(config: &DecoderConfig, is_present: impl Fn(&str) -> bool) -> Result<Self, Problem> {
        if !config.design.is_part {
            return Ok(PLAIN);
        }
        let found = PARTS.into_iter().find(|names| is_present(&names.stored(EMBEDDING)));
        let expected = || PARTS.map(|names| names.stored(EMBEDDING)).join(" or ");
        found.ok_or_else(|| DecoderError::MissingTensor { name: expected() }.into())
    }

    /// The name in the files of a tensor of the decoder.
    pub(super) fn stored(self, name: &str) -> String {
        match (name.strip_prefix(DECODER), name.strip_prefix(HEAD)) {
            (Some(rest), _) => format!("{}{rest}", self.decoder),
            (_, Some(rest)) => format!("{}{rest}", self.head),
            _ => name.to_owned(),
        }
    }

    /// Whether a tensor belongs to a part of the model beside the decoder.
    pub(super) fn is_of_another_part(self, stored: &str) -> bool {
        self != PLAIN && OTHER_PARTS.iter().any(|part| stored.starts_with(part))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_names_keep_the_rest_of_the_name() {
        let names =
            PARTS.map(|names| (names.stored("model.layers.0.mlp.up_proj.weight"), names.stored("lm_head.weight")));
        let expected = [
            ("language_model.model.layers.0.mlp.up_proj.weight", "language_model.lm_head.weight"),
            ("model.language_model.layers.0.mlp.up_proj.weight", "lm_head.weight"),
        ];
        assert_eq!(names.each_ref().map(|(a, b)| (a.as_str(), b.as_str())), expected);
    }
}
