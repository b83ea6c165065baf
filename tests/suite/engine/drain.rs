//! The ordered stop of everything, bounded in time.

use std::time::Duration;

use stead::supervisor::engine::{PhaseSnapshot, Stage, Straggler};

use super::{Sim, check, check_plan};

#[test]
fn everything_stops_in_reverse_order_and_the_surfaces_last() {
    check_plan(
        "web surface; db; api after db started; page after api started",
        "started web; started db; started api; started page; ask shut-down; \
         exit page 0; signal api TERM; exit db 0; exit web 0",
        &[
            "spawn web#1",
            "spawn db#1",
            "wait api for db to be started",
            "wait page for api to be started",
            "spawn api#1",
            "spawn page#1",
            "drain: asked by test",
            "stop page#1",
            "stopped page",
            "stop api#1",
            "stopped api",
            "stop db#1",
            "stopped db",
            "stop web#1",
            "stopped web",
            "finish 0: graceful, asked by test, drained in 0ms",
        ],
    );
}

#[test]
fn one_layer_stops_in_parallel() {
    check_plan(
        "a; b",
        "started a; started b; ask shut-down",
        &["spawn a#1", "spawn b#1", "drain: asked by test", "stop a#1", "stop b#1"],
    );
}

#[test]
fn pending_restarts_are_dropped() {
    check_plan(
        "a; b",
        "started a; started b; exit a 1; ask shut-down; wait 9s; exit b 0",
        &[
            "spawn a#1",
            "spawn b#1",
            "backoff a 1/5 500ms",
            "drain: asked by test",
            "stopped a",
            "stop b#1",
            "stopped b",
            "finish 0: graceful, asked by test, drained in 9s",
        ],
    );
}

#[test]
fn every_task_of_a_chain_has_its_whole_stop_timeout() {
    let mut sim = Sim::new("db stop 10s; api stop 7s after db started");
    sim.run("started db; started api; ask shut-down");
    let Stage::Draining { deadline, .. } = sim.snapshot().stage else { panic!("not draining") };
    assert_eq!(deadline.0, Duration::from_secs(17));
    sim.run("wait 6999ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop api#1"));
    sim.run("wait 1ms; signal api KILL");
    assert_eq!(sim.said[sim.said.len() - 3..], ["kill api#1", "stopped api", "stop db#1"]);
    sim.run("wait 9999ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop db#1"));
    sim.run("wait 1ms; signal db KILL");
    let said = &sim.said[sim.said.len() - 3..];
    assert_eq!(said, ["kill db#1", "stopped db", "finish 0: graceful, asked by test, drained in 17s"]);
    let outcome = sim.core.outcome().expect("an outcome");
    let killed: Vec<_> = outcome.killed.iter().map(|killed| (killed.name.as_str(), killed.held.as_secs())).collect();
    assert_eq!(killed, [("api", 7), ("db", 10)]);
}

#[test]
fn a_task_stops_as_soon_as_its_own_dependents_are_down() {
    let mut sim = Sim::new("db; api after db started; cache; page after cache started");
    sim.run("started db; started cache; started api; started page; ask shut-down; signal page TERM");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop cache#1"), "api still runs");
}

#[test]
fn what_was_killed_in_vain_is_in_nobodys_way() {
    let mut sim = Sim::new("db; api stop 1s after db started; gateway surface");
    sim.run("started gateway; started db; started api; ask shut-down; wait 1399ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("kill api#1"));
    sim.run("wait 1ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop db#1"));
    sim.run("signal db TERM; signal gateway TERM");
    let said = &sim.said[sim.said.len() - 5..];
    let end = "finish 0: graceful, asked by test, drained in 1.4s";
    assert_eq!(said, ["stopped db", "stop gateway#1", "stopped gateway", "abandoned api", end]);
}

#[test]
fn a_bound_that_is_set_cuts_every_time_short() {
    let mut sim = Sim::new("DRAIN 2s; db; api after db started");
    sim.run("started db; started api; ask shut-down; wait 1999ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop api#1"));
    sim.run("wait 1ms");
    assert_eq!(sim.said[sim.said.len() - 2..], ["kill api#1", "kill db#1"]);
}

#[test]
fn all_ends_are_reported_before_steads_own_parts_stop() {
    let mut sim = Sim::new("DRAIN 2s; a; b; warden surface critical; hooks surface after warden started");
    sim.run("started warden; started hooks; started a; started b; ask shut-down; wait 2s; signal a KILL");
    assert_eq!(sim.said[sim.said.len() - 3..], ["kill a#1", "kill b#1", "stopped a"]);
    sim.run("signal b KILL");
    assert_eq!(sim.said[sim.said.len() - 2..], ["stopped b", "stop hooks#1"]);
    sim.run("exit hooks 0; exit warden 0");
    let said = &sim.said[sim.said.len() - 4..];
    assert_eq!(
        said,
        ["stopped hooks", "stop warden#1", "stopped warden", "finish 0: graceful, asked by test, drained in 2s"]
    );
}

#[test]
fn what_shows_the_drain_outlives_what_still_has_to_tell_something() {
    let mut sim = Sim::new("page surface; warden surface critical; hooks surface after warden started");
    sim.run("started page; started warden; started hooks; ask shut-down");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop hooks#1"));
    sim.run("exit hooks 0");
    assert_eq!(sim.said[sim.said.len() - 2..], ["stop page#1", "stop warden#1"]);
}

