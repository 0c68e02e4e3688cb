//! Progress of fetching: a bar for each file on a terminal, plain lines otherwise.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, MultiProgress, ProgressBar, ProgressStyle};
use ptb_eval::data::FetchProgress;

use crate::output;

/// How often a plain line about a file is printed.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Shows how far files are.
#[derive(Default)]
pub struct FilesProgress {
    screen: MultiProgress,
    files: HashMap<String, Shown>,
}

struct Shown {
    bar: ProgressBar,
    told: Instant,
}

impl FilesProgress {
    /// Shows a file's news.
    pub fn show(&mut self, news: FetchProgress<'_>) {
        let screen = &self.screen;
        let shown = self
            .files
            .entry(news.name.to_owned())
            .or_insert_with(|| Shown { bar: screen.add(bar(news.name)), told: Instant::now() });
        if let Some(total) = news.total {
            shown.bar.set_length(total);
        }
        shown.bar.set_position(news.done);
        if news.total == Some(news.done) {
            shown.bar.finish_and_clear();
        }
        if !output::is_terminal() && shown.told.elapsed() >= PLAIN_EVERY {
            shown.told = Instant::now();
            let total = news.total.map_or_else(String::new, |total| format!(" of {}", HumanBytes(total)));
            output::say(format!("{}: {}{total}", news.name, HumanBytes(news.done)));
        }
    }

    /// Takes the bars away.
    pub fn finish(self) {
        self.files.values().for_each(|shown| shown.bar.finish_and_clear());
    }
}

fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = "{msg:<36} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(style) {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}
