//! The leaderboard: a row for each agent, a cell for each task, and what qualifies every number.
//!
//! All of it is a pure function of [`Results`](crate::results::Results).

mod board;
mod cell;
mod column;
mod mark;
mod row;

pub use board::Leaderboard;
pub use cell::{Cell, CellRun};
pub use column::{BaseModel, Column, Measured};
pub use mark::Mark;
pub use row::{Row, TimeUse};
