//! Printing: data on standard output, everything for people on standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::{Outcome, Sort};

/// Prints data. A closed pipe, as of `ptb ... | head`, is no failure.
pub fn data(text: &str) -> Outcome {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.environment(),
    }
}

/// Prints a value as indented JSON.
pub fn json(value: &impl Serialize) -> Outcome {
    data(&format!("{}\n", serde_json::to_string_pretty(value).bad()?))
}

/// Prints a line for people. Failing to do so is no reason to stop working.
pub fn say(line: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", line.as_ref());
}

/// Whether progress can be drawn.
pub fn is_terminal() -> bool {
    io::stderr().is_terminal()
}
