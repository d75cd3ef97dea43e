//! Runtime of generated tracing tools.

pub mod context;
pub mod error;
pub mod tool;

pub use error::{Error, Result};
