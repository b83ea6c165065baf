//! `ports`: the numbers that a task listens on, fixed or picked by stead.
//!
//! A number that stead picks is a hash of project, task and name into a range, stepped on while it is taken. It is kept in the
//! state directory, so that it is the same across days, and for the life of this process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Write};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use rustix::fs::OFlags;
use serde::Serialize;
use serde_json::{Value as Json, json};

use super::Project;
use super::kind::{Complaint, Given, Kind, Whole, refuse};
use super::report::{MistakeReport, Span};
use super::scope::{Variable, VariableOrigin};
use super::table::Table;
use super::task::Declared;
use super::value::{FileTable, FileValue};
use crate::private;

/// What stead picks from: below the ports that systems give to clients.
const RANGE: Range<u16> = 20_000..32_768;
/// The word for a port that stead picks.
const AUTO: &str = "auto";
/// The file of the state directory with the numbers that were picked.
const PORTS_FILE: &str = "ports.json";
/// The variable of the first port of a task.
const PORT_VARIABLE: &str = "PORT";

/// The numbers that were picked, by state directory, then by task and port. The file may not be writable.
static PICKED: LazyLock<Mutex<BTreeMap<PathBuf, PickedPorts>>> = LazyLock::new(Mutex::default);

/// By `TASK.PORT`.
type PickedPorts = BTreeMap<String, u16>;

/// A port of a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PortConfig {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u16,
    /// Whether stead has picked it.
    pub auto: bool,
}

/// Makes the ports of all tasks known to the whole file, as `tasks.NAME.port` and `tasks.NAME.ports.PORT`.
pub(super) fn provide(file: &mut Table<'_>, state_dir: &Path) {
    let Some(tasks) = file.written("tasks").and_then(|tasks| tasks.get_ref().as_table()) else { return };
    let ports_of = |task: &FileTable| task.get("ports")?.get_ref().as_table().cloned();
    let tasks: Vec<(String, FileTable)> = tasks
        .iter()
        .filter_map(|(name, _, task)| Some((name.to_owned(), ports_of(task.get_ref().as_table()?)?)))
        .collect();
    let written = tasks.iter().flat_map(|(_, ports)| ports.iter()).filter_map(|(.., number)| fixed(number.get_ref()));
    let mut used: BTreeSet<u16> = written.collect();
    let mut provided = BTreeMap::new();
    for (task, ports) in &tasks {
        for (name, _, written) in ports.iter() {
            let number = match written.get_ref() {
                FileValue::Text(text) if text == AUTO => pick(state_dir, task, name, &mut used),
                other => match fixed(other) {
                    Some(number) => number,
                    None => continue,
                },
            };
            provided.entry(format!("tasks.{task}.port")).or_insert_with(|| number.to_string());
            provided.insert(format!("tasks.{task}.ports.{name}"), number.to_string());
        }
    }
    file.scope.provide(provided);
}

/// Makes `ports` known; [`read`] reads it, before what may use its variables.
pub(super) fn describe(table: &mut Table<'_>) {
    let about = "The ports that it listens on, by name: a number, or \"auto\" for one that stead picks.";
    table.describe_map("ports", &PortKind, about);
}

/// Reads `ports` of a task, and sets its variables. The places of the ports.
pub(super) fn read(table: &mut Table<'_>) -> (Vec<PortConfig>, Vec<Span>) {
    let (mut ports, mut spans) = (Vec::new(), Vec::new());
    for entry in table.take_map("ports", &PortKind, |_, _| {}) {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if entry.key.is_empty() || !entry.key.bytes().all(is_plain) {
            let title = format!("a port can't be called `{}`", entry.key.escape_debug());
            table.report(entry.span.clone(), title, "expected letters, digits, `-` and `_`");
            continue;
        }
        let Some(written) = entry.value else { continue };
        let provided = table.scope.provided(&format!("tasks.{}.ports.{}", table.key(), entry.key));
        let Some(number) = written.or_else(|| provided?.parse().ok()) else { continue };
        let (path, line) = table.sources().line(&entry.span);
        let origin = VariableOrigin::Config { path, line, table: table.header(&["ports"]) };
        let own = format!("{PORT_VARIABLE}_{}", entry.key.to_ascii_uppercase().replace('-', "_"));
        for name in ports.is_empty().then(|| PORT_VARIABLE.to_owned()).into_iter().chain([own]) {
            table.scope.set(name, Variable { value: number.to_string().into(), origin: origin.clone() });
        }
        ports.push(PortConfig { name: entry.key, number, auto: written.is_none() });
        spans.push(entry.span);
    }
    (ports, spans)
}

