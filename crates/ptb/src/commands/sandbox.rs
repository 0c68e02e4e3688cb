//! Choosing and checking the isolation of agents.

use std::fmt::Write as _;

use clap::ValueEnum;
use ptb_core::run::SandboxKind;
use ptb_sandbox::{Advice, Probe, probe};

use crate::failure::{Failure, Outcome};
use crate::output;

/// How agents are isolated.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum Choice {
    /// Own namespaces of the Linux kernel
    #[default]
    Namespaces,
    /// Not at all: the agent has the rights of whoever starts it
    None,
}

impl From<Choice> for SandboxKind {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Namespaces => SandboxKind::Namespaces,
            Choice::None => SandboxKind::None,
        }
    }
}

/// Checks that this machine can isolate agents as asked, before anything is spent; warns where nothing isolates them.
pub fn check(kind: SandboxKind) -> Outcome {
    if kind == SandboxKind::None {
        output::say(
            "WARNING: no sandbox: agents run WITHOUT ISOLATION, with your rights. They can read, change and delete \
             everything you can. Use this only for agents whose every step you know.",
        );
        return Ok(());
    }
    match probe() {
        Probe::Work { .. } => Ok(()),
        Probe::Refused { error, advice } => {
            let mut text = format!("this machine cannot isolate agents: {error}{}", advice_text(&advice));
            let _ = write!(text, "\nor run without isolation, if you trust every step of the agents: sandbox \"none\"");
            Err(Failure::Environment(anyhow::anyhow!(text)))
        }
    }
}

/// What the person in charge of the machine can do, a line each.
pub fn advice_text(advice: &[Advice]) -> String {
    advice.iter().fold(String::new(), |mut text, advice| {
        let _ = write!(text, "\n  {advice}");
        text
    })
}
