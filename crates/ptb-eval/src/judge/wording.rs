//! The judge's messages.

use ptb_core::definitions::{JudgeSettings, JudgeWording};
use serde_json::{Value, json};
use thiserror::Error;

use crate::data::{Criterion, Item};
use crate::prompt::{ChatMessage, Role, fill, mentions};

/// How a turn of the conversation is written where the wording does not say it.
const TURN: &str = "{role}: {content}";
/// How a criterion is written where the wording does not say it.
const CRITERION: &str = "[{points}] {criterion}";
/// Between two turns.
const TURN_BREAK: &str = "\n\n";

/// A wording that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the judge's wording has no `{placeholder}` in `user`: the judge would not see it; add it to the pack")]
pub struct WordingError {
    /// What is missing.
    pub placeholder: String,
}

/// The messages about one criterion.
#[derive(Debug, Clone)]
pub struct RubricWording {
    wording: JudgeWording,
    conversation: String,
    criterion: String,
}

impl RubricWording {
    /// A wording that shows the conversation and the criterion. Where placeholders are replaced one after the other,
    /// they may also be written as the field's scripts do: `<<conversation>>` and `<<rubric_item>>`.
    pub fn new(wording: JudgeWording) -> Result<Self, WordingError> {
        let spelled = |name: &str, field: &str| {
            let field = format!("<<{field}>>");
            if wording.sequential && wording.user.contains(&field) { field } else { format!("{{{name}}}") }
        };
        let (conversation, criterion) = (spelled("conversation", "conversation"), spelled("criterion", "rubric_item"));
        for placeholder in [&conversation, &criterion] {
            if !wording.user.contains(placeholder.as_str()) {
                return Err(WordingError { placeholder: placeholder.clone() });
            }
        }
        Ok(Self { wording, conversation, criterion })
    }

    /// What the judge is told about an answer and a criterion.
    pub fn messages(&self, item: &Item, answer: &str, criterion: &Criterion) -> Vec<ChatMessage> {
        let conversation = self.conversation(item, answer);
        let criterion = self.criterion(criterion);
        let user = if self.wording.sequential {
            // The second replacement also reaches what the first one put in: that is how published scores were made.
            self.wording.user.replace(&self.conversation, &conversation).replace(&self.criterion, &criterion)
        } else {
            fill(&self.wording.user, &[("conversation", &conversation), ("criterion", &criterion)])
        };
        messages(self.wording.system.as_deref(), user)
    }

    /// The conversation as text, the answer as its last turn.
    fn conversation(&self, item: &Item, answer: &str) -> String {
        let template = self.wording.turn.as_deref().unwrap_or(TURN);
        let turn = |role: Role, content: &str| fill(template, &[("role", role.name()), ("content", content)]);
        let mut turns: Vec<_> = item.conversation.iter().map(|message| turn(message.role, &message.content)).collect();
        if turns.is_empty() {
            turns.push(turn(Role::User, &item.question));
        }
        turns.push(turn(Role::Assistant, answer));
        turns.join(TURN_BREAK)
    }

    fn criterion(&self, criterion: &Criterion) -> String {
        let template = self.wording.criterion.as_deref().unwrap_or(CRITERION);
        // Whole numbers have no decimal point here, as in the data.
        let points = criterion.points.to_string();
        fill(template, &[("points", &points), ("criterion", &criterion.criterion)])
    }
}

/// The messages about two answers.
#[derive(Debug, Clone)]
pub struct PairwiseWording {
    wording: JudgeWording,
}

impl PairwiseWording {
    /// A wording that shows the question and both answers.
    pub fn new(wording: JudgeWording) -> Result<Self, WordingError> {
        for name in ["question", "answer_a", "answer_b"] {
            if !mentions(&wording.user, name) {
                return Err(WordingError { placeholder: format!("{{{name}}}") });
            }
        }
        Ok(Self { wording })
    }

    /// What the judge is told about a question and two answers. Nothing in them is searched for placeholders.
    pub fn messages(&self, question: &str, answer_a: &str, answer_b: &str) -> Vec<ChatMessage> {
        let values = [("question", question), ("answer_a", answer_a), ("answer_b", answer_b)];
        messages(self.wording.system.as_deref(), fill(&self.wording.user, &values))
    }
}

fn messages(system: Option<&str>, user: String) -> Vec<ChatMessage> {
    let system = system.map(|content| ChatMessage { role: Role::System, content: content.to_owned() });
    system.into_iter().chain([ChatMessage { role: Role::User, content: user }]).collect()
}

/// The body of a request to the judge.
pub fn request_body(settings: &JudgeSettings, messages: &[ChatMessage]) -> Value {
    let mut body = json!({
        "model": settings.model,
        "messages": messages,
        "max_completion_tokens": settings.max_completion_tokens,
    });
    if let Some(effort) = &settings.reasoning_effort {
        body["reasoning_effort"] = json!(effort);
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording(user: &str, sequential: bool) -> JudgeWording {
        JudgeWording { system: None, user: user.to_owned(), turn: None, criterion: None, sequential }
    }

    fn said(wording: JudgeWording, answer: &str) -> String {
        let item = Item { question: "Well?".to_owned(), ..Item::default() };
        let criterion = Criterion { criterion: "Is short".to_owned(), points: -5.0, tags: Vec::new() };
        RubricWording::new(wording).unwrap().messages(&item, answer, &criterion).remove(0).content
    }

    #[test]
    fn an_answer_cannot_bring_in_a_placeholder() {
        let shown = said(wording("{conversation}|{criterion}", false), "{criterion} {conversation}");
        assert_eq!(shown, "user: Well?\n\nassistant: {criterion} {conversation}|[-5] Is short");
    }

    #[test]
    fn the_field_replaces_one_placeholder_after_the_other() {
        let shown = said(wording("<<conversation>>|<<rubric_item>>", true), "<<rubric_item>> <<conversation>>");
        assert_eq!(shown, "user: Well?\n\nassistant: [-5] Is short <<conversation>>|[-5] Is short");
        assert_eq!(said(wording("{conversation}|{criterion}", true), "{criterion}").matches("Is short").count(), 2);
    }

    #[test]
    fn a_wording_that_hides_something_is_refused() {
        let missing = |user| RubricWording::new(wording(user, false)).unwrap_err().placeholder;
        assert_eq!(missing("{criterion}"), "{conversation}");
        assert_eq!(missing("{conversation} <<rubric_item>>"), "{criterion}");
        let error = PairwiseWording::new(wording("{question} {answer_a}", false)).unwrap_err();
        assert!(error.to_string().contains("{answer_b}"), "{error}");
    }
}
