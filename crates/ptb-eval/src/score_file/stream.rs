//! Line by line.

use std::io::{self, BufRead, Read, Write};

use rayon::prelude::*;

use super::scoring::{Judged, Scoring};

/// Longest line that is read.
const MAX_LINE: u64 = 256 << 20;
/// Lines that are scored at a time, and the bytes that they have together unless one line alone has more.
const BATCH_LINES: usize = 256;
const BATCH_BYTES: usize = 16 << 20;

/// How many lines there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Lines that were not empty.
    pub lines: u64,
    /// Lines that could not be scored because something is wrong with them, or missing here.
    pub bad: u64,
    /// Lines on which the reference raises.
    pub raised: u64,
}

/// Scores each line of the input; empty lines are skipped.
pub fn score_lines(mut input: impl BufRead, mut output: impl Write, scoring: &Scoring) -> io::Result<Totals> {
    let mut totals = Totals::default();
    loop {
        let batch = read_batch(&mut input)?;
        if batch.is_empty() {
            output.flush()?;
            return Ok(totals);
        }
        let judged: Vec<_> = batch.into_par_iter().map(|line| judge(&line, scoring)).collect();
        for (judged, text) in judged {
            totals.lines += 1;
            totals.bad += u64::from(judged == Judged::Bad);
            totals.raised += u64::from(judged == Judged::Raised);
            output.write_all(text.as_bytes())?;
            output.write_all(b"\n")?;
        }
    }
}

fn judge(line: &io::Result<Vec<u8>>, scoring: &Scoring) -> (Judged, String) {
    match line {
        Ok(line) => scoring.score_line(line),
        Err(error) => Scoring::bad_line(&error.to_string()),
    }
}

/// The next lines; a line that is too long is an error of its own.
fn read_batch(input: &mut impl BufRead) -> io::Result<Vec<io::Result<Vec<u8>>>> {
    let mut batch = Vec::new();
    let mut bytes = 0;
    while batch.len() < BATCH_LINES && bytes < BATCH_BYTES {
        let mut line = Vec::new();
        if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
            input.skip_until(b'\n')?;
            batch.push(Err(io::Error::other(format!("the line is longer than {} MiB", MAX_LINE >> 20))));
        } else if !line.trim_ascii().is_empty() {
            bytes += line.len();
            batch.push(Ok(line));
        }
    }
    Ok(batch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_empty_ones_skipped() {
        let mut input = &b"a\n\n \nb"[..];
        let lines: Vec<_> = read_batch(&mut input).unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!(lines, [b"a\n".to_vec(), b"b".to_vec()]);
        assert!(read_batch(&mut input).unwrap().is_empty());
    }

    #[test]
    fn a_batch_is_bounded() {
        let input = "x\n".repeat(BATCH_LINES + 1);
        let mut input = input.as_bytes();
        assert_eq!(read_batch(&mut input).unwrap().len(), BATCH_LINES);
        assert_eq!(read_batch(&mut input).unwrap().len(), 1);
    }
}
