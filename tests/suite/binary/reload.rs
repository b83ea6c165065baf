//! Reloads of the real binary with real processes.

use std::fs;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::tmux::{PROMPT, Tmux};
use super::{Project, Stead, has, is_alive};

const WEB_OFF: &str = "[web]\nenabled = false\n";
const DB: &str = "[tasks.db]\ncommand = 'exec sleep 1000'\n";
const API: &str = "[tasks.api]\ncommand = 'echo one; exec sleep 1000'\nafter = { db = 'ready' }\n";

fn write(project: &Project, config: &str) {
    fs::write(project.path().join("stead.toml"), format!("{WEB_OFF}{config}")).expect("a config");
}

/// A supervisor of db and api that can be asked, and their pids.
fn up(project: &Project) -> (Stead, Pid, Pid) {
    let mut stead = project.up();
    stead.wait_for_control();
    let db = stead.wait_for_start("db");
    let api = stead.wait_for_start("api");
    (stead, db, api)
}

fn status(project: &Project) -> Value {
    serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON")
}

#[test]
fn a_reload_touches_only_what_has_changed() {
    let project = Project::new(&format!("{DB}{API}"));
    let (mut stead, db, api) = up(&project);
    assert_eq!(project.client(&["reload"]).out, "nothing has changed\n");
    let new = "[tasks.mailer]\ncommand = 'echo mail; exec sleep 1000'\n";
    write(&project, &format!("{new}{DB}max_retries = 9\n{}", API.replace("one", "two")));
    let told = project.client(&["reload", "--json"]);
    let changes: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(
        changes,
        json!({
            "added": ["mailer"], "removed": [], "changed": ["api"], "adjusted": ["db"], "unchanged": 0,
            "settings": [], "needs_restart": [],
        })
    );
    stead.wait_for("reloaded: added mailer; restarted api; adjusted without a restart db; 0 unchanged");
    stead.wait_for("api     | two");
    stead.wait_for("| mail");
    assert!(is_alive(db) && !is_alive(api));
    assert_eq!(project.client(&["wait", "--all"]).code, Some(0));
    let status = status(&project);
    let facts = |place: usize| {
        let task = &status["tasks"][place];
        (task["name"].clone(), task["run"].clone(), task["max_retries"].clone())
    };
    assert_eq!(facts(0), ("mailer".into(), 1.into(), 5.into()));
    assert_eq!(facts(1), ("db".into(), 1.into(), 9.into()));
    assert_eq!(facts(2), ("api".into(), 2.into(), 5.into()));
}

#[test]
fn a_removed_task_is_stopped_and_its_log_stays() {
    let project = Project::new(&format!("{DB}{API}"));
    let (mut stead, db, api) = up(&project);
    stead.wait_for("| one");
    write(&project, DB);
    assert_eq!(project.client(&["reload"]).out, "removed api\n1 unchanged\n");
    stead.wait_for("api     * ");
    stead.wait_for("removed: it is not in the configuration any more");
    assert!(is_alive(db) && !is_alive(api));
    assert_eq!(project.client(&["restart", "api"]).err, "stead: no task is called `api`; the only task is db\n");
    assert_eq!(project.client(&["logs", "api"]).out, "one\n");
    write(&project, &format!("{DB}{API}"));
    assert_eq!(project.client(&["reload"]).out, "added api\n1 unchanged\n");
    stead.wait_for("run 2 started");
    assert_eq!(project.client(&["wait", "api"]).code, Some(0));
}

#[test]
fn a_broken_file_changes_nothing_and_says_where() {
    let project = Project::new(&format!("{DB}{API}"));
    let (mut stead, db, api) = up(&project);
    write(&project, &format!("{DB}{API}comand = 'x'\n"));
    let path = project.path().join("stead.toml");
    for arguments in [&["reload"][..], &["reload", "--json"]] {
        let told = project.client(arguments);
        assert_eq!((told.code, told.out.as_str()), (Some(1), ""), "{told:?}");
        assert!(told.err.contains("did you mean `command`?") && told.err.contains("stead.toml:8:1"), "{told:?}");
        let last =
            "stead: 1 mistake in stead.toml: line 8: unknown key `comand` in [tasks.api]; all goes on as it was\n";
        assert!(told.err.ends_with(last), "{told:?}");
    }
    stead.wait_for("reload by control/cli refused: 1 mistake in ");
    fs::remove_file(&path).expect("a config");
    fs::create_dir(&path).expect("a directory");
    assert_eq!(project.client(&["reload"]).code, Some(1));
    fs::remove_dir(&path).expect("a directory");
    write(&project, &format!("{DB}{API}"));
    assert_eq!(project.client(&["reload"]).out, "nothing has changed\n");
    assert!(is_alive(db) && is_alive(api));
    let status = status(&project);
    assert_eq!((&status["tasks"][0]["run"], &status["tasks"][1]["run"]), (&1.into(), &1.into()));
}

