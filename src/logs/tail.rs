//! For each task the last lines it wrote, in bounded memory, for the screen.
//!
//! What is written waits in a short backlog and is cut into lines when they are read. Of a flood the backlog only
//! knows where it is in the log: it is read there on demand.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::Timestamp;
use memchr::memchr_iter;
use tokio::sync::watch;

use super::grown::GrownLogs;
use super::id::LineId;
use super::line::{LineLimits, LogLine};
use super::line_splitter::LineSplitter;
use super::origin::{OutputStream, RunKey};

/// Lines that are kept per task.
pub const TAIL_LINES: usize = 2_000;
/// Bytes that are kept per task, over all its lines.
pub const TAIL_BYTES: usize = 512 * 1024;
/// Bytes per task that may wait to be cut into lines. Without its oldest chunk it still fills the tail, so that a
/// flood is never cut if no one reads it.
const TAIL_BACKLOG_BYTES: usize = 2 * TAIL_BYTES;
/// Pieces of output per task that may wait to be cut into lines: a small one takes memory, too.
const BACKLOG_CHUNKS: usize = 1_024;
/// The most that is in one of them.
const CHUNK_BYTES: usize = 64 * 1024;

/// The tails of all tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogHub {
    tails: Arc<Mutex<BTreeMap<String, LogTail>>>,
    grown: Arc<OnceLock<Arc<GrownLogs>>>,
    /// Counts the losses of all.
    losses: watch::Sender<u64>,
}

impl Default for LogHub {
    fn default() -> Self {
        Self { tails: Arc::default(), grown: Arc::default(), losses: watch::channel(0).0 }
    }
}

impl LogHub {
    /// The tail of a task; made empty at the first call.
    #[must_use]
    pub fn tail(&self, task: &str) -> LogTail {
        let mut tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        let new = || LogTail::new(task, Arc::clone(&self.grown), self.losses.clone());
        tails.entry(task.to_owned()).or_insert_with(new).clone()
    }

    /// Which tasks have written, for the one reader that follows all of them. Every task has when this is called first:
    /// what was written before was not noted.
    pub(crate) fn grown(&self) -> Arc<GrownLogs> {
        let all = || {
            let grown = GrownLogs::default();
            let tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
            tails.values().for_each(|tail| grown.add(&tail.task));
            Arc::new(grown)
        };
        Arc::clone(self.grown.get_or_init(all))
    }

    /// The bytes that could not be kept in log files, by task; those of which nothing was lost are not among them.
    pub(crate) fn losses(&self) -> BTreeMap<String, u64> {
        let tails = self.tails.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = tails.iter().map(|(task, tail)| (task.clone(), tail.lost_bytes()));
        lost.filter(|(_, bytes)| *bytes > 0).collect()
    }

    /// A way to wait until more is lost.
    pub(crate) fn watch_losses(&self) -> watch::Receiver<u64> {
        self.losses.subscribe()
    }

    /// Sets what another process that writes the logs has lost.
    pub(crate) fn set_losses(&self, losses: &BTreeMap<String, u64>) {
        for (task, bytes) in losses {
            let tail = self.tail(task);
            tail.lock().counts.lost_bytes = *bytes;
            tail.tell();
        }
    }

    /// Lets go of the tails of other tasks. What they wrote stays on disk.
    pub(crate) fn retain(&self, is_wanted: impl Fn(&str) -> bool) {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner).retain(|task, _| is_wanted(task));
    }

    /// The tail of a task that has one.
    pub(crate) fn existing_tail(&self, task: &str) -> Option<LogTail> {
        self.tails.lock().unwrap_or_else(PoisonError::into_inner).get(task).cloned()
    }
}

/// How much a task has written since the supervisor started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogCounts {
    /// Bytes, lost ones included.
    pub bytes: u64,
    /// Lines that have ended.
    pub lines: u64,
    /// Bytes that could not be kept in the log file.
    pub lost_bytes: u64,
}

