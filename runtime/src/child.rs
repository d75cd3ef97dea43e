//! The command of `-c`: started stopped, let go once everything is attached.

use std::ffi::CString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

mod entry;

/// A child that waits just before it becomes its program, so that also that is traced.
#[derive(Debug)]
pub struct Child {
    pid: libc::pid_t,
    program: PathBuf,
    running: bool,
    ended: bool,
}

impl Child {
    /// Starts `command` (words between spaces) and stops it right before exec.
    ///
    /// # Errors
    /// When the program does not exist or cannot be started.
    pub fn start(command: &str) -> Result<Self> {
        let words = split_words(command);
        let name = words.first().map_or("", String::as_str);
        let path = find_program(name).ok_or_else(|| {
            Error::refused(format!(
                "Failed to fork child: Path '{name}' does not exist or is not executable (No such file or directory)"
            ))
        })?;
        let program = path.clone();
        let path = c_string(&path.to_string_lossy())?;
        let words = words.iter().map(|word| c_string(word)).collect::<Result<Vec<_>>>()?;
        let mut argv: Vec<*const libc::c_char> = words.iter().map(|word| word.as_ptr()).collect();
        argv.push(std::ptr::null());
        // SAFETY: between fork and exec the child only makes system calls; the strings outlive them.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(failed("fork")),
            0 => {
                // SAFETY: as above. A failed exec ends the child.
                unsafe {
                    libc::signal(libc::SIGPIPE, libc::SIG_DFL);
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                    libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0);
                    libc::raise(libc::SIGSTOP);
                    libc::execv(path.as_ptr(), argv.as_ptr());
                    libc::_exit(127)
                }
            }
            _ => {
                let mut child = Child { pid, program, running: false, ended: false };
                if child.wait_for_stop() { Ok(child) } else { Err(failed("start")) }
            }
        }
    }

    /// Whether it stops, rather than ends.
    fn wait_for_stop(&mut self) -> bool {
        let mut status = 0;
        loop {
            // SAFETY: waits for our own child.
            let waited = unsafe { libc::waitpid(self.pid, &mut status, 0) };
            if waited < 0 && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted {
                continue;
            }
            let stopped = waited == self.pid && libc::WIFSTOPPED(status);
            self.ended = !stopped;
            return stopped;
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid as u32
    }

    /// What it will run.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Lets it become its program, calls `started` while it stands at the first instruction, and lets it run.
    pub fn resume(&mut self, started: impl FnOnce()) {
        if self.start_program() {
            started();
            self.let_go();
        }
    }

    /// As [`Child::resume`]; calls `mapped` there and again where the program itself begins, its libraries mapped.
    pub fn resume_through_entry(&mut self, mut mapped: impl FnMut()) {
        if !self.start_program() {
            return;
        }
        mapped();
        match entry::run_to(self.pid) {
            entry::Arrival::There => mapped(),
            entry::Arrival::Unknown => {}
            entry::Arrival::Ended => {
                self.ended = true;
                return;
            }
        }
        self.let_go();
    }

    /// Whether it stands at the first instruction of its program.
    fn start_program(&mut self) -> bool {
        if self.running {
            return false;
        }
        self.running = true;
        // SAFETY: the child is stopped under our ptrace; exec stops it again with SIGTRAP.
        unsafe { libc::ptrace(libc::PTRACE_CONT, self.pid, 0, 0) };
        self.wait_for_stop()
    }

    fn let_go(&self) {
        // SAFETY: as above.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.pid, 0, 0) };
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        if !self.ended && self.running {
            let mut status = 0;
            // SAFETY: asks about our own child without waiting.
            let waited = unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) };
            self.ended = waited == self.pid && (libc::WIFEXITED(status) || libc::WIFSIGNALED(status)) || waited < 0;
        }
        self.ended
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.has_ended() {
            // SAFETY: our own child, which has not been waited for.
            unsafe {
                libc::kill(self.pid, if self.running { libc::SIGTERM } else { libc::SIGKILL });
                libc::waitpid(self.pid, std::ptr::null_mut(), 0);
            }
        }
    }
}

fn failed(what: &str) -> Error {
    Error::refused(format!("Failed to {what} child: {}", std::io::Error::last_os_error()))
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| Error::refused("Failed to fork child: NUL in the command"))
}

fn find_program(program: &str) -> Option<PathBuf> {
    let executable =
        |path: &Path| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(|path| executable(path));
    }
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':').map(|directory| Path::new(directory).join(program)).find(|path| executable(path))
}

/// Words of a command: what lies between spaces, quotes and backslashes included.
pub fn split_words(command: &str) -> Vec<String> {
    command.strip_suffix(' ').unwrap_or(command).split(' ').map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::split_words;

    #[test]
    fn words_end_at_spaces_alone() {
        assert_eq!(split_words("sh -c 'exit 3'"), ["sh", "-c", "'exit", "3'"]);
        assert_eq!(split_words("a  \"b\tc\" "), ["a", "", "\"b\tc\""]);
    }
}