#[test]
fn a_task_that_can_not_be_run_refuses_the_whole() {
    let project = Project::new(&format!("{DB}{API}"));
    let (_stead, db, api) = up(&project);
    write(&project, "[tasks.other]\ncommand = 'true'\nuser = 'nobody-at-all'\n");
    let told = project.client(&["reload"]);
    assert_eq!(told.code, Some(1));
    let why = "stead: task other: there is no user `nobody-at-all`; all goes on as it was\n";
    assert_eq!(told.err, why);
    assert!(is_alive(db) && is_alive(api));
}

#[test]
fn the_environment_file_is_read_anew_and_what_needs_a_restart_is_said() {
    let project = Project::new(DB);
    let config = "[tasks.env]\ncommand = 'echo it is $COLOUR; exec sleep 1000'\nenv_file = '.env'\n";
    let env = |colour: &str| fs::write(project.path().join(".env"), format!("COLOUR={colour}\n")).expect("a file");
    env("red");
    write(&project, config);
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for("| it is red");
    env("blue");
    assert_eq!(project.client(&["reload"]).out, "restarted env\n0 unchanged\n");
    stead.wait_for("| it is blue");
    let elsewhere = format!("{}listen = '127.0.0.1:1'\n[logs]\ndir = 'elsewhere'\nkeep = 2\n{config}", WEB_OFF);
    fs::write(project.path().join("stead.toml"), elsewhere).expect("a config");
    let told = "now in force: [logs] keep\nonly after a restart of stead: [logs] dir, [web] listen\n1 unchanged\n";
    assert_eq!(project.client(&["reload"]).out, told);
    let again = told.lines().skip(1).map(|line| format!("{line}\n")).collect::<String>();
    assert_eq!(project.client(&["reload"]).out, again, "it still needs one");
}

#[test]
fn a_part_that_was_chosen_stays_chosen() {
    let project = Project::new(&format!("{DB}{API}"));
    let mut stead = project.up_with(&["up", "--plain", "--stay", "db"]);
    stead.wait_for_control();
    stead.wait_for_start("db");
    write(&project, &format!("{DB}max_retries = 1\n{API}max_retries = 1\n"));
    assert_eq!(project.client(&["reload"]).out, "adjusted without a restart db, api\n0 unchanged\n");
    assert!(project.client(&["status", "--json"]).out.contains("\"state\":\"stopped\""), "api is not started for it");
    write(&project, "[tasks.other]\ncommand = 'true'\n");
    let told = project.client(&["reload"]);
    assert_eq!(told.err, "stead: no task is called `db`; the only task is other; all goes on as it was\n");
}

#[test]
fn a_plan_says_the_order_and_what_a_reload_would_change() {
    let project = Project::new(&format!("{DB}{API}"));
    let plan = "  1  db   exec sleep 1000\n  2  api  echo one; exec sleep 1000   waits for db to be ready\n";
    let told = project.client(&["plan"]);
    assert_eq!(told.out, format!("{plan}\nno supervisor runs here; `stead up` starts these tasks\n"), "{told:?}");
    let (_stead, db, _) = up(&project);
    write(&project, DB);
    let json: Value = serde_json::from_str(&project.client(&["plan", "--json"]).out).expect("JSON");
    assert_eq!((&json["layers"], &json["reload"]["removed"]), (&json!([["db"]]), &json!(["api"])));
    let told = project.client(&["plan"]).out;
    assert!(told.ends_with("a reload would change:\nremoved api\n1 unchanged\n"), "{told}");
    assert!(is_alive(db));
    assert_eq!(status(&project)["tasks"][1]["name"], "api", "nothing has come of it");
}

