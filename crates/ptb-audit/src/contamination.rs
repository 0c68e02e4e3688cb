//! What follows from test items found in the workspace and the trace: did they reach training?

use std::collections::{BTreeSet, HashMap};

use ptb_core::audit::{Detector, Evidence, Finding, Severity};

use crate::excerpt::excerpt;
use crate::flow::{Feed, Flow, TestFeed};
use crate::item::TestItem;
use crate::overlap::{Field, Hit, Index};
use crate::policy::Policy;
use crate::scan::FileScan;
use crate::trace::{Event, Kind, Trace};

/// What became of the place where a test item was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Fate {
    /// A training command was given it.
    Trained,
    /// A script took part of what it made from here to training, and what it made is gone.
    Perhaps,
    /// It looks like training data, and the trace does not say what was trained on.
    Unexplained,
    /// An evaluation wrote it.
    Evaluated,
    /// It was looked at, or lies about.
    Seen,
}

/// A test item at a place of the run folder.
struct Sighting {
    fate: Fate,
    file: String,
    line: u32,
    item: usize,
    field: Field,
    text: String,
}

/// Everything the overlap detector judges by.
pub(crate) struct Overlaps<'a> {
    pub(crate) index: &'a Index,
    pub(crate) items: &'a [TestItem],
    pub(crate) scans: &'a [FileScan],
    pub(crate) trace: Option<&'a Trace>,
    pub(crate) flow: &'a Flow,
    pub(crate) policy: &'a Policy,
}

/// The overlap detector's findings.
pub(crate) fn judge(overlaps: &Overlaps<'_>) -> Vec<Finding> {
    let mut sightings = overlaps.in_files();
    sightings.extend(overlaps.in_trace());
    let mut by_fate: HashMap<Fate, Vec<Sighting>> = HashMap::new();
    for sighting in sightings {
        by_fate.entry(sighting.fate).or_default().push(sighting);
    }
    let mut findings = overlaps.test_split_in_training();
    for fate in [Fate::Trained, Fate::Perhaps, Fate::Unexplained, Fate::Evaluated, Fate::Seen] {
        if let Some(sightings) = by_fate.remove(&fate) {
            findings.push(overlaps.finding(fate, &sightings));
        }
    }
    findings
}

