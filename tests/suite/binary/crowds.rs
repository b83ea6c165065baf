//! A great deal at once: output, clients, requests. It is all borne within bounds, and nobody waits for it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use nix::sys::signal::Signal;
use nix::unistd::Pid;

use super::web::{address, bearer, exchange_with, open, watch_until};
use super::{DEADLINE, Project};

/// What a supervisor may grow by under any of this, in KiB: its bounded buffers, and what an allocator keeps.
const GROWTH: u64 = 32 << 10;
/// Clients that follow the live stream.
const CLIENTS: usize = 100;
/// Restarts that another client asks for as fast as it is answered.
const RESTARTS: usize = 100;

/// A figure of the memory of a process, in KiB: `VmRSS` is what it has, `VmHWM` the most it ever had.
fn memory(pid: Pid, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number")
}

#[test]
fn a_flood_of_output_takes_bounded_memory_and_holds_up_nobody_else() {
    // It goes on until the other was heard of, and then for 200 MB.
    let flood = "until test -e heard; do yes | head -c 1000000; done; yes | head -c 200000000";
    let count = "i=0; while :; do i=$((i+1)); echo line $i; sleep 0.01; done";
    let project = Project::new(&format!(
        "[logs]\nmax_size = '8 MiB'\nkeep = 1\n[tasks.flood]\ncommand = '{flood}'\nrestart = 'never'\n\
         [tasks.other]\ncommand = '{count}'\nafter.flood = 'started'\n"
    ));
    let mut stead = project.up_with(&["up", "--headless"]);
    stead.wait_for_start("other");
    let mut other = project.up_with(&["logs", "-f", "other"]);
    other.wait_for("line 1");
    let before = memory(stead.pid(), "VmRSS");
    other.wait_for("line 50");
    fs::write(project.path().join("heard"), "").expect("a file");
    stead.wait_for(" done");
    let most = memory(stead.pid(), "VmHWM");
    assert!(most <= before + GROWTH, "{before} KiB, then {most} KiB");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
}

/// Follows the live stream to the end: tells once it has seen the task stopped, and returns whether the end was a
/// proper one. It looks at the text alone, so that a hundred of these leave the processor to who is tested.
fn follow(stream: TcpStream, seen: &Sender<()>) -> bool {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    if lines.any(|line| line.starts_with("data: ") && line.contains(r#""state":"stopped""#)) {
        seen.send(()).expect("the test waits for it");
    }
    // A body that comes in chunks is whole if it ends with an empty one.
    lines.filter(|line| !line.is_empty()).last().is_some_and(|line| line == "0")
}

#[test]
fn a_hundred_clients_one_of_which_never_reads_and_a_storm_of_restarts_are_borne() {
    let project = Project::new("web.listen = '127.0.0.1:0'\ntasks.api.command = 'exec sleep 1000'\n");
    let mut stead = project.up_with(&["up", "--headless"]);
    let address = address(&mut stead);
    let bearer = bearer(&project);
    watch_until(&address, &bearer, |snapshot| snapshot["tasks"][0]["state"] == "running");
    let before = memory(stead.pid(), "VmRSS");

    let never_reads = open(&address, "GET", "/api/v1/events", &bearer);
    let (seen, all_seen) = channel();
    let clients: Vec<_> = (1..CLIENTS)
        .map(|_| {
            let (stream, seen) = (open(&address, "GET", "/api/v1/events", &bearer), seen.clone());
            thread::spawn(move || follow(stream, &seen))
        })
        .collect();
    for restart in 1..=RESTARTS {
        let answer = exchange_with(&address, "POST", "/api/v1/tasks/api/restart", &bearer);
        assert_eq!(answer.0, 202, "restart {restart}: {}", answer.1);
    }
    assert_eq!(exchange_with(&address, "POST", "/api/v1/tasks/api/stop", &bearer).0, 202);
    for client in 1..CLIENTS {
        assert!(all_seen.recv_timeout(DEADLINE).is_ok(), "client {client} has not seen the end of it");
    }
    let most = memory(stead.pid(), "VmHWM");
    assert!(most <= before + GROWTH, "{before} KiB, then {most} KiB");

    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
    assert!(clients.into_iter().all(|client| client.join().expect("a thread")), "no stream was cut off");
    drop(never_reads);
}
