//! The file as a whole: its sections and their keys, read into a [`Config`].
//!
//! Every key is named here or in `task`, once, with what it means.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};

use super::groups::DeclaredGroup;
use super::kind::{FileName, FilePath, Flag, ListOf, OneOf, Share, Size, Whole};
use super::parsed::{ADDRESS, DURATION, PERIOD};
use super::report::MistakeReport;
use super::scope::Scope;
use super::table::{Foreign, Table, describe_root, read_root, reread_root};
use super::value::FileTable;
use super::{
    Config, LogsConfig, ReadAccess, TaskConfig, UiConfig, WebConfig, environment, graph, groups, hooks, include, ports,
    task,
};
use crate::duration::Pretty;
use crate::supervisor::engine::{DrainConfig, Intensity, RestartConfig};

/// Reads the whole file. Where something is wrong the report says so, and what is returned means nothing.
pub(super) fn read(
    entries: &FileTable,
    scope: Scope,
    path: PathBuf,
    root: PathBuf,
    report: &mut MistakeReport,
) -> Config {
    let (config, declared, groups, names) = read_root(entries, scope, report, |file| {
        let (config, declared, groups) = sections(file, path, root);
        if declared.is_empty() && !file.has_entries("tasks") {
            let remedy = "add one, like:  [tasks.hello]  command = \"echo hello; sleep 60\"";
            file.report_missing(&["tasks"], "no task is declared: there is nothing to supervise", remedy);
        }
        (config, declared, groups, file.names_in("tasks"))
    });
    graph::check(&declared, &names, report);
    groups::check(&groups, &declared, report);
    ports::check(&declared, report);
    let groups = groups.into_iter().map(|declared| declared.group).collect();
    Config { tasks: declared.into_iter().map(|declared| declared.task).collect(), groups, ..config }
}

/// Reads one task of a file that has been read before, with its env files as they are now.
pub(super) fn reread_task(
    entries: &FileTable,
    scope: Scope,
    state_dir: &Path,
    name: &str,
    report: &mut MistakeReport,
) -> Option<TaskConfig> {
    reread_root(entries, scope, report, |file| {
        ports::provide(file, state_dir);
        read_environment(file);
        file.table_of("tasks", name, |table| task::read(table, &RestartConfig::default()).task)
    })
}

/// The JSON Schema of the file (draft 2020-12).
#[must_use]
pub fn schema() -> Json {
    let mut schema = describe_root(|file| sections(file, PathBuf::new(), PathBuf::new()));
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("stead.toml");
    schema["description"] = json!("What stead keeps running.");
    schema
}

fn sections(file: &mut Table<'_>, path: PathBuf, root: PathBuf) -> (Config, Vec<task::Declared>, Vec<DeclaredGroup>) {
    file.knows(FOREIGN);
    // Where it is used is described by `include`; here it is only a key.
    file.get("include", &ListOf(FileName), include::ABOUT);
    let mut config = Config::new(path, root);
    ports::provide(file, &config.identity().state_dir());
    let Config { supervisor, logs, web, ui, .. } = &mut config;
    read_environment(file);
    environment::describe_variables(file, "Variables for every task, over those of `[supervisor] env_file`.");
    file.table("supervisor", "The policy of stead's own surfaces, and what tasks inherit.", |table| {
        let about = "Files of NAME=VALUE lines, for every task. With a `?` at its end one may be missing.";
        environment::describe_files(table, about);
        restart_keys(table, &mut supervisor.restart);
        drain_keys(table, &mut supervisor.drain);
    });
    file.table("logs", "Where the tasks' output is kept.", |table| logs_keys(table, logs));
    file.table("web", "The page in the browser, and the API.", |table| web_keys(table, web));
    file.table("ui", "The dashboard in the terminal.", |table| ui_keys(table, ui));
    let about = "The processes to supervise. A name is 1 to 64 of letters, digits, `-`, `_` and `.`.";
    let tasks = file.tables("tasks", about, task::names, |table| task::read(table, &supervisor.restart));
    let known: Vec<_> = tasks.iter().map(task::Declared::name).collect();
    let about = "Tasks that are named, restarted and given up together. Commands take `@NAME` for all of them.";
    let groups = file.tables("groups", about, groups::names, |table| groups::read(table, &known));
    let about = "Commands and webhooks that are called when a task fails, is given up, recovers, or ends everything.";
    let hooks = file.tables("hooks", about, hooks::names, |table| hooks::read(table, &known));
    config.hooks = hooks.into_iter().flatten().collect();
    (config, tasks, groups)
}

/// Reads what every task's environment is made of; the rest of the file may use it.
fn read_environment(file: &mut Table<'_>) {
    let scope = file.peek("supervisor", |table| {
        environment::read_files(table);
        table.scope.clone()
    });
    file.scope = scope.unwrap_or_else(|| file.scope.clone());
    environment::read_variables(file);
}

/// What the sections are called elsewhere.
const FOREIGN: &[Foreign] = &[
    Foreign {
        words: &["services", "processes", "process", "programs", "program", "apps", "commands", "task", "jobs"],
        key: "tasks",
        remedy: "stead's word is `tasks`: [tasks.NAME]",
    },
    Foreign { words: &["environment", "vars", "variables"], key: "env", remedy: "stead's word is `env`: [env]" },
    Foreign {
        words: &["env_file", "env_files", "dotenv"],
        key: "supervisor",
        remedy: "it belongs to `[supervisor]`: env_file = [\".env?\"]",
    },
    Foreign {
        words: &["includes", "extends", "imports"],
        key: "include",
        remedy: "stead's word is `include`: include = [\"base.toml\"]",
    },
];

