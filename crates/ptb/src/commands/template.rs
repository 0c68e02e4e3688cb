//! `ptb template`: conversations as the text that a model sees.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use ptb_core::definitions::Template;
use ptb_engine::template::{ChatTemplate, render_lines};

use crate::failure::{Failure, Outcome, Sort, usage};
use crate::output;

/// Bytes of output that are written at one time.
const CHUNK: usize = 1 << 16;

/// Renders conversations with a family's chat template: one JSON line out for each line in
///
/// A line has `messages`, and if need be `tools`, `add_generation_prompt`, `template_kwargs`, `special_tokens` and `today`.
/// Out comes `rendered`, or `error` where the reference refuses the conversation, and the line's `record_id`.
///
/// Example: ptb template --family qwen3 --input conversations.jsonl
#[derive(Debug, Args)]
pub struct TemplateArguments {
    /// One of `qwen3`, `smollm3` (or `smollm`), `gemma3` and `gemma3_tool_calling`
    #[arg(long, value_name = "F")]
    family: Template,
    /// Conversations, one a line; - is standard input
    #[arg(long, value_name = "FILE.jsonl")]
    input: PathBuf,
}

pub fn template(arguments: &TemplateArguments) -> Outcome {
    let template = ChatTemplate::only(arguments.family).bad()?;
    let mut input = open(&arguments.input)?;
    let (mut out, mut outcome) = (String::new(), Ok(()));
    let count = render_lines(&template, &mut *input, &mut |line| {
        out.push_str(&line.json);
        out.push('\n');
        if out.len() >= CHUNK {
            outcome = output::data(&std::mem::take(&mut out));
        }
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    outcome?;
    output::data(&out)?;
    let count = count.with_context(|| format!("cannot read {}", arguments.input.display())).usage()?;
    if count.malformed > 0 {
        let (malformed, all, input) = (count.malformed, count.all, arguments.input.display());
        return Err(usage(format!("{malformed} of {all} lines of {input} hold no conversation: see their `error`")));
    }
    Ok(())
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, Failure> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display())).usage()?;
    Ok(Box::new(BufReader::new(file)))
}
