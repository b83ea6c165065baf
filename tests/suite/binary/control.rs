//! The control socket, and the command line as its client.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Project, Stead, Told};

const API: &str = "[tasks.api]\ncommand = 'exec sleep 1000'\n";

/// A supervisor whose socket answers.
fn up(project: &Project) -> Stead {
    let stead = project.up();
    stead.wait_for_control();
    stead
}

fn socket_mode(project: &Project) -> u32 {
    fs::metadata(project.path().join(".stead/control.sock")).expect("a socket").permissions().mode() & 0o777
}

#[test]
fn without_a_supervisor_every_client_says_so_at_once() {
    let project = Project::new(API);
    for arguments in [
        &["status"][..],
        &["status", "--watch"],
        &["start", "api"],
        &["stop", "--all"],
        &["restart", "api"],
        &["kill", "api"],
        &["reload"],
        &["signal", "api", "HUP"],
        &["send", "api", "hello"],
        &["attach"],
        &["events"],
        &["events", "-f"],
        &["wait", "api"],
        &["down"],
    ] {
        let told = project.client(arguments);
        let line = format!("stead: no supervisor runs in {}; `stead up` starts one\n", project.path().display());
        assert_eq!((told.code, told.out.as_str(), told.err), (Some(3), "", line), "{arguments:?}");
    }
    let elsewhere = tempfile::tempdir().expect("a directory");
    let told = Told::by(project.command().args(["status", "-f", "nowhere.toml"]).current_dir(elsewhere.path()));
    assert_eq!(told.code, Some(2), "{told:?}");
}

#[test]
fn a_restart_by_the_command_line_is_done_and_its_origin_is_in_the_timeline() {
    let project = Project::new(API);
    let mut stead = up(&project);
    stead.wait_for_start("api");
    let told = project.client(&["restart", "api"]);
    assert_eq!((told.code, told.out.as_str(), told.err.as_str()), (Some(0), "restart api: accepted\n", ""));
    stead.wait_for("restart api, asked by control/cli");
    stead.wait_for("run 2 started");
    let told = project.client(&["wait", "api", "--timeout", "30s"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "api: running\n"));
    let events = project.client(&["events"]).out;
    let says = |line: &str| line.contains(" api ") && line.ends_with("  restart api, asked by control/cli");
    assert!(events.lines().any(says), "{events}");
    let of_json: Vec<Value> = project
        .client(&["events", "--json", "--after", "2"])
        .out
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(of_json[0]["number"], 3);
}

