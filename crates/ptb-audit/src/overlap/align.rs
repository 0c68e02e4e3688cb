//! Whether the words at one place of a text are a test item.

use super::index::{Index, Target};
use super::words::Word;

/// An item found in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Match {
    /// First word of the text that belongs to the item.
    pub(crate) first: usize,
    /// Last word of the text that belongs to the item.
    pub(crate) last: usize,
    /// Share of the item's words that are there, weighted by rarity; 1 for a full copy.
    pub(crate) share: f32,
}

/// Words in front of and behind the expected place that are looked at.
pub(crate) fn slack(target: &Target) -> usize {
    (target.words.len() / 3).max(4)
}

/// Decides whether `target` stands in `words` such that its first word would be at `start`, which may lie in front of
/// the text.
pub(crate) fn align(index: &Index, target: &Target, words: &[Word], start: isize) -> Option<Match> {
    if let Some(found) = verbatim(target, words, start) {
        return ends_well(target, words, found.last).then_some(found);
    }
    let slack = slack(target) as isize;
    let from = (start - slack).max(0) as usize;
    let to = ((start + target.words.len() as isize + slack).max(0) as usize).min(words.len());
    if from >= to {
        return None;
    }
    let pairs = common_subsequence(target, &words[from..to]);
    let found = judge(index, target, &words[from..to], &pairs)?;
    let found = Match { first: found.first + from, last: found.last + from, share: found.share };
    ends_well(target, words, found.last).then_some(found)
}

fn verbatim(target: &Target, words: &[Word], start: isize) -> Option<Match> {
    let first = usize::try_from(start).ok()?;
    let there = words.get(first..first + target.words.len())?;
    let same = there.iter().zip(&target.words).all(|(word, expected)| word.hash == expected.hash);
    same.then(|| Match { first, last: first + target.words.len() - 1, share: 1.0 })
}

fn ends_well(target: &Target, words: &[Word], last: usize) -> bool {
    !target.must_end || words[last].ends
}

/// Applies the thresholds to an alignment.
fn judge(index: &Index, target: &Target, window: &[Word], pairs: &[(usize, usize)]) -> Option<Match> {
    let (&(_, first), &(_, last)) = (pairs.first()?, pairs.last()?);
    let thresholds = index.thresholds();
    let matched: Vec<bool> = marks(target.words.len(), pairs.iter().map(|pair| pair.0));
    let used: Vec<bool> = marks(window.len(), pairs.iter().map(|pair| pair.1));
    let missing = || target.words.iter().zip(&matched).filter(|(_, matched)| !**matched).map(|(word, _)| word);
    let added = || (first..=last).filter(|position| !used[*position]).map(|position| &window[position]);
    if missing().any(|word| word.number) || (target.must_end && !matched[target.words.len() - 1]) {
        return None;
    }
    let missing_weight: f32 = missing().map(|word| word.weight).sum();
    let share = 1.0 - missing_weight / target.weight;
    let length = target.words.len();
    let near = if length < thresholds.strict_below_words {
        let few = 1 + length / 10;
        let heavy = missing().any(|word| !word.light) || added().any(|word| !index.is_light(word.hash));
        !heavy && missing().count() <= few && added().count() <= few
    } else {
        let allowed = (length as f32 * thresholds.most_added_share) as usize;
        let numbers = added().filter(|word| word.number).count();
        share >= thresholds.least_weighted_share && added().count() <= allowed && numbers <= 2
    };
    near.then_some(Match { first, last, share })
}

fn marks(length: usize, positions: impl Iterator<Item = usize>) -> Vec<bool> {
    let mut marks = vec![false; length];
    for position in positions {
        marks[position] = true;
    }
    marks
}

