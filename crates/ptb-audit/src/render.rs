//! Findings as text, the way a compiler shows errors: what, where, and what it is compared with.

use std::collections::HashSet;
use std::fmt::Write;

use ptb_core::audit::{Evidence, Finding};

/// Width of the explanation's lines.
const WIDTH: usize = 100;

/// Renders findings as plain text, without colours. Empty if there are none.
pub fn render(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        // Writing to a string cannot fail.
        let _ = render_finding(&mut text, finding);
    }
    text
}

fn render_finding(text: &mut String, finding: &Finding) -> std::fmt::Result {
    writeln!(text, "{}[{}]: {}", finding.severity, finding.detector, finding.title)?;
    for evidence in &finding.evidence {
        render_evidence(text, evidence)?;
    }
    for line in wrap(&finding.explanation, WIDTH) {
        writeln!(text, "   = {line}")?;
    }
    writeln!(text)
}

fn render_evidence(text: &mut String, evidence: &Evidence) -> std::fmt::Result {
    let place = match evidence.locator.strip_prefix("line:") {
        Some(line) => format!("{}:{line}", evidence.file),
        None if evidence.locator.is_empty() => evidence.file.clone(),
        None => format!("{} {}", evidence.file, evidence.locator),
    };
    writeln!(text, "  --> {place}")?;
    if !evidence.excerpt.is_empty() {
        writeln!(text, "   | {}", evidence.excerpt)?;
        if let Some(item) = &evidence.test_excerpt {
            writeln!(text, "   | {}", marks(&evidence.excerpt, item))?;
        }
    }
    if let (Some(item), Some(excerpt)) = (&evidence.test_item, &evidence.test_excerpt) {
        writeln!(text, "   : {excerpt}")?;
        writeln!(text, "   : test item {item}")?;
    }
    Ok(())
}

/// Marks below the words of `text` that also stand in the test item.
fn marks(text: &str, item: &str) -> String {
    let split = |letter: char| !letter.is_alphanumeric();
    let known: HashSet<String> = item.split(split).map(str::to_lowercase).collect();
    let mut marks = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(split).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let mark = if known.contains(&word.to_lowercase()) { '^' } else { ' ' };
        marks.extend(word.chars().map(|_| mark));
        rest = after.strip_prefix(split).unwrap_or(after);
        if rest.len() < after.len() {
            marks.push(' ');
        }
    }
    marks.trim_end().to_owned()
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use ptb_core::audit::{Detector, Severity};

    use super::*;

    #[test]
    fn the_excerpt_stands_beside_the_test_item_with_shared_words_marked() {
        let evidence = Evidence {
            file: "workspace/synthetic.jsonl".to_owned(),
            locator: "line:7".to_owned(),
            excerpt: "Ana HAS 12 apples!".to_owned(),
            test_item: Some("m/test/3".to_owned()),
            test_excerpt: Some("Ana has 12 plums".to_owned()),
        };
        let finding = Finding {
            detector: Detector::Overlap,
            severity: Severity::Violation,
            title: "4 test items in training data".to_owned(),
            explanation: "That is forbidden.".to_owned(),
            evidence: vec![evidence],
        };
        let expected = "\
violation[overlap]: 4 test items in training data
  --> workspace/synthetic.jsonl:7
   | Ana HAS 12 apples!
   | ^^^ ^^^ ^^
   : Ana has 12 plums
   : test item m/test/3
   = That is forbidden.

";
        assert_eq!(render(&[finding]), expected);
    }

    #[test]
    fn nothing_found_is_nothing_shown() {
        assert!(render(&[]).is_empty());
    }
}
