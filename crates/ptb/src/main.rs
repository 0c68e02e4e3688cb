//! `ptb`: the command line. It parses arguments, prints, and sets exit codes; everything else is in the libraries.

mod commands;
mod failure;
mod output;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    match commands::dispatch(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::say(format!("ptb: {}", in_full(failure.error())));
            failure.exit_code()
        }
    }
}

/// An error with its causes, each once: most of ours already contain the text of their cause.
fn in_full(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str("\n  because ");
            text.push_str(&cause);
        }
    }
    text
}
