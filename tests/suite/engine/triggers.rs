//! Schedules and watched files, and ends that need no request.

use super::{Sim, check_plan};

#[test]
fn a_scheduled_task_waits_for_its_time_and_goes_back_to_it() {
    check_plan(
        "job scheduled skip",
        "wait 1h; due job; started job; exit job 0; wait 1h; due job",
        &["spawn job#1", "done job", "spawn job#2"],
    );
}

#[test]
fn a_person_runs_it_now() {
    check_plan(
        "job scheduled skip",
        "ask start job; started job; exit job 0; due job",
        &["spawn job#1", "done job", "spawn job#2"],
    );
}

#[test]
fn a_person_keeps_it_down() {
    check_plan("job scheduled skip", "ask stop job; due job; wait 1h; due job", &["stopped job"]);
    check_plan(
        "job scheduled queue",
        "due job; started job; ask stop job; due job; exit job 0; due job",
        &["spawn job#1", "stop job#1", "stopped job"],
    );
}

#[test]
fn what_is_due_while_it_runs_is_left_out_or_runs_after_or_replaces() {
    check_plan(
        "job scheduled skip",
        "due job; started job; due job; exit job 0; wait 1h",
        &["spawn job#1", "overlapped job", "done job"],
    );
    check_plan(
        "job scheduled queue",
        "due job; started job; due job; due job; exit job 0; started job; exit job 0",
        &["spawn job#1", "overlapped job", "overlapped job", "spawn job#2", "done job"],
    );
    check_plan(
        "job scheduled replace",
        "due job; started job; due job; exit job 143",
        &["spawn job#1", "overlapped job", "stop job#1", "spawn job#2"],
    );
}

#[test]
fn a_failed_run_is_retried_and_what_is_given_up_runs_when_it_is_due_again() {
    check_plan(
        "job scheduled skip retries 1",
        "due job; no-start job; wait 500ms; no-start job; wait 1h; due job",
        &[
            "spawn job#1",
            "backoff job 1/1 500ms",
            "spawn job#2",
            "failed job: 1 retry spent: no such file",
            "spawn job#3",
        ],
    );
}

#[test]
fn a_time_that_is_known_is_shown() {
    let mut sim = Sim::new("job scheduled skip");
    sim.run("next job 90s");
    let job = sim.snapshot().tasks.remove(0);
    assert_eq!(job.phase.word(), "scheduled");
    assert_eq!(job.next_due.map(|at| sim.snapshot().at.until(at).as_secs()), Some(90));
    assert_eq!(sim.core.next_deadline(), None, "the engine waits for no time of day");
}

#[test]
fn a_changed_file_restarts_or_signals_or_runs_a_command() {
    check_plan(
        "web watch restart",
        "started web; changed web a.py; exit web 143",
        &["spawn web#1", "stop web#1", "spawn web#2"],
    );
    check_plan("web watch HUP", "started web; changed web a.py", &["spawn web#1", "signal web#1 SIGHUP"]);
    check_plan("web watch run", "started web; changed web a.py", &["spawn web#1", "run for web#1: a.py"]);
}

#[test]
fn a_changed_file_starts_what_is_done_or_has_failed_and_not_what_is_stopped() {
    check_plan(
        "web never watch restart",
        "started web; exit web 1; changed web a.py; started web; exit web 0; changed web b",
        &["spawn web#1", "failed web: code 1", "spawn web#2", "done web", "recovered web#2", "spawn web#3"],
    );
    check_plan(
        "web watch restart",
        "started web; ask stop web; exit web 0; changed web a.py; wait 1h",
        &["spawn web#1", "stop web#1", "stopped web"],
    );
}

#[test]
fn a_task_that_changes_what_it_watches_is_suspended_until_a_person_restarts_it() {
    let round = "started web; changed web out.css; exit web 0;";
    let mut sim = Sim::new("web watch restart");
    sim.run(&format!("{}started web; changed web out.css; changed web out.css", round.repeat(5)));
    assert_eq!(sim.said.last().unwrap(), "suspended web");
    let said = sim.said.len();
    sim.run("wait 1m; changed web out.css; ask restart web; exit web 0; started web; changed web a");
    assert_eq!(sim.said[said..], ["stop web#6", "spawn web#7", "stop web#7"]);
}

