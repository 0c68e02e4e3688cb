//! Packs in the JSON shape in which the reference's wordings were written down.
//!
//! Such a pack stands for the reference as a whole. So it also says what the reference does with the data: choices in the
//! order of Inspect's `shuffle_choices(42)`, and words that its CSV reader takes for a missing value become `None`.

use std::collections::BTreeMap;

use ptb_core::definitions::{ChoiceOrder, JudgeWording, MissingValues, Pack, PromptWording};
use serde::Deserialize;

/// The seed with which the reference's requests were recorded.
const SHUFFLE_SEED: u64 = 42;

#[derive(Deserialize)]
struct ReferencePack {
    gsm8k: Option<Question>,
    aime2025: Option<Question>,
    gpqamain: Option<Question>,
    humaneval: Option<Question>,
    bfcl: Option<serde::de::IgnoredAny>,
    healthbench: Option<Rubric>,
    arenahardwriting: Option<Pairwise>,
}

#[derive(Deserialize)]
struct Template {
    template: String,
}

#[derive(Deserialize)]
struct Question {
    user: Template,
    fewshot_example: Option<Template>,
    fewshot_separator: Option<String>,
    choice_line: Option<Template>,
    choice_separator: Option<String>,
}

#[derive(Deserialize)]
struct Rubric {
    grader: Template,
    conversation_turn: Template,
    conversation_separator: String,
    #[serde(rename = "rubric_item")]
    criterion: Template,
}

#[derive(Deserialize)]
struct Pairwise {
    judge_system: String,
    judge_user: Template,
}

/// Reads a pack in the reference's shape and calls it `id`.
pub(crate) fn parse(id: &str, content: &str) -> Result<Pack, String> {
    let reference: ReferencePack = serde_json::from_str(content).map_err(|error| error.to_string())?;
    let mut prompts = BTreeMap::new();
    let questions = [
        ("gsm8k", &reference.gsm8k, "{prompt}"),
        ("aime2025", &reference.aime2025, "{prompt}"),
        ("gpqamain", &reference.gpqamain, "{question}"),
        ("humaneval", &reference.humaneval, "{prompt}"),
    ];
    for (name, question, placeholder) in questions {
        if let Some(question) = question {
            let wording = question_wording(question, placeholder).map_err(|reason| format!("{name}: {reason}"))?;
            prompts.insert(name.to_owned(), wording);
        }
    }
    if reference.bfcl.is_some() {
        prompts.insert("bfcl".to_owned(), PromptWording::default());
    }
    let judges = [
        ("healthbench", reference.healthbench.as_ref().map(rubric_wording)),
        ("arenahardwriting", reference.arenahardwriting.as_ref().map(pairwise_wording)),
    ];
    for (name, judge) in judges {
        if let Some(judge) = judge {
            let judge = Some(judge.map_err(|reason| format!("{name}: {reason}"))?);
            prompts.insert(name.to_owned(), PromptWording { judge, ..PromptWording::default() });
        }
    }
    if prompts.is_empty() {
        return Err("it has no benchmark's wording".to_owned());
    }
    Ok(Pack { id: id.to_owned(), description: "Wordings of the reference.".to_owned(), prompts })
}

fn question_wording(question: &Question, placeholder: &str) -> Result<PromptWording, String> {
    separated_by(question.fewshot_separator.as_deref(), "\n\n")?;
    separated_by(question.choice_separator.as_deref(), "\n")?;
    let shows_choices = question.choice_line.is_some();
    Ok(PromptWording {
        user: renamed(&question.user.template, &[(placeholder, "{question}")])?,
        fewshot_example: question.fewshot_example.as_ref().map(|example| example.template.clone()),
        choice_line: question.choice_line.as_ref().map(|line| line.template.clone()),
        choice_order: shows_choices.then_some(ChoiceOrder::PythonShuffle(SHUFFLE_SEED)),
        missing_values: if shows_choices { MissingValues::Python } else { MissingValues::Text },
        judge: None,
    })
}

