//! The messages of a question.

use ptb_core::definitions::{BenchmarkDefinition, PromptWording, Solver};
use ptb_core::files;
use ptb_core::ids::BenchmarkId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::placeholders::{fill, mentions};
use crate::data::{Item, letter, split_answer};

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Instructions in front of the conversation.
    System,
    /// The benchmark.
    User,
    /// The model.
    Assistant,
    /// The result of a function call.
    Tool,
}

impl Role {
    /// The name used in requests.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub content: String,
}

/// A wording that does not fit its benchmark.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum PromptError {
    /// The user message does not show the choices.
    #[error(
        "the wording of {0} has no {{choices}} in `user`, or no `choice_line` with {{letter}} and {{choice}}: add them"
    )]
    NoChoices(BenchmarkId),
    /// Nothing says in which order choices are shown.
    #[error("the wording of {0} has no `choice_order`: without one, the right choice would always be A")]
    NoChoiceOrder(BenchmarkId),
    /// The item is a conversation of its own, so a wording would say nothing.
    #[error("the wording of {0} has a `user` message, but its items are whole conversations: remove it from the pack")]
    NotWorded(BenchmarkId),
    /// The user message does not ask the question.
    #[error("the wording of {0} has no {{question}} in `user`: every item would get the same prompt")]
    NoQuestion(BenchmarkId),
    /// The benchmark shows examples, but the pack has no words for them.
    #[error("the wording of {0} has no `fewshot_example`, but the benchmark shows examples: add it to the pack")]
    NoExampleWording(BenchmarkId),
    /// The pack has words for examples that the benchmark does not show.
    #[error("the wording of {0} has a `fewshot_example`, but the benchmark shows no examples: remove it from the pack")]
    NoExamples(BenchmarkId),
    /// An example is not there.
    #[error("example row {row} of {benchmark} is missing")]
    NoRow {
        /// The benchmark.
        benchmark: BenchmarkId,
        /// Row, from 0.
        row: u32,
    },
}

/// Makes the request of each item of a benchmark.
#[derive(Debug, Clone)]
pub struct Prompter {
    solver: Solver,
    user: String,
    choice_line: String,
    system: Option<String>,
    hash: String,
}

impl Prompter {
    /// A prompter with the pack's wording and the examples that the benchmark shows, in their order.
    pub fn new(
        benchmark: &BenchmarkDefinition,
        wording: &PromptWording,
        examples: &[Item],
    ) -> Result<Self, PromptError> {
        check(benchmark, wording)?;
        Ok(Self {
            solver: benchmark.solver,
            user: wording.user.clone(),
            choice_line: wording.choice_line.clone().unwrap_or_default(),
            system: system_message(benchmark, wording, examples)?,
            hash: hash(benchmark, wording),
        })
    }

    /// The conversation that ends with the item's question.
    pub fn messages(&self, item: &Item) -> Vec<ChatMessage> {
        let user = match self.solver {
            Solver::Conversation | Solver::FunctionCall => return item.conversation.clone(),
            Solver::Question => fill(&self.user, &[("question", &item.question)]),
            Solver::MultipleChoice => self.with_choices(item),
        };
        let system = self.system.iter().map(|content| ChatMessage { role: Role::System, content: content.clone() });
        system.chain([ChatMessage { role: Role::User, content: user }]).collect()
    }

    fn with_choices(&self, item: &Item) -> String {
        let choices = item.reference.choices().unwrap_or_default();
        let letters: Vec<_> = (0..choices.len()).map(letter).collect();
        let line =
            |(letter, choice): (&String, &String)| fill(&self.choice_line, &[("letter", letter), ("choice", choice)]);
        let lines: Vec<_> = letters.iter().zip(choices).map(line).collect();
        let values =
            [("question", item.question.as_str()), ("letters", &letters.join(",")), ("choices", &lines.join("\n"))];
        fill(&self.user, &values)
    }

