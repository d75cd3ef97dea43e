//! Runs a compiled case.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use regex::Regex;

use crate::case::{Case, Kind};

/// The variable that makes a tool tell when it is ready, and the line that it then prints.
const READY: &str = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/// Where things of a case are.
#[derive(Clone, Debug)]
pub struct Places {
    /// The binary that has the compiled case among others; empty when it does not compile.
    pub binary: PathBuf,
    /// The name that the case has in it.
    pub name: String,
    /// What the script was called when it was compiled.
    pub script: String,
    /// The traced program.
    pub program: Option<PathBuf>,
    /// An empty directory.
    pub tmp: PathBuf,
}

/// What came of it.
#[derive(Debug)]
struct Ended {
    stdout: String,
    stderr: String,
    status: ExitStatus,
}

/// Replaces what a directive or script cannot know.
pub fn fill_in(text: &str, program: Option<&Path>, tmp: &Path, pid: Option<u32>) -> String {
    let mut text = text.replace("{tmp}", &tmp.display().to_string());
    if let Some(program) = program {
        text = text.replace("{program}", &program.display().to_string());
    }
    if let Some(pid) = pid {
        text = text.replace("{pid}", &pid.to_string());
    }
    text
}

/// Runs the case and compares.
///
/// # Errors
/// What differs.
pub fn run(case: &Case, places: &Places) -> Result<()> {
    let ended = run_tool(case, places)?;
    let normal = |text: &str| {
        let text = text.replace(&format!("{}:", places.script), "FILE:");
        text.replace(&format!("\"filename\": \"{}\"", places.script), "\"filename\": \"FILE\"")
    };
    let stderr: String = ended.stderr.split_inclusive('\n').filter(|line| !is_attached_line(line)).collect();
    let stderr = normal(&stderr);
    if case.kind == Kind::Start {
        return refused_at_start(case, &ended, &stderr);
    }
    let mut wrong = Vec::new();
    let code = ended.status.code().unwrap_or_else(|| 128 + ended.status.signal().unwrap_or(0));
    if code != case.directives.exit {
        wrong.push(format!("exit status {code}, expected {}", case.directives.exit));
    }
    let fill = |text: String| fill_in(&text, places.program.as_deref(), &places.tmp, None);
    if let Some(expected) = case.expected("out") {
        wrong.extend(compare("stdout", &normal(&ended.stdout), &fill(expected), case.directives.matches));
    }
    if let Some(expected) = case.expected("err") {
        wrong.extend(compare("stderr", &stderr, &fill(expected), case.directives.matches));
    } else if !wrong.is_empty() && !stderr.trim().is_empty() {
        wrong.push(format!("stderr was:\n{stderr}"));
    }
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("\n")) }
}

/// It must not start, and name the place where that is known.
fn refused_at_start(case: &Case, ended: &Ended, stderr: &str) -> Result<()> {
    let expected = case.expected("err").unwrap_or_default();
    let place = expected.lines().next().unwrap_or("-");
    if ended.status.success() {
        bail!("started; expected to be refused at {place}\n{stderr}");
    }
    if place != "-" && !stderr.contains(&format!("FILE:{place}: ")) {
        bail!("expected to be refused at {place}\n    {}\ngot\n{stderr}", expected.trim_end());
    }
    Ok(())
}

fn is_attached_line(line: &str) -> bool {
    let number = line.trim_end().strip_prefix("Attached ").and_then(|rest| rest.split_once(' '));
    number.is_some_and(|(number, rest)| number.parse::<u32>().is_ok() && rest.starts_with("probe"))
}

fn compare(what: &str, actual: &str, expected: &str, matches: bool) -> Option<String> {
    if !matches {
        return (actual != expected)
            .then(|| format!("{what} differs\n--- expected\n{expected}\n--- actual\n{actual}\n---"));
    }
    let mut lines = actual.lines();
    for pattern in expected.lines().filter(|line| !line.is_empty()) {
        let regex = match Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => return Some(format!("{what}: {error}")),
        };
        if !lines.any(|line| regex.is_match(line)) {
            return Some(format!("{what}: no (further) line matches\n    {pattern}\nin\n{actual}"));
        }
    }
    None
}

