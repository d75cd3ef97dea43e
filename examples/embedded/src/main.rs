//! Traces from inside a program of one's own: which files are opened in five seconds, and by whom.
//!
//! Needs root: `cargo build && sudo target/debug/embedded`.

use std::time::Duration;

// A script in a file: editing it rebuilds this program.
tracewright::bt!(path = "opens.bt");

// A script in place.
tracewright::bt! {
    name = ticks,
    "interval:ms:200 { printf(\"tick\\n\"); }"
}

fn main() -> Result<(), tracewright::Error> {
    opens::run_for(Duration::from_secs(5))?;
    ticks::run_for(Duration::from_secs(1))?;
    Ok(())
}
