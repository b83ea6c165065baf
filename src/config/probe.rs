//! `ready` and `live`: how it is known that a task is ready, and that it is still alive.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use regex::bytes::Regex;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use super::kind::{AnyText, Complaint, Flag, Given, Kind, OneOrMany, Runnable, Whole, refuse};
use super::parsed::{AsWritten, DURATION, HTTP, PATTERN, PERIOD, TCP};
use super::table::Table;
use super::value::FileValue;
use super::{CommandLine, FilledText, Secret, serial};
use crate::duration::{maybe_millis, millis};

/// The time between two tries.
const READY_INTERVAL: Duration = Duration::from_secs(2);
const LIVE_INTERVAL: Duration = Duration::from_secs(10);
/// A try that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(1);
const LIVE_THRESHOLD: u32 = 3;
/// The statuses that mean that all is well.
const GOOD_STATUSES: RangeInclusive<u16> = 200..=399;

/// `ready`: how a task is known to be ready.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadyConfig {
    /// What is tried.
    #[serde(flatten)]
    pub check: Check,
    /// How and how often.
    #[serde(flatten)]
    pub tries: TriesConfig,
    /// So many failed tries in a row end the run as a failure. Left out: a failing probe never ends a run.
    pub failure_threshold: Option<u32>,
    /// A run that is not ready in this time has failed.
    #[serde(rename = "within_ms", serialize_with = "maybe_millis::serialize")]
    pub within: Option<Duration>,
    /// Whether nothing is tried any more once it is ready.
    pub once: bool,
}

/// `live`: how it is known that a run is still alive.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LiveConfig {
    /// What is tried.
    #[serde(flatten)]
    pub check: Check,
    /// How and how often.
    #[serde(flatten)]
    pub tries: TriesConfig,
    /// So many failed tries in a row end the run as a failure.
    pub failure_threshold: u32,
}

/// How and how often a check is tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TriesConfig {
    /// The time between two tries. The first tries of `ready` after a start come faster.
    #[serde(rename = "interval_ms", with = "millis")]
    pub interval: Duration,
    /// A try that takes longer has failed.
    #[serde(rename = "timeout_ms", with = "millis")]
    pub timeout: Duration,
    /// The time before the first try.
    #[serde(rename = "delay_ms", with = "millis")]
    pub delay: Duration,
    /// What an `http` check sends and accepts.
    #[serde(flatten)]
    pub http: HttpOptions,
}

/// What an `http` check sends and accepts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpOptions {
    /// The statuses that mean that all is well.
    #[serde(serialize_with = "statuses")]
    pub status: Vec<RangeInclusive<u16>>,
    /// Headers of the request.
    pub headers: BTreeMap<String, Secret>,
    /// Whether any certificate is accepted.
    pub insecure: bool,
}

/// One way of knowing how a task is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// A TCP connection to `host:port` is accepted.
    Tcp(String),
    /// A GET on this URL answers with a good status.
    Http(FilledText),
    /// This command exits with 0.
    Exec(CommandLine),
    /// A line of output matches; the interval and the threshold don't apply.
    #[serde(serialize_with = "serial::shown")]
    Log(Regex),
    /// The task says so itself, by sd_notify(3).
    Notify(bool),
    /// The task says so by sd_notify(3) again and again, each time before this has passed.
    #[serde(rename = "notify_ms", with = "millis")]
    Watchdog(Duration),
}

impl PartialEq for Check {
    /// Patterns are alike when they are written alike.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Tcp(a), Self::Tcp(b)) => a == b,
            (Self::Http(a), Self::Http(b)) => a == b,
            (Self::Exec(a), Self::Exec(b)) => a == b,
            (Self::Log(a), Self::Log(b)) => a.as_str() == b.as_str(),
            (Self::Notify(a), Self::Notify(b)) => a == b,
            (Self::Watchdog(a), Self::Watchdog(b)) => a == b,
            (Self::Tcp(_) | Self::Http(_) | Self::Exec(_) | Self::Log(_) | Self::Notify(_) | Self::Watchdog(_), _) => {
                false
            }
        }
    }
}

impl ReadyConfig {
    /// A check with the defaults.
    #[must_use]
    pub fn new(check: Check) -> Self {
        let tries = TriesConfig::new(READY_INTERVAL);
        Self { check, tries, failure_threshold: None, within: None, once: false }
    }
}

impl LiveConfig {
    /// A check with the defaults.
    #[must_use]
    pub fn new(check: Check) -> Self {
        // A watchdog that was not fed in time has failed at once.
        let failure_threshold = if matches!(check, Check::Watchdog(_)) { 1 } else { LIVE_THRESHOLD };
        Self { check, tries: TriesConfig::new(LIVE_INTERVAL), failure_threshold }
    }
}

impl TriesConfig {
    fn new(interval: Duration) -> Self {
        Self { interval, timeout: TIMEOUT, delay: Duration::ZERO, http: HttpOptions::default() }
    }
}

impl HttpOptions {
    /// Whether a status means that all is well.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        self.status.iter().any(|range| range.contains(&status))
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { status: vec![GOOD_STATUSES], headers: BTreeMap::new(), insecure: false }
    }
}

