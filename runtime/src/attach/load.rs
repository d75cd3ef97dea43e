//! Loading a program once more, with other instructions or for another function.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

use libbpf_rs::libbpf_sys::{self, bpf_func_info, bpf_insn, bpf_prog_load_opts, bpf_program, size_t};
use libbpf_rs::{AsRawLibbpf, Object};

/// Loads `code` as `program` was loaded, bound to a function: its BTF id, and the module that has it.
///
/// # Errors
/// The kernel's.
pub fn program(
    object: &Object,
    program: NonNull<bpf_program>,
    code: &[bpf_insn],
    function: Option<(u32, Option<&OwnedFd>)>,
) -> io::Result<OwnedFd> {
    let raw = program.as_ptr();
    let (id, module) = function.unwrap_or_default();
    // SAFETY: the program is loaded; libbpf's accessors give pointers that live as long as the object. What they
    // point to is handed to the kernel within this call.
    let fd = unsafe {
        let opts = bpf_prog_load_opts {
            sz: size_of::<bpf_prog_load_opts>() as size_t,
            expected_attach_type: libbpf_sys::bpf_program__expected_attach_type(raw),
            attach_btf_id: id,
            attach_btf_obj_fd: module.map_or(0, |fd| fd.as_raw_fd() as u32),
            prog_btf_fd: libbpf_sys::bpf_object__btf_fd(object.as_libbpf_object().as_ptr()).max(0) as u32,
            prog_flags: libbpf_sys::bpf_program__flags(raw),
            func_info: libbpf_sys::bpf_program__func_info(raw).cast(),
            func_info_cnt: libbpf_sys::bpf_program__func_info_cnt(raw),
            func_info_rec_size: size_of::<bpf_func_info>() as u32,
            ..Default::default()
        };
        libbpf_sys::bpf_prog_load(
            libbpf_sys::bpf_program__type(raw),
            libbpf_sys::bpf_program__name(raw),
            c"GPL".as_ptr(),
            code.as_ptr(),
            code.len() as size_t,
            (&raw const opts).cast_mut(),
        )
    };
    owned(fd)
}

/// A descriptor that a call of libbpf made, or the error that it gave instead.
///
/// # Errors
/// That one.
pub fn owned(fd: i32) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::from_raw_os_error(-fd));
    }
    // SAFETY: a descriptor that the kernel just gave us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}
