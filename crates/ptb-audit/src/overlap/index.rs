//! Test items as an index of word n-grams.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Serialize};

use super::words::{Word, word_hash, words_of};
use crate::item::TestItem;
use crate::policy::OverlapThresholds;

/// Words in one n-gram.
pub(crate) const GRAM: usize = 4;

/// Which text of a test item was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// What is asked.
    Question,
    /// The reference answer with its reasoning.
    Answer,
}

/// One field of one test item as words.
#[derive(Debug)]
pub(crate) struct Target {
    /// Position of the item in the list that was indexed.
    pub(crate) item: usize,
    /// Which field.
    pub(crate) field: Field,
    /// The words that are compared.
    pub(crate) words: Vec<TargetWord>,
    /// Whether a match counts only if the text ends where the item ends: `sun, map` is not `sun, map, tree`.
    pub(crate) must_end: bool,
    /// Sum of the words' weights.
    pub(crate) weight: f32,
}

/// A word of a test item.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TargetWord {
    /// Hash of the normalised word.
    pub(crate) hash: u64,
    /// Whether it is a number.
    pub(crate) number: bool,
    /// Whether it carries little meaning, such as `the`.
    pub(crate) light: bool,
    /// How rare it is among the test items: logarithm of items over items with the word.
    pub(crate) weight: f32,
}

/// Where an n-gram stands in the test items.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Posting {
    /// Position of the target.
    pub(crate) target: u32,
    /// Position of the n-gram's first word in it.
    pub(crate) offset: u32,
}

/// All test items, ready to be looked for.
#[derive(Debug)]
pub(crate) struct Index {
    targets: Vec<Target>,
    postings: Vec<Posting>,
    grams: HashMap<u64, (u32, u32), BuildHasherDefault<GramHasher>>,
    /// One bit for each value of an n-gram's upper bits: most text is dismissed by looking here.
    filter: Vec<u64>,
    shift: u32,
    light: HashSet<u64, BuildHasherDefault<GramHasher>>,
    thresholds: OverlapThresholds,
}

/// N-grams are hashes already.
#[derive(Default)]
pub(crate) struct GramHasher(u64);

