//! Ports of tasks: picked, passed on, looked at before each start.

use std::fs;
use std::net::TcpListener;

use nix::sys::signal::Signal;

use super::{Project, Stead, has};

fn stopped(stead: Stead) {
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

/// What the task `show` has printed of its last run.
fn shown(project: &Project) -> Vec<String> {
    let log = project.log("show");
    log.lines().next_back().unwrap_or_default().split(' ').map(str::to_owned).collect()
}

#[test]
fn a_port_is_picked_passed_on_and_remembered() {
    let project = Project::new(
        "[tasks.db]\ncommand = 'exec sleep 600'\nports = { main = 'auto', more = 'auto' }\n\
         [tasks.show]\ncommand = 'echo $PORT $PORT_HTTP $PORT_ADMIN_UI ${PORT} ${tasks.db.port} ${tasks.db.ports.more} \
         ${tasks.show.ports.admin-ui}; exec sleep 600'\nports = { http = 'auto', admin-ui = 4321 }",
    );
    let mut seen = Vec::new();
    for day in 0..2 {
        let mut stead = project.up();
        stead.wait_for("| ");
        seen.push(shown(&project));
        assert_eq!(project.client(&["reload"]).code, Some(0), "on day {day}");
        stopped(stead);
    }
    let [port, http, admin, written, db, more, own] = seen[0].as_slice() else { panic!("{seen:?}") };
    assert!(port == http && port == written && admin == "4321" && own == "4321", "{seen:?}");
    let numbers: Vec<u16> = [port, db, more].map(|number| number.parse().expect("a number")).to_vec();
    assert!(numbers.iter().all(|number| (20_000..32_768).contains(number)), "{seen:?}");
    assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2], "{seen:?}");
    assert_eq!(seen[0], seen[1]);
    // What is taken on the next day is stepped on.
    let holder = TcpListener::bind(("127.0.0.1", numbers[0])).expect("a free port");
    let mut stead = project.up();
    stead.wait_for("| ");
    let stepped: u16 = shown(&project)[0].parse().expect("a number");
    assert_ne!(stepped, numbers[0]);
    assert_eq!(shown(&project)[4], *db, "the others stay");
    drop(holder);
    stopped(stead);
}

#[test]
fn a_port_that_is_taken_is_a_failed_start_that_names_the_holder() {
    if !has("python3") {
        return;
    }
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("an address").port();
    let project = Project::new(&format!(
        "[tasks.a]\ncommand = 'echo up; exec sleep 600'\nports.http = {port}\ninitial_backoff = '10ms'"
    ));
    let mut stead = project.up();
    let said = stead.wait_for(&format!("port {port} (http) is taken by pid {}", std::process::id()));
    assert!(said.contains("run 1 exited"), "{said}");
    drop(holder);
    stead.wait_for("| up");
    stopped(stead);
    // A task of another project is named with it.
    let listen =
        "import socket, time; s = socket.create_server(('127.0.0.1', {})); print('up', flush=True); time.sleep(600)";
    let listen = listen.replace("{}", &port.to_string());
    let other = Project::new(&format!("[tasks.rival]\ncommand = ['python3', '-c', \"{listen}\"]"));
    let mut rival = other.up();
    rival.wait_for("| up");
    let mut stead = project.up();
    let said = stead.wait_for("is taken by task rival of the stead project ");
    let dir = other.path().canonicalize().expect("a directory");
    assert!(said.contains(&*dir.to_string_lossy()), "{said}");
    stopped(stead);
    stopped(rival);
    assert!(fs::exists(project.path().join(".stead")).expect("a directory"));
}
