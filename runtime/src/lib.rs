//! Runtime of generated tracing tools.

pub mod tool;
