//! The supervisor's end of the connection: starts the warden, sends it orders, distributes its reports.
//!
//! Tasks hold a [`Warden`]; a [`Child`] is one process with its descendants. Nothing here decides what is started or
//! killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::Pid;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::cgroup::Claim;
use super::orphans::Children;
use super::predecessor;
use super::protocol::{Exit, Id, STDIO, SignalTarget, Spawn, StartFault, WardenOrder, WardenReport, frame};
use super::task::WardenTask;
use crate::process::start_failure::cause;
use crate::process::sys;
use crate::signal::Signal;
use crate::supervisor::engine::Straggler;

/// Orders that may wait for the warden. Senders wait while the queue is full.
const ORDERS_QUEUED: usize = 1_024;

/// A handle to the warden. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Warden(Arc<WardenLink>);

#[derive(Debug)]
pub(super) struct WardenLink {
    orders: mpsc::Sender<Outgoing>,
    states: Mutex<BTreeMap<Id, watch::Sender<ChildState>>>,
    next: AtomicU64,
    dev_null: OwnedFd,
}

/// An order as it is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) frame: Vec<u8>,
    pub(super) stdio: Option<[OwnedFd; STDIO]>,
}

/// What has been reported of one process and its descendants.
#[derive(Debug, Default)]
struct ChildState {
    start: Option<Result<u32, StartFault>>,
    exit: Option<Exit>,
    left: Vec<Straggler>,
    gone: bool,
}

/// Why there is no child.
#[derive(Debug, Error)]
pub(in crate::process) enum SpawnError {
    /// The system refused.
    #[error("cannot run it: {}", cause(&io::Error::from_raw_os_error(.0.errno)))]
    System(StartFault),
    /// The command is too long for a message to the warden.
    #[error("cannot run it: {0}")]
    TooLong(io::Error),
    /// The warden has ended.
    #[error("cannot run it: the warden is gone")]
    WardenGone,
}

/// A process that the warden created, with all its descendants. Dropping this kills them.
#[derive(Debug)]
pub(in crate::process) struct Child {
    id: Id,
    pid: u32,
    state: watch::Receiver<ChildState>,
    warden: Warden,
}

impl Warden {
    /// Starts the warden from the binary of this process, which becomes the reaper of the warden's orphans. Must be
    /// called once, before the first thread. `project` tells apart what this user may supervise at the same time: first
    /// the warden that a dead supervisor of the same project left is waited for, within a bound.
    ///
    /// # Errors
    ///
    /// It can't be started.
    pub(crate) fn start(project: &str) -> io::Result<(Self, WardenTask)> {
        predecessor::await_end(project);
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut command = Command::new(this_program()?);
        command.arg0("stead").args(predecessor::arguments(project));
        Self::start_with(command, true, Claim::here())
    }

    /// As [`Warden::start`], with a command that calls [`super::serve`].
    pub(in crate::process) fn start_with(
        mut command: Command,
        adopts: bool,
        claim: Option<Claim>,
    ) -> io::Result<(Self, WardenTask)> {
        let (ours, theirs) = UnixStream::pair()?;
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        // It stays where the supervisor is: the directories of tasks start there, whatever their project is called by then.
        sys::isolate(&mut command);
        let warden = Pid::from_child(&command.spawn()?);
        // That was the last copy of the other end: from now on the warden's death closes the connection.
        drop(command);
        ours.set_nonblocking(true)?;
        let (sender, orders) = mpsc::channel(ORDERS_QUEUED);
        if let Some(claim) = &claim {
            let frame = frame(&WardenOrder::Contain(claim.cgroup().clone()))?;
            sender.try_send(Outgoing { frame, stdio: None }).map_err(io::Error::other)?;
        }
        let shared = Arc::new(WardenLink {
            orders: sender,
            states: Mutex::default(),
            next: AtomicU64::new(1),
            dev_null: File::options().read(true).write(true).open("/dev/null")?.into(),
        });
        let children = Children { warden, adopts };
        let keeper = WardenTask { children, socket: ours, orders, shared: Arc::clone(&shared), claim };
        Ok((Self(shared), keeper))
    }

