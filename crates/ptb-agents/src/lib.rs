//! Scaffolds, instructions and trace readers of PostTrainBench.
