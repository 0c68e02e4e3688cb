//! Looking for test items in text of any size.

use std::io::{self, Read};
use std::ops::Range;

use super::align::{align, slack};
use super::index::{Field, GRAM, Index, gram};
use super::words::{Word, WordReader, words_of};

/// Bytes read at a time.
const BLOCK: usize = 256 * 1024;

/// Places kept of one text. Further ones are counted.
const MOST_HITS: usize = 20_000;

/// A test item at a place of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Hit {
    /// Position of the item in the list that was indexed.
    pub(crate) item: usize,
    /// Which text of the item.
    pub(crate) field: Field,
    /// Share of the item that is there, weighted by rarity.
    pub(crate) share: f32,
    /// Line of its first word, from 1.
    pub(crate) line: u32,
    /// Bytes from its first to its last word.
    pub(crate) bytes: Range<u64>,
}

/// What was found in one text.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The places, in order.
    pub(crate) hits: Vec<Hit>,
    /// Number of places, those not kept included.
    pub(crate) total: u64,
    /// Bytes read.
    pub(crate) bytes: u64,
    /// Whether the text was longer than what may be read.
    pub(crate) cut: bool,
}

impl Index {
    /// Looks through a text at hand.
    pub(crate) fn find_in(&self, text: &[u8]) -> Found {
        let mut search = Search::new(self);
        search.words = words_of(text);
        search.advance(true);
        search.found.bytes = text.len() as u64;
        search.found
    }

    /// Looks through at most `limit` bytes of a stream, in bounded memory however long its lines are.
    pub(crate) fn find_in_stream(&self, stream: &mut impl Read, limit: u64) -> io::Result<Found> {
        let mut search = Search::new(self);
        let mut reader = WordReader::new(0, 1);
        let mut block = vec![0; BLOCK];
        let mut held = 0;
        loop {
            let left = limit.saturating_sub(search.found.bytes).min((BLOCK - held) as u64) as usize;
            let count = read_some(stream, &mut block[held..held + left])?;
            search.found.bytes += count as u64;
            let last = count == 0;
            let used = reader.read(&block[..held + count], last, &mut search.words);
            search.advance(last);
            if last {
                search.found.cut = left == 0 && read_some(stream, &mut block[..1])? > 0;
                return Ok(search.found);
            }
            block.copy_within(used..held + count, 0);
            held += count - used;
        }
    }
}

fn read_some(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// What is known about one target while a text is read. Positions count words from the start of the text.
#[derive(Clone, Copy)]
struct Tried {
    start: i64,
    found_until: i64,
}

struct Search<'a> {
    index: &'a Index,
    words: Vec<Word>,
    /// Position in the text of `words[0]`.
    base: i64,
    /// First word whose n-gram was not looked up yet.
    next: usize,
    /// Words of context that an alignment may need on either side.
    reach: usize,
    tried: Vec<Tried>,
    found: Found,
}

impl<'a> Search<'a> {
    fn new(index: &'a Index) -> Self {
        let targets = index.targets();
        let reach = targets.iter().map(|target| target.words.len() + slack(target)).max().unwrap_or(GRAM);
        let tried = vec![Tried { start: i64::MIN, found_until: i64::MIN }; targets.len()];
        Self { index, words: Vec::new(), base: 0, next: 0, reach, tried, found: Found::default() }
    }

    /// Looks up all n-grams that have their context, or all that are left.
    fn advance(&mut self, last: bool) {
        let context = if last { GRAM - 1 } else { self.reach + GRAM };
        let until = self.words.len().saturating_sub(context);
        for at in self.next..until {
            let words = &self.words[at..at + GRAM];
            let key = gram(words[0].hash, words[1].hash, words[2].hash, words[3].hash);
            let index = self.index;
            for posting in index.lookup(key) {
                self.try_target(posting.target as usize, at as isize - posting.offset as isize);
            }
        }
        self.next = until.max(self.next);
        self.forget();
    }

