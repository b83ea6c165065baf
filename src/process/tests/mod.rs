//! Runs of real processes, made by a real warden: this very test binary, run again as [`the_warden`].

mod life;
mod output;
mod readiness;
mod start;
mod terminal;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::warden::Claim;
use super::{ProcessTask, Warden, warden};
use crate::config::{CommandLine, LogsConfig, ReadyConfig, TaskConfig, Variable};
use crate::logs::LogTail;
use crate::logs::Store;
use crate::screen::TaskScreen;
use crate::supervisor::engine::Policy;
use crate::supervisor::engine::{ExitReason, Input, RunId, TaskId};
use crate::supervisor::{INPUTS_QUEUED, RunContext};

/// How long anything may take before a test fails: far beyond what it needs.
const PATIENCE: Duration = Duration::from_secs(30);

/// Set where this test binary is to be the warden.
const IS_WARDEN: &str = "STEAD_TEST_WARDEN";

#[test]
fn the_warden() {
    if std::env::var_os(IS_WARDEN).is_some() {
        assert_eq!(warden::serve(), std::process::ExitCode::SUCCESS);
    }
}

/// Runs this test binary as a warden.
pub(super) fn warden_command() -> std::process::Command {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::tests::the_warden", "--test-threads=1"]).env(IS_WARDEN, "1");
    command
}

/// A warden of this test's own, which ends with the test, or when the token is cancelled.
fn start_warden(claim: Option<Claim>) -> (Warden, CancellationToken) {
    let (warden, keeper) = Warden::start_with(warden_command(), false, claim).expect("a warden");
    let (context, _) = context();
    let end = context.stop.clone();
    tokio::spawn(keeper.run(context));
    (warden, end)
}

fn context() -> (RunContext, mpsc::Receiver<Input>) {
    let (sender, inputs) = mpsc::channel(INPUTS_QUEUED);
    (RunContext::new(RunId { task: TaskId(0), number: 1 }, sender), inputs)
}

/// A shell snippet that is to be run as a task.
struct TestTask {
    config: TaskConfig,
    scratch: TempDir,
    /// The cgroup of its warden, if that is to have one.
    claim: Option<Claim>,
}

/// The run of a [`TestTask`].
struct LiveRun {
    run: JoinHandle<ExitReason>,
    stop: CancellationToken,
    kill: CancellationToken,
    end_of_warden: CancellationToken,
    events: mpsc::Receiver<Input>,
    tail: LogTail,
    screen: Option<TaskScreen>,
    log: PathBuf,
    scratch: TempDir,
}

/// What is left of a run.
struct Ended {
    reason: String,
    log: Vec<u8>,
    lines: Vec<String>,
    tail: LogTail,
    events: Vec<Input>,
    end_of_warden: CancellationToken,
    scratch: TempDir,
}

/// A task that runs `line` by `sh -c` in a directory of its own.
fn task(line: &str) -> TestTask {
    let scratch = tempfile::tempdir().unwrap();
    let mut config = TaskConfig::new("it".to_owned(), CommandLine::shell(line), scratch.path().to_owned());
    config.policy = Policy::Never;
    TestTask { config, scratch, claim: None }
}

/// Runs `line` as a task until it ends.
async fn run(line: &str) -> Ended {
    task(line).start().ended().await
}

impl TestTask {
    fn argv<const N: usize>(mut self, argv: [&str; N]) -> Self {
        self.config.command = CommandLine::argv(argv);
        self
    }

    fn tty(mut self) -> Self {
        self.config.tty = true;
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.config.env.insert(name.to_owned(), Variable::inherited(value));
        self
    }

    fn in_cgroup(mut self, claim: Claim) -> Self {
        self.claim = Some(claim);
        self
    }

    fn stop_command(mut self, line: &str) -> Self {
        self.config.stop.command = Some(CommandLine::shell(line));
        self
    }

    fn ready(mut self, ready: ReadyConfig) -> Self {
        self.config.ready = Some(ready);
        self
    }

