//! What a run writes: from its pipes (or its terminal) to its log file and to the tail on the screen.
//!
//! The runtime only waits until there is something to read; reading, writing and cutting into lines are done on a
//! blocking thread, in turns of bounded length. A slow disk holds up the task that writes to it and nobody else, an
//! idle task holds no buffer, and memory is bounded by one batch per busy task.

use std::io;
use std::os::fd::OwnedFd;
use std::task::Poll;

use jiff::Timestamp;
use regex::bytes::Regex;
use rustix::buffer::spare_capacity;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::log_file::{LogFile, Loss};
use super::start_failure::cause;
use super::sys;
use crate::kernel::{Cutter, LogLine, LogTail, Stream, TaskScreen};

/// Read from one stream before it is written on. Not less than any pipe or terminal can hold, so that one batch of
/// each stream takes in all that was written before it began.
const BATCH_BYTES: usize = 1024 * 1024;
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
}

/// Where the bytes go.
#[derive(Debug)]
struct Sink {
    run: u64,
    file: LogFile,
    tail: LogTail,
    /// The terminal that it was written to, if it was one.
    screen: Option<TaskScreen>,
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
    pub(super) fn new(run: u64, outputs: Vec<(Stream, OwnedFd)>, file: LogFile, tail: LogTail) -> io::Result<Self> {
        let source = |(stream, fd): (Stream, OwnedFd)| {
            rustix::io::ioctl_fionbio(&fd, true)?;
            Ok(Source { fd: sys::watch(fd)?, stream })
        };
        let sources = outputs.into_iter().map(source).collect::<io::Result<_>>()?;
        Ok(Self { sources, sink: Sink { run, file, tail, screen: None, losing: 0, search: None } })
    }

    /// Shows what is captured on a terminal's screen, too.
    pub(super) fn show_on(&mut self, screen: TaskScreen) {
        self.sink.screen = Some(screen);
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
        let mut batch = Vec::with_capacity(BATCH_BYTES);
        for _ in 0..TURN_BATCHES {
            let mut more = false;
            let sink = &mut self.sink;
            self.sources.retain_mut(|source| {
                batch.clear();
                let rest = source.read(&mut batch, last);
                sink.take(source.stream, &batch);
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
    /// Fills `batch`. Under a flood one batch is not the end of it, so the caller decides when to stop.
    fn read(&self, batch: &mut Vec<u8>, last: bool) -> Rest {
        while batch.len() < batch.capacity() {
            let mut read = |fd: &OwnedFd| Ok(rustix::io::read(fd, spare_capacity(batch))?);
            // At the end the pipe itself is asked: the runtime may not have heard yet that there is something.
            let got = if last { read(self.fd.get_ref()) } else { self.fd.try_io(Interest::READABLE, read) };
            match got {
                Ok(0) => return Rest::Ended,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Rest::Dry,
                // A terminal that nobody has open any more answers EIO.
                Err(_) => return Rest::Ended,
            }
        }
        Rest::More
    }
}

impl Sink {
    fn take(&mut self, stream: Stream, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.file.write(bytes) {
            Ok(()) => self.recovered(),
            Err(loss) => self.lost(&loss),
        }
        self.tail.write(self.run, stream, bytes);
        if let Some(screen) = &self.screen {
            screen.write(bytes);
        }
        for chunk in bytes.chunks(SEARCHED_BYTES) {
            self.search_in(|cutters| cutters[stream as usize].feed(chunk, Timestamp::now()));
        }
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

/// What a line says to a reader.
fn without_escapes(line: &[u8]) -> String {
    #[derive(Default)]
    struct Printed(String);

    impl vte::Perform for Printed {
        fn print(&mut self, letter: char) {
            self.0.push(letter);
        }

        fn execute(&mut self, control: u8) {
            if control == b'\t' {
                self.0.push('\t');
            }
        }
    }

    let mut printed = Printed::default();
    vte::Parser::new().advance(&mut printed, line);
    printed.0
}
