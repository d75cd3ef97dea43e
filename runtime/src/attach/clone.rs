//! One trampoline program on many functions: the kernel binds a program to its function when it is loaded, so each
//! further function gets a copy of the loaded program.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, OwnedFd};
use std::ptr::NonNull;

use libbpf_rs::Object;
use libbpf_rs::libbpf_sys::{self, bpf_btf_info, bpf_insn, bpf_link_create_opts, bpf_program, btf, size_t};

use super::load;
use crate::settings::c_string;

/// A copy of a program and its link.
#[derive(Debug)]
pub struct Clone {
    program: OwnedFd,
    _link: OwnedFd,
}

impl Clone {
    /// Runs that the kernel left out, since the copy was running on that CPU already.
    pub fn recursions(&self) -> u64 {
        super::manual::info(self.program.as_raw_fd()).map_or(0, |info| info.recursion_misses)
    }
}

/// Loads a copy of a loaded trampoline program for another function and attaches it.
///
/// # Errors
/// When BTF does not know the function, or the kernel's word.
pub fn attach(
    object: &Object,
    program: NonNull<bpf_program>,
    module: Option<&str>,
    function: &str,
    cookie: u64,
    code: &[bpf_insn],
) -> io::Result<Clone> {
    let target = Target::find(module, function).ok_or_else(|| io::Error::from_raw_os_error(libc::ENOENT))?;
    let raw = program.as_ptr();
    let copy = load::program(object, program, code, Some((target.id, target.module.as_ref())))?;
    let mut opts = bpf_link_create_opts { sz: size_of::<bpf_link_create_opts>() as size_t, ..Default::default() };
    opts.__bindgen_anon_1.tracing.cookie = cookie;
    // SAFETY: both descriptors are open, the options as long as told.
    let link = unsafe {
        let kind = libbpf_sys::bpf_program__expected_attach_type(raw);
        libbpf_sys::bpf_link_create(copy.as_raw_fd(), 0, kind, &opts)
    };
    Ok(Clone { _link: load::owned(link)?, program: copy })
}

/// Whether BTF knows the function, so that a trampoline can be put on it.
pub fn is_known(module: Option<&str>, function: &str) -> bool {
    Target::find(module, function).is_some()
}

/// Whether the kernel has a struct of that name.
pub fn has_struct(name: &str) -> bool {
    let (Some(btf), Ok(name)) = (kernel_btf(), c_string(name)) else { return false };
    // SAFETY: live BTF, a NUL-terminated name.
    unsafe { libbpf_sys::btf__find_by_name_kind(btf.as_ptr(), name.as_ptr(), libbpf_sys::BTF_KIND_STRUCT) > 0 }
}

/// Whether trampolines can be asked for their cookie (5.19): what they keep it in came with it.
pub fn has_cookies() -> bool {
    has_struct("bpf_tramp_run_ctx")
}

/// A function in BTF.
struct Target {
    id: u32,
    /// BTF of its module.
    module: Option<OwnedFd>,
}

/// BTF of the kernel, loaded once, kept for the life of the process.
fn kernel_btf() -> Option<NonNull<btf>> {
    thread_local! {
        static BTF: Option<NonNull<btf>> = {
            // SAFETY: takes nothing; null on errors.
            NonNull::new(unsafe { libbpf_sys::btf__load_vmlinux_btf() })
        };
    }
    BTF.with(|btf| *btf)
}

impl Target {
    fn find(module: Option<&str>, function: &str) -> Option<Target> {
        let base = kernel_btf()?;
        match module {
            Some(module) if module != "vmlinux" => {
                let (id, fd) = module_btf(module)?;
                // SAFETY: the base lives as long as the process; the module's is freed below.
                let split = NonNull::new(unsafe { libbpf_sys::btf__load_from_kernel_by_id_split(id, base.as_ptr()) })?;
                let found = find_function(split, function);
                // SAFETY: loaded just above.
                unsafe { libbpf_sys::btf__free(split.as_ptr()) };
                Some(Target { id: found?, module: Some(fd) })
            }
            _ => Some(Target { id: find_function(base, function)?, module: None }),
        }
    }
}

fn find_function(btf: NonNull<btf>, function: &str) -> Option<u32> {
    let name = c_string(function).ok()?;
    // SAFETY: live BTF, a NUL-terminated name.
    let id = unsafe { libbpf_sys::btf__find_by_name_kind(btf.as_ptr(), name.as_ptr(), libbpf_sys::BTF_KIND_FUNC) };
    u32::try_from(id).ok().filter(|&id| id != 0)
}

/// Id and descriptor of a module's BTF.
fn module_btf(module: &str) -> Option<(u32, OwnedFd)> {
    let mut id = 0;
    // SAFETY: `id` lives through the call.
    while unsafe { libbpf_sys::bpf_btf_get_next_id(id, &mut id) } == 0 {
        // SAFETY: a plain system call.
        let Ok(fd) = load::owned(unsafe { libbpf_sys::bpf_btf_get_fd_by_id(id) }) else { continue };
        let mut name = [0u8; 64];
        let mut info =
            bpf_btf_info { name: name.as_mut_ptr() as u64, name_len: name.len() as u32, ..Default::default() };
        let mut size = size_of::<bpf_btf_info>() as u32;
        // SAFETY: the struct and the buffer are as long as told.
        if unsafe { libbpf_sys::bpf_btf_get_info_by_fd(fd.as_raw_fd(), &mut info, &mut size) } != 0 {
            continue;
        }
        if name.split(|&byte| byte == 0).next() == Some(module.as_bytes()) {
            return Some((id, fd));
        }
    }
    None
}
