//! Text as a stream of comparable words.
//!
//! Two texts that a reader calls the same come out as the same words: letters are compared without case, accents and
//! compatibility forms (NFKD), punctuation and invisible characters are left out, digits and letters are separate words,
//! `1,000` is `1000`. Escapes of JSON and of programming languages are read too, however often they were applied, so one
//! reader serves plain text, JSON lines, source code and traces that quote all of them.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// One word at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Word {
    /// Hash of the normalised word.
    pub(crate) hash: u64,
    /// Offset of its first byte.
    pub(crate) start: u64,
    /// Offset behind its last byte.
    pub(crate) end: u64,
    /// Line, from 1.
    pub(crate) line: u32,
    /// Whether it is made of digits.
    pub(crate) number: bool,
    /// Whether a sentence, a line, a field or the text ends behind it.
    pub(crate) ends: bool,
}

/// How many bytes at the end of a block cannot be read before the next block is there.
const LOOKAHEAD: usize = 16;

/// What a byte does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Letter,
    Digit,
    Space,
    Comma,
    End,
    Line,
    Backslash,
    Wide,
}

const fn class_of(byte: u8) -> Class {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' => Class::Letter,
        b'0'..=b'9' => Class::Digit,
        b',' => Class::Comma,
        b'\n' => Class::Line,
        b'\\' => Class::Backslash,
        b'.' | b'?' | b'!' | b':' | b';' | b'"' | b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'<' | b'>' | b'|' | 0 => {
            Class::End
        }
        0x80.. => Class::Wide,
        _ => Class::Space,
    }
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Space; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class_of(byte as u8);
        byte += 1;
    }
    table
};

const HASH_START: u64 = 0xcbf2_9ce4_8422_2325;
const HASH_FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

fn extend_hash(hash: u64, byte: u8) -> u64 {
    (hash.rotate_left(5) ^ u64::from(byte)).wrapping_mul(HASH_FACTOR)
}

/// The hash under which a normalised word is compared.
pub(crate) fn word_hash(word: &str) -> u64 {
    word.bytes().fold(HASH_START, extend_hash)
}

/// The word that is being read.
#[derive(Clone, Copy)]
struct Open {
    hash: u64,
    start: u64,
    number: bool,
}

/// Reads blocks of bytes and appends their words to a list.
pub(crate) struct WordReader {
    offset: u64,
    line: u32,
    open: Option<Open>,
    after_comma: bool,
}

impl WordReader {
    /// A reader for a text whose first byte has this offset and stands in this line.
    pub(crate) fn new(offset: u64, line: u32) -> Self {
        Self { offset, line, open: None, after_comma: false }
    }

    /// Reads as much of `block` as can be understood and returns how many bytes that was; with `last`, all of it.
    /// What was not read has to come again at the start of the next block.
    pub(crate) fn read(&mut self, block: &[u8], last: bool, words: &mut Vec<Word>) -> usize {
        let limit = if last { block.len() } else { block.len().saturating_sub(LOOKAHEAD) };
        let mut at = 0;
        while at < limit {
            let byte = block[at];
            match CLASSES[usize::from(byte)] {
                Class::Letter | Class::Digit => at = self.read_run(block, at, limit, words),
                Class::Backslash => at += self.read_escape(&block[at..], at, words),
                Class::Wide => at += self.read_wide(&block[at..], at, words),
                class => {
                    if class != Class::Comma || !self.joins_digits(&block[at..]) {
                        self.separate(class, at, words);
                    }
                    at += 1;
                }
            }
        }
        self.offset += at as u64;
        if last {
            self.close(0, words);
            mark_end(words);
        }
        at
    }

    /// Letters or digits up to the end of the run: the part of the reader where the time goes.
    fn read_run(&mut self, block: &[u8], from: usize, limit: usize, words: &mut Vec<Word>) -> usize {
        let class = CLASSES[usize::from(block[from])];
        let number = class == Class::Digit;
        let mut open = self.continue_word(from, number, words);
        let mut at = from;
        while at < limit && CLASSES[usize::from(block[at])] == class {
            open.hash = extend_hash(open.hash, block[at] | 0x20);
            at += 1;
        }
        self.open = Some(open);
        at
    }

