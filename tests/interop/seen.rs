//! What `probe.py` wrote down.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// A run of a tool, as its processes saw it.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) events: Vec<ProbeEvent>,
    /// The exit code of the tool; `None` after a signal.
    pub(super) code: Option<i32>,
    /// How long the tool took from the signal to its end, or from its start if it ends by itself; in seconds.
    pub(super) end_took: f64,
    pub(super) output: String,
}

/// One event of one process.
#[derive(Debug, Clone)]
pub(super) struct ProbeEvent {
    pub(super) at: f64,
    pub(super) name: String,
    pub(super) what: ProbeFact,
}

/// What happened.
#[derive(Debug, Clone)]
pub(super) enum ProbeFact {
    Start(StartFacts),
    Signal(String),
    Exit,
}

/// What a process saw when it began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StartFacts {
    pub(super) argv: Vec<String>,
    pub(super) cwd: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) stdin: String,
    pub(super) shell: String,
}

/// The events in a file so far. A line that is still being written does not count.
pub(super) fn events(log: &Path) -> Vec<ProbeEvent> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(event).collect()
}

fn event(line: &str) -> ProbeEvent {
    let value: Value = serde_json::from_str(line).expect("an event as JSON");
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let what = match value["event"].as_str() {
        Some("start") => ProbeFact::Start(StartFacts {
            argv: value["argv"].as_array().expect("words").iter().map(|word| word.to_string()).collect(),
            cwd: text("cwd"),
            env: serde_json::from_value(value["env"].clone()).expect("an environment"),
            stdin: text("stdin"),
            shell: text("shell"),
        }),
        Some("signal") => ProbeFact::Signal(text("signal")),
        _ => ProbeFact::Exit,
    };
    ProbeEvent { at: value["at"].as_f64().expect("a time"), name: text("name"), what }
}

impl Seen {
    /// The starts of each process, in the order of its first.
    pub(super) fn starts(&self) -> Vec<(&str, Vec<(f64, &StartFacts)>)> {
        let mut all: Vec<(&str, Vec<(f64, &StartFacts)>)> = Vec::new();
        for event in &self.events {
            let ProbeFact::Start(facts) = &event.what else { continue };
            match all.iter_mut().find(|(name, _)| *name == event.name) {
                Some((_, starts)) => starts.push((event.at, facts)),
                None => all.push((&event.name, vec![(event.at, facts)])),
            }
        }
        all
    }

    /// The signals of each process, by name.
    pub(super) fn signals(&self) -> BTreeMap<&str, Vec<&str>> {
        let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for event in &self.events {
            if let ProbeFact::Signal(signal) = &event.what {
                all.entry(&event.name).or_default().push(signal);
            }
        }
        all
    }

    /// Those of `names` that were signalled, in the order of their first signal.
    pub(super) fn stop_order(&self, names: &[&str]) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for event in &self.events {
            let is_meant = names.contains(&event.name.as_str()) && matches!(event.what, ProbeFact::Signal(_));
            if is_meant && !all.contains(&event.name.as_str()) {
                all.push(&event.name);
            }
        }
        all
    }
}
