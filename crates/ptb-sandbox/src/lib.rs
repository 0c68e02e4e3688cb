//! Isolation of agents: namespaces, limits, deadlines.
