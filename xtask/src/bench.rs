//! `bench`: what tools cost, beside bpftrace when it is there.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::generate::build_cli;
use crate::shell::{exists, interrupt, is_root, root};
use crate::tools;

/// Arguments of `bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Calls in the workload of the event probes
    #[arg(long, default_value_t = 1_000_000)]
    pub calls: u32,
}

/// The variable that makes a tool (and bpftrace) tell when it is ready, and the line that it then prints.
const READY: &str = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/// Probes on a system call that nobody makes but us.
const EVENT_PROBES: [(&str, &str); 3] = [
    ("count", "tracepoint:syscalls:sys_enter_getppid { @ = count(); }"),
    ("hist", "tracepoint:syscalls:sys_enter_getppid { @ = hist(nsecs & 0xffff); }"),
    ("printf", "tracepoint:syscalls:sys_enter_getppid { printf(\"%d %s\\n\", pid, comm); }"),
];

/// A line of the table.
struct Row {
    what: String,
    unit: &'static str,
    ours: f64,
    theirs: Option<f64>,
}

/// Measures.
///
/// # Errors
/// When a tool cannot be built or run.
pub fn bench(args: &BenchArgs) -> Result<()> {
    if !is_root() {
        bail!("tracing needs root");
    }
    let cli = build_cli()?;
    let work = tools::target_dir().join("bench");
    fs::create_dir_all(&work)?;
    let with_bpftrace = exists("bpftrace");
    let opensnoop = tools::build(&["opensnoop".to_owned()])?.remove(0);
    let script = root().join("generated-tools/opensnoop/opensnoop.bt");
    let mut rows = Vec::new();

    let theirs = |arguments: &[&str]| -> Option<Command> {
        with_bpftrace.then(|| {
            let mut command = Command::new("bpftrace");
            command.args(arguments);
            command
        })
    };
    let script_text = script.display().to_string();
    let ours = start(&mut Command::new(&opensnoop))?;
    let other = theirs(&[&script_text]).map(|mut command| start(&mut command)).transpose()?;
    rows.push(Row {
        what: "opensnoop: start to attached".into(),
        unit: "ms",
        ours: ours.ready.as_secs_f64() * 1e3,
        theirs: other.as_ref().map(|other| other.ready.as_secs_f64() * 1e3),
    });
    rows.push(Row {
        what: "opensnoop: peak memory".into(),
        unit: "MB",
        ours: ours.peak_kb / 1e3,
        theirs: other.as_ref().map(|other| other.peak_kb / 1e3),
    });

    let _stats = KernelStats::enable()?;
    for (name, program) in EVENT_PROBES {
        let binary = work.join(name);
        build(&cli, program, &binary)?;
        let ours = flood(&mut Command::new(&binary), args.calls)?;
        let other = theirs(&["-e", program]).map(|mut command| flood(&mut command, args.calls)).transpose()?;
        rows.push(Row {
            what: format!("{name}: in the kernel, an event"),
            unit: "ns",
            ours: ours.kernel_ns,
            theirs: other.as_ref().map(|other| other.kernel_ns),
        });
        if name == "printf" {
            rows.push(Row {
                what: "printf: user space, an event".into(),
                unit: "ns",
                ours: ours.user_ns,
                theirs: other.as_ref().map(|other| other.user_ns),
            });
            rows.push(Row {
                what: "printf: all CPU, an event printed".into(),
                unit: "ns",
                ours: ours.ns_a_line(),
                theirs: other.as_ref().map(Flood::ns_a_line),
            });
            rows.push(Row {
                what: "printf: events offered a second".into(),
                unit: "k/s",
                ours: ours.rate / 1e3,
                theirs: other.as_ref().map(|other| other.rate / 1e3),
            });
            rows.push(Row {
                what: "printf: events lost of those".into(),
                unit: "%",
                ours: ours.lost_percent,
                theirs: other.as_ref().map(|other| other.lost_percent),
            });
        }
    }
    rows.push(Row {
        what: "opensnoop: binary".into(),
        unit: "MB",
        ours: fs::metadata(&opensnoop)?.len() as f64 / 1e6,
        theirs: None,
    });
    rows.push(Row {
        what: "a changed script to its binary".into(),
        unit: "s",
        ours: warm_build(&cli, &work)?,
        theirs: None,
    });
    print_table(&rows);
    Ok(())
}

fn print_table(rows: &[Row]) {
    println!("\n{:<34} {:>12} {:>12} {:>8}", "", "tracewright", "bpftrace", "ratio");
    for row in rows {
        let theirs = row.theirs.map_or_else(|| "-".to_owned(), |theirs| format!("{theirs:.1}"));
        let ratio = match row.theirs {
            Some(theirs) if theirs > 0.0 => format!("{:.2}", row.ours / theirs),
            _ => "-".to_owned(),
        };
        println!("{:<34} {:>12.1} {:>12} {:>8}  {}", row.what, row.ours, theirs, ratio, row.unit);
    }
}

/// Builds a one-liner.
fn build(cli: &Path, program: &str, binary: &Path) -> Result<()> {
    let status = Command::new(cli)
        .args(["build", "--no-warnings", "--profile", "release", "-o"])
        .arg(binary)
        .args(["-e", program])
        .status()?;
    if !status.success() {
        bail!("cannot build `{program}`");
    }
    Ok(())
}

