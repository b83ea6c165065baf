//! The signals that end the supervisor, or have it read its configuration anew.
//!
//! The streams are made once and kept: one that is made anew in a loop loses what arrives in between.
//! Whether SIGHUP drains or reloads is decided at the start, by whether there is a controlling terminal: once it is
//! closed, that is unknown.

use std::fs::File;
use std::io;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Wrappers such as `timeout` signal both the process and its group, so one request arrives twice within
/// moments. What comes so soon after another is that echo, and no second wish.
const ECHO: Duration = Duration::from_millis(20);

/// Whether this process has a terminal that can be closed on it.
pub(super) fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// The streams of the three signals that ask for something.
#[derive(Debug)]
pub(super) struct SignalListener {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    last: Option<Instant>,
}

/// One of them arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceivedSignal {
    Interrupt,
    Terminate,
    /// The terminal was closed; without one, it asks for a reload.
    Hangup,
}

impl ReceivedSignal {
    /// The name that stands as the origin of what it asks for.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

impl SignalListener {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            last: None,
        })
    }

    /// The next signal that is no echo. Cancel safe: none is lost.
    pub(super) async fn next(&mut self) -> ReceivedSignal {
        loop {
            let received = self.receive().await;
            let now = Instant::now();
            if self.last.is_none_or(|last| now.duration_since(last) > ECHO) {
                self.last = Some(now);
                return received;
            }
        }
    }

    async fn receive(&mut self) -> ReceivedSignal {
        tokio::select! {
            Some(()) = self.interrupt.recv() => ReceivedSignal::Interrupt,
            Some(()) = self.terminate.recv() => ReceivedSignal::Terminate,
            Some(()) = self.hangup.recv() => ReceivedSignal::Hangup,
            else => std::future::pending().await,
        }
    }
}
