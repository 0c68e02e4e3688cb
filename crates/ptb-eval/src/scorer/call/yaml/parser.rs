//! From tokens to a tree.

use std::collections::HashMap;
use std::iter::Peekable;
use std::rc::Rc;
use std::vec;

use super::token::{Tag, Token};
use super::{MAX_DEPTH, YamlError, too_deep};
use crate::scorer::call::python::Text;

/// A part of the tree; an alias is the node that it names.
#[derive(Debug)]
pub(super) struct Node {
    /// Such as `int` for `!!int`.
    pub(super) tag: Option<NodeTag>,
    pub(super) content: Content,
}

/// A tag that has been declared.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NodeTag {
    Standard(String),
    Foreign,
}

#[derive(Debug)]
pub(super) enum Content {
    Scalar {
        text: Text,
        /// Whether the text says by its form what it is.
        plain: bool,
    },
    Sequence(Vec<Rc<Node>>),
    Mapping(Vec<(Rc<Node>, Rc<Node>)>),
}

/// What may stand at a place.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Flow,
    Block,
    /// Sequences may stand at the indent of their key.
    BlockMapping,
}

type Parsed<T> = Result<T, YamlError>;

const UNEXPECTED: YamlError = YamlError::Refused("something at a place where it cannot stand");

/// The only document of a stream; none where there is no document.
pub(super) fn parse(tokens: Vec<Token>) -> Parsed<Option<Rc<Node>>> {
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), anchors: HashMap::new(), depth: 0 };
    let explicit = [Token::VersionDirective, Token::OtherDirective, Token::DocumentStart, Token::StreamEnd];
    let document = if parser.sees(&explicit) { parser.explicit_document()? } else { Some(parser.node(Place::Block)?) };
    while parser.takes(&Token::DocumentEnd) {}
    if parser.sees(&[Token::StreamEnd]) { Ok(document) } else { Err(YamlError::Refused("more than one document")) }
}

struct Parser {
    tokens: Peekable<vec::IntoIter<Token>>,
    /// None while the node is being read.
    anchors: HashMap<Vec<char>, Option<Rc<Node>>>,
    depth: usize,
}

impl Parser {
    fn sees(&mut self, tokens: &[Token]) -> bool {
        self.tokens.peek().is_some_and(|next| tokens.contains(next))
    }

    fn takes(&mut self, token: &Token) -> bool {
        self.tokens.next_if_eq(token).is_some()
    }

    fn expect(&mut self, token: &Token) -> Parsed<()> {
        if self.takes(token) { Ok(()) } else { Err(UNEXPECTED) }
    }

    /// A document behind `---`.
    fn explicit_document(&mut self) -> Parsed<Option<Rc<Node>>> {
        if self.sees(&[Token::StreamEnd]) {
            return Ok(None);
        }
        let mut versions = 0;
        while self.sees(&[Token::VersionDirective, Token::OtherDirective]) {
            versions += usize::from(self.tokens.next() == Some(Token::VersionDirective));
        }
        if versions > 1 {
            return Err(YamlError::Refused("two versions"));
        }
        self.expect(&Token::DocumentStart)?;
        let ends = [
            Token::VersionDirective,
            Token::OtherDirective,
            Token::DocumentStart,
            Token::DocumentEnd,
            Token::StreamEnd,
        ];
        self.node_unless(&ends, Place::Block).map(Some)
    }

    /// The node at this place, or an empty one before the tokens.
    fn node_unless(&mut self, ends: &[Token], place: Place) -> Parsed<Rc<Node>> {
        if self.sees(ends) { Ok(empty()) } else { self.node(place) }
    }

    fn node(&mut self, place: Place) -> Parsed<Rc<Node>> {
        if let Some(Token::Alias(name)) = self.tokens.next_if(|token| matches!(token, Token::Alias(_))) {
            return self.alias(&name);
        }
        let (anchor, tag) = self.properties()?;
        if let Some(name) = &anchor {
            if self.anchors.contains_key(name) {
                return Err(YamlError::Refused("an anchor that was there before"));
            }
            self.anchors.insert(name.clone(), None);
        }
        if self.depth == MAX_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let node = self.content(place, tag, anchor.is_some())?;
        self.depth -= 1;
        if let Some(name) = anchor {
            self.anchors.insert(name, Some(Rc::clone(&node)));
        }
        Ok(node)
    }

    fn alias(&mut self, name: &[char]) -> Parsed<Rc<Node>> {
        match self.anchors.get(name) {
            Some(Some(node)) => Ok(Rc::clone(node)),
            Some(None) => Err(YamlError::Raised("ValueError: Circular reference detected (id repeated)".to_owned())),
            None => Err(YamlError::Refused("an alias of nothing")),
        }
    }

    /// At most one anchor and at most one tag, in any order.
    fn properties(&mut self) -> Parsed<(Option<Vec<char>>, Option<Tag>)> {
        let (mut anchor, mut tag) = (None, None);
        loop {
            let wanted = |token: &Token| match token {
                Token::Anchor(_) => anchor.is_none(),
                Token::Tag(_) => tag.is_none(),
                _ => false,
            };
            match self.tokens.next_if(wanted) {
                Some(Token::Anchor(name)) => anchor = Some(name),
                Some(Token::Tag(Tag::Undeclared)) => return Err(YamlError::Refused("a handle that is not declared")),
                Some(Token::Tag(found)) => tag = Some(found),
                _ => return Ok((anchor, tag)),
            }
        }
    }

