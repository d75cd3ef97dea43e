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
    /// The C library's word about it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        let pattern = CString::new(pattern).map_err(|_| "NUL in the expression".to_owned())?;
        let mut compiled = Box::new(MaybeUninit::<libc::regex_t>::uninit());
        // SAFETY: regcomp initialises what it is given, from a NUL-terminated string.
        let code =
            unsafe { libc::regcomp(compiled.as_mut_ptr(), pattern.as_ptr(), libc::REG_EXTENDED | libc::REG_NOSUB) };
        if code != 0 {
            let mut text = [0u8; 128];
            // SAFETY: the buffer is as long as told; regerror takes what regcomp left.
            unsafe { libc::regerror(code, compiled.as_ptr(), text.as_mut_ptr().cast(), text.len()) };
            let end = text.iter().position(|&byte| byte == 0).unwrap_or(text.len());
            return Err(String::from_utf8_lossy(&text[..end]).into_owned());
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

impl Drop for Regex {
    fn drop(&mut self) {
        // SAFETY: compiled in `new`, freed once.
        unsafe { libc::regfree(&mut *self.compiled) }
    }
}
