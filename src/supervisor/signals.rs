//! The signals that end the supervisor.
//!
//! The streams are made once and kept: one that is made anew in a loop loses what arrives in between.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The streams of the three signals that ask for an end.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// One of them arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    Interrupt,
    Terminate,
    /// The terminal was closed.
    Hangup,
}

impl Received {
    /// The name that stands as the origin of what it asks for.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
            Self::Hangup => "SIGHUP",
        }
    }
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal. Cancel safe: none is lost.
    pub(super) async fn next(&mut self) -> Received {
        tokio::select! {
            Some(()) = self.interrupt.recv() => Received::Interrupt,
            Some(()) = self.terminate.recv() => Received::Terminate,
            Some(()) = self.hangup.recv() => Received::Hangup,
            else => std::future::pending().await,
        }
    }
}
