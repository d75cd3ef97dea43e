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
