//! `ptb scripted-agent`: the scripted scaffold, as it runs inside a sandbox.

use std::io;
use std::path::PathBuf;

use clap::Args;
use ptb_agents::scripted;
use ptb_core::files;
use ptb_core::run::RunSpec;

use crate::failure::{Failure, Outcome, Sort, bad, usage};

/// Runs the steps of a run's scripted agent in the present folder; started by the agent stage
#[derive(Debug, Args)]
pub struct ScriptedAgentArguments {
    /// The run's spec.json
    spec: PathBuf,
}

pub fn scripted_agent(arguments: &ScriptedAgentArguments) -> Outcome {
    let spec: RunSpec = files::read_json(&arguments.spec).usage()?;
    let agent = spec.agent.as_ref().ok_or_else(|| usage("this run has no agent"))?;
    let workspace = std::env::current_dir().environment()?;
    let instructions = files::read_text(&workspace.join("instructions.md")).usage()?;
    let trace = &mut io::stdout().lock();
    match scripted::run(agent.id.as_str(), &instructions, &agent.steps, &workspace, trace).bad()? {
        0 => Ok(()),
        code => Err::<(), Failure>(bad(format!("a step failed with exit code {code}"))),
    }
}
