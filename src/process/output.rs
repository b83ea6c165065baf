//! Captures what a run writes: from its pipes or its terminal to its log file and the tail in memory.
//!
//! The runtime only waits until there is something to read. Reading and writing happen on blocking threads, in turns of
//! bounded length, in pieces that fit the processor's cache: splice(2) is slower, as it holds the pipe's lock while it
//! writes the file. A flood is taken off the runtime's poll, which every write would wake. A slow disk holds up only the
//! tasks that write to it, an idle task holds no buffer, and memory is bounded by one buffer per busy task.

use std::io;
use std::num::NonZero;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use jiff::Timestamp;
use regex::bytes::Regex;
use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::spawn::Outputs;
use super::start_failure::cause;
use super::sys;
use crate::logs::{
    LineSplitter, LogLine, LogLoss, LogTail, LogWriter, OutputStream, RunKey, Store, Written, without_escapes,
};
use crate::screen::TaskScreen;

/// Bytes moved from one stream before the other has its turn. Not less than any pipe or terminal can hold, so that one
/// batch of each stream takes in all that was written before the batch began.
const BATCH_BYTES: usize = 1024 * 1024;
/// Bytes read at once: a size that fits the processor's cache.
const CAPTURE_READ_BYTES: usize = 128 * 1024;
/// A batch of this size makes its stream a flood.
const FLOOD_BYTES: usize = 256 * 1024;
/// From this size on, the tail refers to the bytes in the file instead of copying them.
const LEFT_IN_FILE_BYTES: usize = 16 * 1024;
/// Batches of each stream in one turn on a blocking thread, under a flood.
const TURN_BATCHES: usize = 64;
/// How long a flood may pause before the runtime watches its stream again.
const FLOOD_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
/// `ready.log` searches chunks of this size, so that many short lines take little memory.
const SEARCHED_BYTES: usize = 16 * 1024;

/// The capture of one run.
#[derive(Debug)]
pub(super) struct OutputCapture {
    sources: Vec<Source>,
    /// Where those come from that are added later.
    late: Option<oneshot::Receiver<Outputs>>,
    sink: Sink,
}

/// Adds further outputs to a capture, once.
#[derive(Debug)]
pub(super) struct LateOutputs(oneshot::Sender<Outputs>);

#[derive(Debug)]
struct Source {
    end: ReadingEnd,
    stream: OutputStream,
}

/// The reading end of a pipe, or a terminal.
#[derive(Debug)]
enum ReadingEnd {
    /// The runtime reports when there is something to read.
    Watched(AsyncFd<OwnedFd>),
    /// Read continuously on a blocking thread.
    Flooding(OwnedFd),
}

/// Where the bytes go.
#[derive(Debug)]
struct Sink {
    run: RunKey,
    log: LogWriter,
    tail: LogTail,
    /// The screen of the task's terminal, if it has one.
    screen: Option<TaskScreen>,
    /// Bytes lost since the file could last be written.
    losing: u64,
    search: Option<LineSearch>,
}

/// The search for the line of `ready.log`.
#[derive(Debug)]
struct LineSearch {
    pattern: Regex,
    splitters: [LineSplitter; 2],
    found: oneshot::Sender<String>,
}

/// The state of a stream after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// There may be more.
    More,
    /// The stream is a flood.
    Flood,
    /// There is nothing now.
    Dry,
    /// The stream has ended.
    Ended,
}

impl OutputCapture {
    /// Prepares to read `outputs`.
    ///
    /// # Errors
    ///
    /// The runtime can't watch them.
    pub(super) fn new(run: u64, outputs: Outputs, store: Store, tail: LogTail) -> io::Result<Self> {
        let sources = outputs.into_iter().map(Source::new).collect::<io::Result<_>>()?;
        let (run, log) = (store.run(run), LogWriter::new(store, run));
        Ok(Self { sources, late: None, sink: Sink { run, log, tail, screen: None, losing: 0, search: None } })
    }

    /// Shows the output on a terminal's screen, too.
    pub(super) fn show_on(&mut self, screen: TaskScreen) {
        self.sink.screen = Some(screen);
    }

    /// Resolves with the first line that matches, without its escape sequences; never, if there is none.
    pub(super) fn search(&mut self, pattern: Regex) -> oneshot::Receiver<String> {
        let (found, matched) = oneshot::channel();
        let (run, tail) = (self.sink.run, &self.sink.tail);
        let splitters = [OutputStream::Stdout, OutputStream::Stderr].map(|stream| tail.searching(run, stream));
        self.sink.search = Some(LineSearch { pattern, splitters, found });
        matched
    }

    /// A way to add outputs while it captures. As long as it is there the capture goes on.
    pub(super) fn late_outputs(&mut self) -> LateOutputs {
        let (sender, late) = oneshot::channel();
        self.late = Some(late);
        LateOutputs(sender)
    }

