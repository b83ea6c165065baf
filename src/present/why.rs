//! Why a task is not running: the chain of causes in words, followed through what it waits for.
//!
//! Words that come from elsewhere (a reason, a last line) are passed on as they are: the client makes them safe to show.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ansi;
use super::clock::Clock;
use super::next::have_stopped;
use super::parts::needs_attention;
use crate::duration::Pretty;
use crate::logs::{LogLine, without_escapes};
use crate::supervisor::engine::{
    AfterStop, Blocker, ExitReason, LastExit, PendingStop, PhaseSnapshot, Snapshot, Stage, Straggler, TaskSnapshot,
};

/// Characters of a log line that are quoted.
const QUOTED_CHARS: usize = 200;

/// What keeps one task, in sentences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Cause {
    /// How far down the chain it is; the task that was asked about is 0.
    pub(crate) depth: usize,
    /// Which task.
    pub(crate) task: String,
    /// What there is to say of it; each follows its name.
    pub(crate) sentences: Vec<String>,
}

/// One cause of the chain as a line.
pub(crate) fn chain_line(Cause { depth, task, sentences }: &Cause) -> String {
    let indent = depth * 3;
    let head = if *depth > 0 { "└─ " } else { "" };
    let sentences: Vec<_> = sentences.iter().map(|sentence| ansi::plain_text(sentence.as_bytes())).collect();
    format!("{head:>indent$}{task} {}.", sentences.join("; "))
}

/// The newest line of a task.
pub(crate) type NewestLine<'a> = dyn Fn(&str) -> Option<Arc<LogLine>> + 'a;

/// The chain from `task` down to what it all hangs on.
pub(crate) fn why(task: &TaskSnapshot, snapshot: &Snapshot, last_line: &NewestLine<'_>, clock: &Clock) -> Vec<Cause> {
    let mut chain = Chain { snapshot, newest_line: last_line, clock, causes: Vec::new() };
    chain.follow(task, 0);
    chain.causes
}

/// What is not well: each task whose state has its cause in itself, and below it those that wait for it.
pub(crate) fn unwell(snapshot: &Snapshot, last_line: &NewestLine<'_>, clock: &Clock) -> Vec<Cause> {
    let mut chain = Chain { snapshot, newest_line: last_line, clock, causes: Vec::new() };
    let held: Vec<_> = snapshot.tasks.iter().filter(|task| !hangs_on(task).is_empty()).collect();
    let is_cause = |task: &&TaskSnapshot| {
        let holds_another = || held.iter().any(|held| hangs_on(held).contains(&task.name.as_str()));
        hangs_on(task).is_empty() && (is_unwell(task, snapshot) || holds_another())
    };
    let mut told = BTreeSet::new();
    for cause in snapshot.tasks.iter().filter(is_cause) {
        let sentences = chain.sentences(cause);
        chain.causes.push(Cause { depth: 0, task: cause.name.clone(), sentences });
        for held in held_by(cause, &held).into_iter().filter(|held| told.insert(held.name.as_str())) {
            let sentences = vec![chain.state(held)];
            chain.causes.push(Cause { depth: 1, task: held.name.clone(), sentences });
        }
    }
    chain.causes
}

/// Whether a task is not as it should be by itself.
fn is_unwell(task: &TaskSnapshot, snapshot: &Snapshot) -> bool {
    if task.is_builtin() {
        return needs_attention(task, matches!(snapshot.stage, Stage::Draining { .. }));
    }
    let probe_fails = || [&task.probe, &task.live_probe].into_iter().flatten().any(|probe| !probe.passed);
    match &task.phase {
        PhaseSnapshot::Waiting { blockers } => !blockers.is_empty(),
        PhaseSnapshot::Starting { .. }
        | PhaseSnapshot::Stopping { .. }
        | PhaseSnapshot::Backoff { .. }
        | PhaseSnapshot::Failed { .. } => true,
        PhaseSnapshot::Running { .. } | PhaseSnapshot::Ready { .. } => {
            !task.counts_as_ready() || task.is_flapping() || probe_fails()
        }
        PhaseSnapshot::Scheduled | PhaseSnapshot::Stopped | PhaseSnapshot::Done => false,
    }
}