#[test]
fn the_end_comes_a_second_after_the_bound_whatever_hangs() {
    let mut sim = Sim::new("DRAIN 2s; a; warden surface critical; hooks surface after warden started");
    sim.run("started warden; started hooks; started a; ask shut-down; wait 2400ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("stop hooks#1"));
    sim.run("wait 200ms");
    assert_eq!(sim.said[sim.said.len() - 2..], ["kill hooks#1", "kill warden#1"]);
    sim.run("wait 400ms");
    assert_eq!(sim.said.last().map(String::as_str), Some("finish 0: graceful, asked by test, drained in 3s"));
    assert_eq!(sim.core.outcome().expect("an outcome").abandoned, ["a", "warden", "hooks"]);
}

#[test]
fn a_fatal_drain_takes_three_seconds_at_most() {
    let mut sim = Sim::new("db critical; api");
    sim.run("started db; started api; signal db KILL; wait 3s");
    assert!(sim.said.contains(&"kill api#1".to_owned()));
    sim.run("signal api KILL");
    assert_eq!(sim.said.last().map(String::as_str), Some("finish 1: fatal: db: SIGKILL"));
}

#[test]
fn what_never_reports_its_end_is_abandoned_and_named() {
    let mut sim = Sim::new("db");
    sim.run("started db; ask shut-down; wait 10400ms");
    let said = &sim.said[sim.said.len() - 3..];
    assert_eq!(said, ["kill db#1", "abandoned db", "finish 0: graceful, asked by test, drained in 10s"]);
    assert_eq!(sim.core.outcome().expect("an outcome").abandoned, ["db"]);
}

#[test]
fn a_second_request_kills_everything_now() {
    check_plan(
        "a; web surface",
        "started a; started web; ask shut-down; wait 1s; ask kill-all; signal a KILL; signal web KILL",
        &[
            "spawn web#1",
            "spawn a#1",
            "drain: asked by test",
            "stop a#1",
            "kill a#1",
            "stopped a",
            "stop web#1",
            "stopped web",
            "finish 130: forced, asked by test, killed after 1s",
        ],
    );
}

#[test]
fn a_kill_of_one_task_helps_a_drain_along() {
    check(
        "started web; ask shut-down; ask kill web; signal web KILL",
        &[
            "spawn web#1",
            "drain: asked by test",
            "stop web#1",
            "kill web#1",
            "stopped web",
            "finish 0: graceful, asked by test, drained in 0ms",
        ],
    );
}

#[test]
fn nothing_starts_during_a_drain_and_what_stops_is_stopped_already() {
    check(
        "started web; ask shut-down; ask restart web; ask restart-all; ask start web; ask stop web; ask shut-down",
        &[
            "spawn web#1",
            "drain: asked by test",
            "stop web#1",
            "refused: stead is shutting down; nothing starts any more",
            "refused: stead is shutting down; nothing starts any more",
            "refused: stead is shutting down; nothing starts any more",
            "web is stopping already",
        ],
    );
}

#[test]
fn a_kill_of_a_task_that_is_not_yet_asked_to_stop_helps_a_drain_along() {
    check_plan(
        "db; api after db started",
        "started db; started api; ask shut-down; ask kill db; signal db KILL; exit api 0",
        &[
            "spawn db#1",
            "wait api for db to be started",
            "spawn api#1",
            "drain: asked by test",
            "stop api#1",
            "kill db#1",
            "stopped db",
            "stopped api",
            "finish 0: graceful, asked by test, drained in 0ms",
        ],
    );
}

#[test]
fn the_first_cause_stays_the_cause() {
    check_plan(
        "db critical; api",
        "started db; started api; ask shut-down; signal db KILL; exit api 0",
        &[
            "spawn db#1",
            "spawn api#1",
            "drain: asked by test",
            "stop db#1",
            "stop api#1",
            "stopped db",
            "stopped api",
            "finish 0: graceful, asked by test, drained in 0ms",
        ],
    );
}

#[test]
fn a_run_that_was_stopping_already_is_not_given_more_time_than_the_drain() {
    let mut sim = Sim::new("web");
    sim.run("started web; ask restart web; wait 1s; ask shut-down");
    let PhaseSnapshot::Stopping { kill_at, .. } = sim.snapshot().tasks[0].phase else { panic!("not stopping") };
    let Stage::Draining { deadline, fatal: false, .. } = sim.snapshot().stage else { panic!("not draining") };
    assert!(kill_at <= deadline);
    sim.run("signal web TERM");
    assert_eq!(sim.said.last().map(String::as_str), Some("finish 0: graceful, asked by test, drained in 0ms"));
}

#[test]
fn with_nothing_running_the_end_comes_at_once() {
    check(
        "started web; exit web 0; ask shut-down",
        &["spawn web#1", "done web", "drain: asked by test", "finish 0: graceful, asked by test, drained in 0ms"],
    );
}

#[test]
fn what_had_to_be_killed_is_named() {
    let mut sim = Sim::new("web");
    sim.run("started web; ask shut-down; left web node sleep; wait 10s; left web node; signal web KILL");
    let said = &sim.said[2..];
    assert_eq!(said[..4], ["stop web#1", "kill web#1", "left web: node (7), sleep (7)", "left web: node (7)"]);
    let outcome = sim.core.outcome().expect("an outcome");
    assert_eq!(Straggler::list(&outcome.killed[0].left), "node (7)");
}

#[test]
fn what_is_left_shows_on_the_row_while_it_holds_up_the_stop() {
    let mut sim = Sim::new("web");
    sim.run("started web; left web early; ask stop web; left web node");
    let PhaseSnapshot::Stopping { left, killed: false, .. } = &sim.snapshot().tasks[0].phase else {
        panic!("not stopping")
    };
    assert_eq!(Straggler::list(left), "node (7)");
    assert!(!sim.said.iter().any(|line| line.starts_with("left")), "it may still stop by itself");
}
