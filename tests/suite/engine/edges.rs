//! What the restarts of a dependency mean for its dependents, edge by edge.

use super::{Sim, check_plan};

/// Runs a script, and compares what the engine says after it.
#[track_caller]
fn check_after(plan: &str, before: &str, script: &str, expected: &[&str]) {
    let mut sim = Sim::new(plan);
    sim.run(before);
    let said = sim.said.len();
    sim.run(script);
    assert_eq!(sim.said[said..], *expected, "\nplan: {plan}\nscript: {before}; {script}");
}

const CHAIN: &str = "db probed; api after db ready follows; worker after api ready follows; page after api started";
const CHAIN_UP: &str = "started db; pass db; started api; started worker; started page";

#[test]
fn a_persons_restart_takes_the_followers_along_in_order() {
    check_after(
        CHAIN,
        CHAIN_UP,
        "ask restart db; exit worker 0; exit api 0; exit db 0; started db; pass db; started api; started worker",
        &[
            "stop worker#1",
            "wait worker for api to be ready",
            "stop api#1",
            "wait api for db to be ready",
            "stop db#1",
            "spawn db#2",
            "ready db",
            "spawn api#2",
            "spawn worker#2",
        ],
    );
}

#[test]
fn a_crash_takes_the_followers_along_once_the_new_run_begins() {
    check_after(
        CHAIN,
        CHAIN_UP,
        "exit db 1; wait 500ms; exit worker 0; exit api 0; started db; pass db; started api",
        &[
            "backoff db 1/5 500ms",
            "spawn db#2",
            "stop worker#1",
            "wait worker for api to be ready",
            "stop api#1",
            "wait api for db to be ready",
            "ready db",
            "recovered db#2",
            "spawn api#2",
            "spawn worker#2",
        ],
    );
}

#[test]
fn a_bounce_under_way_is_joined() {
    check_after(
        CHAIN,
        CHAIN_UP,
        "ask restart db; ask restart db; ask restart api; exit worker 0; exit api 0; exit db 0; started db; pass db",
        &[
            "stop worker#1",
            "wait worker for api to be ready",
            "stop api#1",
            "wait api for db to be ready",
            "stop db#1",
            "spawn db#2",
            "ready db",
            "spawn api#2",
        ],
    );
}

#[test]
fn what_a_person_has_stopped_does_not_come_back_with_a_bounce() {
    check_after(
        CHAIN,
        &format!("{CHAIN_UP}; ask stop api; exit api 0"),
        "ask restart db; exit db 0; started db; pass db; wait 1h",
        &["stop db#1", "spawn db#2", "ready db"],
    );
}

#[test]
fn a_stop_while_a_bounce_is_under_way_wins() {
    check_after(
        CHAIN,
        CHAIN_UP,
        "ask restart db; ask stop api; exit worker 0; exit api 0; exit db 0; started db; pass db; wait 1h",
        &[
            "stop worker#1",
            "wait worker for api to be ready",
            "stop api#1",
            "stopped api",
            "stop db#1",
            "spawn db#2",
            "ready db",
        ],
    );
}

#[test]
fn a_task_that_is_done_is_done_anew_after_a_restart() {
    check_after(
        "db; seed never after db ready follows; other never after db ready stops-with",
        "started db; started seed; exit seed 0; started other; exit other 0",
        "ask restart db; exit db 0; started db",
        &["wait seed for db to be ready", "stop db#1", "spawn db#2", "spawn seed#2"],
    );
}

const STOPS_WITH: &str = "db probed; api after db ready stops-with";

#[test]
fn what_stops_with_it_is_down_while_it_is_and_comes_back() {
    check_after(
        STOPS_WITH,
        "started db; pass db; started api",
        "exit db 1; exit api 0; wait 500ms; started db; pass db",
        &[
            "backoff db 1/5 500ms",
            "stop api#1",
            "wait api for db to be ready",
            "spawn db#2",
            "ready db",
            "recovered db#2",
            "spawn api#2",
        ],
    );
}

#[test]
fn what_stops_with_it_goes_down_first_when_a_person_stops_it() {
    check_after(
        STOPS_WITH,
        "started db; pass db; started api",
        "ask stop db; exit api 0; exit db 0; wait 1h; ask start db; started db; pass db",
        &[
            "stop api#1",
            "wait api for db to be ready",
            "stop db#1",
            "stopped db",
            "spawn db#2",
            "ready db",
            "spawn api#2",
        ],
    );
}

#[test]
fn an_optional_dependency_is_neither_started_nor_missed() {
    check_plan("cache idle; api after cache ready optional", "started api", &["spawn api#1"]);
    check_plan(
        "cache retries 0; api after cache ready optional",
        "no-start cache",
        &[
            "spawn cache#1",
            "wait api for cache to be ready",
            "failed cache: 0 retries spent: no such file",
            "spawn api#1",
        ],
    );
}

#[test]
fn an_optional_dependency_that_is_on_its_way_is_waited_for() {
    check_plan(
        "cache probed; api after cache ready optional",
        "started cache; pass cache",
        &["spawn cache#1", "wait api for cache to be ready", "ready cache", "spawn api#1"],
    );
}

#[test]
fn what_is_idle_starts_when_it_is_needed_or_asked_for() {
    check_plan(
        "db idle; other idle; api after db started",
        "started db",
        &["wait api for db to be started", "spawn db#1", "spawn api#1"],
    );
    check_plan(
        "db idle; api idle after db started",
        "ask start api; started db",
        &["spawn db#1", "wait api for db to be started", "spawn api#1"],
    );
    check_plan("db idle", "wait 1h; ask start db", &["spawn db#1"]);
}

#[test]
fn a_preview_names_what_a_restart_restarts() {
    let mut sim = Sim::new(CHAIN);
    let names = |sim: &Sim, name| sim.snapshot().restarted_with([name]).join(" ");
    sim.run(CHAIN_UP);
    assert_eq!(names(&sim, "db"), "db api worker");
    assert_eq!(names(&sim, "api"), "api worker");
    assert_eq!(names(&sim, "page"), "page");
    assert_eq!(sim.snapshot().restarted_with(["worker", "api"]).join(" "), "worker api");
    sim.run("ask stop api; exit api 0");
    assert_eq!(names(&sim, "db"), "db", "what is stopped is not restarted, nor what follows it");
}

#[test]
fn a_failure_that_is_being_ended_is_not_hidden_by_a_restart_of_what_it_follows() {
    check_after(
        "db; api critical live 1 after db ready follows",
        "started db; started api",
        "hung api; exit db 1; wait 500ms; exit api 0",
        &[
            "stop api#1",
            "backoff db 1/5 500ms",
            "spawn db#2",
            "failed api: not live: probe",
            "drain: api: not live: probe",
            "stop db#2",
        ],
    );
}

#[test]
fn a_success_that_meets_a_restart_runs_again_even_where_failures_are_fatal() {
    check_after(
        "db; job critical-on-failure after db ready follows; api after job started follows",
        "started db; started job; started api",
        "ask restart db; exit job 0; exit api 0; exit db 0; started db",
        &[
            "stop api#1",
            "wait job for db to be ready",
            "stop db#1",
            "wait api for job to be started",
            "spawn db#2",
            "spawn job#2",
        ],
    );
}
