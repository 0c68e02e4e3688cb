//! Tokens to text as they come: whole characters only, and nothing that may belong to a stop text.

use tokenizers::Tokenizer;

use super::request::GenerationError;

/// The text of one completion while it grows.
#[derive(Debug)]
pub(super) struct GrowingText {
    stops: Vec<String>,
    tokens: Vec<u32>,
    /// Tokens before this one are decoded only as context of the later ones.
    context: usize,
    /// Tokens before this one are in the text.
    done: usize,
    text: String,
    /// Bytes of the text that have been handed out.
    handed_out: usize,
    stopped: bool,
}

impl GrowingText {
    pub(super) fn new(stops: Vec<String>) -> Self {
        Self { stops, tokens: Vec::new(), context: 0, done: 0, text: String::new(), handed_out: 0, stopped: false }
    }

    /// Adds a token; returns the text that has become certain.
    pub(super) fn push(&mut self, tokenizer: &Tokenizer, token: u32) -> Result<String, GenerationError> {
        self.tokens.push(token);
        let known = decode(tokenizer, &self.tokens[self.context..self.done])?;
        let all = decode(tokenizer, &self.tokens[self.context..])?;
        // A replacement character at the end is most likely the first bytes of a longer character.
        if !all.ends_with(char::REPLACEMENT_CHARACTER)
            && let Some(new) = all.strip_prefix(&known)
        {
            self.text.push_str(new);
            (self.context, self.done) = (self.done, self.tokens.len());
        }
        self.cut();
        Ok(self.hand_out(self.undecided()))
    }

    /// Whether a stop text has been reached.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// No more tokens will come; returns the rest of the text.
    pub(super) fn finish(&mut self, tokenizer: &Tokenizer) -> Result<String, GenerationError> {
        if !self.stopped && self.done < self.tokens.len() {
            let known = decode(tokenizer, &self.tokens[self.context..self.done])?;
            let all = decode(tokenizer, &self.tokens[self.context..])?;
            self.text.push_str(all.strip_prefix(&known).unwrap_or_default());
            self.cut();
        }
        Ok(self.hand_out(0))
    }

    /// The whole text so far.
    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Ends the text before the first stop text in it.
    fn cut(&mut self) {
        let pending = &self.text[self.handed_out..];
        if let Some(at) = self.stops.iter().filter_map(|stop| pending.find(stop.as_str())).min() {
            self.text.truncate(self.handed_out + at);
            self.stopped = true;
        }
    }

    /// Bytes at the end that may be the beginning of a stop text.
    fn undecided(&self) -> usize {
        if self.stopped {
            return 0;
        }
        let pending = &self.text[self.handed_out..];
        let begins_stop = |start: &usize| self.stops.iter().any(|stop| stop.starts_with(&pending[*start..]));
        let first = pending.char_indices().map(|(start, _)| start).find(begins_stop);
        first.map_or(0, |start| pending.len() - start)
    }

    fn hand_out(&mut self, kept_back: usize) -> String {
        let end = self.text.len() - kept_back;
        let text = self.text[self.handed_out..end].to_owned();
        self.handed_out = end;
        text
    }
}

fn decode(tokenizer: &Tokenizer, tokens: &[u32]) -> Result<String, GenerationError> {
    tokenizer.decode(tokens, true).map_err(|error| GenerationError::Tokenizer(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn tokenizer() -> Tokenizer {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tied/tokenizer.json");
        Tokenizer::from_file(path).unwrap()
    }

    fn tokens(text: &str) -> Vec<u32> {
        tokenizer().encode(text, false).unwrap().get_ids().to_vec()
    }

    /// All pieces in the order of delivery, and the whole text.
    fn grow(tokens: &[u32], stops: &[&str]) -> (Vec<String>, String) {
        let tokenizer = tokenizer();
        let mut text = GrowingText::new(stops.iter().map(|&stop| stop.to_owned()).collect());
        let mut pieces = Vec::new();
        for &token in tokens {
            pieces.push(text.push(&tokenizer, token).unwrap());
            if text.is_stopped() {
                break;
            }
        }
        pieces.push(text.finish(&tokenizer).unwrap());
        (pieces, text.into_text())
    }

    #[test]
    fn characters_of_several_tokens_come_whole() {
        let (pieces, text) = grow(&tokens("aé漢😀b"), &[]);
        assert_eq!(text, "aé漢😀b");
        assert!(pieces.iter().all(|piece| !piece.contains(char::REPLACEMENT_CHARACTER)), "{pieces:?}");
    }

    #[test]
    fn an_unfinished_character_at_the_end_is_not_lost() {
        let mut half = tokens("a😀");
        half.pop();
        assert_eq!(grow(&half, &[]).1, "a\u{fffd}");
    }

    #[test]
    fn a_stop_text_is_cut_exactly_even_across_tokens() {
        for (input, stops, expected) in [
            ("hello world", &["o w"][..], "hell"),
            ("hello world", &["lo", "el"], "h"),
            ("abcabd rest", &["abd"], "abc"),
            ("no stop here", &["xyz"], "no stop here"),
            ("ends with st", &["stop"], "ends with st"),
            ("aaab", &["aab"], "a"),
        ] {
            let (pieces, text) = grow(&tokens(input), stops);
            assert_eq!(text, expected);
            assert_eq!(pieces.concat(), expected);
        }
    }

    #[test]
    fn special_tokens_leave_no_text() {
        assert_eq!(grow(&[tokens("a")[0], 258, tokens("b")[0]], &[]).1, "ab");
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_and_the_text_is_the_decoded_tokens(tokens in prop::collection::vec(0_u32..266, 0..40)) {
            let (pieces, text) = grow(&tokens, &[]);
            prop_assert_eq!(&pieces.concat(), &text);
            prop_assert_eq!(text, tokenizer().decode(&tokens, true).unwrap());
        }

        #[test]
        fn nothing_of_a_stop_text_is_ever_handed_out(input in "[abc ]{0,30}", stop in "[abc]{1,4}") {
            let (pieces, text) = grow(&tokens(&input), &[&stop]);
            prop_assert_eq!(pieces.concat(), input.split(&stop).next().unwrap());
            prop_assert_eq!(text, input.split(&stop).next().unwrap());
        }
    }
}
