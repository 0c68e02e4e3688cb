//! `ptb lineage`: where weights come from.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use ptb_audit::{KnownModel, LineageClass, LineageReport, Policy, lineage as compare};

use crate::failure::{Outcome, Sort, bad};
use crate::output;

/// Says where weights come from: the base model's, fine-tuned from them, a known model's, or unrelated
///
/// Ends with exit code 1 when they do not come from the base model.
///
/// Example: ptb lineage --base base --candidate final_model --known instruct
#[derive(Debug, Args)]
pub struct LineageArguments {
    /// Checkpoint folder of the base model
    #[arg(long, value_name = "DIR")]
    base: PathBuf,
    /// Checkpoint folder in question
    #[arg(long, value_name = "DIR")]
    candidate: PathBuf,
    /// Checkpoint folders of other models it could come from
    #[arg(long, value_name = "DIR", num_args = 1..)]
    known: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub fn lineage(arguments: &LineageArguments) -> Outcome {
    let known =
        arguments.known.iter().map(|folder| KnownModel { name: folder.display().to_string(), folder: folder.clone() });
    let known: Vec<_> = known.collect();
    let report = compare(&arguments.base, &arguments.candidate, &known, &Policy::default().lineage).usage()?;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::data(&in_words(&report))?;
    }
    match report.class {
        LineageClass::Identical | LineageClass::FineTuned => Ok(()),
        _ => Err(bad("the candidate's weights are not the base model's")),
    }
}

fn in_words(report: &LineageReport) -> String {
    let class = match report.class {
        LineageClass::Identical => "the base model itself".to_owned(),
        LineageClass::FineTuned => "trained from the base model".to_owned(),
        LineageClass::KnownModel => {
            format!("taken or trained from {}", report.origin.as_deref().unwrap_or("a known model"))
        }
        LineageClass::Unrelated => "unrelated to the base model".to_owned(),
        LineageClass::Mismatch => "not of the base model's shapes".to_owned(),
    };
    let mut text = format!(
        "{class}\n  {:.1} % of the tensors identical, relative difference {:.4}, median cosine {:.4}\n",
        100.0 * report.identical_share,
        report.relative_delta,
        report.median_cosine
    );
    let lists = [
        ("missing", &report.missing),
        ("extra", &report.extra),
        ("of another shape", &report.reshaped),
        ("not finite", &report.not_finite),
    ];
    for (name, tensors) in lists.into_iter().filter(|(_, tensors)| !tensors.is_empty()) {
        let _ = writeln!(text, "  {name}: {}", tensors.join(", "));
    }
    for known in &report.known {
        let distance = known.relative_delta.map_or("other shapes".to_owned(), |delta| format!("{delta:.4}"));
        let _ = writeln!(text, "  relative difference to {}: {distance}", known.name);
    }
    text
}
