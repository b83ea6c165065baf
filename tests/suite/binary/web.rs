//! The web surface of the real binary: what a browser or a script gets from a supervisor that runs.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use super::{DEADLINE, Project, Stead};

/// Where the web surface says that it listens.
pub(crate) fn address(stead: &mut Stead) -> String {
    let line = stead.wait_for("http://");
    line.rsplit("http://").next().expect("an address").to_owned()
}

/// Sends a request without a body; the status and the body of the answer.
pub(super) fn exchange(address: &str, method: &str, path: &str) -> (u16, String) {
    exchange_with(address, method, path, "")
}

pub(super) fn exchange_with(address: &str, method: &str, path: &str, header: &str) -> (u16, String) {
    let mut stream = open(address, method, path, header);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

pub(super) fn open(address: &str, method: &str, path: &str, header: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{header}\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    stream
}

/// The header that shows the token.
pub(super) fn bearer(project: &Project) -> String {
    let token = fs::read_to_string(project.path().join(".stead/token")).expect("a token");
    format!("authorization: Bearer {}\r\n", token.trim())
}

/// Follows the live stream to a snapshot in which this holds.
pub(super) fn watch_until(address: &str, bearer: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let (begin, mut snapshot) = (Instant::now(), Value::Null);
    for line in BufReader::new(open(address, "GET", "/api/v1/events", bearer)).lines() {
        let line = line.expect("a line in time");
        assert!(begin.elapsed() < DEADLINE, "it never held");
        let Some(data) = line.strip_prefix("data: ").and_then(|data| serde_json::from_str::<Value>(data).ok()) else {
            continue;
        };
        if data["tasks"].is_array() {
            snapshot = data;
        } else if data["base"].is_u64() {
            apply(&mut snapshot, &data);
        }
        if snapshot["tasks"].is_array() && holds(&snapshot) {
            return snapshot;
        }
    }
    panic!("the stream ended");
}

/// Goes on with a change, as docs/reference.md has it.
fn apply(snapshot: &mut Value, delta: &Value) {
    assert_eq!(delta["base"], snapshot["generation"], "no change is missing");
    snapshot["generation"] = delta["generation"].clone();
    for (name, members) in delta["tasks"].as_object().into_iter().flatten() {
        let tasks = snapshot["tasks"].as_array_mut().expect("tasks");
        let Some(task) = tasks.iter_mut().find(|task| task["name"] == **name) else { continue };
        for (key, value) in members.as_object().into_iter().flatten() {
            task[key] = value.clone();
        }
    }
}

#[test]
fn a_restart_by_the_api_is_seen_live_and_an_open_stream_does_not_hold_the_drain() {
    let project = Project::new(
        r#"
        web.listen = "127.0.0.1:0"
        tasks.api.command = "exec sleep 1000"
        "#,
    );
    let mut stead = project.up();
    let address = address(&mut stead);
    let bearer = bearer(&project);
    let first = watch_until(&address, &bearer, |snapshot| snapshot["tasks"][0]["state"] == "running");
    assert_eq!(first["tasks"][0]["run"], 1);
    let (status, refusal) = exchange(&address, "POST", "/api/v1/tasks/api/restart");
    assert!(status == 401 && refusal.contains("stead status"), "{refusal}");
    assert_eq!(exchange(&address, "GET", "/api/v1/snapshot").0, 401);
    assert_eq!(exchange_with(&address, "POST", "/api/v1/tasks/api/restart", &bearer).0, 202);
    let second = watch_until(&address, &bearer, |snapshot| {
        let api = &snapshot["tasks"][0];
        api["state"] == "running" && api["run"] == 2
    });
    assert_ne!(first["tasks"][0]["pid"], second["tasks"][0]["pid"]);
    assert_eq!(exchange(&address, "GET", "/readyz").0, 200);

    let mut stream = open(&address, "GET", "/api/v1/events", &bearer);
    stream.read_exact(&mut [0; 64]).expect("the stream has begun");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    assert_eq!(end.report.len(), 1, "nothing had to be killed: {:?}", end.report);
    stream.read_to_end(&mut Vec::new()).expect("the stream was ended, not cut off");
}

#[test]
fn a_killed_process_is_back_and_its_exit_is_told() {
    let project = Project::new(
        r#"
        web.listen = "127.0.0.1:0"
        supervisor.initial_backoff = "10ms"
        tasks.api.command = "exec sleep 1000"
        "#,
    );
    let mut stead = project.up();
    let address = address(&mut stead);
    let bearer = bearer(&project);
    let up = watch_until(&address, &bearer, |snapshot| snapshot["tasks"][0]["state"] == "running");
    let pid = up["tasks"][0]["pid"].as_i64().expect("a pid");
    kill(Pid::from_raw(pid.try_into().expect("a pid")), Signal::SIGKILL).expect("a signal");
    let back = watch_until(&address, &bearer, |snapshot| {
        let api = &snapshot["tasks"][0];
        api["state"] == "running" && api["run"] == 2
    });
    let api = &back["tasks"][0];
    assert_eq!((&api["last_exit"]["reason"]["signal"], &api["retries"]), (&"SIGKILL".into(), &1.into()));
    let (_, metrics) = exchange(&address, "GET", "/metrics");
    assert!(metrics.contains("stead_task_exits_total{task=\"api\",reason=\"signal\"} 1\n"), "{metrics}");
    assert!(metrics.contains("stead_task_restarts_total{task=\"api\"} 1\n"), "{metrics}");
}

#[test]
fn a_taken_port_is_named_and_ends_nothing_unless_the_file_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let project = Project::new(&format!(
        r#"
        web.listen = "127.0.0.1:{port}"
        supervisor = {{ max_retries = 2, initial_backoff = "10ms" }}
        tasks.api.command = "exec sleep 1000"
        "#
    ));
    let mut stead = project.up();
    let told = stead.wait_for(&format!("port {port} in use"));
    assert!(told.contains(&format!("in use by pid {}: ", std::process::id())), "it says who has it: {told}");
    stead.wait_for("retry 1 of 2");
    stead.wait_for("retry 2 of 2");
    stead.wait_for("failed: 2 retries spent");
    let status = project.client(&["status"]);
    let row = |name: &str| status.out.lines().find(|line| line.starts_with(name)).expect("a row").to_owned();
    assert!(row("stead.web ").contains("✖ failed") && row("stead.web ").contains("tried again in "), "{status:?}");
    assert!(row("api ").contains("● running"), "{status:?}");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));

    let config = project.path().join("stead.toml");
    let strict = fs::read_to_string(&config).expect("a file").replacen(
        "web.listen",
        "web.on_exhausted = \"fatal\"\nweb.listen",
        1,
    );
    fs::write(&config, strict).expect("a file");
    let end = project.up().end();
    assert_eq!(end.code(), Some(1), "{:?}", end.report);
    let cause = format!("stead: fatal: stead.web: 2 retries spent: port {port} in use");
    assert!(end.last().starts_with(&cause), "{:?}", end.report);
}