/// Reports numbers that several ports have.
pub(super) fn check(tasks: &[Declared], report: &mut MistakeReport) {
    let mut first: BTreeMap<u16, String> = BTreeMap::new();
    for declared in tasks {
        for (port, span) in declared.task.ports.iter().zip(&declared.ports) {
            let name = format!("{}.{}", declared.task.name, port.name);
            match first.get(&port.number) {
                Some(other) => {
                    let title = format!("`{name}` has port {}, as `{other}` has", port.number);
                    report.add(
                        span.clone(),
                        title,
                        "only one of them can listen there: take another number, or \"auto\"",
                    );
                }
                None => {
                    first.insert(port.number, name);
                }
            }
        }
    }
}

/// Forgets the numbers of a project that are taken now, which is before any of its tasks runs. Whether there were any: the
/// configuration has to be read again then.
pub(crate) fn forget_taken_ports(project: &Project) -> bool {
    let state_dir = project.state_dir();
    let mut picked = picked(&state_dir);
    let ports = picked.entry(state_dir).or_default();
    let known = ports.len();
    ports.retain(|_, number| is_free(*number));
    ports.len() < known
}

/// Keeps the numbers of a project for other processes and other days.
///
/// # Errors
///
/// The file can't be written.
pub(crate) fn keep_ports(project: &Project) -> std::io::Result<()> {
    let state_dir = project.state_dir();
    let picked = picked(&state_dir);
    let Some(ports) = picked.get(&state_dir).filter(|ports| !ports.is_empty()) else { return Ok(()) };
    let text = serde_json::to_string_pretty(ports)?;
    if fs::read_to_string(state_dir.join(PORTS_FILE)).is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    private::open(&state_dir.join(PORTS_FILE), flags)?.write_all(text.as_bytes())
}

/// All that was picked, with what the state directory has of it.
fn picked(state_dir: &Path) -> MutexGuard<'static, BTreeMap<PathBuf, PickedPorts>> {
    let mut picked = PICKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !picked.contains_key(state_dir) {
        let kept = fs::read_to_string(state_dir.join(PORTS_FILE)).ok();
        let kept = kept.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        picked.insert(state_dir.to_owned(), kept);
    }
    picked
}

fn pick(state_dir: &Path, task: &str, port: &str, used: &mut BTreeSet<u16>) -> u16 {
    let mut picked = picked(state_dir);
    let ports = picked.entry(state_dir.to_owned()).or_default();
    let key = format!("{task}.{port}");
    let number = match ports.get(&key).copied().filter(|number| !used.contains(number)) {
        Some(number) => number,
        None => {
            let others: BTreeSet<u16> = ports.values().copied().collect();
            let is_good = |number: &u16| !used.contains(number) && !others.contains(number) && is_free(*number);
            candidates(state_dir, &key).find(is_good).unwrap_or(RANGE.start)
        }
    };
    ports.insert(key, number);
    used.insert(number);
    number
}

/// All numbers, from the hash on.
fn candidates(state_dir: &Path, key: &str) -> impl Iterator<Item = u16> {
    let mut hasher = DefaultHasher::new();
    std::path::absolute(state_dir).as_deref().unwrap_or(state_dir).hash(&mut hasher);
    key.hash(&mut hasher);
    let first = RANGE.start + (hasher.finish() % RANGE.len() as u64) as u16;
    (first..RANGE.end).chain(RANGE.start..first)
}

/// Whether nothing listens on a port of this machine.
pub(crate) fn is_free(number: u16) -> bool {
    let is_taken =
        |host: &&str| TcpListener::bind((*host, number)).is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
    !["127.0.0.1", "0.0.0.0", "::1", "::"].iter().any(is_taken)
}

fn fixed(value: &FileValue) -> Option<u16> {
    let FileValue::Integer(digits, radix) = value else { return None };
    u16::from_str_radix(&digits.replace('_', ""), *radix).ok().filter(|number| *number > 0)
}

/// A number, or none where stead is to pick one.
struct PortKind;

impl Kind for PortKind {
    type Value = Option<u16>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Complaint>> {
        match given.value() {
            FileValue::Text(text) if text == AUTO => Ok(None),
            FileValue::Integer(..) => {
                Whole(1, u32::from(u16::MAX)).read(given).map(|number| u16::try_from(number).ok())
            }
            _ => refuse(given, "expected a port number, or \"auto\""),
        }
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 65_535 }, { "const": AUTO }] })
    }
}
