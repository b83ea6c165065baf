//! `after`, across tasks: every dependency exists, can be met, and none leads back to where it began.

use std::collections::{BTreeSet, HashMap};

use super::nearest::nearest;
use super::report::{MistakeReport, Span};
use super::task::Declared;
use crate::supervisor::engine::{Condition, Dependency, Policy};

/// Reports every dependency that is unknown, can't be met, or closes a cycle. `names` are those of all tasks, also of those
/// that are wrong and reported.
pub(super) fn check(tasks: &[Declared], names: &BTreeSet<String>, report: &mut MistakeReport) {
    let index: HashMap<&str, usize> = tasks.iter().enumerate().map(|(at, task)| (task.name(), at)).collect();
    for task in tasks {
        for (dependency, span) in task.dependencies() {
            match index.get(dependency.task.as_str()) {
                Some(at) => check_reachable(dependency, &tasks[*at], span, report),
                None if names.contains(&dependency.task) => {}
                None => report_unknown(task, dependency, span, tasks, report),
            }
        }
    }
    CycleSearch { tasks, index, marks: vec![Mark::New; tasks.len()] }.run(report);
}

impl Declared {
    pub(super) fn name(&self) -> &str {
        &self.task.name
    }

    fn dependencies(&self) -> impl Iterator<Item = (&Dependency, &Span)> {
        self.task.after.iter().zip(&self.after)
    }
}

fn report_unknown(
    task: &Declared,
    dependency: &Dependency,
    span: &Span,
    tasks: &[Declared],
    report: &mut MistakeReport,
) {
    let others = tasks.iter().map(Declared::name).filter(|name| *name != task.name());
    let all = tasks.iter().find(|other| other.replica_names().any(|name| name == dependency.task));
    let remedy = match (all, nearest(&dependency.task, others)) {
        (Some(all), _) => format!("write `{}`, which means all of its replicas", all.name()),
        (None, Some(name)) => format!("did you mean `{name}`?"),
        (None, None) => format!("declare it as [tasks.{}], or remove it here", dependency.task.escape_debug()),
    };
    let (name, unknown) = (task.name().escape_debug(), dependency.task.escape_debug());
    report.add_missing(span.clone(), format!("`{name}` waits for `{unknown}`, which is not declared"), remedy);
}

/// A task that is always started again never succeeds for good, and nothing starts after a critical task's exit.
fn check_reachable(dependency: &Dependency, on: &Declared, span: &Span, report: &mut MistakeReport) {
    let why = match (dependency.condition, on.task.policy) {
        (Condition::Success, Policy::Always) => "is started again after every exit",
        (Condition::Success | Condition::Exited, Policy::Critical) => "is critical: its exit ends everything",
        (Condition::Started | Condition::Ready | Condition::Success | Condition::Exited, _) => return,
    };
    let name = on.name().escape_debug();
    report.add(
        span.clone(),
        format!("`{name}` never comes {}: it {why}", dependency.condition),
        "expected `ready` or `started`",
    );
}

/// A search in depth, without recursion: a file may chain thousands of tasks.
struct CycleSearch<'a> {
    tasks: &'a [Declared],
    index: HashMap<&'a str, usize>,
    marks: Vec<Mark>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    New,
    /// On the path that is followed just now.
    Open,
    Done,
}

impl CycleSearch<'_> {
    fn run(mut self, report: &mut MistakeReport) {
        for start in 0..self.tasks.len() {
            if self.marks[start] == Mark::New {
                self.follow(start, report);
            }
        }
    }

    fn follow(&mut self, start: usize, report: &mut MistakeReport) {
        self.marks[start] = Mark::Open;
        let mut path = vec![(start, 0)];
        while let Some((at, next)) = path.last_mut() {
            let (at, edge) = (*at, *next);
            *next += 1;
            let Some(dependency) = self.tasks[at].task.after.get(edge) else {
                self.marks[at] = Mark::Done;
                path.pop();
                continue;
            };
            let Some(&to) = self.index.get(dependency.task.as_str()) else { continue };
            match self.marks[to] {
                Mark::New => {
                    self.marks[to] = Mark::Open;
                    path.push((to, 0));
                }
                Mark::Open => {
                    let cycle = path.iter().map(|(task, _)| *task).skip_while(|task| *task != to).collect();
                    self.report_cycle(cycle, &self.tasks[at].after[edge], report);
                }
                Mark::Done => {}
            }
        }
    }

    /// Reports the cycle at the dependency that closes it.
    fn report_cycle(&self, cycle: Vec<usize>, span: &Span, report: &mut MistakeReport) {
        let first = cycle.first().copied();
        let names: Vec<_> =
            cycle.into_iter().chain(first).map(|task| self.tasks[task].name().escape_debug().to_string()).collect();
        match names.as_slice() {
            [name, _] => report.add(span.clone(), format!("`{name}` waits for itself"), "remove this"),
            names => {
                let remedy = "remove one of these dependencies";
                report.add(span.clone(), format!("tasks wait for each other: {}", names.join(" -> ")), remedy);
            }
        }
    }
}
