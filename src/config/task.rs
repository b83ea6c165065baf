//! `[tasks.NAME]`: the keys of one task.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::document::restart_keys;
use super::kind::{AccountName, CommandLine, FilePath, Flag, ListOf, OneOf, Signed, Size, Whole};
use super::parsed::{DURATION, HTTP, PATTERN, PERIOD, SIGNAL, TCP, UMASK};
use super::report::Span;
use super::table::Table;
use super::{Check, Command, Limits, ReadyConfig, StopConfig, TaskConfig, env};
use crate::supervisor::engine::{Condition, Dependency, OnExhausted, Policy, RestartConfig};

/// The names of stead's own tasks.
pub const RESERVED_NAMES: [&str; 7] = ["warden", "gateway", "web", "control", "hooks", "terminal", "plain"];

/// The longest name: it is part of file names.
const NAME_MOST: usize = 64;

const RESTART: OneOf<Policy> =
    OneOf(&[("always", Policy::Always), ("on-failure", Policy::OnFailure), ("never", Policy::Never)]);

const ON_EXHAUSTED: OneOf<OnExhausted> = OneOf(&[("hold", OnExhausted::Hold), ("fatal", OnExhausted::Fatal)]);

/// As setpriority(2) has it.
const NICE: Signed = Signed(-20, 19);

/// What can be waited for.
const CONDITION: OneOf<Condition> = OneOf(&[
    ("started", Condition::Started),
    ("ready", Condition::Ready),
    ("success", Condition::Success),
    ("exited", Condition::Exited),
]);

/// A task, and where its parts stand.
pub(super) struct Declared {
    pub(super) task: TaskConfig,
    /// The keys of `after`, in the order of the task's `after`.
    pub(super) after: Vec<Span>,
}

/// Reads one task. `inherited` are `[supervisor]`'s restart keys.
pub(super) fn read(table: &mut Table<'_>, root: &Path, inherited: &RestartConfig) -> Declared {
    check_name(table, "task", &RESERVED_NAMES);
    let mut restart = *inherited;
    let command =
        table.require("command", &CommandLine, "What is run: a line for `sh -c`, or an array to run as it is.");
    let dir = table.get("dir", &FilePath, "Where it runs, relative to this file's directory, which is the default.");
    let env = env::read(table, root);
    let (policy, on_exhausted) = policy(table);
    restart_keys(table, &mut restart);
    let (after, after_spans) = after(table);
    let ready = table.table("ready", "How it is known to be ready. Without it: as soon as it runs.", ready);
    let mut stop = StopConfig::default();
    table.table("stop", "How it is asked to stop.", |table| stop_keys(table, &mut stop));
    let mut limits = Limits::default();
    table.table("limits", "What each of its processes may use at most.", |table| limits_keys(table, &mut limits));
    let about = "More memory than this, summed over its processes, ends the run as a failure.";
    let max_memory = table.get("max_memory", &Size, about);
    if max_memory == Some(0) {
        table.refuse("max_memory", "expected more than nothing; leave it out for no limit");
    }
    let mut nice = 0;
    table.or("nice", &NICE, "Added to the niceness it inherits: the higher, the less it gets.", &mut nice);
    let about = "Whom it runs as, by name or number. Only root can choose.";
    let user = table.get("user", &AccountName, about);
    let about = "The group it runs as, by name or number. Default: the user's own.";
    let group = table.get("group", &AccountName, about);
    let umask = table.get("umask", &UMASK, "The file mode bits it withholds, in octal.");
    let mut tty = false;
    table.or("tty", &Flag, "Whether it gets a terminal instead of pipes.", &mut tty);
    let mut codes = vec![0];
    table.or("success_exit_codes", &ListOf(Whole(0, 255)), "Exit codes that count as success.", &mut codes);

    let task = TaskConfig {
        name: table.key().to_owned(),
        // Without a command the report has a mistake, and nobody sees this one.
        command: command.unwrap_or(Command::Argv(Vec::new())),
        dir: dir.map_or_else(|| root.to_owned(), |dir| root.join(dir)),
        env,
        policy,
        on_exhausted,
        restart,
        after,
        ready: ready.flatten(),
        stop,
        limits,
        max_memory,
        nice,
        user,
        group,
        umask,
        tty,
        success_exit_codes: codes.into_iter().filter_map(|code| i32::try_from(code).ok()).collect(),
    };
    Declared { task, after: after_spans }
}

/// The JSON Schema of a name: what `check_name` lets pass.
pub(super) fn names() -> Json {
    json!({ "pattern": name_pattern(), "not": { "enum": RESERVED_NAMES } })
}

pub(super) fn name_pattern() -> String {
    format!("^[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{}}}$", NAME_MOST - 1)
}

