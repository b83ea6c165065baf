//! Reports how a run of one task has gone, after everything has ended.

use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::kernel::KernelHandle;
use crate::logs::without_escapes;
use crate::present::clock::Clock;
use crate::present::run_report::{GUILTY_LINES, RunCase, RunFailure, RunReport};
use crate::present::why::why;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot, TaskSnapshot};

/// The report on `task` and what ran with it.
pub(super) fn report(kernel: &KernelHandle, project: String, task: &str) -> RunReport {
    let snapshot = kernel.snapshot();
    let ran = |task: &&TaskSnapshot| !task.is_builtin() && (task.run > task.runs_before || is_failed(task));
    let cases = snapshot.tasks.iter().filter(ran).map(case).collect();
    let failed = snapshot.task(task).filter(|task| is_failed(task));
    RunReport { project, cases, failure: failed.map(|task| failure(kernel, &snapshot, task)) }
}

/// Writes a report for programs.
///
/// # Errors
///
/// The file can't be written.
pub(super) fn write_junit(report: &RunReport, path: &Path) -> anyhow::Result<()> {
    fs::write(path, report.junit()).with_context(|| format!("cannot write {}", path.display()))
}

fn is_failed(task: &TaskSnapshot) -> bool {
    matches!(task.phase, PhaseSnapshot::Failed { .. })
}

fn case(task: &TaskSnapshot) -> RunCase {
    let failure = match &task.phase {
        PhaseSnapshot::Failed { reason, .. } => Some(reason.clone()),
        _ => None,
    };
    let millis = task.last_exit.as_ref().map_or(0, |last| last.ran_for.as_millis());
    RunCase { name: task.name.clone(), millis, failure }
}

fn failure(kernel: &KernelHandle, snapshot: &Snapshot, task: &TaskSnapshot) -> RunFailure {
    let newest_line = |task: &str| kernel.logs().existing_tail(task)?.last();
    // Not of the end, which the last words tell.
    let snapshot = Snapshot { stage: crate::supervisor::engine::Stage::Up, ..snapshot.clone() };
    let causes = why(task, &snapshot, &newest_line, &Clock::new(kernel.now()));
    let guilty = causes.last().map_or_else(|| task.name.clone(), |cause| cause.task.clone());
    let lines = kernel.logs().existing_tail(&guilty).map(|tail| tail.lines()).unwrap_or_default();
    let last = lines.len().saturating_sub(GUILTY_LINES);
    let lines = lines[last..].iter().map(|line| without_escapes(&line.bytes)).collect();
    RunFailure { causes, guilty, lines }
}
