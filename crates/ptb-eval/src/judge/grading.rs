//! Grades all answers of an evaluation, many requests at one time.

use std::pin::pin;

use futures_util::StreamExt;
use futures_util::stream;

use super::client::{Asked, Judge, JudgeFailure};
use super::price::CostEstimate;
use super::protocol::{Protocol, Question};
use crate::data::Item;
use crate::grader::{Answer, Grade, Grader, GradingError, OnGrade};
use crate::http::shown_address;
use crate::scorer::answer_for_judge;

/// Questions in a row that the judge's server could not answer before no more are asked.
const PATIENCE: u32 = 20;

/// A grader that asks a judge.
#[derive(Debug)]
pub struct JudgeGrader<P> {
    protocol: P,
    judge: Result<Judge, String>,
}

impl<P: Protocol> JudgeGrader<P> {
    /// A grader with its judge, or with the reason why there is none.
    pub fn new(protocol: P, judge: Result<Judge, String>) -> Self {
        Self { protocol, judge }
    }

    /// What grading will cost. Before there are answers, give each a text of the length that is expected.
    pub fn estimate(&self, answers: &[(&Item, &str)]) -> Result<CostEstimate, GradingError> {
        let judge = self.judge()?;
        let prompts = answers.iter().flat_map(|(item, answer)| {
            let count = self.protocol.count(item).unwrap_or_default();
            (0..count).map(|place| self.protocol.question(item, answer, place)).map(|question| prompt_bytes(&question))
        });
        Ok(CostEstimate::of(prompts, judge.settings()))
    }

    /// Grades one answer.
    pub async fn grade_answer(&self, item: &Item, text: &str) -> Result<Grade, GradingError> {
        let judge = self.judge()?;
        let answer = answer_for_judge(text);
        let count = self.protocol.count(item)?;
        let asked = stream::iter(0..count).map(|place| self.ask(judge, item, &answer, place));
        let asked = asked.buffered(judge.concurrency()).collect().await;
        self.protocol.grade(item, asked)
    }

    fn judge(&self) -> Result<&Judge, GradingError> {
        self.judge.as_ref().map_err(|missing| {
            GradingError::Unavailable(format!(
                "{missing}; what the model answered is kept: grading goes on with `ptb eval --resume` when it is there"
            ))
        })
    }

    async fn ask(&self, judge: &Judge, item: &Item, answer: &str, place: usize) -> Asked<P::Verdict> {
        let Question { subject, messages } = self.protocol.question(item, answer, place);
        judge.ask(&subject, &messages, |reply| self.protocol.read(reply)).await
    }

    async fn grade_all(
        &self,
        judge: &Judge,
        answers: &[Answer<'_>],
        on_grade: OnGrade<'_>,
    ) -> Result<(), GradingError> {
        let mut sheets = Vec::new();
        for (index, answer) in answers.iter().enumerate() {
            let count = self.protocol.count(answer.item);
            sheets.push(Sheet::new(count.as_ref().copied().unwrap_or_default()));
            if let Err(error) = count
                && on_grade(index, Err(error)).is_break()
            {
                return Ok(());
            }
        }
        let texts: Vec<_> = answers.iter().map(|answer| answer_for_judge(&answer.completion.text)).collect();
        let places: Vec<_> = sheets.iter().enumerate().flat_map(|(index, sheet)| sheet.places(index)).collect();
        let requests = places.into_iter().map(async |(index, place)| {
            (index, place, self.ask(judge, answers[index].item, &texts[index], place).await)
        });
        let mut asked = pin!(stream::iter(requests).buffer_unordered(judge.concurrency()));
        let mut patience = Patience::default();
        while let Some((index, place, asked)) = asked.next().await {
            patience.check(judge, &asked)?;
            let Some(all) = sheets[index].put(place, asked) else { continue };
            let grade = self.protocol.grade(answers[index].item, all);
            if let Err(GradingError::Later { reason, .. }) = &grade {
                patience.owed.push(reason.clone());
            }
            if on_grade(index, grade).is_break() {
                return Ok(());
            }
        }
        patience.end()
    }
}

impl<P: Protocol> Grader for JudgeGrader<P> {
    fn name(&self) -> &str {
        self.protocol.name()
    }

    fn expected_cost(&self, answers: &[Answer<'_>]) -> Option<CostEstimate> {
        let texts: Vec<_> = answers.iter().map(|answer| (answer.item, answer.completion.text.as_str())).collect();
        self.estimate(&texts).ok()
    }

    /// Must not be called from within an asynchronous task; see [`JudgeGrader::grade_answer`].
    fn grade(&self, answers: &[Answer<'_>], on_grade: OnGrade<'_>) -> Result<(), GradingError> {
        let judge = self.judge()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| GradingError::Failed(format!("the system gives no event loop: {error}")))?;
        runtime.block_on(self.grade_all(judge, answers, on_grade))
    }
}

/// What the judge has said of one answer so far.
struct Sheet<V> {
    asked: Vec<Option<Asked<V>>>,
    missing: usize,
}

impl<V> Sheet<V> {
    fn new(count: usize) -> Self {
        Self { asked: (0..count).map(|_| None).collect(), missing: count }
    }

    fn places(&self, index: usize) -> impl Iterator<Item = (usize, usize)> + use<V> {
        (0..self.asked.len()).map(move |place| (index, place))
    }

    /// Everything that the judge said, when this was the last.
    fn put(&mut self, place: usize, asked: Asked<V>) -> Option<Vec<Asked<V>>> {
        self.asked[place] = Some(asked);
        self.missing -= 1;
        (self.missing == 0).then(|| self.asked.drain(..).flatten().collect())
    }
}

/// Ends the grading when going on is of no use.
#[derive(Default)]
struct Patience {
    unanswered: u32,
    /// Why answers have no grade yet.
    owed: Vec<String>,
}

impl Patience {
    fn check<V>(&mut self, judge: &Judge, asked: &Asked<V>) -> Result<(), GradingError> {
        match &asked.verdict {
            Err(JudgeFailure::Denied(said)) => Err(unavailable(judge, "refuses all requests", said)),
            Err(JudgeFailure::Unanswered(said)) => {
                self.unanswered += 1;
                if self.unanswered < PATIENCE { Ok(()) } else { Err(unavailable(judge, "does not answer", said)) }
            }
            _ => {
                self.unanswered = 0;
                Ok(())
            }
        }
    }

    fn end(self) -> Result<(), GradingError> {
        let Some(said) = self.owed.first() else { return Ok(()) };
        let count = self.owed.len();
        Err(GradingError::Unavailable(format!(
            "{count} answers have no grade yet: {said}; go on with `ptb eval --resume`"
        )))
    }
}

fn unavailable(judge: &Judge, what: &str, said: &str) -> GradingError {
    let (model, address) = (&judge.settings().model, shown_address(&judge.settings().base_url));
    let key = &judge.settings().key_variable;
    GradingError::Unavailable(format!(
        "the judge {model} at {address} {what}: {said}; check the address, the model and the key in {key}, then go on \
         with `ptb eval --resume`"
    ))
}

fn prompt_bytes(question: &Question) -> usize {
    question.messages.iter().map(|message| message.content.len()).sum()
}
