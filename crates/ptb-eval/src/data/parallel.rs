//! Several files at one time.

use std::sync::Mutex;
use std::sync::mpsc::{self, Sender};
use std::thread;

use super::error::DataError;

/// Files that are fetched at one time.
const AT_ONE_TIME: usize = 4;

/// How far one job is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moved {
    /// Which job.
    pub(crate) job: usize,
    /// Bytes that are here.
    pub(crate) done: u64,
    /// Bytes of the whole file, where they are known.
    pub(crate) total: Option<u64>,
}

/// Tells how far a job is.
pub(crate) struct Reporter<'a> {
    job: usize,
    sender: &'a Sender<Moved>,
}

impl Reporter<'_> {
    pub(crate) fn moved(&self, done: u64, total: Option<u64>) {
        // Nobody listens only when the listener panicked.
        let _ = self.sender.send(Moved { job: self.job, done, total });
    }
}

/// Does `work` for every job, several at one time, and gives their results in the jobs' order. One that fails does not
/// stop the others. Progress is told on the caller's thread.
pub(crate) fn run<J: Sync, R: Send>(
    jobs: &[J],
    work: impl Fn(&J, &Reporter<'_>) -> R + Sync,
    progress: &mut dyn FnMut(Moved),
) -> Vec<R> {
    let next = Mutex::new(jobs.iter().enumerate());
    let results = Mutex::new(Vec::with_capacity(jobs.len()));
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..AT_ONE_TIME.min(jobs.len()) {
            let (sender, next, results, work) = (sender.clone(), &next, &results, &work);
            scope.spawn(move || {
                while let Some((job, what)) = take(next) {
                    let result = work(what, &Reporter { job, sender: &sender });
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((job, result));
                }
            });
        }
        drop(sender);
        receiver.into_iter().for_each(progress);
    });
    let mut results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(job, _)| *job);
    results.into_iter().map(|(_, result)| result).collect()
}

fn take<T>(next: &Mutex<impl Iterator<Item = T>>) -> Option<T> {
    next.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next()
}

/// All values, or all errors as one.
pub(crate) fn all_or_errors<T>(results: Vec<Result<T, DataError>>) -> Result<Vec<T>, DataError> {
    let (mut values, mut errors) = (Vec::with_capacity(results.len()), Vec::new());
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    match errors.len() {
        0 => Ok(values),
        1 => Err(errors.swap_remove(0)),
        _ => Err(DataError::Several(errors)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_jobs_and_progress_reaches_the_caller() {
        let jobs: Vec<u64> = (0..50).collect();
        let mut told = Vec::new();
        let results = run(
            &jobs,
            |number, reporter| {
                reporter.moved(*number, Some(50));
                number * 2
            },
            &mut |moved| told.push((moved.job, moved.done)),
        );
        assert_eq!(results, (0..100).step_by(2).collect::<Vec<_>>());
        told.sort_unstable();
        assert_eq!(told, (0..50).map(|number| (number as usize, number)).collect::<Vec<_>>());
        assert_eq!(run(&[], |(): &(), _| 1, &mut |_| {}), [0; 0]);
    }
}
