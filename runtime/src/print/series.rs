//! Time series: a row per interval and a chart.

use super::layout::u64_at;
use super::value::Writer;
use crate::tool::SeriesAggregate;

/// How a series is recorded.
#[derive(Clone, Copy)]
pub struct Series {
    pub interval: u64,
    pub buckets: u32,
    pub signed: bool,
}

/// What one interval holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    pub epoch: u64,
    pub value: i64,
}

/// Columns between and with the axes.
const WIDTH: i128 = 53;

/// The latest interval that the CPUs have in a bucket, put together.
pub fn reduce(values: &[u8], stride: usize, agg: SeriesAggregate, signed: bool) -> Option<Slot> {
    let cells = || values.chunks(stride.max(1)).filter(|cell| u64_at(cell, 16) != 0);
    let epoch = cells().map(|cell| u64_at(cell, 0)).max()?;
    let latest = || cells().filter(|cell| u64_at(cell, 0) == epoch);
    let number = |cell: &[u8]| u64_at(cell, 8) as i64;
    let order = |value: &i64| if signed { i128::from(*value) } else { i128::from(*value as u64) };
    let total = || latest().fold(0i64, |total, cell| total.wrapping_add(number(cell)));
    let value = match agg {
        SeriesAggregate::Last => latest().max_by_key(|cell| u64_at(cell, 24)).map_or(0, number),
        SeriesAggregate::Max => latest().map(number).max_by_key(order)?,
        SeriesAggregate::Min => latest().map(number).min_by_key(order)?,
        SeriesAggregate::Sum => total(),
        SeriesAggregate::Avg => {
            let count = latest().map(|cell| u64_at(cell, 16)).sum();
            super::map::average(total(), count, signed)
        }
    };
    Some(Slot { epoch, value })
}

impl Series {
    /// The slots of the intervals that end with `last`, oldest first; none where the first would lie before 1970.
    fn kept(&self, slots: &[Slot], last: u64) -> Option<Vec<Slot>> {
        let oldest = last.checked_sub(u64::from(self.buckets.max(1)) - 1)?;
        let mut kept: Vec<Slot> = slots.iter().filter(|slot| (oldest..=last).contains(&slot.epoch)).copied().collect();
        kept.sort_by_key(|slot| slot.epoch);
        Some(kept)
    }

    /// When an interval starts, in nanoseconds since 1970.
    fn start(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.interval)
    }

    /// Line break, chart. `last` is the newest interval of the whole map: all of its charts end there.
    pub fn write(&self, slots: &[Slot], last: u64, writer: &mut Writer) {
        writer.text("\n");
        let Some(slots) = self.kept(slots, last) else { return writer.text("<no data>") };
        let value = |slot: &Slot| self.order(slot.value);
        let (lowest, highest) = (slots.iter().map(value).min(), slots.iter().map(value).max());
        let shown = |value: Option<i128>| value.map_or_else(|| "null".to_owned(), |value| value.to_string());
        let (mut low, mut high) = (lowest.unwrap_or(0), highest.unwrap_or(0));
        if low == high {
            let (least, most) = self.range();
            (low, high) = ((low - 1).max(least), (high + 1).min(most));
        }
        let (left, right) = (shown(lowest.map(|_| low)), shown(highest.map(|_| high)));
        let first = slots.first().map_or(last, |slot| slot.epoch);
        let (digits, header) = self.precision(last == first);
        let column = 8 + if digits > 0 { digits + 1 } else { 0 };
        let scale = |writer: &mut Writer| {
            let blanks = WIDTH as usize - left.len();
            writer.format(format_args!("{:column$} {left}{right:>blanks$}\n", ""));
        };
        scale(writer);
        // bpftrace counts bytes: µ has two.
        let blanks = column.saturating_sub(header.len());
        writer.format(format_args!("{header}{:blanks$} |{:_<51}|\n", "", ""));
        let zero = (!slots.is_empty() && low < 0 && high > 0).then(|| ((WIDTH * -low) / (high - low)) as usize);
        let mut next = slots.iter().peekable();
        for epoch in first..=last {
            let slot = next.next_if(|slot| slot.epoch == epoch);
            let mut row = [b' '; WIDTH as usize];
            (row[0], row[WIDTH as usize - 1]) = (b'|', b'|');
            if let Some(zero) = zero {
                row[zero.min(WIDTH as usize - 1)] = b'.';
            }
            if let Some(slot) = slot {
                row[((value(slot) - low) * (WIDTH - 1) / (high - low)) as usize] = b'*';
            }
            let start = self.start(epoch);
            writer.names.local_time(start, "%H:%M:%S", writer.out);
            if digits > 0 {
                let fraction = start % 1_000_000_000 / 10u64.pow(9 - digits as u32);
                writer.format(format_args!(".{fraction:0digits$}"));
            }
            writer.text(" ");
            writer.out.extend_from_slice(&row);
            match slot {
                Some(slot) => writer.format(format_args!(" {}\n", value(slot))),
                None => writer.text(" -\n"),
            }
        }
        writer.format(format_args!("{:column$} v{:_<51}v\n", "", ""));
        scale(writer);
    }

    /// `[{"interval_start":"…","value":1},…]`
    pub fn write_json(&self, slots: &[Slot], last: u64, writer: &mut Writer) {
        writer.text("[");
        for (index, slot) in self.kept(slots, last).unwrap_or_default().iter().enumerate() {
            let start = self.start(slot.epoch);
            writer.text(if index > 0 { ",{\"interval_start\":\"" } else { "{\"interval_start\":\"" });
            writer.names.local_time(start, "%Y-%m-%d %H:%M:%S", writer.out);
            writer.format(format_args!(".{:09}\",\"value\":", start % 1_000_000_000));
            writer.json_integer(slot.value, self.signed);
            writer.text("}");
        }
        writer.text("]");
    }

    /// What a value can be.
    fn range(&self) -> (i128, i128) {
        if self.signed { (i64::MIN.into(), i64::MAX.into()) } else { (0, u64::MAX.into()) }
    }

    fn order(&self, value: i64) -> i128 {
        if self.signed { value.into() } else { (value as u64).into() }
    }

    /// Digits behind the second, and the heading of the column.
    fn precision(&self, is_single: bool) -> (usize, &'static str) {
        match self.interval {
            _ if is_single => (9, "hh:mm:ss.ns"),
            1_000_000_000.. => (0, "hh:mm:ss"),
            1_000_000.. => (3, "hh:mm:ss.ms"),
            1_000.. => (6, "hh:mm:ss.μs"),
            _ => (9, "hh:mm:ss.ns"),
        }
    }
}
