//! The supervisor in numbers, for Prometheus.
//!
//! Measured anew at every scrape: there are no counters beside those that the supervisor has anyway, and a task that is
//! gone leaves no stale series behind.

mod format;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

pub(crate) use format::Format;
use format::{counters, gauge, gauges};

use super::{HookCount, KernelHandle};
use crate::logs::LogCounts;
use crate::supervisor::engine::{PhaseSnapshot, Snapshot, Stage, TaskKind, TaskSnapshot, Uptime};

/// Everything that is measured, at one instant.
#[derive(Debug)]
pub(crate) struct Measured {
    snapshot: Arc<Snapshot>,
    now: Uptime,
    /// How long the event loop took to answer; none if it did not.
    lag: Option<Duration>,
    /// What each task has written.
    logs: BTreeMap<String, LogCounts>,
    hooks: BTreeMap<String, HookCount>,
    /// The number of clients.
    clients: usize,
}

impl Measured {
    /// Measures: cpu and memory are sampled for it, and the event loop is asked how busy it is.
    pub(crate) async fn of(kernel: &KernelHandle, clients: usize) -> Self {
        let observer = kernel.observe_usage();
        observer.sampled().await;
        let lag = kernel.check_lag().await;
        let snapshot = kernel.snapshot();
        let logs = snapshot.tasks.iter().filter_map(|task| {
            let tail = kernel.logs().existing_tail(&task.name)?;
            Some((task.name.clone(), tail.counts()))
        });
        Self { logs: logs.collect(), hooks: kernel.hooks().all(), clients, lag, now: kernel.now(), snapshot }
    }

    /// All of it as a page.
    pub(crate) fn page(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("writing into a string can't fail");
        format.of(text)
    }
}

impl Collector for Measured {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        self.supervisor(&mut page)?;
        self.tasks(&mut page)?;
        self.usage(&mut page)?;
        self.logs(&mut page)?;
        gauge(&mut page, "stead_clients", "Clients that are connected.", None, self.clients as i64)?;
        self.hooks(&mut page)
    }
}

impl Measured {
    fn supervisor(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        page.encode_descriptor("stead_build", "The version that runs.", None, MetricType::Info)?.encode_info(&build)?;
        gauge(page, "stead_up", "Whether the supervisor answers.", None, 1_i64)?;
        let draining = i64::from(matches!(self.snapshot.stage, Stage::Draining { .. }));
        gauge(page, "stead_draining", "Whether everything is being stopped.", None, draining)?;
        let uptime = self.now.0.as_secs_f64();
        gauge(page, "stead_uptime", "The time since the supervisor started.", Some(Unit::Seconds), uptime)?;
        let help = "How long the event loop took to answer this scrape.";
        match self.lag {
            Some(lag) => gauge(page, "stead_event_loop_lag", help, Some(Unit::Seconds), lag.as_secs_f64()),
            None => Ok(()),
        }
    }

    fn tasks(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tasks = &self.snapshot.tasks;
        let states = tasks.iter().flat_map(|task| {
            let word = task.phase.word();
            STATES.map(|state| ([("task", task.name.as_str()), ("state", state)], i64::from(state == word)))
        });
        gauges(page, "stead_task_state", "1 for the state the task is in, 0 for the others.", None, states)?;
        let restarts = tasks.iter().map(|task| (name(task), task.restarts));
        counters(page, "stead_task_restarts", "Restarts by policy.", None, restarts)?;
        let retries = tasks.iter().map(|task| (name(task), i64::from(task.retries)));
        gauges(page, "stead_task_retries", "How much of the retry budget is used.", None, retries)?;
        let budget = tasks.iter().map(|task| (name(task), i64::from(task.max_retries)));
        gauges(page, "stead_task_max_retries", "The retry budget.", None, budget)?;
        let backoff = tasks.iter().map(|task| (name(task), self.backoff(task)));
        gauges(page, "stead_task_backoff", "The time until the next start.", Some(Unit::Seconds), backoff)?;
        let uptime = tasks.iter().map(|task| (name(task), self.uptime(task)));
        gauges(page, "stead_task_uptime", "How long the current run has lasted.", Some(Unit::Seconds), uptime)?;
        let exits = tasks.iter().flat_map(|task| {
            task.exits
                .iter()
                .map(|(reason, count)| ([("task", task.name.as_str()), ("reason", reason.as_ref())], *count))
        });
        counters(page, "stead_task_exits", "Exits by class of reason.", None, exits)
    }

    /// Only of tasks that have processes now. The warden is none: all of theirs are below it.
    fn usage(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tasks = || self.snapshot.tasks.iter().filter(|task| task.kind != TaskKind::Builtin);
        let used = || tasks().filter_map(|task| Some((task, task.usage.as_ref()?)));
        let help = "Processor time per second since the sample before, over all processes; 1 is one whole core.";
        let cpu = used().map(|(task, usage)| (name(task), f64::from(usage.cpu_percent) / 100.0));
        gauges(page, "stead_task_cpu", help, Some(Unit::Other("ratio".to_owned())), cpu)?;
        let memory = used().map(|(task, usage)| (name(task), usage.memory_bytes as f64));
        gauges(page, "stead_task_memory", "Resident memory, over all processes.", Some(Unit::Bytes), memory)?;
        let processes = used().map(|(task, usage)| (name(task), i64::from(usage.processes)));
        gauges(page, "stead_task_processes", "Processes in the tree of the task.", None, processes)
    }

    fn logs(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let of = |count: fn(&LogCounts) -> u64| {
            self.logs.iter().map(move |(task, counts)| ([("task", task.as_str())], count(counts)))
        };
        let bytes = of(|counts| counts.bytes);
        counters(page, "stead_task_log", "What the task has written.", Some(Unit::Bytes), bytes)?;
        let lines = of(|counts| counts.lines);
        counters(page, "stead_task_log_lines", "Lines that the task has ended.", None, lines)?;
        let help = "What the task has written and its log could not take.";
        counters(page, "stead_task_log_lost", help, Some(Unit::Bytes), of(|counts| counts.lost_bytes))
    }

    fn hooks(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let calls = self.hooks.iter().flat_map(|(hook, count)| {
            [("ok", count.succeeded), ("failed", count.failed)]
                .map(|(result, calls)| ([("hook", hook.as_str()), ("result", result)], calls))
        });
        counters(page, "stead_hook_calls", "Calls of a hook by how they went.", None, calls)?;
        let dropped = self.hooks.iter().map(|(hook, count)| ([("hook", hook.as_str())], count.dropped));
        counters(page, "stead_hook_dropped_events", "Events that a hook was not called for.", None, dropped)
    }

    fn backoff(&self, task: &TaskSnapshot) -> f64 {
        match task.phase {
            PhaseSnapshot::Backoff { retry_at, .. } => self.now.until(retry_at).as_secs_f64(),
            _ => 0.0,
        }
    }

    fn uptime(&self, task: &TaskSnapshot) -> f64 {
        match task.phase {
            PhaseSnapshot::Running { since, .. } | PhaseSnapshot::Ready { since, .. } => {
                self.now.since(since).as_secs_f64()
            }
            _ => 0.0,
        }
    }
}

/// Every word of [`PhaseSnapshot::word`].
const STATES: [&str; 10] =
    ["waiting", "starting", "running", "ready", "stopping", "backoff", "scheduled", "stopped", "done", "failed"];

fn name(task: &TaskSnapshot) -> [(&'static str, &str); 1] {
    [("task", task.name.as_str())]
}
