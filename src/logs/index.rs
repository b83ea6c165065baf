//! What is known about the bytes of a log: one fixed-size record per chunk, in the order of the file.
//!
//! A record follows the bytes it describes and carries a check of itself. So whatever is cut off, by a crash or by
//! hand, leaves an index that is right about what it still describes; bytes that it does not describe count as more of
//! what came before them. A record never crosses a page, so no reader sees half of one.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use flate2::Crc;
use jiff::Timestamp;

use super::origin::{OutputStream, RunKey};

/// The size of a record.
pub(super) const RECORD_BYTES: u64 = 32;
/// Records that are read at once.
const PAGE_RECORDS: u64 = 128;
/// Neighbours of one stream become one record if they come within this many microseconds.
const MERGED_WITHIN_MICROS: i64 = 10_000;
/// Distinguishes a record of this layout from one of another.
const LAYOUT: u8 = 1 << 2;
const IS_STDERR: u8 = 1;
const CONTINUES: u8 = 1 << 1;

/// What is known about one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct IndexRecord {
    /// Where it begins in the log.
    pub(super) offset: u64,
    pub(super) len: u32,
    /// When its first byte was read.
    pub(super) at: Timestamp,
    pub(super) run: RunKey,
    pub(super) stream: OutputStream,
    /// Whether its first bytes continue a line of this stream.
    pub(super) continues: bool,
}

impl IndexRecord {
    pub(super) fn end(&self) -> u64 {
        self.offset + u64::from(self.len)
    }

    fn encode(&self) -> [u8; RECORD_BYTES as usize] {
        let mut flags = LAYOUT;
        flags |= if self.stream == OutputStream::Stderr { IS_STDERR } else { 0 };
        flags |= if self.continues { CONTINUES } else { 0 };
        let mut bytes = [0; RECORD_BYTES as usize];
        bytes[0..8].copy_from_slice(&self.offset.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.at.as_microsecond().to_le_bytes());
        bytes[16..20].copy_from_slice(&self.run.supervised_since.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.run.number.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.len.to_le_bytes());
        bytes[28] = flags;
        let check = check(&bytes);
        bytes[29..].copy_from_slice(&check);
        bytes
    }

    /// None if these bytes are no record, or a damaged one.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let (body, found) = bytes.split_at_checked(29)?;
        let flags = body[28];
        if found != check(bytes) || flags & !(IS_STDERR | CONTINUES) != LAYOUT {
            return None;
        }
        let (offset, at) = (u64::from_le_bytes(field(body, 0)), i64::from_le_bytes(field(body, 8)));
        let len = u32::from_le_bytes(field(body, 24));
        offset.checked_add(u64::from(len))?;
        Some(Self {
            offset,
            len,
            at: Timestamp::from_microsecond(at).ok()?,
            run: RunKey {
                supervised_since: u32::from_le_bytes(field(body, 16)),
                number: u32::from_le_bytes(field(body, 20)),
            },
            stream: if flags & IS_STDERR == 0 { OutputStream::Stdout } else { OutputStream::Stderr },
            continues: flags & CONTINUES != 0,
        })
    }

    /// Whether `next` is more of the same, right behind it and soon after.
    fn takes(&self, next: &Self) -> bool {
        let later = next.at.as_microsecond() - self.at.as_microsecond();
        self.end() == next.offset
            && (self.run, self.stream) == (next.run, next.stream)
            && (0..=MERGED_WITHIN_MICROS).contains(&later)
            && self.len.checked_add(next.len).is_some()
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("a record is longer than its fields")
}

/// Three bytes that tell a record from anything else.
fn check(bytes: &[u8]) -> [u8; 3] {
    let mut crc = Crc::new();
    crc.update(&bytes[..29]);
    let [check @ .., _] = crc.sum().to_le_bytes();
    check
}

/// The end of an index to which records are added.
#[derive(Debug)]
pub(super) struct IndexWriter {
    file: File,
    count: u64,
    last: Option<IndexRecord>,
}

impl IndexWriter {
    /// Goes on with the index of a log that has `log_len` bytes: what it says beyond them is taken back.
    ///
    /// # Errors
    ///
    /// The file can't be read or written.
    pub(super) fn resume(file: File, log_len: u64) -> io::Result<Self> {
        let mut index = Index::new(Some(file.try_clone()?))?;
        let mut resumed = Self { file, count: index.count, last: None };
        while resumed.count > 0 {
            let last = index.get(resumed.count - 1)?.filter(|last| last.offset < log_len && last.len > 0);
            if last.is_some() {
                resumed.last = last;
                break;
            }
            resumed.count -= 1;
        }
        resumed.file.set_len(resumed.count * RECORD_BYTES)?;
        if let Some(last) = &mut resumed.last
            && last.end() > log_len
        {
            last.len = u32::try_from(log_len - last.offset).expect("it becomes shorter");
            resumed.file.write_all_at(&last.encode(), (resumed.count - 1) * RECORD_BYTES)?;
        }
        Ok(resumed)
    }

