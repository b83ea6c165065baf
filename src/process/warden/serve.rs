//! The warden process: one thread, one loop over one poll.
//!
//! It obeys orders and reports what it sees. Its one decision: when the supervisor is gone, it kills everything below
//! itself and ends. It ignores TERM, INT, HUP and QUIT: service managers send these to every process of a service, and
//! the drain still needs it.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::before_exec::{Birth, become_task};
use super::protocol::{
    Exit, Id, Inbox, STDIO, SignalTarget, Spawn, StartFault, StartStep, WardenOrder, WardenReport, frame,
};
use super::trees::{MARK, ReapedKind, Trees};
use super::{KILLED_MAY_TAKE, POLL_INTERVAL};
use crate::process::InheritedLimits;
use crate::process::sys::{self, Reaped};

/// More than the encoding of a fault takes.
const FAULT_BYTES: usize = 256;

/// Serves the supervisor at the other end of standard input until that end is closed, then kills all that is left.
///
/// Only for a process that was started as the warden: it takes over its signals and its children.
#[must_use]
pub(in crate::process) fn serve() -> ExitCode {
    match prepared().and_then(WardenLoop::serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The warden of a supervisor writes to /dev/null here. A person who calls it by hand sees this.
            eprintln!("stead: the warden has ended: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prepares the process: its name, its signals, and a socket that its children don't inherit.
fn prepared() -> io::Result<WardenLoop> {
    let socket = UnixStream::from(rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), STDIO as i32)?);
    rustix::stdio::dup2_stdin(std::fs::File::open("/dev/null")?)?;
    #[cfg(target_os = "linux")]
    {
        // The kernel keeps 15 bytes of this.
        rustix::thread::set_name(c"stead-warden")?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    // Service managers signal every process of a service, but the supervisor needs the warden for the drain.
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        sys::ignore(signal);
    }
    let (child_ended, announce) = io::pipe()?;
    for end in [child_ended.as_fd(), announce.as_fd()] {
        rustix::io::ioctl_fionbio(end, true)?;
    }
    sys::announce_child_ends(announce.into())?;
    Ok(WardenLoop {
        socket,
        inbox: Inbox::default(),
        outbox: Vec::new(),
        child_ended,
        trees: Trees::new(),
        limits: InheritedLimits::raise(),
        states: BTreeMap::new(),
        ending: false,
    })
}

#[derive(Debug)]
struct WardenLoop {
    socket: UnixStream,
    inbox: Inbox,
    /// Frames to be sent before the next wait.
    outbox: Vec<u8>,
    child_ended: PipeReader,
    trees: Trees,
    /// What the tasks are given back.
    limits: InheritedLimits,
    states: BTreeMap<Id, TreeState>,
    /// Whether the supervisor is gone.
    ending: bool,
}

/// The state of one process tree.
#[derive(Debug)]
struct TreeState {
    pid: u32,
    /// Ends once the child has called exec; before that, it carries the fault.
    starting: Option<PipeReader>,
    over: bool,
    killing: bool,
}

/// What woke the loop.
#[derive(Debug, Default)]
struct WardenWakeup {
    has_orders: bool,
    started: Vec<Id>,
}

impl WardenLoop {
    fn serve(mut self) -> io::Result<()> {
        let mut result = Ok(());
        loop {
            let woken = self.flush().and_then(|()| self.wait());
            let heard = woken.and_then(|woken| {
                woken.started.into_iter().for_each(|id| self.read_start_result(id));
                if woken.has_orders { self.receive_orders() } else { Ok(()) }
            });
            if let Err(error) = heard
                && !self.ending
            {
                self.ending = true;
                result = if error.kind() == ErrorKind::UnexpectedEof { Ok(()) } else { Err(error) };
            }
            let childless = self.reap();
            if self.ending && (childless || !self.trees.kill_all()) {
                self.trees.remove_all_cgroups();
                return result;
            }
        }
    }

    /// Waits for an order, for the end of a child, or for the result of a start.
    fn wait(&mut self) -> io::Result<WardenWakeup> {
        let starting: Vec<(Id, &PipeReader)> =
            self.states.iter().filter_map(|(&id, state)| Some((id, state.starting.as_ref()?))).collect();
        let mut fds = vec![PollFd::new(&self.child_ended, PollFlags::IN)];
        fds.extend(starting.iter().map(|(_, pipe)| PollFd::new(*pipe, PollFlags::IN)));
        if !self.ending {
            fds.push(PollFd::new(&self.socket, PollFlags::IN));
        }
        let timeout = self.timeout().and_then(|timeout| Timespec::try_from(timeout).ok());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        self.trees.waited();
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let has_orders = !self.ending && fds.last().is_some_and(is_ready);
        let started = starting.iter().zip(&fds[1..]).filter(|(_, fd)| is_ready(fd)).map(|((id, _), _)| *id).collect();
        Ok(WardenWakeup { has_orders, started })
    }

    /// Returns `None` while every possible change wakes the poll.
    fn timeout(&self) -> Option<Duration> {
        let blind = self.trees.by_group() && self.states.values().any(|state| state.over);
        match (self.ending, blind) {
            (true, _) => Some(KILLED_MAY_TAKE),
            (false, true) => Some(POLL_INTERVAL),
            (false, false) => None,
        }
    }

    fn receive_orders(&mut self) -> io::Result<()> {
        if !self.inbox.receive(&self.socket)? {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        while let Some(order) = self.inbox.next()? {
            self.execute(order)?;
        }
        Ok(())
    }

    fn execute(&mut self, order: WardenOrder) -> io::Result<()> {
        match order {
            WardenOrder::Contain(cgroup) => self.trees.contain(cgroup),
            WardenOrder::Spawn(id, spawn) => {
                let stdio = self.inbox.take_stdio()?;
                if self.states.contains_key(&id) {
                    return Err(io::Error::new(ErrorKind::InvalidData, "an id twice"));
                }
                if let Err(error) = self.spawn(id, &spawn, stdio) {
                    let errno = error.raw_os_error().unwrap_or_default();
                    self.trees.remove(id);
                    self.report(&WardenReport::Failed(id, StartFault { step: StartStep::Prepare, errno }));
                }
            }
            // Its end is reported already; the report is on its way.
            WardenOrder::Signal(id, ..) | WardenOrder::Kill(id) if !self.states.contains_key(&id) => {}
            WardenOrder::Signal(id, signals, whom) => {
                let signals: Vec<Signal> = signals.into_iter().filter_map(|raw| Signal::try_from(raw).ok()).collect();
                self.trees.sort_orphans();
                match whom {
                    SignalTarget::Main => self.trees.signal_main(id, &signals),
                    SignalTarget::Tree => self.trees.signal(id, &signals),
                }
            }
            WardenOrder::Kill(id) => {
                if let Some(state) = self.states.get_mut(&id) {
                    state.killing = true;
                }
                self.trees.sort_orphans();
                self.report_left(id);
                self.trees.kill(id);
            }
        }
        Ok(())
    }

    fn spawn(&mut self, id: Id, spawn: &Spawn, stdio: Option<[OwnedFd; STDIO]>) -> io::Result<()> {
        let stdio = stdio.ok_or(nix::errno::Errno::EMFILE)?;
        let (starting, fault) = io::pipe()?;
        let birth =
            Birth { mark: (MARK, self.trees.mark(id)), warden: rustix::process::getpid(), limits: &self.limits };
        let cgroup = self.trees.prepare(id);
        let child = sys::fork(cgroup.as_ref(), || become_task(spawn, birth, stdio, fault))?;
        let pid = child.as_raw().unsigned_abs();
        self.trees.insert(id, pid);
        self.states.insert(id, TreeState { pid, starting: Some(starting), over: false, killing: false });
        Ok(())
    }

    /// Reads the result of a start, which is there or never comes.
    fn read_start_result(&mut self, id: Id) {
        let Some(state) = self.states.get_mut(&id) else { return };
        let Some(mut pipe) = state.starting.take() else { return };
        let mut said = [0; FAULT_BYTES];
        let length = pipe.read(&mut said).unwrap_or_default();
        if length == 0 {
            let pid = state.pid;
            return self.report(&WardenReport::Started(id, pid));
        }
        let unknown = StartFault { step: StartStep::Prepare, errno: 0 };
        let fault = serde_json::from_slice(&said[..length]).unwrap_or(unknown);
        self.forget(id);
        self.report(&WardenReport::Failed(id, fault));
    }

    /// Reaps all children that have ended and acts on their ends. Returns whether there are no children left.
    fn reap(&mut self) -> bool {
        let mut drained = [0; 64];
        while self.child_ended.read(&mut drained).is_ok_and(|length| length == drained.len()) {}
        let mut ended = Vec::new();
        let childless = loop {
            match sys::reap() {
                Reaped::Dead { pid, status, peak_memory, cpu_ms } => {
                    if let ReapedKind::Main(id) = self.trees.reaped(pid) {
                        self.read_start_result(id);
                        ended.push(id);
                        self.report_exit(id, Exit { wait_status: status, peak_memory, cpu_ms });
                    }
                }
                Reaped::AllLive => break false,
                Reaped::Childless => break true,
            }
        };
        self.finish_trees(&ended);
        self.trees.remove_cgroups();
        childless
    }

    fn report_exit(&mut self, id: Id, exit: Exit) {
        // Missing if the start failed, which is reported already.
        if let Some(state) = self.states.get_mut(&id) {
            state.over = true;
            self.report(&WardenReport::Exited(id, exit));
        }
    }

    /// Reports what remains of ended trees, kills again those that are being killed, and reports the trees that are
    /// gone.
    fn finish_trees(&mut self, just_ended: &[Id]) {
        let concerned: Vec<Id> =
            self.states.iter().filter(|(_, state)| state.over || state.killing).map(|(&id, _)| id).collect();
        if concerned.is_empty() {
            return;
        }
        self.trees.sort_orphans();
        for id in concerned {
            if self.trees.is_empty(id) {
                self.forget(id);
                self.report(&WardenReport::Gone(id));
            } else if self.states.get(&id).is_some_and(|state| state.killing) {
                self.trees.kill(id);
            } else if just_ended.contains(&id) {
                self.report_left(id);
            }
        }
    }

    fn report_left(&mut self, id: Id) {
        let left = self.trees.stragglers(id);
        if !left.is_empty() {
            self.report(&WardenReport::Left(id, left));
        }
    }

    fn forget(&mut self, id: Id) {
        self.states.remove(&id);
        self.trees.remove(id);
    }

    fn report(&mut self, report: &WardenReport) {
        // Only an order can be too long.
        if let Ok(frame) = frame(report) {
            self.outbox.extend(frame);
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let sent = self.socket.write_all(&self.outbox);
        self.outbox.clear();
        // The supervisor is gone, but there is work left.
        if self.ending { Ok(()) } else { sent }
    }
}
