//! `/metrics` of the real binary, read by Prometheus' own tools where they are there.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;

use super::web::{address, bearer, exchange, exchange_with, watch_until};
use super::{Project, Stead, has};

const STACK: &str = r#"
    web.listen = "127.0.0.1:0"
    supervisor.initial_backoff = "10ms"
    tasks.api.command = "echo one; echo two; exec sleep 1000"
    tasks.bad = { command = "exit 7", max_retries = 1 }
    hooks.note = { on = ["exhausted"], command = "true" }
"#;

/// A supervisor whose tasks have come to rest, and where it listens. A look at them is a look at what they use, and a
/// scrape soon after is content with that, so this waits for a look that has seen the running one.
fn up(project: &Project) -> (Stead, String) {
    let mut stead = project.up();
    let address = address(&mut stead);
    watch_until(&address, &bearer(project), |snapshot| {
        let is_seen = snapshot["tasks"][0]["usage"].is_object() || cfg!(not(target_os = "linux"));
        is_seen && snapshot["tasks"][0]["state"] == "running" && snapshot["tasks"][1]["state"] == "failed"
    });
    stead.wait_for("| two");
    (stead, address)
}

fn asset(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name);
    std::fs::read_to_string(path).expect("an asset")
}

/// Runs promtool with this input; what it complains about.
fn promtool(arguments: &[&str], input: &str) -> Result<(), String> {
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.into_owned()) }
}

#[test]
fn prometheus_own_linter_has_no_complaint_about_the_metrics() {
    if !has("promtool") {
        return;
    }
    let project = Project::new(STACK);
    let (_stead, address) = up(&project);
    let (status, page) = exchange(&address, "GET", "/metrics");
    assert_eq!(status, 200);
    assert_eq!(promtool(&["check", "metrics"], &page), Ok(()), "{page}");
}

#[test]
fn one_scrape_sees_what_the_tasks_use_and_have_written() {
    let project = Project::new(STACK);
    let (_stead, address) = up(&project);
    for accept in ["", "accept: application/openmetrics-text; version=1.0.0\r\n"] {
        let (_, page) = exchange_with(&address, "GET", "/metrics", accept);
        assert_eq!(page.ends_with("# EOF\n"), !accept.is_empty(), "{page}");
        for series in ["stead_task_log_lines_total{task=\"api\"} 2", "stead_task_log_bytes_total{task=\"api\"} 8"] {
            assert!(page.lines().any(|line| line == series), "{series} in\n{page}");
        }
        assert!(page.contains("\nstead_event_loop_lag_seconds "), "{page}");
        #[cfg(target_os = "linux")]
        {
            assert!(page.contains("stead_task_processes{task=\"api\"} 1\n"), "{page}");
            assert!(page.contains("stead_task_memory_bytes{task=\"api\"} "), "{page}");
            assert!(!page.contains("stead_task_memory_bytes{task=\"bad\"} "), "it has no process: {page}");
        }
    }
}

#[test]
fn the_dashboard_and_the_alerts_speak_of_metrics_that_there_are() {
    let project = Project::new(STACK);
    let (_stead, address) = up(&project);
    let (_, page) = exchange(&address, "GET", "/metrics");
    let kept: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_whitespace().next()).collect();
    let name = Regex::new(r"\bstead_[a-z0-9_]+").expect("a pattern");
    for file in ["grafana-dashboard.json", "alerts.yml"] {
        let text = asset(file);
        let named: BTreeSet<&str> = name.find_iter(&text).map(|found| found.as_str()).collect();
        assert!(named.len() > 5, "{file} names {named:?}");
        assert!(named.is_subset(&kept), "{file} names {:?}", named.difference(&kept));
    }
    serde_json::from_str::<serde_json::Value>(&asset("grafana-dashboard.json")).expect("JSON");
}

#[test]
fn prometheus_accepts_the_alert_rules() {
    if has("promtool") {
        let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/alerts.yml");
        assert_eq!(promtool(&["check", "rules", rules], ""), Ok(()));
    }
}
