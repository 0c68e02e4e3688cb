//! Lines and blocks of lines that stand in a row.

use super::MOST;
use crate::scorer::python_text::strip;

/// Blocks of more lines are not looked for.
const LONGEST_BLOCK: usize = 29;

/// The text with runs of equal lines cut; none where there is nothing to cut.
pub(super) fn limit_lines(text: &str) -> Option<String> {
    let lines: Vec<_> = text.split('\n').collect();
    let runs = || lines.chunk_by(|a, b| a == b);
    if runs().all(|run| run.len() <= MOST) {
        return None;
    }
    let kept: Vec<_> = runs().flat_map(|run| &run[..run.len().min(MOST)]).copied().collect();
    Some(kept.join("\n"))
}

/// The text with the first run of equal blocks cut, shorter blocks first; none where there is nothing to cut.
///
/// What follows the run goes too where it looks like a block that was begun.
pub(super) fn limit_blocks(text: &str) -> Option<String> {
    let lines: Vec<_> = text.split('\n').collect();
    let longest = LONGEST_BLOCK.min(lines.len() / 5);
    let (start, size, end) =
        (2..=longest).find_map(|size| find_run(&lines, size).map(|(start, end)| (start, size, end)))?;
    let rest = &lines[end..];
    let rest = if is_begun(rest, &lines[start..start + size]) { &[] } else { rest };
    Some([&lines[..start + MOST * size], rest].concat().join("\n"))
}

/// Start and end of the first run of more than [`MOST`] equal blocks.
fn find_run(lines: &[&str], size: usize) -> Option<(usize, usize)> {
    let equal = |place: usize| lines.get(place + size) == Some(&lines[place]);
    let mut start = 0;
    for place in 0..lines.len().saturating_sub(size) {
        if !equal(place) {
            start = place + 1;
        } else if place + 1 - start == MOST * size {
            let length = (start..lines.len()).take_while(|place| equal(*place)).count();
            return Some((start, start + (length / size + 1) * size));
        }
    }
    None
}

/// Whether each line of the rest is one of the block, up to missing ends and surrounding white space.
fn is_begun(rest: &[&str], block: &[&str]) -> bool {
    let begins = |line: &str, part: &str| !strip(part).is_empty() && line.starts_with(strip(part));
    rest.len() <= block.len()
        && rest.iter().zip(block).all(|(rest, line)| rest == line || begins(line, rest) || begins(rest, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_was_begun_goes_too() {
        let block = "The cat sits.\nThe dog runs.\n";
        let five = block.repeat(5);
        assert_eq!(limit_blocks(&format!("{}The ca", block.repeat(7))).as_deref(), Some(five.trim_end()));
        assert_eq!(limit_blocks(&format!("{}The end.", block.repeat(7))), Some(format!("{five}The end.")));
        assert_eq!(limit_blocks(&five), None);
    }

    #[test]
    fn short_texts_have_no_blocks() {
        assert_eq!(limit_blocks(""), None);
        assert_eq!(limit_lines("a\na\na\na\na"), None);
    }
}
