//! Progress of long work: live lines on a terminal, plain lines otherwise.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use ptb_core::event::EventKind;
use ptb_core::run::RunFolder;
use ptb_executor::local::Progress;

use crate::output;

/// How often the event logs of running runs are read.
const REFRESH: Duration = Duration::from_millis(250);

/// How often plain lines about training are printed where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// Follows the event logs of running runs.
pub struct RunProgress {
    began: Instant,
    refreshed: Instant,
    /// Per run: its name, the number of its events that were shown, and its line on a terminal.
    shown: HashMap<PathBuf, Shown>,
    screen: MultiProgress,
}

struct Shown {
    name: String,
    events: usize,
    line: Option<ProgressBar>,
}

impl RunProgress {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { began: now, refreshed: now, shown: HashMap::new(), screen: MultiProgress::new() }
    }

    fn show_news(&mut self, folder: &RunFolder) {
        let Some(shown) = self.shown.get_mut(folder.root()) else { return };
        let events = folder.events().read().unwrap_or_default();
        let news: Vec<_> = events.into_iter().skip(shown.events).map(|event| event.kind).collect();
        shown.events += news.len();
        for kind in news {
            match (&kind, &shown.line) {
                (EventKind::StageStarted { stage, .. }, Some(line)) => line.set_message(stage.name()),
                (EventKind::StageFinished { stage, summary }, _) => {
                    let seconds = self.began.elapsed().as_secs();
                    let text = format!("{seconds:>5} s  {:<38} {stage:<9} {summary}", shown.name);
                    self.screen.suspend(|| output::say(text));
                }
                _ => {}
            }
        }
    }
}

impl Progress for RunProgress {
    fn started(&mut self, folder: &RunFolder) {
        let name = name(folder.root());
        let line = output::is_terminal().then(|| {
            let line = self.screen.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>6}  {prefix}  {msg}") {
                line.set_style(style);
            }
            line.set_prefix(name.clone());
            line
        });
        self.shown.insert(folder.root().to_owned(), Shown { name, events: 0, line });
    }

    fn tick(&mut self, running: &[&RunFolder]) {
        if self.refreshed.elapsed() < REFRESH {
            return;
        }
        self.refreshed = Instant::now();
        for folder in running {
            self.show_news(folder);
            if let Some(line) = self.shown.get(folder.root()).and_then(|shown| shown.line.as_ref()) {
                line.tick();
            }
        }
    }

    fn ended(&mut self, folder: &RunFolder, error: Option<&str>) {
        self.show_news(folder);
        let Some(shown) = self.shown.remove(folder.root()) else { return };
        if let Some(line) = shown.line {
            line.finish_and_clear();
        }
        if let Some(error) = error {
            output::say(format!("{} failed: {error}", shown.name));
        }
    }
}

/// The readable part of a run folder's name.
fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.split_once('-').map_or_else(|| name.to_string(), |(_, rest)| rest.to_owned())
}

/// A bar on a terminal, a plain line every few seconds otherwise.
pub struct TrainingProgress {
    bar: ProgressBar,
    said: Option<Instant>,
}

impl TrainingProgress {
    pub fn new() -> Self {
        let bar = ProgressBar::new(0);
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        Self { bar, said: None }
    }

    pub fn show(&mut self, progress: &ptb_engine::train::Progress) {
        let text = format!(
            "loss {:.4}, {:.0} tokens/s, {} s left",
            progress.loss,
            progress.tokens_per_second,
            progress.left.as_secs()
        );
        if output::is_terminal() {
            self.bar.set_length(progress.total as u64);
            self.bar.set_position(progress.step as u64);
            self.bar.set_message(text);
        } else if self.said.is_none_or(|said| said.elapsed() >= PLAIN_EVERY) || progress.step == progress.total {
            self.said = Some(Instant::now());
            output::say(format!("step {}/{}: {text}", progress.step, progress.total));
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
