//! Another plan while all runs.

use super::{Sim, check_plan};

/// What is said after both tasks have started.
fn said_after(plan: &str, script: &str) -> Vec<String> {
    let mut sim = Sim::new(plan);
    let names: Vec<&str> = plan.split(';').filter_map(|task| task.split_whitespace().next()).collect();
    for name in names {
        sim.run(&format!("started {name}"));
    }
    let before = sim.said.len();
    sim.run(script);
    sim.said.split_off(before)
}

/// The names on the board.
fn board(sim: &Sim) -> Vec<String> {
    sim.snapshot().tasks.iter().map(|task| task.name.clone()).collect()
}

#[test]
fn what_has_not_changed_is_never_touched() {
    assert_eq!(said_after("web; db", "reload web, db"), ["load", "reloaded"]);
}

#[test]
fn a_new_task_starts_when_its_dependencies_hold() {
    assert_eq!(
        said_after("db probed", "reload api after db ready, db probed; pass db"),
        ["load", "reloaded", "wait api for db to be ready", "ready db", "spawn api#1"]
    );
}

#[test]
fn a_new_task_may_depend_on_a_new_task() {
    assert_eq!(
        said_after("web", "reload web, api after db ready, db; started db"),
        ["load", "reloaded", "wait api for db to be ready", "spawn db#1", "spawn api#1"]
    );
}

#[test]
fn a_removed_task_is_stopped_and_then_leaves_the_board() {
    let mut sim = Sim::new("web; db");
    sim.run("started web; started db; reload db");
    assert_eq!(board(&sim), ["db", "web"]);
    sim.run("signal web TERM; wait 24h");
    assert_eq!(board(&sim), ["db"]);
    assert_eq!(sim.said[2..], ["load", "reloaded", "stop web#1", "removed web"]);
}

#[test]
fn a_removed_task_that_does_not_run_leaves_at_once() {
    assert_eq!(
        said_after("web; db", "exit web 1; reload db; wait 24h"),
        ["backoff web 1/5 500ms", "load", "reloaded", "removed web"]
    );
}

#[test]
fn a_removed_task_that_does_not_stop_is_killed() {
    assert_eq!(
        said_after("web; db", "reload db; wait 10s; signal web KILL"),
        ["load", "reloaded", "stop web#1", "kill web#1", "removed web"]
    );
}

#[test]
fn the_end_of_a_removed_critical_task_is_not_fatal() {
    assert_eq!(
        said_after("web critical; db", "reload db; exit web 1; wait 1h"),
        ["load", "reloaded", "stop web#1", "removed web"]
    );
}

#[test]
fn a_task_on_its_way_out_can_be_killed_and_not_be_started() {
    assert_eq!(
        said_after("web; db", "reload db; ask restart web; ask start web; ask stop web; ask kill web; signal web KILL"),
        [
            "load",
            "reloaded",
            "stop web#1",
            "refused: web is not in the configuration any more; it is being stopped",
            "refused: web is not in the configuration any more; it is being stopped",
            "web is stopping already",
            "kill web#1",
            "removed web"
        ]
    );
}

#[test]
fn restarting_all_does_not_bring_back_what_is_on_its_way_out() {
    assert_eq!(
        said_after("web; db", "reload db; ask restart-all; signal web TERM; signal db TERM"),
        ["load", "reloaded", "stop web#1", "stop db#1", "removed web", "spawn db#2"]
    );
}

#[test]
fn a_task_that_comes_back_goes_on_counting_its_runs() {
    assert_eq!(
        said_after("web; db", "reload db; signal web TERM; reload web, db"),
        ["load", "reloaded", "stop web#1", "removed web", "load", "reloaded", "spawn web#2"]
    );
}

#[test]
fn a_task_that_comes_back_while_it_stops_is_started_again() {
    assert_eq!(
        said_after("web; db", "reload db; reload web, db; signal web TERM"),
        ["load", "reloaded", "stop web#1", "load", "reloaded", "spawn web#2"]
    );
}

#[test]
fn a_late_exit_of_a_removed_task_changes_nothing_for_the_one_that_came_back() {
    assert_eq!(
        said_after("web; db", "reload db; signal web TERM; reload web, db; late-exit web 1; started web"),
        ["load", "reloaded", "stop web#1", "removed web", "load", "reloaded", "spawn web#2"]
    );
}

