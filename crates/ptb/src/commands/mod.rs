//! The tree of commands. Each command is one file with its arguments and one function.

mod audit;
mod data;
mod demo;
mod doctor;
mod environment;
mod eval;
mod finetune;
mod leaderboard;
mod lineage;
mod micro;
mod model;
mod progress;
mod run;
mod sandbox;
mod score;
mod scripted_agent;
mod serve;
mod status;
mod template;
mod worker;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use environment::Environment;

use crate::failure::Outcome;

/// Measures whether AI agents can do AI research: agents post-train a small language model on a task, and the result is
/// audited, evaluated and ranked
///
/// Exit codes: 0 done; 1 the thing asked about is bad, such as a flagged run; 2 wrong usage or input; 3 the environment
/// lacks something.
#[derive(Debug, Parser)]
#[command(name = "ptb", version, max_term_width = 110)]
pub struct Arguments {
    /// Folder for base models and data sets [default: ptb in the user's cache folder]
    #[arg(long, global = true, env = "PTB_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::DemoArguments),
    Doctor(doctor::DoctorArguments),
    Run(run::RunArguments),
    Status(status::StatusArguments),
    Worker(worker::WorkerArguments),
    Eval(eval::EvalArguments),
    Score(score::ScoreArguments),
    Audit(audit::AuditArguments),
    Lineage(lineage::LineageArguments),
    Leaderboard(leaderboard::LeaderboardArguments),
    Data(data::DataArguments),
    Finetune(finetune::FinetuneArguments),
    Serve(serve::ServeArguments),
    Template(template::TemplateArguments),
    Micro(micro::MicroArguments),
    #[command(hide = true)]
    ScriptedAgent(scripted_agent::ScriptedAgentArguments),
}

/// Runs the command that was asked for.
pub fn dispatch(arguments: Arguments) -> Outcome {
    let environment = &Environment::find(arguments.cache)?;
    match arguments.command {
        Command::Demo(arguments) => demo::demo(&arguments, environment),
        Command::Doctor(arguments) => doctor::doctor(&arguments, environment),
        Command::Run(arguments) => run::run(&arguments, environment),
        Command::Status(arguments) => status::status(&arguments),
        Command::Worker(arguments) => worker::worker(&arguments, environment),
        Command::Eval(arguments) => eval::eval(&arguments, environment),
        Command::Score(arguments) => score::score(&arguments, environment),
        Command::Audit(arguments) => audit::audit(&arguments, environment),
        Command::Lineage(arguments) => lineage::lineage(&arguments),
        Command::Leaderboard(arguments) => leaderboard::leaderboard(&arguments),
        Command::Data(arguments) => data::data(&arguments, environment),
        Command::Finetune(arguments) => finetune::finetune(&arguments),
        Command::Serve(arguments) => serve::serve(&arguments, environment),
        Command::Template(arguments) => template::template(&arguments),
        Command::Micro(arguments) => micro::micro(&arguments),
        Command::ScriptedAgent(arguments) => scripted_agent::scripted_agent(&arguments),
    }
}
