//! What the micro benchmarks are made of.

use serde::Serialize;

use crate::dice;

/// The seed of the published test items; scores are comparable only for items made with it.
pub const TEST_SEED: u64 = 20_260_801;

/// Number of test items of each micro benchmark.
pub const TEST_ITEMS: usize = 200;

/// The two disjoint parts into which every generator's problems fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Free to train on.
    Train,
    /// The fixed items on which models are scored.
    Test,
}

impl Split {
    /// The part to which a problem with these facts belongs: an eighth of all problems is reserved for tests.
    ///
    /// The facts leave the wording out, so a test problem's paraphrases are reserved with it.
    pub(crate) fn of_facts(facts: &str) -> Self {
        if dice::hash(facts.as_bytes()).is_multiple_of(8) { Self::Test } else { Self::Train }
    }

    /// The name used in item ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Test => "test",
        }
    }
}

/// One problem with its gold answer. Serialises to a JSON line with `id`, `question` and `answer`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Item {
    /// Benchmark, split and number, for instance `micro-math/test/17`.
    pub id: String,
    /// The problem as it is put to the model.
    pub question: String,
    /// The gold answer as the data file has it: for `micro-math` a short rationale and a last line `#### N`.
    pub answer: String,
    /// What a right reply must contain: for `micro-math` the number, for `micro-format` the whole reply.
    #[serde(skip)]
    pub target: String,
}

/// Renders items as JSON lines with the fields `id`, `question` and `answer`.
pub fn to_jsonl(items: &[Item]) -> Result<String, serde_json::Error> {
    let mut lines = String::new();
    for item in items {
        lines.push_str(&serde_json::to_string(item)?);
        lines.push('\n');
    }
    Ok(lines)
}

/// Collects `count` items with different questions from `draw`, which makes one problem of `split` a call.
pub(crate) fn collect_items(
    benchmark: &str,
    split: Split,
    count: usize,
    mut draw: impl FnMut() -> Problem,
) -> Vec<Item> {
    let mut seen = std::collections::HashSet::new();
    let mut items = Vec::with_capacity(count);
    // Repeats are refused only as long as fresh questions keep turning up, so any count ends.
    let mut refused = 0;
    while items.len() < count {
        let problem = draw();
        if !seen.insert(problem.question.clone()) && refused < 50 {
            refused += 1;
            continue;
        }
        refused = 0;
        items.push(Item {
            id: format!("{benchmark}/{}/{}", split.name(), items.len()),
            question: problem.question,
            answer: problem.answer,
            target: problem.target,
        });
    }
    items
}

/// A question with its answer that has no id yet.
pub(crate) struct Problem {
    pub(crate) question: String,
    pub(crate) answer: String,
    pub(crate) target: String,
}

/// The number of items and the seed that a request stands for: a test request always means the published items.
pub(crate) fn resolve(split: Split, count: usize, seed: u64) -> (usize, u64) {
    match split {
        Split::Train => (count, seed),
        Split::Test => (count.min(TEST_ITEMS), TEST_SEED),
    }
}
