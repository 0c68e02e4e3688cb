//! Chat files (one `{"messages": [...]}` in a line) as rows in which only the assistant's tokens are learned.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;
use tokenizers::Tokenizer;

use super::error::TrainError;
use super::rows::Row;
use crate::template::{ChatTemplate, Family, Message, RenderOptions};

/// Longest line of a training file, in bytes.
pub const LINE_LIMIT: u64 = 4 << 20;

const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// The rows of a training file.
#[derive(Debug)]
pub(super) struct Conversations {
    pub(super) rows: Vec<Row>,
    /// Rows that were longer than allowed and lost their end.
    pub(super) truncated: usize,
    /// Rows whose every learned token lay beyond the allowed length.
    pub(super) dropped: usize,
}

/// How conversations become tokens.
#[derive(Debug)]
pub(super) struct Encoder<'a> {
    tokenizer: &'a Tokenizer,
    template: ChatTemplate,
    markers: Markers,
}

/// The texts between which an assistant's turn stands.
#[derive(Debug, Clone, Copy)]
struct Markers {
    open: &'static str,
    close: &'static str,
    /// Control texts that would end a turn or start another if a message contained them.
    reserved: &'static [&'static str],
}

impl Markers {
    fn of(family: Family) -> Self {
        match family {
            Family::Qwen3 => Self {
                open: "<|im_start|>assistant\n",
                close: "<|im_end|>",
                reserved: &["<|im_start|>", "<|im_end|>", "<|endoftext|>"],
            },
            Family::Smollm3 => Self {
                open: "<|im_start|>assistant\n",
                close: "<|im_end|>",
                reserved: &["<|im_start|>", "<|im_end|>", "<|end_of_text|>", "<|begin_of_text|>"],
            },
            Family::Gemma3 => Self {
                open: "<start_of_turn>model\n",
                close: "<end_of_turn>",
                reserved: &["<start_of_turn>", "<end_of_turn>", "<bos>", "<eos>"],
            },
        }
    }
}

#[derive(Deserialize)]
struct Line {
    messages: Vec<Message>,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, family: Family) -> Result<Self, TrainError> {
        let template = ChatTemplate::for_family(family)
            .map_err(|error| TrainError::setting("family", format!("{family:?}"), format!("usable: {error}")))?;
        Ok(Self { tokenizer, template, markers: Markers::of(family) })
    }

    /// Reads a training file; rows longer than `max_length` tokens lose their end.
    pub(super) fn read(&self, path: &Path, max_length: usize) -> Result<Conversations, TrainError> {
        let file = File::open(path).map_err(TrainError::file("open the training file", path))?;
        let mut lines = Lines { reader: BufReader::new(file), number: 0 };
        let mut found = Conversations { rows: Vec::new(), truncated: 0, dropped: 0 };
        while let Some((line, text)) = lines.next(path)? {
            let bad_row = |reason| TrainError::Row { path: path.to_owned(), line, reason };
            let mut row = self.row(&text).map_err(bad_row)?;
            if row.tokens.len() > max_length {
                found.truncated += 1;
                row.tokens.truncate(max_length);
                row.learned.truncate(max_length);
            }
            if row.targets() > 0 { found.rows.push(row) } else { found.dropped += 1 }
        }
        if found.rows.is_empty() && found.dropped == 0 {
            return Err(TrainError::Empty { path: path.to_owned() });
        }
        if found.rows.is_empty() {
            return Err(TrainError::setting("max_length", max_length, "longer than the prompts of the training set"));
        }
        Ok(found)
    }

    /// The row of one line, or what is wrong with it.
    fn row(&self, text: &str) -> Result<Row, String> {
        let line: Line = serde_json::from_str(text)
            .map_err(|error| format!("expected {{\"messages\": [{{\"role\", \"content\"}}, ...]}}: {error}"))?;
        self.check(&line.messages)?;
        let options = RenderOptions { add_generation_prompt: false, ..RenderOptions::default() };
        let rendered = self.template.render(&line.messages, &options).map_err(|error| error.to_string())?;
        self.encode(&rendered)
    }

    fn check(&self, messages: &[Message]) -> Result<(), String> {
        for (index, Message(fields)) in messages.iter().enumerate() {
            let role = fields.get("role").and_then(|role| role.as_str()).unwrap_or("absent");
            if !ROLES.contains(&role) {
                return Err(format!("the role of message {index} is {role}, expected one of {}", ROLES.join(", ")));
            }
            let content = fields.get("content").and_then(|content| content.as_str());
            let Some(content) = content else { return Err(format!("message {index} has no text as its content")) };
            if let Some(token) = self.markers.reserved.iter().find(|token| content.contains(**token)) {
                return Err(format!("message {index} contains the control token {token}"));
            }
        }
        let answered = |Message(fields): &Message| fields.get("role").is_some_and(|role| role == "assistant");
        if messages.iter().any(answered) {
            Ok(())
        } else {
            Err("there is no turn of the assistant to learn".to_owned())
        }
    }

    /// Cuts at the assistant's turns and encodes each piece alone, as a prompt and its answer are when generating.
    fn encode(&self, rendered: &str) -> Result<Row, String> {
        let Markers { open, close, .. } = self.markers;
        let mut row = Row { tokens: Vec::new(), learned: Vec::new() };
        let mut rest = rendered;
        while let Some(start) = rest.find(open) {
            let (prompt, turn) = rest.split_at(start + open.len());
            let end = turn.find(close).map_or(turn.len(), |end| end + close.len());
            let (turn, after) = turn.split_at(end);
            self.append(&mut row, prompt, false)?;
            self.append(&mut row, turn, true)?;
            rest = after;
        }
        self.append(&mut row, rest, false)?;
        Ok(row)
    }

    fn append(&self, row: &mut Row, text: &str, learned: bool) -> Result<(), String> {
        let encoding =
            self.tokenizer.encode_fast(text, false).map_err(|error| format!("cannot be tokenised: {error}"))?;
        row.tokens.extend(encoding.get_ids());
        row.learned.resize(row.tokens.len(), learned);
        Ok(())
    }
}

