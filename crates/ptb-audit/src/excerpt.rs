//! Texts shortened for showing.

/// The text on one line, without control characters, at most `most` characters.
pub(crate) fn excerpt(text: &str, most: usize) -> String {
    let visible = |letter: char| if letter.is_control() { ' ' } else { letter };
    let mut shown: String = text.trim().chars().take(most + 1).map(visible).collect();
    if shown.chars().count() > most {
        shown.pop();
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_and_control_characters_hidden() {
        assert_eq!(excerpt(" a\n\u{1b}[31mb ", 10), "a  [31mb");
        assert_eq!(excerpt("äöüß", 3), "äöü…");
    }
}
