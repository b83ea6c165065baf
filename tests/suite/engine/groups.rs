//! Groups: which tasks are restarted with one of them, and the budget that they share.

use super::{Sim, check_plan};

#[track_caller]
fn check_after(plan: &str, before: &str, script: &str, expected: &[&str]) {
    let mut sim = Sim::new(plan);
    sim.run(before);
    let said = sim.said.len();
    sim.run(script);
    assert_eq!(sim.said[said..], *expected, "\nplan: {plan}\nscript: {before}; {script}");
}

const UP: &str = "started a; started b; started c; started other";

fn three(strategy: &str) -> String {
    format!("a; b; c; other; GROUP g {strategy} a b c")
}

#[test]
fn one_for_one_touches_no_other() {
    check_after(&three("one-for-one"), UP, "exit b 1; wait 500ms", &["backoff b 1/5 500ms", "spawn b#2"]);
}

#[test]
fn one_for_all_restarts_all_of_the_group_after_the_backoff() {
    check_after(
        &three("one-for-all"),
        UP,
        "exit b 1; exit a 0; exit c 143; wait 500ms",
        &[
            "backoff b 1/5 500ms",
            "stop a#1",
            "stop c#1",
            "wait a for b to be started",
            "wait c for b to be started",
            "spawn a#2",
            "spawn b#2",
            "spawn c#2",
        ],
    );
}

#[test]
fn all_are_down_before_one_of_them_starts_again() {
    check_after(
        &three("one-for-all"),
        UP,
        "exit b 1; exit a 0; wait 500ms; exit c 0",
        &[
            "backoff b 1/5 500ms",
            "stop a#1",
            "stop c#1",
            "wait a for b to be started",
            "wait b for c to be started",
            "spawn a#2",
            "spawn b#2",
            "spawn c#2",
        ],
    );
}

#[test]
fn rest_for_one_restarts_what_comes_after() {
    check_after(
        &three("rest-for-one"),
        UP,
        "exit b 1; exit c 0; wait 500ms",
        &["backoff b 1/5 500ms", "stop c#1", "wait c for b to be started", "spawn b#2", "spawn c#2"],
    );
}

#[test]
fn two_crashes_at_once_are_one_restart() {
    check_after(
        &three("one-for-all"),
        UP,
        "exit b 1; wait 100ms; exit a 1; exit c 0; wait 1s",
        &[
            "backoff b 1/5 500ms",
            "stop a#1",
            "stop c#1",
            "wait a for b to be started",
            "wait c for b to be started",
            "spawn a#2",
            "spawn b#2",
            "spawn c#2",
        ],
    );
}

#[test]
fn a_person_stops_and_restarts_one_without_the_others() {
    check_after(&three("one-for-all"), UP, "ask stop b; exit b 0; wait 1h", &["stop b#1", "stopped b"]);
    check_after(&three("one-for-all"), UP, "ask restart b; exit b 0", &["stop b#1", "spawn b#2"]);
}

#[test]
fn what_is_done_is_started_again_with_its_group_unless_it_never_is() {
    check_after(
        "a; once never; b; GROUP g one-for-all a once b",
        "started a; started once; exit once 0; started b; exit b 0",
        "exit a 1; wait 500ms",
        &["backoff a 1/5 500ms", "wait b for a to be started", "spawn a#2", "spawn b#2"],
    );
}

const SPENT: &str = "a always; b; c; other; GROUP g one-for-one a b c intensity 2 1m";

#[test]
fn a_spent_budget_of_a_group_stops_all_of_it_and_no_other() {
    check_after(
        SPENT,
        UP,
        "exit a 0; wait 500ms; started a; exit b 1; exit a 0; exit c 0; wait 1h",
        &[
            "backoff a 1/5 500ms",
            "spawn a#2",
            "backoff b 1/5 500ms",
            "group g spent 2 restarts within 1m",
            "failed b: group g: 2 restarts within 1m spent: a: code 0",
            "failed a: group g: 2 restarts within 1m spent: a: code 0",
            "stop c#1",
            "failed c: group g: 2 restarts within 1m spent: a: code 0",
        ],
    );
}

#[test]
fn the_budget_of_a_group_comes_back_with_time() {
    check_after(
        SPENT,
        UP,
        "exit a 0; wait 1s; started a; wait 1m; exit b 1; wait 1s; started b; wait 1m; exit c 1; wait 1s; started c",
        &["backoff a 1/5 500ms", "spawn a#2", "backoff b 1/5 500ms", "spawn b#2", "backoff c 1/5 500ms", "spawn c#2"],
    );
}

#[test]
fn a_restart_of_the_group_gives_its_budget_back_and_that_of_a_member_does_not() {
    let spent = format!("{UP}; exit a 0; wait 500ms; started a; exit a 0; wait 1s; started a");
    check_after(
        SPENT,
        &spent,
        "ask restart b; exit b 0; started b; exit b 1",
        &[
            "stop b#1",
            "spawn b#2",
            "group g spent 2 restarts within 1m",
            "failed b: group g: 2 restarts within 1m spent: b: code 1",
            "stop a#3",
            "stop c#1",
        ],
    );
    check_after(
        SPENT,
        &spent,
        "ask restart @g; exit a 0; exit b 0; exit c 0; started b; exit b 1; wait 1s",
        &[
            "stop a#3",
            "stop b#1",
            "stop c#1",
            "spawn a#4",
            "spawn b#2",
            "spawn c#2",
            "backoff b 1/5 500ms",
            "spawn b#3",
        ],
    );
}

#[test]
fn a_failed_group_stays_so_for_times_and_files_alike() {
    check_after(
        "a always; b scheduled skip; c never watch restart; GROUP g one-for-one a b c intensity 1 1m",
        "started a; started c; exit c 0; exit a 0; wait 500ms; started a",
        "exit a 0; due b; changed c x; wait 1h",
        &[
            "group g spent 1 restart within 1m",
            "failed b: group g: 1 restart within 1m spent: a: code 0",
            "failed a: group g: 1 restart within 1m spent: a: code 0",
        ],
    );
}

#[test]
fn a_spent_group_may_be_fatal() {
    check_plan(
        "a; b; GROUP g one-for-one a b intensity 1 1m fatal",
        "started a; started b; exit a 1; exit b 1",
        &[
            "spawn a#1",
            "spawn b#1",
            "backoff a 1/5 500ms",
            "group g spent 1 restart within 1m",
            "failed b: group g: 1 restart within 1m spent: b: code 1",
            "drain: b: group g: 1 restart within 1m spent: b: code 1",
            "stopped a",
            "finish 1: fatal: b: group g: 1 restart within 1m spent: b: code 1",
        ],
    );
}

#[test]
fn requests_for_a_group_reach_all_of_it() {
    check_after(
        &three("one-for-one"),
        UP,
        "ask stop @g; ask stop @nope",
        &["stop a#1", "stop b#1", "stop c#1", "refused: no group is called `@nope`"],
    );
}
