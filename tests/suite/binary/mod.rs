//! The real binary, with real processes, from outside.

mod attach;
mod check;
mod control;
#[cfg(target_os = "linux")]
mod crowds;
mod detach;
mod env_files;
mod environment;
mod events;
mod export;
#[cfg(target_os = "linux")]
mod floods;
mod hooks;
mod identity;
mod inherited;
#[cfg(target_os = "linux")]
mod left_behind;
mod limits;
mod logs;
#[cfg(feature = "mcp")]
mod mcp;
mod metrics;
mod orchestration;
mod other_tools;
mod plain;
mod ports;
mod probes;
mod reload;
mod requests;
mod run;
mod scarcity;
mod shutdown;
mod state_dir;
mod terminal;
mod tmux;
mod triggers;
mod trust;
mod verdicts;
mod web;
mod why;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(super) use web::address;

/// How long anything may take before a test has failed. Generous: machines are shared.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// A directory with a `stead.toml`.
pub(super) struct Project {
    dir: TempDir,
}

impl Project {
    /// One without the web surface, unless the text names it.
    pub(super) fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let web = if config.contains("web") { "" } else { "[web]\nenabled = false\n" };
        fs::write(dir.path().join("stead.toml"), format!("{web}{config}")).expect("a config");
        Self { dir }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The bytes of a task's log so far.
    pub(super) fn log(&self, task: &str) -> String {
        let path: PathBuf = self.path().join(".stead/logs").join(format!("{task}.log"));
        fs::read_to_string(path).unwrap_or_default()
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
        command.current_dir(self.path()).env_remove("STEAD_LOG").env_remove("NO_COLOR");
        command
    }

    /// Runs a subcommand to its end.
    pub(super) fn client(&self, arguments: &[&str]) -> Told {
        Told::by(self.command().args(arguments))
    }

    /// Starts `stead up` with plain output.
    pub(super) fn up(&self) -> Stead {
        self.up_with(&["up", "--plain", "--stay"])
    }

    pub(super) fn up_with(&self, arguments: &[&str]) -> Stead {
        let mut command = self.command();
        command.args(arguments);
        Stead::start(command)
    }

    /// Starts `stead up` with plain output from a shell that runs `line` first.
    pub(super) fn up_after(&self, line: &str) -> Stead {
        let mut command = Command::new("sh");
        command.current_dir(self.path()).env_remove("STEAD_LOG");
        command.args(["-c", &format!("{line}; exec {} up --plain --stay", env!("CARGO_BIN_EXE_stead"))]);
        Stead::start(command)
    }
}

impl Stead {
    /// Starts it in a process group of its own.
    pub(super) fn start(mut command: Command) -> Self {
        let dir = command.get_current_dir().expect("a project").to_owned();
        let mut child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary");
        let (said, lines) = channel();
        let stdout = child.stdout.take().expect("a pipe");
        let reader = thread::spawn(move || {
            for line in BufReader::new(stdout).lines() {
                let Ok(line) = line else { break };
                // The test may have seen enough.
                let _ = said.send(line);
            }
        });
        let mut stderr = child.stderr.take().expect("a pipe");
        let report = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("text");
            text
        });
        Self { child, dir, lines, seen: Vec::new(), taken: BTreeSet::new(), reader: Some(reader), report: Some(report) }
    }
}

/// What a subcommand that ends by itself has said.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: Option<i32>,
    pub(super) out: String,
    pub(super) err: String,
}

