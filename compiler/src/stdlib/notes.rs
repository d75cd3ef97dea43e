//! What the reference says beyond the table.

/// The first kernel that has what a function needs; empty where every kernel does that tools run on.
pub(super) fn since(name: &str) -> &'static str {
    match name {
        "nsecs" => "6.1 for `tai`",
        "uaddr" => "6.7 for position-independent programs",
        _ => "",
    }
}

/// Paragraphs of Markdown; empty for none.
pub(super) fn of(name: &str) -> &'static str {
    match name {
        "assert" => "The message goes to standard error with the place in the script, and the exit status is 1.",
        "buf" => {
            "At most `max_strlen` bytes. `%r` shows printable characters and the others as `\\x01`, `%rx` all as `\\x61`, \
             `%rh` all as `61 62`."
        }
        "cat" => "At most `max_cat_bytes`. A file that cannot be read is an error on standard error; the tool goes on.",
        "cgroup_path" => {
            "The filter is a pattern for the names of hierarchies; that of cgroup v2 is `unified`. Looked up under \
             `/sys/fs/cgroup`."
        }
        "cgroupid" | "kaddr" => "The name may be a positional parameter or a `getopt` value.",
        "clear" | "zero" | "print" => {
            "Gets through to user space even when the buffer is full of data, in order with the events of its CPU."
        }
        "comm" => "`comm(pid)` works where tasks can be looked up, which is not so in `begin`, `end` and timers.",
        "cpid" => "Without `-c` it is 0, with a warning; `has_cpid` asks first.",
        "delete" => {
            "Of a scalar map, forgets its value. A warning tells when the key was not there and nobody looks at the \
             result. The form `delete(@m[k])` is deprecated."
        }
        "dw_ustack" => {
            "Needs `-p`, `-c` or `--dwarf-pid` (more than once for several processes): when the tool starts, and as a \
             process maps further files, their `.eh_frame` and `.debug_frame` and the vDSO's become tables that are \
             looked through in the kernel; `-v` tells of them. The stack ends at code without such an entry, and at the \
             first frame in other processes. On processors other than x86_64, and with mode `build_id`, frame pointers \
             are followed."
        }
        "errorf" | "warnf" => {
            "On standard error as `FILE:1:9-62: ERROR: text`; with `-f json` an object on standard output."
        }
        "exit" => "Ends the probe at once; `end` probes still run and maps are printed.",
        "getopt" => "Options are given as `--name=value` or `--name`, also after `--`. `--help` lists them.",
        "hist" => "`k` from 0 to 5: 2^k buckets for every power of two.",
        "join" => "At most 16 strings.",
        "kstack" | "ustack" => {
            "Modes are `bpftrace`, `perf`, `raw`, and, of user stacks, `build_id`; at most 1024 frames, by default 127. \
             With `show_debug_info`, `file:line` and inlined functions are shown."
        }
        "lhist" => "One bucket each for what is below `min` and from `max` on. At most 1000 buckets.",
        "max" | "min" => {
            "Before Linux 5.19 all CPUs share a map that the script reads itself: of two values that come at the same \
             instant on two CPUs one may then be lost."
        }
        "nsecs" => "`nsecs` counts from boot, suspended time included.",
        "ntop" => "The family comes from the size of the address, or is the first of two arguments.",
        "override" => "Needs a kernel with `CONFIG_BPF_KPROBE_OVERRIDE` and a function that allows it.",
        "path" => "Only in `fentry`/`fexit` of functions that the kernel allows it in.",
        "percpu_kaddr" => {
            "With a number of a CPU the result may be null, and must be compared with 0 before it is used."
        }
        "printf" => {
            "Conversions `d i u x X o c s p r rx rh gr`, flags `- 0 + #` and blank, width and precision, lengths `hh h l \
             ll j z t`. `%s` names enums, symbols, addresses, errors, times; `%gr` the kernel's GFP flags."
        }
        "signal" | "signal_thread" => "By number, or by name with or without `SIG`.",
        "skboutput" => {
            "The file is of link type RAW: an offset of 14 leaves out an Ethernet header. Packets have their fragments; what is \
             longer than 64 KiB is cut. `BPFTRACE_PERF_RB_PAGES` sizes the buffers."
        }
        "symbol_exists" => {
            "Settled when the tool starts, as `kaddr()` is, which is then 0 for a symbol that the kernel does not show rather \
             than an error. Kernels without `CONFIG_KALLSYMS_ALL` show functions only."
        }
        "str" => {
            "At most `max_strlen` characters; the length counts the NUL. What was cut off ends with \
             `str_trunc_trailer`."
        }
        "strftime" | "time" => "As `strftime(3)` has it, and `%f` for microseconds.",
        "globmatch" => {
            "`?` is any character, `*` any number of them, `[a-z_]` one of a class, `[!a-z]` one that is not in it; `/` is a \
             character like others. From bpftrace after 0.27. Linux 5.17."
        }
        "strstr" => "-2 (as the kernel's `bpf_strstr()`) when it is not there.",
        "system" => {
            "`/bin/sh -c`; what it prints comes out in order. Its failing is an error message, and the tool goes on."
        }
        "tseries" => "Aggregates are `avg`, `max`, `min` and `sum`; without one, the last value of an interval counts.",
        "uaddr" => "A pointer to a signed integer as wide as the symbol, where that is known while compiling.",
        "usermode" => "On x86_64.",
        "username" => "From `/etc/passwd`; other sources of names are not asked.",
        _ => "",
    }
}
