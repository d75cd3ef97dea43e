//! The standard library: a table of builtins, macros in `.bt`, C in `.bpf.h`.
