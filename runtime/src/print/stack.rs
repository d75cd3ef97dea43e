//! Stacks.

use super::layout::u32_at;
use super::names::hex;
use super::value::{Stack, Writer};
use crate::tool::StackMode;

/// A line break, then a line for every frame.
pub fn write(writer: &mut Writer, stack: &Stack) {
    writer.out.push(b'\n');
    let addresses = writer.maps.stack(stack.map, stack.id).unwrap_or_default();
    if let (StackMode::BuildId, Some(tgid)) = (stack.mode, stack.tgid) {
        return addresses.chunks_exact(4).take(stack.depth).for_each(|frame| build_id(writer, tgid, frame));
    }
    for &address in addresses.iter().take(stack.depth) {
        match (stack.mode, stack.tgid) {
            (StackMode::Raw | StackMode::BuildId, _) => writer.format(format_args!("{address:x}\n")),
            (mode, None) => kernel(writer, mode, address),
            (mode, Some(tgid)) => user(writer, mode, tgid, address),
        }
    }
}

/// `struct bpf_stack_build_id`: what the kernel found, 20 bytes of build id, and an offset into the file or an address.
fn build_id(writer: &mut Writer, tgid: u32, frame: &[u64]) {
    const BPF_STACK_BUILD_ID_VALID: u32 = 1;
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(8).zip(frame) {
        to.copy_from_slice(&word.to_ne_bytes());
    }
    let address = frame[3];
    if u32_at(&bytes, 0) == BPF_STACK_BUILD_ID_VALID {
        for byte in &bytes[4..24] {
            writer.format(format_args!("{byte:02x}"));
        }
        return writer.format(format_args!(" {address:#x}\n"));
    }
    match writer.names.processes.build_id(tgid, address) {
        Some((id, offset)) => writer.format(format_args!("{id} {offset:#x}\n")),
        None => writer.format(format_args!("{address:x}\n")),
    }
}

fn kernel(writer: &mut Writer, mode: StackMode, address: u64) {
    indent(writer, mode, address);
    match writer.names.kernel.find(address) {
        Some((name, offset)) => {
            writer.out.extend_from_slice(name.as_bytes());
            writer.format(format_args!("+{offset}"));
        }
        None => hex(address, writer.out),
    }
    writer.out.push(b'\n');
}

fn user(writer: &mut Writer, mode: StackMode, tgid: u32, address: u64) {
    let frames = writer.names.processes.find(tgid, address);
    if frames.is_empty() {
        indent(writer, mode, address);
        hex(address, writer.out);
        writer.text(if mode == StackMode::Perf { " ([unknown])\n" } else { "\n" });
        return;
    }
    for frame in frames.iter() {
        indent(writer, mode, address);
        writer.text(&frame.name);
        writer.format(format_args!("+{}", frame.offset));
        match (mode, &frame.place) {
            (StackMode::Perf, _) => {
                let module = writer.names.processes.module(tgid, address);
                let module = module.as_deref().map_or("[unknown]".into(), |path| path.to_string_lossy());
                writer.format(format_args!(" ({module})"));
            }
            (_, Some(place)) => writer.format(format_args!("@{place}")),
            (_, None) => {}
        }
        writer.text(if frame.is_inlined { " [inlined]\n" } else { "\n" });
    }
}

fn indent(writer: &mut Writer, mode: StackMode, address: u64) {
    match mode {
        StackMode::Perf => writer.format(format_args!("\t{address:x} ")),
        _ => writer.text("        "),
    }
}
