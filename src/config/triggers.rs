//! What starts a task beside people and its policy: `schedule`, `every`, and `watch`.

use std::path::PathBuf;
use std::time::Duration;

use croner::Cron;
use croner::parser::CronParser;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::kind::{AnyText, Complaint, Given, Kind, ListOf, OneOf, Runnable, refuse};
use super::parsed::{DURATION, PERIOD, Parsed, SIGNAL};
use super::table::{Table, describe_root};
use super::{CommandLine, TaskConfig};
use crate::duration::millis;
use crate::signal::Signal;
use crate::supervisor::engine::{Overlap, Policy, WatchAction};

/// When a task is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScheduleConfig {
    /// The times.
    #[serde(flatten)]
    pub times: DueTimes,
    /// The zone that a cron pattern is meant in, by its IANA name; the system's if none.
    pub time_zone: Option<String>,
    /// What a time means while the task still runs.
    pub overlap: Overlap,
}

/// The times at which a task is due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DueTimes {
    /// As a cron pattern says.
    Schedule(String),
    /// Again and again, this long after the last time.
    #[serde(rename = "every_ms", with = "millis")]
    Every(Duration),
}

/// `watch`: files whose changes mean something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchConfig {
    /// Patterns of paths, relative to `root`.
    pub paths: Vec<String>,
    /// Patterns of paths that are left out.
    pub ignore: Vec<String>,
    /// The directory of the file that it stands in.
    #[serde(skip)]
    pub root: PathBuf,
    /// How long nothing more may change before a change counts; 300 ms by default.
    #[serde(rename = "debounce_ms", with = "millis")]
    pub debounce: Duration,
    /// What a change means.
    #[serde(rename = "do")]
    pub action: OnChange,
}

/// What a changed file means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// A restart.
    Restart,
    /// This signal to the main process.
    Signal(Signal),
    /// This is run in the directory of the task.
    Run(CommandLine),
}

impl OnChange {
    /// As the engine has it.
    #[must_use]
    pub fn action(&self) -> WatchAction {
        match self {
            Self::Restart => WatchAction::Restart,
            Self::Signal(signal) => WatchAction::Signal(*signal),
            Self::Run(_) => WatchAction::Run,
        }
    }
}

impl ScheduleConfig {
    /// The first time after `after`, if there is one. `since` is what a period counts from.
    #[must_use]
    pub fn next(&self, after: Timestamp, since: Timestamp) -> Option<Timestamp> {
        match &self.times {
            DueTimes::Schedule(pattern) => {
                let zone = match &self.time_zone {
                    Some(name) => TimeZone::get(name).ok()?,
                    None => TimeZone::system(),
                };
                let cron = parse_cron(pattern).ok()?;
                cron.find_next_occurrence(&after.to_zoned(zone), false).ok().map(|next: Zoned| next.timestamp())
            }
            DueTimes::Every(period) => {
                let period = i128::try_from(period.as_nanos()).ok().filter(|period| *period > 0)?;
                let passed = after.as_nanosecond().saturating_sub(since.as_nanosecond()).max(0);
                let next = since.as_nanosecond().saturating_add(period.saturating_mul(passed / period + 1));
                Timestamp::from_nanosecond(next).ok()
            }
        }
    }
}

fn parse_cron(pattern: &str) -> Result<Cron, String> {
    CronParser::builder().build().parse(pattern).map_err(|error| error.to_string())
}

const CRON: Parsed<String> = Parsed {
    what: "a cron pattern like \"0 3 * * *\"",
    parse: |text| {
        let cron = parse_cron(text).map_err(|error| {
            format!("not a cron pattern: {error}; expected minute, hour, day, month and weekday, like \"0 3 * * *\"")
        })?;
        match cron.find_next_occurrence(&Zoned::now(), false) {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err("this never comes: no date is like it".to_owned()),
        }
    },
    show: String::clone,
    examples: &["0 3 * * *", "*/15 * * * *", "@daily"],
};

const TIME_ZONE: Parsed<String> = Parsed {
    what: "a time zone like \"Europe/Berlin\"",
    parse: |text| match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("no time zone is called so; expected a name like \"Europe/Berlin\" or \"UTC\"".to_owned()),
    },
    show: String::clone,
    examples: &["UTC", "Europe/Berlin"],
};

const OVERLAP: OneOf<Overlap> =
    OneOf(&[("skip", Overlap::Skip), ("queue", Overlap::Queue), ("replace", Overlap::Replace)]);

const WATCH: &str = "Files whose changes mean something: patterns of paths, or a table with more. What .gitignore names is \
                     left out.";

/// Reads the keys of both.
pub(super) fn read(table: &mut Table<'_>, task: &mut TaskConfig) {
    let about = "When it runs: a cron pattern, minute first. Until then it is `scheduled`.";
    let cron = table.get("schedule", &CRON, about).map(DueTimes::Schedule);
    let every =
        table.get("every", &PERIOD, "How often it runs, at the first time after this long.").map(DueTimes::Every);
    let about = "The time zone that `schedule` is meant in. Default: the system's.";
    let time_zone = table.get("time_zone", &TIME_ZONE, about);
    let mut overlap = Overlap::Skip;
    let about = "What a time means while it still runs: nothing, once more right after, or a new run instead.";
    table.or("overlap", &OVERLAP, about, &mut overlap);
    check_schedule(table, task.policy);
    task.schedule = cron.or(every).map(|times| ScheduleConfig { times, time_zone, overlap });
    task.watch = watch(table);
}

