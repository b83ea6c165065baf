//! What has changed from one snapshot to the next: sent instead of a whole snapshot, and applied where it arrives.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Lenient, ReceivedSnapshot};
use crate::supervisor::engine::{GroupSnapshot, Snapshot, Stage, TaskSnapshot, Uptime};

/// What leads from the snapshot of generation `base` to that of `generation`. `now` is added when it is sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SnapshotDelta {
    /// The generation that it is a change of.
    pub(crate) base: u64,
    /// The one that it leads to.
    pub(crate) generation: u64,
    /// When that was taken.
    pub(crate) at: Uptime,
    /// The stage, if it has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stage: Option<Lenient<Stage>>,
    /// The tasks that have changed, by name: their members that have, null for those that there are no more. Null for a task
    /// that there is no more.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) tasks: BTreeMap<String, Option<Map<String, Value>>>,
    /// The names of all tasks in their order, if that has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) order: Option<Vec<String>>,
    /// All groups, if one has changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) groups: Option<Vec<Lenient<GroupSnapshot>>>,
}

impl SnapshotDelta {
    /// What leads from `old` to `new`.
    pub(crate) fn between(old: &Snapshot, new: &Snapshot) -> Self {
        let mut known: BTreeMap<&str, &TaskSnapshot> =
            old.tasks.iter().map(|task| (task.name.as_str(), task)).collect();
        let mut tasks = BTreeMap::new();
        for task in &new.tasks {
            match known.remove(task.name.as_str()) {
                Some(old) if old == task => {}
                Some(old) => drop(tasks.insert(task.name.clone(), Some(changed(&members(old), members(task))))),
                None => drop(tasks.insert(task.name.clone(), Some(members(task)))),
            }
        }
        tasks.extend(known.into_keys().map(|gone| (gone.to_owned(), None)));
        let names = |snapshot: &Snapshot| snapshot.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>();
        let is_same_order = old.tasks.iter().map(|task| &task.name).eq(new.tasks.iter().map(|task| &task.name));
        Self {
            base: old.generation,
            generation: new.generation,
            at: new.at,
            stage: (old.stage != new.stage).then(|| Lenient::Known(new.stage.clone())),
            tasks,
            order: (!is_same_order).then(|| names(new)),
            groups: (old.groups != new.groups).then(|| new.groups.iter().cloned().map(Lenient::Known).collect()),
        }
    }
}

fn members(task: &TaskSnapshot) -> Map<String, Value> {
    match serde_json::to_value(task) {
        Ok(Value::Object(members)) => members,
        _ => unreachable!("a task is sent as an object with string keys"),
    }
}

/// The members that differ; null for those that there are no more.
fn changed(old: &Map<String, Value>, new: Map<String, Value>) -> Map<String, Value> {
    let gone = old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let gone: Vec<_> = gone.collect();
    let differing = new.into_iter().filter(|(key, value)| old.get(key) != Some(value));
    differing.chain(gone).collect()
}

/// A snapshot that is kept true by deltas. `T` is a task as it is read.
#[derive(Debug)]
pub(crate) struct LiveSnapshot<T> {
    /// What it is now.
    pub(crate) snapshot: ReceivedSnapshot<T>,
    /// The members of each task, in the same order.
    tasks: Vec<Map<String, Value>>,
}

/// A delta that does not fit.
#[derive(Debug, thiserror::Error)]
#[error("a change of generation {base} came to generation {generation}")]
struct Misfit {
    base: u64,
    generation: u64,
}

/// A message of a stream that changes the snapshot.
#[derive(Deserialize)]
struct DeltaMessage {
    now: Uptime,
    #[serde(flatten)]
    delta: SnapshotDelta,
}

#[derive(Deserialize)]
struct RawTasks {
    tasks: Vec<Map<String, Value>>,
}

impl<T: DeserializeOwned> LiveSnapshot<T> {
    /// Begins with a whole snapshot.
    ///
    /// # Errors
    ///
    /// It can't be read.
    pub(crate) fn begin(json: &str) -> Result<Self, serde_json::Error> {
        let RawTasks { tasks } = serde_json::from_str(json)?;
        Ok(Self { snapshot: serde_json::from_str(json)?, tasks })
    }

    /// Goes on with a delta.
    ///
    /// # Errors
    ///
    /// It can't be read, or is no change of what is known here.
    pub(crate) fn apply(&mut self, json: &str) -> Result<(), serde_json::Error> {
        let DeltaMessage { now, delta } = serde_json::from_str(json)?;
        let SnapshotDelta { base, generation, at, stage, tasks, order, groups } = delta;
        if base != self.snapshot.generation {
            let misfit = Misfit { base, generation: self.snapshot.generation };
            return Err(serde::de::Error::custom(misfit));
        }
        (self.snapshot.now, self.snapshot.generation, self.snapshot.at) = (now, generation, at);
        if let Some(stage) = stage {
            self.snapshot.stage = stage;
        }
        for (name, members) in tasks {
            let known = self.tasks.iter().position(|task| task["name"] == name.as_str());
            match (known, members) {
                (Some(index), None) => drop((self.tasks.remove(index), self.snapshot.tasks.remove(index))),
                (Some(index), Some(members)) => {
                    merge(&mut self.tasks[index], members);
                    self.snapshot.tasks[index] = read(&self.tasks[index])?;
                }
                (None, Some(members)) => {
                    self.snapshot.tasks.push(read(&members)?);
                    self.tasks.push(members);
                }
                (None, None) => {}
            }
        }
        if let Some(order) = order {
            self.sort(&order);
        }
        if let Some(groups) = groups {
            self.snapshot.groups = groups;
        }
        Ok(())
    }