    fn start(self) -> LiveRun {
        let log_dir = self.scratch.path().join("logs");
        self.start_logging_to(log_dir)
    }

    fn start_logging_to(self, log_dir: PathBuf) -> LiveRun {
        let (context, events) = context();
        let (stop, kill) = (context.stop.clone(), context.kill.clone());
        let (tail, log) = (LogTail::default(), log_dir.join("it.log"));
        let (warden, end_of_warden) = start_warden(self.claim);
        let store = Store::new(&LogsConfig { max_size: 0, keep: 0, ..LogsConfig::new(log_dir) }, "it");
        let screen = self.config.tty.then(TaskScreen::default);
        let task = Arc::new(ProcessTask::new(self.config, store, tail.clone(), screen.clone(), warden).unwrap());
        LiveRun {
            run: tokio::spawn(task.run(context)),
            stop,
            kill,
            end_of_warden,
            events,
            tail,
            screen,
            log,
            scratch: self.scratch,
        }
    }
}

impl LiveRun {
    /// Waits until the tail has a line, finished or not, that is `line`.
    async fn says(&self, line: &str) {
        let mut changes = self.tail.watch();
        let said = async {
            while !texts(&self.tail).iter().any(|text| text == line) {
                changes.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("`{line}` was not said, but {:?}", texts(&self.tail)));
    }

    /// Waits for the first lines, so many of them.
    async fn says_lines(&self, count: usize) {
        let mut changes = self.tail.watch();
        let said = async {
            while texts(&self.tail).len() < count {
                changes.changed().await.unwrap();
            }
        };
        timeout(PATIENCE, said).await.expect("the lines");
    }

    /// Waits until this process is named among what is left, and the main process is not.
    async fn left(&mut self, pid: &str) {
        let main = self.pid().await;
        loop {
            if let Input::Left { processes, .. } = self.next_event().await
                && processes.iter().all(|process| process.pid != main)
            {
                assert!(processes.iter().any(|process| process.pid.to_string() == pid), "{processes:?}");
                return;
            }
        }
    }

    /// The terminal of a task that has one.
    fn screen(&self) -> &TaskScreen {
        self.screen.as_ref().expect("a task with a terminal")
    }

    /// Waits until the screen holds `text`.
    async fn shows(&self, text: &str) {
        let mut changes = self.screen().watch();
        let shown = async {
            while !self.screen().contents().text().contains(text) {
                changes.changed().await.unwrap();
            }
        };
        let contents = || self.screen().contents().text();
        timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("`{text}` was not shown, but {}", contents()));
    }

    async fn next_event(&mut self) -> Input {
        timeout(PATIENCE, self.events.recv()).await.unwrap().expect("the run lives")
    }

    async fn pid(&mut self) -> u32 {
        match self.next_event().await {
            Input::Started { pid: Some(pid), .. } => pid,
            other => panic!("not started, but {other:?}"),
        }
    }

    async fn ended(mut self) -> Ended {
        let reason = timeout(PATIENCE, self.run).await.expect("the run ends").unwrap().to_string();
        let mut events = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            events.push(event);
        }
        // A device in its place may have no end.
        let is_file = fs::metadata(&self.log).is_ok_and(|found| found.is_file());
        let log = if is_file { fs::read(&self.log).unwrap() } else { Vec::new() };
        Ended {
            reason,
            log,
            lines: texts(&self.tail),
            tail: self.tail,
            events,
            end_of_warden: self.end_of_warden,
            scratch: self.scratch,
        }
    }

    async fn stopped(self) -> Ended {
        self.stop.cancel();
        self.ended().await
    }

    async fn killed(self) -> Ended {
        self.kill.cancel();
        self.ended().await
    }
}

fn texts(tail: &LogTail) -> Vec<String> {
    tail.lines().iter().map(|line| String::from_utf8_lossy(line.text()).into_owned()).collect()
}

/// Whether a process is alive: there, and no zombie.
fn alive(pid: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits until a process is not alive.
async fn gone(pid: &str) {
    let gone = async {
        while alive(pid) {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, gone).await.expect("it ends");
}