/// The last lines of one task. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogTail {
    task: Arc<str>,
    lines: Arc<Mutex<TailState>>,
    changed: watch::Sender<u64>,
    /// Where it is noted that it has changed, once a reader follows all of them.
    grown: Arc<OnceLock<Arc<GrownLogs>>>,
    losses: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct TailState {
    counts: LogCounts,
    /// The number of the last line that ended before the backlog.
    last: u64,
    /// The number of the last line before the log could not be written, while it can't.
    losing_since: Option<u64>,
    bytes: usize,
    kept: VecDeque<Arc<LogLine>>,
    /// The numbers of those that are in no log file.
    unwritten: BTreeSet<u64>,
    /// What each stream has written of a line without an end yet, the backlog aside.
    cutters: [Option<LineSplitter>; 2],
    backlog: Backlog,
}

/// What was written and is not cut into lines yet.
#[derive(Debug, Default)]
struct Backlog {
    bytes: usize,
    /// Line ends in it.
    ends: usize,
    chunks: VecDeque<Chunk>,
}

/// Something written, in one piece.
#[derive(Debug)]
struct Chunk {
    run: RunKey,
    stream: OutputStream,
    at: Timestamp,
    /// Line ends in it.
    ends: usize,
    text: ChunkBytes,
}

#[derive(Debug)]
enum ChunkBytes {
    Here(Vec<u8>),
    /// Only in a log file.
    InFile {
        file: Arc<File>,
        offset: u64,
        len: usize,
        has_end: bool,
    },
}

impl Default for LogTail {
    fn default() -> Self {
        Self::new("", Arc::default(), watch::channel(0).0)
    }
}

impl LogTail {
    /// An empty one.
    fn new(task: &str, grown: Arc<OnceLock<Arc<GrownLogs>>>, losses: watch::Sender<u64>) -> Self {
        Self { task: task.into(), lines: Arc::default(), changed: watch::channel(0).0, grown, losses }
    }

    /// Splits what one run of the task writes into lines in which something is searched for.
    pub(crate) fn searching(&self, run: RunKey, stream: OutputStream) -> LineSplitter {
        LineSplitter::new(Arc::clone(&self.task), run, stream, LineLimits::DATA)
    }

    /// The lines that are kept, oldest first; unfinished lines come last.
    #[must_use]
    pub fn lines(&self) -> Vec<Arc<LogLine>> {
        let lines = self.cut();
        lines.kept.iter().cloned().chain(lines.partial()).collect()
    }

    /// The newest line, finished or not.
    #[must_use]
    pub fn last(&self) -> Option<Arc<LogLine>> {
        let lines = self.cut();
        lines.partial().next().or_else(|| lines.kept.back().cloned())
    }

    /// How many lines have finished, and those of them that come after line `number` and are kept, oldest first.
    #[must_use]
    pub fn finished_after(&self, number: u64) -> (u64, Vec<Arc<LogLine>>) {
        let lines = self.cut();
        let seen = lines.kept.partition_point(|line| line.id.offset <= number);
        (lines.last, lines.kept.range(seen..).cloned().collect())
    }

    /// Of the lines that are kept those that are in no log file, while it can't be written; unfinished lines come last.
    /// While it can, those of stead's own that come after all that the task has written.
    #[must_use]
    pub fn unwritten(&self) -> Vec<Arc<LogLine>> {
        let state = self.lock();
        let Some(since) = state.losing_since else {
            let is_own = |line: &&Arc<LogLine>| state.unwritten.contains(&line.id.offset);
            let is_last = state.backlog.chunks.is_empty() && state.partial().next().is_none();
            let last = state.kept.iter().rev().filter(|_| is_last).take_while(is_own).cloned();
            return last.collect::<Vec<_>>().into_iter().rev().collect();
        };
        drop(state);
        let mut lines = self.lines();
        lines.retain(|line| line.id.offset > since);
        lines
    }

