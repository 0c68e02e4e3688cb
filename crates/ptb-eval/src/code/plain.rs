//! Plain values as bytes: writing the few that this side sends, and checking all that the answer sends.
//!
//! `python/plain.py` describes the format. A value that passes the check can be built by the checker without an error and
//! without running anything but the constructors of builtin types.

/// Most values in one message, nested ones counted.
const MAX_VALUES: usize = 2_000_000;

/// Deepest nesting; `python/plain.py` sends nothing deeper.
const MAX_DEPTH: usize = 64;

/// The text of a message that is shown to people is cut here, in characters.
const MAX_SHOWN: usize = 300;

/// The sender does not keep to the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotPlain;

/// A text as a plain value.
pub(super) fn text(text: &str) -> Vec<u8> {
    [format!("s{:x}\n", text.len()).as_bytes(), text.as_bytes()].concat()
}

/// A number as a plain value.
pub(super) fn number(number: u64) -> Vec<u8> {
    format!("i{number:x}\n").into_bytes()
}

/// A list of texts as a plain value.
pub(super) fn texts(texts: &[String]) -> Vec<u8> {
    let items = texts.iter().flat_map(|item| text(item));
    format!("l{:x}\n", texts.len()).into_bytes().into_iter().chain(items).collect()
}

/// Cuts bytes into exactly `N` values and checks each of them.
pub(super) fn split<const N: usize>(bytes: &[u8]) -> Result<[&[u8]; N], NotPlain> {
    let mut reader = Reader { rest: bytes, values: 0 };
    let mut parts = [&bytes[..0]; N];
    for part in &mut parts {
        let before = reader.rest;
        reader.value(0, false)?;
        *part = &before[..before.len() - reader.rest.len()];
    }
    if reader.rest.is_empty() { Ok(parts) } else { Err(NotPlain) }
}

/// The number in a checked value.
pub(super) fn to_number(value: &[u8]) -> Option<u64> {
    let digits = value.strip_prefix(b"i")?.strip_suffix(b"\n")?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The text in a checked value, for people: short and without control characters.
pub(super) fn to_shown_text(value: &[u8]) -> Option<String> {
    let rest = value.strip_prefix(b"s")?;
    let start = rest.iter().position(|&byte| byte == b'\n')? + 1;
    let shown = String::from_utf8_lossy(&rest[start..]);
    Some(shown.chars().take(MAX_SHOWN).map(|char| if char.is_control() { ' ' } else { char }).collect())
}

struct Reader<'a> {
    rest: &'a [u8],
    values: usize,
}

impl<'a> Reader<'a> {
    /// Passes over one value. A hashed one is an element of a set or a key.
    fn value(&mut self, depth: usize, hashed: bool) -> Result<(), NotPlain> {
        self.values += 1;
        if depth > MAX_DEPTH || self.values > MAX_VALUES {
            return Err(NotPlain);
        }
        let (&letter, rest) = self.rest.split_first().ok_or(NotPlain)?;
        self.rest = rest;
        match letter {
            b'N' | b'T' | b'F' => Ok(()),
            b'i' => self.line().and_then(integer),
            b'd' => self.line().and_then(float),
            b'c' => self.line().and_then(float).and_then(|()| self.line()).and_then(float),
            b's' => self.counted().and_then(surrogate_text),
            b'b' => self.counted().map(drop),
            b'r' => self.range(),
            b't' => self.items(1, depth, hashed),
            b'z' => self.items(1, depth, true),
            b'S' if !hashed => self.items(1, depth, true),
            b'y' if !hashed => self.counted().map(drop),
            b'l' | b'I' if !hashed => self.items(1, depth, false),
            b'm' if !hashed => self.pairs(depth),
            _ => Err(NotPlain),
        }
    }

    fn items(&mut self, each: usize, depth: usize, hashed: bool) -> Result<(), NotPlain> {
        let count = self.count()?;
        (0..count * each).try_for_each(|_| self.value(depth + 1, hashed))
    }

    fn pairs(&mut self, depth: usize) -> Result<(), NotPlain> {
        let count = self.count()?;
        (0..count).try_for_each(|_| self.value(depth + 1, true).and_then(|()| self.value(depth + 1, false)))
    }

    /// Three integers, the last of which is not zero.
    fn range(&mut self) -> Result<(), NotPlain> {
        for place in 0..3 {
            let (letter, rest) = self.rest.split_first().ok_or(NotPlain)?;
            self.rest = rest;
            let digits = self.line()?;
            integer(digits)?;
            let zero = digits.iter().all(|digit| matches!(digit, b'-' | b'0'));
            if *letter != b'i' || (place == 2 && zero) {
                return Err(NotPlain);
            }
        }
        Ok(())
    }

