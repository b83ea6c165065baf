//! The web surface of the real binary.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use nix::sys::signal::Signal;

use super::{DEADLINE, Project, Stead};

/// Sends one request on a connection of its own and returns the whole answer.
fn ask(address: &str, method: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("a listener");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").expect("a peer");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Where the web surface says that it listens.
fn address(stead: &mut Stead) -> String {
    let line = stead.wait_for("http://");
    line.rsplit("http://").next().expect("an address").to_owned()
}

#[test]
fn the_page_the_api_and_a_restart() {
    let project = Project::new("[web]\nlisten = '127.0.0.1:0'\n[tasks.a]\ncommand = 'exec sleep 60'\n");
    let mut stead = project.up();
    let address = address(&mut stead);
    assert!(ask(&address, "GET", "/").contains("<html"));
    assert!(ask(&address, "GET", "/healthz").starts_with("HTTP/1.1 200"));
    assert!(ask(&address, "GET", "/api/v1/tasks/a/restart").starts_with("HTTP/1.1 405"));
    assert!(ask(&address, "POST", "/api/v1/tasks/b/restart").starts_with("HTTP/1.1 404"));
    assert!(ask(&address, "POST", "/api/v1/tasks/a/restart").starts_with("HTTP/1.1 202"));
    stead.wait_for("restart a, asked by web");
    stead.wait_for("run 2 started, pid");
    let snapshot = ask(&address, "GET", "/api/v1/snapshot");
    assert!(snapshot.contains(r#""name":"web""#) && snapshot.contains(r#""name":"a""#), "{snapshot}");
    assert!(ask(&address, "GET", "/metrics").contains(r#"stead_task_state{task="a",state="ready"} 1"#));

    // An open live stream does not hold the drain.
    let mut stream = TcpStream::connect(&address).expect("a listener");
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("a peer");
    let mut first = [0; 16];
    stream.read_exact(&mut first).expect("an answer");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0));
    assert_eq!(end.report.len(), 1, "nothing had to be killed: {:?}", end.report);
}

#[test]
fn a_taken_port_is_named_retried_and_at_last_fatal() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let project = Project::new(&format!(
        "[supervisor]\nmax_retries = 1\ninitial_backoff = '10ms'\n[web]\nlisten = '127.0.0.1:{port}'\n\
         [tasks.a]\ncommand = 'exec sleep 60'\n"
    ));
    let mut stead = project.up();
    stead.wait_for(&format!("run 1 exited, port {port} in use"));
    stead.wait_for("retry 1 of 1 in 10ms");
    let end = stead.end();
    assert_eq!(end.code(), Some(1));
    assert!(
        end.last().starts_with(&format!("stead: fatal: web: 1 retry spent: port {port} in use")),
        "{:?}",
        end.report
    );
}
