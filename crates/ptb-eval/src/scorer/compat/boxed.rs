//! AIME's removal of `\boxed{}`.

const BOX: &str = "\\boxed{";

/// The text with `\boxed{...}` replaced by what is in it: on each line from the first box that has a content to the last
/// closing bracket.
pub(in crate::scorer) fn without_boxed(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        match find_box(line) {
            Some((before, inside, after)) => kept.extend([before, inside, after]),
            None => kept.push_str(line),
        }
    }
    kept
}

fn find_box(line: &str) -> Option<(&str, &str, &str)> {
    let end = line.rfind('}')?;
    let start = line.match_indices(BOX).map(|(start, _)| start).find(|start| start + BOX.len() < end)?;
    Some((&line[..start], &line[start + BOX.len()..end], &line[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_end_at_the_last_bracket_of_the_line() {
        for (text, expected) in [
            ("\\boxed{70}", "70"),
            ("a\\boxed{7\\text{m}} b}c", "a7\\text{m}} bc"),
            ("\\boxed{1} \\boxed{2}", "1} \\boxed{2"),
            ("\\boxed{} \\boxed{2}", "} \\boxed{2"),
            ("\\boxed{}", "\\boxed{}"),
            ("\\boxed{1\n}", "\\boxed{1\n}"),
            ("\\boxed{1}\n\\boxed{2}\n", "1\n2\n"),
        ] {
            assert_eq!(without_boxed(text), expected, "{text}");
        }
    }
}
