//! `replicas`: a table of the file that is several tasks, `api-1`, `api-2` and so on.
//!
//! The file speaks of all of them by the name of the table: checks across tasks are done with that name, and only then is it
//! replaced by those of the replicas.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::kind::{Kind, Whole};
use super::report::{MistakeReport, Span};
use super::scope::{Variable, VariableOrigin};
use super::table::Table;
use super::task::{Declared, NAME_MOST};
use super::value::{FileTable, FileValue};
use super::{Config, TaskConfig};
use crate::supervisor::engine::Dependency;

/// The key.
pub(super) const KEY: &str = "replicas";
/// How many there may be of a task.
const REPLICAS: Whole = Whole(1, 100);
/// What a replica is called by its own configuration.
const NUMBER: &str = "replica";
/// The variable with its number.
const NUMBER_VARIABLE: &str = "STEAD_REPLICA";

/// Which of the replicas of a task one is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// The name that all of them have in common.
    pub of: String,
    /// Its number, from 1.
    pub number: u32,
}

impl Replica {
    /// The name of the task that it is.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-{}", self.of, self.number)
    }
}

/// Makes `replicas` known; [`read`] reads it, before all else.
pub(super) fn describe(table: &mut Table<'_>) {
    let about = "How many of it run, as tasks of their own: NAME-1, NAME-2 and so on. `stead scale` changes it until the next \
                 reload.";
    table.describe(KEY, about, || REPLICAS.schema());
}

/// Reads how many there are; none where the task is not one of several. A wrong number is taken for 1.
pub(super) fn read(table: &mut Table<'_>) -> Option<u32> {
    let number = table.take(KEY, &REPLICAS);
    table.has(KEY).then(|| number.unwrap_or(1))
}

/// The tasks that a table is, before it is read: itself, or its replicas.
pub(super) fn names(task: &str, table: &FileTable) -> Vec<String> {
    let Some(written) = table.get(KEY) else { return vec![task.to_owned()] };
    let number = match written.get_ref() {
        FileValue::Integer(digits, radix) => u32::from_str_radix(&digits.replace('_', ""), *radix).ok(),
        _ => None,
    };
    let number = number.unwrap_or(1).clamp(REPLICAS.0, REPLICAS.1);
    (1..=number).map(|number| Replica { of: task.to_owned(), number }.name()).collect()
}

/// Makes the number of a replica known to what it is read from.
pub(super) fn provide(table: &mut Table<'_>, replica: &Replica) {
    let number = replica.number.to_string();
    let (path, line) = table.sources().line(&table.key_span(KEY));
    let origin = VariableOrigin::Config { path, line, table: table.header(&[]) };
    table.scope.set(NUMBER_VARIABLE.to_owned(), Variable { value: number.clone().into(), origin });
    table.scope.provide_also(NUMBER.to_owned(), number);
}

/// Reports replicas whose names can't be had.
pub(super) fn check(tasks: &[Declared], report: &mut MistakeReport) {
    let mut taken: BTreeSet<String> =
        tasks.iter().filter(|task| task.replicas.is_empty()).map(|task| task.name().to_owned()).collect();
    for declared in tasks {
        for name in declared.replica_names() {
            let span: Span = declared.replicas_span.clone();
            if name.len() > NAME_MOST {
                let title = format!("`{}` is too long for a replica called `{name}`", declared.name());
                report.add(span, title, format!("a name has at most {NAME_MOST} letters"));
                break;
            }
            if !taken.insert(name.clone()) {
                let title = format!("a replica of `{}` is called `{name}`, and so is another task", declared.name());
                report.add(span, title, "give the other task another name, or have fewer replicas");
                break;
            }
        }
    }
}

/// Puts the tasks into the configuration, and replicas for the name that they have in common.
pub(super) fn expand(tasks: Vec<Declared>, config: &mut Config) {
    let replicated = tasks.iter().filter(|task| !task.replicas.is_empty()).map(|task| {
        let names = task.replica_names().collect();
        (task.name().to_owned(), names)
    });
    let replicated: BTreeMap<String, Vec<String>> = replicated.collect();
    let meant = |name: &String| replicated.get(name).cloned().unwrap_or_else(|| vec![name.clone()]);
    let all = tasks.into_iter().flat_map(|Declared { task, replicas, .. }| match replicas.is_empty() {
        true => vec![task],
        false => replicas,
    });
    let renamed = all.map(|mut task| {
        if let Some(replica) = &task.replica {
            task.name = replica.name();
        }
        let edges = task.after.iter().flat_map(|edge| {
            let edge = edge.clone();
            meant(&edge.task).into_iter().map(move |task| Dependency { task, ..edge.clone() })
        });
        task.after = edges.collect();
        task
    });
    config.tasks = renamed.collect();
    for group in &mut config.groups {
        group.tasks = group.tasks.iter().flat_map(meant).collect();
    }
}

impl Declared {
    /// What its replicas are called, if it has any.
    pub(super) fn replica_names(&self) -> impl Iterator<Item = String> {
        self.replicas.iter().filter_map(|task| task.replica.as_ref()).map(Replica::name)
    }
}

impl TaskConfig {
    /// The table of the file that it is read from.
    #[must_use]
    pub fn table_name(&self) -> &str {
        self.replica.as_ref().map_or(&self.name, |replica| &replica.of)
    }
}
