//! Members of zip archives: `a.zip!/lib/x.so`, as the loader of Android has them. Only what lies there uncompressed can
//! be mapped, and probed.

use std::fs;
use std::path::Path;

/// End of the central directory, an entry of it, a member's own header.
const END: &[u8] = b"PK\x05\x06";
const ENTRY: &[u8] = b"PK\x01\x02";
const MEMBER: &[u8] = b"PK\x03\x04";

/// Archive and member, if the path names one. Directories may be called `x!` too: the archive is a file.
pub fn split(path: &Path) -> Option<(&Path, &str)> {
    let path = path.to_str()?;
    path.match_indices("!/").find_map(|(at, mark)| {
        let archive = Path::new(&path[..at]);
        archive.is_file().then_some((archive, &path[at + mark.len()..]))
    })
}

/// The file that a path's contents lie in.
pub fn file_of(path: &Path) -> &Path {
    split(path).map_or(path, |(archive, _)| archive)
}

/// Where a member begins in its archive, and its bytes.
pub fn member(archive: &Path, name: &str) -> Option<(u64, Vec<u8>)> {
    let bytes = fs::read(archive).ok()?;
    let end = bytes.windows(END.len()).rposition(|window| window == END)?;
    let entries = half(&bytes, end + 10)?;
    let mut at = word(&bytes, end + 16)?;
    for _ in 0..entries {
        if bytes.get(at..at + 4)? != ENTRY {
            return None;
        }
        let (method, size) = (half(&bytes, at + 10)?, word(&bytes, at + 24)?);
        let (name_size, more) = (half(&bytes, at + 28)?, half(&bytes, at + 30)? + half(&bytes, at + 32)?);
        let header = word(&bytes, at + 42)?;
        if bytes.get(at + 46..at + 46 + name_size)? == name.as_bytes() {
            if method != 0 || bytes.get(header..header + 4)? != MEMBER {
                return None;
            }
            let start = header + 30 + half(&bytes, header + 26)? + half(&bytes, header + 28)?;
            return Some((start as u64, bytes.get(start..start + size)?.to_vec()));
        }
        at += 46 + name_size + more;
    }
    None
}

fn half(bytes: &[u8], at: usize) -> Option<usize> {
    Some(usize::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)))
}

fn word(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_members_are_found_where_they_lie() {
        let header = |mark: &[u8], skip: usize| {
            let mut bytes = mark.to_vec();
            bytes.resize(skip, 0);
            bytes
        };
        // One member `a` of three bytes: its header, name and bytes; the entry; the end.
        let mut zip = header(MEMBER, 30);
        zip[26] = 1;
        zip.extend(b"axyz");
        let mut entry = header(ENTRY, 46);
        (entry[24], entry[28]) = (3, 1);
        entry.push(b'a');
        let mut end = header(END, 22);
        (end[10], end[16]) = (1, zip.len() as u8);
        zip.extend(entry);
        zip.extend(end);
        let path = std::env::temp_dir().join(format!("archive-{}.zip", std::process::id()));
        fs::write(&path, zip).unwrap();
        let found = (member(&path, "a"), member(&path, "b"));
        let inside = std::path::PathBuf::from(format!("{}!/lib!/b.so", path.display()));
        let parts = split(&inside).map(|(archive, name)| (archive == path, name));
        fs::remove_file(&path).unwrap();
        assert_eq!(found, (Some((31, b"xyz".to_vec())), None));
        assert_eq!(parts, Some((true, "lib!/b.so")));
        assert_eq!(split(Path::new("/no!/such.so")), None);
    }
}
