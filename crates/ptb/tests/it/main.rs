//! Behaviour through the binary.

mod crash;
mod demo;
mod documents;
mod hostile_agents;
mod hostile_models;
mod scene;
mod status;