    /// The open word if it is of the same kind, otherwise a new one.
    fn continue_word(&mut self, at: usize, number: bool, words: &mut Vec<Word>) -> Open {
        match self.open {
            Some(open) if open.number == number => open,
            _ => {
                self.close(at, words);
                self.after_comma = false;
                Open { hash: HASH_START, start: self.offset + at as u64, number }
            }
        }
    }

    fn close(&mut self, at: usize, words: &mut Vec<Word>) {
        if let Some(Open { hash, start, number }) = self.open.take() {
            words.push(Word { hash, start, end: self.offset + at as u64, line: self.line, number, ends: false });
        }
    }

    fn separate(&mut self, class: Class, at: usize, words: &mut Vec<Word>) {
        self.close(at, words);
        match class {
            Class::Comma => self.after_comma = true,
            Class::End => mark_end(words),
            Class::Line => {
                // A list that goes on in the next line has not ended.
                if !self.after_comma {
                    mark_end(words);
                }
                self.line = self.line.saturating_add(1);
            }
            _ => {}
        }
    }

    /// Whether the comma at the start of `rest` groups the digits of a number.
    fn joins_digits(&self, rest: &[u8]) -> bool {
        let digit = |index: usize| rest.get(index).is_some_and(u8::is_ascii_digit);
        self.open.is_some_and(|open| open.number) && digit(1) && digit(2) && digit(3) && !digit(4)
    }

    /// A run of backslashes with what they escape. Returns its length.
    fn read_escape(&mut self, rest: &[u8], at: usize, words: &mut Vec<Word>) -> usize {
        let run = rest.iter().take_while(|byte| **byte == b'\\').count();
        match rest.get(run) {
            Some(b'n' | b'r' | b't') => {
                let class = if self.after_comma { Class::Space } else { Class::End };
                self.separate(class, at, words);
                run + 1
            }
            Some(b'u') if let Some(letter) = escaped_char(&rest[run + 1..]) => {
                self.read_char(letter, at, words);
                run + 5
            }
            _ => {
                self.separate(Class::Space, at, words);
                run
            }
        }
    }

    /// One character outside ASCII, or a byte that is no UTF-8. Returns its length.
    fn read_wide(&mut self, rest: &[u8], at: usize, words: &mut Vec<Word>) -> usize {
        let bytes = &rest[..rest.len().min(4)];
        let valid = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        let Some(letter) = valid.chars().next() else {
            self.separate(Class::Space, at, words);
            return 1;
        };
        self.read_char(letter, at, words);
        letter.len_utf8()
    }

    fn read_char(&mut self, letter: char, at: usize, words: &mut Vec<Word>) {
        if is_invisible(letter) {
            return;
        }
        for part in letter.nfkd().flat_map(char::to_lowercase) {
            if part.is_ascii() {
                self.read_ascii(part as u8, at, words);
            } else if is_combining_mark(part) {
                // An accent: the letter counts without it.
            } else if part.is_alphanumeric() {
                let mut open = self.continue_word(at, false, words);
                let mut bytes = [0; 4];
                open.hash = part.encode_utf8(&mut bytes).bytes().fold(open.hash, extend_hash);
                self.open = Some(open);
            } else {
                self.separate(Class::Space, at, words);
            }
        }
    }

    fn read_ascii(&mut self, byte: u8, at: usize, words: &mut Vec<Word>) {
        match CLASSES[usize::from(byte)] {
            class @ (Class::Letter | Class::Digit) => {
                let mut open = self.continue_word(at, class == Class::Digit, words);
                open.hash = extend_hash(open.hash, byte | 0x20);
                self.open = Some(open);
            }
            Class::Line => self.separate(Class::End, at, words),
            class => self.separate(class, at, words),
        }
    }
}

fn mark_end(words: &mut [Word]) {
    if let Some(word) = words.last_mut() {
        word.ends = true;
    }
}

