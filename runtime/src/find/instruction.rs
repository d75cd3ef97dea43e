//! Where instructions begin: a probe in the middle of one breaks the program. Lengths only, of x86-64; other
//! architectures have instructions of one length.

/// Whether an instruction begins `offset` bytes into a function; what cannot be told counts as yes.
pub fn begins_at(code: &[u8], offset: usize) -> bool {
    if !cfg!(target_arch = "x86_64") {
        return offset.is_multiple_of(4);
    }
    let mut at = 0;
    while at < offset {
        match code.get(at..).and_then(length) {
            Some(length) => at += length,
            None => return true,
        }
    }
    at == offset
}

/// Bytes of the first instruction; none for what is not one, or is cut off.
fn length(code: &[u8]) -> Option<usize> {
    let mut at = 0;
    let (mut short, mut wide, mut small_address) = (false, false, false);
    while let Some(prefix @ (0x26 | 0x2e | 0x36 | 0x3e | 0x64..=0x67 | 0xf0 | 0xf2 | 0xf3)) = code.get(at) {
        short |= *prefix == 0x66;
        small_address |= *prefix == 0x67;
        at += 1;
    }
    if let Some(rex @ 0x40..=0x4f) = code.get(at) {
        wide = rex & 8 != 0;
        at += 1;
    }
    let opcode = *code.get(at)?;
    at += 1;
    // Size of an operand-sized immediate.
    let full = if short && !wide { 2 } else { 4 };
    match opcode {
        0x0f => {
            let second = *code.get(at)?;
            at += 1;
            match second {
                0x38 => operands(code, at + 1, 0),
                0x3a => operands(code, at + 1, 1),
                0x80..=0x8f => Some(at + 4),
                0x05..=0x09 | 0x0b | 0x0e | 0x30..=0x37 | 0x77 | 0xa0..=0xa2 | 0xa8..=0xaa | 0xc8..=0xcf => Some(at),
                _ => operands(code, at, second_immediate(second)),
            }
        }
        // VEX, two bytes and three; EVEX.
        0xc5 => vector(code, at + 1, 1),
        0xc4 => vector(code, at + 2, code.get(at)? & 0x1f),
        0x62 => vector(code, at + 3, code.get(at)? & 7),
        0x00..=0x3f => match opcode & 7 {
            0..=3 => operands(code, at, 0),
            4 => Some(at + 1),
            5 => Some(at + full),
            _ => None,
        },
        0x50..=0x5f | 0x6c..=0x6f | 0x90..=0x9f | 0xa4..=0xa7 | 0xaa..=0xaf => Some(at),
        0xc3 | 0xc9 | 0xcb | 0xcc | 0xcf | 0xd7 | 0xec..=0xef | 0xf1 | 0xf4 | 0xf5 | 0xf8..=0xfd => Some(at),
        0x63 | 0x84..=0x8f | 0xd0..=0xd3 | 0xd8..=0xdf | 0xfe | 0xff => operands(code, at, 0),
        0x68 | 0xa9 => Some(at + full),
        0x69 | 0x81 | 0xc7 => operands(code, at, full),
        0x6a | 0x70..=0x7f | 0xa8 | 0xb0..=0xb7 | 0xcd | 0xe0..=0xe7 | 0xeb => Some(at + 1),
        0x6b | 0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => operands(code, at, 1),
        0xa0..=0xa3 => Some(at + if small_address { 4 } else { 8 }),
        0xb8..=0xbf => Some(at + if wide { 8 } else { full }),
        0xc2 | 0xca => Some(at + 2),
        0xc8 => Some(at + 3),
        0xe8 | 0xe9 => Some(at + 4),
        // `test` has an immediate, the others of the group have none.
        0xf6 | 0xf7 => {
            let test = code.get(at)? >> 3 & 7 < 2;
            operands(
                code,
                at,
                if !test {
                    0
                } else if opcode == 0xf6 {
                    1
                } else {
                    full
                },
            )
        }
        _ => None,
    }
}

/// Bytes of the immediate behind the operands of an instruction of the second map.
fn second_immediate(opcode: u8) -> usize {
    usize::from(matches!(opcode, 0x0f | 0x70..=0x73 | 0xa4 | 0xac | 0xba | 0xc2 | 0xc4..=0xc6))
}

/// An instruction with a VEX or EVEX prefix, whose opcode is at `at`.
fn vector(code: &[u8], at: usize, map: u8) -> Option<usize> {
    let opcode = *code.get(at)?;
    match map {
        1 if opcode == 0x77 => Some(at + 1),
        1 => operands(code, at + 1, second_immediate(opcode)),
        2 => operands(code, at + 1, 0),
        3 => operands(code, at + 1, 1),
        _ => None,
    }
}

/// The end of an instruction whose ModR/M byte is at `at`, with `immediate` bytes behind its operands.
fn operands(code: &[u8], at: usize, immediate: usize) -> Option<usize> {
    let modrm = *code.get(at)?;
    let (mode, register) = (modrm >> 6, modrm & 7);
    let mut end = at + 1;
    if mode != 3 && register == 4 {
        let base = code.get(end)? & 7;
        end += 1;
        if mode == 0 && base == 5 {
            end += 4;
        }
    }
    end += match mode {
        0 if register == 5 => 4,
        1 => 1,
        2 => 4,
        _ => 0,
    };
    Some(end + immediate)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_manual() {
        let cases: &[(&[u8], usize)] = &[
            (&[0x55], 1),                                         // push %rbp
            (&[0x48, 0x89, 0xe5], 3),                             // mov %rsp,%rbp
            (&[0xf3, 0x0f, 0x1e, 0xfa], 4),                       // endbr64
            (&[0x48, 0x83, 0xec, 0x10], 4),                       // sub $16,%rsp
            (&[0x48, 0x8d, 0x05, 1, 2, 3, 4], 7),                 // lea off(%rip),%rax
            (&[0xc7, 0x45, 0xfc, 0, 0, 0, 0], 7),                 // movl $0,-4(%rbp)
            (&[0x66, 0xc7, 0x45, 0xfc, 0, 0], 6),                 // movw $0,-4(%rbp)
            (&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8], 10),          // movabs
            (&[0xe8, 0, 0, 0, 0], 5),                             // call
            (&[0x0f, 0x84, 0, 0, 0, 0], 6),                       // je
            (&[0x8b, 0x04, 0x25, 0, 0, 0, 0], 7),                 // mov abs,%eax
            (&[0xf6, 0x45, 0xff, 1], 4),                          // testb $1,-1(%rbp)
            (&[0xf7, 0xd8], 2),                                   // neg %eax
            (&[0xc5, 0xf8, 0x77], 3),                             // vzeroupper
            (&[0x66, 0x0f, 0x3a, 0x0f, 0xc1, 8], 6),              // palignr
            (&[0x64, 0x48, 0x8b, 0x04, 0x25, 0x28, 0, 0, 0], 9),  // mov %fs:0x28,%rax
            (&[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0], 10), // nopw
        ];
        for (code, expected) in cases {
            assert_eq!(length(code), Some(*expected), "{code:02x?}");
        }
        assert!(begins_at(&[0x55, 0x48, 0x89, 0xe5, 0xc3], 1));
        assert!(!begins_at(&[0x55, 0x48, 0x89, 0xe5, 0xc3], 2));
        assert!(begins_at(&[0x55, 0x48, 0x89, 0xe5, 0xc3], 4));
    }
}
