//! Submissions that cannot be evaluated get the base score, and say why.

use ptb_core::score::Provenance;

use crate::scene::Scene;

const SUBMIT: &str = "cp -rL \"$PTB_BASE_MODEL\" final_model; chmod -R u+w final_model";

/// Plays an agent that breaks its submission, and returns why it could not be evaluated.
fn failure_of(breaking: &str) -> String {
    let scene = Scene::new();
    scene.agent("breaks", &format!("{SUBMIT}\n{breaking}")).experiment("breaks", 20.0, "").run().well();
    let score = scene.score();
    assert!(
        matches!(score.provenance, Provenance::BaseEvaluationFailed | Provenance::BaseFlagged),
        "{breaking}: {:?}",
        score.provenance
    );
    assert_eq!(score.counted, score.base);
    assert_eq!(score.submission, None, "{breaking}: no number is invented");
    std::fs::read_to_string(scene.agent_run().0.evaluation_failure()).unwrap()
}

#[test]
fn a_missing_tokenizer_is_named() {
    assert!(failure_of("rm final_model/tokenizer.json").contains("tokenizer.json"));
}

#[test]
fn truncated_weights_are_named() {
    assert!(failure_of("truncate -s 100000 final_model/model.safetensors").contains("model.safetensors"));
}

#[test]
fn weights_that_are_no_numbers_are_named() {
    let breaking = "size=$(stat -c %s final_model/model.safetensors)\n\
        head -c $((size - 4096)) final_model/model.safetensors > w\n\
        head -c 4096 /dev/zero | tr '\\0' '\\377' >> w\nmv w final_model/model.safetensors";
    let failure = failure_of(breaking);
    assert!(failure.contains("NaN") || failure.contains("finite"), "{failure}");
}

#[test]
fn another_architecture_is_named() {
    let failure = failure_of("sed -i 's/Qwen3ForCausalLM/LlamaForCausalLM/' final_model/config.json");
    assert!(failure.contains("LlamaForCausalLM"), "{failure}");
}