    fn sort(&mut self, order: &[String]) {
        let places: BTreeMap<&str, usize> = order.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let typed = std::mem::take(&mut self.snapshot.tasks);
        let mut both: Vec<_> = std::mem::take(&mut self.tasks).into_iter().zip(typed).collect();
        both.sort_by_key(|(task, _)| task["name"].as_str().and_then(|name| places.get(name).copied()));
        (self.tasks, self.snapshot.tasks) = both.into_iter().unzip();
    }

    /// As a whole snapshot is sent.
    pub(crate) fn json(&self) -> Value {
        let ReceivedSnapshot { supervisor, now, generation, at, stage, tasks: _, groups } = &self.snapshot;
        let mut json = serde_json::json!(supervisor);
        let rest = serde_json::json!({
            "now": now, "generation": generation, "at": at, "stage": stage, "tasks": self.tasks, "groups": groups,
        });
        if let (Value::Object(json), Value::Object(rest)) = (&mut json, rest) {
            json.extend(rest);
        }
        json
    }
}

fn read<T: DeserializeOwned>(task: &Map<String, Value>) -> Result<T, serde_json::Error> {
    T::deserialize(Value::Object(task.clone()))
}

fn merge(task: &mut Map<String, Value>, members: Map<String, Value>) {
    for (key, value) in members {
        if value.is_null() {
            task.remove(&key);
        } else {
            task.insert(key, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::kernel::sample::{at, group, process, ready, snapshot};
    use crate::supervisor::engine::PhaseSnapshot;
    use crate::wire::{SnapshotResponse, VersionResponse};

    fn begin(snapshot: &Snapshot) -> LiveSnapshot<TaskSnapshot> {
        let supervisor = VersionResponse {
            version: "1.0.0".to_owned(),
            project: "shop".to_owned(),
            pid: 7,
            started_at: Timestamp::UNIX_EPOCH,
            containment: None,
        };
        let response = SnapshotResponse { supervisor, now: at(5), snapshot: Arc::new(snapshot.clone()) };
        LiveSnapshot::begin(&serde_json::to_string(&response).unwrap()).unwrap()
    }

    fn message(old: &Snapshot, new: &Snapshot) -> String {
        let mut json = serde_json::to_value(SnapshotDelta::between(old, new)).unwrap();
        json["now"] = 9.into();
        json.to_string()
    }

    fn backoff(attempt: u32) -> PhaseSnapshot {
        PhaseSnapshot::Backoff { attempt, since: at(1), retry_at: at(2) }
    }

    #[test]
    fn deltas_lead_to_the_same_as_whole_snapshots() {
        let mut moved = snapshot(4, vec![process("new", backoff(1)), process("db", ready(7))]);
        moved.stage = Stage::Draining { cause: "asked".to_owned(), fatal: false, deadline: at(8) };
        moved.groups = vec![group("backend", &["db", "new"])];
        let steps = [
            snapshot(1, vec![process("api", ready(0)), process("db", ready(0)), process("old", PhaseSnapshot::Done)]),
            snapshot(2, vec![process("api", backoff(3)), process("db", ready(0)), process("old", PhaseSnapshot::Done)]),
            snapshot(3, vec![process("api", ready(5)), process("db", ready(0))]),
            moved,
            snapshot(9, Vec::new()),
        ];
        let mut live = begin(&steps[0]);
        for pair in steps.windows(2) {
            live.apply(&message(&pair[0], &pair[1])).unwrap();
            let whole = begin(&pair[1]);
            assert_eq!(live.snapshot.tasks, pair[1].tasks);
            assert_eq!(live.snapshot.stage.known(), Some(&pair[1].stage));
            assert!(live.snapshot.groups.iter().filter_map(Lenient::known).eq(&pair[1].groups));
            assert_eq!((live.snapshot.generation, live.snapshot.now), (pair[1].generation, at(9)));
            let without_nulls = |live: &LiveSnapshot<TaskSnapshot>| {
                let mut json = live.json();
                json["now"] = 0.into();
                json["at"] = 0.into();
                let tasks = json["tasks"].as_array_mut().unwrap();
                tasks.iter_mut().for_each(|task| task.as_object_mut().unwrap().retain(|_, value| !value.is_null()));
                json
            };
            assert_eq!(without_nulls(&live), without_nulls(&whole));
        }
    }

    #[test]
    fn only_what_has_changed_is_in_it() {
        let old = snapshot(1, vec![process("api", ready(0)), process("db", ready(0))]);
        let new = snapshot(2, vec![process("api", ready(0)), process("db", PhaseSnapshot::Stopped)]);
        let delta = serde_json::to_value(SnapshotDelta::between(&old, &new)).unwrap();
        let expected = serde_json::json!({
            "base": 1, "generation": 2, "at": 0,
            "tasks": { "db": { "state": "stopped", "since": null, "pid": null } },
        });
        assert_eq!(delta, expected);
    }

    #[test]
    fn a_delta_of_another_generation_is_refused() {
        let (one, two, three) = (snapshot(1, Vec::new()), snapshot(2, Vec::new()), snapshot(3, Vec::new()));
        let error = begin(&one).apply(&message(&two, &three)).unwrap_err();
        assert!(error.to_string().contains("a change of generation 2 came to generation 1"), "{error}");
    }
}
