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
    // As the script says: it prints for itself.
    ticks::run_for(Duration::from_secs(1))?;

    // Events and maps as Rust values.
    let mut opens = opens::Script::new()?;
    opens.on_event(|event| {
        let opens::Event::Printf1(opened) = event;
        println!("{:?}", opened);
    });
    opens.run_for(Duration::from_secs(5))?;
    for (comm, count) in opens.maps().opens()? {
        println!("{comm:?} opened {count} files");
    }
    Ok(())
}
