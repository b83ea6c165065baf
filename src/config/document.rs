//! The file as a whole: its sections and their keys, read into a [`Config`].
//!
//! Every key is named here or in `task`, once, with what it means.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use toml::de::DeTable;

use super::kind::{FilePath, Flag, Share, Size, Whole};
use super::parsed::{ADDRESS, DURATION, PERIOD};
use super::report::Report;
use super::table::{Table, describe_root, read_root};
use super::{Config, LogsConfig, Project, UiConfig, WebConfig, graph, hooks, task};
use crate::duration::Pretty;
use crate::supervisor::engine::{DrainConfig, Intensity, RestartConfig};

/// Reads the whole file. Where something is wrong the report says so, and what is returned means nothing.
pub(super) fn read(entries: &DeTable<'_>, path: PathBuf, root: PathBuf, report: &mut Report) -> Config {
    let (config, declared) = read_root(entries, report, |file| sections(file, path, root));
    if entries.get("tasks").is_none_or(|tasks| tasks.get_ref().as_table().is_some_and(DeTable::is_empty)) {
        let remedy = "add one, like:  [tasks.hello]  command = \"echo hello; sleep 60\"";
        report.add_missing(0..0, "no task is declared: there is nothing to supervise", remedy);
    }
    graph::check(&declared, report);
    Config { tasks: declared.into_iter().map(|declared| declared.task).collect(), ..config }
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

fn sections(file: &mut Table<'_>, path: PathBuf, root: PathBuf) -> (Config, Vec<task::Declared>) {
    let (mut drain, mut restart) = (DrainConfig::default(), RestartConfig::default());
    let mut logs = LogsConfig { dir: Project::of(&path).state_dir().join("logs"), max_size: 64 << 20, keep: 8 };
    let mut web = WebConfig { enabled: true, listen: SocketAddr::from(([127, 0, 0, 1], 7070)), dist: None };
    let mut ui = UiConfig::default();

    file.table("supervisor", "The policy of stead's own surfaces, and what tasks inherit.", |table| {
        restart_keys(table, &mut restart);
        drain_keys(table, &mut drain);
    });
    file.table("logs", "Where the tasks' output is kept.", |table| logs_keys(table, &root, &mut logs));
    file.table("web", "The page in the browser, and the API.", |table| web_keys(table, &root, &mut web));
    file.table("ui", "The dashboard in the terminal.", |table| ui_keys(table, &mut ui));
    let about = "The processes to supervise. A name is 1 to 64 of letters, digits, `-`, `_` and `.`.";
    let tasks = file.tables("tasks", about, task::names, |table| task::read(table, &root, &restart));
    let known: Vec<_> = tasks.iter().map(task::Declared::name).collect();
    let about = "Who is told when a task fails, is given up, recovers, or ends everything.";
    let hooks = file.tables("hooks", about, hooks::names, |table| hooks::read(table, &known));
    let hooks = hooks.into_iter().flatten().collect();
    (Config { path, root, drain, logs, web, ui, hooks, restart, tasks: Vec::new() }, tasks)
}

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
    let intensity = table.table("intensity", about, |table| {
        let restarts = table.require("restarts", &Whole(1, Intensity::MOST), "How many restarts are still fine.");
        let within = table.require("within", &PERIOD, "The length of the window.");
        Some(Intensity { restarts: restarts?, within: within? })
    });
    restart.intensity = intensity.flatten().or(restart.intensity);
    let about = "A start that takes longer has failed.";
    table.or("start_timeout", &DURATION, about, &mut restart.start_timeout);
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
    table.or("drain", &DURATION, "How long an ordered stop may take.", &mut drain.graceful);
    table.or("drain_fatal", &DURATION, "How long the stop after a fatal end may take.", &mut drain.fatal);
}

fn logs_keys(table: &mut Table<'_>, root: &Path, logs: &mut LogsConfig) {
    let about = "The directory of the logs, NAME.log for each task. Default: `logs` in the state directory, `.stead`.";
    if let Some(dir) = table.get("dir", &FilePath, about) {
        logs.dir = root.join(dir);
    }
    table.or("max_size", &Size, "Bytes per segment; 0 turns rotation off.", &mut logs.max_size);
    table.or("keep", &Whole(0, u32::MAX), "How many old segments are kept.", &mut logs.keep);
}

fn ui_keys(table: &mut Table<'_>, ui: &mut UiConfig) {
    let about =
        "Whether the terminal is asked for a desktop notice (OSC 9) when a task has failed for good, or is fatal.";
    table.or("notify", &Flag, about, &mut ui.notify);
}

fn web_keys(table: &mut Table<'_>, root: &Path, web: &mut WebConfig) {
    table.or("enabled", &Flag, "Whether the page is served at all.", &mut web.enabled);
    table.or("listen", &ADDRESS, "Where the page is served.", &mut web.listen);
    let about = "A directory with a bundle to serve instead of the embedded one.";
    web.dist = table.get("dist", &FilePath, about).map(|dist| root.join(dist));
}
