//! Writes one run's bytes to the log of its task, and tells the index about them.
//!
//! A log that can't be written never stops a task: what is lost is counted, and writing is tried again with the next
//! bytes. A log that was moved, removed or cut short is noticed before the next bytes. Blocks; called where
//! that is fine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, Write};
use std::sync::Arc;

use jiff::Timestamp;
use rustix::fs::OFlags;

use super::index::{IndexRecord, IndexWriter};
use super::origin::{OutputStream, RunKey};
use super::rotation::{FileIdentity, Store};
use crate::private;

/// What one run writes through.
#[derive(Debug)]
pub(crate) struct LogWriter {
    store: Store,
    run: RunKey,
    /// None before the first bytes, and as long as it can't be opened.
    segment: Option<ActiveSegment>,
    /// Whether a stream is in the middle of a line.
    within_line: [bool; 2],
}

/// The file that is written.
#[derive(Debug)]
struct ActiveSegment {
    log: Arc<File>,
    /// What it was when it was opened.
    identity: FileIdentity,
    len: u64,
    index: Option<IndexWriter>,
}

/// Bytes that could not be written, and why.
#[derive(Debug)]
pub(crate) struct LogLoss {
    pub(crate) bytes: u64,
    pub(crate) error: io::Error,
}

/// Where bytes have gone.
#[derive(Debug)]
pub(crate) struct Written {
    /// The file they are in.
    pub(crate) file: Arc<File>,
    /// Where they begin in it.
    pub(crate) offset: u64,
}

impl LogWriter {
    /// Opens nothing yet: that may block, and a run that never writes needs no files.
    pub(crate) fn new(store: Store, run: u64) -> Self {
        Self { run: store.run(run), store, segment: None, within_line: [false; 2] }
    }

    /// Looks whether the file is still the one that was opened, and as long as it was. Before every batch of writes.
    pub(crate) fn look(&mut self) {
        let Some(segment) = &mut self.segment else { return };
        let identity = segment.identity;
        match fs::metadata(self.store.path()) {
            Ok(found) if FileIdentity::from(&found) == identity && found.len() == segment.len => {}
            Ok(found) if FileIdentity::from(&found) == identity => {
                if segment.resume(found.len(), &self.store).is_err() {
                    self.segment = None;
                }
                self.within_line = [false; 2];
            }
            Ok(_) | Err(_) => {
                self.segment = None;
                self.within_line = [false; 2];
            }
        }
    }

    /// Writes as many of the bytes as it can.
    ///
    /// # Errors
    ///
    /// Some or all of them are lost.
    pub(crate) fn write(&mut self, stream: OutputStream, bytes: &[u8]) -> Result<Written, LogLoss> {
        let lost = |rest: &[u8], error| LogLoss { bytes: rest.len() as u64, error };
        self.make_room(bytes.len() as u64);
        let (mut rest, mut first) = (bytes, None);
        let result = loop {
            // All at once, as a rule.
            match self.append(stream, rest) {
                Ok((written, len)) if len == rest.len() => break Ok(first.unwrap_or(written)),
                Ok((written, len)) => {
                    first.get_or_insert(written);
                    rest = &rest[len..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(lost(rest, error)),
            }
        };
        if result.is_err() {
            self.break_line(stream);
        }
        result
    }

    /// Writes once, at the end of the file, and tells the index. Returns how many bytes were written, and where.
    fn append(&mut self, stream: OutputStream, bytes: &[u8]) -> io::Result<(Written, usize)> {
        let store = self.store.clone();
        let segment = self.opened()?;
        let len = (&*segment.log).write(bytes)?;
        if len == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WriteZero.into());
        }
        let at = (&*segment.log).stream_position()?.saturating_sub(len as u64);
        let written = Written { file: Arc::clone(&segment.log), offset: at };
        if at != segment.len {
            // The file was cut short since the last look: the index describes bytes that are not there.
            segment.resume(at, &store)?;
            self.within_line = [false; 2];
        }
        self.tell(stream, &bytes[..len]);
        Ok((written, len))
    }

    /// What comes next does not go on where this stream ends: something was lost between.
    pub(super) fn break_line(&mut self, stream: OutputStream) {
        self.within_line[stream as usize] = false;
        if let Some(index) = self.segment.as_mut().and_then(|segment| segment.index.as_mut()) {
            index.end_record();
        }
    }

    /// Begins a new segment if so many bytes more would be too much for this one.
    fn make_room(&mut self, bytes: u64) {
        // A failure is reported by the write that comes next.
        let _ = self.opened();
        let Some(segment) = self.segment.as_ref() else { return };
        if segment.len > 0 && self.room(segment).is_some_and(|room| room < bytes) {
            // A segment that is too long is better than a loss.
            if let Err(error) = self.store.rotate() {
                tracing::warn!(path = %self.store.path().display(), %error, "a full log can't be put aside");
            }
            self.segment = None;
        }
    }

    /// How many more bytes go into the segment; none if there is no limit.
    fn room(&self, segment: &ActiveSegment) -> Option<u64> {
        self.store.room(segment.len, segment.index.as_ref().map_or(0, IndexWriter::len))
    }

    /// Tells the index what has been written.
    fn tell(&mut self, stream: OutputStream, written: &[u8]) {
        let (Some(segment), Some(last)) = (&mut self.segment, written.last()) else { return };
        let continues = std::mem::replace(&mut self.within_line[stream as usize], *last != b'\n');
        let (offset, at, run) = (segment.len, Timestamp::now(), self.run);
        segment.len += written.len() as u64;
        let Some(index) = &mut segment.index else { return };
        let len = u32::try_from(written.len()).expect("a batch is smaller than 4 GiB");
        if let Err(error) = index.add(IndexRecord { offset, len, at, run, stream, continues }) {
            tracing::debug!(path = %self.store.index_path().display(), %error, "a record of the log's index is lost");
        }
    }

    fn opened(&mut self) -> io::Result<&mut ActiveSegment> {
        match &mut self.segment {
            Some(segment) => Ok(segment),
            missing @ None => Ok(missing.insert(ActiveSegment::open(&self.store)?)),
        }
    }
}

impl ActiveSegment {
    fn open(store: &Store) -> io::Result<Self> {
        // The index first: a log is not seen without it.
        drop(Self::open_index(store));
        // Appended to: at a position of its own a write would leave a hole where the file was cut short meanwhile.
        let log = private::open(&store.path(), OFlags::RDWR | OFlags::CREATE | OFlags::APPEND)?;
        let metadata = log.metadata()?;
        let identity = FileIdentity::from(&metadata);
        let mut segment = Self { log: Arc::new(log), identity, len: 0, index: None };
        segment.resume(metadata.len(), store)?;
        Ok(segment)
    }

    /// Goes on at the end of the file, with an index that says nothing beyond it.
    fn resume(&mut self, len: u64, store: &Store) -> io::Result<()> {
        self.len = len;
        // A log without an index is better than none.
        self.index = Self::open_index(store).and_then(|file| IndexWriter::resume(file, len)).ok();
        Ok(())
    }

    fn open_index(store: &Store) -> io::Result<File> {
        private::open(&store.index_path(), OFlags::RDWR | OFlags::CREATE)
    }
}
