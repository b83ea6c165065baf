//! Clients that ask for much and read nothing: what waits for them is bounded, whatever it is.

use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use nix::unistd::Pid;

use super::web::{address, bearer, exchange};
use super::{DEADLINE, Project};

/// Clients of each kind.
const CLIENTS: usize = 16;
/// What is written by tasks while they don't read.
const WRITTEN_BYTES: u64 = 48 << 20;
/// The most that memory may grow, for all of them. Far below what was written times the number of clients.
const GROWTH_BYTES: u64 = 128 << 20;

fn resident(pid: Pid) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
}

/// What all tasks have written so far.
fn written(address: &str) -> u64 {
    let (_, metrics) = exchange(address, "GET", "/metrics");
    let values = metrics.lines().filter(|line| line.starts_with("stead_task_log_bytes_total{"));
    values
        .map(|line| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a value") as u64)
        .sum()
}

#[cfg(target_os = "linux")]
#[test]
fn what_waits_for_clients_that_read_nothing_is_bounded() {
    let project = Project::new(
        "web.listen = '127.0.0.1:0'\nlogs.max_size = '1 MiB'\nlogs.keep = 1\n\
         [tasks.screen]\ncommand = 'exec yes some text for a screen that nobody looks at'\ntty = true\n\
         [tasks.log]\ncommand = 'exec yes some text for a log that nobody follows'\n\
         [tasks.flaps]\ncommand = 'exit 1'\ninitial_backoff = '10ms'\nmax_backoff = '10ms'\nmax_retries = 100000\n",
    );
    let mut stead = project.up_with(&["up", "--headless"]);
    let address = address(&mut stead);
    stead.wait_for_start("screen");
    let begin = resident(stead.pid());
    let upgrade = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let mut waiting: Vec<Box<dyn Write>> = Vec::new();
    for (path, header) in [
        ("/api/v1/events", ""),
        ("/api/v1/logs/follow", ""),
        ("/api/v1/logs?limit=5000", ""),
        ("/api/v1/tasks/screen/attach", upgrade),
        ("/api/v1/tasks/screen/attach?view=cells", upgrade),
    ] {
        let count = if header.is_empty() { CLIENTS } else { CLIENTS / 2 };
        for _ in 0..count {
            let bearer = bearer(&project);
            let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{bearer}{header}\r\n");
            let mut by_port = TcpStream::connect(&address).expect("a connection");
            by_port.write_all(head.as_bytes()).expect("a request");
            let mut by_socket = UnixStream::connect(project.path().join(".stead/control.sock")).expect("a connection");
            by_socket.write_all(head.as_bytes()).expect("a request");
            waiting.push(Box::new(by_port));
            waiting.push(Box::new(by_socket));
        }
    }
    let (from, deadline) = (written(&address), Instant::now() + DEADLINE);
    while written(&address) < from + WRITTEN_BYTES {
        assert!(Instant::now() < deadline, "the tasks write too slowly");
        let grown = resident(stead.pid()).saturating_sub(begin);
        assert!(grown < GROWTH_BYTES, "{grown} bytes for clients that read nothing");
    }
}