#[test]
fn changes_that_are_far_apart_are_no_circle() {
    let mut sim = Sim::new("web watch restart");
    sim.run("started web; changed web a; exit web 0; wait 3s;".repeat(20).trim_end_matches(';'));
    assert!(!sim.said.iter().any(|said| said.starts_with("suspended")), "{:?}", sim.said);
}

#[test]
fn it_ends_when_every_task_is_done() {
    check_plan(
        "a; b never; UNTIL done",
        "started a; started b; exit a 0; exit b 0",
        &[
            "spawn a#1",
            "spawn b#1",
            "done a",
            "done b",
            "drain: every task is done",
            "finish 0: every task is done, drained in 0ms",
        ],
    );
    check_plan(
        "a retries 0; b never; UNTIL done",
        "started a; started b; exit b 1; exit a 0",
        &[
            "spawn a#1",
            "spawn b#1",
            "failed b: code 1",
            "done a",
            "drain: every task has ended, failed: b",
            "finish 1: every task has ended, failed: b, drained in 0ms",
        ],
    );
}

#[test]
fn it_ends_when_the_last_task_fails_with_its_dependency() {
    let mut sim = Sim::new("a never; b after a success; UNTIL done");
    sim.run("started a; exit a 7");
    assert_eq!(sim.said.last().unwrap(), "finish 1: every task has ended, failed: a, b, drained in 0ms");
}

#[test]
fn what_may_start_again_keeps_it_up() {
    for (plan, script) in [
        ("a; b scheduled skip; UNTIL done", "started a; exit a 0"),
        ("a watch restart; UNTIL done", "started a; exit a 0"),
        ("a never watch restart; UNTIL done", "started a; exit a 1"),
        ("a scheduled skip retries 0; UNTIL done", "due a; no-start a"),
        ("a; b; UNTIL done", "started a; exit a 0; ask stop b; started b; exit b 0"),
        ("a always; UNTIL done", "started a; exit a 0"),
    ] {
        let mut sim = Sim::new(plan);
        sim.run(script);
        assert!(!sim.said.iter().any(|said| said.starts_with("drain")), "{plan}: {script}: {:?}", sim.said);
    }
}

#[test]
fn what_no_one_has_asked_for_does_not_keep_it_up() {
    check_plan(
        "a; b idle; UNTIL done",
        "started a; exit a 0",
        &["spawn a#1", "done a", "drain: every task is done", "finish 0: every task is done, drained in 0ms"],
    );
}

#[test]
fn a_critical_task_may_succeed() {
    check_plan("a critical-on-failure; b", "started a; started b; exit a 0", &["spawn a#1", "spawn b#1", "done a"]);
    check_plan(
        "a critical-on-failure",
        "started a; exit a 3",
        &["spawn a#1", "failed a: code 3", "drain: a: code 3", "finish 1: fatal: a: code 3"],
    );
}

#[test]
fn a_live_probe_that_fails_too_often_ends_the_run() {
    check_plan(
        "web live 3",
        "started web; hung web; hung web; alive web; hung web; hung web; hung web; exit web 143; wait 1s",
        &["spawn web#1", "stop web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
}

#[test]
fn what_is_not_ready_in_time_has_failed() {
    check_plan(
        "web within 5s",
        "started web; miss web; wait 5s; exit web 143; wait 1s; started web; pass web; wait 1h",
        &["spawn web#1", "stop web#1", "backoff web 1/5 500ms", "spawn web#2", "ready web", "recovered web#2"],
    );
}

#[test]
fn what_is_due_has_what_it_needs_started() {
    check_plan(
        "db idle; job scheduled skip after db ready",
        "due job; started db; started job",
        &["wait job for db to be ready", "spawn db#1", "spawn job#1"],
    );
}
