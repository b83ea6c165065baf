use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::kernel::sample::{at, process, ready, snapshot};
use crate::supervisor::engine::{AfterStop, Usage};

/// A page of what this snapshot shows at `now`.
fn render(snapshot: &Snapshot, now: Uptime) -> String {
    let lag = Some(Duration::from_micros(250));
    let counts = LogCounts { bytes: 120, lines: 7, lost_bytes: 20 };
    let logs = snapshot.tasks.iter().map(|task| (task.name.clone(), counts)).collect();
    let hooks = BTreeMap::from([("page".to_owned(), HookCount { succeeded: 4, failed: 2, dropped: 1 })]);
    Measured { snapshot: Arc::new(snapshot.clone()), now, lag, logs, hooks, clients: 3 }.page(Format::OpenMetrics)
}

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
    let mut db = process("db", ready(1_000));
    db.usage = Some(Usage { processes: 3, cpu_percent: 150.0, memory_bytes: 4_096, ports: Vec::new() });
    let snapshot = snapshot(1, vec![db, api]);

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
        (r#"stead_task_cpu_ratio{task="db"}"#, 1.5),
        (r#"stead_task_memory_bytes{task="db"}"#, 4_096.0),
        (r#"stead_task_processes{task="db"}"#, 3.0),
        (r#"stead_task_log_bytes_total{task="api"}"#, 120.0),
        (r#"stead_task_log_lines_total{task="api"}"#, 7.0),
        (r#"stead_task_log_lost_bytes_total{task="api"}"#, 20.0),
        ("stead_event_loop_lag_seconds", 0.000_25),
        ("stead_clients", 3.0),
        (r#"stead_hook_calls_total{hook="page",result="failed"}"#, 2.0),
        (r#"stead_hook_dropped_events_total{hook="page"}"#, 1.0),
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
        PhaseSnapshot::Failed { reason: "5 retries spent".into(), dependency: None, retry_at: None },
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

#[test]
fn what_is_not_known_has_no_series() {
    let page = render(&snapshot(1, vec![process("api", ready(0))]), at(0));
    assert!(!samples(&page).keys().any(|series| series.starts_with("stead_task_memory_bytes")), "{page}");
}

#[test]
fn who_does_not_ask_for_openmetrics_gets_the_text_format() {
    assert_eq!(Format::accepted("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), Format::OpenMetrics);
    assert_eq!(Format::accepted("*/*"), Format::Text);
    let page = "# HELP a_restarts Restarts.\n# TYPE a_restarts counter\na_restarts_total{x=\"# \"} 1\n\
                # HELP b_seconds Time.\n# TYPE b_seconds gauge\n# UNIT b_seconds seconds\nb_seconds 2\n\
                # HELP c Version.\n# TYPE c info\nc_info{v=\"1\"} 1\n# EOF\n";
    let text = "# HELP a_restarts_total Restarts.\n# TYPE a_restarts_total counter\na_restarts_total{x=\"# \"} 1\n\
                # HELP b_seconds Time.\n# TYPE b_seconds gauge\nb_seconds 2\n\
                # HELP c_info Version.\n# TYPE c_info gauge\nc_info{v=\"1\"} 1\n";
    assert_eq!(Format::Text.of(page.to_owned()), text);
}