/// Reports a table whose key can't be a name.
pub(super) fn check_name(table: &mut Table<'_>, of: &str, reserved: &[&str]) {
    let name = table.key();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let remedy = if reserved.contains(&name) {
        format!("stead's own tasks are called {}; take another name", reserved.join(", "))
    } else if !plain || name.is_empty() || name.len() > NAME_MOST || name.starts_with(['.', '-']) {
        format!("expected 1 to {NAME_MOST} letters, digits, `-`, `_` and `.`, the first no dot or dash")
    } else {
        return;
    };
    let title = format!("a {of} can't be called `{}`", name.escape_debug());
    table.report(table.span(), title, remedy);
}

/// What an exit means, and what a spent budget does.
fn policy(table: &mut Table<'_>) -> (Policy, OnExhausted) {
    let (mut critical, mut policy, mut on_exhausted) = (false, Policy::OnFailure, OnExhausted::Hold);
    let about = "Whether its exit, whatever the code, ends everything. Excludes `restart` and `on_exhausted`.";
    table.or("critical", &Flag, about, &mut critical);
    table.or("restart", &RESTART, "Which exits are followed by a restart.", &mut policy);
    let about = "What a spent retry budget does: hold the task as failed, or end everything.";
    table.or("on_exhausted", &ON_EXHAUSTED, about, &mut on_exhausted);
    if !critical {
        return (policy, on_exhausted);
    }
    for key in ["restart", "on_exhausted"] {
        if !table.has(key) {
            continue;
        }
        let title = format!("`{key}` contradicts `critical = true` {}", table.place());
        let remedy = "the exit of a critical task ends everything: remove this, or `critical`";
        table.report(table.key_span(key), title, remedy);
    }
    (Policy::Critical, OnExhausted::Fatal)
}

fn after(table: &mut Table<'_>) -> (Vec<Dependency>, Vec<Span>) {
    let about = "What must hold before it starts: the names of other tasks, each with a condition.";
    let entries = table.map("after", &CONDITION, about);
    // A condition that is wrong is reported; the name still counts for what is said of cycles.
    let dependency = |condition: Option<Condition>| condition.unwrap_or(Condition::Started);
    entries
        .into_iter()
        .map(|entry| (Dependency { task: entry.key, condition: dependency(entry.value) }, entry.span))
        .unzip()
}

fn ready(table: &mut Table<'_>) -> Option<ReadyConfig> {
    let tcp = table.get("tcp", &TCP, "Ready when this host and port accept a connection.").map(Check::Tcp);
    let http = table.get("http", &HTTP, "Ready when a GET answers with a status from 200 to 399.").map(Check::Http);
    let exec = table.get("exec", &CommandLine, "Ready when this command exits with 0.").map(Check::Exec);
    let log = table.get("log", &PATTERN, "Ready when a line of output matches this.").map(Check::Log);
    let (mut interval, mut timeout) = (Duration::from_secs(2), Duration::from_secs(1));
    table.or("interval", &PERIOD, "The time between two tries.", &mut interval);
    table.or("timeout", &PERIOD, "A try that takes longer has failed.", &mut timeout);
    let about = "So many failed tries in a row end the run as a failure. Without it a failing try never does.";
    let failure_threshold = table.get("failure_threshold", &Whole(1, u32::MAX), about);

    let checks = ["tcp", "http", "exec", "log"].map(|key| table.has(key)).into_iter().filter(|has| *has).count();
    if checks != 1 {
        let count = if checks == 0 { "no check" } else { "more than one check" };
        let title = format!("{count} {}", table.place());
        table.report(table.span(), title, "expected exactly one of `tcp`, `http`, `exec` and `log`");
    }
    Some(ReadyConfig { check: tcp.or(http).or(exec).or(log)?, interval, timeout, failure_threshold })
}

fn stop_keys(table: &mut Table<'_>, stop: &mut StopConfig) {
    table.or("signal", &SIGNAL, "The signal sent to all its processes.", &mut stop.signal);
    stop.command = table.get("command", &CommandLine, "A command run instead of the signal.");
    table.or("timeout", &DURATION, "How long it may take before all its processes are killed.", &mut stop.timeout);
    let about = "Whether only its main process gets the signal. All of its processes are killed in the end.";
    table.or("only_parent", &Flag, about, &mut stop.only_parent);
    for key in ["signal", "only_parent"] {
        if table.has(key) && table.has("command") {
            let title = format!("`{key}` has no effect beside `command` {}", table.place());
            table.report(table.key_span(key), title, "the command is run instead of the signal: remove one of them");
        }
    }
}

fn limits_keys(table: &mut Table<'_>, limits: &mut Limits) {
    limits.open_files = table.get("open_files", &Whole(3, u32::MAX), "Open files.").map(u64::from);
    limits.memory = table.get("memory", &Size, "Address space: more can't be allocated.");
    let about = "Processor time, rounded up to whole seconds. At its end comes SIGXCPU.";
    limits.cpu_time = table.get("cpu_time", &PERIOD, about).map(|time| time.as_millis().div_ceil(1_000) as u64);
    limits.core = table.get("core", &Size, "The size of a core file; 0 writes none.");
}