    /// Lets go of words that no alignment can need any more.
    fn forget(&mut self) {
        let unneeded = self.next.saturating_sub(self.reach);
        self.words.drain(..unneeded);
        self.base += unneeded as i64;
        self.next -= unneeded;
    }

    fn try_target(&mut self, target: usize, start: isize) {
        let place = self.base + start as i64;
        let tried = &mut self.tried[target];
        if tried.start == place || place < tried.found_until {
            return;
        }
        tried.start = place;
        let wanted = &self.index.targets()[target];
        let Some(found) = align(self.index, wanted, &self.words, start) else { return };
        let (first, last) = (self.words[found.first], self.words[found.last]);
        tried.found_until = self.base + found.last as i64;
        self.found.total += 1;
        if self.found.hits.len() < MOST_HITS {
            self.found.hits.push(Hit {
                item: wanted.item,
                field: wanted.field,
                share: found.share,
                line: first.line,
                bytes: first.start..last.end,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::item::TestItem;
    use crate::policy::OverlapThresholds;

    fn items() -> Vec<TestItem> {
        let question =
            |n: usize| format!("Ana has {n} apples. She buys {} more. How many apples does Ana have now?", n + 3);
        let item = |n: usize| TestItem {
            id: format!("m/test/{n}"),
            question: question(n),
            answer: "So.".to_owned(),
            target: "1".to_owned(),
        };
        (0..50).map(item).collect()
    }

    fn index() -> Index {
        Index::new(&items(), OverlapThresholds::default())
    }

    /// Gives out a few bytes at a time.
    struct Trickle<'a>(&'a [u8]);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = buffer.len().min(self.0.len()).min(7);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn an_item_is_found_at_its_line_in_a_stream_of_small_pieces() -> io::Result<()> {
        let mut text = "nothing here\n".repeat(3000);
        writeln!(text, "{{\"q\": \"{}\"}}", items()[7].question).map_err(io::Error::other)?;
        text.push_str(&"nor here\n".repeat(3000));
        let found = index().find_in_stream(&mut Trickle(text.as_bytes()), u64::MAX)?;
        assert_eq!(found.hits.len(), 1);
        assert_eq!((found.hits[0].item, found.hits[0].line), (7, 3001));
        let bytes = found.hits[0].bytes.start as usize..found.hits[0].bytes.end as usize;
        assert!(text[bytes].starts_with("Ana has 7"));
        Ok(())
    }

    #[test]
    fn repeats_are_all_counted() {
        let text = format!("{}\n", items()[3].question).repeat(40);
        let found = index().find_in(text.as_bytes());
        assert_eq!(found.total, 40);
        assert!(found.hits.iter().all(|hit| hit.item == 3));
    }

    #[test]
    fn a_line_without_end_needs_no_memory_for_itself() -> io::Result<()> {
        let question = format!(" {}", items()[5].question);
        let mut stream = io::repeat(b'x').take(64 << 20).chain(question.as_bytes());
        let found = index().find_in_stream(&mut stream, u64::MAX)?;
        assert_eq!(found.bytes, (64 << 20) + question.len() as u64);
        assert_eq!((found.hits.len(), found.hits[0].line), (1, 1));
        Ok(())
    }

    #[test]
    fn reading_stops_at_the_limit_and_says_so() -> io::Result<()> {
        let found = index().find_in_stream(&mut io::repeat(b' '), 1 << 20)?;
        assert!(found.cut);
        assert_eq!(found.bytes, 1 << 20);
        let found = index().find_in_stream(&mut &b"short"[..], 5)?;
        assert!(!found.cut);
        Ok(())
    }

    #[test]
    fn other_problems_of_the_template_are_not_found() {
        let mut text = String::new();
        for n in 100..3000 {
            text.push_str(&items()[n % 50].question.replace("Ana has", &format!("Ana has {n} plums and")));
            text.push('\n');
        }
        assert_eq!(index().find_in(text.as_bytes()).total, 0);
    }
}
