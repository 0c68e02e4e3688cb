//! What runs in the new processes, between their creation and the program.
//!
//! Nothing here allocates, takes a lock or panics: see [`crate::step`].
//!
//! | file | subject |
//! |---|---|
//! | `perform` | carries out one step |
//! | `init` | the first process: sets up, starts the program, reaps, ends everything |
//! | `program` | the second process: limits, gives up rights, becomes the program |

mod init;
mod perform;
mod program;

pub(crate) use init::{Ends, run};
