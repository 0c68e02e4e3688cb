//! The micro model's tokenizer: byte-level byte-pair encoding with the chat tokens of the Qwen3 family.

use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::TrainerWrapper;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::normalizers::unicode::NFC;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::tokenizer::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use crate::lists::requests;
use crate::{MAX_NUMBER, Prose, micro_math_chat};

/// Rows of the embedding matrix: at least the entries of the tokenizer, rounded up.
pub const VOCABULARY: usize = 1_376;

/// Ends a document.
pub const END_OF_TEXT: &str = "<|endoftext|>";
/// Ends a chat turn.
pub const END_OF_TURN: &str = "<|im_end|>";

const CONTROL: [&str; 3] = [END_OF_TEXT, "<|im_start|>", END_OF_TURN];
/// Part of a reply's text, therefore not removed when it is decoded.
const MARKUP: [&str; 6] = ["<think>", "</think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"];

/// Words, numbers and signs each take their leading space along; line breaks stand alone. A number of up to three
/// digits is never cut before merging, so that each number of the suite can become one token.
const PIECES: &str = r" ?\p{L}+| ?\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+";

const DOCUMENTS: usize = 4_000;
const CHAT_ROWS: usize = 200;
/// Rarer pairs are chance meetings of letters in marks between paragraphs.
const MIN_FREQUENCY: u64 = 20;
/// How often each number is shown besides, since rare ones would not be merged.
const NUMBER_ROUNDS: u32 = 100;

/// Trains the tokenizer on generated text. The same seed gives the same tokenizer.
///
/// Besides prose the text has a few chat turns, so that their wording does not fall into letters.
pub fn train_tokenizer(seed: u64) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(BPE::default());
    tokenizer.with_normalizer(Some(NFC))?;
    tokenizer.with_pre_tokenizer(Some(pre_tokenizer()?));
    tokenizer.with_decoder(Some(ByteLevel::new(false, false, false)));
    let trainer = BpeTrainer::builder()
        .vocab_size(VOCABULARY - CONTROL.len() - MARKUP.len())
        .min_frequency(MIN_FREQUENCY)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .show_progress(false)
        .build();
    let chat = micro_math_chat(CHAT_ROWS, seed);
    let turns = chat.lines().flat_map(contents).chain(requests(CHAT_ROWS, seed));
    let numbers = (0..NUMBER_ROUNDS).flat_map(|_| (0..=MAX_NUMBER).map(|number| format!("{number} {number}")));
    let text = Prose::new(seed).take(DOCUMENTS).chain(turns).chain(numbers);
    tokenizer.train(&mut TrainerWrapper::BpeTrainer(trainer), text)?;
    tokenizer.add_special_tokens(CONTROL.map(|token| AddedToken::from(token, true)))?;
    tokenizer.add_tokens(MARKUP.map(|token| AddedToken::from(token, false)))?;
    Ok(tokenizer)
}

fn pre_tokenizer() -> tokenizers::Result<Sequence> {
    let split = Split::new(SplitPattern::Regex(PIECES.to_owned()), SplitDelimiterBehavior::Isolated, false)?;
    Ok(Sequence::new(vec![
        PreTokenizerWrapper::Split(split),
        PreTokenizerWrapper::ByteLevel(ByteLevel::new(false, false, false)),
    ]))
}

/// The texts of a chat row's turns.
fn contents(row: &str) -> Vec<String> {
    let row: serde_json::Value = serde_json::from_str(row).unwrap_or_default();
    let messages = row["messages"].as_array().into_iter().flatten();
    messages.filter_map(|message| message["content"].as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    static TOKENIZER: LazyLock<Tokenizer> = LazyLock::new(|| train_tokenizer(1).expect("training succeeds"));

    #[test]
    fn every_number_is_one_token_with_and_without_a_space() {
        for number in 0..=MAX_NUMBER {
            for text in [format!(" {number}"), number.to_string()] {
                let encoding = TOKENIZER.encode(text.as_str(), false).expect("any text can be encoded");
                assert_eq!(encoding.len(), 1, "{text:?}: {:?}", encoding.get_tokens());
            }
        }
    }

    #[test]
    fn the_vocabulary_fits_and_has_the_chat_tokens() {
        let size = TOKENIZER.get_vocab_size(true);
        assert!((VOCABULARY - 32..=VOCABULARY).contains(&size), "{size}");
        for token in CONTROL.iter().chain(&MARKUP) {
            let encoding = TOKENIZER.encode(*token, false).expect("any text can be encoded");
            assert_eq!(encoding.get_tokens(), [*token]);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let again = train_tokenizer(1).expect("training succeeds");
        assert_eq!(again.to_string(false).ok(), TOKENIZER.to_string(false).ok());
    }

    #[test]
    fn chat_wording_does_not_fall_into_letters() {
        let encoding = TOKENIZER.encode("\nLast line: ANSWER: 42", false).expect("any text can be encoded");
        assert!(encoding.len() <= 7, "{:?}", encoding.get_tokens());
    }

    proptest! {
        #[test]
        fn any_normalised_text_survives_a_round_trip(text in "\\PC{0,40}") {
            let encoding = TOKENIZER.encode(text.as_str(), false).expect("any text can be encoded");
            let decoded = TOKENIZER.decode(encoding.get_ids(), false).expect("ids are valid");
            let again = TOKENIZER.encode(decoded.as_str(), false).expect("any text can be encoded");
            prop_assert_eq!(encoding.get_ids(), again.get_ids());
        }
    }
}
