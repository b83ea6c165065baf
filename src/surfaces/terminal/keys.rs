//! Reads keys and the mouse on a thread of its own.
//!
//! It waits for the terminal with a poll of its own and lets crossterm read only when there is something: crossterm
//! itself does not notice that a terminal is gone and would spin.

use std::io;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossterm::event::{self, Event};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use tokio::sync::mpsc;

/// Keys that may wait to be handled; what comes on top waits in the terminal.
const KEY_EVENTS_QUEUED: usize = 256;
/// How long crossterm may look whether what it has read makes a key.
const READ_WAIT: Duration = Duration::from_millis(1);

/// Keys are read as long as this lives.
#[derive(Debug)]
pub(super) struct Keys {
    /// What was typed; ends with an error when the terminal is gone.
    pub(super) events: mpsc::Receiver<io::Result<Event>>,
    /// The thread, and what tells it to end: the other end notices that this one is closed.
    reader: Option<(UnixStream, JoinHandle<()>)>,
}

/// Begins to read.
///
/// # Errors
///
/// When no thread or descriptor is to be had.
pub(super) fn listen() -> io::Result<Keys> {
    let (stop, stopped) = UnixStream::pair()?;
    let (sender, events) = mpsc::channel(KEY_EVENTS_QUEUED);
    let body = move || {
        if let Err(error) = read(&stopped, &sender) {
            // The receiver may be gone.
            let _ = sender.blocking_send(Err(error));
        }
    };
    let thread = thread::Builder::new().name("stead-keys".to_owned()).spawn(body)?;
    Ok(Keys { events, reader: Some((stop, thread)) })
}

impl Keys {
    /// Stops reading; what is typed from now on is for another program.
    pub(super) fn end(&mut self) {
        self.events.close();
        if let Some((stop, thread)) = self.reader.take() {
            drop(stop);
            // A panic there has been reported.
            let _ = thread.join();
        }
    }
}

fn read(stopped: &UnixStream, keys: &mpsc::Sender<io::Result<Event>>) -> io::Result<()> {
    let stdin = io::stdin();
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        if !fds[1].revents().is_empty() {
            return Ok(());
        }
        if fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the terminal is gone"));
        }
        while event::poll(READ_WAIT)? {
            if keys.blocking_send(Ok(event::read()?)).is_err() {
                return Ok(());
            }
        }
    }
}
