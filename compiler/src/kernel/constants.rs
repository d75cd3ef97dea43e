//! Constants that C programs know as macros of the kernel's headers, and that BTF therefore does not have.

/// `NAME value` a line, sorted by name.
const TABLE: &str = include_str!("constants.txt");

/// The value of `AF_INET`, `O_RDONLY`, `EPERM`.
pub fn value(name: &str) -> Option<i64> {
    let (mut low, mut high) = (0, TABLE.len());
    while low < high {
        let line_start = TABLE[low..(low + high) / 2].rfind('\n').map_or(low, |at| low + at + 1);
        let line_end = TABLE[line_start..].find('\n').map_or(TABLE.len(), |at| line_start + at);
        let (key, value) = TABLE[line_start..line_end].split_once(' ')?;
        match key.cmp(name) {
            std::cmp::Ordering::Equal => return value.parse().ok(),
            std::cmp::Ordering::Less => low = line_end + 1,
            std::cmp::Ordering::Greater => high = line_start,
        }
    }
    None
}

/// Macros whose values differ between kernels: expressions of enumerators, which are settled at load.
const DERIVED: [(&str, &str); 22] = [
    ("REQ_FAILFAST_DEV", "1 << __REQ_FAILFAST_DEV"),
    ("REQ_FAILFAST_TRANSPORT", "1 << __REQ_FAILFAST_TRANSPORT"),
    ("REQ_FAILFAST_DRIVER", "1 << __REQ_FAILFAST_DRIVER"),
    ("REQ_SYNC", "1 << __REQ_SYNC"),
    ("REQ_META", "1 << __REQ_META"),
    ("REQ_PRIO", "1 << __REQ_PRIO"),
    ("REQ_NOMERGE", "1 << __REQ_NOMERGE"),
    ("REQ_IDLE", "1 << __REQ_IDLE"),
    ("REQ_INTEGRITY", "1 << __REQ_INTEGRITY"),
    ("REQ_FUA", "1 << __REQ_FUA"),
    ("REQ_PREFLUSH", "1 << __REQ_PREFLUSH"),
    ("REQ_RAHEAD", "1 << __REQ_RAHEAD"),
    ("REQ_BACKGROUND", "1 << __REQ_BACKGROUND"),
    ("REQ_NOWAIT", "1 << __REQ_NOWAIT"),
    ("REQ_POLLED", "1 << __REQ_POLLED"),
    ("REQ_SWAP", "1 << __REQ_SWAP"),
    ("REQ_DRV", "1 << __REQ_DRV"),
    ("REQ_OP_MASK", "(1 << REQ_OP_BITS) - 1"),
    ("ULONG_MAX", "18446744073709551615"),
    ("ULLONG_MAX", "18446744073709551615"),
    ("U64_MAX", "18446744073709551615"),
    ("SIZE_MAX", "18446744073709551615"),
];

/// The expression that a macro of the kernel's stands for, where it is no plain number.
pub fn derived(name: &str) -> Option<&'static str> {
    DERIVED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::{TABLE, value};

    #[test]
    fn every_line_is_found() {
        for line in TABLE.lines() {
            let (name, number) = line.split_once(' ').unwrap();
            assert_eq!(value(name), number.parse().ok(), "{name}");
        }
        assert_eq!(value("AF_INET"), Some(2));
        assert_eq!(value("NO_SUCH_NAME"), None);
        assert_eq!(value(""), None);
        assert_eq!(value("zzz"), None);
    }
}