    /// How many lines have finished, and those of them that come after line `number`, are kept, and are in no log file.
    pub(crate) fn unwritten_after(&self, number: u64) -> (u64, Vec<Arc<LogLine>>) {
        let lines = self.lock();
        if lines.losing_since.is_none() && lines.unwritten.range(number + 1..).next().is_none() {
            return (lines.last, Vec::new());
        }
        drop(lines);
        let lines = self.cut();
        let unwritten = |line: &&Arc<LogLine>| line.id.offset > number && lines.unwritten.contains(&line.id.offset);
        (lines.last, lines.kept.iter().filter(unwritten).cloned().collect())
    }

    /// A way to wait for the next change; the value counts them.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Bytes that were written by the task but could not be kept in its log file.
    #[must_use]
    pub fn lost_bytes(&self) -> u64 {
        self.counts().lost_bytes
    }

    /// How much was written in all.
    #[must_use]
    pub fn counts(&self) -> LogCounts {
        self.lock().counts
    }

    /// Adds what a run wrote to one of its outputs.
    pub(crate) fn write(&self, run: RunKey, stream: OutputStream, bytes: &[u8]) {
        let at = Timestamp::now();
        for bytes in bytes.chunks(CHUNK_BYTES) {
            let ends = memchr_iter(b'\n', bytes).count();
            self.push(Chunk { run, stream, at, ends, text: ChunkBytes::Here(bytes.to_vec()) });
        }
        self.tell();
    }

    /// Adds what a run wrote to one of its outputs and what is in a log file now.
    pub(crate) fn write_in_file(&self, run: RunKey, stream: OutputStream, bytes: &[u8], file: Arc<File>, offset: u64) {
        let ends = memchr_iter(b'\n', bytes).count();
        let text = ChunkBytes::InFile { file, offset, len: bytes.len(), has_end: bytes.ends_with(b"\n") };
        self.push(Chunk { run, stream, at: Timestamp::now(), ends, text });
        self.tell();
    }

    fn push(&self, chunk: Chunk) {
        let mut lines = self.lock();
        lines.counts.bytes += chunk.len() as u64;
        lines.counts.lines += chunk.ends as u64;
        lines.backlog.push(chunk);
        lines.cut_backlog(&self.task, TAIL_BACKLOG_BYTES, BACKLOG_CHUNKS);
    }

    /// Ends the lines that a run has left without an end.
    pub(crate) fn finish(&self) {
        let mut lines = self.cut();
        lines.finish(OutputStream::Stdout);
        lines.finish(OutputStream::Stderr);
        drop(lines);
        self.tell();
    }

    /// Whether what waits to be cut into lines can be cut without waiting for a disk.
    pub(crate) fn is_in_memory(&self) -> bool {
        self.lock().backlog.chunks.iter().all(|chunk| matches!(chunk.text, ChunkBytes::Here(_)))
    }

    /// Adds a line of stead's own.
    pub(crate) fn note(&self, run: RunKey, text: String) {
        let line = LogLine::new(&self.task, Timestamp::now(), run, OutputStream::Stderr);
        let mut lines = self.cut();
        lines.push(LogLine { bytes: text.into(), ..line });
        let number = lines.last;
        lines.unwritten.insert(number);
        drop(lines);
        self.tell();
    }

    /// Counts bytes that are lost to the log file, before they are added here.
    pub(crate) fn lose(&self, bytes: u64) {
        let mut lines = self.lock();
        lines.counts.lost_bytes += bytes;
        if lines.losing_since.is_none() {
            lines.cut_backlog(&self.task, 0, 0);
            lines.losing_since = Some(lines.last);
        }
        drop(lines);
        self.losses.send_modify(|count| *count += 1);
        self.tell();
    }

    /// Hears that the log file is written again.
    pub(crate) fn regain(&self) {
        self.cut().losing_since = None;
        self.tell();
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count += 1);
        if let Some(grown) = self.grown.get() {
            grown.add(&self.task);
        }
    }

    fn lock(&self) -> MutexGuard<'_, TailState> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that was written, as lines.
    fn cut(&self) -> MutexGuard<'_, TailState> {
        let mut lines = self.lock();
        lines.cut_backlog(&self.task, 0, 0);
        lines
    }
}