impl Overlaps<'_> {
    fn in_files(&self) -> Vec<Sighting> {
        let in_file = |scan: &FileScan| {
            let fate = self.fate_of_file(scan);
            let shown = scan.found.hits.iter().enumerate();
            let sighting = |(position, hit): (usize, &Hit)| {
                let text = scan.excerpts.get(position).cloned().unwrap_or_default();
                sighting(fate, format!("workspace/{}", scan.name), hit.line, hit, text)
            };
            shown.map(sighting).collect::<Vec<_>>()
        };
        self.scans.iter().flat_map(in_file).collect()
    }

    fn fate_of_file(&self, scan: &FileScan) -> Fate {
        if let Some(feed) = self.flow.feed_of(&scan.name) {
            return self.fate_of_feed(feed);
        }
        if self.flow.is_evaluation_output(&scan.name) || is_evaluation_log(&scan.start) {
            return Fate::Evaluated;
        }
        let conclusive = self.flow.trainings > self.flow.obscure_trainings && self.flow.obscure_trainings == 0;
        if is_training_format(&scan.start) && !conclusive { Fate::Unexplained } else { Fate::Seen }
    }

    /// When everything that was trained on is still there, it was scanned itself and speaks for itself.
    fn fate_of_feed(&self, feed: Feed) -> Fate {
        match (feed.whole, self.flow.unseen.is_empty()) {
            (true, _) => Fate::Trained,
            (false, false) => Fate::Perhaps,
            (false, true) => Fate::Seen,
        }
    }

    fn in_trace(&self) -> Vec<Sighting> {
        let Some(trace) = self.trace else { return Vec::new() };
        let mut sightings = Vec::new();
        for snippet in &self.flow.snippets {
            let fate = self.flow.feed_of(&snippet.path).map_or(Fate::Seen, |feed| self.fate_of_feed(feed));
            self.search(&snippet.text, snippet.line, fate, &mut sightings);
        }
        for event in &trace.events {
            if !matches!(event.kind, Kind::Written { .. }) {
                self.search(&event.text, event.line, self.fate_of_output(event), &mut sightings);
            }
        }
        sightings
    }

    fn search(&self, text: &str, line: u32, fate: Fate, sightings: &mut Vec<Sighting>) {
        for hit in self.index.find_in(text.as_bytes()).hits {
            let (start, end) = (hit.bytes.start as usize, hit.bytes.end as usize);
            let shown = String::from_utf8_lossy(text.as_bytes().get(start..end).unwrap_or_default()).into_owned();
            let shown = excerpt(&shown, self.policy.limits.excerpt);
            sightings.push(sighting(fate, "trace/raw.jsonl".to_owned(), line, &hit, shown));
        }
    }

    /// Output that shows a file which reached training is that file's content.
    fn fate_of_output(&self, event: &Event) -> Fate {
        let shows_training_data = self
            .flow
            .views
            .iter()
            .filter(|view| view.lines.contains(&event.line))
            .any(|view| view.paths.iter().any(|path| self.flow.feed_of(path).is_some_and(|feed| feed.whole)));
        if event.kind == Kind::Output && shows_training_data { Fate::Trained } else { Fate::Seen }
    }

    /// Training on the test split through files that are gone, known by the commands alone.
    fn test_split_in_training(&self) -> Vec<Finding> {
        let finding = |feed: &TestFeed| {
            let severity = if feed.feed.whole { Severity::Violation } else { Severity::Warning };
            let title = if feed.feed.whole {
                format!("training was given the benchmark's test split (through {})", feed.file)
            } else {
                format!("a script may have put the benchmark's test split into training (through {})", feed.file)
            };
            Finding {
                detector: Detector::Overlap,
                severity,
                title,
                explanation: "The commands fetch the test split, carry it into a training file and train on that file, \
                              which was deleted or changed afterwards. The rules forbid any use of test data in training."
                    .to_owned(),
                evidence: self.commands_at(&feed.lines),
            }
        };
        self.flow.test_feeds.iter().map(finding).collect()
    }

    fn commands_at(&self, lines: &[u32]) -> Vec<Evidence> {
        let events = self.trace.into_iter().flat_map(|trace| &trace.events);
        let commands = events.filter(|event| event.kind == Kind::Command && lines.contains(&event.line));
        let evidence = |event: &Event| Evidence {
            file: "trace/raw.jsonl".to_owned(),
            locator: format!("line:{}", event.line),
            excerpt: excerpt(&event.text, self.policy.limits.excerpt),
            test_item: None,
            test_excerpt: None,
        };
        commands.map(evidence).take(self.policy.limits.evidence).collect()
    }

    fn finding(&self, fate: Fate, sightings: &[Sighting]) -> Finding {
        let items: BTreeSet<usize> = sightings.iter().map(|sighting| sighting.item).collect();
        let count = items.len();
        let few = count <= self.policy.contamination.accidental_items;
        let (severity, place, why) = match fate {
            Fate::Trained if few => (Severity::Note, "in training data", TOLERATED),
            Fate::Trained => (Severity::Violation, "in training data", TRAINED),
            Fate::Perhaps if few => (Severity::Note, "in what training data was made from", TOLERATED),
            Fate::Perhaps => (Severity::Warning, "in what training data was made from", PERHAPS),
            Fate::Unexplained if few => (Severity::Note, "in what looks like training data", TOLERATED),
            Fate::Unexplained => (Severity::Warning, "in what looks like training data", UNEXPLAINED),
            Fate::Evaluated => (Severity::Note, "in the output of evaluations", EVALUATED),
            Fate::Seen => (Severity::Note, "outside of training data", SEEN),
        };
        let evidence = self.evidence(sightings);
        let shown = if evidence.len() < sightings.len() {
            format!(" Shown are {} of {} places.", evidence.len(), sightings.len())
        } else {
            String::new()
        };
        let noun = if count == 1 { "test item" } else { "different test items" };
        Finding {
            detector: Detector::Overlap,
            severity,
            title: format!("{count} {noun} {place}"),
            explanation: format!("{why}{shown}"),
            evidence,
        }
    }

    /// One place for each item first, repeats only if there is room.
    fn evidence(&self, sightings: &[Sighting]) -> Vec<Evidence> {
        let mut seen = BTreeSet::new();
        let (first, repeats): (Vec<_>, Vec<_>) = sightings.iter().partition(|sighting| seen.insert(sighting.item));
        let most = self.policy.limits.evidence;
        first.into_iter().chain(repeats).take(most).map(|sighting| self.evidence_of(sighting)).collect()
    }

    fn evidence_of(&self, sighting: &Sighting) -> Evidence {
        let item = &self.items[sighting.item];
        Evidence {
            file: sighting.file.clone(),
            locator: format!("line:{}", sighting.line),
            excerpt: sighting.text.clone(),
            test_item: Some(item.id.clone()),
            test_excerpt: Some(excerpt(item.text(sighting.field), self.policy.limits.excerpt)),
        }
    }
}

const TRAINED: &str =
    "A training command was given these places. Test items of the benchmark must not take part in training.";
const TOLERATED: &str = "So few items get into large data sets by accident; this has no effect on the score.";
const PERHAPS: &str = "A script made training data from these places, which is gone; it may have used the test items or dropped \
                       them. A person has to look.";
const UNEXPLAINED: &str = "The trace does not say what was trained on, and these files have the form of training data. A person \
                           has to look.";
const EVALUATED: &str = "Logs of evaluations hold test items; no training reads them.";
const SEEN: &str = "Looking at test items and keeping them is allowed; no training reads them.";

fn sighting(fate: Fate, file: String, line: u32, hit: &Hit, text: String) -> Sighting {
    Sighting { fate, file, line, item: hit.item, field: hit.field, text }
}

/// Whether a file begins like rows for supervised fine-tuning.
fn is_training_format(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let has = |keys: &[&str]| keys.iter().any(|key| text.contains(&format!("\"{key}\"")));
    let asks = has(&["prompt", "instruction", "question", "input", "problem"]);
    let answers = has(&["completion", "response", "output", "answer", "solution"]);
    text.trim_start().starts_with(['{', '[']) && (has(&["messages", "conversations", "text"]) || (asks && answers))
}

/// Whether a file begins like an evaluation log in Inspect's format.
fn is_evaluation_log(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    text.trim_start().starts_with('{') && ["\"version\"", "\"status\"", "\"eval\""].iter().all(|key| text.contains(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_keys() {
        assert!(is_training_format(br#"{"messages": [{"role": "user"}]}"#));
        assert!(is_training_format(br#"[{"prompt": "a", "completion": "b"}]"#));
        assert!(!is_training_format(b"notes about \"messages\""));
        assert!(is_evaluation_log(br#"{"version": 2, "status": "success", "eval": {}}"#));
        assert!(!is_evaluation_log(br#"{"messages": []}"#));
    }
}
