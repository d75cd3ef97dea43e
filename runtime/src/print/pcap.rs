//! Packets that `skboutput()` sends, as files that tcpdump reads.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write as _};

/// The files that packets went to.
#[derive(Default)]
pub struct Captures {
    files: HashMap<&'static str, File>,
}

/// Times are in nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
const SNAPSHOT_LENGTH: u32 = 65535;
/// IP packets without a link layer.
const LINKTYPE_RAW: u32 = 101;

impl Captures {
    /// Appends a packet of a time in nanoseconds since 1970; the first to a file makes it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, path: &'static str, nanoseconds: u64, packet: &[u8]) -> io::Result<()> {
        let file = match self.files.entry(path) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let mut file = File::create(path)?;
                let words = [MAGIC, 2 | 4 << 16, 0, 0, SNAPSHOT_LENGTH, LINKTYPE_RAW];
                file.write_all(&words.map(u32::to_le_bytes).concat())?;
                entry.insert(file)
            }
        };
        let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        let len = packet.len() as u32;
        let header = [seconds as u32, rest as u32, len, len];
        let mut record = header.map(u32::to_le_bytes).concat();
        record.extend_from_slice(packet);
        file.write_all(&record)
    }
}