/// Pairs of positions of a longest common subsequence, in order.
fn common_subsequence(target: &Target, window: &[Word]) -> Vec<(usize, usize)> {
    let (rows, columns) = (target.words.len(), window.len());
    let width = columns + 1;
    // lengths[row][column]: longest common subsequence of the target from row on and the window from column on.
    let mut lengths = vec![0_u16; (rows + 1) * width];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            let cell = row * width + column;
            lengths[cell] = if target.words[row].hash == window[column].hash {
                lengths[cell + width + 1] + 1
            } else {
                lengths[cell + width].max(lengths[cell + 1])
            };
        }
    }
    let (mut row, mut column) = (0, 0);
    let mut pairs = Vec::with_capacity(usize::from(lengths[0]));
    while row < rows && column < columns {
        let cell = row * width + column;
        if target.words[row].hash == window[column].hash && is_best_pair(&lengths, cell, width) {
            pairs.push((row, column));
            (row, column) = (row + 1, column + 1);
        } else if lengths[cell + 1] >= lengths[cell + width] {
            // Skipping window words first starts the match as late, and keeps it as short, as possible.
            column += 1;
        } else {
            row += 1;
        }
    }
    pairs
}

/// Whether the pair is needed: without it, starting one word later is as good only for a match not yet begun.
fn is_best_pair(lengths: &[u16], cell: usize, width: usize) -> bool {
    lengths[cell] > lengths[cell + 1] || lengths[cell] > lengths[cell + width]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::TestItem;
    use crate::overlap::words::words_of;
    use crate::policy::OverlapThresholds;

    const MATH: &str =
        "Ana has 20 apples. She shares them equally among 5 friends. How many apples does each friend get?";
    const FORMAT: &str = "Write these words in capital letters: sun, map";
    const LONG: &str = "A farmer named Okafor keeps 14 goats and 23 hens on a hill above the village of Lindqvist. Every \
        morning he collects 17 eggs, sells 9 of them at the market for 2 dollars each, and trades the rest for barley. \
        How many dollars does he earn in one week?";

    fn matches(item: &str, text: &str) -> Option<f32> {
        let item =
            TestItem { id: String::new(), question: item.to_owned(), answer: String::new(), target: String::new() };
        let index = Index::new(&[item], OverlapThresholds::default());
        let words = words_of(text.as_bytes());
        let target = &index.targets()[0];
        let starts = -4..words.len() as isize;
        starts.filter_map(|start| align(&index, target, &words, start)).map(|found| found.share).reduce(f32::max)
    }

    #[test]
    fn a_copy_matches_whatever_stands_around_it() {
        for item in [MATH, FORMAT, LONG] {
            assert_eq!(matches(item, item), Some(1.0));
            assert_eq!(matches(item, &format!("Q: {}\nA: 4", item.to_uppercase())), Some(1.0));
        }
    }

    #[test]
    fn problems_from_the_same_template_do_not_match() {
        for other in [
            MATH.replace("Ana", "Ben"),
            MATH.replace("20", "25"),
            MATH.replace("apples", "plums"),
            MATH.replace("How many", "Then she gives away 2. How many"),
            MATH.replace("She shares", "She peels and shares"),
        ] {
            assert_eq!(matches(MATH, &other), None, "{other}");
        }
    }

    #[test]
    fn a_longer_or_shorter_list_is_another_item() {
        for other in ["sun, map, tree", "cat, sun, map", "sun, cat, map", "sun", "map, sun", "sun map tree"] {
            assert_eq!(matches(FORMAT, &format!("Write these words in capital letters: {other}")), None, "{other}");
        }
    }

    #[test]
    fn small_words_may_differ() {
        assert!(matches(MATH, &MATH.replace("How many", "So how many")).is_some());
        assert!(matches(MATH, &MATH.replace("She shares", "He shares")).is_some());
    }

    #[test]
    fn a_long_item_with_a_few_words_changed_matches() {
        let changed = LONG.replace("Every morning", "Each morning").replace("collects", "gathers");
        assert!(matches(LONG, &changed).is_some_and(|share| share > 0.9 && share < 1.0));
    }

    #[test]
    fn a_long_item_with_another_number_does_not_match() {
        assert_eq!(matches(LONG, &LONG.replace("17", "19")), None);
    }
}