/// Reads `ready`.
pub(super) fn ready(table: &mut Table<'_>) -> Option<ReadyConfig> {
    let tcp = table.get("tcp", &TCP, "Ready when this host and port accept a connection.").map(Check::Tcp);
    let http = table.get("http", &AsWritten(HTTP), "Ready when a GET answers with a good status.").map(Check::Http);
    let exec = table.get("exec", &Runnable, "Ready when this command exits with 0.").map(Check::Exec);
    let log = table.get("log", &PATTERN, "Ready when a line of output matches this.").map(Check::Log);
    let about = "Ready when the task says so by sd_notify: READY=1.";
    let notify = table.get("notify", &Flag, about).filter(|says| *says).map(Check::Notify);
    if table.has("notify") && notify.is_none() {
        table.refuse("notify", "expected `true`; leave it out otherwise");
    }
    let mut tries = TriesConfig::new(READY_INTERVAL);
    read_tries(table, &mut tries);
    let about = "So many failed tries in a row end the run as a failure. Without it a failing try never does.";
    let failure_threshold = table.get("failure_threshold", &Whole(1, u32::MAX), about);
    let within = table.get("within", &PERIOD, "A run that is not ready in this time has failed.");
    let mut once = false;
    table.or("once", &Flag, "Whether nothing is tried any more once it is ready.", &mut once);
    if within.is_some_and(|within| within <= tries.delay) {
        table.refuse("within", "expected more than `delay`: before that nothing is tried");
    }
    table.require_one(&["tcp", "http", "exec", "log", "notify"], "check");
    let check = tcp.or(http).or(exec).or(log).or(notify)?;
    Some(ReadyConfig { check, tries, failure_threshold, within, once })
}

/// Reads `live`.
pub(super) fn live(table: &mut Table<'_>) -> Option<LiveConfig> {
    let tcp = table.get("tcp", &TCP, "Alive while this host and port accept a connection.").map(Check::Tcp);
    let http = table.get("http", &AsWritten(HTTP), "Alive while a GET answers with a good status.").map(Check::Http);
    let exec = table.get("exec", &Runnable, "Alive while this command exits with 0.").map(Check::Exec);
    let about = "Alive while the task says so by sd_notify within this time: WATCHDOG=1.";
    let notify = table.get("notify", &PERIOD, about).map(Check::Watchdog);
    let mut tries = TriesConfig::new(LIVE_INTERVAL);
    read_tries(table, &mut tries);
    let mut failure_threshold = if notify.is_some() { 1 } else { LIVE_THRESHOLD };
    let about = "So many failed tries in a row end the run as a failure.";
    table.or("failure_threshold", &Whole(1, u32::MAX), about, &mut failure_threshold);
    table.require_one(&["tcp", "http", "exec", "notify"], "check");
    Some(LiveConfig { check: tcp.or(http).or(exec).or(notify)?, tries, failure_threshold })
}

fn read_tries(table: &mut Table<'_>, tries: &mut TriesConfig) {
    table.or("interval", &PERIOD, "The time between two tries.", &mut tries.interval);
    table.or("timeout", &PERIOD, "A try that takes longer has failed.", &mut tries.timeout);
    table.or("delay", &DURATION, "The time before the first try.", &mut tries.delay);
    let about = "The statuses that mean that all is well: numbers, and ranges like \"200-399\".";
    if let Some(status) = table.get("status", &OneOrMany(HttpStatus), about) {
        tries.http.status = status;
    }
    for entry in table.map("headers", &AnyText, "Headers of the request.") {
        let Some(value) = entry.value else { continue };
        let is_header = HeaderName::try_from(&entry.key).is_ok() && HeaderValue::try_from(&value).is_ok();
        if !is_header {
            table.report(
                entry.span,
                format!("`{}` can't be a header", entry.key.escape_debug()),
                "write a name like \"Authorization\" and text without control characters",
            );
        }
        tries.http.headers.insert(entry.key, value.into());
    }
    let about = "Whether any certificate of an https URL is accepted, such as a self-signed one.";
    table.or("insecure", &Flag, about, &mut tries.http.insecure);
    for key in ["status", "headers", "insecure"] {
        if table.has(key) && !table.has("http") {
            let title = format!("`{key}` has no effect without `http` {}", table.place());
            table.report(table.key_span(key), title, "only an http check uses it: remove it");
        }
    }
}

/// A status of HTTP, or a range of them.
struct HttpStatus;

impl Kind for HttpStatus {
    type Value = RangeInclusive<u16>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Complaint>> {
        let status = |number: u16| (100..=599).contains(&number).then_some(number);
        let range = match given.value() {
            FileValue::Integer(..) => {
                let number = Whole(100, 599).read(given).ok().and_then(|number| u16::try_from(number).ok());
                number.map(|only| only..=only)
            }
            FileValue::Text(text) => {
                let (first, last) = text.split_once('-').unwrap_or((text, text));
                let ends = [first, last].map(|end| end.trim().parse().ok().and_then(status));
                if let [Some(first), Some(last)] = ends { (first <= last).then_some(first..=last) } else { None }
            }
            _ => None,
        };
        range.map_or_else(|| refuse(given, "expected a status from 100 to 599, or a range like \"200-399\""), Ok)
    }

    fn schema(&self) -> Json {
        let range = json!({ "type": "string", "examples": ["200-399"] });
        json!({ "anyOf": [{ "type": "integer", "minimum": 100, "maximum": 599 }, range] })
    }
}

fn statuses<S: Serializer>(ranges: &[RangeInclusive<u16>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(ranges.iter().map(|range| match (range.start(), range.end()) {
        (first, last) if first == last => first.to_string(),
        (first, last) => format!("{first}-{last}"),
    }))
}
