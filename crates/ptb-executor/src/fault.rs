//! Killing a worker at a chosen point, for tests of crashes.
//!
//! With `PTB_FAULT_KILL=STAGE:POINT` in its environment, a worker sends itself SIGKILL when it reaches that point of that
//! stage for the first time. Points are `begun` (the stage has started) and `done` (the stage's files are in place, its
//! record is not).

use ptb_core::stage::Stage;

/// The environment variable that names the point.
pub const VARIABLE: &str = "PTB_FAULT_KILL";

/// A point of a stage.
#[derive(Debug, Clone, Copy)]
pub enum Point {
    /// The stage has started.
    Begun,
    /// The stage's files are in place, its record is not.
    Done,
}

/// Ends the process like a power cut if this is the chosen point of the stage's first attempt.
pub fn kill_if_chosen(stage: Stage, point: Point, attempt: u32) {
    let point = match point {
        Point::Begun => "begun",
        Point::Done => "done",
    };
    let chosen = std::env::var(VARIABLE).is_ok_and(|chosen| chosen == format!("{stage}:{point}"));
    if chosen && attempt == 1 {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
