//! Behaviour of the crate as a whole: data folders, downloads, evaluations and their logs.

mod calls;
mod chat_server;
mod code_answers;
mod code_exploits;
mod code_trial;
mod data;
mod download;
mod embedded;
mod endpoint;
mod evaluation;
mod golden;
mod golden_arenahard;
mod golden_clean_up;
mod golden_code;
mod golden_healthbench;
mod golden_judges;
mod golden_random;
mod golden_units;
mod grading;
mod http;
mod inspect_log;
mod judges;
mod scripted_engine;
mod server;
mod stand_in;
mod web_server;
