//! Experiments, stages and workers of PostTrainBench.
