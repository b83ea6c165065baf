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
        gauge(page, "stead_up", "Whether the supervisor answers.", None, 1_i64)?;
        let draining = i64::from(matches!(self.snapshot.stage, Stage::Draining { .. }));
        gauge(page, "stead_draining", "Whether everything is being stopped.", None, draining)?;
        let uptime = self.now.0.as_secs_f64();
        gauge(page, "stead_uptime", "The time since the supervisor started.", Some(Unit::Seconds), uptime)
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
            task.exits
                .iter()
                .map(|(reason, count)| ([("task", task.name.as_str()), ("reason", reason.as_ref())], *count))
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

fn name(task: &TaskSnapshot) -> [(&'static str, &str); 1] {
    [("task", task.name.as_str())]
}

fn gauge<V: EncodeGaugeValue>(
    page: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    value: V,
) -> fmt::Result {
    page.encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?.encode_gauge(&value)
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::kernel::sample::{at, process, ready, snapshot};
    use crate::supervisor::core::{AfterStop, ChannelSnapshot, Origin};

    /// The samples of a page by series, after checking that every one belongs to a family that is described.
    fn samples(text: &str) -> BTreeMap<&str, f64> {
        let body = text.strip_suffix("# EOF\n").expect("a page says where it ends");
        let mut families = BTreeMap::new();
        let mut helped = BTreeSet::new();
        let mut samples = BTreeMap::new();
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (family, kind) = rest.split_once(' ').expect("a type");
                assert!(families.insert(family, kind).is_none(), "{family} is described twice");
            } else if let Some(rest) = line.strip_prefix("# HELP ") {
                let (family, help) = rest.split_once(' ').expect("a help text");
                assert!(help.ends_with('.') && !help.ends_with(".."), "{help}");
                helped.insert(family);
            } else if !line.starts_with("# UNIT ") {
                let (series, value) = line.rsplit_once(' ').expect("a value");
                let name = series.split('{').next().expect("a name");
                let family = name.trim_end_matches("_total").trim_end_matches("_info");
                let suffix = &name[family.len()..];
                let expected = match families.get(family) {
                    Some(&"counter") => "_total",
                    Some(&"info") => "_info",
                    Some(&"gauge") => "",
                    kind => panic!("{series} is of {kind:?}"),
                };
                assert_eq!(suffix, expected, "{series}");
                assert!(helped.contains(family), "{family} has no help text");
                let value = value.parse().expect("a number");
                assert!(samples.insert(series, value).is_none(), "{series} comes twice");
            }
        }
        samples
    }

    #[test]
    fn every_family_is_described_and_every_task_measured() {
        let retry = PhaseSnapshot::Backoff { attempt: 2, since: at(9_000), retry_at: at(12_500) };
        let mut api = process("api", retry);
        (api.retries, api.restarts) = (2, 7);
        api.exits = BTreeMap::from([("code".into(), 6), ("signal".into(), 1)]);
        let mut snapshot = snapshot(1, vec![process("db", ready(1_000)), api]);
        snapshot.channels = vec![ChannelSnapshot { name: Origin("web".into()), since: at(0), dropped: 3 }];

        let text = render(&snapshot, at(10_000));
        let samples = samples(&text);
        for (series, value) in [
            (r#"stead_task_state{task="db",state="ready"}"#, 1.0),
            (r#"stead_task_state{task="db",state="failed"}"#, 0.0),
            (r#"stead_task_state{task="api",state="backoff"}"#, 1.0),
            (r#"stead_task_restarts_total{task="api"}"#, 7.0),
            (r#"stead_task_retries{task="api"}"#, 2.0),
            (r#"stead_task_max_retries{task="api"}"#, 5.0),
            (r#"stead_task_backoff_seconds{task="api"}"#, 2.5),
            (r#"stead_task_backoff_seconds{task="db"}"#, 0.0),
            (r#"stead_task_uptime_seconds{task="db"}"#, 9.0),
            (r#"stead_task_uptime_seconds{task="api"}"#, 0.0),
            (r#"stead_task_exits_total{task="api",reason="code"}"#, 6.0),
            (r#"stead_task_exits_total{task="api",reason="signal"}"#, 1.0),
            (r#"stead_channel_dropped_events_total{channel="web"}"#, 3.0),
            ("stead_up", 1.0),
            ("stead_draining", 0.0),
            ("stead_uptime_seconds", 10.0),
        ] {
            assert_eq!(samples.get(series), Some(&value), "{series} in\n{text}");
        }
        assert!(samples.keys().any(|series| series.starts_with("stead_build_info{version=")));
    }

    #[test]
    fn a_task_is_in_one_state() {
        let phases = [
            PhaseSnapshot::Waiting { blockers: Vec::new() },
            PhaseSnapshot::Starting { since: at(0), deadline: at(1) },
            PhaseSnapshot::Running { since: at(0), pid: None },
            ready(0),
            PhaseSnapshot::Stopping {
                since: at(0),
                kill_at: at(1),
                killed: false,
                left: Vec::new(),
                then: AfterStop::Stay,
                pid: None,
            },
            PhaseSnapshot::Backoff { attempt: 1, since: at(0), retry_at: at(1) },
            PhaseSnapshot::Stopped,
            PhaseSnapshot::Done,
            PhaseSnapshot::Failed { reason: "5 retries spent".into(), dependency: None },
        ];
        for phase in phases {
            let text = render(&snapshot(1, vec![process("api", phase.clone())]), at(0));
            let states = samples(&text).into_iter().filter(|(series, _)| series.starts_with("stead_task_state"));
            assert_eq!(states.map(|(_, value)| value).sum::<f64>(), 1.0, "{phase:?}");
        }
    }

    #[test]
    fn a_name_can_not_forge_a_series() {
        let text = render(&snapshot(1, vec![process("a\"} 1\nstead_up 0", ready(0))]), at(0));
        assert_eq!(samples(&text).get("stead_up"), Some(&1.0));
    }
}
