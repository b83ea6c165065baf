//! `[tasks.NAME]`: the keys of one task.

use serde_json::{Value as Json, json};

use super::after;
use super::builtin::BUILTIN_NAMESPACE;
use super::document::restart_keys;
use super::kind::{
    AccountName, AnyText, Complaint, FilePath, Flag, Given, Kind, ListOf, OneOf, Runnable, Signed, Size, Whole,
};
use super::parsed::{DURATION, PERIOD, SIGNAL, UMASK};
use super::report::Span;
use super::table::Table;
use super::triggers;
use super::{
    CommandLine, Limits, Replica, StopConfig, TaskConfig, TaskLogsConfig, TaskStdin, environment, foreign, ports,
    probe, replicas,
};
use crate::signal::Signal;
use crate::supervisor::engine::{OnExhausted, Policy, RestartConfig};

/// The longest name: it is part of file names.
pub(super) const NAME_MOST: usize = 64;

const RESTART: OneOf<Policy> =
    OneOf(&[("always", Policy::Always), ("on-failure", Policy::OnFailure), ("never", Policy::Never)]);

pub(super) const ON_EXHAUSTED: OneOf<OnExhausted> =
    OneOf(&[("hold", OnExhausted::Hold), ("fatal", OnExhausted::Fatal)]);

const STDIN: OneOf<TaskStdin> = OneOf(&[("null", TaskStdin::Null), ("open", TaskStdin::Open)]);

/// As setpriority(2) has it.
const NICE: Signed = Signed(-20, 19);

/// As wait(2) has it.
const EXIT_CODE: Signed = Signed(0, 255);

/// A task, and where its parts stand.
pub(super) struct Declared {
    pub(super) task: TaskConfig,
    /// The keys of `after`, in the order of the task's `after`.
    pub(super) after: Vec<Span>,
    /// The keys of `ports`, in the order of the task's `ports`.
    pub(super) ports: Vec<Span>,
    /// All replicas; the task is the first of them, under the name of the table. Empty, if it is not several.
    pub(super) replicas: Vec<TaskConfig>,
    /// The place of `replicas`, or of the table.
    pub(super) replicas_span: Span,
}

/// Reads one task. `inherited` are `[supervisor]`'s restart keys.
pub(super) fn read(table: &mut Table<'_>, inherited: &RestartConfig) -> Declared {
    table.knows(foreign::TASK);
    check_name(table, "task");
    let (scope, mistakes) = (table.scope.clone(), table.mistakes());
    let Some(count) = replicas::read(table) else { return read_one(table, inherited, None) };
    let replica = |table: &Table<'_>, number| Replica { of: table.key().to_owned(), number };
    let first = replica(table, 1);
    ports::check_replicas(table, count);
    let mut declared = read_one(table, inherited, Some(first));
    declared.replicas.push(declared.task.clone());
    for number in 2..=count {
        // What is wrong is wrong with all of them.
        if table.mistakes() > mistakes {
            break;
        }
        let other = replica(table, number);
        declared.replicas.push(table.again(scope.clone(), |table| read_one(table, inherited, Some(other)).task));
    }
    declared
}