#[test]
fn a_changed_task_is_restarted_and_its_exit_is_nobodys_failure() {
    assert_eq!(
        said_after("web critical; db", "reload web v2 critical, db; exit web 1; started web; wait 1h"),
        ["load", "reloaded", "stop web#1", "spawn web#2"]
    );
}

#[test]
fn a_changed_task_that_failed_or_was_done_or_counts_down_starts_with_its_new_settings() {
    for exit in ["exit web 1", "exit web 0", "exit web 1; wait 500ms; no-start web"] {
        let said = said_after("web retries 1; db", &format!("{exit}; reload web v2 retries 1, db"));
        assert!(said.last().is_some_and(|last| last.starts_with("spawn web#")), "{exit}: {said:?}");
    }
}

#[test]
fn what_a_person_has_stopped_stays_so_and_has_its_new_settings_later() {
    assert_eq!(
        said_after(
            "web; db",
            "ask stop web; reload web v2, db; signal web TERM; reload web v3, db; wait 1h; ask start web"
        ),
        ["stop web#1", "load", "reloaded", "stopped web", "load", "reloaded", "spawn web#2"]
    );
}

#[test]
fn a_policy_applies_without_a_restart() {
    assert_eq!(said_after("web; db", "reload web never, db; exit web 1"), ["load", "reloaded", "failed web: code 1"]);
    assert_eq!(
        said_after("web; db", "reload web critical, db; exit web 1"),
        ["load", "reloaded", "failed web: code 1", "drain: web: code 1", "stop db#1"]
    );
}

#[test]
fn a_smaller_budget_counts_what_was_used() {
    check_plan(
        "web retries 5",
        "no-start web; wait 500ms; no-start web; reload web retries 1; wait 1s; no-start web",
        &[
            "spawn web#1",
            "backoff web 1/5 500ms",
            "spawn web#2",
            "backoff web 2/5 1000ms",
            "load",
            "reloaded",
            "spawn web#3",
            "failed web: 1 retry spent: no such file",
        ],
    );
}

#[test]
fn a_task_that_waits_waits_for_what_is_new() {
    check_plan(
        "db probed; cache; api after db ready",
        "reload db probed, cache, api after cache ready; started cache",
        &[
            "spawn db#1",
            "spawn cache#1",
            "wait api for db to be ready",
            "load",
            "reloaded",
            "wait api for cache to be ready",
            "spawn api#1",
        ],
    );
}

#[test]
fn a_task_that_failed_with_a_dependency_has_hope_when_it_waits_for_another() {
    check_plan(
        "migrate never; api after migrate success; db",
        "exit migrate 1; reload migrate never, api after db started, db; started db",
        &[
            "spawn migrate#1",
            "wait api for migrate to succeed",
            "spawn db#1",
            "failed migrate: code 1",
            "failed api: migrate failed",
            "load",
            "reloaded",
            "wait api for db to be started",
            "spawn api#1",
        ],
    );
}

#[test]
fn the_board_has_the_order_of_the_new_plan() {
    let mut sim = Sim::new("web; db; gateway surface");
    sim.run("reload mailer, db, web, gateway surface");
    assert_eq!(board(&sim), ["mailer", "db", "web", "gateway"]);
}

#[test]
fn a_drain_follows_the_new_order() {
    assert_eq!(
        said_after("db; api after db started", "reload api, db after api started; ask shut-down; signal db TERM"),
        ["load", "reloaded", "drain: asked by test", "stop db#1", "stopped db", "stop api#1"]
    );
}

#[test]
fn a_broken_configuration_changes_nothing() {
    assert_eq!(
        said_after("web; db", "reload broken; exit web 1"),
        ["load", "refused: 1 mistake; all goes on as it was", "backoff web 1/5 500ms"]
    );
}

#[test]
fn a_drain_refuses_a_reload_even_one_that_is_being_read() {
    assert_eq!(
        said_after("web", "ask reload; ask shut-down; loaded web v2; ask reload"),
        [
            "load",
            "drain: asked by test",
            "stop web#1",
            "refused: stead is shutting down; nothing starts any more",
            "refused: stead is shutting down; nothing starts any more"
        ]
    );
}

#[test]
fn reloads_are_read_one_after_the_other_and_too_many_are_refused() {
    assert_eq!(
        said_after("web", "ask reload; ask reload; loaded web v2; loaded web v2"),
        ["load", "reloaded", "load", "stop web#1", "reloaded"]
    );
    let said = said_after("web", &vec!["ask reload"; 17].join(";"));
    assert_eq!(said, ["load", "refused: 16 reloads wait already; ask again later"]);
}
