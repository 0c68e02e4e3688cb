//! The embedded micro suite.
