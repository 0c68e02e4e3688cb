//! Classes of characters.

/// What `peek` gives behind the end of the text; YAML does not allow it inside.
pub(super) const END: char = '\0';

/// Whether YAML allows the character at all.
pub(super) fn is_allowed(char: char) -> bool {
    matches!(char, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether a line ends here.
pub(super) fn is_break(char: char) -> bool {
    matches!(char, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a line or the text ends here.
pub(super) fn is_line_end(char: char) -> bool {
    char == END || is_break(char)
}

/// Whether a space, a line end or the end of the text stands here.
pub(super) fn is_gap(char: char) -> bool {
    char == ' ' || is_line_end(char)
}

/// As [`is_gap`], or a tab.
pub(super) fn is_blank(char: char) -> bool {
    char == '\t' || is_gap(char)
}

/// Letters, digits and signs of anchors, handles and directives.
pub(super) fn is_name(char: char) -> bool {
    char.is_ascii_alphanumeric() || matches!(char, '-' | '_')
}
