//! What a run writes: from its pipes (or its terminal) to its log file and to the tail on the screen.
//!
//! The runtime only waits until there is something to read; reading and writing are done on a blocking thread, in
//! turns of bounded length. A flood from a pipe is moved to the file within the kernel and is never read, unless
//! somebody looks at it there. A slow disk holds up the task that writes to it and nobody else, an idle task holds no
//! buffer, and memory is bounded by one buffer per busy task.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::Poll;

use jiff::Timestamp;
use regex::bytes::Regex;
use rustix::buffer::spare_capacity;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::start_failure::cause;
use super::sys;
use crate::kernel::logs::{Cutter, Loss, Store, Writer, without_escapes};
use crate::kernel::{LogLine, LogTail, Stream};

/// Moved from one stream before the other has its turn. Not less than any pipe or terminal can hold, so that one
/// batch of each stream takes in all that was written before it began.
const BATCH_BYTES: usize = 1024 * 1024;
/// Read at once. Who fills this may be flooding: the rest of what it writes need not be read.
const READ_BYTES: usize = 64 * 1024;
/// Batches of each stream in one turn on a blocking thread, under a flood.
const TURN_BATCHES: usize = 16;
/// While lines are searched, they are made from chunks of this size, so that many short ones take little memory.
const SEARCHED_BYTES: usize = 16 * 1024;

/// The capture of one run.
#[derive(Debug)]
pub(super) struct Output {
    sources: Vec<Source>,
    sink: Sink,
}

#[derive(Debug)]
struct Source {
    fd: AsyncFd<OwnedFd>,
    stream: Stream,
    /// Whether the last read filled its buffer.
    is_flooding: bool,
}

/// Where the bytes go.
#[derive(Debug)]
struct Sink {
    run: u64,
    log: Writer,
    tail: LogTail,
    /// Bytes lost since the file could last be written.
    losing: u64,
    search: Option<Search>,
}

/// A line that is waited for.
#[derive(Debug)]
struct Search {
    pattern: Regex,
    cutters: [Cutter; 2],
    found: oneshot::Sender<String>,
}

/// What a batch says about the rest of its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rest {
    /// There may be more.
    More,
    /// There is nothing now.
    Dry,
    /// There will be nothing any more.
    Ended,
}

impl Output {
    /// Prepares to read `outputs`.
    ///
    /// # Errors
    ///
    /// The runtime can't wait for them.
    pub(super) fn new(run: u64, outputs: Vec<(Stream, OwnedFd)>, store: Store, tail: LogTail) -> io::Result<Self> {
        let source = |(stream, fd): (Stream, OwnedFd)| {
            rustix::io::ioctl_fionbio(&fd, true)?;
            Ok(Source { fd: sys::watch(fd)?, stream, is_flooding: false })
        };
        let sources = outputs.into_iter().map(source).collect::<io::Result<_>>()?;
        let log = Writer::new(store, run);
        Ok(Self { sources, sink: Sink { run, log, tail, losing: 0, search: None } })
    }

    /// Resolves with the first line that matches, without its escape sequences. Never, if there is none.
    pub(super) fn search(&mut self, pattern: Regex) -> oneshot::Receiver<String> {
        let (found, matched) = oneshot::channel();
        let cutters = [Stream::Stdout, Stream::Stderr].map(|stream| Cutter::new(self.sink.run, stream));
        self.sink.search = Some(Search { pattern, cutters, found });
        matched
    }

    /// Captures until both streams have ended, or until `over` is cancelled and all that was written before that
    /// is read: somebody outside the run may hold a pipe open for ever.
    pub(super) async fn capture(mut self, over: CancellationToken) {
        while !self.sources.is_empty() {
            let last = over.run_until_cancelled(self.readable()).await.is_none();
            let turn = spawn_blocking(move || {
                self.turn(last);
                self
            });
            // Only the end of the runtime takes a turn away.
            let Ok(output) = turn.await else { return };
            self = output;
        }
        self.sink.finish();
    }

