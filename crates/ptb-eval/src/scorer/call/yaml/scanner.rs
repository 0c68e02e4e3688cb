//! From characters to tokens.

use super::characters::{END, is_blank, is_gap, is_line_end, is_name};
use super::cursor::Cursor;
use super::simple_keys::{SimpleKey, SimpleKeys};
use super::token::Token;
use super::{MAX_DEPTH, YamlError, scalars, tags, too_deep};

type Scanned = Result<(), YamlError>;

/// All tokens of a text.
pub(super) fn scan(text: &str) -> Result<Vec<Token>, YamlError> {
    let mut scanner = Scanner {
        cursor: Cursor::new(text),
        tokens: Vec::new(),
        keys: SimpleKeys::default(),
        flow_level: 0,
        indent: None,
        indents: Vec::new(),
        key_allowed: true,
    };
    while scanner.tokens.last() != Some(&Token::StreamEnd) {
        scanner.next()?;
    }
    Ok(scanner.tokens)
}

struct Scanner {
    cursor: Cursor,
    tokens: Vec<Token>,
    keys: SimpleKeys,
    /// Flow collections that are open.
    flow_level: usize,
    /// Column of the innermost block collection.
    indent: Option<usize>,
    /// Those of the outer ones.
    indents: Vec<Option<usize>>,
    /// Whether a key may begin here.
    key_allowed: bool,
}

impl Scanner {
    fn next(&mut self) -> Scanned {
        self.skip_to_token();
        self.keys.give_up_stale(&self.cursor)?;
        self.close_blocks(Some(self.cursor.column));
        let char = self.cursor.peek(0);
        let blank_follows = is_blank(self.cursor.peek(1));
        let in_flow = self.flow_level > 0;
        match char {
            END => self.stream_end(),
            '%' if self.cursor.column == 0 => self.directive(),
            '-' | '.' if self.cursor.column == 0 && self.cursor.at_document_mark() => self.document_mark(char),
            '[' => self.flow_start(Token::FlowSequenceStart),
            '{' => self.flow_start(Token::FlowMappingStart),
            ']' => self.flow_end(Token::FlowSequenceEnd),
            '}' => self.flow_end(Token::FlowMappingEnd),
            ',' => self.flow_entry(),
            '-' if blank_follows => self.block_entry(),
            '?' if in_flow || blank_follows => self.key(),
            ':' if in_flow || blank_follows => self.value(),
            '*' | '&' => self.anchor(char),
            '!' => {
                self.may_be_key()?;
                self.key_allowed = false;
                let tag = tags::tag(&mut self.cursor)?;
                self.tokens.push(Token::Tag(tag));
                Ok(())
            }
            '|' | '>' if !in_flow => self.block_scalar(char),
            '\'' | '"' => self.quoted(char),
            '-' | '?' | ':' if !blank_follows => self.plain(),
            '-' | '?' | ':' | '#' | '|' | '>' | '%' | '@' | '`' | '\t' => {
                Err(YamlError::Refused("a character that cannot begin a node"))
            }
            _ => self.plain(),
        }
    }

    /// Passes over spaces, comments and line breaks.
    fn skip_to_token(&mut self) {
        if self.cursor.index == 0 && self.cursor.peek(0) == '\u{feff}' {
            self.cursor.forward(1);
        }
        loop {
            self.cursor.take_while(|char| char == ' ');
            if self.cursor.peek(0) == '#' {
                self.cursor.take_while(|char| !is_line_end(char));
            }
            if self.cursor.take_break().is_none() {
                return;
            }
            self.key_allowed |= self.flow_level == 0;
        }
    }

    /// Ends the block collections that are indented more than the column; all of them without one.
    fn close_blocks(&mut self, column: Option<usize>) {
        while self.flow_level == 0 && self.indent > column {
            self.indent = self.indents.pop().flatten();
            self.tokens.push(Token::BlockEnd);
        }
    }

    /// Whether a block collection begins at the column.
    fn open_block(&mut self, column: usize) -> bool {
        let opens = self.indent < Some(column);
        if opens {
            self.indents.push(self.indent);
            self.indent = Some(column);
        }
        opens
    }

    /// Remembers the place of the next token as one at which a key may have begun.
    fn may_be_key(&mut self) -> Scanned {
        if self.key_allowed {
            let required = self.flow_level == 0 && self.indent == Some(self.cursor.column);
            self.keys.give_up(self.flow_level)?;
            self.keys.push(SimpleKey::at(&self.cursor, self.flow_level, self.tokens.len(), required));
        }
        Ok(())
    }

    /// What begins or ends a document or stream ends all that is open.
    fn close_all(&mut self) -> Scanned {
        self.close_blocks(None);
        self.keys.give_up(self.flow_level)?;
        self.key_allowed = false;
        Ok(())
    }

    fn stream_end(&mut self) -> Scanned {
        self.close_all()?;
        self.keys.clear();
        self.tokens.push(Token::StreamEnd);
        Ok(())
    }

