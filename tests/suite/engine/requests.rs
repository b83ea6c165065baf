//! What people ask for, and how it is taken.

use super::{Sim, check, check_plan};

#[test]
fn a_restart_stops_the_old_run_first() {
    check("started web; ask restart web; wait 1s; signal web TERM", &["spawn web#1", "stop web#1", "spawn web#2"]);
}

#[test]
fn a_restart_gives_the_budget_back() {
    check(
        "started web; exit web 1; wait 500ms; started web; ask restart web; signal web TERM; started web; exit web 1",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2", "stop web#2", "spawn web#3", "backoff web 1/5 500ms"],
    );
}

#[test]
fn a_restart_during_a_countdown_starts_one_run_and_drops_the_timer() {
    check(
        "started web; exit web 1; ask restart web; started web; wait 1m",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
}

#[test]
fn a_stop_during_a_countdown_means_no_start_ever() {
    check("started web; exit web 1; ask stop web; wait 24h", &["spawn web#1", "backoff web 1/5 500ms", "stopped web"]);
}

#[test]
fn a_stop_is_a_stop_even_with_a_failing_exit() {
    check("started web; ask stop web; exit web 1; wait 24h", &["spawn web#1", "stop web#1", "stopped web"]);
}

#[test]
fn what_does_not_stop_is_killed_after_its_timeout() {
    check(
        "started web; ask stop web; wait 10s; signal web KILL",
        &["spawn web#1", "stop web#1", "kill web#1", "stopped web"],
    );
}

#[test]
fn an_exit_beats_its_own_kill_deadline() {
    let mut sim = Sim::new("web");
    sim.run("started web; ask stop web; wait 9999ms");
    sim.now += std::time::Duration::from_millis(1);
    sim.run("exit web 0");
    assert_eq!(sim.said, ["spawn web#1", "stop web#1", "stopped web"]);
}

#[test]
fn a_kill_has_no_grace() {
    check("started web; ask kill web; signal web KILL; wait 1h", &["spawn web#1", "kill web#1", "stopped web"]);
}

#[test]
fn a_kill_cuts_a_slow_restart_short() {
    check(
        "started web; ask restart web; ask kill web; signal web KILL",
        &["spawn web#1", "stop web#1", "kill web#1", "spawn web#2"],
    );
}

#[test]
fn a_start_revives_what_failed_for_good() {
    check_plan(
        "web retries 0",
        "started web; exit web 1; ask start web",
        &["spawn web#1", "failed web: 0 retries spent: code 1", "spawn web#2"],
    );
}

#[test]
fn a_stop_while_starting_waits_for_the_start_to_end() {
    check("ask stop web; started web; signal web TERM", &["spawn web#1", "stop web#1", "stopped web"]);
}

#[test]
fn a_stop_during_a_restart_wins() {
    check(
        "started web; ask restart web; ask stop web; signal web TERM; wait 1h",
        &["spawn web#1", "stop web#1", "stopped web"],
    );
}

#[test]
fn a_person_may_stop_and_restart_a_critical_task() {
    check_plan(
        "db critical",
        "started db; ask restart db; signal db TERM; started db; ask stop db; exit db 0; wait 1h",
        &["spawn db#1", "stop db#1", "spawn db#2", "stop db#2", "stopped db"],
    );
}

#[test]
fn restart_all_leaves_out_what_is_stopped_or_done_and_the_surfaces() {
    check_plan(
        "a; b; c; web surface",
        "started a; started b; started c; started web; exit b 0; ask stop c; signal c TERM; ask restart-all; signal a TERM",
        &[
            "spawn web#1",
            "spawn a#1",
            "spawn b#1",
            "spawn c#1",
            "done b",
            "stop c#1",
            "stopped c",
            "stop a#1",
            "spawn a#2",
        ],
    );
}

#[test]
fn refusals_say_why() {
    check("ask stop wbe", &["spawn web#1", "refused: no task is called `wbe`"]);
    check_plan(
        "gateway critical surface",
        "started gateway; ask stop gateway; ask restart gateway",
        &[
            "spawn gateway#1",
            "refused: gateway can't be stopped alone: nothing goes on without it; shut down instead",
            "refused: gateway can't be stopped alone: nothing goes on without it; shut down instead",
        ],
    );
}

#[test]
fn a_request_for_what_is_so_already_is_no_error() {
    check(
        "ask start web; started web; ask start web; ask restart web; ask start web",
        &["spawn web#1", "web is starting already", "web is running already", "stop web#1", "web is stopping already"],
    );
    check(
        "started web; exit web 0; ask stop web; ask kill web",
        &["spawn web#1", "done web", "web is done already", "web is done already"],
    );
    check(
        "started web; ask stop web; ask stop web; signal web TERM; ask stop web; ask kill web",
        &[
            "spawn web#1",
            "stop web#1",
            "web is stopping already",
            "stopped web",
            "web is stopped already",
            "web is stopped already",
        ],
    );
    check("started web; exit web 1; ask kill web; wait 1h", &["spawn web#1", "backoff web 1/5 500ms", "stopped web"]);
}

#[test]
fn a_run_that_is_stopped_within_its_start_has_started_all_the_same() {
    let mut sim = Sim::new("web");
    sim.run("ask stop web; started web; wait 2s; signal web TERM");
    let kinds: Vec<_> = sim.events.iter().map(|event| event.kind.to_string()).collect();
    assert_eq!(
        kinds,
        [
            "stop web, asked by test",
            "run 1 asked to stop within 10s",
            "run 1 started, pid 100",
            "run 1 exited, SIGTERM after 2s",
            "stopped"
        ]
    );
    assert!(sim.snapshot().tasks[0].has_started);
}

#[test]
fn a_signal_goes_to_the_run_that_is_there_and_decides_nothing() {
    check(
        "started web; ask signal web HUP; ask signal web USR1 tree; signal web HUP",
        &["spawn web#1", "signal web#1 SIGHUP", "signal web#1 SIGUSR1 tree", "backoff web 1/5 500ms"],
    );
    check(
        "ask signal web HUP; started web; ask stop web; ask signal web QUIT; exit web 0; ask signal web HUP",
        &[
            "spawn web#1",
            "refused: web is not running, it is starting",
            "stop web#1",
            "signal web#1 SIGQUIT",
            "stopped web",
            "refused: web is not running, it is stopped",
        ],
    );
    check_plan(
        "page surface",
        "started page; ask signal page HUP",
        &["spawn page#1", "refused: page is a part of stead, not a process of its own"],
    );
}

#[test]
fn what_has_no_terminal_takes_no_input() {
    check(
        "started web; ask input web; ask attach web",
        &[
            "spawn web#1",
            "refused: web has no terminal; `tty = true` gives it one",
            "refused: web has no terminal; `tty = true` gives it one",
        ],
    );
    check_plan(
        "shell tty",
        "ask attach shell; ask input shell; started shell; ask input shell",
        &["spawn shell#1", "refused: shell is not running, it is starting"],
    );
}

#[test]
fn a_kill_of_what_leaves_once_its_dependent_has_left_lets_it_leave() {
    check_plan(
        "db; api after db ready; other",
        "started db; started api; started other; reload other; ask kill db; exit db 0; exit api 0",
        &[
            "spawn db#1",
            "wait api for db to be ready",
            "spawn other#1",
            "spawn api#1",
            "load",
            "reloaded",
            "stop api#1",
            "kill db#1",
            "removed db",
            "removed api",
        ],
    );
}

#[test]
fn a_start_reaches_what_a_waiting_dependency_waits_for() {
    check_plan(
        "a; b after a ready; c after b ready",
        "ask stop a; exit a 0; ask start c",
        &["spawn a#1", "wait b for a to be ready", "wait c for b to be ready", "stop a#1", "stopped a", "spawn a#2"],
    );
}