    async fn readable(&self) {
        std::future::poll_fn(|context| {
            let ready = |source: &Source| source.fd.poll_read_ready(context).is_ready();
            // Every one is asked: asking is what registers the wake-up.
            if self.sources.iter().map(ready).fold(false, |any, ready| any | ready) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Moves what there is, a bounded number of batches at a time; all that is left, if it is the last turn.
    fn turn(&mut self, last: bool) {
        let mut buffer = Vec::with_capacity(READ_BYTES);
        self.sink.log.look();
        for _ in 0..TURN_BATCHES {
            let mut more = false;
            let sink = &mut self.sink;
            self.sources.retain_mut(|source| {
                let rest = source.batch(sink, &mut buffer, last);
                more |= rest == Rest::More;
                !last && rest != Rest::Ended
            });
            if !more {
                break;
            }
        }
    }
}

impl Source {
    /// Moves a batch. Under a flood that is not the end of it, so the caller decides when to stop.
    fn batch(&mut self, sink: &mut Sink, buffer: &mut Vec<u8>, last: bool) -> Rest {
        let mut moved = 0;
        while moved < BATCH_BYTES {
            if self.is_flooding
                && let Some(len) = sink.splice(self, BATCH_BYTES - moved)
            {
                moved += len;
                continue;
            }
            buffer.clear();
            let rest = self.read(buffer, last);
            if rest != Rest::More {
                return rest;
            }
            self.is_flooding = buffer.len() == buffer.capacity();
            sink.take(self.stream, buffer);
            moved += buffer.len();
        }
        Rest::More
    }

    /// Reads once.
    fn read(&self, buffer: &mut Vec<u8>, last: bool) -> Rest {
        loop {
            let mut read = |fd: &OwnedFd| Ok(rustix::io::read(fd, spare_capacity(buffer))?);
            // At the end the pipe itself is asked: the runtime may not have heard yet that there is something.
            let got = if last { read(self.fd.get_ref()) } else { self.fd.try_io(Interest::READABLE, read) };
            return match got {
                Ok(0) => Rest::Ended,
                Ok(_) => Rest::More,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Rest::Dry,
                // A terminal that nobody has open any more answers EIO.
                Err(_) => Rest::Ended,
            };
        }
    }
}

impl Sink {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        match self.log.write(stream, bytes) {
            Ok(()) => self.recovered(),
            Err(loss) => self.lost(&loss),
        }
        self.tail.write(self.run, stream, bytes);
        for chunk in bytes.chunks(SEARCHED_BYTES) {
            self.search_in(|cutters| cutters[stream as usize].feed(chunk, Timestamp::now()));
        }
    }

    /// Moves bytes to the log that nobody needs to see now. None if there are none, or it can't be done.
    fn splice(&mut self, source: &Source, most: usize) -> Option<usize> {
        // A line that is waited for may be in them.
        if self.search.is_some() {
            return None;
        }
        let spliced = self.log.splice(source.stream, source.fd.get_ref().as_fd(), most)?;
        self.recovered();
        self.tail.write_in_file(self.run, source.stream, spliced.file, spliced.end, spliced.len);
        Some(spliced.len)
    }

    /// Gives the last line of each stream the end it did not get.
    fn finish(&mut self) {
        self.tail.finish();
        self.search_in(|cutters| cutters.iter_mut().filter_map(Cutter::finish).collect());
    }

    fn search_in(&mut self, next: impl FnOnce(&mut [Cutter; 2]) -> Vec<LogLine>) {
        let Some(Search { pattern, cutters, .. }) = &mut self.search else { return };
        let lines = next(cutters);
        let mut texts = lines.iter().map(|line| without_escapes(&line.bytes));
        let Some(text) = texts.find(|text| pattern.is_match(text.as_bytes())) else { return };
        if let Some(search) = self.search.take() {
            // Nobody waits any more once the run is being stopped.
            let _ = search.found.send(text);
        }
    }

    fn lost(&mut self, loss: &Loss) {
        self.tail.lose(loss.bytes);
        if self.losing == 0 {
            self.tail.note(self.run, format!("stead: {} bytes lost: {}", loss.bytes, cause(&loss.error)));
        }
        self.losing += loss.bytes;
    }

    fn recovered(&mut self) {
        if self.losing > 0 {
            self.tail.note(self.run, format!("stead: the log is written again, {} bytes were lost", self.losing));
            self.losing = 0;
        }
    }
}