impl Told {
    /// Runs it without input.
    pub(super) fn by(command: &mut Command) -> Self {
        let output = command.stdin(Stdio::null()).output().expect("the binary");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A running supervisor. Killed when a test ends early.
pub(super) struct Stead {
    child: Child,
    dir: PathBuf,
    lines: Receiver<String>,
    seen: Vec<String>,
    /// Which of the lines seen were waited for.
    taken: BTreeSet<usize>,
    reader: Option<thread::JoinHandle<()>>,
    report: Option<thread::JoinHandle<String>>,
}

/// How it ended.
pub(super) struct End {
    pub(super) status: ExitStatus,
    /// Everything on standard output.
    pub(super) lines: Vec<String>,
    /// Everything on standard error, by lines.
    pub(super) report: Vec<String>,
}

impl End {
    pub(super) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The last line of all.
    pub(super) fn last(&self) -> &str {
        self.report.last().map_or("", String::as_str)
    }
}

impl Stead {
    /// Waits for a line that contains `text` and was not waited for before, and returns it.
    pub(super) fn wait_for(&mut self, text: &str) -> String {
        self.wait_until(text, |line| line.contains(text))
    }

    fn wait_until(&mut self, wanted: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut at = 0;
        loop {
            while let Some(line) = self.seen.get(at) {
                if !self.taken.contains(&at) && is_it(line) {
                    self.taken.insert(at);
                    return line.clone();
                }
                at += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("`{wanted}` did not come in time; seen so far: {:#?}", self.seen);
            };
            self.seen.push(line);
        }
    }

    /// Waits for the next start of a task and returns its pid.
    pub(super) fn wait_for_start(&mut self, task: &str) -> Pid {
        let started = |line: &str| line.starts_with(&format!("{task} ")) && line.contains(" started, pid ");
        let line = self.wait_until(&format!("start of {task}"), started);
        let pid = line.rsplit(' ').next().and_then(|pid| pid.parse().ok());
        Pid::from_raw(pid.expect("a pid"))
    }

    /// Whether a line that has come so far contains this.
    pub(super) fn poll_said(&mut self, text: &str) -> bool {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().any(|line| line.contains(text))
    }

    /// Waits for a line about `task` that contains `text`, and returns it.
    pub(super) fn wait_for_line(&mut self, task: &str, text: &str) -> String {
        let is_it = |line: &str| line.starts_with(&format!("{task} ")) && line.contains(text);
        self.wait_until(&format!("{task}: {text}"), is_it)
    }

    /// Waits until the control socket answers.
    pub(super) fn wait_for_control(&self) {
        let path = self.dir.join(".stead/control.sock");
        until(|| UnixStream::connect(&path).is_ok());
    }

    /// The pid of the warden, once it is there.
    #[cfg(target_os = "linux")]
    pub(super) fn warden(&self) -> Pid {
        let of = || {
            let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.pid())).ok()?;
            let mut pids = children.split(' ').filter_map(|pid| pid.parse().ok());
            pids.find(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "stead-warden\n"))
        };
        until(|| of().is_some());
        Pid::from_raw(of().expect("it was there"))
    }

    /// Whether a line that was waited for, or passed on the way, ends like this.
    #[cfg(target_os = "linux")]
    pub(super) fn said(&self, end: &str) -> bool {
        self.seen.iter().any(|line| line.ends_with(end))
    }

    pub(super) fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid"))
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("a live process");
    }

    /// Waits for the end by itself.
    pub(super) fn end(mut self) -> End {
        let status = wait(&mut self.child);
        self.reader.take().map(thread::JoinHandle::join);
        let report = self.report.take().expect("once").join().expect("text");
        let mut lines = std::mem::take(&mut self.seen);
        lines.extend(self.lines.try_iter());
        End { status, lines, report: report.lines().map(str::to_owned).collect() }
    }
}

impl Drop for Stead {
    fn drop(&mut self) {
        // Already gone after `end`.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a child with a deadline: a thread waits, the test watches the clock.
fn wait(child: &mut Child) -> ExitStatus {
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    let (over, ended) = channel::<()>();
    let watchdog = thread::spawn(move || {
        if ended.recv_timeout(DEADLINE).is_err() {
            let _ = kill(pid, Signal::SIGKILL);
            return false;
        }
        true
    });
    let status = child.wait().expect("a child");
    let _ = over.send(());
    assert!(watchdog.join().expect("a thread"), "it did not end in time");
    status
}

/// Waits until something holds that nothing announces.
pub(super) fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to hold");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether a process is there and no zombie.
pub(super) fn is_alive(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')))
}

/// Whether a program is there; without it a test is skipped, and says so. In CI nothing is skipped.
pub(super) fn has(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "{program} is missing");
    if !found {
        eprintln!("skipped: {program} is missing");
    }
    found
}
