//! The events once the supervisor has ended: kept on the disk, and told apart by supervisor.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::Project;

fn run_and_end(project: &Project) {
    let mut stead = project.up();
    stead.wait_for("| hi");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

fn json(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_events_of_the_last_supervisor_are_there_after_its_end_and_those_of_all_on_request() {
    let project = Project::new("[tasks.api]\ncommand = 'echo hi; exec sleep 1000'\n");
    assert_eq!(project.client(&["events"]).code, Some(3));
    run_and_end(&project);
    let first = project.client(&["events"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(
        first.err.starts_with("stead: no supervisor runs: these are the events of the last one, pid "),
        "{first:?}"
    );
    for text in [" run 1 started, pid ", "draining within 10s: asked by SIGTERM", " run 1 exited, SIGTERM after "] {
        assert!(first.out.contains(text), "{text}: {}", first.out);
    }
    run_and_end(&project);
    let last = json(&project.client(&["events", "--json"]).out);
    assert!(last.windows(2).all(|pair| pair[0]["number"].as_u64() < pair[1]["number"].as_u64()), "{last:#?}");
    assert!(last.iter().any(|event| event["event"] == "started" && event["task"] == "api" && event["run"] == 2));
    let rest = json(&project.client(&["events", "--json", "--after", "3"]).out);
    assert_eq!((&rest[0]["number"], rest.len()), (&4.into(), last.len() - 3));

    let all = project.client(&["events", "--all"]).out;
    assert_eq!(all.lines().filter(|line| line.starts_with("-- ") && line.contains(", pid ")).count(), 2, "{all}");
    let all = json(&project.client(&["events", "--all", "--json"]).out);
    assert_eq!(all.iter().filter(|line| line["session"].is_string()).count(), 2);

    // With a supervisor its own come first to mind, and those before it are there all the same.
    let mut stead = project.up();
    stead.wait_for("| hi");
    assert!(!project.client(&["events"]).out.contains("draining"));
    assert!(project.client(&["events", "--all"]).out.contains("draining"));
    fs::remove_file(project.path().join(".stead/events.jsonl")).expect("a file");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    let kept = project.client(&["events"]).out;
    assert!(kept.contains("draining within 10s"), "it is made again: {kept}");
}
