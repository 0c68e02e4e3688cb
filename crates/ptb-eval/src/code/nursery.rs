//! Processes that are made before they are needed, and ended after nobody needs them.
//!
//! The kernel takes tens of milliseconds to make a sandbox and to end one, most of which it waits. Threads of their own do
//! that waiting, several at a time, so that an answer finds its process ready.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::channel::Channel;
use super::error::PoolError;

/// Makes processes ahead.
#[derive(Debug)]
pub(super) struct Nursery {
    /// None only while it is dropped.
    ready: Option<Mutex<Receiver<Result<Channel, PoolError>>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Nursery {
    /// A nursery that keeps a process ready for each of its threads, and one more.
    pub(super) fn new(
        threads: usize,
        make: impl Fn() -> Result<Channel, PoolError> + Send + Sync + 'static,
    ) -> Result<Self, PoolError> {
        let (sender, receiver) = sync_channel(1);
        let make = Arc::new(make);
        let work = || {
            let (sender, make) = (sender.clone(), Arc::clone(&make));
            // Nobody takes processes any more when sending fails.
            move || while sender.send(make()).is_ok() {}
        };
        let threads = (0..threads).map(|_| start("ptb-code-starts", work())).collect::<Result<_, _>>()?;
        Ok(Self { ready: Some(Mutex::new(receiver)), threads })
    }

    /// The next process, or why there is none.
    pub(super) fn take(&self) -> Result<Channel, PoolError> {
        let ended = || io::Error::other("the threads for it have ended");
        let ready = self.ready.as_ref().ok_or_else(ended).map_err(PoolError::host("start a process"))?;
        let made = ready.lock().unwrap_or_else(PoisonError::into_inner).recv();
        made.map_err(|_| PoolError::Host { action: "start a process", source: ended() })?
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        self.ready = None;
        join(&mut self.threads);
    }
}

/// Ends processes.
#[derive(Debug)]
pub(super) struct Undertaker {
    /// None only while it is dropped.
    ended: Option<SyncSender<Channel>>,
    threads: Vec<JoinHandle<()>>,
}

impl Undertaker {
    /// An undertaker for as many processes at a time as it has threads. As many may wait, so that they do not pile up.
    pub(super) fn new(threads: usize) -> Result<Self, PoolError> {
        let (sender, receiver) = sync_channel::<Channel>(threads);
        let receiver = Arc::new(Mutex::new(receiver));
        let work = || {
            let receiver = Arc::clone(&receiver);
            move || {
                while let Some(process) = next(&receiver) {
                    drop(process);
                }
            }
        };
        let threads = (0..threads).map(|_| start("ptb-code-ends", work())).collect::<Result<_, _>>()?;
        Ok(Self { ended: Some(sender), threads })
    }

    /// Ends a process soon.
    pub(super) fn bury(&self, process: Channel) {
        if let Some(sender) = &self.ended {
            // Without threads the process comes back and is ended here.
            let _ = sender.send(process);
        }
    }
}

impl Drop for Undertaker {
    fn drop(&mut self) {
        self.ended = None;
        join(&mut self.threads);
    }
}

fn next(receiver: &Mutex<Receiver<Channel>>) -> Option<Channel> {
    receiver.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn start(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, PoolError> {
    thread::Builder::new().name(name.to_owned()).spawn(work).map_err(PoolError::host("start a thread"))
}

fn join(threads: &mut Vec<JoinHandle<()>>) {
    for thread in threads.drain(..) {
        // A thread that failed has said so already.
        let _ = thread.join();
    }
}