#[test]
fn a_hangup_without_a_terminal_means_a_reload() {
    let project = Project::new(DB);
    let mut command = std::process::Command::new("setsid");
    command.current_dir(project.path()).arg("--wait").arg(env!("CARGO_BIN_EXE_stead")).args(["up", "--plain"]);
    let mut stead = Stead::start(command);
    stead.wait_for_control();
    let db = stead.wait_for_start("db");
    write(&project, &format!("{DB}{API}"));
    let pid = Pid::from_raw(i32::try_from(status(&project)["pid"].as_i64().expect("a pid")).expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGHUP).expect("a live process");
    stead.wait_for("reload, asked by SIGHUP");
    stead.wait_for("reloaded: added api; 1 unchanged");
    stead.wait_for_start("api");
    assert!(is_alive(db));
    assert_eq!(project.client(&["down"]).code, Some(0));
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn a_hangup_with_a_terminal_drains() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(DB);
    let terminal = Tmux::new(&project, 100, 30);
    terminal.run("\"$STEAD\" up --headless");
    super::until(|| std::os::unix::net::UnixStream::connect(project.path().join(".stead/control.sock")).is_ok());
    terminal.wait_for("run 1 started, pid");
    let pid = status(&project)["pid"].as_i64().expect("a pid");
    let killed = project.client(&["status"]);
    assert_eq!(killed.code, Some(0));
    nix::sys::signal::kill(Pid::from_raw(i32::try_from(pid).expect("a pid")), Signal::SIGHUP).expect("a process");
    terminal.wait_for("stead: graceful, asked by SIGHUP");
    terminal.wait_for(PROMPT);
}

#[test]
fn the_dashboard_reloads_and_shows_what_came_of_it() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(&format!("{DB}{API}"));
    let terminal = Tmux::new(&project, 120, 40);
    terminal.run("\"$STEAD\"");
    terminal.wait_until("both run", |screen| screen.matches("running").count() >= 2);
    write(&project, &format!("{DB}[tasks.mailer]\ncommand = 'exec sleep 1000'\n"));
    terminal.press(&["C-r"]);
    terminal.wait_until("mailer instead of api", |screen| {
        let table = screen.lines().filter(|line| line.contains("● running")).collect::<String>();
        table.contains("mailer") && !table.contains("api")
    });
    write(&project, "[tasks.db]\n");
    terminal.type_text(":reload");
    terminal.wait_for("reload the configuration");
    terminal.press(&["Enter"]);
    terminal.wait_for("all goes on as it was");
    terminal.press(&["Q"]);
    terminal.wait_for(PROMPT);
}

#[test]
fn a_reload_over_the_web_needs_the_token() {
    let project = Project::new("[web]\nlisten = '127.0.0.1:0'\n[tasks.db]\ncommand = 'exec sleep 1000'\n");
    let mut stead = project.up();
    let started = stead.wait_for("the page is at http://");
    let address = started.rsplit("http://").next().expect("an address").to_owned();
    if !has("curl") {
        return;
    }
    let ask = |more: &[&str]| {
        let mut curl = std::process::Command::new("curl");
        curl.args(["-s", "-X", "POST", &format!("http://{address}/api/v1/reload")]).args(more).stderr(Stdio::null());
        let answer = super::Told::by(&mut curl).out;
        serde_json::from_str::<Value>(&answer).expect("JSON")
    };
    assert_eq!(ask(&[])["status"], 401);
    let token = fs::read_to_string(project.path().join(".stead/token")).expect("a token");
    let header = format!("Authorization: Bearer {}", token.trim());
    assert_eq!(ask(&["-H", &header])["unchanged"], 1);
    fs::write(project.path().join("stead.toml"), "[tasks.db]\nenv = { KEY = 'hunter2', OTHER = 3 }\n")
        .expect("a config");
    let problem = ask(&["-H", &header]);
    assert_eq!(problem["status"], 422);
    assert!(problem["report"].as_str().is_some_and(|report| report.contains("OTHER")), "{problem}");
    // More people may read the events than the file.
    let mut curl = std::process::Command::new("curl");
    let events = super::Told::by(curl.args(["-s", "-H", &header, &format!("http://{address}/api/v1/event-log")]));
    assert!(events.out.contains("2 mistakes") && !events.out.contains("hunter2"), "{}", events.out);
}
