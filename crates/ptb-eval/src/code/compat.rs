//! The reference's way: prompt, answer and tests are one program, which passes when its process ends with code 0.
//!
//! So a program that ends early passes, and one whose output the reference cannot read makes it raise. It runs in a sandbox
//! all the same, but the tests are in its process: this is for comparisons with published scores and for nothing else.

use std::time::Instant;

use ptb_sandbox::ExitReason;

use super::channel::{Channel, Collected};
use super::error::PoolError;
use super::frame::Frame;
use super::plain::{number, text, texts};
use super::pool::{Pool, Verdict};
use super::process::Role;
use crate::data::ProgramTests;

/// Most bytes that the reference takes of each output.
const MAX_OUTPUT: usize = 10 << 20;

/// Longest argument of a program on Linux, in bytes.
const MAX_ARGUMENT: usize = (128 << 10) - 1;

/// What the reference makes of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// A score. The reason of a failed one is the last line of the reference's explanation.
    Scored(Verdict),
    /// An exception, with which the whole evaluation ends.
    Raised(Exception),
}

/// An exception as Python shows it: `class(arguments)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its class.
    pub class: &'static str,
    /// Its arguments as Python code.
    pub arguments: String,
}

/// Runs one answer, given as the code that follows the prompt, as the reference does.
pub fn run(pool: &Pool, tests: &ProgramTests, code: &str) -> Result<Ran, PoolError> {
    let program = format!("{}{code}\n{}\ncheck({})", tests.prompt, tests.tests, tests.entry_point);
    if let Some(exception) = refusal(&program) {
        return Ok(Ran::Raised(exception));
    }
    let mut process = pool.ready(Role::Compat, None)?;
    let deadline = Instant::now() + pool.config().time_limit;
    let values = [text(&program), number(pool.minor().into()), texts(&pool.interpreter().packages)];
    let sent = process.send(&Frame::new(b'P', &[&values.concat()]), deadline);
    let collected = process.collect(MAX_OUTPUT, deadline);
    if sent.is_err() || collected.is_late {
        pool.bury(process);
        return Ok(Ran::Scored(Verdict { passed: false, reason: "Verification timed out.".to_owned() }));
    }
    Ok(judge(&collected, process))
}

/// The exceptions of starting a process.
fn refusal(program: &str) -> Option<Exception> {
    if program.contains('\0') {
        return Some(Exception { class: "ValueError", arguments: "'embedded null byte'".to_owned() });
    }
    (program.len() > MAX_ARGUMENT)
        .then(|| Exception { class: "OSError", arguments: "7, 'Argument list too long'".to_owned() })
}

fn judge(collected: &Collected, process: Channel) -> Ran {
    if collected.is_too_long {
        let arguments = "'The sandbox output stream limit of 10 MiB was exceeded.'".to_owned();
        return Ran::Raised(Exception { class: "OutputLimitExceededError", arguments });
    }
    let exception = undecodable(&collected.stdout).or_else(|| undecodable(&collected.stderr));
    if let Some(arguments) = exception {
        return Ran::Raised(Exception { class: "UnicodeDecodeError", arguments });
    }
    let passed = process.end() == ExitReason::Exited { code: 0 };
    let errors = String::from_utf8_lossy(&collected.stderr);
    let last = errors.trim_end().lines().last().unwrap_or("The submission was incorrect");
    Ran::Scored(Verdict { passed, reason: if passed { "exit code 0".to_owned() } else { last.to_owned() } })
}

/// The arguments of the exception for bytes that are no UTF-8.
fn undecodable(bytes: &[u8]) -> Option<String> {
    let error = std::str::from_utf8(bytes).err()?;
    let start = error.valid_up_to();
    let starts_nothing = matches!(bytes[start], 0x80..=0xc1 | 0xf5..);
    let (end, reason) = match error.error_len() {
        None => (bytes.len(), "unexpected end of data"),
        Some(_) if starts_nothing => (start + 1, "invalid start byte"),
        Some(length) => (start + length, "invalid continuation byte"),
    };
    Some(format!("'utf-8', {}, {start}, {end}, '{reason}'", python_bytes(bytes)))
}

/// Bytes as Python shows them.
fn python_bytes(bytes: &[u8]) -> String {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    let shown: String = bytes.iter().map(|&byte| shown_byte(byte, quote)).collect();
    format!("b{quote}{shown}{quote}")
}

fn shown_byte(byte: u8, quote: char) -> String {
    match byte {
        b'\t' => "\\t".to_owned(),
        b'\n' => "\\n".to_owned(),
        b'\r' => "\\r".to_owned(),
        b'\\' => "\\\\".to_owned(),
        _ if char::from(byte) == quote => format!("\\{quote}"),
        b' '..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undecodable_outputs_are_described_as_in_python() {
        for (bytes, arguments) in [
            (&b"a\xff'"[..], r#"'utf-8', b"a\xff'", 1, 2, 'invalid start byte'"#),
            (b"\xc3(\n", r"'utf-8', b'\xc3(\n', 0, 1, 'invalid continuation byte'"),
            (b"\xe2\x82", r"'utf-8', b'\xe2\x82', 0, 2, 'unexpected end of data'"),
            (b"'\"\\\xc0", r#"'utf-8', b'\'"\\\xc0', 3, 4, 'invalid start byte'"#),
        ] {
            assert_eq!(undecodable(bytes).as_deref(), Some(arguments));
        }
        assert_eq!(undecodable("é".as_bytes()), None);
    }

    #[test]
    fn programs_that_are_no_argument_raise() {
        let class = |program: &str| refusal(program).map(|exception| exception.class);
        assert_eq!(class("x\0"), Some("ValueError"));
        assert_eq!(class(&"x".repeat(131_071)), None);
        assert_eq!(class(&"x".repeat(131_072)), Some("OSError"));
    }
}
