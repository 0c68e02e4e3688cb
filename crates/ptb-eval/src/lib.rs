//! Benchmarks of PostTrainBench: data, prompts, scorers, metrics and logs.