    /// Captures until all streams have ended, or until `over` is cancelled and all that was written before that is
    /// read: a process outside the run may hold a pipe open for ever.
    pub(super) async fn capture(mut self, over: CancellationToken) {
        while !self.sources.is_empty() || self.late.is_some() {
            let last = over.run_until_cancelled(self.next()).await.is_none();
            self.sources.retain(|source| !source.is_over());
            if self.sources.is_empty() {
                if last {
                    break;
                }
                continue;
            }
            let permit = if self.is_flooded() && !last { Some(Floods::turn().await) } else { None };
            let over = over.clone();
            let turn = spawn_blocking(move || {
                let _permit = permit;
                if last {
                    self.last_turn();
                } else {
                    self.turn(&over);
                }
                self
            });
            // A turn is lost only when the runtime ends.
            let Ok(output) = turn.await else { return };
            self = output;
        }
        let Self { mut sink, .. } = self;
        if sink.tail.is_in_memory() {
            sink.finish();
        } else {
            // As above.
            let _ = spawn_blocking(move || sink.finish()).await;
        }
    }

    /// Waits until there is something to read, or another output.
    async fn next(&mut self) {
        let Some(mut late) = self.late.take() else { return self.readable().await };
        tokio::select! {
            outputs = &mut late => {
                // None are added if the sender is gone.
                let sources = outputs.unwrap_or_default().into_iter().map(Source::new);
                self.sources.extend(sources.filter_map(|source| {
                    source.inspect_err(|error| tracing::warn!(%error, "the output of a command can't be read")).ok()
                }));
            }
            () = self.readable() => self.late = Some(late),
        }
    }

    async fn readable(&self) {
        std::future::poll_fn(|context| {
            let ready = |source: &Source| match &source.end {
                ReadingEnd::Watched(fd) => fd.poll_read_ready(context).is_ready(),
                ReadingEnd::Flooding(_) => true,
            };
            // Every source is polled: polling is what registers the wake-up.
            if self.sources.iter().map(ready).fold(false, |any, ready| any | ready) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Moves what there is, a bounded number of batches at a time, until `over`.
    fn turn(&mut self, over: &CancellationToken) {
        let mut buffer = Vec::with_capacity(CAPTURE_READ_BYTES);
        self.sink.log.look();
        for _ in 0..TURN_BATCHES {
            let mut more = false;
            for source in std::mem::take(&mut self.sources) {
                let rest = source.batch(&mut self.sink, &mut buffer);
                more |= matches!(rest, Rest::More | Rest::Flood);
                match rest {
                    Rest::More | Rest::Dry => self.sources.push(source),
                    Rest::Flood => self.sources.push(source.flooding()),
                    Rest::Ended => {}
                }
            }
            let goes_on = more || (self.is_flooded() && !Floods::wait() && self.wait_for_more());
            if !goes_on || over.is_cancelled() {
                break;
            }
        }
    }

    /// Moves all that was written before now, and closes the streams.
    fn last_turn(&mut self) {
        let mut buffer = Vec::with_capacity(CAPTURE_READ_BYTES);
        self.sink.log.look();
        for source in std::mem::take(&mut self.sources) {
            // Reads the pipe directly: the runtime may not have been notified yet.
            source.flooding().batch(&mut self.sink, &mut buffer);
        }
    }

    fn is_flooded(&self) -> bool {
        self.sources.iter().any(Source::is_flooding)
    }

    /// Waits for a flood to go on. If it doesn't, the runtime watches the streams again.
    fn wait_for_more(&mut self) -> bool {
        let end = |source| PollFd::from_borrowed_fd(Source::fd(source), PollFlags::IN);
        let ready = poll(&mut self.sources.iter().map(end).collect::<Vec<_>>(), Some(&FLOOD_PAUSE));
        let goes_on = ready.is_ok_and(|ready| ready > 0);
        if !goes_on {
            self.sources = std::mem::take(&mut self.sources).into_iter().map(Source::watched).collect();
        }
        goes_on
    }
}

/// Limits floods to one per core at a time. More threads would mostly sleep, and the scheduler tends to wake them all
/// on one core.
struct Floods {
    turns: Semaphore,
    waiting: AtomicUsize,
}

static FLOODS: LazyLock<Floods> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    Floods { turns: Semaphore::new(cores), waiting: AtomicUsize::new(0) }
});

impl Floods {
    async fn turn() -> SemaphorePermit<'static> {
        FLOODS.waiting.fetch_add(1, Ordering::Relaxed);
        let turn = FLOODS.turns.acquire().await;
        FLOODS.waiting.fetch_sub(1, Ordering::Relaxed);
        turn.expect("it is never closed")
    }

    /// Whether another flood waits for a turn.
    fn wait() -> bool {
        FLOODS.waiting.load(Ordering::Relaxed) > 0
    }
}

impl LateOutputs {
    pub(super) fn add(self, outputs: Outputs) {
        // Without a receiver the capture has ended, and the run with it.
        let _ = self.0.send(outputs);
    }
}