#[test]
fn the_status_is_a_table_or_json() {
    let project = Project::new(&format!("{API}[tasks.bad]\ncommand = 'exit 7'\nmax_retries = 0\n"));
    let mut stead = up(&project);
    stead.wait_for("failed: 0 retries spent: code 7");
    assert_eq!(project.client(&["wait", "api"]).code, Some(0));
    let table = project.client(&["status"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let row = |name: &str| table.out.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
    assert!(row("api ").contains("● running"), "{table:?}");
    assert!(row("bad ").contains("✖ failed") && row("bad ").contains("code 7 · "), "{table:?}");
    assert!(table.out.contains("\nstead: 4 parts ready\n"), "{table:?}");
    let json: Value = serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON");
    assert_eq!((&json["tasks"][0]["name"], &json["tasks"][0]["state"]), (&"api".into(), &"running".into()));
    assert_eq!(json["tasks"][1]["last_exit"]["reason"]["text"], "code 7");
    assert_eq!(json["pid"], i64::from(stead.pid().as_raw()));
}

#[test]
fn what_is_refused_says_why_and_exits_with_1() {
    let project = Project::new(&format!("{API}[tasks.once]\ncommand = 'true'\n"));
    let _stead = up(&project);
    assert_eq!(project.client(&["wait", "--all"]).code, Some(0));
    let refused = |arguments: &[&str], why: &str| {
        let told = project.client(arguments);
        assert_eq!((told.code, told.err.trim_end()), (Some(1), format!("stead: {why}").as_str()), "{arguments:?}");
    };
    refused(&["signal", "once", "HUP"], "once is not running, it is done");
    refused(
        &["stop", "stead.gateway"],
        "stead.gateway can't be stopped alone: nothing goes on without it; shut down instead",
    );
    refused(&["wait", "api", "--for", "success", "--timeout", "3s"], "not done with success within 3s: api is running");
    let nothing = project.client(&["start", "api"]);
    assert_eq!((nothing.code, nothing.out.as_str()), (Some(0), "api is running already\n"), "{nothing:?}");
    let both = project.client(&["stop", "once", "api"]);
    assert_eq!((both.code, both.out.as_str()), (Some(0), "stop api: accepted\nonce is done already\n"), "{both:?}");
    refused(&["wait", "api"], "api is stopped");
    let told = project.client(&["wait", "api", "--json"]);
    let json: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!((told.code, json), (Some(1), json!({ "reached": false, "missing": ["api is stopped"] })));
    assert_eq!(project.client(&["wait", "once"]).out, "once: done\n");
    assert_eq!(project.client(&["wait", "apy"]).code, Some(2));
    assert_eq!(project.client(&["restart"]).code, Some(2));
    assert_eq!(project.client(&["restart", "api", "--all"]).code, Some(2));
}

#[test]
fn all_processes_stop_and_start_and_what_is_done_stays_so() {
    let project = Project::new(&format!("{API}[tasks.once]\ncommand = 'true'\n"));
    let mut stead = up(&project);
    assert_eq!(project.client(&["wait", "--all"]).code, Some(0));
    assert_eq!(project.client(&["stop", "--all"]).out, "stop api: accepted\n");
    stead.wait_for(" stopped");
    // The snapshot follows the timeline.
    assert_eq!(project.client(&["wait", "api", "--for", "exited"]).code, Some(0));
    assert_eq!(project.client(&["stop", "--all"]).out, "nothing to stop\n");
    assert_eq!(project.client(&["start", "--all"]).out, "start api: accepted\n");
    assert_eq!(
        project.client(&["restart", "--all", "--json"]).out,
        "{\"accepted\":[\"restart all\"],\"unchanged\":[],\"refused\":[]}\n"
    );
}

#[test]
fn down_waits_for_the_end_and_says_how_it_came() {
    let project = Project::new(
        "[tasks.slow]\ncommand = \"trap 'sleep 0.3; exit 0' TERM; echo up; while :; do sleep 0.1; done\"\n",
    );
    let mut stead = up(&project);
    stead.wait_for("| up");
    let told = project.client(&["down"]);
    assert_eq!((told.code, told.err.as_str()), (Some(0), ""), "{told:?}");
    assert!(told.out.starts_with("stead: graceful, asked by control/cli, drained in "), "{told:?}");
    let end = stead.end();
    assert_eq!((end.code(), end.last()), (Some(0), told.out.trim_end()));
    assert!(!project.path().join(".stead/control.sock").exists());
    assert_eq!(project.client(&["down"]).code, Some(3));
}

#[test]
fn a_down_that_takes_long_says_who_holds_it_up() {
    let project = Project::new(
        "[tasks.slow]\ncommand = \"trap 'until [ -e go ]; do sleep 0.05; done; exit 0' TERM; echo up; while :; do sleep 0.1; done\"\n",
    );
    let mut stead = up(&project);
    stead.wait_for("| up");
    let down = project.command().args(["down", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut down = down.expect("the binary");
    let mut said = BufReader::new(down.stderr.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    let slow = said.next().expect("who holds it up");
    assert!(slow.starts_with("stead: slow is stopping, killed in "), "{slow}");
    fs::write(project.path().join("go"), "").expect("a file");
    let told = down.wait_with_output().expect("a child");
    let json: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let outcome = json["outcome"][0].as_str().expect("a sentence");
    assert!(outcome.starts_with("graceful, asked by control/cli, drained in "), "{outcome}");
    assert_eq!((told.status.code(), stead.end().code()), (Some(0), Some(0)));
}

#[test]
fn a_stream_of_events_ends_with_the_supervisor() {
    let project = Project::new(API);
    let stead = up(&project);
    let mut follower = project.command().args(["events", "-f"]).stdout(Stdio::piped()).spawn().expect("the binary");
    let mut lines = BufReader::new(follower.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    lines.find(|line| line.contains(" started, pid ")).expect("the start");
    stead.signal(Signal::SIGTERM);
    lines.find(|line| line.contains("draining within 10s: asked by SIGTERM")).expect("the drain");
    assert_eq!(follower.wait().expect("a child").code(), Some(0));
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn the_socket_is_private_whatever_the_umask() {
    let project = Project::new(API);
    let stead = project.up_after("umask 0");
    stead.wait_for_control();
    assert_eq!(socket_mode(&project), 0o600);
    let dir = fs::metadata(project.path().join(".stead")).expect("a directory");
    assert_eq!(dir.permissions().mode() & 0o022, 0, "nobody else can replace the socket");
}

#[test]
fn after_a_kill_the_next_supervisor_takes_the_socket_over() {
    let project = Project::new(API);
    let stead = up(&project);
    stead.signal(Signal::SIGKILL);
    stead.end();
    assert!(project.path().join(".stead/control.sock").exists(), "nobody was left to remove it");
    assert_eq!(project.client(&["status"]).code, Some(3));
    let _next = up(&project);
    assert_eq!(project.client(&["wait", "api"]).code, Some(0));
    assert_eq!(socket_mode(&project), 0o600);
}

#[test]
fn a_link_where_the_socket_belongs_is_refused_by_name() {
    let project = Project::new(&format!("[supervisor]\nmax_retries = 0\n{API}"));
    fs::create_dir(project.path().join(".stead")).expect("a directory");
    symlink("elsewhere.sock", project.path().join(".stead/control.sock")).expect("a link");
    let mut stead = project.up();
    let line = stead.wait_for("failed: 0 retries spent");
    assert!(line.contains("control.sock is a symbolic link"), "{line}");
    assert!(!project.path().join(".stead/elsewhere.sock").exists());
    // The tasks go on. In the background no client could reach it, so there it ends.
    stead.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    symlink("elsewhere.sock", project.path().join(".stead/control.sock"))
        .or_else(|error| if error.kind() == std::io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) })
        .expect("a link");
    let told = Told::by(project.command().args(["up", "-d"]));
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("control.sock is a symbolic link"), "{told:?}");
}

#[test]
fn a_project_in_a_deep_directory_is_reached_too() {
    let project = Project::new(API);
    let deep = project.path().join("d".repeat(100)).join("e".repeat(100));
    fs::create_dir_all(&deep).expect("directories");
    fs::rename(project.path().join("stead.toml"), deep.join("stead.toml")).expect("a config");
    let mut command = project.command();
    command.current_dir(&deep).args(["up", "--plain"]);
    let stead = Stead::start(command);
    // Its path is too long for a socket, so it can't be connected to by that.
    super::until(|| Told::by(project.command().current_dir(&deep).arg("status")).code == Some(0));
    let told = Told::by(project.command().current_dir(&deep).arg("down"));
    assert_eq!(told.code, Some(0), "{told:?}");
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn another_user_is_turned_away_even_where_the_file_would_let_them_in() {
    const NOBODY: u32 = 65_534;
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can act as another user");
        return;
    }
    let project = Project::new(API);
    let stead = up(&project);
    fs::set_permissions(project.path(), Permissions::from_mode(0o755)).expect("a mode");
    let as_nobody = || {
        // A copy, as the original may lie where nobody may go. Made by a process of its own: what this one has open for
        // writing, a child that another test is just making has, too, and nobody can run it.
        let copy = project.path().join("stead");
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_stead")).arg(&copy).status();
        assert!(copied.is_ok_and(|status| status.success()));
        Told::by(Command::new(copy).args(["stop", "api"]).current_dir(project.path()).uid(NOBODY).gid(NOBODY))
    };
    let told = as_nobody();
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("Permission denied"), "{told:?}");
    let socket = project.path().join(".stead/control.sock");
    // The directory is closed again when something in it is replaced, so that once may not be enough.
    super::until(|| {
        fs::set_permissions(project.path().join(".stead"), Permissions::from_mode(0o755)).expect("a mode");
        fs::set_permissions(&socket, Permissions::from_mode(0o666)).expect("a mode");
        let told = as_nobody();
        assert_eq!(told.code, Some(1), "{told:?}");
        told.err.contains("broke off")
    });
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert!(end.lines.iter().all(|line| !line.contains("stop api")), "{:?}", end.lines);
}
