//! `ptb leaderboard`: what the runs of a results folder amount to.

use std::path::PathBuf;

use clap::Args;
use ptb_executor::results::ResultsFolder;
use ptb_report::{Leaderboard, Results, build_pages, csv, markdown, terminal_table};

use crate::failure::{Failure, Outcome, Sort, usage};
use crate::output;

/// Shows the leaderboard of a results folder and writes its JSON and its pages
///
/// Example: ptb leaderboard --results demo-out
#[derive(Debug, Args)]
pub struct LeaderboardArguments {
    /// The results folder
    #[arg(long, value_name = "DIR", default_value = "results")]
    results: PathBuf,
    /// Print JSON
    #[arg(long, group = "format")]
    json: bool,
    /// Print comma-separated values
    #[arg(long, group = "format")]
    csv: bool,
    /// Print a Markdown table
    #[arg(long, group = "format")]
    markdown: bool,
}

pub fn leaderboard(arguments: &LeaderboardArguments) -> Outcome {
    let results = ResultsFolder::at(&arguments.results);
    if !results.runs().is_dir() {
        let message = format!("there are no runs in {}: give the folder with --results", results.root().display());
        return Err(usage(message));
    }
    let board = write(&results)?;
    if arguments.json {
        output::data(&ptb_core::files::read_text(&results.leaderboard()).bad()?)
    } else if arguments.csv {
        output::data(&csv(&board))
    } else if arguments.markdown {
        output::data(&markdown(&board))
    } else {
        show(&results, &board)
    }
}

/// Makes the leaderboard of a results folder and prints the table.
pub fn publish(results: &ResultsFolder) -> Outcome {
    let board = write(results)?;
    show(results, &board)
}

/// Writes the pages, and `leaderboard.json` beside them.
fn write(results: &ResultsFolder) -> Result<Leaderboard, Failure> {
    let read = Results::read(&results.runs()).bad()?;
    build_pages(&read, results.root()).bad()?;
    Ok(Leaderboard::new(&read))
}

fn show(results: &ResultsFolder, board: &Leaderboard) -> Outcome {
    output::data(&format!("{}\n", terminal_table(board, None).trim_end()))?;
    output::say(format!("\npage:  {}", results.page().display()));
    output::say(format!("data:  {}", results.leaderboard().display()));
    Ok(())
}