impl Source {
    /// # Errors
    ///
    /// The runtime can't watch it.
    fn new((stream, fd): (OutputStream, OwnedFd)) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self { end: ReadingEnd::Watched(sys::watch(fd)?), stream })
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match &self.end {
            ReadingEnd::Watched(fd) => fd.get_ref().as_fd(),
            ReadingEnd::Flooding(fd) => fd.as_fd(),
        }
    }

    fn is_flooding(&self) -> bool {
        match self.end {
            ReadingEnd::Watched(_) => false,
            ReadingEnd::Flooding(_) => true,
        }
    }

    /// Whether the writing end is closed and everything is read. Needs no thread to tell.
    fn is_over(&self) -> bool {
        let mut end = [PollFd::from_borrowed_fd(self.fd(), PollFlags::IN)];
        poll(&mut end, Some(&Timespec::default())).is_ok() && end[0].revents() == PollFlags::HUP
    }

    fn flooding(self) -> Self {
        let end = match self.end {
            ReadingEnd::Watched(fd) => ReadingEnd::Flooding(fd.into_inner()),
            flooding @ ReadingEnd::Flooding(_) => flooding,
        };
        Self { end, ..self }
    }

    fn watched(self) -> Self {
        let end = match self.end {
            // A stream that can't be watched is polled.
            ReadingEnd::Flooding(fd) => match fd.try_clone().and_then(sys::watch) {
                Ok(watched) => ReadingEnd::Watched(watched),
                Err(_) => ReadingEnd::Flooding(fd),
            },
            watched @ ReadingEnd::Watched(_) => watched,
        };
        Self { end, ..self }
    }

    /// Moves a batch. Under a flood the batch may end before the stream is dry.
    fn batch(&self, sink: &mut Sink, buffer: &mut Vec<u8>) -> Rest {
        let mut moved = 0;
        while moved < BATCH_BYTES {
            buffer.clear();
            match self.read(buffer) {
                Rest::More | Rest::Flood => {}
                rest @ (Rest::Dry | Rest::Ended) => return rest,
            }
            sink.take(self.stream, buffer);
            moved += buffer.len();
            if moved >= FLOOD_BYTES && !self.is_flooding() {
                return Rest::Flood;
            }
        }
        Rest::More
    }

    /// Reads once.
    fn read(&self, buffer: &mut Vec<u8>) -> Rest {
        loop {
            let mut read = |fd: &OwnedFd| Ok(rustix::io::read(fd, spare_capacity(buffer))?);
            let got = match &self.end {
                ReadingEnd::Watched(fd) => fd.try_io(Interest::READABLE, read),
                ReadingEnd::Flooding(fd) => read(fd),
            };
            return match got {
                Ok(0) => Rest::Ended,
                Ok(_) => Rest::More,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Rest::Dry,
                // A terminal that no process has open answers EIO.
                Err(_) => Rest::Ended,
            };
        }
    }
}

impl Sink {
    fn take(&mut self, stream: OutputStream, bytes: &[u8]) {
        match self.log.write(stream, bytes) {
            Ok(Written { file, offset }) => {
                self.recovered();
                match bytes.len() < LEFT_IN_FILE_BYTES {
                    true => self.tail.write(self.run, stream, bytes),
                    false => self.tail.write_in_file(self.run, stream, bytes, file, offset),
                }
            }
            Err(loss) => {
                let lost = usize::try_from(loss.bytes).map_or(0, |lost| bytes.len().saturating_sub(lost));
                let (written, lost) = bytes.split_at(lost);
                self.tail.write(self.run, stream, written);
                self.lost(&loss);
                self.tail.write(self.run, stream, lost);
            }
        }
        if let Some(screen) = &self.screen {
            screen.write(bytes);
        }
        for chunk in bytes.chunks(SEARCHED_BYTES) {
            self.search_in(|splitters| splitters[stream as usize].feed(chunk, Timestamp::now()));
        }
    }

    /// Completes the last line of each stream.
    fn finish(&mut self) {
        self.tail.finish();
        self.search_in(|splitters| splitters.iter_mut().filter_map(LineSplitter::finish).collect());
    }

    fn search_in(&mut self, next: impl FnOnce(&mut [LineSplitter; 2]) -> Vec<LogLine>) {
        let Some(LineSearch { pattern, splitters, .. }) = &mut self.search else { return };
        let lines = next(splitters);
        let mut texts = lines.iter().map(|line| without_escapes(&line.bytes));
        let Some(text) = texts.find(|text| pattern.is_match(text.as_bytes())) else { return };
        if let Some(search) = self.search.take() {
            // The receiver is gone once the run is being stopped.
            let _ = search.found.send(text);
        }
    }

    fn lost(&mut self, loss: &LogLoss) {
        self.tail.lose(loss.bytes);
        if self.losing == 0 {
            self.tail.note(self.run, format!("stead: {} bytes lost: {}", loss.bytes, cause(&loss.error)));
        }
        self.losing += loss.bytes;
    }

    fn recovered(&mut self) {
        if self.losing > 0 {
            self.tail.note(self.run, format!("stead: the log is written again, {} bytes were lost", self.losing));
            self.tail.regain();
            self.losing = 0;
        }
    }
}
