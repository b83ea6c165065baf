//! Probes: what each of them sees, and that they end with the run.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::config::Check;

/// Probes often, so that a test need not wait.
fn check(check: Check) -> ReadyConfig {
    let mut ready = ReadyConfig::new(check);
    ready.tries.interval = Duration::from_millis(50);
    ready
}

fn timing_out(mut ready: ReadyConfig, limit: Duration) -> ReadyConfig {
    ready.tries.timeout = limit;
    ready
}

fn exec(line: &str) -> ReadyConfig {
    check(Check::Exec(CommandLine::shell(line)))
}

/// What the first probe that is told of says of a task that just runs.
async fn first_probe(ready: ReadyConfig) -> (bool, String) {
    let mut life = task("exec sleep 60").ready(ready).start();
    life.pid().await;
    let probed = life.next_probe().await;
    life.stopped().await;
    probed
}

impl LiveRun {
    async fn next_probe(&mut self) -> (bool, String) {
        match self.next_event().await {
            Input::Probed { passed, detail, .. } => (passed, detail),
            other => panic!("not probed, but {other:?}"),
        }
    }
}

/// A server that gives one answer to all.
async fn http_server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    format!("http://{address}/health")
}

#[tokio::test]
async fn tcp_is_ready_when_a_connection_is_taken() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (passed, detail) = first_probe(check(Check::Tcp(address.clone()))).await;
    assert!(passed && detail.starts_with(&format!("tcp {address} in ")), "{detail}");
    drop(listener);
    assert_eq!(first_probe(check(Check::Tcp(address))).await, (false, "connection refused".to_owned()));
}

#[tokio::test]
async fn tcp_takes_a_name() {
    let (passed, detail) = first_probe(check(Check::Tcp("no-such-host.invalid:1".to_owned()))).await;
    assert!(!passed && !detail.is_empty(), "{detail}");
}

#[tokio::test]
async fn http_is_ready_on_success_and_redirects() {
    for (answer, expected) in [("200 OK", "http 200 in "), ("302 Found", "http 302 in ")] {
        let answer = format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n");
        let (passed, detail) = first_probe(check(Check::Http(http_server(answer.leak()).await.into()))).await;
        assert!(passed && detail.starts_with(expected), "{detail}");
    }
}

#[tokio::test]
async fn http_is_not_ready_on_anything_else() {
    let unavailable = http_server("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!(first_probe(check(Check::Http(unavailable.into()))).await, (false, "http 503".to_owned()));
    let (passed, detail) = first_probe(check(Check::Http(http_server("what?\r\n\r\n").await.into()))).await;
    assert!(!passed && detail.starts_with("no http answer: "), "{detail}");
    let refused = check(Check::Http("http://127.0.0.1:1/".to_owned().into()));
    assert_eq!(first_probe(refused).await, (false, "connection refused".to_owned()));
}

#[tokio::test]
async fn a_server_that_never_answers_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ready = check(Check::Http(format!("http://{}", listener.local_addr().unwrap()).into()));
    let ready = timing_out(ready, Duration::from_millis(100));
    assert_eq!(first_probe(ready).await, (false, "timed out after 100ms".to_owned()));
}

#[tokio::test]
async fn exec_is_ready_on_code_0() {
    let (passed, detail) = first_probe(exec("echo ignored")).await;
    assert!(passed && detail.starts_with("exec code 0 in "), "{detail}");
    assert_eq!(first_probe(exec("exit 1")).await, (false, "exec code 1".to_owned()));
    let missing = check(Check::Exec(CommandLine::argv(["nope"])));
    let cause = "cannot run `nope`: no such file or directory (looked in PATH)".to_owned();
    assert_eq!(first_probe(missing).await, (false, cause));
}

#[tokio::test]
async fn exec_that_hangs_is_killed_with_its_group() {
    let ready = exec("sleep 60 & echo $! > pid; wait");
    let mut life = task("exec sleep 60").ready(timing_out(ready, Duration::from_millis(200))).start();
    life.pid().await;
    assert_eq!(life.next_probe().await, (false, "timed out after 200ms".to_owned()));
    let pid = fs::read_to_string(life.scratch.path().join("pid")).unwrap();
    life.stopped().await;
    gone(pid.trim()).await;
}

#[tokio::test]
async fn a_log_line_makes_ready_once() {
    let line = r"sleep 0.1; printf 'a\n\033[32mlistening\033[0m on %s\n' :80; echo listening on more; exec sleep 60";
    let ready = check(Check::Log(regex::bytes::Regex::new("^listening on :").unwrap()));
    let mut life = task(line).ready(ready).start();
    life.pid().await;
    assert_eq!(life.next_probe().await, (true, "log line: listening on :80".to_owned()));
    life.says("listening on more").await;
    let events = life.stopped().await.events;
    assert!(!events.iter().any(|event| matches!(event, Input::Probed { .. })), "{events:?}");
}

#[tokio::test]
async fn a_slow_start_is_not_told_as_failed_until_the_interval_has_passed() {
    let mut ready = exec("test -e ready");
    ready.tries.interval = Duration::from_secs(10);
    let mut life = task("sleep 0.3; touch ready; exec sleep 60").ready(ready).start();
    life.pid().await;
    assert!(life.next_probe().await.0);
    life.stopped().await;
}

#[tokio::test]
async fn readiness_that_is_lost_is_told() {
    let mut life = task("touch ready; exec sleep 60").ready(exec("test -e ready")).start();
    life.pid().await;
    while !life.next_probe().await.0 {}
    fs::remove_file(life.scratch.path().join("ready")).unwrap();
    while life.next_probe().await.0 {}
    life.stopped().await;
}