    /// SHA-256 of the wording, the examples and the scorer: scores with different hashes are not comparable.
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

/// Checks that a wording says what the benchmark's items need and nothing that they do not use.
fn check(benchmark: &BenchmarkDefinition, wording: &PromptWording) -> Result<(), PromptError> {
    let id = || benchmark.id.clone();
    let line = wording.choice_line.as_deref().unwrap_or_default();
    match benchmark.solver {
        Solver::Conversation | Solver::FunctionCall if wording.user.is_empty() => Ok(()),
        Solver::Conversation | Solver::FunctionCall => Err(PromptError::NotWorded(id())),
        _ if !mentions(&wording.user, "question") => Err(PromptError::NoQuestion(id())),
        Solver::Question => Ok(()),
        Solver::MultipleChoice if wording.choice_order.is_none() => Err(PromptError::NoChoiceOrder(id())),
        Solver::MultipleChoice => {
            let shown = mentions(&wording.user, "choices") && mentions(line, "letter") && mentions(line, "choice");
            if shown { Ok(()) } else { Err(PromptError::NoChoices(id())) }
        }
    }
}

/// The worked examples, joined by an empty line.
fn system_message(
    benchmark: &BenchmarkDefinition,
    wording: &PromptWording,
    examples: &[Item],
) -> Result<Option<String>, PromptError> {
    let (fewshot, example) = match (&benchmark.fewshot, &wording.fewshot_example) {
        (None, None) => return Ok(None),
        (Some(_), None) => return Err(PromptError::NoExampleWording(benchmark.id.clone())),
        (None, Some(_)) => return Err(PromptError::NoExamples(benchmark.id.clone())),
        (Some(fewshot), Some(example)) => (fewshot, example),
    };
    let mark = benchmark.fields.target_after.as_deref();
    if let Some(row) = fewshot.rows.get(examples.len()) {
        return Err(PromptError::NoRow { benchmark: benchmark.id.clone(), row: *row });
    }
    let examples: Vec<_> = examples.iter().map(|item| worked_example(example, item, mark)).collect();
    Ok(Some(examples.join("\n\n")))
}

fn worked_example(wording: &str, item: &Item, mark: Option<&str>) -> String {
    let (reasoning, answer) =
        mark.and_then(|mark| split_answer(&item.answer, mark)).unwrap_or(("", item.target.as_str()));
    fill(wording, &[("question", &item.question), ("reasoning", reasoning), ("answer", answer)])
}

/// The hash is taken over canonical JSON: keys sorted, no blanks.
fn hash(benchmark: &BenchmarkDefinition, wording: &PromptWording) -> String {
    let mut parts = serde_json::json!({
        "fewshot": benchmark.fewshot,
        "scorer": benchmark.scorer,
        "wording": wording,
    });
    parts.sort_all_objects();
    files::sha256(parts.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use ptb_core::definitions::Catalog;

    use super::*;

    fn benchmark(id: &str) -> BenchmarkDefinition {
        Catalog::embedded().unwrap().benchmark(&id.parse().unwrap()).unwrap().clone()
    }

    fn wording(user: &str, example: Option<&str>) -> PromptWording {
        PromptWording { user: user.to_owned(), fewshot_example: example.map(str::to_owned), ..PromptWording::default() }
    }

    fn item(question: &str, answer: &str) -> Item {
        Item {
            id: "gsm8k/train/0".to_owned(),
            question: question.to_owned(),
            answer: answer.to_owned(),
            target: "2".to_owned(),
            ..Item::default()
        }
    }

    #[test]
    fn a_question_with_a_placeholder_is_asked_as_it_is() {
        let prompter = Prompter::new(&benchmark("micro-math"), &wording("Q: {question}", None), &[]).unwrap();
        let messages = prompter.messages(&item("what is {question}?", "x"));
        assert_eq!(messages, [ChatMessage { role: Role::User, content: "Q: what is {question}?".to_owned() }]);
    }

    #[test]
    fn examples_are_the_system_message() {
        let mut gsm8k = benchmark("gsm8k");
        gsm8k.fewshot.as_mut().unwrap().rows = vec![1, 0];
        let train = [item("two?", "a #### b\n#### 2 "), item("one?", "It is\n#### 1")];
        let wording = wording("{question}", Some("{question}|{reasoning}|{answer}"));
        let prompter = Prompter::new(&gsm8k, &wording, &train).unwrap();
        assert_eq!(prompter.messages(&train[0])[0].content, "two?|a #### b|2\n\none?|It is|1");
    }

    #[test]
    fn wordings_that_do_not_fit_are_refused() {
        let error = |id, wording| Prompter::new(&benchmark(id), &wording, &[]).unwrap_err().to_string();
        assert!(error("micro-math", wording("no question", None)).contains("{question}"));
        assert!(error("gsm8k", wording("{question}", None)).contains("fewshot_example"));
        assert!(error("micro-math", wording("{question}", Some("x"))).contains("shows no examples"));
        assert!(error("gsm8k", wording("{question}", Some("x"))).contains("row 3082"));
    }

    #[test]
    fn wording_examples_and_scorer_change_the_hash() {
        let math = benchmark("micro-math");
        let hash = |benchmark: &BenchmarkDefinition, text| {
            Prompter::new(benchmark, &wording(text, None), &[]).unwrap().hash().to_owned()
        };
        let other_scorer = BenchmarkDefinition { scorer: benchmark("micro-format").scorer, ..math.clone() };
        assert_ne!(hash(&math, "{question}"), hash(&math, "{question}."));
        assert_ne!(hash(&math, "{question}"), hash(&other_scorer, "{question}"));
    }
}