fn rubric_wording(rubric: &Rubric) -> Result<JudgeWording, String> {
    separated_by(Some(&rubric.conversation_separator), "\n\n")?;
    // These keep their names: the second one is also replaced where an answer has it, under the name that the field uses.
    let places = ["<<conversation>>", "<<rubric_item>>"].map(|place| (place, place));
    Ok(JudgeWording {
        system: None,
        user: renamed(&rubric.grader.template, &places)?,
        turn: Some(rubric.conversation_turn.template.clone()),
        criterion: Some(rubric.criterion.template.clone()),
        sequential: true,
    })
}

fn pairwise_wording(pairwise: &Pairwise) -> Result<JudgeWording, String> {
    let places = [("{QUESTION}", "{question}"), ("{ANSWER_A}", "{answer_a}"), ("{ANSWER_B}", "{answer_b}")];
    Ok(JudgeWording {
        system: Some(pairwise.judge_system.clone()),
        user: renamed(&pairwise.judge_user.template, &places)?,
        turn: None,
        criterion: None,
        sequential: false,
    })
}

fn separated_by(separator: Option<&str>, expected: &str) -> Result<(), String> {
    match separator {
        Some(separator) if separator != expected => Err(format!("parts separated by {separator:?} cannot be made")),
        _ => Ok(()),
    }
}

/// A template with its placeholders under our names. A text that has one of our names for something else cannot be told
/// from a placeholder afterwards.
fn renamed(template: &str, names: &[(&str, &str)]) -> Result<String, String> {
    let mut text = template.to_owned();
    for (theirs, ours) in names {
        if !text.contains(theirs) {
            return Err(format!("the template has no {theirs}"));
        }
        if theirs != ours && text.contains(ours) {
            return Err(format!("the template has a literal {ours}, which would be taken for a placeholder"));
        }
        text = text.replace(theirs, ours);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_get_our_names() {
        let pack = r#"{"about": "x", "aime2025": {"user": {"template": "a {prompt} \\boxed{x}"}},
            "gpqamain": {"user": {"template": "{letters} {question} {choices}"}, "choice_line": {"template": "{letter}: {choice}"}},
            "healthbench": {"grader": {"template": "<<conversation>> {\"a\": 1} <<rubric_item>>"}, "conversation_separator": "\n\n",
              "conversation_turn": {"template": "{role}: {content}"}, "rubric_item": {"template": "[{points}] {criterion}"}},
            "arenahardwriting": {"judge_system": "s", "judge_user": {"template": "{QUESTION} {ANSWER_A} {ANSWER_B}"}}}"#;
        let pack = parse("mine", pack).unwrap();
        assert_eq!(pack.prompts["aime2025"].user, "a {question} \\boxed{x}");
        assert_eq!(pack.prompts["gpqamain"].choice_order, Some(ChoiceOrder::PythonShuffle(42)));
        let judge = |name: &str| pack.prompts[name].judge.clone().unwrap();
        assert_eq!(judge("healthbench").user, "<<conversation>> {\"a\": 1} <<rubric_item>>");
        assert_eq!(judge("arenahardwriting").user, "{question} {answer_a} {answer_b}");
        assert!(!pack.prompts.contains_key("gsm8k"));
    }

    #[test]
    fn what_cannot_be_kept_is_said() {
        for (pack, expected) in [
            ("{", "EOF"),
            ("{}", "no benchmark"),
            (r#"{"aime2025": {"user": {"template": "none"}}}"#, "aime2025: the template has no {prompt}"),
            (r#"{"aime2025": {"user": {"template": "{prompt} {question}"}}}"#, "literal {question}"),
            (r#"{"gsm8k": {"user": {"template": "{prompt}"}, "fewshot_separator": "--"}}"#, "separated by \"--\""),
        ] {
            let message = parse("mine", pack).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
    }
}
