//! `cat()` and `system()`.

use super::message::plain;
use super::{Printer, json};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Stdio};

impl Printer {
    /// The contents of a file, or an error message.
    pub(super) fn cat(&mut self, path: &[u8]) -> io::Result<()> {
        let path = OsStr::from_bytes(path);
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) => {
                let reason = plain(&error);
                return self.error(&format!("failed to open file '{}' ({reason})", path.to_string_lossy()));
            }
        };
        let mut contents = Vec::new();
        if let Err(error) = file.take(self.settings.max_cat_bytes.into()).read_to_end(&mut contents) {
            let reason = plain(&error);
            return self.error(&format!("failed to read file '{}' ({reason})", path.to_string_lossy()));
        }
        self.captured("cat", &contents, b"");
        Ok(())
    }

    /// Output and errors of a command that a shell runs; of one that fails, an error message instead.
    pub(super) fn system(&mut self, line: &[u8]) -> io::Result<()> {
        self.finish()?;
        let mut command = Command::new("/bin/sh");
        let line = [b"exec 2>&1; ", line].concat();
        command.arg("-c").arg(OsStr::from_bytes(&line)).stdin(Stdio::inherit()).stderr(Stdio::inherit());
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => return self.error(&format!("failed to run command ({})", plain(&error))),
        };
        match output.status.code() {
            Some(0) => {
                self.captured("syscall", &output.stdout, b"\n");
                Ok(())
            }
            Some(code) => self.error(&format!("command exited with code {code}")),
            None => {
                let signal = output.status.signal().unwrap_or(0);
                self.error(&format!("child process did not exit normally (signal {signal})"))
            }
        }
    }

    fn captured(&mut self, kind: &str, contents: &[u8], end: &[u8]) {
        if self.settings.json {
            super::text(&format!("{{\"type\": \"{kind}\", \"data\": "), &mut self.out);
            json::string(contents, &mut self.out);
            super::text("}\n", &mut self.out);
        } else {
            self.out.extend_from_slice(contents);
            self.out.extend_from_slice(end);
        }
    }
}
