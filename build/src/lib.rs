//! What needs clang: BPF objects, skeletons, C definitions; and what needs the machine: kernel descriptions.

pub mod bpf;
mod c_scan;
mod c_types;
mod dwarf;
mod host;
pub mod kernels;
mod macros;
pub mod snapshot;

pub use bpf::{ClangError, Job, compile_bpf, compile_many, skeleton, skeleton_in, write_skeleton};
pub use dwarf::usdt_probes;
pub use host::HostEnv;
pub use kernels::KernelSource;
pub use snapshot::{SnapshotError, snapshot};
