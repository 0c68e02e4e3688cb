//! Leaderboard, statistics and pages of PostTrainBench.
