//! Records of the ring buffer → output.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::{Duration, Instant};

use libbpf_rs::{MapHandle, PerfBuffer, PerfBufferBuilder};

use crate::error::{Error, Result};
use crate::print::Output;
use crate::ring;
use crate::tool::{ActionKind, Tool};

/// `action` of the record that `exit()` sends; `aux` is the exit status.
const EXIT: u32 = u32::MAX;
/// `action` of the record of a failed helper; `aux` is the check's index.
const CHECK_FAILED: u32 = u32::MAX - 1;
/// `struct tw_header`
const HEADER: usize = 8;

/// Sees records first, by action; whether it took the record.
pub type Observer = Box<dyn FnMut(usize, &[u8]) -> bool>;

/// Where records go, and what they asked of the tool.
pub struct Sink {
    /// Prints.
    pub output: Output,
    tool: &'static Tool,
    /// `exit()` came: the exit status.
    pub exit: Option<u8>,
    /// Writing failed.
    pub error: Option<io::Error>,
    /// Addresses that `unwatch` gave up.
    pub unwatched: Vec<u64>,
    /// How often checks failed that are told always (updates of full maps, bounds), by the check's index.
    pub failures: BTreeMap<usize, u64>,
    /// Packets that did not fit into their buffer.
    pub lost_packets: u64,
    /// Takes records before they are printed.
    pub observer: Option<Observer>,
}

impl Sink {
    /// A sink for a tool's records.
    pub fn new(tool: &'static Tool, output: Output) -> Self {
        Sink {
            output,
            tool,
            exit: None,
            error: None,
            unwatched: Vec::new(),
            failures: BTreeMap::new(),
            lost_packets: 0,
            observer: None,
        }
    }