impl Hasher for GramHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// The hash of [`GRAM`] words in a row.
pub(crate) fn gram(first: u64, second: u64, third: u64, fourth: u64) -> u64 {
    (first ^ second.rotate_left(13) ^ third.rotate_left(27) ^ fourth.rotate_left(41))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Index {
    /// Indexes test items.
    pub(crate) fn new(items: &[TestItem], thresholds: OverlapThresholds) -> Self {
        let light = LIGHT_WORDS.split_whitespace().map(word_hash).collect();
        let mut index = Self {
            targets: Vec::new(),
            postings: Vec::new(),
            grams: HashMap::default(),
            filter: Vec::new(),
            shift: 0,
            light,
            thresholds,
        };
        for (position, item) in items.iter().enumerate() {
            index.add(position, Field::Question, &item.question);
            index.add(position, Field::Answer, &item.answer);
        }
        index.weigh();
        index.post();
        index
    }

    /// The targets, in the order of the items.
    pub(crate) fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The thresholds in force.
    pub(crate) fn thresholds(&self) -> &OverlapThresholds {
        &self.thresholds
    }

    /// Whether a word carries little meaning.
    pub(crate) fn is_light(&self, hash: u64) -> bool {
        self.light.contains(&hash)
    }

    /// Where an n-gram stands in the test items.
    pub(crate) fn lookup(&self, gram: u64) -> &[Posting] {
        let bit = gram >> self.shift;
        if self.filter[(bit >> 6) as usize] >> (bit & 63) & 1 == 0 {
            return &[];
        }
        match self.grams.get(&gram) {
            Some((start, count)) => &self.postings[*start as usize..(start + count) as usize],
            None => &[],
        }
    }

    fn add(&mut self, item: usize, field: Field, text: &str) {
        let mut words = words_of(text.as_bytes());
        let least = match field {
            Field::Question => self.thresholds.least_question_words,
            Field::Answer => self.thresholds.least_answer_words,
        };
        if words.len() < least {
            return;
        }
        let whole = words.len() <= self.thresholds.most_item_words;
        words.truncate(self.thresholds.most_item_words);
        let must_end = whole && !text.trim_end().ends_with(['.', '?', '!']);
        let words = words.iter().map(|word| self.target_word(word)).collect();
        self.targets.push(Target { item, field, words, must_end, weight: 0.0 });
    }

    fn target_word(&self, word: &Word) -> TargetWord {
        TargetWord { hash: word.hash, number: word.number, light: self.is_light(word.hash), weight: 0.0 }
    }

    /// Gives each word its rarity among the targets.
    fn weigh(&mut self) {
        let mut holders: HashMap<u64, u32> = HashMap::new();
        for target in &self.targets {
            let distinct: HashSet<u64> = target.words.iter().map(|word| word.hash).collect();
            for hash in distinct {
                *holders.entry(hash).or_default() += 1;
            }
        }
        let count = self.targets.len() as f32;
        for target in &mut self.targets {
            for word in &mut target.words {
                let holders = holders.get(&word.hash).copied().unwrap_or(1);
                word.weight = (1.0 + count / holders as f32).ln();
            }
            target.weight = target.words.iter().map(|word| word.weight).sum();
        }
    }

    /// Fills the n-gram table. N-grams that many items share are boilerplate and only cost time, but each item keeps its
    /// rarest ones whatever they are.
    fn post(&mut self) {
        const KEPT_ANYWAY: usize = 3;
        let mut by_gram: HashMap<u64, Vec<Posting>> = HashMap::new();
        for (target, grams) in self.targets.iter().map(grams_of).enumerate() {
            for (offset, gram) in grams.into_iter().enumerate() {
                let posting = Posting { target: target as u32, offset: offset as u32 };
                by_gram.entry(gram).or_default().push(posting);
            }
        }
        let shared = (self.targets.len() / 50).max(8);
        let mut kept: HashSet<u64> = HashSet::new();
        for target in &self.targets {
            let mut grams = grams_of(target);
            grams.sort_by_key(|gram| by_gram.get(gram).map_or(0, Vec::len));
            let rare = |gram: &u64| by_gram.get(gram).is_some_and(|postings| postings.len() <= shared);
            let count = grams.iter().filter(|gram| rare(gram)).count().max(KEPT_ANYWAY).min(grams.len());
            kept.extend(&grams[..count]);
        }
        self.build_filter(&kept);
        for gram in kept {
            if let Some(postings) = by_gram.get(&gram) {
                self.grams.insert(gram, (self.postings.len() as u32, postings.len() as u32));
                self.postings.extend(postings);
            }
        }
    }

    fn build_filter(&mut self, grams: &HashSet<u64>) {
        let bits = (grams.len() * 32).next_power_of_two().clamp(1 << 12, 1 << 24);
        self.shift = 64 - bits.trailing_zeros();
        self.filter = vec![0; bits / 64];
        for gram in grams {
            let bit = gram >> self.shift;
            self.filter[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
    }
}

fn grams_of(target: &Target) -> Vec<u64> {
    target.words.windows(GRAM).map(|words| gram(words[0].hash, words[1].hash, words[2].hash, words[3].hash)).collect()
}

/// Words that may be missing or added without making another problem of it.
const LIGHT_WORDS: &str = "a an the of to in on at by for from with as is are was were be been am do does did has have had \
    will would can could shall should may might must and or but so if then than that this these those there here it its \
    he she they them him her his hers their theirs i me my we us our you your who whom whose which what when where why \
    how just also very please now";

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: usize, question: &str) -> TestItem {
        TestItem {
            id: format!("b/test/{number}"),
            question: question.to_owned(),
            answer: "2".to_owned(),
            target: "2".to_owned(),
        }
    }

    #[test]
    fn every_item_is_reachable_although_all_share_a_template() {
        let items: Vec<_> = (0..400).map(|n| item(n, &format!("Write these words in capital letters: w{n}"))).collect();
        let index = Index::new(&items, OverlapThresholds::default());
        assert_eq!(index.targets().len(), items.len());
        for target in index.targets() {
            assert!(grams_of(target).iter().any(|gram| !index.lookup(*gram).is_empty()));
        }
    }

    #[test]
    fn too_short_texts_are_not_looked_for() {
        let index = Index::new(&[item(0, "What is this?")], OverlapThresholds::default());
        assert!(index.targets().is_empty());
        assert!(index.lookup(1).is_empty());
    }
}
