//! The validated configuration, with nothing optional left to check.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::reread::ConfigSource;
use super::scope::Variables;
use super::triggers::{ScheduleConfig, WatchConfig};
use super::{CommandLine, LiveConfig, PortConfig, Project, ReadyConfig, SecretUrl, TaskSource, serial};
use crate::duration::{maybe_millis, millis};
use crate::signal::Signal;
use crate::supervisor::engine::{
    Dependency, DrainConfig, HookEvent, Intensity, OnExhausted, Policy, RestartConfig, Strategy,
};

/// Everything one supervisor needs to know, as read from one file.
///
/// It serialises under the keys of the file, defaults and all. Durations are in milliseconds, and their keys say so;
/// secrets are masked.
#[derive(Debug, Clone, Serialize)]
pub struct Config {
    /// The file that was read; what names it in errors.
    #[serde(serialize_with = "serial::absolute")]
    pub path: PathBuf,
    /// The directory of that file; relative paths start here, and `.stead/` lies here.
    #[serde(skip)]
    pub root: PathBuf,
    /// `[supervisor]`
    pub supervisor: SupervisorConfig,
    /// `[logs]`
    pub logs: LogsConfig,
    /// `[web]`
    pub web: WebConfig,
    /// `[ui]`
    pub ui: UiConfig,
    /// `[hooks.NAME]`, in the order of the file.
    #[serde(serialize_with = "serial::hooks_by_name")]
    pub hooks: Vec<HookConfig>,
    /// `[groups.NAME]`, in the order of the file.
    #[serde(serialize_with = "serial::groups_by_name")]
    pub groups: Vec<GroupConfig>,
    /// `[tasks.NAME]`, in the order of the file.
    #[serde(serialize_with = "serial::tasks_by_name")]
    pub tasks: Vec<TaskConfig>,
    /// What it was read from.
    #[serde(skip)]
    pub(super) source: Option<Arc<ConfigSource>>,
}

impl Config {
    /// How much of the log of one of its tasks is kept.
    #[must_use]
    pub fn logs_of(&self, task: &TaskConfig) -> LogsConfig {
        self.logs.of_task(task.logs, self.tasks.len())
    }

    /// What the file `path` in the directory `root` says if it is empty.
    #[must_use]
    pub fn new(path: PathBuf, root: PathBuf) -> Self {
        Self {
            supervisor: SupervisorConfig::default(),
            logs: LogsConfig::new(Project::of(&path).state_dir().join("logs")),
            web: WebConfig {
                enabled: true,
                listen: None,
                read: ReadAccess::Token,
                dist: None,
                on_exhausted: OnExhausted::Hold,
            },
            ui: UiConfig::default(),
            hooks: Vec::new(),
            groups: Vec::new(),
            tasks: Vec::new(),
            source: None,
            path,
            root,
        }
    }

    /// The project that this is the configuration of.
    #[must_use]
    pub fn identity(&self) -> Project {
        Project::of(&self.path)
    }

    /// What the project is called: see [`Project::name`].
    #[must_use]
    pub fn project(&self) -> Cow<'_, str> {
        self.identity().name().into()
    }
}

/// `[supervisor]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct SupervisorConfig {
    /// The policy of stead's own surfaces, and what tasks inherit.
    #[serde(flatten)]
    pub restart: RestartConfig,
    /// How long an ordered stop may take.
    #[serde(flatten)]
    pub drain: DrainConfig,
}

/// `[logs]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogsConfig {
    /// Where `NAME.log` lies; absolute.
    #[serde(serialize_with = "serial::absolute")]
    pub dir: PathBuf,
    /// Bytes per segment; 0 turns rotation off.
    pub max_size: u64,
    /// How many old segments are kept.
    pub keep: u32,
    /// Bytes that all logs together may take on the disk; 0: no limit. Old segments are removed, the oldest first.
    pub max_total: u64,
    /// How long an old segment is kept after its last line; for ever by default.
    #[serde(rename = "keep_for_ms", with = "maybe_millis")]
    pub keep_for: Option<Duration>,
}

