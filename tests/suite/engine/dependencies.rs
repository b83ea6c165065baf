//! Order: what waits for what, and what can't come any more.

use stead::supervisor::engine::PhaseSnapshot;

use super::{Sim, check_plan};

#[test]
fn a_task_starts_when_its_dependency_is_ready() {
    check_plan(
        "api after db ready; db probed",
        "started db; miss db; pass db",
        &["wait api for db to be ready", "spawn db#1", "ready db", "spawn api#1"],
    );
}

#[test]
fn independent_tasks_start_in_parallel() {
    check_plan("a; b; c", "wait 1ms", &["spawn a#1", "spawn b#1", "spawn c#1"]);
}

#[test]
fn started_is_enough_where_it_says_so() {
    check_plan(
        "db probed; api after db started",
        "started db",
        &["spawn db#1", "wait api for db to be started", "spawn api#1"],
    );
}

#[test]
fn success_waits_for_the_end_of_the_run() {
    check_plan(
        "migrate never; api after migrate success",
        "started migrate; exit migrate 0",
        &["spawn migrate#1", "wait api for migrate to succeed", "done migrate", "spawn api#1"],
    );
}

#[test]
fn exited_takes_any_end() {
    check_plan(
        "seed; api after seed exited",
        "started seed; exit seed 9",
        &["spawn seed#1", "wait api for seed to exit", "backoff seed 1/5 500ms", "spawn api#1"],
    );
}

#[test]
fn a_dependency_that_failed_for_good_fails_its_dependents_down_the_chain() {
    check_plan(
        "migrate never; api after migrate success; page after api ready",
        "started migrate; exit migrate 1",
        &[
            "spawn migrate#1",
            "wait api for migrate to succeed",
            "wait page for api to be ready",
            "failed migrate: code 1",
            "failed api: migrate failed",
            "failed page: api failed",
        ],
    );
}

#[test]
fn a_dependency_that_is_started_again_gives_its_dependents_new_hope() {
    check_plan(
        "migrate never; api after migrate success",
        "started migrate; exit migrate 1; ask restart migrate; started migrate; exit migrate 0",
        &[
            "spawn migrate#1",
            "wait api for migrate to succeed",
            "failed migrate: code 1",
            "failed api: migrate failed",
            "spawn migrate#2",
            "wait api for migrate to succeed",
            "done migrate",
            "recovered migrate#2",
            "spawn api#1",
        ],
    );
}

#[test]
fn a_task_that_comes_back_waits_for_its_dependency_again() {
    check_plan(
        "db; api after db ready",
        "started db; started api; exit db 1; exit api 1; wait 500ms; started db",
        &[
            "spawn db#1",
            "wait api for db to be ready",
            "spawn api#1",
            "backoff db 1/5 500ms",
            "backoff api 1/5 500ms",
            "spawn db#2",
            "wait api for db to be ready",
            "spawn api#2",
        ],
    );
}

#[test]
fn the_screen_names_what_is_waited_for() {
    let sim = Sim::new("db probed; cache probed; api after db ready after cache ready");
    let PhaseSnapshot::Waiting { blockers } = sim.snapshot().tasks[2].phase.clone() else { panic!("not waiting") };
    let named: Vec<_> = blockers.iter().map(|blocker| (blocker.task.as_str(), blocker.state.as_ref())).collect();
    assert_eq!(named, [("db", "starting"), ("cache", "starting")]);
}