    /// Tells of a chunk that has been written.
    ///
    /// # Errors
    ///
    /// The file can't be written. The record is lost, and those that follow are none the worse.
    pub(super) fn add(&mut self, record: IndexRecord) -> io::Result<()> {
        if let Some(last) = &mut self.last
            && last.takes(&record)
        {
            last.len += record.len;
            return self.file.write_all_at(&last.encode(), (self.count - 1) * RECORD_BYTES);
        }
        self.file.write_all_at(&record.encode(), self.count * RECORD_BYTES)?;
        self.count += 1;
        self.last = Some(record);
        Ok(())
    }

    /// Whatever comes next gets a record of its own.
    pub(super) fn end_record(&mut self) {
        self.last = None;
    }

    /// Its size in bytes.
    pub(super) fn len(&self) -> u64 {
        self.count * RECORD_BYTES
    }
}

/// An index as it is read: record by record, a page in memory.
#[derive(Debug)]
pub(super) struct Index {
    file: Option<File>,
    count: u64,
    page: Vec<u8>,
    page_at: u64,
}

/// Consecutive bytes of a log of which the same is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<u64>,
    pub(super) at: Timestamp,
    pub(super) run: RunKey,
    pub(super) stream: OutputStream,
    /// Whether its first bytes continue a line; none where only the byte before can tell.
    pub(super) continues: Option<bool>,
}

