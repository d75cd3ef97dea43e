//! Attach cookies where the kernel has none (perf events before 5.15, raw tracepoints before 6.10): a program that asks
//! for its cookie is loaded with a constant in the place of the question, once for each probe.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;

use libbpf_rs::Object;
use libbpf_rs::libbpf_sys::{self, bpf_insn, bpf_program, size_t};

use super::{Target, load};
use crate::tool::ProgramKind;

/// Number of the helper bpf_get_attach_cookie.
const HELPER: i32 = libbpf_sys::BPF_FUNC_get_attach_cookie as i32;
/// Stands for the cookie in the program that libbpf loads.
const MARK: i32 = 0x7ace_0001;
/// `call` of a helper, and `mov r0, constant`.
const CALL: u8 = 0x85;
const MOVE: u8 = 0xb7;

/// Whether programs of that type can ask for their cookie.
fn has_cookies(raw: NonNull<bpf_program>) -> bool {
    // SAFETY: a live program; the kernel is asked to load a few instructions.
    let answer = unsafe {
        let kind = libbpf_sys::bpf_program__type(raw.as_ptr());
        libbpf_sys::libbpf_probe_bpf_helper(kind, libbpf_sys::BPF_FUNC_get_attach_cookie, std::ptr::null())
    };
    // Negative: it cannot be told.
    answer != 0
}

/// The cookie to attach with: none where the program has it as a constant.
pub fn cookie(target: Target<'_>, probe: usize) -> u64 {
    if target.program.uses_cookie && !is_marked(target) { probe as u64 } else { 0 }
}

/// Before loading: marks where the program asks for its cookie, if this kernel cannot answer.
///
/// # Errors
/// When libbpf refuses the changed program.
pub fn prepare(kind: ProgramKind, raw: NonNull<bpf_program>) -> io::Result<()> {
    let answers = match kind {
        // These have numbers of their own kinds.
        ProgramKind::Manual | ProgramKind::Usdt => true,
        ProgramKind::Fentry | ProgramKind::Fexit => super::clone::has_cookies(),
        _ => has_cookies(raw),
    };
    if answers {
        return Ok(());
    }
    let mut code = instructions(raw);
    for instruction in code.iter_mut().filter(|i| i.code == CALL && i.imm == HELPER && i.src_reg() == 0) {
        instruction.code = MOVE;
        instruction.imm = MARK;
    }
    // SAFETY: an open program, not yet loaded; libbpf copies the instructions.
    let result = unsafe { libbpf_sys::bpf_program__set_insns(raw.as_ptr(), code.as_mut_ptr(), code.len() as size_t) };
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(()) }
}

/// Before attaching to a probe: puts a copy that knows the probe in the place of the marked program.
///
/// # Errors
/// The kernel's word about the copy.
pub fn settle(object: &Object, target: Target<'_>, probe: usize) -> io::Result<()> {
    if !target.program.uses_cookie || !is_marked(target) {
        return Ok(());
    }
    let copy = load::program(object, target.raw, &settled(target.raw, probe), None)?;
    // libbpf attaches whatever its descriptor stands for. What was attached before holds on to its own copy.
    // SAFETY: both descriptors are open.
    let result = unsafe {
        let own = libbpf_sys::bpf_program__fd(target.raw.as_ptr());
        libc::dup3(copy.as_raw_fd(), own, libc::O_CLOEXEC)
    };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The instructions of a program, with the probe in the place of marks.
pub fn settled(raw: NonNull<bpf_program>, probe: usize) -> Vec<bpf_insn> {
    let mut code = instructions(raw);
    for instruction in code.iter_mut().filter(|i| i.code == MOVE && i.imm == MARK) {
        instruction.imm = probe as i32;
    }
    code
}

/// Whether the loaded program has marks for its cookie.
pub fn is_marked(target: Target<'_>) -> bool {
    instructions(target.raw).iter().any(|i| i.code == MOVE && i.imm == MARK)
}

/// A copy of a program's instructions; those of a loaded program are relocated.
fn instructions(raw: NonNull<bpf_program>) -> Vec<bpf_insn> {
    // SAFETY: a live program; the instructions are as many as told and are copied at once.
    unsafe {
        let first = libbpf_sys::bpf_program__insns(raw.as_ptr());
        let count = libbpf_sys::bpf_program__insn_cnt(raw.as_ptr()) as usize;
        if first.is_null() { Vec::new() } else { std::slice::from_raw_parts(first, count).to_vec() }
    }
}