    fn document_mark(&mut self, char: char) -> Scanned {
        self.close_all()?;
        self.cursor.forward(3);
        self.tokens.push(if char == '-' { Token::DocumentStart } else { Token::DocumentEnd });
        Ok(())
    }

    fn directive(&mut self) -> Scanned {
        self.close_all()?;
        let token = tags::directive(&mut self.cursor)?;
        self.tokens.push(token);
        Ok(())
    }

    fn flow_start(&mut self, token: Token) -> Scanned {
        self.may_be_key()?;
        self.flow_level += 1;
        if self.flow_level > MAX_DEPTH {
            return Err(too_deep());
        }
        self.key_allowed = true;
        self.cursor.forward(1);
        self.tokens.push(token);
        Ok(())
    }

    fn flow_end(&mut self, token: Token) -> Scanned {
        self.keys.give_up(self.flow_level)?;
        self.flow_level = self.flow_level.checked_sub(1).ok_or(YamlError::Refused("a bracket that closes nothing"))?;
        self.key_allowed = false;
        self.cursor.forward(1);
        self.tokens.push(token);
        Ok(())
    }

    fn flow_entry(&mut self) -> Scanned {
        self.key_allowed = true;
        self.keys.give_up(self.flow_level)?;
        self.cursor.forward(1);
        self.tokens.push(Token::FlowEntry);
        Ok(())
    }

    fn block_entry(&mut self) -> Scanned {
        self.open_explicitly(Token::BlockSequenceStart)?;
        self.key_allowed = true;
        self.keys.give_up(self.flow_level)?;
        self.cursor.forward(1);
        self.tokens.push(Token::BlockEntry);
        Ok(())
    }

    /// Begins a block collection at an indicator, where one may stand. In flow collections the parser refuses it.
    fn open_explicitly(&mut self, start: Token) -> Scanned {
        if self.flow_level > 0 {
            return Ok(());
        }
        if !self.key_allowed {
            return Err(YamlError::Refused("an indicator in the middle of a line"));
        }
        if self.open_block(self.cursor.column) {
            self.tokens.push(start);
        }
        self.check_indents()
    }

    fn check_indents(&self) -> Scanned {
        if self.indents.len() > MAX_DEPTH { Err(too_deep()) } else { Ok(()) }
    }

    fn key(&mut self) -> Scanned {
        self.open_explicitly(Token::BlockMappingStart)?;
        self.key_allowed = self.flow_level == 0;
        self.keys.give_up(self.flow_level)?;
        self.cursor.forward(1);
        self.tokens.push(Token::Key);
        Ok(())
    }

    fn value(&mut self) -> Scanned {
        if let Some(key) = self.keys.take(self.flow_level) {
            self.tokens.insert(key.token, Token::Key);
            if self.flow_level == 0 && self.open_block(key.column) {
                self.tokens.insert(key.token, Token::BlockMappingStart);
                self.check_indents()?;
            }
            self.key_allowed = false;
        } else {
            self.open_explicitly(Token::BlockMappingStart)?;
            self.key_allowed = self.flow_level == 0;
        }
        self.cursor.forward(1);
        self.tokens.push(Token::Value);
        Ok(())
    }

    fn anchor(&mut self, indicator: char) -> Scanned {
        self.may_be_key()?;
        self.key_allowed = false;
        self.cursor.forward(1);
        let name = self.cursor.take_while(is_name).to_vec();
        let next = self.cursor.peek(0);
        if name.is_empty() || !(is_blank(next) || matches!(next, '?' | ':' | ',' | ']' | '}' | '%' | '@' | '`')) {
            return Err(YamlError::Refused("a bad name of an anchor"));
        }
        self.tokens.push(if indicator == '*' { Token::Alias(name) } else { Token::Anchor(name) });
        Ok(())
    }

    fn block_scalar(&mut self, style: char) -> Scanned {
        self.key_allowed = true;
        self.keys.give_up(self.flow_level)?;
        let least_indent = self.indent.map_or(1, |indent| indent + 1);
        let text = scalars::block(&mut self.cursor, style == '>', least_indent)?;
        self.tokens.push(Token::Scalar { text, plain: false });
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Scanned {
        self.may_be_key()?;
        self.key_allowed = false;
        let text = scalars::quoted(&mut self.cursor, quote)?;
        self.tokens.push(Token::Scalar { text, plain: false });
        Ok(())
    }

    fn plain(&mut self) -> Scanned {
        self.may_be_key()?;
        let least_indent = self.indent.map_or(0, |indent| indent + 1);
        let plain = scalars::plain(&mut self.cursor, self.flow_level > 0, least_indent);
        self.key_allowed = plain.ends_after_break;
        self.tokens.push(Token::Scalar { text: plain.text, plain: true });
        Ok(())
    }
}

/// Passes over the rest of a line that may have a comment; false where something else stands there.
pub(super) fn skip_rest_of_line(cursor: &mut Cursor) -> bool {
    cursor.take_while(|char| char == ' ');
    if cursor.peek(0) == '#' {
        cursor.take_while(|char| !is_line_end(char));
    }
    let ends = is_gap(cursor.peek(0));
    cursor.take_break();
    ends
}