impl Index {
    /// Reads what is there now. Without a file nothing is known about the log.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub(super) fn new(file: Option<File>) -> io::Result<Self> {
        let mut index = Self { file, count: 0, page: Vec::new(), page_at: 0 };
        index.refresh()?;
        Ok(index)
    }

    /// Sees what has been added.
    ///
    /// # Errors
    ///
    /// As [`Index::new`].
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        self.count = match &self.file {
            Some(file) => file.metadata()?.len() / RECORD_BYTES,
            None => 0,
        };
        self.page.clear();
        Ok(())
    }

    /// How many records there are, sound or not.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// One record; none if it is damaged.
    ///
    /// # Errors
    ///
    /// The file can't be read.
    pub(super) fn get(&mut self, number: u64) -> io::Result<Option<IndexRecord>> {
        let Some(file) = &self.file else { return Ok(None) };
        let first = self.page_at;
        if !(first..first + self.page.len() as u64 / RECORD_BYTES).contains(&number) {
            self.page_at = number - number % PAGE_RECORDS;
            let records = (self.count - self.page_at).min(PAGE_RECORDS);
            self.page.resize((records * RECORD_BYTES) as usize, 0);
            let read = file.read_exact_at(&mut self.page, self.page_at * RECORD_BYTES);
            if let Err(error) = read {
                self.page.clear();
                // Cut short meanwhile: what was there is gone.
                return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
            }
        }
        let at = ((number - self.page_at) * RECORD_BYTES) as usize;
        Ok(self.page.get(at..at + RECORD_BYTES as usize).and_then(IndexRecord::decode))
    }

    /// The first sound record.
    ///
    /// # Errors
    ///
    /// As [`Index::get`].
    pub(super) fn first_sound(&mut self) -> io::Result<Option<IndexRecord>> {
        for number in 0..self.count {
            if let Some(record) = self.get(number)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The last sound record before `number`.
    ///
    /// # Errors
    ///
    /// As [`Index::get`].
    pub(super) fn sound_before(&mut self, number: u64) -> io::Result<Option<IndexRecord>> {
        for number in (0..number).rev() {
            if let Some(record) = self.get(number)? {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The number of the first record for which `is_before` does not hold, if it holds for the first ones only.
    ///
    /// # Errors
    ///
    /// As [`Index::get`].
    pub(super) fn partition_point(&mut self, is_before: impl Fn(&IndexRecord) -> bool) -> io::Result<u64> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let mut sound = middle;
            let record = loop {
                match self.get(sound)? {
                    None if sound + 1 < high => sound += 1,
                    found => break found,
                }
            };
            match record {
                Some(record) if is_before(&record) => low = sound + 1,
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }

    /// The pieces that `range` is made of.
    ///
    /// # Errors
    ///
    /// As [`Index::get`].
    pub(super) fn pieces(&mut self, range: Range<u64>) -> io::Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        let mut at = range.start;
        let mut number = self.partition_point(|record| record.end() <= range.start)?;
        let mut before = self.sound_before(number)?;
        while at < range.end {
            let next = loop {
                match number < self.count {
                    false => break None,
                    true => number += 1,
                }
                if let Some(record) = self.get(number - 1)?.filter(|record| record.end() > at) {
                    break Some(record);
                }
            };
            let next_at = next.map_or(range.end, |next| next.offset.min(range.end));
            if at < next_at {
                pieces.push(gap(at..next_at, before.as_ref()));
                at = next_at;
            }
            if let Some(next) = next.filter(|next| next.offset < range.end) {
                let end = next.end().min(range.end);
                let continues = (at == next.offset).then_some(next.continues);
                pieces.push(Piece { range: at..end, at: next.at, run: next.run, stream: next.stream, continues });
                at = end;
            }
            before = next;
        }
        Ok(pieces)
    }
}

/// Bytes of which nothing is known.
fn gap(range: Range<u64>, before: Option<&IndexRecord>) -> Piece {
    match before {
        Some(before) => Piece { range, at: before.at, run: before.run, stream: before.stream, continues: None },
        None => Piece {
            range,
            at: Timestamp::UNIX_EPOCH,
            run: RunKey::default(),
            stream: OutputStream::Stdout,
            continues: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(offset: u64, len: u32, at: i64, stream: OutputStream) -> IndexRecord {
        let run = RunKey { supervised_since: 7, number: 1 };
        IndexRecord { offset, len, at: Timestamp::from_microsecond(at).unwrap(), run, stream, continues: false }
    }

    fn reader(writer: &IndexWriter) -> Index {
        Index::new(Some(writer.file.try_clone().unwrap())).unwrap()
    }

    /// An index of ten chunks of ten bytes, of both streams in turn.
    fn ten() -> IndexWriter {
        let mut writer = IndexWriter::resume(tempfile::tempfile().unwrap(), 0).unwrap();
        for number in 0..10 {
            let stream = if number % 2 == 0 { OutputStream::Stdout } else { OutputStream::Stderr };
            writer.add(record(number * 10, 10, number as i64, stream)).unwrap();
        }
        writer
    }

    #[test]
    fn a_record_comes_back_as_it_was_and_a_damaged_one_does_not() {
        let record =
            IndexRecord { continues: true, ..record(1 << 40, u32::MAX, 1_700_000_000_000_001, OutputStream::Stderr) };
        let bytes = record.encode();
        assert_eq!(IndexRecord::decode(&bytes), Some(record));
        for bit in 0..bytes.len() * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(IndexRecord::decode(&damaged), None, "bit {bit}");
        }
        assert_eq!(IndexRecord::decode(&[0; RECORD_BYTES as usize]), None);
    }

    #[test]
    fn neighbours_soon_after_one_another_are_one_record() {
        let mut writer = IndexWriter::resume(tempfile::tempfile().unwrap(), 0).unwrap();
        writer.add(record(0, 10, 0, OutputStream::Stdout)).unwrap();
        writer.add(record(10, 10, MERGED_WITHIN_MICROS, OutputStream::Stdout)).unwrap();
        writer.add(record(20, 10, MERGED_WITHIN_MICROS + 1, OutputStream::Stdout)).unwrap();
        writer.add(record(30, 10, MERGED_WITHIN_MICROS + 1, OutputStream::Stderr)).unwrap();
        let mut index = reader(&writer);
        let records: Vec<_> = (0..index.count()).map(|number| index.get(number).unwrap().unwrap()).collect();
        assert_eq!(records.iter().map(|record| record.len).collect::<Vec<_>>(), [20, 10, 10]);
    }

    #[test]
    fn a_damaged_record_leaves_a_gap_that_counts_for_what_came_before() {
        let writer = ten();
        writer.file.write_all_at(b"nonsense", 3 * RECORD_BYTES).unwrap();
        let pieces = reader(&writer).pieces(15..55).unwrap();
        let told: Vec<_> = pieces.iter().map(|piece| (piece.range.clone(), piece.stream)).collect();
        let (out, err) = (OutputStream::Stdout, OutputStream::Stderr);
        assert_eq!(told, [(15..20, err), (20..30, out), (30..40, out), (40..50, out), (50..55, err)]);
    }

    #[test]
    fn what_an_index_says_beyond_its_log_is_taken_back() {
        for log_len in 0..=100 {
            let resumed = IndexWriter::resume(ten().file, log_len).unwrap();
            assert_eq!(resumed.count, log_len.div_ceil(10));
            let mut index = reader(&resumed);
            let last = index.sound_before(index.count()).unwrap();
            assert_eq!(last.map_or(0, |last| last.end()), log_len);
        }
    }
}