    /// Keeps the first error of writing.
    pub fn check(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// Handles a record. Break: the rest can wait, the tool is to end.
    fn record(&mut self, record: &[u8]) -> ControlFlow<()> {
        let (Some(action), Some(aux)) = (word(record, 0), word(record, 4)) else { return ControlFlow::Continue(()) };
        let result = match action {
            EXIT => {
                self.exit.get_or_insert(aux as u8);
                return ControlFlow::Break(());
            }
            CHECK_FAILED if self.exit.is_none() => {
                match (self.tool.checks.get(aux as usize), record.get(HEADER..HEADER + 8)) {
                    (Some(check), Some(bytes)) => {
                        let mut result = [0; 8];
                        result.copy_from_slice(bytes);
                        if check.always {
                            *self.failures.entry(aux as usize).or_default() += 1;
                        }
                        self.output.check_failed(check, i64::from_ne_bytes(result))
                    }
                    _ => Ok(()),
                }
            }
            // As in bpftrace: nothing is shown behind an exit().
            _ if self.exit.is_some() => Ok(()),
            _ if self.observer.as_mut().is_some_and(|observe| observe(action as usize, record)) => Ok(()),
            _ => match self.tool.actions.get(action as usize) {
                Some(action) if matches!(action.kind, ActionKind::Unwatch) => {
                    if let Some(bytes) = record.get(HEADER..HEADER + 8) {
                        let mut address = [0; 8];
                        address.copy_from_slice(bytes);
                        self.unwatched.push(u64::from_ne_bytes(address));
                    }
                    Ok(())
                }
                Some(action) if record.len() >= action.size => self.output.event(action, record),
                _ => Ok(()),
            },
        };
        self.check(result);
        if self.error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn word(record: &[u8], at: usize) -> Option<u32> {
    let bytes = record.get(at..at + 4)?;
    Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// So long the last records may take to be complete.
const PATIENCE: Duration = Duration::from_millis(20);

/// The ring of a loaded tool. Tools without events have none.
pub struct Ring {
    ring: Option<ring::Ring>,
    packets: Option<Packets>,
}

impl Ring {
    /// Maps the ring.
    ///
    /// # Errors
    /// When the ring cannot be mapped.
    pub fn new(events: Option<&MapHandle>, packets: Option<&MapHandle>, pages: u32) -> Result<Self> {
        let ring = events.map(ring::Ring::new).transpose();
        let ring = ring.map_err(|error| Error::kernel(format!("cannot map the ring buffer: {error}")))?;
        let packets = packets.map(|map| Packets::new(map, pages)).transpose()?;
        Ok(Ring { ring, packets })
    }

    /// Hands up to `most` records to `sink`; whether there may be more.
    pub fn consume(&mut self, sink: &RefCell<Sink>, most: usize) -> bool {
        let mut sink = sink.borrow_mut();
        if let Some(packets) = &self.packets {
            packets.consume(&mut sink);
        }
        let Some(ring) = &mut self.ring else { return false };
        let mut ended = false;
        let seen = ring.consume(most, |record| {
            let flow = sink.record(record);
            ended |= flow.is_break();
            flow
        });
        seen == most && !ended
    }

    /// Hands on what is there now, also behind an `exit()`.
    pub fn drain(&mut self, sink: &RefCell<Sink>) {
        let mut sink = sink.borrow_mut();
        if let Some(packets) = &self.packets {
            packets.consume(&mut sink);
        }
        let Some(ring) = &mut self.ring else { return };
        // A program that was interrupted may still write its record; what others wrote waits behind it.
        let until = Instant::now() + PATIENCE;
        loop {
            let seen = ring.consume(usize::MAX, |record| sink.record(record));
            if sink.error.is_some() || (seen == 0 && (ring.is_empty() || Instant::now() >= until)) {
                return;
            }
            if seen == 0 {
                std::thread::sleep(PATIENCE / 20);
            }
        }
    }

    /// Becomes readable when records want to be taken soon, and stays so until [`Ring::heard`].
    pub fn descriptor(&self) -> Option<i32> {
        self.ring.as_ref().map(ring::Ring::descriptor)
    }

    /// Becomes readable when there are packets.
    pub fn packets_descriptor(&self) -> Option<i32> {
        self.packets.as_ref().map(|packets| packets.buffer.epoll_fd())
    }

    /// Forgets the wake-up.
    pub fn heard(&self) {
        if let Some(ring) = &self.ring {
            ring.heard();
        }
    }
}

/// Packets of `skboutput()`, which the kernel copies into a buffer for each CPU.
struct Packets {
    buffer: PerfBuffer<'static>,
    taken: Rc<RefCell<Vec<Vec<u8>>>>,
    lost: Rc<Cell<u64>>,
}

/// Pages of a CPU's packets where nothing is said.
const PACKET_PAGES: usize = 64;

impl Packets {
    fn new(map: &MapHandle, pages: u32) -> Result<Self> {
        let (taken, lost) = (Rc::new(RefCell::new(Vec::new())), Rc::new(Cell::new(0)));
        let pages = if pages == 0 { PACKET_PAGES } else { (pages as usize).next_power_of_two() };
        let (taking, losing) = (Rc::clone(&taken), Rc::clone(&lost));
        let buffer = PerfBufferBuilder::new(map)
            .pages(pages)
            .sample_cb(move |_, record: &[u8]| taking.borrow_mut().push(record.to_vec()))
            .lost_cb(move |_, count| losing.set(losing.get() + count))
            .build()?;
        Ok(Packets { buffer, taken, lost })
    }

    fn consume(&self, sink: &mut Sink) {
        // What cannot be read now is read next time, or lost and counted.
        let _ = self.buffer.consume();
        // They are read beside the ring, and what was sent before an exit() perhaps behind it. Nothing sends later.
        let exit = sink.exit.take();
        for record in self.taken.borrow_mut().drain(..) {
            if sink.record(&record).is_break() {
                break;
            }
        }
        sink.exit = exit;
        sink.lost_packets = self.lost.get();
    }
}