fn check_schedule(table: &mut Table<'_>, policy: Policy) {
    let refused = |table: &mut Table<'_>, key: &str, why: &str, remedy: &str| {
        let title = format!("`{key}` {why} {}", table.place());
        table.report(table.key_span(key), title, remedy);
    };
    if table.has("schedule") && table.has("every") {
        refused(table, "every", "contradicts `schedule`", "remove one of them");
    }
    if table.has("time_zone") && !table.has("schedule") {
        refused(table, "time_zone", "has no effect without `schedule`", "add a `schedule`, or remove this");
    }
    let is_scheduled = table.has("schedule") || table.has("every");
    if table.has("overlap") && !is_scheduled {
        refused(table, "overlap", "has no effect without `schedule` or `every`", "add one of them, or remove this");
    }
    let contradicts = "contradicts a schedule";
    match policy {
        Policy::Always if is_scheduled => {
            refused(
                table,
                "restart",
                contradicts,
                "it would never wait for its time: expected \"on-failure\" or \"never\"",
            );
        }
        Policy::Critical if is_scheduled => {
            refused(table, "critical", contradicts, "its first exit would end everything: expected \"on-failure\"");
        }
        Policy::Always | Policy::Critical | Policy::CriticalOnFailure | Policy::OnFailure | Policy::Never => {}
    }
}

fn watch(table: &mut Table<'_>) -> Option<WatchConfig> {
    let root = table.sources().dir(&table.key_span("watch")).to_owned();
    if table.written("watch").is_some_and(|written| written.get_ref().as_table().is_some()) {
        return table.table("watch", WATCH, |table| watch_keys(table, root)).flatten();
    }
    let paths = table.get("watch", &WatchForm, WATCH)?;
    if paths.is_empty() {
        table.refuse("watch", "expected at least one pattern, like \"src/**/*.py\"");
    }
    let (ignore, debounce) = (Vec::new(), DEBOUNCE);
    Some(WatchConfig { paths, ignore, root, debounce, action: OnChange::Restart })
}

const DEBOUNCE: Duration = Duration::from_millis(300);

fn watch_keys(table: &mut Table<'_>, root: PathBuf) -> Option<WatchConfig> {
    let paths = table.require("paths", &ListOf(PathPattern), "Patterns of paths, relative to this file's directory.");
    if paths.as_ref().is_some_and(Vec::is_empty) {
        table.refuse("paths", "expected at least one pattern, like \"src/**/*.py\"");
    }
    let ignore = table.get("ignore", &ListOf(PathPattern), "Patterns of paths that are left out.").unwrap_or_default();
    let mut debounce = DEBOUNCE;
    table.or("debounce", &DURATION, "How long nothing more may change before a change counts.", &mut debounce);
    let about = "What a change means: \"restart\", \"reload-signal\" (SIGHUP), { signal = \"SIGUSR1\" }, or { run = \"make css\" }, \
                 which finds the file in STEAD_CHANGED.";
    let action = table.get("do", &ChangeForm, about).unwrap_or(OnChange::Restart);
    Some(WatchConfig { paths: paths?, ignore, root, debounce, action })
}

/// A pattern of paths.
struct PathPattern;

impl Kind for PathPattern {
    type Value = String;

    fn read(&self, given: &Given<'_>) -> Result<String, Vec<Complaint>> {
        let pattern = AnyText.read(given)?;
        match globset::Glob::new(&pattern) {
            _ if pattern.is_empty() || pattern.starts_with('/') || pattern.starts_with("../") => {
                refuse(given, "expected a path below this file's directory, like \"src/**/*.py\"")
            }
            Ok(_) => Ok(pattern.strip_prefix("./").unwrap_or(&pattern).to_owned()),
            Err(error) => refuse(given, format!("not a pattern: {}", error.kind())),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": 1, "examples": ["src/**/*.py"] })
    }
}

/// The short form of `watch`, which describes the long one, too.
struct WatchForm;

impl Kind for WatchForm {
    type Value = Vec<String>;

    fn read(&self, given: &Given<'_>) -> Result<Vec<String>, Vec<Complaint>> {
        ListOf(PathPattern).read(given)
    }

    fn schema(&self) -> Json {
        let long = describe_root(|table| watch_keys(table, PathBuf::new()));
        json!({ "anyOf": [ListOf(PathPattern).schema(), long] })
    }
}

/// The value of `do`.
struct ChangeForm;

const WORDS: OneOf<bool> = OneOf(&[("restart", false), ("reload-signal", true)]);

impl Kind for ChangeForm {
    type Value = OnChange;

    fn read(&self, given: &Given<'_>) -> Result<OnChange, Vec<Complaint>> {
        const REMEDY: &str =
            "expected \"restart\", \"reload-signal\", { signal = \"SIGHUP\" } or { run = \"make css\" }";
        let (Some(written), Some(filled)) = (given.written.get_ref().as_table(), given.value().as_table()) else {
            let is_signal =
                WORDS.read(given).map_err(|_| vec![Complaint { span: given.span(), remedy: REMEDY.into() }])?;
            return Ok(if is_signal { OnChange::Signal(Signal::HUP) } else { OnChange::Restart });
        };
        let keys: Vec<_> = written.keys().collect();
        let part = |key| Some(Given { written: written.get(key)?, filled: filled.get(key)?, dir: given.dir });
        match (keys.as_slice(), part("signal"), part("run")) {
            ([_], Some(signal), None) => SIGNAL.read(&signal).map(OnChange::Signal),
            ([_], None, Some(run)) => Runnable.read(&run).map(OnChange::Run),
            _ => refuse(given, REMEDY),
        }
    }

    fn schema(&self) -> Json {
        let one = |key: &str, schema: Json| json!({ "type": "object", "properties": { key: schema }, "required": [key], "additionalProperties": false });
        json!({ "anyOf": [WORDS.schema(), one("signal", SIGNAL.schema()), one("run", Runnable.schema())] })
    }
}