    fn line(&mut self) -> Result<&'a [u8], NotPlain> {
        let end = self.rest.iter().position(|&byte| byte == b'\n').ok_or(NotPlain)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(line)
    }

    /// A count of things that take at least a byte each.
    fn count(&mut self) -> Result<usize, NotPlain> {
        let line = self.line()?;
        let plain = (1..=8).contains(&line.len()) && line.iter().all(|&byte| hexadecimal(byte));
        let digits = std::str::from_utf8(line).ok().filter(|_| plain).ok_or(NotPlain)?;
        let count = usize::from_str_radix(digits, 16).map_err(|_| NotPlain)?;
        if count > self.rest.len() { Err(NotPlain) } else { Ok(count) }
    }

    fn counted(&mut self) -> Result<&'a [u8], NotPlain> {
        let (content, rest) = self.count().map(|count| self.rest.split_at(count))?;
        self.rest = rest;
        Ok(content)
    }
}

fn hexadecimal(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn check(condition: bool) -> Result<(), NotPlain> {
    if condition { Ok(()) } else { Err(NotPlain) }
}

fn integer(line: &[u8]) -> Result<(), NotPlain> {
    let digits = line.strip_prefix(b"-").unwrap_or(line);
    check(!digits.is_empty() && digits.iter().all(|&byte| hexadecimal(byte)))
}

/// The format of Python's `float.hex`, within the range of its numbers.
fn float(line: &[u8]) -> Result<(), NotPlain> {
    let unsigned = line.strip_prefix(b"-").unwrap_or(line);
    if matches!(unsigned, b"inf" | b"nan") {
        return Ok(());
    }
    let digits = unsigned.strip_prefix(b"0x0.").or_else(|| unsigned.strip_prefix(b"0x1.")).ok_or(NotPlain)?;
    let point = digits.iter().position(|&byte| byte == b'p').ok_or(NotPlain)?;
    let (mantissa, exponent) = (&digits[..point], &digits[point + 1..]);
    check((1..=13).contains(&mantissa.len()) && mantissa.iter().all(|&byte| hexadecimal(byte)))?;
    let exponent: i32 = std::str::from_utf8(exponent).ok().and_then(|text| text.parse().ok()).ok_or(NotPlain)?;
    check((-1074..=1023).contains(&exponent))
}

/// Python's texts may hold lone surrogates; written as three bytes, they are the only thing that is not UTF-8.
fn surrogate_text(mut content: &[u8]) -> Result<(), NotPlain> {
    while let Err(error) = std::str::from_utf8(content) {
        content = &content[error.valid_up_to()..];
        match content {
            [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => content = rest,
            _ => return Err(NotPlain),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &[u8]) -> bool {
        split::<1>(bytes).is_ok()
    }

    #[test]
    fn what_python_sends_is_plain() {
        for value in [
            &b"N"[..],
            b"i-ff\n",
            b"d0x1.8000000000000p+1\n",
            b"d-0x0.0p+0\n",
            b"dnan\n",
            b"d-inf\n",
            b"c0x0.0p+0\n0x1.0000000000000p+0\n",
            b"s2\n\xc3\xa9",
            b"s3\n\xed\xa0\x80",
            b"l2\nNt1\nT",
            b"m1\ns1\nxl0\n",
            b"z1\nt1\ni1\n",
            b"ri0\ni5\ni-1\n",
            b"y3\n\xff\n\x00",
        ] {
            assert!(plain(value), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_would_break_the_checker_is_refused() {
        for value in [
            &b""[..],
            b"x",
            b"i\n",
            b"i0x1\n",
            b"i1_0\n",
            b"i 1\n",
            b"iF\n",
            b"i1",
            b"d1.0\n",
            b"d0x1.0p+9999\n",
            b"d0x1.00000000000000p+1\n",
            b"d0x1.0p 1\n",
            b"s2\nx",
            b"s1\n\xff",
            b"s2\n\xed\xa0",
            b"sffffffff\n",
            b"lffffffff\nN",
            b"l2\nN",
            b"l-1\n",
            b"S1\nl0\n",
            b"S1\nt1\nl0\n",
            b"m1\nm0\nN",
            b"ri0\ni5\ni0\n",
            b"ri0\ni5\ni-0\n",
            b"rNi5\ni1\n",
            b"NN",
        ] {
            assert!(!plain(value), "{}", value.escape_ascii());
        }
        assert!(!plain(&b"l1\n".repeat(100_000)));
    }

    #[test]
    fn values_are_cut_apart_and_read() {
        let bytes = [number(77), text("a\nb"), texts(&["x".to_owned()])].concat();
        let [first, second, third] = split::<3>(&bytes).expect("three values");
        assert_eq!(to_number(first), Some(77));
        assert_eq!(to_shown_text(second).as_deref(), Some("a b"));
        assert_eq!(third, b"l1\ns1\nx");
        assert_eq!(split::<2>(&bytes), Err(NotPlain));
        assert_eq!(split::<4>(&bytes), Err(NotPlain));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered(bytes: Vec<u8>, letters in "[NTFidcsbytlSzmIr0-9\n]{0,40}") {
            let _ = split::<1>(&bytes);
            let _ = split::<2>(letters.as_bytes());
        }
    }
}