impl LogsConfig {
    /// What holds if the file says nothing but where the logs are.
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, max_size: 64 << 20, keep: 8, max_total: 4 << 30, keep_for: None }
    }

    /// The same for one of so many tasks: its own limits, and a segment that is not larger than its share. Half of the total
    /// is for what is written, half for what is old.
    #[must_use]
    pub fn of_task(&self, own: TaskLogsConfig, tasks: usize) -> Self {
        let share = self.max_total / (2 * tasks.max(1) as u64);
        let max_size = own.max_size.unwrap_or(self.max_size);
        let max_size = if self.max_total > 0 && max_size > 0 { max_size.min(share).max(1) } else { max_size };
        Self { max_size, keep: own.keep.unwrap_or(self.keep), ..self.clone() }
    }
}

/// `logs` of a task: where its log has other limits than `[logs]` has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct TaskLogsConfig {
    /// Bytes per segment; 0 turns rotation off.
    pub max_size: Option<u64>,
    /// How many old segments are kept.
    pub keep: Option<u32>,
}

/// `[web]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WebConfig {
    /// Whether the web surface runs at all.
    pub enabled: bool,
    /// The address it listens on; none: a free port of loopback.
    pub listen: Option<SocketAddr>,
    /// Who may read over its port.
    pub read: ReadAccess,
    /// A directory with a bundle to serve instead of the embedded one; absolute.
    #[serde(serialize_with = "serial::absolute_if_any")]
    pub dist: Option<PathBuf>,
    /// What it means if it fails for good: by default it is held as failed, and tried again now and then.
    pub on_exhausted: OnExhausted,
}

/// Who may read over the web's port. A change always needs the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadAccess {
    /// Clients that have the token.
    Token,
    /// Every client on this machine. Beyond it the token is needed all the same.
    Anyone,
}

impl WebConfig {
    /// Whether other machines may reach it.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.listen.is_some_and(|listen| !listen.ip().to_canonical().is_loopback())
    }
}

/// `[ui]`: the dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UiConfig {
    /// Whether the terminal is asked to show a desktop notice when a task has failed for good or everything ends.
    pub notify: bool,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { notify: true }
    }
}

/// `[hooks.NAME]`: what is called when something happens to tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookConfig {
    /// Its unique name, as of a task.
    #[serde(skip)]
    pub name: String,
    /// What calls it; never empty.
    pub on: Vec<HookEvent>,
    /// Only of these tasks; of all, if it is empty.
    pub tasks: Vec<String>,
    /// How it is called.
    #[serde(flatten)]
    pub call: HookCall,
    /// A call that takes longer has failed; 10 s by default.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
}

/// How a hook is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HookCall {
    /// This is run.
    Command(CommandLine),
    /// A POST to this `http://` URL, which may name a user and a password.
    Url(SecretUrl),
}

/// `[groups.NAME]`: tasks that are named, restarted and given up together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupConfig {
    /// Its unique name among groups, as of a task.
    #[serde(skip)]
    pub name: String,
    /// The names of its tasks, in its order; never empty.
    pub tasks: Vec<String>,
    /// Which of them are restarted with one of them; that one alone by default.
    pub strategy: Strategy,
    /// How many restarts all of them may have; no limit by default.
    pub intensity: Option<Intensity>,
    /// What it means if that is spent.
    pub on_exhausted: OnExhausted,
}

