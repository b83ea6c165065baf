//! The snapshot as metrics, in the OpenMetrics text format.
//!
//! Rendered anew at every scrape: there are no counters beside the snapshot, and a task that is gone leaves no
//! stale series behind.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, EncodeLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use crate::supervisor::core::{PhaseSnapshot, Snapshot, Stage, TaskSnapshot, Uptime};

/// What [`render`] makes.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured, as it is at `now`.
pub(crate) fn render(snapshot: &Snapshot, now: Uptime) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Measured { snapshot: snapshot.clone(), now }));
    let mut text = String::new();
    encode(&mut text, &registry).expect("writing into a string can't fail");
    text
}

#[derive(Debug)]
struct Measured {
    snapshot: Snapshot,
    now: Uptime,
}

impl Collector for Measured {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        self.supervisor(&mut page)?;
        self.tasks(&mut page)?;
        let dropped = self.snapshot.channels.iter().map(|c| ([("channel", c.name.0.as_str())], c.dropped));
        counters(&mut page, "stead_channel_dropped_events", "Events a channel was too slow to take.", dropped)
    }
}

impl Measured {
    fn supervisor(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        page.encode_descriptor("stead_build", "The version that runs.", None, MetricType::Info)?.encode_info(&build)?;
        let draining = matches!(self.snapshot.stage, Stage::Draining { .. });
        gauges(page, "stead_up", "Whether the supervisor answers.", None, [([NO_LABEL; 0], 1_i64)])?;
        let drains = [([NO_LABEL; 0], i64::from(draining))];
        gauges(page, "stead_draining", "Whether everything is being stopped.", None, drains)?;
        let uptime = [([NO_LABEL; 0], self.now.0.as_secs_f64())];
        gauges(page, "stead_uptime", "The time since the supervisor started.", Some(Unit::Seconds), uptime)
    }

    fn tasks(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let tasks = &self.snapshot.tasks;
        let states = tasks.iter().flat_map(|task| {
            let word = task.phase.word();
            STATES.map(|state| ([("task", task.name.as_str()), ("state", state)], i64::from(state == word)))
        });
        gauges(page, "stead_task_state", "1 for the state the task is in, 0 for the others.", None, states)?;
        let restarts = tasks.iter().map(|task| (name(task), task.restarts));
        counters(page, "stead_task_restarts", "Restarts by policy.", restarts)?;
        let retries = tasks.iter().map(|task| (name(task), i64::from(task.retries)));
        gauges(page, "stead_task_retries", "How much of the retry budget is used.", None, retries)?;
        let budget = tasks.iter().map(|task| (name(task), i64::from(task.max_retries)));
        gauges(page, "stead_task_max_retries", "The retry budget.", None, budget)?;
        let backoff = tasks.iter().map(|task| (name(task), self.backoff(task)));
        gauges(page, "stead_task_backoff", "The time until the next start.", Some(Unit::Seconds), backoff)?;
        let uptime = tasks.iter().map(|task| (name(task), self.uptime(task)));
        gauges(page, "stead_task_uptime", "How long the current run has lasted.", Some(Unit::Seconds), uptime)?;
        let exits = tasks.iter().flat_map(|task| {
            task.exits.iter().map(|(reason, count)| ([("task", task.name.as_str()), ("reason", *reason)], *count))
        });
        counters(page, "stead_task_exits", "Exits by class of reason.", exits)
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
const STATES: [&str; 9] =
    ["waiting", "starting", "running", "ready", "stopping", "backoff", "stopped", "done", "failed"];

/// Repeated no times, it is the label set of what is there once.
const NO_LABEL: (&str, &str) = ("", "");

fn name(task: &TaskSnapshot) -> [(&'static str, &str); 1] {
    [("task", task.name.as_str())]
}

fn gauges<L: EncodeLabelSet, V: EncodeGaugeValue>(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    series: impl IntoIterator<Item = (L, V)>,
) -> fmt::Result {
    let mut family = page.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?;
    series.into_iter().try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_gauge(&value))
}

/// The format adds `_total` to the name.
fn counters<L: EncodeLabelSet>(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    series: impl IntoIterator<Item = (L, u64)>,
) -> fmt::Result {
    let mut family = page.encode_descriptor(name, help, None, MetricType::Counter)?;
    let mut series = series.into_iter();
    series.try_for_each(|(labels, value)| family.encode_family(&labels)?.encode_counter::<L, _, u64>(&value, None))
}
