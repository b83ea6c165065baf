//! The supervisor's end: makes the warden, gives it orders, hands its reports to whom they concern.
//!
//! [`Warden`] is what tasks hold, [`Child`] one process with its descendants, [`Keeper`] the run of the warden itself.
//! Nothing here decides what is started or killed, but for one case: a warden that has died left its tasks to the
//! supervisor, and they are killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::future::pending;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream as StdStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::pin::pin;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal as RawSignal, WaitOptions, kill_process, wait, waitpid};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::ARGUMENT;
use super::protocol::{Exit, Fault, Id, Inbox, Order, Report, STDIO, Spawn, Whom, frame, send};
use super::trees::Promise;
use crate::config::Signal;
use crate::process::{proc, sys};
use crate::supervisor::RunContext;
use crate::supervisor::core::{Event, ExitReason, Straggler};

/// Orders that may wait for the warden. Who finds the queue full waits its turn.
const ORDERS_QUEUED: usize = 1_024;
/// How long a warden whose socket has closed may take to end, and what it left to be killed.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How long at most until what must end is looked at again, should its end not be announced.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The warden, for those who want something from it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Warden(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    orders: mpsc::Sender<Outgoing>,
    lives: Mutex<BTreeMap<Id, watch::Sender<Life>>>,
    next: AtomicU64,
    nowhere: OwnedFd,
}

/// An order as it is sent.
#[derive(Debug)]
struct Outgoing {
    frame: Vec<u8>,
    stdio: Option<[OwnedFd; STDIO]>,
}

/// What has been reported of one process and its descendants.
#[derive(Debug, Default)]
struct Life {
    start: Option<Result<u32, Fault>>,
    exit: Option<Exit>,
    left: Vec<Straggler>,
    gone: bool,
}

/// Why there is no child.
#[derive(Debug)]
pub(in crate::process) enum NoChild {
    /// The system refused.
    Fault(Fault),
    /// Its command is too long to be told.
    Untold(io::Error),
    /// The warden is gone.
    Lost,
}

/// A process that the warden made, with all its descendants. They are killed when this is dropped.
#[derive(Debug)]
pub(in crate::process) struct Child {
    id: Id,
    pid: u32,
    life: watch::Receiver<Life>,
    warden: Warden,
}

/// Sees to the warden while it lives, and to what it leaves behind.
#[derive(Debug)]
pub(crate) struct Keeper {
    pid: Pid,
    socket: StdStream,
    orders: mpsc::Receiver<Outgoing>,
    shared: Arc<Shared>,
    promise: Promise,
    /// Whether orphans become children of this process, which has no others than the warden then.
    adopts: bool,
}

impl Warden {
    /// Makes the warden from this very program, and this process the one that its orphans come to. To be called before
    /// there is any thread, and once.
    ///
    /// # Errors
    ///
    /// It can't be made.
    pub(crate) fn start() -> io::Result<(Self, Keeper)> {
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut command = Command::new(this_program()?);
        command.arg0("stead").arg(ARGUMENT).arg(std::process::id().to_string());
        Self::start_with(command, true)
    }

    /// As [`Warden::start`], by a command that calls [`super::serve`].
    pub(in crate::process) fn start_with(mut command: Command, adopts: bool) -> io::Result<(Self, Keeper)> {
        let (ours, theirs) = StdStream::pair()?;
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        // It needs no directory, and should keep none from being unmounted.
        command.current_dir("/");
        sys::isolate(&mut command);
        let pid = Pid::from_child(&command.spawn()?);
        // That was its last copy of the other end: from now on its death closes the connection.
        drop(command);
        ours.set_nonblocking(true)?;
        let (sender, orders) = mpsc::channel(ORDERS_QUEUED);
        let shared = Arc::new(Shared {
            orders: sender,
            lives: Mutex::default(),
            next: AtomicU64::new(1),
            nowhere: File::options().read(true).write(true).open("/dev/null")?.into(),
        });
        let promise = Promise::here();
        let keeper = Keeper { pid, socket: ours, orders, shared: Arc::clone(&shared), promise, adopts };
        Ok((Self(shared), keeper))
    }

    /// Has a process made.
    ///
    /// # Errors
    ///
    /// It could not be made; nothing is left of it then.
    pub(in crate::process) async fn spawn(&self, spawn: Spawn, stdio: [OwnedFd; STDIO]) -> Result<Child, NoChild> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let frame = frame(&Order::Spawn(id, Box::new(spawn))).map_err(NoChild::Untold)?;
        let (sender, life) = watch::channel(Life::default());
        self.0.lives().insert(id, sender);
        // From here on, whoever loses patience drops it and so has it killed.
        let mut child = Child { id, pid: 0, life, warden: self.clone() };
        let order = Outgoing { frame, stdio: Some(stdio) };
        self.0.orders.send(order).await.map_err(|_| NoChild::Lost)?;
        let start = child.known(|life| life.start).await.ok_or(NoChild::Lost)?;
        child.pid = start.map_err(NoChild::Fault)?;
        Ok(child)
    }

    /// Whether the warden is gone.
    pub(in crate::process) fn is_lost(&self) -> bool {
        self.0.orders.is_closed()
    }

    /// A descriptor that reads as empty and swallows what is written.
    ///
    /// # Errors
    ///
    /// Out of descriptors.
    pub(in crate::process) fn nowhere(&self) -> io::Result<OwnedFd> {
        self.0.nowhere.try_clone()
    }
}