/// The keys that `[supervisor]` and every task have in common. `restart` holds what is inherited.
pub(super) fn restart_keys(table: &mut Table<'_>, restart: &mut RestartConfig) {
    let about = "The retry budget: restarts without a stable run in between.";
    table.or("max_retries", &Whole(0, u32::MAX), about, &mut restart.max_retries);
    let about = "A run this long is stable and gives the whole budget back.";
    table.or("reset_after", &DURATION, about, &mut restart.reset_after);
    let first =
        table.or("initial_backoff", &DURATION, "The first wait before a restart.", &mut restart.initial_backoff);
    let about = "The longest wait: every restart doubles it up to here. \
                 Where only one of the two is written, the other yields.";
    let longest = table.or("max_backoff", &DURATION, about, &mut restart.max_backoff);
    agree_on_backoff(table, first, longest, restart);
    let about = "The share of the wait, 0 to 1, that is added at random.";
    table.or("jitter", &Share, about, &mut restart.jitter);
    let about = "A second limit, over a sliding window: one restart more than this escalates. Off when left out.";
    restart.intensity = intensity(table, about).or(restart.intensity);
    let about = "A start that takes longer has failed.";
    table.or("start_timeout", &DURATION, about, &mut restart.start_timeout);
}

/// How many restarts there may be within a window.
pub(super) fn intensity(table: &mut Table<'_>, about: &'static str) -> Option<Intensity> {
    let intensity = table.table("intensity", about, |table| {
        let restarts = table.require("restarts", &Whole(1, Intensity::MOST), "How many restarts are still fine.");
        let within = table.require("within", &PERIOD, "The length of the window.");
        Some(Intensity { restarts: restarts?, within: within? })
    });
    intensity.flatten()
}

/// The first wait is never longer than the longest. Where one of the two is inherited it yields to the one
/// that is written here; two that are written side by side must agree.
fn agree_on_backoff(table: &mut Table<'_>, first: bool, longest: bool, restart: &mut RestartConfig) {
    if restart.initial_backoff <= restart.max_backoff {
        return;
    }
    match (first, longest) {
        (true, true) => {
            let first = Pretty(restart.initial_backoff);
            table.refuse("max_backoff", format!("expected at least `initial_backoff`, which is {first}"));
        }
        (true, false) => restart.max_backoff = restart.initial_backoff,
        (false, _) => restart.initial_backoff = restart.max_backoff,
    }
}

fn drain_keys(table: &mut Table<'_>, drain: &mut DrainConfig) {
    let about = "The most time that the ordered stop of everything takes. Default: what the `stop.timeout`s need.";
    drain.graceful = table.get("drain", &DURATION, about);
    table.or("drain_fatal", &DURATION, "The most time that it takes after a fatal end.", &mut drain.fatal);
}

fn logs_keys(table: &mut Table<'_>, logs: &mut LogsConfig) {
    let about = "The directory of the logs, NAME.log for each task. Default: `logs` in the state directory, `.stead`.";
    if let Some(dir) = table.get("dir", &FilePath, about) {
        logs.dir = dir;
    }
    table.or("max_size", &Size, "Bytes per segment; 0 turns rotation off.", &mut logs.max_size);
    table.or("keep", &Whole(0, u32::MAX), "How many old segments are kept.", &mut logs.keep);
    let about = "Bytes that all logs together may take: the oldest segments are removed. 0: no limit.";
    table.or("max_total", &Size, about, &mut logs.max_total);
    let about = "How long an old segment is kept after its last line, like \"14d\". Default: for ever.";
    logs.keep_for = table.get("keep_for", &PERIOD, about);
}

fn ui_keys(table: &mut Table<'_>, ui: &mut UiConfig) {
    let about =
        "Whether the terminal is asked for a desktop notice (OSC 9) when a task has failed for good, or is fatal.";
    table.or("notify", &Flag, about, &mut ui.notify);
}

const READ_ACCESS: OneOf<ReadAccess> = OneOf(&[("token", ReadAccess::Token), ("anyone", ReadAccess::Anyone)]);

fn web_keys(table: &mut Table<'_>, web: &mut WebConfig) {
    table.or("enabled", &Flag, "Whether the page is served at all.", &mut web.enabled);
    let about =
        "Where the page is served. Default: port 7070 of 127.0.0.1, or a free one that stays the same from day to day.";
    web.listen = table.get("listen", &ADDRESS, about);
    let about = "Who may read over its port: clients that have the token, or anyone on this machine.";
    table.or("read", &READ_ACCESS, about, &mut web.read);
    let about = "A directory with a bundle to serve instead of the embedded one.";
    web.dist = table.get("dist", &FilePath, about);
    let about = "What it means that it fails for good, as when its port is taken: hold it as failed and try again now and \
                 then, or end everything.";
    table.or("on_exhausted", &task::ON_EXHAUSTED, about, &mut web.on_exhausted);
}