/// `[tasks.NAME]`: one child process to supervise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TaskConfig {
    /// Its unique name: 1 to 64 of letters, digits, `-`, `_` and `.`, not starting with a dot or dash.
    #[serde(skip)]
    pub name: String,
    /// What it is, in a few words for people.
    pub description: Option<String>,
    /// Whether it starts without being asked to, or needed by another.
    pub autostart: bool,
    /// It starts only where one of these is chosen; always, if it has none.
    pub profiles: Vec<String>,
    /// When it is due; if it is not by time, never.
    pub schedule: Option<ScheduleConfig>,
    /// Files whose changes mean something.
    pub watch: Option<WatchConfig>,
    /// What is run.
    pub command: CommandLine,
    /// Where it runs; absolute.
    #[serde(serialize_with = "serial::absolute")]
    pub dir: PathBuf,
    /// Variables set on top of the supervisor's own environment, as the files said when the configuration was read.
    pub env: Variables,
    /// What an exit means.
    pub policy: Policy,
    /// What a spent budget means.
    pub on_exhausted: OnExhausted,
    /// The restart keys, `[supervisor]`'s where the task says nothing.
    #[serde(flatten)]
    pub restart: RestartConfig,
    /// What must hold before it starts.
    #[serde(serialize_with = "serial::after")]
    pub after: Vec<Dependency>,
    /// The ports that it listens on, in the order of the file.
    #[serde(serialize_with = "serial::ports_by_name")]
    pub ports: Vec<PortConfig>,
    /// How it is known to be ready; without one it is ready as soon as it runs.
    pub ready: Option<ReadyConfig>,
    /// How it is known to be alive, once it was ready; without one it is as long as it runs.
    pub live: Option<LiveConfig>,
    /// How it is asked to stop.
    pub stop: StopConfig,
    /// What each of its processes may use at most.
    pub limits: Limits,
    /// More memory than this, in bytes and summed over its processes, ends the run as a failure.
    pub max_memory: Option<u64>,
    /// Where its log has limits of its own.
    pub logs: TaskLogsConfig,
    /// Added to the niceness it inherits: from -20 to 19, 0 by default.
    pub nice: i32,
    /// The user it runs as; by default stead's own.
    pub user: Option<Account>,
    /// Its group; the user's own, or stead's, by default.
    pub group: Option<Account>,
    /// The file mode bits it withholds; stead's own by default.
    #[serde(serialize_with = "serial::octal")]
    pub umask: Option<u32>,
    /// Whether it gets a terminal instead of pipes.
    pub tty: bool,
    /// What it reads from its standard input, unless that is a terminal.
    pub stdin: TaskStdin,
    /// Exit codes that count as success; `[0]` by default.
    pub success_exit_codes: Vec<i32>,
    /// What is read again at each start.
    #[serde(skip)]
    pub source: TaskSource,
}

impl TaskConfig {
    /// A task that says nothing but what it runs, and where.
    #[must_use]
    pub fn new(name: String, command: CommandLine, dir: PathBuf) -> Self {
        Self {
            name,
            description: None,
            autostart: true,
            profiles: Vec::new(),
            schedule: None,
            watch: None,
            command,
            dir,
            env: Variables::new(),
            policy: Policy::OnFailure,
            on_exhausted: OnExhausted::Hold,
            restart: RestartConfig::default(),
            after: Vec::new(),
            ports: Vec::new(),
            ready: None,
            live: None,
            stop: StopConfig::default(),
            limits: Limits::default(),
            max_memory: None,
            logs: TaskLogsConfig::default(),
            nice: 0,
            user: None,
            group: None,
            umask: None,
            tty: false,
            stdin: TaskStdin::Null,
            success_exit_codes: vec![0],
            source: TaskSource::default(),
        }
    }
}

/// `stdin`: what a task without a terminal reads from its standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskStdin {
    /// The end of file, at once.
    Null,
    /// Nothing, and no end as long as stead lives: some programs take the end for that of the program that started them.
    Open,
}

/// `stop`: how a task is asked to stop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StopConfig {
    /// The signal sent to the whole tree; `SIGTERM` by default.
    pub signal: Signal,
    /// A command that is run first; the signal follows if it has no effect.
    pub command: Option<CommandLine>,
    /// How long it may take before the whole tree is killed; 10 s by default.
    #[serde(rename = "timeout_ms", with = "millis")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
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

impl From<Account> for String {
    fn from(account: Account) -> Self {
        account.to_string()
    }
}
