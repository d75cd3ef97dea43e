//! Patterns with `*`, and regular expressions between slashes.

use std::cell::RefCell;

use crate::regex::Regex;

/// Whether `text` is a pattern rather than a name.
pub fn is_pattern(text: &str) -> bool {
    text.contains('*') || expression(text).is_some()
}

/// `/^vfs_/`
fn expression(pattern: &str) -> Option<&str> {
    pattern.strip_prefix('/')?.strip_suffix('/').filter(|inside| !inside.is_empty())
}

/// Whether the regular expression fits somewhere in `name`.
fn fits(expression: &str, name: &str) -> bool {
    thread_local! {
        /// The last one, which is mostly the next one.
        static LAST: RefCell<Option<(String, Option<Regex>)>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|(known, _)| known != expression) {
            *last = Some((expression.to_owned(), Regex::new(expression).ok()));
        }
        last.as_ref().and_then(|(_, regex)| regex.as_ref()).is_some_and(|regex| regex.matches(name))
    })
}

/// Whether `name` fits `pattern`, in which `*` stands for any text, also none.
pub fn matches(pattern: &str, name: &str) -> bool {
    if let Some(expression) = expression(pattern) {
        return fits(expression, name);
    }
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after the last star took one byte more.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, n));
            p += 1;
        } else if p < pattern.len() && pattern[p] == name[n] {
            p += 1;
            n += 1;
        } else if let Some((after_star, taken)) = retry {
            retry = Some((after_star, taken + 1));
            p = after_star;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn stars_take_any_text() {
        assert!(matches("vfs_*", "vfs_read"));
        assert!(matches("*", ""));
        assert!(matches("a*b*c", "a1b2b3c"));
        assert!(!matches("a*b", "a1bc"));
        assert!(!matches("vfs_read", "vfs_readv"));
        assert!(matches("**x", "x"));
    }

    #[test]
    fn expressions_stand_between_slashes() {
        assert!(matches("/^vfs_(read|write)$/", "vfs_read"));
        assert!(!matches("/^vfs_(read|write)$/", "vfs_readv"));
        assert!(matches("/alloc/", "kmalloc_order"));
        assert!(!matches("/(/", "("));
        assert!(!matches("//", ""));
    }
}
