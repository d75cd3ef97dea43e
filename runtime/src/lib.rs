//! Runtime of generated tracing tools.

pub mod args;
mod attach;
mod capabilities;
mod child;
pub mod config;
mod configure;
pub mod context;
pub mod error;
mod events;
pub mod find;
mod help;
mod ledger;
mod loader;
mod manual;
mod message;
mod modes;
pub mod multi_call;
mod notify;
mod older;
pub mod print;
pub mod read;
mod regex;
mod ring;
mod rodata;
pub mod session;
mod settings;
mod signal;
mod spec;
mod text;
pub mod tool;
mod unwind;

pub use error::{Error, Result};
pub use libbpf_rs;
pub use session::{Session, main};
#[cfg(feature = "macros")]
pub use tracewright_macros::bt;
