//! The parts that the scanner sees.

use crate::scorer::call::python::Text;

/// A part of a YAML text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    StreamEnd,
    /// `%YAML 1.1`
    VersionDirective,
    /// A directive with another name, which means nothing.
    OtherDirective,
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    /// The end of an indented sequence or mapping.
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    /// The next node is a key.
    Key,
    /// The next node is a key's value.
    Value,
    Alias(Vec<char>),
    Anchor(Vec<char>),
    Tag(Tag),
    Scalar {
        text: Text,
        /// Without quotes and not in block style, so that it may be a number, a date, ...
        plain: bool,
    },
}

/// What a tag says about its node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Tag {
    /// `!`: as if there were no tag, quotes included.
    Plain,
    /// `!!name` or its long form.
    Standard(String),
    /// A tag that `safe_load` refuses.
    Foreign,
    /// A handle that no directive has declared, which ends the parse.
    Undeclared,
}