/// The file this process runs, even if that has been replaced or deleted since.
pub(crate) fn this_program() -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        let running = PathBuf::from("/proc/self/exe");
        if running.exists() {
            return Ok(running);
        }
        // Without /proc, what the kernel was asked to run.
        let name = rustix::param::linux_execfn().to_bytes();
        std::path::absolute(std::ffi::OsStr::from_bytes(name))
    }
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe()
}

impl Shared {
    fn lives(&self) -> MutexGuard<'_, BTreeMap<Id, watch::Sender<Life>>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what is reported.
    fn take(&self, report: Report) {
        let mut lives = self.lives();
        let note = |id: Id, change: &dyn Fn(&mut Life)| {
            if let Some(life) = lives.get(&id) {
                life.send_modify(change);
            }
        };
        let over = match report {
            Report::Started(id, pid) => {
                note(id, &|life| life.start = Some(Ok(pid)));
                None
            }
            Report::Exited(id, exit) => {
                note(id, &|life| life.exit = Some(exit));
                None
            }
            Report::Left(id, left) => {
                note(id, &|life| life.left.clone_from(&left));
                None
            }
            Report::Failed(id, fault) => {
                note(id, &|life| (life.start, life.gone) = (Some(Err(fault)), true));
                Some(id)
            }
            Report::Gone(id) => {
                note(id, &|life| life.gone = true);
                Some(id)
            }
        };
        if let Some(id) = over {
            lives.remove(&id);
        }
    }
}

impl Child {
    /// The pid of the main process.
    pub(in crate::process) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends signals, in this order. Does nothing to what is gone.
    pub(in crate::process) async fn signal(&self, signals: &[Signal], whom: Whom) {
        let signals = signals.iter().map(|signal| signal.as_raw()).collect();
        self.order(&Order::Signal(self.id, signals, whom)).await;
    }

    /// Kills it with all its descendants. Nobody can escape by forking.
    pub(in crate::process) async fn kill(&self) {
        self.order(&Order::Kill(self.id)).await;
    }

    /// How the main process ended, once it has; nothing if that can't be known any more.
    pub(in crate::process) async fn exited(&self) -> Option<Exit> {
        self.known(|life| life.exit).await
    }

    /// Whether it is known by now that nothing is left of it.
    pub(in crate::process) fn is_gone(&self) -> bool {
        self.life.borrow().gone
    }

    /// Waits until nothing is left of it. Nothing, if that can't be known any more.
    pub(in crate::process) async fn gone(&self) -> Option<()> {
        self.known(|life| life.gone.then_some(())).await
    }

    /// What is left of it, once that is told and differs from what is known.
    pub(in crate::process) async fn left(&self, known: &[Straggler]) -> Option<Vec<Straggler>> {
        self.known(|life| (life.left != known).then(|| life.left.clone())).await
    }

    async fn known<T>(&self, what: impl Fn(&Life) -> Option<T>) -> Option<T> {
        let mut life = self.life.clone();
        let life = life.wait_for(|life| what(life).is_some()).await.ok()?;
        what(&life)
    }

    async fn order(&self, order: &Order) {
        if let Ok(frame) = frame(order) {
            // A warden that is gone has left nobody to give orders for.
            let _ = self.warden.0.orders.send(Outgoing { frame, stdio: None }).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.warden.0.lives().remove(&self.id);
        let Ok(frame) = frame(&Order::Kill(self.id)) else { return };
        if self.is_gone() {
            return;
        }
        let orders = &self.warden.0.orders;
        let kill = Outgoing { frame, stdio: None };
        if let (Err(TrySendError::Full(kill)), Ok(runtime)) = (orders.try_send(kill), Handle::try_current()) {
            let orders = orders.clone();
            runtime.spawn(async move { orders.send(kill).await });
        }
    }
}

impl Keeper {
    /// What is promised here of descendants.
    pub(crate) fn about(&self) -> &'static str {
        match self.promise {
            Promise::Trees => "spawns the tasks and leaves nothing behind",
            Promise::Groups => "spawns the tasks; no /proc: knows only their process groups",
        }
    }

