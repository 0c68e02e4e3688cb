//! Detectors, lineage and verdicts of PostTrainBench.