fn run_tool(case: &Case, places: &Places) -> Result<Ended> {
    let directives = &case.directives;
    let fill = |text: &String| fill_in(text, places.program.as_deref(), &places.tmp, None);
    let mut command = Command::new(&places.binary);
    command
        .arg0(&places.name)
        .args(directives.flags.iter().map(fill))
        .args(directives.args.iter().map(fill))
        .envs(directives.env.iter().map(|(name, value)| (name, value)))
        .env(READY, "1")
        .current_dir(&places.tmp)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot run {}", places.binary.display()))?;
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), &directives.stdin) {
        stdin.write_all(text.as_bytes())?;
    }
    let deadline = Instant::now() + Duration::from_secs(directives.timeout);
    // SANITY: both were piped above.
    let (ready, stdout) = read_stdout(child.stdout.take().expect("piped"));
    let stderr = read_all(child.stderr.take().expect("piped"));

    let is_ready =
        matches!(ready.recv_timeout(deadline - Instant::now()), Ok(()) | Err(RecvTimeoutError::Disconnected));
    let mut helper = None;
    if is_ready {
        if let Some(line) = &directives.run {
            let line = fill_in(line, places.program.as_deref(), &places.tmp, Some(child.id()));
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", &line]).current_dir(&places.tmp);
            shell.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            helper = Some(shell.spawn().context("cannot run /bin/sh")?);
        }
        if let Some(signal) = &directives.signal {
            // The shell's own `kill`: a small system has no other.
            let line = format!("kill -{signal} {}", child.id());
            Command::new("/bin/sh").args(["-c", &line]).status()?;
        }
    }
    let ended = wait_until(&mut child, deadline)?;
    if let Some(mut helper) = helper {
        let _ = helper.kill();
        let _ = helper.wait();
    }
    let status = match ended {
        Some(status) => status,
        None => {
            child.kill()?;
            child.wait()?;
            let seconds = directives.timeout;
            let (stdout, stderr) = (stdout.recv().unwrap_or_default(), stderr.recv().unwrap_or_default());
            bail!("not ended after {seconds} s\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
        }
    };
    let rest = Duration::from_secs(2);
    let stdout = stdout.recv_timeout(rest).context("standard output is still open")?;
    let stderr = stderr.recv_timeout(rest).context("standard error is still open")?;
    Ok(Ended { stdout, stderr, status })
}

/// Standard output without the line that tells readiness, and a channel on which that is told.
fn read_stdout(stdout: impl Read + Send + 'static) -> (Receiver<()>, Receiver<String>) {
    let ((ready, is_ready), (done, text)) = (channel(), channel());
    std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut all = Vec::new();
        let mut ready = Some(ready);
        loop {
            let start = all.len();
            match reader.read_until(b'\n', &mut all) {
                Ok(0) | Err(_) => break,
                Ok(_) if all[start..].trim_ascii_end() == READY.as_bytes() => {
                    all.truncate(start);
                    if let Some(ready) = ready.take() {
                        let _ = ready.send(());
                    }
                }
                Ok(_) => {}
            }
        }
        drop(ready);
        let _ = done.send(String::from_utf8_lossy(&all).into_owned());
    });
    (is_ready, text)
}

fn read_all(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (done, text) = channel();
    std::thread::spawn(move || {
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        let _ = done.send(String::from_utf8_lossy(&all).into_owned());
    });
    text
}

fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<ExitStatus>> {
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_match_in_order() {
        assert_eq!(compare("stdout", "a 1\nb 22\n", "^a\n\\d{2}\n", true), None);
        assert!(compare("stdout", "b 22\na 1\n", "^a\n\\d{2}\n", true).is_some());
        assert!(compare("stdout", "a\n", "a", false).is_some());
    }

    #[test]
    fn knows_the_attached_line() {
        assert!(is_attached_line("Attached 12 probes\n"));
        assert!(!is_attached_line("Attached to nothing\n"));
    }
}
