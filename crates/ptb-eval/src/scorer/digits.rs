//! One spelling for the many signs of numbers.

/// Code points of the digit zero in every script with decimal digits; the nine code points after each are 1 to 9
/// (Unicode 13.0, general category Nd).
const ZEROS: [u32; 65] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66, 0x0DE6,
    0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50, 0x1BB0, 0x1C40,
    0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0,
    0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50,
    0x11DA0, 0x16A60, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// Text in which every decimal digit is ASCII, every minus a hyphen, every kind of blank a space, and LaTeX's thousands
/// separators are commas.
pub(crate) fn plain(text: &str) -> String {
    let text: String = text.chars().map(plain_char).collect();
    text.replace("{,}", ",").replace("\\,", ",").replace("\\times", "×").replace("&nbsp;", " ")
}

fn plain_char(char: char) -> char {
    match char {
        '\u{2212}' | '\u{2012}' | '\u{2013}' | '\u{2014}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{ff0b}' => '+',
        // Invisible signs that models put around numbers.
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => ' ',
        char if char.is_whitespace() || char.is_control() => ' ',
        char => decimal_digit(char).unwrap_or(char),
    }
}

pub(crate) fn decimal_digit(char: char) -> Option<char> {
    let code = char as u32;
    let zero = ZEROS[..ZEROS.partition_point(|zero| *zero <= code)].last()?;
    char::from_digit(code - zero, 10)
}

/// Whether the sign has a numeric value without being a decimal digit, such as `½`, `²` or `Ⅻ`.
pub(crate) fn is_other_numeral(char: char) -> bool {
    char.is_numeric() && !char.is_ascii_digit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_other_scripts_are_read() {
        assert_eq!(plain("１８ ١٨ १८ 𝟏𝟖 ๑๘"), "18 18 18 18 18");
        assert_eq!(plain("−3\u{a0}\u{200b}"), "-3  ");
        assert_eq!(plain(r"70\,000 70{,}000"), "70,000 70,000");
    }

    #[test]
    fn superscripts_and_fractions_are_not_digits() {
        assert_eq!(plain("18²½"), "18²½");
        assert!("²½Ⅻ①".chars().all(is_other_numeral));
    }
}
