//! Telling whoever waits that everything is attached.

use std::io::{self, Write};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Variable that asks for a line on standard output.
const MARKER: &str = "__BPFTRACE_NOTIFY_PROBES_ATTACHED";

/// Tells: a line on standard output where the marker's variable is set, `READY=1` to the service manager.
pub fn ready() -> io::Result<()> {
    if std::env::var_os(MARKER).is_some() {
        let mut out = io::stdout().lock();
        writeln!(out, "{MARKER}")?;
        out.flush()?;
    }
    if let Ok(path) = std::env::var("NOTIFY_SOCKET") {
        // Nobody listening is not our trouble.
        let _ = send(&path, b"READY=1");
    }
    Ok(())
}

fn send(path: &str, message: &[u8]) -> io::Result<()> {
    let address = match path.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(path)?,
    };
    UnixDatagram::unbound()?.send_to_addr(message, &address)?;
    Ok(())
}
