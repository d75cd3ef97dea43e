//! Symbols of the kernel, its modules and BPF programs: /proc/kallsyms.

use std::fs;
use std::time::{Duration, Instant};

/// The symbol table, read at first use.
#[derive(Default)]
pub struct Kernel {
    table: Table,
    read: Option<Instant>,
}

/// Addresses in order, and where their names are.
#[derive(Default)]
struct Table {
    symbols: Vec<(u64, u32)>,
    /// Names one after the other, a NUL behind each.
    names: String,
    /// End of the core kernel's text and of what follows: addresses above the last symbol are none.
    last_page: u64,
}

/// BPF programs and modules come and go: how soon an unknown address may read the table again.
const STALE: Duration = Duration::from_secs(1);
/// The last symbol has no successor that tells its size.
const LAST_SIZE: u64 = 4096;

impl Kernel {
    /// Name and offset.
    pub fn find(&mut self, address: u64) -> Option<(&str, u64)> {
        if address == 0 {
            return None;
        }
        if self.read.is_none() || (self.table.place(address).is_none() && self.read?.elapsed() > STALE) {
            self.table = Table::parse(&fs::read("/proc/kallsyms").unwrap_or_default());
            self.read = Some(Instant::now());
        }
        let index = self.table.place(address)?;
        let (start, name) = self.table.symbols[index];
        Some((self.table.name(name), address - start))
    }
}

impl Table {
    fn parse(text: &[u8]) -> Self {
        let mut table = Table::default();
        for line in text.split(|&byte| byte == b'\n') {
            let mut fields = line.split(|&byte| byte == b' ' || byte == b'\t');
            let (Some(address), Some(kind), Some(name)) = (fields.next(), fields.next(), fields.next()) else {
                continue;
            };
            // Data is none of a stack's business, but ksym() names it, too.
            if kind.is_empty() || matches!(kind[0], b'a' | b'A' | b'U') {
                continue;
            }
            let digits = std::str::from_utf8(address).unwrap_or("");
            let (Ok(address), Ok(name)) = (u64::from_str_radix(digits, 16), std::str::from_utf8(name)) else {
                continue;
            };
            if address == 0 {
                continue;
            }
            table.symbols.push((address, table.names.len() as u32));
            table.names.push_str(name);
            table.names.push('\0');
        }
        // Of several names for an address the first is taken.
        table.symbols.sort_by_key(|&(address, _)| address);
        table.symbols.dedup_by_key(|&mut (address, _)| address);
        table.last_page = table.symbols.last().map_or(0, |&(address, _)| address.saturating_add(LAST_SIZE));
        table
    }

    fn place(&self, address: u64) -> Option<usize> {
        if address >= self.last_page {
            return None;
        }
        self.symbols.partition_point(|&(start, _)| start <= address).checked_sub(1)
    }

    fn name(&self, start: u32) -> &str {
        let rest = &self.names[start as usize..];
        rest.split('\0').next().unwrap_or(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn the_symbol_at_or_below() {
        let text = b"ffffffff81000000 T _stext\nffffffff81000000 T alias\nffffffff81000100 t do_it\t[mod]\n\
            0000000000000010 A percpu\nffffffff81000200 t last\n";
        let table = Table::parse(text);
        let name = |address: u64| table.place(address).map(|index| table.name(table.symbols[index].1).to_owned());
        assert_eq!(name(0xffffffff81000005).as_deref(), Some("_stext"));
        assert_eq!(name(0xffffffff81000100).as_deref(), Some("do_it"));
        assert_eq!(name(0xffffffff81000210).as_deref(), Some("last"));
        assert_eq!(name(0x10), None);
        assert_eq!(name(u64::MAX), None);
    }
}
