//! Findings with the agent's text and the test item side by side, their common words marked.

use std::collections::HashSet;

use ptb_core::audit::{Evidence, Finding};
use serde::Serialize;

use super::clipped::visible;

/// Most findings and pieces of evidence of one finding that a page shows.
const MAX_SHOWN: usize = 50;

/// Words in a row that must agree before they are marked; single common words mean nothing.
const RUN: usize = 3;

/// A finding as a page shows it.
#[derive(Debug, Serialize)]
pub struct FindingView {
    detector: String,
    severity: String,
    title: String,
    explanation: String,
    evidence: Vec<EvidenceView>,
    evidence_omitted: usize,
}

#[derive(Debug, Serialize)]
struct EvidenceView {
    file: String,
    locator: String,
    test_item: Option<String>,
    excerpt: Vec<Piece>,
    test_excerpt: Vec<Piece>,
}

/// A piece of text that is, or is not, common to both sides.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Piece {
    text: String,
    common: bool,
}

/// The findings for a page, and how many were left out. With `withheld`, the texts are left out and the places stay.
pub fn view(findings: &[Finding], withheld: bool) -> (Vec<FindingView>, usize) {
    let shown = findings.iter().take(MAX_SHOWN).map(|finding| FindingView::of(finding, withheld)).collect();
    (shown, findings.len().saturating_sub(MAX_SHOWN))
}

impl FindingView {
    fn of(finding: &Finding, withheld: bool) -> Self {
        Self {
            detector: finding.detector.to_string(),
            severity: finding.severity.to_string(),
            title: visible(&finding.title),
            explanation: visible(&finding.explanation),
            evidence: finding.evidence.iter().take(MAX_SHOWN).map(|piece| EvidenceView::of(piece, withheld)).collect(),
            evidence_omitted: finding.evidence.len().saturating_sub(MAX_SHOWN),
        }
    }
}

impl EvidenceView {
    fn of(evidence: &Evidence, withheld: bool) -> Self {
        let left = if withheld { "" } else { evidence.excerpt.as_str() };
        let right = if withheld { "" } else { evidence.test_excerpt.as_deref().unwrap_or_default() };
        Self {
            file: visible(&evidence.file),
            locator: visible(&evidence.locator),
            test_item: evidence.test_item.as_deref().map(visible),
            excerpt: pieces(left, right),
            test_excerpt: pieces(right, left),
        }
    }
}

/// Cuts `text` into pieces that stand in `other` too, as runs of at least [`RUN`] words, and pieces that do not.
fn pieces(text: &str, other: &str) -> Vec<Piece> {
    let (spans, theirs) = (words(text), words(other));
    let run = RUN.min(spans.len()).min(theirs.len()).max(1);
    let known: HashSet<Vec<&str>> =
        theirs.windows(run).map(|window| window.iter().map(|word| word.normal.as_str()).collect()).collect();
    let mut common = vec![false; spans.len()];
    for (start, window) in spans.windows(run).enumerate() {
        if known.contains(&window.iter().map(|word| word.normal.as_str()).collect::<Vec<_>>()) {
            common[start..start + run].fill(true);
        }
    }
    cut(text, &spans, &common)
}

struct Word {
    start: usize,
    end: usize,
    normal: String,
}

/// The runs of letters and digits of a text.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for (place, character) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, character.is_alphanumeric()) {
            (None, true) => start = Some(place),
            (Some(begin), false) => {
                words.push(Word { start: begin, end: place, normal: text[begin..place].to_lowercase() });
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Joins neighbouring words of the same kind, with the text between them, into pieces.
fn cut(text: &str, words: &[Word], common: &[bool]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut push = |text: &str, common: bool| match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(last) if last.common == common => last.text.push_str(&visible(text)),
        _ => pieces.push(Piece { text: visible(text), common }),
    };
    let mut done = 0;
    let mut before = false;
    for (word, is_common) in words.iter().zip(common) {
        push(&text[done..word.start], before && *is_common);
        push(&text[word.start..word.end], *is_common);
        (done, before) = (word.end, *is_common);
    }
    push(&text[done..], false);
    pieces
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn common(text: &str, other: &str) -> Vec<String> {
        pieces(text, other).into_iter().filter(|piece| piece.common).map(|piece| piece.text).collect()
    }

    #[test]
    fn runs_of_common_words_are_marked_whatever_the_case_and_punctuation() {
        let left = "{\"q\": \"Tom has 3 red apples, and eats\"}";
        assert_eq!(common(left, "tom HAS 3 red Apples. He"), ["Tom has 3 red apples"]);
        assert!(common("the cat and the dog", "a cat sees a dog here").is_empty(), "single words are no match");
        assert_eq!(common("42", "42"), ["42"]);
        assert!(common("x", "").is_empty());
    }

    proptest! {
        #[test]
        fn the_pieces_are_the_text(left in "[a-zé ,.]{0,40}", right in "[a-zé ,.]{0,40}") {
            let joined: String = pieces(&left, &right).into_iter().map(|piece| piece.text).collect();
            prop_assert_eq!(joined, left);
        }
    }
}
