//! Hooks: real commands and a real listener are told of what happens to real tasks.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Instant;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::web::{address, exchange};
use super::{DEADLINE, Project};

/// Notes what it is told, its environment and its input in one line each.
const NOTE: &str = "printf '%s %s %s %s %s ' $STEAD_EVENT $STEAD_TASK $STEAD_RUN $STEAD_RETRIES \"$STEAD_REASON\" >> told; cat >> told";

/// What the hook of the test was told: the words of its environment, and its input.
fn told(project: &Project) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(project.path().join("told")).expect("the hook has written");
    let line = |line: &str| {
        let (words, json) = line.split_once(" {").expect("words and JSON");
        (words.to_owned(), serde_json::from_str(&format!("{{{json}")).expect("JSON"))
    };
    text.lines().map(line).collect()
}

fn words(told: &[(String, Value)]) -> Vec<&str> {
    told.iter().map(|(words, _)| words.as_str()).collect()
}

#[test]
fn a_command_is_told_of_failures_of_a_spent_budget_and_of_what_recovers() {
    let project = Project::new(&format!(
        r#"
        web.enabled = false
        supervisor.initial_backoff = "10ms"
        hooks.note = {{ on = ["failed", "exhausted", "recovered"], tasks = ["bad", "once"], command = '''{NOTE}''' }}
        tasks.bad = {{ command = "exit 7", max_retries = 1 }}
        tasks.other = {{ command = "exit 8", max_retries = 0 }}
        tasks.once = {{ command = "test -e made || {{ touch made; exit 9; }}", after.bad = "exited" }}
        "#
    ));
    let mut stead = project.up();
    stead.wait_for("hook note was called for exhausted");
    stead.wait_for("hook note was called for recovered");
    let told = told(&project);
    let of = |task: &str| -> Vec<&str> {
        words(&told).into_iter().filter(|words| words.split(' ').nth(1) == Some(task)).collect()
    };
    assert_eq!(
        of("bad"),
        ["failed bad 1 1 code 7", "failed bad 2 1 code 7", "exhausted bad 2 1 1 retry spent: code 7"]
    );
    assert_eq!(of("once"), ["failed once 1 1 code 9", "recovered once 2 1 done"]);
    assert!(of("other").is_empty(), "the hook is for others");
    let json = &told[0].1;
    assert_eq!((&json["hook"], &json["event"], &json["max_retries"]), (&"note".into(), &"failed".into(), &1.into()));
    assert_eq!((&json["run"], &json["reason"]), (&1.into(), &"code 7".into()));
    // The diagnostics are written beside all else, and are whole at the end.
    stead.signal(Signal::SIGTERM);
    stead.end();
    let stead_log = std::fs::read_to_string(project.path().join(".stead/stead.log")).expect("a log");
    assert!(stead_log.contains("hook note was called for exhausted"), "{stead_log}");
}

#[test]
fn a_fatal_end_is_told_while_everything_drains() {
    let project = Project::new(&format!(
        r#"
        web.enabled = false
        hooks.note = {{ on = ["fatal"], command = '''sleep 0.2; {NOTE}''' }}
        tasks.db = {{ command = "sleep 0.2; exit 3", critical = true }}
        tasks.api.command = "exec sleep 1000"
        "#
    ));
    let end = project.up().end();
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: db: code 3"), "{:?}", end.report);
    assert_eq!(words(&told(&project)), ["fatal db 1 0 code 3"]);
    assert!(end.lines.iter().any(|line| line.contains("hook note was called for fatal")), "{:?}", end.lines);
}

#[test]
fn a_hook_that_hangs_holds_up_no_task_and_the_drain_only_within_its_bound() {
    let project = Project::new(
        r#"
        web.enabled = false
        supervisor = { drain = "2s", initial_backoff = "10ms" }
        hooks.stuck = { on = ["failed"], command = "exec sleep 1000", timeout = "1h" }
        hooks.quick = { on = ["failed"], command = "exec sleep 1000", timeout = "50ms" }
        tasks.bad = { command = "exit 7", max_retries = 2 }
        "#,
    );
    let mut stead = project.up();
    stead.wait_for("failed: 2 retries spent: code 7");
    for _ in 0..3 {
        stead.wait_for(", of failed: it took longer than 50ms");
    }
    let asked = Instant::now();
    stead.signal(nix::sys::signal::Signal::SIGTERM);
    let end = stead.end();
    assert!(asked.elapsed() < DEADLINE);
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
    assert!(end.lines.iter().any(|line| line.ends_with("hook stuck missed 3 events")), "{:?}", end.lines);
}

#[test]
fn what_a_failing_hook_has_said_is_told() {
    let project = Project::new(
        r#"
        web.listen = "127.0.0.1:0"
        supervisor.initial_backoff = "10ms"
        hooks.broken = { on = ["exhausted"], command = "echo sending; echo no route to pager >&2; exit 4" }
        hooks.absent = { on = ["exhausted"], command = ["no-such-program"] }
        tasks.bad = { command = "exit 7", max_retries = 0 }
        "#,
    );
    let mut stead = project.up();
    let address = address(&mut stead);
    let line = stead.wait_for("hook broken failed");
    assert!(line.ends_with("of exhausted: code 4: no route to pager"), "{line}");
    let line = stead.wait_for("hook absent failed");
    assert!(line.ends_with("of exhausted: cannot run it: no such file or directory"), "{line}");
    let (_, page) = exchange(&address, "GET", "/metrics");
    assert!(page.contains("stead_hook_calls_total{hook=\"broken\",result=\"failed\"} 1\n"), "{page}");
    assert!(page.contains("stead_hook_calls_total{hook=\"broken\",result=\"ok\"} 0\n"), "{page}");
}

#[test]
fn a_webhook_gets_json_and_its_answer_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let project = Project::new(&format!(
        r#"
        web.enabled = false
        supervisor.initial_backoff = "10ms"
        hooks.page = {{ on = ["failed"], url = "http://me:secret@127.0.0.1:{port}/stead?x=1" }}
        tasks.bad = {{ command = "exit 7", max_retries = 1 }}
        "#
    ));
    let mut stead = project.up();
    let (accepted, connections) = channel();
    thread::spawn(move || listener.incoming().try_for_each(|connection| accepted.send(connection)));
    for (status, heard) in [("204 No Content", "hook page was called for failed"), ("500 Oops", "it answered 500")] {
        let mut stream = BufReader::new(connections.recv_timeout(DEADLINE).expect("in time").expect("a connection"));
        stream.get_ref().set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert!(stream.read_line(&mut head).expect("a head") > 0, "{head}");
        }
        assert!(head.starts_with("POST /stead?x=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
        assert!(head.contains("authorization: Basic bWU6c2VjcmV0\r\n"), "{head}");
        let length = head.split_once("content-length: ").and_then(|(_, rest)| rest.split("\r\n").next());
        let mut body = vec![0; length.and_then(|length| length.parse().ok()).expect("a length")];
        stream.read_exact(&mut body).expect("a body");
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((&body["event"], &body["task"]), (&"failed".into(), &"bad".into()));
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        stream.get_mut().write_all(answer.as_bytes()).expect("an answer");
        stead.wait_for(heard);
    }
}