struct Lines {
    reader: BufReader<File>,
    number: usize,
}

impl Lines {
    /// The next line that is not blank, with its number; never holds more than [`LINE_LIMIT`] bytes.
    fn next(&mut self, path: &Path) -> Result<Option<(usize, String)>, TrainError> {
        loop {
            let mut bytes = Vec::new();
            let limited = &mut self.reader.by_ref().take(LINE_LIMIT + 1);
            let count = limited.read_until(b'\n', &mut bytes).map_err(TrainError::file("read", path))?;
            if count == 0 {
                return Ok(None);
            }
            self.number += 1;
            let bad_row = |reason: String| TrainError::Row { path: path.to_owned(), line: self.number, reason };
            if count as u64 > LINE_LIMIT {
                return Err(bad_row(format!("the line is longer than {LINE_LIMIT} bytes")));
            }
            let text = String::from_utf8(bytes).map_err(|_| bad_row("the line is not UTF-8 text".to_owned()))?;
            if !text.trim().is_empty() {
                return Ok(Some((self.number, text)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// The learned and the given pieces of a conversation, as texts in their order.
    fn pieces(messages: &str) -> Result<Vec<(bool, String)>, Box<dyn std::error::Error + Send + Sync>> {
        let tokenizer = ptb_micro::train_tokenizer(1)?;
        let encoder = Encoder::new(&tokenizer, Family::Qwen3)?;
        let row = encoder.row(&format!("{{\"messages\": {messages}}}"))?;
        let mut pieces: Vec<(bool, Vec<u32>)> = Vec::new();
        for (&token, &learned) in row.tokens.iter().zip(&row.learned) {
            match pieces.last_mut() {
                Some((same, tokens)) if *same == learned => tokens.push(token),
                _ => pieces.push((learned, vec![token])),
            }
        }
        pieces.into_iter().map(|(learned, tokens)| Ok((learned, tokenizer.decode(&tokens, false)?))).collect()
    }

    #[test]
    fn exactly_the_assistant_tokens_and_the_end_of_the_turn_are_learned() -> Outcome {
        let found = pieces(
            r#"[{"role": "system", "content": "S"}, {"role": "user", "content": "Q"},
                {"role": "assistant", "content": "A"}, {"role": "user", "content": "R"},
                {"role": "assistant", "content": "B"}]"#,
        )?;
        let given = |text: &str| (false, text.to_owned());
        let learned = |text: &str| (true, text.to_owned());
        let expected = [
            given("<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"),
            learned("A<|im_end|>"),
            given("\n<|im_start|>user\nR<|im_end|>\n<|im_start|>assistant\n"),
            learned("<think>\n\n</think>\n\nB<|im_end|>"),
            given("\n"),
        ];
        assert_eq!(found, expected);
        Ok(())
    }

    #[test]
    fn the_given_part_of_a_row_is_the_prompt_that_generation_uses() -> Outcome {
        let found = pieces(r#"[{"role": "user", "content": "How many?"}, {"role": "assistant", "content": "Two"}]"#)?;
        let template = ChatTemplate::for_family(Family::Qwen3)?;
        let prompt = template.render(&[Message::user("How many?")], &RenderOptions::default())?;
        assert_eq!(found[0], (false, prompt));
        Ok(())
    }
}