/// Seconds from a script that was never seen to its binary, all libraries being there.
fn warm_build(cli: &Path, work: &Path) -> Result<f64> {
    let binary = work.join("warm");
    let once = |nonce: u128| -> Result<f64> {
        let program = format!("begin {{ @n = {nonce}; }}");
        let start = Instant::now();
        let status =
            Command::new(cli).args(["build", "--no-warnings", "-o"]).arg(&binary).args(["-e", &program]).status()?;
        if !status.success() {
            bail!("cannot build `{program}`");
        }
        Ok(start.elapsed().as_secs_f64())
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_nanos() >> 16;
    once(now)?;
    once(now + 1)
}

/// A tool that runs and has told that it is attached.
struct Running {
    child: Child,
    /// Lines of standard output besides, counted until it ends.
    lines: std::thread::JoinHandle<u64>,
    /// From the start until it was attached.
    ready: Duration,
}

impl Running {
    fn start(command: &mut Command) -> Result<Running> {
        let begin = Instant::now();
        let mut child = command
            .env(READY, "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let mut reader = BufReader::with_capacity(1 << 20, child.stdout.take().context("no output")?);
        let mut line = String::new();
        while line.trim_end() != READY {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                bail!("{} ended before it was attached: {}", command.get_program().display(), child.wait()?);
            }
        }
        let ready = begin.elapsed();
        let lines = std::thread::spawn(move || {
            let (mut buffer, mut lines) = (vec![0; 1 << 20], 0);
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                lines += buffer[..count].iter().filter(|byte| **byte == b'\n').count() as u64;
            }
            lines
        });
        Ok(Running { child, lines, ready })
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child.id()))
    }

    /// Peak resident memory in kB.
    fn peak_kb(&self) -> Result<f64> {
        let status = fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    /// CPU time of the process in nanoseconds, from its scheduler statistics.
    fn cpu_ns(&self) -> Result<f64> {
        let mut total = 0.0;
        for task in fs::read_dir(self.proc("task"))? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            total += text.split(' ').next().unwrap_or("0").parse::<f64>()?;
        }
        Ok(total)
    }

    /// Time and runs of the BPF programs that the process holds.
    fn bpf_stats(&self) -> Result<(f64, f64)> {
        let (mut time, mut runs) = (0.0, 0.0);
        for entry in fs::read_dir(self.proc("fdinfo"))? {
            let Ok(text) = fs::read_to_string(entry?.path()) else { continue };
            let number = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<f64>().ok());
            if let (Some(time_ns), Some(count)) = (number("run_time_ns:"), number("run_cnt:")) {
                time += time_ns;
                runs += count;
            }
        }
        Ok((time, runs))
    }

    /// Ends it with SIGINT; lines that it has printed since it was attached.
    fn stop(mut self) -> Result<u64> {
        interrupt(self.child.id(), false)?;
        self.child.wait()?;
        self.lines.join().map_err(|_| anyhow::anyhow!("the reader panicked"))
    }
}

/// Start-up of a tool.
struct Start {
    ready: Duration,
    peak_kb: f64,
}

/// The median of five starts; the highest memory.
fn start(command: &mut Command) -> Result<Start> {
    let mut starts = Vec::new();
    for _ in 0..5 {
        let running = Running::start(command)?;
        std::thread::sleep(Duration::from_millis(300));
        starts.push(Start { ready: running.ready, peak_kb: running.peak_kb()? });
        running.stop()?;
    }
    starts.sort_by_key(|start| start.ready);
    let peak_kb = starts.iter().map(|start| start.peak_kb).fold(0.0, f64::max);
    Ok(Start { ready: starts[2].ready, peak_kb })
}

/// A tool under load.
struct Flood {
    kernel_ns: f64,
    user_ns: f64,
    rate: f64,
    lost_percent: f64,
}

impl Flood {
    /// What an event that got through has cost, in the kernel and in user space: those that were lost are paid too.
    fn ns_a_line(&self) -> f64 {
        (self.kernel_ns + self.user_ns) / (1.0 - self.lost_percent / 100.0).max(f64::EPSILON)
    }
}

fn flood(command: &mut Command, calls: u32) -> Result<Flood> {
    let running = Running::start(command)?;
    let cpu_before = running.cpu_ns()?;
    let begin = Instant::now();
    for _ in 0..calls {
        // One system call, and the C library keeps no copy of its result.
        std::hint::black_box(std::os::unix::process::parent_id());
    }
    let took = begin.elapsed();
    std::thread::sleep(Duration::from_millis(500));
    let (time, runs) = running.bpf_stats()?;
    let cpu = running.cpu_ns()? - cpu_before;
    let lines = running.stop()?;
    let calls = f64::from(calls);
    Ok(Flood {
        kernel_ns: time / runs.max(1.0),
        user_ns: cpu / calls,
        rate: calls / took.as_secs_f64(),
        lost_percent: (calls - lines as f64).max(0.0) / calls * 100.0,
    })
}

/// The kernel keeps time for BPF programs while this lives.
struct KernelStats {
    before: String,
}

const STATS: &str = "/proc/sys/kernel/bpf_stats_enabled";

impl KernelStats {
    fn enable() -> Result<KernelStats> {
        let before = fs::read_to_string(STATS).with_context(|| format!("cannot read {STATS}"))?;
        fs::write(STATS, "1").with_context(|| format!("cannot write {STATS}"))?;
        Ok(KernelStats { before })
    }
}

impl Drop for KernelStats {
    fn drop(&mut self) {
        // Nothing else can be done about it here.
        let _ = fs::write(STATS, self.before.trim());
    }
}