/// The tasks that one is held back by.
fn hangs_on(task: &TaskSnapshot) -> Vec<&str> {
    if let Some(stop) = &task.pending_stop {
        return stop.waits_for.iter().map(String::as_str).collect();
    }
    match &task.phase {
        PhaseSnapshot::Waiting { blockers } => blockers.iter().map(|blocker| blocker.task.as_str()).collect(),
        PhaseSnapshot::Failed { dependency, .. } => dependency.iter().map(String::as_str).collect(),
        PhaseSnapshot::Starting { .. }
        | PhaseSnapshot::Running { .. }
        | PhaseSnapshot::Ready { .. }
        | PhaseSnapshot::Stopping { .. }
        | PhaseSnapshot::Backoff { .. }
        | PhaseSnapshot::Scheduled
        | PhaseSnapshot::Stopped
        | PhaseSnapshot::Done => Vec::new(),
    }
}

/// Those of the held tasks that wait for `cause`, also by way of others.
fn held_by<'a>(cause: &'a TaskSnapshot, held: &[&'a TaskSnapshot]) -> Vec<&'a TaskSnapshot> {
    let mut reached = vec![cause.name.as_str()];
    let mut found = Vec::new();
    while let Some(name) = reached.pop() {
        for task in held.iter().filter(|task| hangs_on(task).contains(&name)) {
            if !found.iter().any(|found: &&TaskSnapshot| found.name == task.name) {
                found.push(task);
                reached.push(&task.name);
            }
        }
    }
    found
}

struct Chain<'a> {
    snapshot: &'a Snapshot,
    newest_line: &'a NewestLine<'a>,
    clock: &'a Clock,
    causes: Vec<Cause>,
}

