//! Writes one run's bytes to the log of its task, and tells the index about them.
//!
//! A log that can't be written never stops a task: what is lost is counted, and writing is tried again with the next
//! bytes. A log that somebody has moved, removed or cut short is noticed before the next bytes. Blocks; called where
//! that is fine.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use jiff::Timestamp;

use super::index::{IndexWriter, Record};
use super::segments::{Identity, Store};
use super::{RunKey, Stream};

/// A segment with less room than this is full for bytes that come by the megabyte.
#[cfg(target_os = "linux")]
const ROOM_TO_SPLICE: u64 = 64 * 1024;

/// What one run writes through.
#[derive(Debug)]
pub(crate) struct Writer {
    store: Store,
    run: RunKey,
    /// None as long as it could not be opened.
    segment: Option<Segment>,
    /// Whether a stream is in the middle of a line.
    within_line: [bool; 2],
}

/// The file that is written.
#[derive(Debug)]
struct Segment {
    log: Arc<File>,
    /// What it was when it was opened. Only a regular file has an end, an index and an age.
    identity: Option<Identity>,
    len: u64,
    index: Option<IndexWriter>,
}

/// Bytes that could not be written, and why.
#[derive(Debug)]
pub(crate) struct Loss {
    pub(crate) bytes: u64,
    pub(crate) error: io::Error,
}

/// What has gone from a pipe to the log without being read.
#[derive(Debug)]
pub(crate) struct Spliced {
    /// The file it is in now.
    pub(crate) file: Arc<File>,
    /// Where it ends there.
    pub(crate) end: u64,
    pub(crate) len: usize,
}

impl Writer {
    /// Opens the log and makes its directory, if that can be done now.
    pub(crate) fn new(store: Store, run: u64) -> Self {
        let run = RunKey { supervised_since: store.supervised_since(), number: u32::try_from(run).unwrap_or(u32::MAX) };
        let mut writer = Self { store, run, segment: None, within_line: [false; 2] };
        if let Err(error) = writer.opened() {
            tracing::warn!(path = %writer.store.path().display(), %error, "a log can't be opened");
        }
        writer
    }

    /// Looks whether the file is still the one that was opened, and as long as it was. Before every batch of writes.
    pub(crate) fn look(&mut self) {
        let Some(segment) = &mut self.segment else { return };
        let Some(identity) = segment.identity else { return };
        match fs::metadata(self.store.path()) {
            Ok(found) if Identity::from(&found) == identity => {
                if found.len() != segment.len && segment.resume(found.len(), &self.store).is_err() {
                    self.segment = None;
                }
            }
            Ok(_) | Err(_) => self.segment = None,
        }
    }

    /// Writes as many of the bytes as it can.
    ///
    /// # Errors
    ///
    /// Some or all of them are lost.
    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), Loss> {
        let lost = |rest: &[u8], error| Loss { bytes: rest.len() as u64, error };
        self.make_room(bytes.len() as u64);
        let segment = self.opened().map_err(|error| lost(bytes, error))?;
        let mut rest = bytes;
        let result = loop {
            if rest.is_empty() {
                break Ok(());
            }
            match (&*segment.log).write(rest) {
                Ok(0) => break Err(lost(rest, ErrorKind::WriteZero.into())),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(lost(rest, error)),
            }
        };
        let written = &bytes[..bytes.len() - rest.len()];
        self.tell(stream, written.len(), written.last() == Some(&b'\n'));
        result
    }

    /// Moves at most `most` bytes from a pipe straight to the log. None if that can't be done here, or not now: then
    /// nothing has been taken from the pipe.
    #[cfg(target_os = "linux")]
    pub(crate) fn splice(&mut self, stream: Stream, pipe: BorrowedFd<'_>, most: usize) -> Option<Spliced> {
        use rustix::pipe::{SpliceFlags, splice};

        self.make_room(ROOM_TO_SPLICE);
        let segment = self.segment.as_ref().filter(|segment| segment.identity.is_some())?;
        let room = self.room(segment).unwrap_or(u64::MAX).max(ROOM_TO_SPLICE);
        let most = usize::try_from(room).map_or(most, |room| room.min(most));
        let file = Arc::clone(&segment.log);
        let len = splice(pipe, None, &file, None, most, SpliceFlags::NONBLOCK | SpliceFlags::MOVE).ok()?;
        let end = segment.len + len as u64;
        let mut last = [b'\n'];
        // It was written this instant; if it is gone already, so is the line.
        let _ = file.read_exact_at(&mut last, end.saturating_sub(1));
        self.tell(stream, len, last == *b"\n");
        (len > 0).then_some(Spliced { file, end, len })
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn splice(&mut self, _stream: Stream, _pipe: BorrowedFd<'_>, _most: usize) -> Option<Spliced> {
        None
    }

    /// Begins a new segment if so many bytes more would be too much for this one.
    fn make_room(&mut self, bytes: u64) {
        // A failure is reported by the write that comes next.
        let _ = self.opened();
        let Some(segment) = self.segment.as_ref().filter(|segment| segment.identity.is_some()) else { return };
        if segment.len > 0 && self.room(segment).is_some_and(|room| room < bytes) {
            // A segment that is too long is better than a loss.
            if let Err(error) = self.store.rotate() {
                tracing::warn!(path = %self.store.path().display(), %error, "a full log can't be put aside");
            }
            self.segment = None;
        }
    }

    /// How many more bytes go into the segment; none if there is no limit.
    fn room(&self, segment: &Segment) -> Option<u64> {
        self.store.room(segment.len, segment.index.as_ref().map_or(0, IndexWriter::len))
    }

    /// Tells the index what has been written.
    fn tell(&mut self, stream: Stream, len: usize, ends_line: bool) {
        let Some(segment) = self.segment.as_mut().filter(|_| len > 0) else { return };
        let continues = std::mem::replace(&mut self.within_line[stream as usize], !ends_line);
        let (offset, at, run) = (segment.len, Timestamp::now(), self.run);
        segment.len += len as u64;
        let Some(index) = &mut segment.index else { return };
        let len = u32::try_from(len).expect("a batch is smaller than 4 GiB");
        if let Err(error) = index.add(Record { offset, len, at, run, stream, continues }) {
            tracing::debug!(path = %self.store.index_path().display(), %error, "a record of the log's index is lost");
        }
    }

    fn opened(&mut self) -> io::Result<&mut Segment> {
        match &mut self.segment {
            Some(segment) => Ok(segment),
            missing @ None => Ok(missing.insert(Segment::open(&self.store)?)),
        }
    }
}

impl Segment {
    fn open(store: &Store) -> io::Result<Self> {
        let path = store.path();
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        // The index first: a log is not seen without it.
        drop(Self::open_index(store));
        let log = File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        let metadata = log.metadata()?;
        let mut segment = Self { log: Arc::new(log), identity: None, len: 0, index: None };
        if metadata.is_file() {
            segment.identity = Some(Identity::from(&metadata));
            segment.resume(metadata.len(), store)?;
        }
        Ok(segment)
    }

    /// Goes on at the end of the file, with an index that says nothing beyond it.
    fn resume(&mut self, len: u64, store: &Store) -> io::Result<()> {
        (&*self.log).seek(SeekFrom::Start(len))?;
        self.len = len;
        // A log without an index is better than none.
        self.index = Self::open_index(store).and_then(|file| IndexWriter::resume(file, len)).ok();
        Ok(())
    }

    fn open_index(store: &Store) -> io::Result<File> {
        File::options().read(true).write(true).create(true).truncate(false).open(store.index_path())
    }
}