/// Reads one task, or one replica of it.
pub(super) fn read_one(table: &mut Table<'_>, inherited: &RestartConfig, replica: Option<Replica>) -> Declared {
    if let Some(replica) = &replica {
        replicas::provide(table, replica);
    }
    // Before what may use the variables.
    environment::read_files(table);
    let owner = replica.as_ref().map_or_else(|| table.key().to_owned(), Replica::name);
    let (ports, port_spans) = ports::read(table, &owner);
    environment::read_variables(table);
    let command = table.require("command", &Runnable, "What is run: a line for `sh -c`, or an array to run as it is.");
    // Without a command the report has a mistake, and this value is not used.
    let command = command.unwrap_or_else(|| CommandLine::argv([""]));
    let dir = table.sources().dir(&table.key_span("command")).to_owned();
    let mut task = TaskConfig::new(table.key().to_owned(), command, dir);
    task.replica = replica;
    task.restart = *inherited;
    task.ports = ports;
    let about =
        "Where it runs, relative to this file's directory. Default: the directory of the file that has its `command`.";
    table.set("dir", &FilePath, about, &mut task.dir);
    environment::describe_variables(table, "Variables, on top of those for every task.");
    let about = "A file, or files, of NAME=VALUE lines, relative to this file's directory. What `env` says wins. With a `?` \
                 at its end one may be missing.";
    environment::describe_files(table, about);
    ports::describe(table);
    task.description = table.get("description", &AnyText, "What it is, in a few words: the details show it.");
    replicas::describe(table);
    start_keys(table, &mut task);
    policy_keys(table, &mut task);
    triggers::read(table, &mut task);
    restart_keys(table, &mut task.restart);
    let after = after::read(table, &mut task);
    table.knows_shorthand("ready", |text| match text.contains("://") {
        true => Some(format!("ready.http = {text:?}")),
        false => Some("ready.http, ready.tcp, ready.exec, ready.log or ready.notify".to_owned()),
    });
    table.knows_shorthand("stop", |text| match text.parse::<Signal>() {
        Ok(signal) => Some(format!("stop.signal = \"{signal}\"")),
        Err(_) => Some(format!("stop.command = {text:?}")),
    });
    let ready = table.table("ready", "How it is known to be ready. Without it: as soon as it runs.", probe::ready);
    task.ready = ready.flatten();
    let about = "How it is known to be alive, once it was ready. A run that is not has failed.";
    task.live = table.table("live", about, probe::live).flatten();
    table.table("stop", "How it is asked to stop.", |table| stop_keys(table, &mut task.stop));
    let about = "What each of its processes may use at most.";
    table.table("limits", about, |table| limits_keys(table, &mut task.limits));
    let about = "More memory than this, summed over its processes, ends the run as a failure.";
    task.max_memory = table.get("max_memory", &Size, about);
    if task.max_memory == Some(0) {
        table.refuse("max_memory", "expected more than nothing; leave it out for no limit");
    }
    let about = "Where its log has other limits than `[logs]` has.";
    table.table("logs", about, |table| logs_keys(table, &mut task.logs));
    table.or("nice", &NICE, "Added to the niceness it inherits: the higher, the less it gets.", &mut task.nice);
    task.user = table.get("user", &AccountName, "The user it runs as, by name or number. Only root can choose.");
    let about = "The group it runs as, by name or number. Default: the user's own.";
    task.group = table.get("group", &AccountName, about);
    task.umask = table.get("umask", &UMASK, "The file mode bits it withholds, in octal.");
    table.or("tty", &Flag, "Whether it gets a terminal instead of pipes.", &mut task.tty);
    let about = "What it reads from standard input: the end of file, or nothing until stead ends, for programs that end with \
                 their input.";
    table.or("stdin", &STDIN, about, &mut task.stdin);
    if task.tty && table.has("stdin") {
        let title = format!("`stdin` has no effect beside `tty = true` {}", table.place());
        table.report(table.key_span("stdin"), title, "a terminal is its standard input: remove one of them");
    }
    let about = "Exit codes that count as success.";
    table.or("success_exit_codes", &ListOf(EXIT_CODE), about, &mut task.success_exit_codes);
    task.env = table.scope.own().clone();
    let replicas_span = table.key_span(replicas::KEY);
    Declared { task, after, ports: port_spans, replicas: Vec::new(), replicas_span }
}

/// The JSON Schema of a name: what `check_name` lets pass.
pub(super) fn names() -> Json {
    json!({ "pattern": name_pattern(), "not": { "pattern": format!("^{}", BUILTIN_NAMESPACE.replace('.', r"\.")) } })
}

pub(super) fn name_pattern() -> String {
    format!("^[A-Za-z0-9_][A-Za-z0-9_.-]{{0,{}}}$", NAME_MOST - 1)
}

/// Reports a table whose key can't be a name.
pub(super) fn check_name(table: &mut Table<'_>, of: &str) {
    let name = table.key();
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let remedy = if name.starts_with(BUILTIN_NAMESPACE) {
        format!("what begins with `{BUILTIN_NAMESPACE}` is stead's own; take another name")
    } else if !plain || name.is_empty() || name.len() > NAME_MOST || name.starts_with(['.', '-']) {
        format!("expected 1 to {NAME_MOST} letters, digits, `-`, `_` and `.`, the first no dot or dash")
    } else {
        return;
    };
    let title = format!("a {of} can't be called `{}`", name.escape_debug());
    table.report(table.span(), title, remedy);
}

