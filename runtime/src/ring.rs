//! The reader's side of a BPF ring buffer, as the kernel's Documentation/bpf/ringbuf.rst has it.
//!
//! libbpf's reader tells the kernel after each record how far it is. Producers look at that place with each record, too,
//! so that reader and producers take the cache line from each other all the time: that cost more than all else that a
//! producer does. This reader tells once for many records.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use libbpf_rs::{MapCore, MapHandle};

/// The record is not complete yet.
const BUSY: u32 = 1 << 31;
/// The record was given up.
const DISCARDED: u32 = 1 << 30;
/// Bytes before a record: its length, and what only the kernel looks at.
const HEADER: u64 = 8;
/// The kernel is told at least as often as so many bytes were taken.
const TOLD_BYTES: u64 = 64 * 1024;

/// Pages shared with the kernel. What cannot be written to may only be loaded with relaxed order, and a fence.
struct Mapping {
    start: NonNull<u8>,
    size: usize,
}

impl Mapping {
    fn new(map: &MapHandle, size: usize, protection: i32, offset: usize) -> io::Result<Self> {
        let fd = map.as_fd().as_raw_fd();
        // SAFETY: a new mapping at a place of the kernel's choice.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), size, protection, libc::MAP_SHARED, fd, offset as libc::off_t) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast::<u8>()).ok_or_else(|| io::Error::other("a mapping at address zero"))?;
        Ok(Mapping { start, size })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; nothing borrows from it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.size) };
    }
}

/// A ring buffer that this process reads.
pub struct Ring {
    /// How far the reader is: a page of its own.
    consumer: Mapping,
    /// How far the producers are, in a page; behind it the data, twice, so that no record is cut in two.
    producer: Mapping,
    /// Becomes readable when a producer asks for it.
    wakeups: OwnedFd,
    /// Bytes of data.
    size: u64,
    page: usize,
    /// Bytes taken since the ring was made, and how many of them the kernel knows of.
    taken: u64,
    told: u64,
}

impl Ring {
    /// Maps a ring.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn new(map: &MapHandle) -> io::Result<Self> {
        // SAFETY: no arguments that could be wrong.
        let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
        let size = map.max_entries() as usize;
        let consumer = Mapping::new(map, page, libc::PROT_READ | libc::PROT_WRITE, 0)?;
        let producer = Mapping::new(map, page + 2 * size, libc::PROT_READ, page)?;
        let wakeups = epoll(map)?;
        let mut ring = Ring { consumer, producer, wakeups, size: size as u64, page, taken: 0, told: 0 };
        ring.taken = ring.position(&ring.consumer).load(Ordering::Acquire);
        ring.told = ring.taken;
        Ok(ring)
    }

    /// Becomes readable when records want to be taken soon, and stays so until [`Ring::heard`].
    pub fn descriptor(&self) -> i32 {
        self.wakeups.as_raw_fd()
    }

    /// Forgets the wake-up: the descriptor is readable again after the next one.
    pub fn heard(&self) {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: room for one event.
        unsafe { libc::epoll_wait(self.wakeups.as_raw_fd(), &mut event, 1, 0) };
    }

    /// Shows up to `most` records to `take`, which may end that; how many it saw.
    pub fn consume(&mut self, most: usize, mut take: impl FnMut(&[u8]) -> ControlFlow<()>) -> usize {
        // Not more than is there now: who follows the producers closely is in their way.
        let produced = self.position(&self.producer).load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let mut seen = 0;
        while self.taken < produced && seen < most {
            let Some((length, record)) = self.record() else { break };
            let flow = match record {
                Some(record) => {
                    seen += 1;
                    take(record)
                }
                None => ControlFlow::Continue(()),
            };
            self.taken += (HEADER + u64::from(length)).next_multiple_of(8);
            if self.taken - self.told >= TOLD_BYTES.min(self.size / 8) {
                self.tell();
            }
            if flow.is_break() {
                break;
            }
        }
        if self.taken != self.told {
            self.tell();
        }
        seen
    }

    /// Whether all that producers began was taken.
    pub fn is_empty(&self) -> bool {
        self.taken >= self.position(&self.producer).load(Ordering::Relaxed)
    }

    /// The record at hand and its length; none while a producer still writes it, and no bytes when it was given up.
    fn record(&self) -> Option<(u32, Option<&[u8]>)> {
        let at = self.page + (self.taken & (self.size - 1)) as usize;
        // SAFETY: `at` is in the mapping, and aligned to 8 as records are; producers change lengths as atomics.
        let length = unsafe { &*self.producer.start.as_ptr().add(at).cast::<AtomicU32>() }.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if length & BUSY != 0 {
            return None;
        }
        let discarded = length & DISCARDED != 0;
        let length = length & !DISCARDED;
        if discarded {
            return Some((length, None));
        }
        // SAFETY: the record is complete, and not overwritten before `tell` has told that it was taken. The data is mapped
        // twice, so that it is in one piece.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.producer.start.as_ptr().add(at + HEADER as usize), length as usize)
        };
        Some((length, Some(bytes)))
    }

    fn tell(&mut self) {
        self.position(&self.consumer).store(self.taken, Ordering::Release);
        self.told = self.taken;
    }

    fn position<'a>(&self, page: &'a Mapping) -> &'a AtomicU64 {
        // SAFETY: each page starts with a position, which both sides take for an atomic.
        unsafe { &*page.start.as_ptr().cast::<AtomicU64>() }
    }
}

/// An epoll of the ring: unlike the ring itself it is readable only after a wake-up, not whenever there are records.
fn epoll(map: &MapHandle) -> io::Result<OwnedFd> {
    // SAFETY: a system call with plain numbers.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that the kernel just gave us.
    let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut event = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: 0 };
    // SAFETY: both descriptors are open, the event lives through the call.
    if unsafe { libc::epoll_ctl(fd, libc::EPOLL_CTL_ADD, map.as_fd().as_raw_fd(), &mut event) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(epoll)
}
