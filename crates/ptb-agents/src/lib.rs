//! Agents: what they are told, what they find in their workspace, how they are started, and how what they did is read.
//!
//! | module | subject |
//! |---|---|
//! | [`instructions`] | the text that states the task and the rules |
//! | [`workspace`] | the harness files an agent finds in its workspace |
//! | [`scaffold`] | the command line and environment of an agent |
//! | [`scripted`] | the scaffold that runs a fixed list of shell steps |
//! | [`trace`] | recording an agent's output, each line with its time |
//! | [`trajectory`] | traces in the Agent Trajectory Interchange Format |

pub mod instructions;
pub mod scaffold;
pub mod scripted;
pub mod trace;
pub mod trajectory;
pub mod workspace;
