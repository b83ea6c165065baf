//! Commands that ask for something: names, waiting, and what `stead status` shows of it.

use std::fs;

use super::detach::Background;
use super::{Project, Told};

const TWO: &str = "[tasks.api]\ncommand = 'exec sleep 1000'\n[tasks.term]\ntty = true\ncommand = 'exec cat'\n";

fn up(config: &str) -> Background {
    let background = Background::new(config);
    let told = background.0.client(&["up", "-d"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    background
}

#[test]
fn an_unknown_task_is_a_wrong_usage_and_the_answer_lists_the_names() {
    let background = up(TWO);
    let project = &background.0;
    for arguments in [
        &["start", "apo"][..],
        &["stop", "api", "apo"],
        &["restart", "apo", "--wait"],
        &["kill", "apo"],
        &["signal", "apo", "HUP"],
        &["send", "apo", "x"],
        &["wait", "apo"],
        &["why", "apo"],
        &["logs", "apo"],
        &["up", "-d", "apo"],
    ] {
        let told = project.client(arguments);
        assert_eq!(told.code, Some(2), "{arguments:?}: {told:?}");
        let expected = "stead: no task is called `apo`; did you mean `api`? the tasks are api, term\n";
        assert_eq!(told.err, expected, "{arguments:?}");
    }
    let told = project.client(&["signal", "api", "TREM"]);
    assert!(told.code == Some(2) && told.err.contains("did you mean \"SIGTERM\"?"), "{told:?}");
    let told = project.client(&["start", "stead.wob"]);
    assert!(told.code == Some(2) && told.err.contains("stead.control") && !told.err.contains("api"), "{told:?}");
    assert_eq!(project.client(&["wait", "api"]).code, Some(0), "nothing was stopped");
    project.client(&["down"]);
    let told = project.client(&["why", "apo"]);
    assert!(told.code == Some(2) && told.err.contains("the tasks are api, term"), "{told:?}");
}

#[test]
fn start_stop_and_restart_wait_for_what_they_ask() {
    let background = up("[tasks.slow]\ncommand = 'sleep 0.2; echo up; exec sleep 1000'\nready.log = 'up'\n\
         [tasks.deaf]\ncommand = \"trap 'sleep 0.3; exit 0' TERM; sleep 1000 & wait\"\n\
         [tasks.bad]\ncommand = 'exit 7'\nmax_retries = 0\n");
    let project = &background.0;
    let restart = project.client(&["restart", "slow", "--wait"]);
    assert_eq!((restart.code, restart.out.as_str()), (Some(0), "restart slow: accepted\nslow: ready\n"), "{restart:?}");
    let stop = project.client(&["stop", "deaf", "--wait"]);
    assert_eq!((stop.code, stop.out.as_str()), (Some(0), "stop deaf: accepted\ndeaf: stopped\n"), "{stop:?}");
    let start = project.client(&["start", "--wait", "slow", "deaf"]);
    assert_eq!(start.code, Some(0), "{start:?}");
    assert!(start.out.contains("slow is ready already\n") && start.out.contains("deaf: running\n"), "{start:?}");
    let failed = project.client(&["restart", "bad", "--wait"]);
    assert_eq!((failed.code, failed.err.as_str()), (Some(1), "stead: bad has failed: 0 retries spent: code 7\n"));
    let json = project.client(&["restart", "bad", "--wait", "--json"]);
    let answer: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(
        (json.code, &answer["accepted"][0], &answer["reached"]),
        (Some(1), &"restart bad".into(), &false.into())
    );
    let late = project.client(&["restart", "slow", "--wait", "--timeout", "100ms"]);
    assert!(late.code == Some(1) && late.err.starts_with("stead: not ready within 100ms: slow is "), "{late:?}");
    let all = project.client(&["stop", "--all", "--wait"]);
    assert_eq!(all.code, Some(0), "{all:?}");
    let again = project.client(&["stop", "--all", "--wait"]);
    assert!(again.code == Some(0) && again.out.starts_with("nothing to stop\n"), "{again:?}");
}

#[test]
fn a_restart_that_waits_for_its_dependents_is_not_over_before_it_has_begun() {
    let background = up("[tasks.base]\ncommand = 'exec sleep 1000'\n\
         [tasks.dep]\nafter.base = 'ready'\ncommand = \"trap 'while ! test -e go; do sleep 0.02; done; exit 0' TERM; \
         echo up; while :; do sleep 0.02; done\"\nready.log = 'up'\nstop.timeout = '20s'\n");
    let project = &background.0;
    assert_eq!(project.client(&["wait", "dep"]).code, Some(0));
    assert_eq!(project.client(&["restart", "dep"]).code, Some(0));
    // It is held up for as long as `dep` does not end.
    let late = project.client(&["restart", "base", "--wait", "--timeout", "300ms"]);
    assert_eq!((late.code, late.out.as_str()), (Some(1), "restart base: accepted\n"), "{late:?}");
    let expected = "stead: not ready within 300ms: base is running, restarts once dep has stopped\n";
    assert_eq!(late.err, expected);
    let started = project.client(&["start", "base", "--wait", "--timeout", "300ms"]);
    assert_eq!(started.code, Some(1), "{started:?}");
    let why = project.client(&["why", "base"]);
    let expected = "base is running, run 1: its restart waits until dep has stopped.\n└─ dep is stopping: ";
    assert!(why.out.starts_with(expected), "{why:?}");
    assert!(project.client(&["status"]).out.contains("restarts once dep has stopped"));
    fs::write(project.path().join("go"), "").expect("a file");
    let done = project.client(&["wait", "base", "dep"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(super::probes::snapshot(project, "base")["run"], 2);
}

#[test]
fn the_status_has_cpu_memory_and_ports() {
    if !super::has("python3") {
        return;
    }
    let listen = "import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); s.listen(); \
                  print(s.getsockname()[1], flush=True); s.accept()";
    let background = up(&format!("[tasks.server]\ncommand = '''exec python3 -c '{listen}' '''\nready.log = '[0-9]'\n"));
    let project = &background.0;
    assert_eq!(project.client(&["wait", "server"]).code, Some(0));
    let port = project.log("server").trim().to_owned();
    // A sample is taken at most every 250 ms, and the last one may be older than the port.
    super::until(|| project.client(&["status"]).out.contains(&port));
    let status = project.client(&["status"]).out;
    let row = status.lines().find(|line| line.starts_with("server ")).expect("a row");
    let cells: Vec<_> = row.split_whitespace().collect();
    assert!(cells.contains(&port.as_str()), "{status}");
    assert!(cells.iter().any(|cell| cell.ends_with('%')) && cells.iter().any(|cell| cell.ends_with('M')), "{status}");
    let json: serde_json::Value = serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON");
    assert_eq!(json["tasks"][0]["usage"]["ports"][0].to_string(), port);
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_in_the_background_is_called_stead() {
    let background = up(TWO);
    let pid = background.pid().expect("a pid");
    assert_eq!(fs::read_to_string(format!("/proc/{pid}/comm")).expect("a name"), "stead\n");
}

#[test]
fn every_command_takes_a_file_or_its_directory() {
    let background = Background::new(TWO);
    let project = &background.0;
    fs::create_dir(project.path().join("below")).expect("a directory");
    let here = tempfile::tempdir().expect("a directory");
    let elsewhere = |arguments: &[&str]| Told::by(project.command().current_dir(here.path()).args(arguments));
    let dir = project.path().to_str().expect("text");
    let file = project.path().join("stead.toml");
    assert_eq!(elsewhere(&["-f", dir, "up", "-d", "--wait"]).code, Some(0));
    for place in [dir, file.to_str().expect("text")] {
        for command in [
            &["status"][..],
            &["start", "api"],
            &["wait", "api"],
            &["signal", "term", "CONT"],
            &["send", "term", "hello"],
            &["plan"],
            &["check"],
            &["why"],
            &["why", "api"],
            &["clients"],
            &["reload"],
            &["export", "compose"],
        ] {
            for arguments in [[&["-f", place], command].concat(), [command, &["-f", place]].concat()] {
                let told = elsewhere(&arguments);
                assert_eq!(told.code, Some(0), "{arguments:?}: {told:?}");
            }
        }
        super::until(|| project.log("term").contains("hello"));
        // Here `-f` is `--follow`, unless it stands before the command.
        for command in ["logs", "events"] {
            for arguments in [&[command, "--file", place][..], &["--file", place, command], &["-f", place, command]] {
                let told = elsewhere(arguments);
                assert_eq!(told.code, Some(0), "{arguments:?}: {told:?}");
            }
        }
    }
    let none = elsewhere(&["status", "-f", project.path().join("below").to_str().expect("text")]);
    assert!(none.code == Some(2) && none.err.contains("below"), "{none:?}");
    assert_eq!(elsewhere(&["down", "-f", dir]).code, Some(0));
    let told = elsewhere(&["status", "-f", dir]);
    assert!(told.err.contains(&format!("`stead up -f {dir}` starts one")), "{told:?}");
}

#[test]
fn what_was_written_is_read_though_the_configuration_is_gone() {
    let background =
        up("[logs]\ndir = 'out'\n[tasks.api]\ncommand = 'echo words; exec sleep 1000'\nready.log = 'words'\n");
    let project = &background.0;
    assert_eq!(project.client(&["wait", "api"]).code, Some(0));
    fs::write(project.path().join("stead.toml"), "no toml").expect("a file");
    assert_eq!(project.client(&["logs", "api"]).out, "words\n");
    fs::remove_file(project.path().join("stead.toml")).expect("a file");
    fs::create_dir(project.path().join("below")).expect("a directory");
    let below = Told::by(project.command().current_dir(project.path().join("below")).args(["logs", "api"]));
    assert_eq!(below.out, "words\n", "{below:?}");
    project.client(&["down"]);
    let told = project.client(&["logs", "api"]);
    assert!(told.code == Some(2) && told.err.contains("no stead.toml in "), "{told:?}");
}

#[test]
fn init_writes_into_the_directory_that_is_named() {
    let project = Project::new(TWO);
    let dir = project.path().join("new");
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("Procfile"), "web: sleep 1\n").expect("a file");
    let told = project.client(&["init", "-f", "new"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(fs::read_to_string(dir.join("stead.toml")).expect("a file").contains("[tasks.web]"));
}
