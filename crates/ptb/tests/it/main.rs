//! Behaviour through the binary.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

mod benchmarks;
mod commands;
mod crash;
mod demo;
mod documented_benchmarks;
mod documents;
mod full_disk;
mod hostile_agents;
mod hostile_models;
mod judge_server;
mod judged;
mod requests;
mod scene;
mod score;
mod status;
mod template;