    /// The life of the warden, until it is asked to end or dies. What it left behind is killed then.
    pub(crate) async fn run(mut self, context: RunContext) -> ExitReason {
        if self.promise == Promise::Groups {
            tracing::warn!("there is no /proc: what leaves the process group of its task is not found");
        }
        let pid = self.pid.as_raw_nonzero().get().unsigned_abs();
        // A driver that is gone needs no events.
        let _ = context.events.send(Event::Started { run: context.run, pid: Some(pid), address: None }).await;
        let result = self.keep(&context).await;
        // In this order: whoever still gets an order through learns that it is lost.
        self.orders.close();
        self.shared.lives().clear();
        match result {
            Ok(status) => reason(status),
            Err(error) => ExitReason::Error { message: format!("it can't be reached: {error}") },
        }
    }

    async fn keep(&mut self, context: &RunContext) -> io::Result<ExitStatus> {
        let mut child_ended = signal(SignalKind::child())?;
        let socket = UnixStream::from_std(self.socket.try_clone()?)?;
        let shared = &self.shared;
        let warden = Children { warden: self.pid, adopts: self.adopts };
        let status = {
            let mut hear = pin!(hear(&socket, shared));
            let mut ended = pin!(warden.ended(&mut child_ended));
            let asked = async {
                tokio::select! {
                    () = context.stop.cancelled() => {}
                    () = context.kill.cancelled() => {}
                }
                // It is told by the end of what it reads; what it still reports is heard.
                let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Write);
                pending::<()>().await;
            };
            tokio::select! {
                status = &mut ended => {
                    let _ = timeout(LAST_PATIENCE, &mut hear).await;
                    status
                }
                () = &mut hear => match timeout(LAST_PATIENCE, &mut ended).await {
                    Ok(status) => status,
                    Err(_) => {
                        let _ = kill_process(self.pid, RawSignal::KILL);
                        ended.await
                    }
                },
                () = send_orders(&socket, &mut self.orders) => unreachable!("it waits for ever"),
                () = asked => unreachable!("it waits for ever"),
            }
        };
        if self.adopts {
            let _ = timeout(LAST_PATIENCE, warden.kill_what_is_left(&mut child_ended)).await;
        }
        Ok(status)
    }
}

/// Takes reports until there are no more.
async fn hear(socket: &UnixStream, shared: &Shared) {
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

/// Sends orders as they come. Waits for ever once nobody takes them.
async fn send_orders(socket: &UnixStream, orders: &mut mpsc::Receiver<Outgoing>) {
    while let Some(Outgoing { frame, stdio }) = orders.recv().await {
        let mut fds: Vec<BorrowedFd<'_>> = stdio.iter().flatten().map(AsFd::as_fd).collect();
        let mut rest = frame.as_slice();
        while !rest.is_empty() {
            let Ok(sent) = socket.async_io(Interest::WRITABLE, || send(socket, rest, &fds)).await else {
                return pending().await;
            };
            // They travel with the first byte.
            fds.clear();
            rest = &rest[sent..];
        }
    }
    pending().await
}

/// The children of this process: the warden, and whom the kernel adds when it is dead, or when this is process 1.
#[derive(Debug, Clone, Copy)]
struct Children {
    warden: Pid,
    adopts: bool,
}

impl Children {
    /// Waits for the warden to end, and for any orphan that does.
    async fn ended(self, child_ended: &mut tokio::signal::unix::Signal) -> ExitStatus {
        loop {
            if let Some(status) = self.reap() {
                return status;
            }
            child_ended.recv().await;
        }
    }

    /// The end of the warden, if it has ended. Whoever ended before it is waited for, too.
    fn reap(self) -> Option<ExitStatus> {
        loop {
            let ended =
                if self.adopts { wait(WaitOptions::NOHANG) } else { waitpid(Some(self.warden), WaitOptions::NOHANG) };
            match ended {
                Ok(Some((pid, status))) if pid == self.warden => return Some(ExitStatus::from_raw(status.as_raw())),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Kills everything below this process until nothing is left.
    async fn kill_what_is_left(self, child_ended: &mut tokio::signal::unix::Signal) {
        let me = std::process::id();
        loop {
            self.reap();
            let below = proc::family([me]);
            let below = below.iter().filter(|process| process.pid != me).filter_map(|process| {
                let pid = Pid::from_raw(process.pid.cast_signed())?;
                kill_process(pid, RawSignal::KILL).ok()
            });
            if below.count() == 0 {
                return;
            }
            // Several may share one announcement.
            let _ = timeout(LOOK_AGAIN, child_ended.recv()).await;
        }
    }
}

fn reason(status: ExitStatus) -> ExitReason {
    match status.signal() {
        Some(signal) => ExitReason::Signal { signal: Signal::from_raw(signal), core_dumped: status.core_dumped() },
        None => ExitReason::Code { code: status.code().unwrap_or_default() },
    }
}
