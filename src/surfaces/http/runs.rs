//! `/api/v1/tasks/NAME/runs`: the runs that something is known of. The supervisor knows its own, the logs and the
//! post-mortems those of supervisors before it, too.

use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::extract::{TaskName, uncached};
use super::limits::RUNS_LISTED;
use super::openapi::{Operation, Routes};
use super::problem::Problem;
use super::reading::{read, unreadable};
use super::state::Api;
use super::why::post_mortems;
use crate::kernel::PostMortem;
use crate::logs::StoredRun;
use crate::supervisor::EventRecord;
use crate::supervisor::engine::{EventKind, TaskSnapshot};
use crate::wire::RunSummary;

pub(super) fn routes() -> Routes {
    let operation = Operation::get("list_runs", "/api/v1/tasks/{name}/runs", "The runs of a task, newest first.");
    Routes::default().route(operation.answers_list_of::<RunSummary>(), self::get)
}

async fn get(State(api): State<Api>, TaskName(name): TaskName) -> Result<Response, Problem> {
    let snapshot = api.kernel.snapshot();
    let state = snapshot.task(&name).ok_or_else(|| Problem::unknown_task(&name, &snapshot))?;
    let post_mortems = post_mortems(&api, &name).await?;
    let (reader, task) = (api.logs(), name.clone());
    let stored = read(&api, move |_| reader.runs(&task).map_err(|error| unreadable(&error))).await?;
    let events = api.kernel.event_log().recent();
    let events = events.iter().map(AsRef::as_ref).filter(|event| event.event.task.as_ref() == Some(&name));
    let mut past = PastRuns::of(&stored, api.kernel.started_at());
    events.for_each(|event| past.hear(event));
    past.settle(state);
    post_mortems.iter().for_each(|post_mortem| past.examine(post_mortem));
    Ok(uncached(past.newest_first()))
}

/// The runs of one task, put together from what knows of them.
struct PastRuns {
    /// When the supervisor that answers has started.
    begin: Timestamp,
    runs: Vec<RunSummary>,
}

impl PastRuns {
    fn of(stored: &[StoredRun], begin: Timestamp) -> Self {
        let run = |stored: &StoredRun| RunSummary {
            run: stored.key.number.into(),
            id: Some(format!("{}-{}", stored.key.supervised_since, stored.key.number)),
            started_at: Some(stored.first),
            ended_at: Some(stored.last),
            exit: None,
            lines_kept: true,
        };
        Self { begin, runs: stored.iter().map(run).collect() }
    }

    /// A run of the supervisor that answers.
    fn own(&mut self, number: u64) -> &mut RunSummary {
        let own = |run: &RunSummary| run.run == number && run.started_at >= Some(self.begin);
        let at = self.runs.iter().rposition(own).unwrap_or_else(|| {
            self.runs.push(RunSummary {
                run: number,
                id: None,
                started_at: None,
                ended_at: None,
                exit: None,
                lines_kept: false,
            });
            self.runs.len() - 1
        });
        &mut self.runs[at]
    }

    fn hear(&mut self, event: &EventRecord) {
        match &event.event.kind {
            EventKind::Started { run, .. } => self.own(*run).started_at = Some(event.at),
            EventKind::Exited { run, reason, after, .. } => {
                let run = self.own(*run);
                let lasted = SignedDuration::try_from(*after).unwrap_or_default();
                run.started_at = run.started_at.or_else(|| event.at.checked_sub(lasted).ok());
                run.ended_at = Some(event.at);
                run.exit = Some(reason.to_string());
            }
            _ => {}
        }
    }

    /// The run that goes on has no end yet.
    fn settle(&mut self, task: &TaskSnapshot) {
        if task.is_live() && task.run > 0 {
            let run = self.own(task.run);
            (run.ended_at, run.exit) = (None, None);
        }
    }

    fn examine(&mut self, failed: &PostMortem) {
        let lasted = SignedDuration::from_millis(failed.ran_for_ms.try_into().unwrap_or(i64::MAX));
        let same = |run: &&mut RunSummary| run.run == failed.run && run.started_at <= Some(failed.at);
        let newest = self.runs.iter_mut().filter(same).max_by_key(|run| run.started_at);
        match newest {
            Some(run) if run.exit.is_none() => {
                (run.ended_at, run.exit) = (Some(failed.at), Some(failed.reason.clone()));
            }
            Some(_) => {}
            None => self.runs.push(RunSummary {
                run: failed.run,
                id: None,
                started_at: failed.at.checked_sub(lasted).ok(),
                ended_at: Some(failed.at),
                exit: Some(failed.reason.clone()),
                lines_kept: false,
            }),
        }
    }

    fn newest_first(mut self) -> Vec<RunSummary> {
        self.runs.sort_by_key(|run| std::cmp::Reverse(run.started_at));
        self.runs.truncate(RUNS_LISTED);
        self.runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::RunKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn stored(since: u32, number: u32, first: i64, last: i64) -> StoredRun {
        StoredRun { key: RunKey { supervised_since: since, number }, first: at(first), last: at(last), bytes: 1 }
    }

    fn failed(run: u64, second: i64) -> PostMortem {
        PostMortem {
            task: "api".to_owned(),
            run,
            session: Timestamp::UNIX_EPOCH,
            at: at(second),
            reason: "code 7".to_owned(),
            class: "failure".to_owned(),
            signal: None,
            ran_for_ms: 5_000,
            retries: 0,
            max_retries: 5,
            then: "backoff".to_owned(),
            peak_memory_bytes: None,
            lines: Vec::new(),
        }
    }

    #[test]
    fn runs_of_the_same_number_are_told_apart_by_their_supervisors() {
        let mut past = PastRuns::of(&[stored(10, 1, 11, 19), stored(10, 2, 21, 29), stored(100, 1, 101, 109)], at(100));
        [failed(2, 30), failed(1, 20), failed(9, 50)].iter().for_each(|post_mortem| past.examine(post_mortem));
        let mut task = crate::kernel::sample::process("api", crate::kernel::sample::ready(1_000));
        task.run = 1;
        past.settle(&task);
        let runs = past.newest_first();
        let told: Vec<_> = runs
            .iter()
            .map(|run| (run.id.as_deref(), run.ended_at.map(Timestamp::as_second), run.exit.is_some()))
            .collect();
        let expected = [
            (Some("100-1"), None, false),
            (None, Some(50), true),
            (Some("10-2"), Some(30), true),
            (Some("10-1"), Some(20), true),
        ];
        assert_eq!(told, expected);
        assert_eq!(runs[1].started_at, Some(at(45)));
    }
}