/// Whether it starts by itself.
fn start_keys(table: &mut Table<'_>, task: &mut TaskConfig) {
    let about = "Whether it starts by itself. If not, it is on the board as stopped until a person, or a task that needs \
                 it, has it started.";
    table.or("autostart", &Flag, about, &mut task.autostart);
    let about = "It starts by itself only where one of these is chosen, with --profile or STEAD_PROFILES. Without any it \
                 always does.";
    table.or("profiles", &ListOf(AnyText), about, &mut task.profiles);
    if task.profiles.iter().any(|profile| profile.is_empty() || profile.contains(',')) {
        table.refuse("profiles", "expected names without commas");
    }
}

/// What an exit means, and what a spent budget does.
fn policy_keys(table: &mut Table<'_>, task: &mut TaskConfig) {
    let mut critical = Critical::Never;
    let about = "Whether its exit ends everything: whatever the code, or \"on-failure\" alone. Excludes `restart` and \
                 `on_exhausted`.";
    table.or("critical", &CriticalForm, about, &mut critical);
    table.or("restart", &RESTART, "Which exits are followed by a restart.", &mut task.policy);
    let about = "What a spent retry budget does: hold the task as failed, or end everything.";
    table.or("on_exhausted", &ON_EXHAUSTED, about, &mut task.on_exhausted);
    let policy = match critical {
        Critical::Never => return,
        Critical::Always => Policy::Critical,
        Critical::OnFailure => Policy::CriticalOnFailure,
    };
    for key in ["restart", "on_exhausted"] {
        if !table.has(key) {
            continue;
        }
        let title = format!("`{key}` contradicts `critical` {}", table.place());
        let remedy = "the exit of a critical task ends everything: remove this, or `critical`";
        table.report(table.key_span(key), title, remedy);
    }
    (task.policy, task.on_exhausted) = (policy, OnExhausted::Fatal);
}

fn stop_keys(table: &mut Table<'_>, stop: &mut StopConfig) {
    table.or("signal", &SIGNAL, "The signal sent to all its processes.", &mut stop.signal);
    let about = "A command that is run first. The signal follows if it fails, or if the task is still there after half of \
                 the timeout. STEAD_PID is the main process.";
    stop.command = table.get("command", &Runnable, about);
    table.or(
        "timeout",
        &DURATION,
        "How long the command and the signal may take before all its processes are killed.",
        &mut stop.timeout,
    );
    let about = "Whether only its main process gets the signal. All of its processes are killed in the end.";
    table.or("only_parent", &Flag, about, &mut stop.only_parent);
}

fn logs_keys(table: &mut Table<'_>, logs: &mut TaskLogsConfig) {
    logs.max_size = table.get("max_size", &Size, "Bytes per segment; 0 turns rotation off.");
    logs.keep = table.get("keep", &Whole(0, u32::MAX), "How many old segments are kept.");
}

fn limits_keys(table: &mut Table<'_>, limits: &mut Limits) {
    limits.open_files = table.get("open_files", &Whole(3, u32::MAX), "Open files.").map(u64::from);
    limits.memory = table.get("memory", &Size, "Address space: more can't be allocated.");
    let about = "Processor time, rounded up to whole seconds. At its end comes SIGXCPU.";
    limits.cpu_time = table.get("cpu_time", &PERIOD, about).map(|time| time.as_millis().div_ceil(1_000) as u64);
    limits.core = table.get("core", &Size, "The size of a core file; 0 writes none.");
}

/// Which exits end everything.
#[derive(Clone, Copy, PartialEq)]
enum Critical {
    Never,
    Always,
    OnFailure,
}

/// `true`, `false` or `"on-failure"`.
struct CriticalForm;

const CRITICAL: OneOf<Critical> = OneOf(&[("on-failure", Critical::OnFailure)]);

impl Kind for CriticalForm {
    type Value = Critical;

    fn read(&self, given: &Given<'_>) -> Result<Critical, Vec<Complaint>> {
        if given.value().as_text().is_some() {
            return CRITICAL.read(given);
        }
        Flag.read(given).map(|truth| if truth { Critical::Always } else { Critical::Never })
    }

    fn schema(&self) -> Json {
        json!({ "enum": [true, false, "on-failure"] })
    }

    fn show(&self, value: &Critical) -> Json {
        match value {
            Critical::Never => json!(false),
            Critical::Always => json!(true),
            Critical::OnFailure => json!("on-failure"),
        }
    }
}