    /// Creates a process.
    ///
    /// # Errors
    ///
    /// It could not be created, and nothing is left of it.
    pub(in crate::process) async fn spawn(&self, spawn: Spawn, stdio: [OwnedFd; STDIO]) -> Result<Child, SpawnError> {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed);
        let frame = frame(&WardenOrder::Spawn(id, Box::new(spawn))).map_err(SpawnError::TooLong)?;
        let (sender, state) = watch::channel(ChildState::default());
        self.0.states().insert(id, sender);
        // From here on, dropping the future drops the child, which kills it.
        let mut child = Child { id, pid: 0, state, warden: self.clone() };
        let order = Outgoing { frame, stdio: Some(stdio) };
        self.0.orders.send(order).await.map_err(|_| SpawnError::WardenGone)?;
        let start = child.known(|state| state.start).await.ok_or(SpawnError::WardenGone)?;
        child.pid = start.map_err(SpawnError::System)?;
        Ok(child)
    }

    /// Whether the warden is gone.
    pub(in crate::process) fn is_gone(&self) -> bool {
        self.0.orders.is_closed()
    }

    /// Returns a descriptor of `/dev/null`.
    ///
    /// # Errors
    ///
    /// Out of descriptors.
    pub(in crate::process) fn dev_null(&self) -> io::Result<OwnedFd> {
        self.0.dev_null.try_clone()
    }
}

/// Returns the file that this process runs, even if that has been replaced or deleted since.
pub(crate) fn this_program() -> io::Result<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        let running = PathBuf::from("/proc/self/exe");
        if running.exists() {
            return Ok(running);
        }
        // Without /proc: the path that the kernel was given.
        let name = rustix::param::linux_execfn().to_bytes();
        std::path::absolute(std::ffi::OsStr::from_bytes(name))
    }
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe()
}

impl WardenLink {
    /// Ends the wait of everything that waits for a report.
    pub(super) fn close(&self) {
        self.states().clear();
    }

    fn states(&self) -> MutexGuard<'_, BTreeMap<Id, watch::Sender<ChildState>>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a report.
    pub(super) fn take(&self, report: WardenReport) {
        let mut states = self.states();
        let note = |id: Id, change: &dyn Fn(&mut ChildState)| {
            if let Some(state) = states.get(&id) {
                state.send_modify(change);
            }
        };
        let over = match report {
            WardenReport::Started(id, pid) => {
                note(id, &|state| state.start = Some(Ok(pid)));
                None
            }
            WardenReport::Exited(id, exit) => {
                note(id, &|state| state.exit = Some(exit));
                None
            }
            WardenReport::Left(id, left) => {
                note(id, &|state| state.left.clone_from(&left));
                None
            }
            WardenReport::Failed(id, fault) => {
                note(id, &|state| (state.start, state.gone) = (Some(Err(fault)), true));
                Some(id)
            }
            WardenReport::Gone(id) => {
                note(id, &|state| state.gone = true);
                Some(id)
            }
        };
        if let Some(id) = over {
            states.remove(&id);
        }
    }
}

impl Child {
    /// The pid of the main process.
    pub(in crate::process) fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends signals, in this order. Does nothing if the process is gone.
    pub(in crate::process) async fn signal(&self, signals: &[Signal], whom: SignalTarget) {
        let signals = signals.iter().map(|signal| signal.as_raw()).collect();
        self.order(&WardenOrder::Signal(self.id, signals, whom)).await;
    }

    /// Kills it with all its descendants. Forking does not help them escape.
    pub(in crate::process) async fn kill(&self) {
        self.order(&WardenOrder::Kill(self.id)).await;
    }

    /// Waits for the end of the main process. Returns `None` if the warden is gone.
    pub(in crate::process) async fn exited(&self) -> Option<Exit> {
        self.known(|state| state.exit).await
    }

    /// Whether nothing is left of it, as far as is known now.
    pub(in crate::process) fn is_gone(&self) -> bool {
        self.state.borrow().gone
    }

    /// Waits until nothing is left of it. Returns `None` if the warden is gone.
    pub(in crate::process) async fn gone(&self) -> Option<()> {
        self.known(|state| state.gone.then_some(())).await
    }

    /// Waits for a report of the remaining processes that differs from `known`.
    pub(in crate::process) async fn left(&self, known: &[Straggler]) -> Option<Vec<Straggler>> {
        self.known(|state| (state.left != known).then(|| state.left.clone())).await
    }

    /// The remaining processes that were reported last.
    pub(in crate::process) fn last_left(&self) -> Vec<Straggler> {
        self.state.borrow().left.clone()
    }

    async fn known<T>(&self, what: impl Fn(&ChildState) -> Option<T>) -> Option<T> {
        let mut state = self.state.clone();
        let state = state.wait_for(|state| what(state).is_some()).await.ok()?;
        what(&state)
    }

    async fn order(&self, order: &WardenOrder) {
        if let Ok(frame) = frame(order) {
            // If the warden is gone, so are its processes.
            let _ = self.warden.0.orders.send(Outgoing { frame, stdio: None }).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.warden.0.states().remove(&self.id);
        let Ok(frame) = frame(&WardenOrder::Kill(self.id)) else { return };
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
