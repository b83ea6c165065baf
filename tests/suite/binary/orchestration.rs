//! Tasks that belong together, with real processes: edges, groups, profiles, and ends.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{Project, Stead};

const TIERS: &str = "[tasks.db]\ncommand = 'exec sleep 1000'\n\
     [tasks.api]\ncommand = 'exec sleep 1000'\nafter.db = { is = 'ready', on_restart = 'restart' }\n\
     [tasks.worker]\ncommand = 'exec sleep 1000'\nafter.api = { is = 'started', on_restart = 'restart' }\n\
     [tasks.page]\ncommand = 'exec sleep 1000'\nafter.db = 'started'\n\
     [groups.backend]\ntasks = ['db', 'api']\n";

fn up(project: &Project) -> Stead {
    let stead = project.up();
    stead.wait_for_control();
    stead
}

fn task(project: &Project, name: &str) -> Value {
    let status: Value = serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON");
    status["tasks"].as_array().expect("tasks").iter().find(|task| task["name"] == name).expect("a task").clone()
}

#[test]
fn a_restart_takes_along_what_follows_and_says_so_before() {
    let project = Project::new(TIERS);
    let mut stead = up(&project);
    for name in ["db", "api", "worker", "page"] {
        stead.wait_for_start(name);
    }
    let preview = project.client(&["restart", "db", "--dry-run"]);
    assert_eq!((preview.code, preview.out.as_str()), (Some(0), "restarts db, api, worker\n"));
    let preview = project.client(&["restart", "@backend", "page", "--dry-run", "--json"]);
    let preview: Value = serde_json::from_str(&preview.out).expect("JSON");
    assert_eq!(preview, json!({ "restarts": ["db", "api", "worker", "page"] }));
    assert_eq!(project.client(&["restart", "db"]).code, Some(0));
    for name in ["worker", "api", "db"] {
        stead.wait_for_line(name, "asked to stop");
    }
    let told = project.client(&["wait", "db", "api", "worker", "--for", "ready"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    stead.wait_for_line("worker", "run 2 started");
    assert_eq!((&task(&project, "api")["run"], &task(&project, "page")["run"]), (&2.into(), &1.into()));
    let edge = json!([{ "task": "db", "condition": "ready", "on_restart": "restart", "required": true }]);
    assert_eq!(task(&project, "api")["after"], edge);
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_group_is_named_with_an_at_in_every_command() {
    let project = Project::new(TIERS);
    let mut stead = up(&project);
    for name in ["db", "api"] {
        stead.wait_for_start(name);
    }
    let told = project.client(&["wait", "@backend"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "db: running\napi: running\n"));
    let told = project.client(&["stop", "@backend"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "stop @backend: accepted\n"));
    for name in ["db", "api"] {
        stead.wait_for_line(name, " stopped");
    }
    assert_eq!(task(&project, "page")["state"], "running");
    let told = project.client(&["start", "@bakend"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("no group is called `@bakend`; did you mean `@backend`?"), "{told:?}");
    assert_eq!(project.client(&["logs", "@backend"]).code, Some(1), "they have written nothing");
    assert_eq!(project.client(&["signal", "@backend", "HUP"]).code, Some(1), "they do not run");
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn one_for_all_restarts_the_others_with_the_one_that_crashed() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'test $STEAD_RUN = 1 && exit 3; exec sleep 1000'\ninitial_backoff = '200ms'\n\
         [tasks.b]\ncommand = 'exec sleep 1000'\n[tasks.c]\ncommand = 'exec sleep 1000'\n\
         [groups.g]\ntasks = ['a', 'b']\nstrategy = 'one-for-all'\nintensity = { restarts = 3, within = '1m' }\n",
    );
    let mut stead = up(&project);
    stead.wait_for_line("a", "run 2 started");
    stead.wait_for_line("b", "run 2 started");
    assert_eq!(task(&project, "c")["run"], 1);
    let status: Value = serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON");
    let group = &status["groups"][0];
    assert_eq!((&group["name"], &group["restarts"], &group["max_restarts"]), (&"g".into(), &1.into(), &3.into()));
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_group_that_has_failed_is_down_and_says_why() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'exit 3'\ninitial_backoff = '10ms'\n[tasks.b]\ncommand = 'exec sleep 1000'\n\
         [groups.g]\ntasks = ['*']\nintensity = { restarts = 2, within = '1m' }\n",
    );
    let mut stead = up(&project);
    stead.wait_for("group g gave up after 2 restarts within 1m");
    let told = stead.wait_for_line("b", "failed: ");
    assert!(told.contains("group g: 2 restarts within 1m spent: a: code 3"), "{told}");
    assert!(project.client(&["why", "b"]).out.contains("group g: 2 restarts within 1m spent"));
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn what_is_not_chosen_is_on_the_board_as_stopped() {
    let project = Project::new(
        "[tasks.db]\ncommand = 'exec sleep 1000'\nautostart = false\n\
         [tasks.api]\ncommand = 'exec sleep 1000'\nafter.db = 'started'\nprofiles = ['dev']\n\
         [tasks.tool]\ncommand = 'exec sleep 1000'\nautostart = false\n\
         [tasks.base]\ncommand = 'exec sleep 1000'\n",
    );
    let mut stead = project.up_with(&["up", "--plain", "--stay", "--profile", "dev"]);
    for name in ["db", "api", "base"] {
        stead.wait_for_start(name);
    }
    stead.wait_for_control();
    assert_eq!(
        (&task(&project, "tool")["state"], &task(&project, "tool")["autostart"]),
        (&"stopped".into(), &false.into())
    );
    assert!(project.client(&["why", "tool"]).out.contains("does not start without being asked to"));
    assert_eq!(project.client(&["start", "tool"]).code, Some(0));
    stead.wait_for_start("tool");
    stead.signal(Signal::SIGTERM);
    stead.end();

    let mut command = project.command();
    command.args(["up", "base", "--plain", "--stay"]).env("STEAD_PROFILES", "dev");
    let mut stead = Stead::start(command);
    stead.wait_for_start("base");
    stead.wait_for_control();
    assert_eq!(task(&project, "api")["state"], "stopped", "what is named goes before profiles");
    stead.signal(Signal::SIGTERM);
    stead.end();

    let told = project.client(&["up", "--profile", "dve"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("no task has the profile `dve`; did you mean `dev`?"), "{told:?}");
}

#[test]
fn without_a_terminal_it_ends_when_every_task_has() {
    let project =
        Project::new("[tasks.a]\ncommand = 'echo one'\n[tasks.b]\ncommand = 'echo two'\nafter.a = 'success'\n");
    let end = project.up_with(&["up", "--plain"]).end();
    assert_eq!((end.code(), end.last()), (Some(0), end.last()));
    assert!(end.last().starts_with("stead: every task is done"), "{}", end.last());

    fs::write(
        project.path().join("stead.toml"),
        "web.enabled = false\n[tasks.a]\ncommand = 'exit 7'\nrestart = 'never'\n[tasks.b]\ncommand = 'true'\n\
         [tasks.c]\ncommand = 'true'\nafter.a = 'success'\n",
    )
    .expect("a config");
    let end = project.up_with(&["up"]).end();
    assert_eq!(end.code(), Some(1));
    assert!(end.last().starts_with("stead: every task has ended, failed: a, c"), "{}", end.last());
}

#[test]
fn critical_on_failure_takes_a_success_for_done() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'true'\ncritical = 'on-failure'\n[tasks.b]\ncommand = 'sleep 0.3; exit 4'\ncritical = 'on-failure'\n\
         after.a = 'success'\n[tasks.c]\ncommand = 'exec sleep 1000'\n",
    );
    let end = project.up().end();
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: b: code 4"));
}
