//! Writing of the pages.

use std::path::{Path, PathBuf};

use ptb_core::files::{self, FileError};
use ptb_core::run::{RunFolder, RunFolderError};
use serde::Serialize;
use thiserror::Error;

use super::board::BoardPage;
use super::run::RunPage;
use super::template::{self, Page};
use crate::export;
use crate::leaderboard::Leaderboard;
use crate::results::{Results, RunSummary, Unreadable};

/// Pages that could not be built.
#[derive(Debug, Error)]
pub enum PageError {
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A template and the data it is given do not fit together: a mistake in this program.
    #[error("the page {} cannot be rendered: {cause}", path.display())]
    Template {
        /// The page.
        path: PathBuf,
        /// What the template engine says.
        #[source]
        cause: minijinja::Error,
    },
}

/// Writes `leaderboard.html`, `leaderboard.json`, `leaderboard.csv` and `runs/<RUN_ID>.html` below `out`, each file
/// whole or not at all.
///
/// Returns the runs whose folder could not be read in full: they have no page, and the leaderboard page says so.
pub fn build_pages(results: &Results, out: &Path) -> Result<Vec<Unreadable>, PageError> {
    let mut without_page = Vec::new();
    for run in &results.runs {
        let path = out.join(run_page(run));
        match open(run).and_then(|(folder, spec)| Ok(RunPage::read(&folder, &spec, run, results)?)) {
            Ok(page) => write(&path, Page::Run, &page)?,
            Err(error) => without_page.push(Unreadable { folder: folder_name(run), error: error.to_string() }),
        }
    }
    let mut leaderboard = Leaderboard::new(results);
    leaderboard.unreadable.extend(without_page.iter().cloned());
    export::write_leaderboard_json(&leaderboard, &out.join("leaderboard.json"))?;
    files::write_atomic(&out.join("leaderboard.csv"), export::csv(&leaderboard).as_bytes())?;
    write(&out.join("leaderboard.html"), Page::Leaderboard, &BoardPage::new(results, &leaderboard))?;
    Ok(without_page)
}

/// Address of a run's page, relative to the leaderboard page.
pub(super) fn run_page(run: &RunSummary) -> String {
    format!("runs/{}.html", run.id)
}

fn open(run: &RunSummary) -> Result<(RunFolder, ptb_core::run::RunSpec), RunFolderError> {
    RunFolder::open(&run.folder)
}

fn folder_name(run: &RunSummary) -> String {
    run.folder.file_name().unwrap_or(run.folder.as_os_str()).to_string_lossy().into_owned()
}

fn write(path: &Path, page: Page, view: &impl Serialize) -> Result<(), PageError> {
    let html = template::render(page, view).map_err(|cause| PageError::Template { path: path.to_owned(), cause })?;
    Ok(files::write_atomic(path, html.as_bytes())?)
}