/// The character of four hexadecimal digits.
fn escaped_char(digits: &[u8]) -> Option<char> {
    let digits = std::str::from_utf8(digits.get(..4)?).ok()?;
    char::from_u32(u32::from_str_radix(digits, 16).ok()?)
}

/// Characters that are not seen and must not split a word.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// The words of a text that is at hand.
pub(crate) fn words_of(text: &[u8]) -> Vec<Word> {
    let mut words = Vec::new();
    let mut reader = WordReader::new(0, 1);
    reader.read(text, true, &mut words);
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hashes(text: &str) -> Vec<u64> {
        words_of(text.as_bytes()).iter().map(|word| word.hash).collect()
    }

    #[test]
    fn case_punctuation_accents_and_width_do_not_matter() {
        let plain = hashes("Ana has 12 cafe tables. How many?");
        assert_eq!(plain.len(), 7);
        for other in [
            "ANA HAS 12 CAFÉ TABLES -- HOW MANY",
            "Ana has\n\n12   cafe\ttables, how many",
            "\u{ff21}na has \u{ff11}\u{ff12} ca\u{200b}fe\u{301} tables\u{3002} How\u{a0}many\u{ff1f}",
            r"Ana has 12 caf\u00e9 tables.\nHow many?",
            r"Ana has 12 caf\\u00e9 tables.\\\\nHow many?",
            "**Ana** has $12$ _cafe_ tables. How many?",
        ] {
            assert_eq!(hashes(other), plain, "{other}");
        }
    }

    #[test]
    fn numbers_are_words_of_their_own() {
        assert_eq!(hashes("5kg of 1,000,000 at $3.50"), hashes("5 kg of 1000000 at 3 50"));
        assert_ne!(hashes("1,00"), hashes("100"));
        let words = words_of(b"ana 12");
        assert_eq!(words.iter().map(|word| word.number).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_comma_does_not_end_a_list() {
        let ends = |text: &str| words_of(text.as_bytes()).iter().map(|word| word.ends).collect::<Vec<_>>();
        assert_eq!(ends("sun, map, tree"), [false, false, true]);
        assert_eq!(ends("sun,\nmap tree. end"), [false, false, true, true]);
        assert_eq!(ends("\"sun, map\", \"tree\""), [false, true, true]);
        assert_eq!(ends(r"map\nEnd with"), [true, false, true]);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines: Vec<_> = words_of(b"a b\n\nc").iter().map(|word| word.line).collect();
        assert_eq!(lines, [1, 1, 3]);
    }

    #[test]
    fn a_latex_command_reads_the_same_plain_and_escaped() {
        assert_eq!(hashes(r"\theta \neq \frac{1}{2}"), hashes(r"\\theta \\neq \\frac{1}{2}"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_the_same_in_pieces(bytes in prop::collection::vec(any::<u8>(), 0..400), cut in 1_usize..90) {
            let whole = words_of(&bytes);
            let mut reader = WordReader::new(0, 1);
            let mut words = Vec::new();
            let mut at = 0;
            while at < bytes.len() {
                let until = (at + cut + LOOKAHEAD).min(bytes.len());
                let last = until == bytes.len();
                at += reader.read(&bytes[at..until], last, &mut words);
                if last {
                    break;
                }
            }
            prop_assert_eq!(words.len(), whole.len());
            for (piece, word) in words.iter().zip(&whole) {
                prop_assert_eq!((piece.hash, piece.line, piece.start), (word.hash, word.line, word.start));
            }
        }

        #[test]
        fn normalising_is_indifferent_to_case_and_spacing(text in "[a-zA-Z0-9 .,?éàü]{0,120}") {
            let spaced = text.to_uppercase().replace(' ', "  ");
            prop_assert_eq!(hashes(&spaced), hashes(&text));
        }

        #[test]
        fn json_escaping_changes_no_word(text in "\\PC{0,80}") {
            // A backslash in front of a letter is an escape in one reading and a letter in the other.
            prop_assume!(!text.contains('\\'));
            let escaped = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(hashes(&escaped), hashes(&text));
        }
    }
}
