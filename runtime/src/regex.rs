//! Extended regular expressions, by the C library.

use std::ffi::CString;
use std::mem::MaybeUninit;

/// A compiled expression.
pub struct Regex {
    compiled: Box<libc::regex_t>,
}

impl Regex {
    /// Compiles a POSIX extended regular expression.
    ///
    /// # Errors
    /// Why the expression is none, in bpftrace's words.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let pattern = CString::new(pattern).map_err(|_| "NUL in the expression".to_owned())?;
        let mut compiled = Box::new(MaybeUninit::<libc::regex_t>::uninit());
        // SAFETY: regcomp initialises what it is given, from a NUL-terminated string.
        let code =
            unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB) };
        if code != 0 {
            return Err(reason(code).to_owned());
        }
        // SAFETY: regcomp succeeded; the box keeps its address.
        let compiled = unsafe { Box::from_raw(Box::into_raw(compiled).cast::<libc::regex_t>()) };
        Ok(Regex { compiled })
    }

    /// Whether the expression fits somewhere in `text`.
    pub fn matches(&self, text: &str) -> bool {
        let Ok(text) = CString::new(text) else { return false };
        // SAFETY: a compiled expression, a NUL-terminated string, no matches asked for.
        unsafe { libc::regexec(&*self.compiled, text.as_ptr(), 0, std::ptr::null_mut(), 0) == 0 }
    }
}

/// The codes of regcomp(3), in the words of the library that bpftrace uses.
fn reason(code: libc::c_int) -> &'static str {
    match code {
        libc::REG_ECOLLATE => "Invalid collate element.",
        libc::REG_ECTYPE => "Invalid character class.",
        libc::REG_EESCAPE => "Invalid escape at end of regular expression",
        libc::REG_ESUBREG => "Back-reference index exceeds current sub-expression count.",
        libc::REG_EBRACK => "Unexpected character within '[...]' in regular expression",
        libc::REG_EPAREN | libc::REG_BADRPT => "Mismatched '(' and ')' in regular expression",
        libc::REG_EBRACE | libc::REG_BADBR => "Invalid range in '{}' in regular expression",
        libc::REG_ERANGE => "Invalid range in bracket expression.",
        _ => "Invalid regular expression",
    }
}

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled in `new`, freed once.
        unsafe { libc::regfree(&mut *self.compiled) }
    }
}
