//! How late a restart is while clients do their worst: the time from the end of a run to the start of the next one, beyond the
//! backoff that is configured, with no clients and with a hundred hostile ones.
//!
//! `cargo bench --bench latency`. Fails if with the clients half of the restarts are more than 5 ms later than without.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// Hostile clients.
const CLIENTS: usize = 100;
/// Restarts that are measured each time.
const RESTARTS: usize = 150;
/// The backoff of the task.
const BACKOFF_MS: f64 = 20.0;
/// What clients may add to the median.
const LATE_MS: f64 = 5.0;

fn main() {
    let site = Site::start();
    let quiet = site.lateness();
    report("no clients", &quiet);
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS).map(|number| site.hostile_client(number, Arc::clone(&stop))).collect();
    let pressed = site.lateness();
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("a client");
    }
    report(&format!("{CLIENTS} hostile clients"), &pressed);
    let added = median(&pressed) - median(&quiet);
    assert!(added <= LATE_MS, "the clients make restarts {added:.2} ms later");
}

/// A supervisor with a task that exits at once, again and again, and one that writes a log to search.
struct Site {
    dir: TempDir,
    supervisor: Child,
    address: String,
    token: String,
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.stead(&["down"]);
        let _ = self.supervisor.wait();
    }
}

impl Site {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let config = format!(
            "[web]\nlisten = \"127.0.0.1:0\"\n\
             [tasks.restarts]\ncommand = \"true\"\nrestart = \"always\"\nmax_retries = 1000000\n\
             initial_backoff = \"{BACKOFF_MS}ms\"\nmax_backoff = \"{BACKOFF_MS}ms\"\njitter = 0\n\
             [tasks.log]\ncommand = \"seq 1 2000000; exec sleep 100000\"\n"
        );
        fs::write(dir.path().join("stead.toml"), config).expect("a config");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
        command.args(["up", "--headless"]).current_dir(dir.path()).stdin(Stdio::null()).stdout(Stdio::null());
        let supervisor = command.stderr(Stdio::null()).spawn().expect("the binary");
        let mut site = Self { dir, supervisor, address: String::new(), token: String::new() };
        let begin = Instant::now();
        while site.address.is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(30), "it does not listen");
            thread::sleep(Duration::from_millis(50));
            let status: Value = serde_json::from_str(&site.stead(&["status", "--json"])).unwrap_or_default();
            let tasks = status["tasks"].as_array().into_iter().flatten();
            let address = tasks.filter(|task| task["name"] == "stead.web").find_map(|task| task["address"].as_str());
            site.address = address.and_then(|address| address.strip_prefix("http://")).unwrap_or_default().to_owned();
        }
        site.token = fs::read_to_string(site.dir.path().join(".stead/token")).expect("a token").trim().to_owned();
        site
    }

    fn stead(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_stead")).args(arguments).current_dir(self.dir.path()).output();
        String::from_utf8(output.expect("the binary").stdout).expect("text")
    }

    /// How late the next restarts are, in milliseconds, the smallest first.
    fn lateness(&self) -> Vec<f64> {
        let last = self.events("0").last().and_then(|event| event["number"].as_u64()).expect("an event");
        let begin = Instant::now();
        loop {
            assert!(begin.elapsed() < Duration::from_secs(120), "it does not restart");
            thread::sleep(Duration::from_millis(500));
            let events = self.events(&last.to_string());
            let of = |event: &&Value, kind: &str| event["task"] == "restarts" && event["event"] == kind;
            let uptime = |event: &Value| event["uptime"].as_f64().expect("a time");
            let exits: Vec<_> = events.iter().filter(|event| of(event, "exited")).collect();
            let starts: Vec<_> = events.iter().filter(|event| of(event, "started")).collect();
            let late = exits.iter().filter_map(|exit| {
                let next = starts.iter().find(|start| start["run"].as_u64() > exit["run"].as_u64())?;
                Some(uptime(next) - uptime(exit) - BACKOFF_MS)
            });
            let mut late: Vec<_> = late.collect();
            if late.len() >= RESTARTS {
                late.sort_by(f64::total_cmp);
                return late;
            }
        }
    }

    /// The events that are kept after one of this number.
    fn events(&self, after: &str) -> Vec<Value> {
        let lines = self.stead(&["events", "--json", "--after", after]);
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// A client that asks for what costs most, again and again, and reads the answers or leaves.
    fn hostile_client(&self, number: usize, stop: Arc<AtomicBool>) -> JoinHandle<()> {
        const PATHS: [&str; 5] = [
            "/api/v1/logs?grep=%5Cw%7B300%7D",
            "/api/v1/logs?task=log&grep=(a%7Cb%7Cc)*9999999&limit=5000",
            "/api/v1/snapshot",
            "/metrics",
            "/api/v1/logs?task=log&limit=5000&after=start",
        ];
        let (address, token) = (self.address.clone(), self.token.clone());
        thread::spawn(move || {
            for path in PATHS.iter().cycle().skip(number) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(mut stream) = TcpStream::connect(&address) else { continue };
                let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\n");
                let _ = stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes());
                let _ = stream.set_read_timeout(Some(Duration::from_millis(300)));
                let _ = stream.read_to_end(&mut Vec::new());
            }
        })
    }
}

fn median(sorted: &[f64]) -> f64 {
    sorted[sorted.len() / 2]
}

fn report(with: &str, sorted: &[f64]) {
    let (at95, most) = (sorted[sorted.len() * 95 / 100], sorted[sorted.len() - 1]);
    let count = sorted.len();
    println!(
        "{with}: {count} restarts are late by {:.2} ms (median), {at95:.2} ms (95%), {most:.2} ms (most)",
        median(sorted)
    );
}
