//! The validated configuration, with nothing optional left to check.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::Project;
use crate::signal::Signal;
use crate::supervisor::engine::{Dependency, DrainConfig, HookEvent, OnExhausted, Policy, RestartConfig};

/// Everything one supervisor needs to know, as read from one file.
#[derive(Debug, Clone)]
pub struct Config {
    /// The file that was read; what names it in errors.
    pub path: PathBuf,
    /// The directory of that file; relative paths start here, and `.stead/` lies here.
    pub root: PathBuf,
    /// `[supervisor]`: the drain's bounds.
    pub drain: DrainConfig,
    /// `[logs]`
    pub logs: LogsConfig,
    /// `[web]`
    pub web: WebConfig,
    /// `[ui]`
    pub ui: UiConfig,
    /// `[hooks.NAME]`, in the order of the file.
    pub hooks: Vec<HookConfig>,
    /// `[supervisor]`: the policy of stead's own surfaces, and what tasks inherit.
    pub restart: RestartConfig,
    /// `[tasks.NAME]`, in the order of the file.
    pub tasks: Vec<TaskConfig>,
}

impl Config {
    /// The project that this is the configuration of.
    #[must_use]
    pub fn project(&self) -> Project {
        Project::of(&self.path)
    }
}

/// `[logs]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsConfig {
    /// Where `NAME.log` lies; absolute.
    pub dir: PathBuf,
    /// Bytes per segment; 0 turns rotation off.
    pub max_size: u64,
    /// How many old segments are kept.
    pub keep: u32,
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebConfig {
    /// Whether the web surface runs at all.
    pub enabled: bool,
    /// The address it listens on; loopback by default.
    pub listen: SocketAddr,
    /// A directory with a bundle to serve instead of the embedded one; absolute.
    pub dist: Option<PathBuf>,
}

/// `[ui]`: the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UiConfig {
    /// Whether the terminal is asked to show a desktop notice when a task has failed for good or everything ends.
    pub notify: bool,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { notify: true }
    }
}

/// `[hooks.NAME]`: who is told of what happens to tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookConfig {
    /// Its unique name, as of a task.
    pub name: String,
    /// What it is told of; never empty.
    pub on: Vec<HookEvent>,
    /// Only of these tasks; of all, if it is empty.
    pub tasks: Vec<String>,
    /// How it is told.
    pub call: HookCall,
    /// A call that takes longer has failed; 10 s by default.
    pub timeout: Duration,
}

/// How a hook is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookCall {
    /// This is run.
    Command(Command),
    /// A POST to this `http://` URL, which may name a user and a password.
    Url(String),
}

/// `[tasks.NAME]`: one child process to supervise.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskConfig {
    /// Its unique name: 1 to 64 of letters, digits, `-`, `_` and `.`, not starting with a dot or dash.
    pub name: String,
    /// What is run.
    pub command: Command,
    /// Where it runs; absolute.
    pub dir: PathBuf,
    /// Variables set on top of the supervisor's own environment; `env_file` is already read in, `env` wins.
    pub env: BTreeMap<String, String>,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// The restart keys, `[supervisor]`'s where the task says nothing.
    pub restart: RestartConfig,
    /// What must hold before it starts.
    pub after: Vec<Dependency>,
    /// How it is known to be ready; without one it is ready as soon as it runs.
    pub ready: Option<ReadyConfig>,
    /// How it is asked to stop.
    pub stop: StopConfig,
    /// What each of its processes may use at most.
    pub limits: Limits,
    /// More memory than this, in bytes and summed over its processes, ends the run as a failure.
    pub max_memory: Option<u64>,
    /// Added to the niceness it inherits: from -20 to 19, 0 by default.
    pub nice: i32,
    /// Whom it runs as; as stead does by default.
    pub user: Option<Account>,
    /// Its group; the user's own, or stead's, by default.
    pub group: Option<Account>,
    /// The file mode bits it withholds; stead's own by default.
    pub umask: Option<u32>,
    /// Whether it gets a terminal instead of pipes.
    pub tty: bool,
    /// Exit codes that count as success; `[0]` by default.
    pub success_exit_codes: Vec<i32>,
}

/// What is run: a line for `sh -c`, or a program with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Given to `sh -c` as it is.
    Shell(String),
    /// Run without a shell; never empty.
    Argv(Vec<String>),
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shell(line) => f.write_str(line),
            Self::Argv(argv) => f.write_str(&argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
        }
    }
}

/// A word as a shell would have to be given it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_whitespace() && !"'\"\\$`&|;<>()*?#".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}

/// `ready`: how a task is known to be ready.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadyConfig {
    /// What is tried.
    pub check: Check,
    /// The time between two tries; 2 s by default. The first tries after a start come faster.
    pub interval: Duration,
    /// A try that takes longer has failed; 1 s by default.
    pub timeout: Duration,
    /// So many failed tries in a row end the run as a failure. Left out: a failing probe never ends a run.
    pub failure_threshold: Option<u32>,
}

/// One way of knowing that a task is ready.
#[derive(Debug, Clone)]
pub enum Check {
    /// A TCP connection to `host:port` is accepted.
    Tcp(String),
    /// A GET on this `http://` URL answers with a status from 200 to 399.
    Http(String),
    /// This command exits with 0.
    Exec(Command),
    /// A line of output matches; the interval and the threshold don't apply.
    Log(Regex),
}

/// `stop`: how a task is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopConfig {
    /// The signal sent to the whole tree; `SIGTERM` by default.
    pub signal: Signal,
    /// A command run instead of the signal.
    pub command: Option<Command>,
    /// How long it may take before the whole tree is killed; 10 s by default.
    pub timeout: Duration,
    /// Whether only the main process gets the signal; its tree is killed in the end all the same.
    pub only_parent: bool,
}

impl Default for StopConfig {
    fn default() -> Self {
        Self { signal: Signal::TERM, command: None, timeout: Duration::from_secs(10), only_parent: false }
    }
}

/// `limits`: what each process of a task may use, as setrlimit(2) has it. Nothing is stead's own limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Open files.
    pub open_files: Option<u64>,
    /// Address space in bytes: more can't be allocated.
    pub memory: Option<u64>,
    /// Processor time in seconds: at its end comes `SIGXCPU`.
    pub cpu_time: Option<u64>,
    /// The size of a core file in bytes; 0 writes none.
    pub core: Option<u64>,
}

/// A user or a group, by name or number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// As the system's database has it.
    Name(String),
    /// As the kernel has it.
    Id(u32),
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}
