//! Iterators: read to the end once, or pinned for whoever reads them later.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd};
use std::path::Path;

use libbpf_rs::libbpf_sys;

use super::Target;

/// Walks an iterator to its end; its records come by the ring buffer.
///
/// # Errors
/// The kernel's word about it.
pub fn start(target: Target<'_>, pin: Option<&Path>) -> io::Result<Option<File>> {
    // SAFETY: the program is loaded.
    let link = unsafe { libbpf_sys::bpf_program__attach_iter(target.raw.as_ptr(), std::ptr::null()) };
    let mut link = super::link(link)?;
    if let Some(path) = pin {
        link.pin(path).map_err(|error| io::Error::other(format!("{error:#}")))?;
        return Ok(None);
    }
    // SAFETY: a link's descriptor is open as long as the link.
    let fd = unsafe {
        BorrowedFd::borrow_raw(libbpf_sys::bpf_link__fd(libbpf_rs::AsRawLibbpf::as_libbpf_object(&link).as_ptr()))
    };
    // SAFETY: an iterator link.
    let sequence = unsafe { libbpf_sys::bpf_iter_create(fd.as_raw_fd()) };
    if sequence < 0 {
        return Err(io::Error::from_raw_os_error(-sequence));
    }
    // SAFETY: a descriptor that libbpf just gave us.
    Ok(Some(unsafe { File::from_raw_fd(sequence) }))
}

/// Reads a started iterator to its end.
pub fn drain(mut sequence: File) {
    let mut buffer = [0u8; 4096];
    loop {
        match sequence.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            // The kernel makes a pause every million objects.
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => {}
            Err(_) => return,
        }
    }
}
