//! The web surface of the real binary: what a browser or a script gets from a supervisor that runs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// What a test waits for comes long before this, or never.
const DEADLINE: Duration = Duration::from_secs(30);

/// A supervisor without a dashboard, in a directory of its own.
struct Stead {
    child: Child,
    output: BufReader<ChildStdout>,
    _dir: tempfile::TempDir,
}

impl Stead {
    fn up(config: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("stead.toml"), config).expect("a config file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_stead"))
            .args(["up", "--headless"])
            .current_dir(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, output, _dir: dir }
    }

    /// Reads on to the line that has this in it.
    fn line_with(&mut self, text: &str) -> String {
        let found = self.output.by_ref().lines().map(|line| line.expect("text")).find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("the output ended without `{text}`"))
    }

    /// Where the web surface listens, once it does.
    fn address(&mut self) -> String {
        let line = self.line_with("http://127.0.0.1:");
        line.rsplit_once("http://").expect("an address").1.to_owned()
    }

    /// Waits for the end; the exit code and the last line, which tells the outcome.
    fn end(mut self) -> (Option<i32>, String) {
        self.output.read_to_end(&mut Vec::new()).expect("the rest of the output");
        let errors = BufReader::new(self.child.stderr.take().expect("a pipe")).lines();
        let last = errors.map(|line| line.expect("text")).last().unwrap_or_default();
        (self.child.wait().expect("an end").code(), last)
    }
}

impl Drop for Stead {
    fn drop(&mut self) {
        // Only a test that failed leaves one behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a request without a body; the status and the body of the answer.
fn exchange(address: &str, method: &str, path: &str) -> (u16, String) {
    let mut stream = open(address, method, path);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

fn open(address: &str, method: &str, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").expect("a request");
    stream
}

/// Follows the live stream to a snapshot in which this holds.
fn watch_until(address: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let begin = Instant::now();
    for line in BufReader::new(open(address, "GET", "/api/v1/events")).lines() {
        let line = line.expect("a line in time");
        assert!(begin.elapsed() < DEADLINE, "it never held");
        let data = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok());
        if let Some(snapshot) = data.filter(|data| data["tasks"].is_array() && holds(data)) {
            return snapshot;
        }
    }
    panic!("the stream ended");
}

#[test]
fn a_restart_by_the_api_is_seen_live_and_an_open_stream_does_not_hold_the_drain() {
    let mut stead = Stead::up(
        r#"
        web.listen = "127.0.0.1:0"
        tasks.api.command = "exec sleep 1000"
        "#,
    );
    let address = stead.address();
    let first = watch_until(&address, |snapshot| snapshot["tasks"][0]["state"] == "ready");
    assert_eq!(first["tasks"][0]["run"], 1);
    assert_eq!(exchange(&address, "POST", "/api/v1/tasks/api/restart").0, 202);
    let second = watch_until(&address, |snapshot| {
        let api = &snapshot["tasks"][0];
        api["state"] == "ready" && api["run"] == 2
    });
    assert_ne!(first["tasks"][0]["pid"], second["tasks"][0]["pid"]);
    assert_eq!(exchange(&address, "GET", "/readyz").0, 200);

    let mut stream = open(&address, "GET", "/api/v1/events");
    stream.read_exact(&mut [0; 64]).expect("the stream has begun");
    let begin = Instant::now();
    kill(Pid::from_raw(stead.child.id().cast_signed()), Signal::SIGTERM).expect("a signal");
    let (code, last) = stead.end();
    assert_eq!(code, Some(0), "{last}");
    assert!(last.starts_with("stead: graceful"), "{last}");
    assert!(begin.elapsed() < Duration::from_secs(8), "{:?}", begin.elapsed());
    stream.read_to_end(&mut Vec::new()).expect("the stream was ended, not cut off");
}

#[test]
fn a_killed_process_is_back_and_its_exit_is_told() {
    let mut stead = Stead::up(
        r#"
        web.listen = "127.0.0.1:0"
        supervisor.initial_backoff = "10ms"
        tasks.api.command = "exec sleep 1000"
        "#,
    );
    let address = stead.address();
    let up = watch_until(&address, |snapshot| snapshot["tasks"][0]["state"] == "ready");
    let pid = up["tasks"][0]["pid"].as_i64().expect("a pid");
    kill(Pid::from_raw(pid.try_into().expect("a pid")), Signal::SIGKILL).expect("a signal");
    let back = watch_until(&address, |snapshot| {
        let api = &snapshot["tasks"][0];
        api["state"] == "ready" && api["run"] == 2
    });
    let api = &back["tasks"][0];
    assert_eq!((&api["last_exit"]["reason"]["signal"], &api["retries"]), (&"SIGKILL".into(), &1.into()));
    let (_, metrics) = exchange(&address, "GET", "/metrics");
    assert!(metrics.contains("stead_task_exits_total{task=\"api\",reason=\"signal\"} 1\n"), "{metrics}");
    assert!(metrics.contains("stead_task_restarts_total{task=\"api\"} 1\n"), "{metrics}");
}

#[test]
fn a_taken_port_is_named_retried_and_fatal_in_the_end() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let mut stead = Stead::up(&format!(
        r#"
        web.listen = "127.0.0.1:{port}"
        supervisor = {{ max_retries = 2, initial_backoff = "10ms" }}
        tasks.api.command = "exec sleep 1000"
        "#
    ));
    stead.line_with(&format!("port {port} in use"));
    stead.line_with("retry 1 of 2");
    stead.line_with("retry 2 of 2");
    let (code, last) = stead.end();
    assert_eq!(code, Some(1), "{last}");
    assert!(last.starts_with("stead: fatal: web: ") && last.contains(&format!("port {port} in use")), "{last}");
}
