//! `bt!`: bpftrace scripts inside Rust programs.
