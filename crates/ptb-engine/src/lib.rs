//! Embedded engine of PostTrainBench: decoder, batched generation, training and an OpenAI-compatible server.
