//! What needs clang: BPF objects, skeletons, C definitions; and what needs the machine: kernel descriptions.

pub mod snapshot;

pub use snapshot::{SnapshotError, snapshot};