    fn content(&mut self, place: Place, tag: Option<Tag>, has_anchor: bool) -> Parsed<Rc<Node>> {
        let is_block = place != Place::Flow;
        let has_properties = has_anchor || tag.is_some();
        let (untagged, forced) = (tag.is_none(), tag == Some(Tag::Plain));
        let tag = match tag {
            Some(Tag::Standard(name)) => Some(NodeTag::Standard(name)),
            Some(Tag::Foreign) => Some(NodeTag::Foreign),
            _ => None,
        };
        if place == Place::BlockMapping && self.sees(&[Token::BlockEntry]) {
            return Ok(node(tag, Content::Sequence(self.entries_at_key()?)));
        }
        let starts = |token: &Token| match token {
            Token::Scalar { .. } | Token::FlowSequenceStart | Token::FlowMappingStart => true,
            Token::BlockSequenceStart | Token::BlockMappingStart => is_block,
            _ => false,
        };
        let content = match self.tokens.next_if(starts) {
            Some(Token::Scalar { text, plain }) => Content::Scalar { text, plain: forced || (plain && untagged) },
            Some(Token::FlowSequenceStart) => Content::Sequence(self.flow_sequence()?),
            Some(Token::FlowMappingStart) => Content::Mapping(self.flow_mapping()?),
            Some(Token::BlockSequenceStart) => Content::Sequence(self.block_sequence()?),
            Some(_) => Content::Mapping(self.block_mapping()?),
            None if has_properties => Content::Scalar { text: Text::default(), plain: untagged || forced },
            None => return Err(UNEXPECTED),
        };
        Ok(node(tag, content))
    }

    fn block_sequence(&mut self) -> Parsed<Vec<Rc<Node>>> {
        let mut nodes = Vec::new();
        while self.takes(&Token::BlockEntry) {
            nodes.push(self.node_unless(&[Token::BlockEntry, Token::BlockEnd], Place::Block)?);
        }
        self.expect(&Token::BlockEnd)?;
        Ok(nodes)
    }

    /// The entries of a sequence that is not indented more than its key.
    fn entries_at_key(&mut self) -> Parsed<Vec<Rc<Node>>> {
        let ends = [Token::BlockEntry, Token::Key, Token::Value, Token::BlockEnd];
        let mut nodes = Vec::new();
        while self.takes(&Token::BlockEntry) {
            nodes.push(self.node_unless(&ends, Place::Block)?);
        }
        Ok(nodes)
    }

    fn block_mapping(&mut self) -> Parsed<Vec<(Rc<Node>, Rc<Node>)>> {
        let ends = [Token::Key, Token::Value, Token::BlockEnd];
        let mut pairs = Vec::new();
        while self.takes(&Token::Key) {
            let key = self.node_unless(&ends, Place::BlockMapping)?;
            pairs.push((key, self.value_unless(&ends, Place::BlockMapping)?));
        }
        self.expect(&Token::BlockEnd)?;
        Ok(pairs)
    }

    /// The value of a key, where it has one.
    fn value_unless(&mut self, ends: &[Token], place: Place) -> Parsed<Rc<Node>> {
        if self.takes(&Token::Value) { self.node_unless(ends, place) } else { Ok(empty()) }
    }

    fn flow_sequence(&mut self) -> Parsed<Vec<Rc<Node>>> {
        let mut nodes = Vec::new();
        while !self.takes(&Token::FlowSequenceEnd) {
            if !nodes.is_empty() {
                self.expect(&Token::FlowEntry)?;
                if self.takes(&Token::FlowSequenceEnd) {
                    break;
                }
            }
            let node = if self.takes(&Token::Key) { self.single_pair()? } else { self.node(Place::Flow)? };
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// A mapping of one pair without braces, inside of brackets.
    fn single_pair(&mut self) -> Parsed<Rc<Node>> {
        let key = self.node_unless(&[Token::Value, Token::FlowEntry, Token::FlowSequenceEnd], Place::Flow)?;
        let value = self.value_unless(&[Token::FlowEntry, Token::FlowSequenceEnd], Place::Flow)?;
        Ok(node(None, Content::Mapping(vec![(key, value)])))
    }

    fn flow_mapping(&mut self) -> Parsed<Vec<(Rc<Node>, Rc<Node>)>> {
        let mut pairs = Vec::new();
        while !self.takes(&Token::FlowMappingEnd) {
            if !pairs.is_empty() {
                self.expect(&Token::FlowEntry)?;
                if self.takes(&Token::FlowMappingEnd) {
                    break;
                }
            }
            if self.takes(&Token::Key) {
                let key = self.node_unless(&[Token::Value, Token::FlowEntry, Token::FlowMappingEnd], Place::Flow)?;
                pairs.push((key, self.value_unless(&[Token::FlowEntry, Token::FlowMappingEnd], Place::Flow)?));
            } else {
                pairs.push((self.node(Place::Flow)?, empty()));
            }
        }
        Ok(pairs)
    }
}

fn node(tag: Option<NodeTag>, content: Content) -> Rc<Node> {
    Rc::new(Node { tag, content })
}

fn empty() -> Rc<Node> {
    node(None, Content::Scalar { text: Text::default(), plain: true })
}
