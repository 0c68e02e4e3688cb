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
use super::repr::{FIRST_HALF, repr_of_bytes, repr_of_text};
use crate::data::ProgramTests;
use crate::scorer::compat::Raised;

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
    Raised(Raised),
}

/// Runs one answer, given as the code that follows the prompt, as the reference does.
pub fn run(pool: &Pool, tests: &ProgramTests, code: &str) -> Result<Ran, PoolError> {
    let program = format!("{}{code}\n{}\ncheck({})", tests.prompt, tests.tests, tests.entry_point);
    if let Some(raised) = refusal(&program) {
        return Ok(Ran::Raised(raised));
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
fn refusal(program: &str) -> Option<Raised> {
    if let Some(raised) = lone_half(program) {
        return Some(raised);
    }
    if program.contains('\0') {
        return Some(Raised::new("ValueError", "embedded null byte"));
    }
    let reason = "Argument list too long";
    (program.len() > MAX_ARGUMENT).then(|| Raised::with_arguments("OSError", format!("7, '{reason}'"), reason))
}

/// Half a surrogate pair, which has no place in an argument. Here it is one of the characters that stand for such halves.
fn lone_half(program: &str) -> Option<Raised> {
    let is_half = |char: char| char >= FIRST_HALF;
    let start = program.chars().position(is_half)?;
    let end = start + program.chars().skip(start).take_while(|char| is_half(*char)).count();
    let reason = "surrogates not allowed";
    let arguments = format!("'utf-8', {}, {start}, {end}, '{reason}'", repr_of_text(program));
    Some(Raised::with_arguments("UnicodeEncodeError", arguments, reason))
}

fn judge(collected: &Collected, process: Channel) -> Ran {
    if collected.is_too_long {
        let message = "The sandbox output stream limit of 10 MiB was exceeded.";
        return Ran::Raised(Raised::new("OutputLimitExceededError", message));
    }
    if let Some(raised) = undecodable(&collected.stdout).or_else(|| undecodable(&collected.stderr)) {
        return Ran::Raised(raised);
    }
    let passed = process.end() == ExitReason::Exited { code: 0 };
    let errors = String::from_utf8_lossy(&collected.stderr);
    let last = errors.trim_end().lines().last().unwrap_or("The submission was incorrect");
    Ran::Scored(Verdict { passed, reason: if passed { "exit code 0".to_owned() } else { last.to_owned() } })
}

/// The exception for bytes that are no UTF-8.
fn undecodable(bytes: &[u8]) -> Option<Raised> {
    let error = std::str::from_utf8(bytes).err()?;
    let start = error.valid_up_to();
    let starts_nothing = matches!(bytes[start], 0x80..=0xc1 | 0xf5..);
    let (end, reason) = match error.error_len() {
        None => (bytes.len(), "unexpected end of data"),
        Some(_) if starts_nothing => (start + 1, "invalid start byte"),
        Some(length) => (start + length, "invalid continuation byte"),
    };
    let arguments = format!("'utf-8', {}, {start}, {end}, '{reason}'", repr_of_bytes(bytes));
    Some(Raised::with_arguments("UnicodeDecodeError", arguments, reason))
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
            let raised = undecodable(bytes).expect("an exception").to_string();
            assert_eq!(raised, format!("UnicodeDecodeError({arguments})"));
        }
        assert_eq!(undecodable("é".as_bytes()), None);
    }

    #[test]
    fn programs_that_are_no_argument_raise() {
        let shown = |program: &str| refusal(program).map(|raised| raised.to_string());
        assert_eq!(shown("x\0").as_deref(), Some("ValueError('embedded null byte')"));
        assert_eq!(shown(&"x".repeat(131_071)), None);
        assert_eq!(shown(&"x".repeat(131_072)).as_deref(), Some("OSError(7, 'Argument list too long')"));
        let halves = r"UnicodeEncodeError('utf-8', 'é\n\ud800\udfff', 2, 4, 'surrogates not allowed')";
        assert_eq!(shown("é\n\u{10f800}\u{10ffff}").as_deref(), Some(halves));
    }
}
