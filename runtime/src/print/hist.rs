//! Histograms: buckets, labels and bars.

use std::io::Write as _;

/// How a map's buckets are cut.
#[derive(Clone, Copy)]
pub enum Buckets {
    /// Powers of two, each cut into `1 << k`.
    Log2 { k: u32 },
    /// Steps from `min` to `max`.
    Linear { min: i64, max: i64, step: i64 },
}

/// A row: `[min, max)`, an end that is open is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    pub min: Option<i64>,
    /// First value above.
    pub end: Option<i64>,
    pub count: u64,
}

const BAR: u64 = 52;
const SUFFIXES: [&str; 7] = ["", "K", "M", "G", "T", "P", "E"];

impl Buckets {
    /// How many there are.
    pub fn len(self) -> u32 {
        match self {
            Buckets::Log2 { k } => ((64 - k + 1) << k) + 1,
            Buckets::Linear { min, max, step } => ((max - min).max(0) / step.max(1)) as u32 + 2,
        }
    }

    /// Bounds of a bucket by number.
    fn bounds(self, bucket: u32) -> (Option<i64>, Option<i64>) {
        match self {
            Buckets::Log2 { .. } if bucket == 0 => (None, Some(0)),
            Buckets::Log2 { k } => {
                let low = log2_edge(bucket - 1, k);
                (Some(low), Some(log2_edge(bucket, k)))
            }
            Buckets::Linear { min, .. } if bucket == 0 => (None, Some(min)),
            Buckets::Linear { min, max, step } => {
                let low = min + i64::from(bucket - 1) * step;
                if low + step > max { (Some(low), None) } else { (Some(low), Some(low + step)) }
            }
        }
    }

    /// Rows from the first to the last bucket in use; counts divided.
    pub fn rows(self, counts: &[u64], div: u64) -> Vec<Row> {
        let used = |&(_, &count): &(usize, &u64)| count > 0;
        let Some((first, _)) = counts.iter().enumerate().find(used) else { return Vec::new() };
        let last = counts.iter().rposition(|&count| count > 0).unwrap_or(first);
        let row = |bucket: usize| {
            let (min, end) = self.bounds(bucket as u32);
            Row { min, end, count: counts[bucket] / div.max(1) }
        };
        (first..=last).map(row).collect()
    }

    /// The rows with their bars.
    pub fn write(self, rows: &[Row], first_bucket: u32, out: &mut Vec<u8>) {
        let most = rows.iter().map(|row| row.count).max().unwrap_or(0).max(1);
        let mut label = String::new();
        for (index, row) in rows.iter().enumerate() {
            label.clear();
            self.label(row, first_bucket + index as u32, &mut label);
            let bar = (u128::from(row.count) * u128::from(BAR) / u128::from(most)) as usize;
            let blank = BAR as usize - bar;
            // SANITY: a Vec takes what it is given.
            let _ = write!(out, "{label:<16}{:>8} |", row.count);
            out.resize(out.len() + bar, b'@');
            out.resize(out.len() + blank, b' ');
            out.extend_from_slice(b"|\n");
        }
    }

    fn label(self, row: &Row, bucket: u32, label: &mut String) {
        use std::fmt::Write as _;
        let result = match (self, row.min, row.end) {
            (Buckets::Linear { step, .. }, min, end) if step % 1024 == 0 && step > 0 => {
                let edge = |edge: Option<i64>| edge.map_or_else(|| "...".to_owned(), stepped);
                let open = if min.is_none() { '(' } else { '[' };
                write!(label, "{open}{}, {})", edge(min), edge(end))
            }
            (_, None, end) => write!(label, "(..., {})", end.unwrap_or(0)),
            (_, Some(min), None) => write!(label, "[{min}, ...)"),
            (_, Some(min), Some(end)) if end - min == 1 => write!(label, "[{min}]"),
            (Buckets::Linear { .. }, Some(min), Some(end)) => write!(label, "[{min}, {end})"),
            (Buckets::Log2 { k }, Some(_), Some(_)) => {
                let ((low, low_suffix), (high, high_suffix)) = (scaled(bucket - 1, k), scaled(bucket, k));
                write!(label, "[{low}{low_suffix}, {high}{high_suffix})")
            }
        };
        // SANITY: a String takes what it is given.
        let _ = result;
    }
}

/// Lower edge of the `index`th bucket at or above zero.
fn log2_edge(index: u32, k: u32) -> i64 {
    match (index >> k, index) {
        (0, low) => low.into(),
        (exponent, index) => {
            let mantissa = i128::from((1u64 << k) + u64::from(index & ((1 << k) - 1)));
            i64::try_from(mantissa << (exponent - 1)).unwrap_or(i64::MAX)
        }
    }
}

/// An edge of a linear histogram whose steps are multiples of 1024.
fn stepped(edge: i64) -> String {
    let (mut edge, mut power) = (edge, 0);
    while edge != 0 && edge % 1024 == 0 && power + 1 < SUFFIXES.len() {
        edge /= 1024;
        power += 1;
    }
    format!("{edge}{}", SUFFIXES[power])
}

/// An edge as number and suffix of 1024.
fn scaled(index: u32, k: u32) -> (u64, &'static str) {
    match (index >> k, index) {
        (0, low) => (low.into(), ""),
        (exponent, index) => {
            let mantissa = (1u64 << k) + u64::from(index & ((1 << k) - 1));
            let shift = exponent - 1;
            (mantissa << (shift % 10), SUFFIXES[(shift / 10).min(6) as usize])
        }
    }
}
