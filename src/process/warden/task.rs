//! The warden as a task of the supervisor: carries orders and reports, and cleans up after a warden that died. That is
//! the one case in which the supervisor kills by itself.

use std::future::pending;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;

use rustix::process::{Signal as RawSignal, kill_process};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::KILLED_MAY_TAKE;
use super::cgroup::Claim;
use super::client::{Outgoing, WardenLink};
use super::orphans::Children;
use super::protocol::{Inbox, send};
use crate::kernel::Containment;
use crate::process::{proc, reason_of};
use crate::supervisor::RunContext;
use crate::supervisor::engine::ExitReason;

/// Follows the warden while it lives, and kills what it leaves behind.
#[derive(Debug)]
pub(crate) struct WardenTask {
    pub(super) children: Children,
    pub(super) socket: StdStream,
    pub(super) orders: mpsc::Receiver<Outgoing>,
    pub(super) shared: Arc<WardenLink>,
    /// The cgroup in which the warden creates those of the runs.
    pub(super) claim: Option<Claim>,
}

impl WardenTask {
    /// How the descendants of tasks are contained.
    pub(crate) fn containment(&self) -> Containment {
        match &self.claim {
            Some(_) => Containment::Cgroup,
            None if proc::is_there() => Containment::Subreaper,
            None => Containment::ProcessGroup,
        }
    }

    /// Runs until the warden ends, and kills what it left behind.
    pub(crate) async fn run(self, context: RunContext) -> ExitReason {
        let Self { children, socket, mut orders, shared, claim } = self;
        let pid = children.warden.as_raw_nonzero().get().unsigned_abs();
        context.started(Some(pid), None).await;
        let result = Self::follow(children, socket, &mut orders, &shared, &context).await;
        // In this order: an order that was still accepted must learn that the warden is gone.
        orders.close();
        shared.close();
        drop(claim);
        match result {
            Ok(status) => reason_of(status),
            Err(error) => ExitReason::Error { message: format!("it can't be reached: {error}") },
        }
    }

    /// Opens no descriptor: tasks that start at the same time may have used them all.
    async fn follow(
        children: Children,
        socket: StdStream,
        orders: &mut mpsc::Receiver<Outgoing>,
        shared: &WardenLink,
        context: &RunContext,
    ) -> io::Result<ExitStatus> {
        let mut child_ended = signal(SignalKind::child())?;
        let socket = UnixStream::from_std(socket)?;
        let status = {
            let mut receive_reports = pin!(receive_reports(&socket, shared));
            let mut ended = pin!(children.ended(&mut child_ended));
            let asked = async {
                context.ending().await;
                // The warden ends when its socket is closed for reading. Its last reports are still received.
                let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Write);
                pending::<()>().await;
            };
            tokio::select! {
                status = &mut ended => {
                    let _ = timeout(KILLED_MAY_TAKE, &mut receive_reports).await;
                    status
                }
                () = &mut receive_reports => match timeout(KILLED_MAY_TAKE, &mut ended).await {
                    Ok(status) => status,
                    Err(_) => {
                        let _ = kill_process(children.warden, RawSignal::KILL);
                        ended.await
                    }
                },
                () = send_orders(&socket, orders) => unreachable!("it waits for ever"),
                () = asked => unreachable!("it waits for ever"),
            }
        };
        if children.adopts {
            let _ = timeout(KILLED_MAY_TAKE, children.kill_what_is_left(&mut child_ended)).await;
        }
        Ok(status)
    }
}

/// Receives reports until there are no more.
async fn receive_reports(socket: &UnixStream, shared: &WardenLink) {
    let mut inbox = Inbox::default();
    while let Ok(true) = socket.async_io(Interest::READABLE, || inbox.receive(socket)).await {
        loop {
            match inbox.next() {
                Ok(Some(report)) => shared.take(report),
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "the warden says what can't be understood");
                    return;
                }
            }
        }
    }
}

/// Sends orders as they come. Never returns, even once the warden is gone.
async fn send_orders(socket: &UnixStream, orders: &mut mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { frame, stdio }) = orders.recv().await {
        let mut fds: Vec<BorrowedFd<'_>> = stdio.iter().flatten().map(AsFd::as_fd).collect();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let Ok(sent) = socket.async_io(Interest::WRITABLE, || send(socket, rest, &fds)).await else {
                return pending().await;
            };
            // The descriptors travel with the first byte.
            fds.clear();
            rest = &rest[sent..];
        }
    }
    pending().await
}