#[test]
fn projects_that_name_no_port_all_have_one_and_keep_it() {
    // Whatever else runs on this machine: this project never gets the first port.
    let _first = TcpListener::bind("127.0.0.1:7070");
    let projects = [(); 2].map(|()| Project::new("# web\ntasks.api.command = \"exec sleep 1000\"\n"));
    let up = || projects.each_ref().map(Project::up);
    let ports = |steads: &mut [Stead; 2]| steads.each_mut().map(address);
    let end = |steads: [Stead; 2]| {
        for stead in steads {
            stead.signal(Signal::SIGTERM);
            assert_eq!(stead.end().code(), Some(0));
        }
    };
    let mut steads = up();
    let first = ports(&mut steads);
    assert!(first[0] != first[1] && !first.contains(&"127.0.0.1:7070".to_owned()), "{first:?}");
    let status = projects[1].client(&["status"]);
    assert!(status.out.contains(&format!("page: http://{}/", first[1])), "{}", status.out);
    end(steads);
    let mut steads = up();
    assert_eq!(ports(&mut steads), first);
    // A port that the file names, and another project of stead has.
    let config = format!("web.listen = \"{}\"\n{}", first[0], "tasks.api.command = \"exec sleep 1000\"\n");
    let rival = Project::new(&config);
    let mut third = rival.up();
    let told = third.wait_for(" in use by ");
    let holder = fs::canonicalize(projects[0].path()).expect("a path");
    assert!(told.contains(&format!("the stead project {} (pid ", holder.display())), "{told}");
    third.signal(Signal::SIGTERM);
    third.end();
    end(steads);
}

#[test]
fn a_page_of_ones_own_is_published_and_taken_back_without_a_restart() {
    let project = Project::new("web.listen = \"127.0.0.1:0\"\ntasks.api.command = \"exec sleep 1000\"\n");
    let mut stead = project.up();
    let address = address(&mut stead);
    let page = || exchange(&address, "GET", "/").1;
    let own = page();
    let dir = project.path().join("page");
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("index.html"), "<script src=\"mine.js\"></script>").expect("a file");

    let refused = project.client(&["web", "publish", "page"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("asks for what is not there: mine.js; what was served stays"), "{}", refused.err);
    assert_eq!(page(), own);

    fs::write(dir.join("mine.js"), "1").expect("a file");
    assert_eq!(project.client(&["web", "publish", "page"]).out, "published: 2 files\n");
    assert_eq!((page().contains("mine.js"), exchange(&address, "GET", "/mine.js").1), (true, "1".to_owned()));
    assert_eq!(project.client(&["restart", "stead.web"]).code, Some(0), "it outlives a run of the web surface");
    let address = self::address(&mut stead);
    assert_eq!(exchange(&address, "GET", "/mine.js").1, "1");
    let over_tcp = exchange(&address, "DELETE", "/api/v1/web-dist");
    assert_ne!(over_tcp.0, 200);
    assert_eq!(project.client(&["web", "publish", "--reset"]).code, Some(0));
    assert_eq!(exchange(&address, "GET", "/").1, own);
    assert_eq!(project.client(&["web", "publish"]).code, Some(2));
}
