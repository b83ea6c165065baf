//! The supervisor's end: makes the warden, gives it orders, hands its reports to whom they concern.
//!
//! [`Warden`] is what tasks hold, [`Child`] one process with its descendants. Nothing here decides what is started or
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
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::ARGUMENT;
use super::cgroup::Claim;
use super::orphans::Children;
use super::protocol::{Exit, Fault, Id, Order, Report, STDIO, Spawn, Whom, frame};
use super::task::WardenTask;
use crate::process::sys;
use crate::signal::Signal;
use crate::supervisor::engine::Straggler;

/// Orders that may wait for the warden. Who finds the queue full waits its turn.
const ORDERS_QUEUED: usize = 1_024;

/// The warden, for those who want something from it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Warden(Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    orders: mpsc::Sender<Outgoing>,
    lives: Mutex<BTreeMap<Id, watch::Sender<Life>>>,
    next: AtomicU64,
    nowhere: OwnedFd,
}

/// An order as it is sent.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) frame: Vec<u8>,
    pub(super) stdio: Option<[OwnedFd; STDIO]>,
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

impl Warden {
    /// Makes the warden from this very program, and this process the one that its orphans come to. To be called before
    /// there is any thread, and once.
    ///
    /// # Errors
    ///
    /// It can't be made.
    pub(crate) fn start() -> io::Result<(Self, WardenTask)> {
        #[cfg(target_os = "linux")]
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let mut command = Command::new(this_program()?);
        command.arg0("stead").arg(ARGUMENT).arg(std::process::id().to_string());
        Self::start_with(command, true, Claim::here())
    }

    /// As [`Warden::start`], by a command that calls [`super::serve`].
    pub(in crate::process) fn start_with(
        mut command: Command,
        adopts: bool,
        claim: Option<Claim>,
    ) -> io::Result<(Self, WardenTask)> {
        let (ours, theirs) = UnixStream::pair()?;
        command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
        // It needs no directory, and should keep none from being unmounted.
        command.current_dir("/");
        sys::isolate(&mut command);
        let warden = Pid::from_child(&command.spawn()?);
        // That was its last copy of the other end: from now on its death closes the connection.
        drop(command);
        ours.set_nonblocking(true)?;
        let (sender, orders) = mpsc::channel(ORDERS_QUEUED);
        if let Some(claim) = &claim {
            let frame = frame(&Order::Contain(claim.cgroup().clone()))?;
            sender.try_send(Outgoing { frame, stdio: None }).map_err(io::Error::other)?;
        }
        let shared = Arc::new(Shared {
            orders: sender,
            lives: Mutex::default(),
            next: AtomicU64::new(1),
            nowhere: File::options().read(true).write(true).open("/dev/null")?.into(),
        });
        let children = Children { warden, adopts };
        let keeper = WardenTask { children, socket: ours, orders, shared: Arc::clone(&shared), claim };
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
    /// Lets everybody who waits for a report know that none comes any more.
    pub(super) fn close(&self) {
        self.lives().clear();
    }

    fn lives(&self) -> MutexGuard<'_, BTreeMap<Id, watch::Sender<Life>>> {
        self.lives.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers what is reported.
    pub(super) fn take(&self, report: Report) {
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
