//! How one kind of judging works.

use super::attempts::Trouble;
use super::client::Asked;
use crate::data::Item;
use crate::grader::{Grade, GradingError};
use crate::prompt::ChatMessage;

/// One request about an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What it is about, for the log.
    pub subject: String,
    /// What the judge is told.
    pub messages: Vec<ChatMessage>,
}

/// What the judge is asked about an answer, how its replies are read, and what score follows.
pub trait Protocol: Send + Sync {
    /// What a reply says.
    type Verdict;

    /// Name for logs.
    fn name(&self) -> &'static str;

    /// How many questions there are about an answer to this item; an error where its data does not fit.
    fn count(&self, item: &Item) -> Result<usize, GradingError>;

    /// One of them. `answer` is the model's text.
    fn question(&self, item: &Item, answer: &str, place: usize) -> Question;

    /// What a reply says, or what is wrong with it.
    fn read(&self, reply: &str) -> Result<Self::Verdict, Trouble>;

    /// The grade, when all questions have been asked.
    fn grade(&self, item: &Item, asked: Vec<Asked<Self::Verdict>>) -> Result<Grade, GradingError>;
}