impl Chain<'_> {
    fn follow(&mut self, task: &TaskSnapshot, depth: usize) {
        if self.causes.iter().any(|cause| cause.task == task.name) {
            return;
        }
        let sentences = self.sentences(task);
        self.causes.push(Cause { depth, task: task.name.clone(), sentences });
        for task in hangs_on(task).into_iter().filter_map(|name| self.snapshot.task(name)) {
            self.follow(task, depth + 1);
        }
    }

    fn sentences(&self, task: &TaskSnapshot) -> Vec<String> {
        let mut sentences = vec![self.state(task)];
        let is_down_for_it = matches!(task.phase, PhaseSnapshot::Done | PhaseSnapshot::Failed { dependency: None, .. });
        let went_wrong = task.last_exit.as_ref().filter(|last| !last.expected || is_down_for_it);
        if let Some(last) = went_wrong {
            sentences.push(self.last_exit(last));
            sentences.extend(last.hint.as_ref().map(|hint| format!("hint: {hint}")));
        }
        let quoted = match task.phase {
            PhaseSnapshot::Running { .. } if !task.counts_as_ready() => Some(task.run),
            _ => went_wrong.map(|last| last.run),
        };
        sentences.extend(quoted.and_then(|run| self.last_line(task, run)));
        if let Some(every) = task.flapping_every {
            let count = task.restarts_last_hour;
            sentences.push(format!("it is flapping: {count} restarts in the last hour, every {}", Pretty(every)));
        }
        if let Some(probe) = task.live_probe.as_ref().filter(|probe| !probe.passed) {
            let seen = self.clock.age(probe.at);
            sentences.push(format!(
                "its liveness probe says {}, {seen}, {} in a row",
                probe.detail,
                tries(probe.failures)
            ));
        }
        sentences.extend(task.status.as_ref().map(|status| format!("it says of itself: {status}")));
        if let Some(back) = task.budget_back_at.filter(|_| task.is_live()) {
            let left = self.clock.left(back);
            sentences
                .push(format!("{} of {} retries are used; they are back in {left}", task.retries, task.max_retries));
        }
        if let Stage::Draining { cause, .. } = &self.snapshot.stage {
            sentences.push(format!("stead is shutting down: {cause}"));
        }
        sentences
    }

    fn state(&self, task: &TaskSnapshot) -> String {
        if let Some(PendingStop { waits_for, then }) = &task.pending_stop {
            let what = if *then == AfterStop::Restart { "restart" } else { "stop" };
            let (state, run, until) = (task.phase.word(), task.run, have_stopped(waits_for));
            return format!("is {state}, run {run}: its {what} waits until {until}");
        }
        match &task.phase {
            PhaseSnapshot::Waiting { blockers } if blockers.is_empty() => "is about to start".to_owned(),
            PhaseSnapshot::Waiting { blockers } => format!("is waiting for {}", listed(blockers)),
            PhaseSnapshot::Starting { since, deadline } => {
                let (since, left) = (self.clock.age(*since), self.clock.left(*deadline));
                format!("is starting since {since}; the start has failed if it takes {left} more")
            }
            PhaseSnapshot::Running { since, .. } if task.counts_as_ready() => {
                format!("is running: run {}, for {}; nothing holds it back", task.run, self.clock.span(*since))
            }
            PhaseSnapshot::Running { since, .. } => {
                let probe = match &task.probe {
                    Some(probe) if !probe.passed => {
                        let seen = self.clock.age(probe.at);
                        format!("its probe says {}, {seen}, {} in a row", probe.detail, tries(probe.failures))
                    }
                    _ => "its probe has no result yet".to_owned(),
                };
                format!("is running for {} and not ready: {probe}", self.clock.span(*since))
            }
            PhaseSnapshot::Ready { since, .. } => {
                format!("is ready: run {}, for {}; nothing holds it back", task.run, self.clock.span(*since))
            }
            PhaseSnapshot::Stopping { kill_at, killed, then, left, .. } => {
                let end = match killed {
                    true => "it was killed and has not ended yet".to_owned(),
                    false => format!("it is killed in {}", self.clock.left(*kill_at)),
                };
                let then = match then {
                    AfterStop::Stay => "",
                    AfterStop::Restart => ", then a new run starts",
                    AfterStop::Retry => ", then its policy decides",
                    AfterStop::Fail => ", then it is held as failed: its group has failed",
                    AfterStop::Leave => ", then it leaves: it is not in the configuration any more",
                };
                let left = if left.is_empty() { String::new() } else { format!("; left is {}", Straggler::list(left)) };
                format!("is stopping: {end}{then}{left}")
            }
            PhaseSnapshot::Backoff { attempt, retry_at, .. } => {
                let left = self.clock.left(*retry_at);
                format!("is in backoff: retry {attempt} of {} in {left}", task.max_retries)
            }
            PhaseSnapshot::Scheduled => match task.next_due {
                Some(at) => format!("is scheduled: it runs in {}", self.clock.left(at)),
                None => "is scheduled, and is never due".to_owned(),
            },
            PhaseSnapshot::Stopped if !task.autostart && !task.has_started => {
                "does not start without being asked to".to_owned()
            }
            PhaseSnapshot::Stopped => "was stopped, and stays so until it is started".to_owned(),
            PhaseSnapshot::Done => "is done: its policy does not start it again".to_owned(),
            PhaseSnapshot::Failed { reason, retry_at: Some(at), .. } => {
                format!("has failed: {reason}; it is tried again in {}", self.clock.left(*at))
            }
            PhaseSnapshot::Failed { reason, .. } => format!("has failed: {}; a restart tries again", reason),
        }
    }

    fn last_exit(&self, last: &LastExit) -> String {
        let how = match &last.reason {
            ExitReason::Code { code } => format!("exited with code {code}"),
            ExitReason::Signal { .. } => format!("was ended by {}", last.reason),
            ExitReason::Finished => "finished".to_owned(),
            ExitReason::Panic { .. } => last.reason.to_string().replacen("panic:", "panicked:", 1),
            ExitReason::Error { .. } => format!("failed: {}", last.reason),
            ExitReason::Aborted => "was aborted".to_owned(),
            ExitReason::StartFailed { .. } => format!("could not start: {}", last.reason),
            ExitReason::StartTimeout { .. } => format!("could not start: {}", last.reason),
            ExitReason::OverMemory { .. } => format!("was ended: it {}", last.reason),
            ExitReason::NotReady { .. } | ExitReason::ReadyTimeout { .. } | ExitReason::NotLive { .. } => {
                format!("was given up, {}", last.reason)
            }
        };
        format!("its last run {how}, {}", self.clock.age(last.at))
    }

    /// What a run wrote last, unless a newer one has written since.
    fn last_line(&self, task: &TaskSnapshot, run: u64) -> Option<String> {
        let line = (self.newest_line)(&task.name).filter(|line| u64::from(line.run.number) == run)?;
        let text = without_escapes(&line.bytes);
        let text = text.trim();
        let quoted: String = text.chars().take(QUOTED_CHARS).collect();
        let ellipsis = if quoted.len() < text.len() { "…" } else { "" };
        (!quoted.is_empty()).then(|| format!("its last line was “{quoted}{ellipsis}”"))
    }
}

/// `db to be ready and migrate to succeed`
fn listed(blockers: &[Blocker]) -> String {
    let each: Vec<String> = blockers.iter().map(|blocker| format!("{} {}", blocker.task, blocker.condition)).collect();
    each.join(" and ")
}

fn tries(failures: u32) -> String {
    match failures {
        1 => "1 failed try".to_owned(),
        _ => format!("{failures} failed tries"),
    }
}