impl Backlog {
    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.len();
        self.ends += chunk.ends;
        self.chunks.push_back(chunk);
    }

    /// The oldest chunk, if there is more than this.
    fn pop_above(&mut self, bytes: usize, chunks: usize) -> Option<Chunk> {
        if self.bytes <= bytes && self.chunks.len() <= chunks {
            return None;
        }
        let chunk = self.chunks.pop_front()?;
        self.bytes -= chunk.len();
        self.ends -= chunk.ends;
        Some(chunk)
    }

    /// Whether it fills a tail alone: what came before it need not be made into lines.
    fn fills_a_tail(&self) -> bool {
        self.ends >= TAIL_LINES || self.bytes >= TAIL_BYTES
    }
}

impl Chunk {
    fn len(&self) -> usize {
        match &self.text {
            ChunkBytes::Here(bytes) => bytes.len(),
            ChunkBytes::InFile { len, .. } => *len,
        }
    }
}

impl ChunkBytes {
    /// The bytes; none if the file was cut short.
    fn read(self) -> Option<Vec<u8>> {
        match self {
            Self::Here(bytes) => Some(bytes),
            Self::InFile { file, offset, len, .. } => {
                let mut bytes = vec![0; len];
                file.read_exact_at(&mut bytes, offset).ok().map(|()| bytes)
            }
        }
    }
}

impl TailState {
    /// Cuts the oldest of the backlog into lines until no more of it is left than this.
    fn cut_backlog(&mut self, task: &Arc<str>, bytes: usize, chunks: usize) {
        while let Some(chunk) = self.backlog.pop_above(bytes, chunks) {
            let Chunk { run, stream, at, ends, text } = chunk;
            // What is left of the last run goes before the next.
            if self.cutters[stream as usize].as_ref().is_some_and(|cutter| cutter.run() != run) {
                self.finish(stream);
            }
            let is_seen = !self.backlog.fills_a_tail();
            let cutter = self.cutters[stream as usize]
                .get_or_insert_with(|| LineSplitter::new(Arc::clone(task), run, stream, LineLimits::SCREEN));
            match text {
                // Lines that will not be shown are counted and never made.
                ChunkBytes::Here(bytes) if !is_seen => {
                    cutter.skip(&bytes, at);
                    self.pass(ends);
                }
                // A line so long that it has no end here must not lose its beginning.
                ChunkBytes::InFile { has_end, .. } if !is_seen && ends > 0 => {
                    cutter.miss(has_end, at);
                    self.pass(ends);
                }
                text => {
                    let finished = text.read().map(|bytes| cutter.feed(&bytes, at)).unwrap_or_default();
                    finished.into_iter().for_each(|line| self.push(line));
                }
            }
        }
    }

    /// So many lines are carried past, and all that came before them.
    fn pass(&mut self, ends: usize) {
        if ends > 0 {
            self.last += ends as u64;
            self.kept.clear();
            self.unwritten.clear();
            self.bytes = 0;
        }
    }

    fn push(&mut self, mut line: LogLine) {
        self.last += 1;
        line.id = LineId::unwritten(line.at, self.last);
        self.bytes += line.bytes.len();
        self.kept.push_back(Arc::new(line));
        if self.losing_since.is_some() {
            self.unwritten.insert(self.last);
        }
        while self.kept.len() > TAIL_LINES || self.bytes > TAIL_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
            self.unwritten.remove(&oldest.id.offset);
        }
    }

    /// Ends the line that a stream has left without an end.
    fn finish(&mut self, stream: OutputStream) {
        if let Some(line) = self.cutters[stream as usize].take().and_then(|mut cutter| cutter.finish()) {
            self.push(line);
        }
    }

    /// The lines without an end yet.
    fn partial(&self) -> impl Iterator<Item = Arc<LogLine>> {
        let number = self.last + 1;
        let partial = self.cutters.iter().flatten().filter_map(LineSplitter::partial);
        partial.map(move |line| Arc::new(LogLine { id: LineId::unwritten(line.at, number), ..line }))
    }
}

#[cfg(test)]
mod tests;
