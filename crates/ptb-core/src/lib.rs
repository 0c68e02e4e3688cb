//! Vocabulary types, definitions, run folder, events and index of PostTrainBench.
