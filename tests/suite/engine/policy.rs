//! What an exit means: backoff, budget, reset, escalation.

use std::time::Duration;

use stead::supervisor::engine::RestartConfig;
use stead::supervisor::engine::{AfterExit, EventKind, PhaseSnapshot, backoff};

use super::{Sim, check, check_plan};

#[test]
fn a_crash_is_retried_after_the_backoff() {
    check("started web; exit web 1; wait 500ms", &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2"]);
}

#[test]
fn nothing_starts_a_moment_too_early() {
    check("started web; exit web 1; wait 499ms", &["spawn web#1", "backoff web 1/5 500ms"]);
}

#[test]
fn a_task_that_always_fails_starts_six_times_at_the_promised_instants() {
    let mut sim = Sim::new("web");
    let mut starts = vec![sim.now - sim.began];
    while let PhaseSnapshot::Starting { .. } = sim.snapshot().tasks[0].phase {
        sim.run("started web; exit web 1");
        if let Some(deadline) = sim.core.next_deadline() {
            sim.wait(deadline - sim.now);
            starts.push(sim.now - sim.began);
        }
    }
    let millis: Vec<u128> = starts.iter().map(Duration::as_millis).collect();
    assert_eq!(millis, [0, 500, 1_500, 3_500, 7_500, 15_500]);
    assert_eq!(sim.said.last().map(String::as_str), Some("failed web: 5 retries spent: code 1"));
}

#[test]
fn a_failed_start_uses_the_same_budget() {
    check_plan(
        "web retries 1",
        "no-start web; wait 500ms; no-start web; wait 1h",
        &["spawn web#1", "backoff web 1/1 500ms", "spawn web#2", "failed web: 1 retry spent: no such file"],
    );
}

#[test]
fn a_budget_of_nothing_escalates_at_once() {
    check_plan("web retries 0", "started web; exit web 1", &["spawn web#1", "failed web: 0 retries spent: code 1"]);
}

#[test]
fn a_run_just_short_of_stable_keeps_its_retries() {
    check(
        "started web; exit web 1; wait 500ms; started web; wait 299999ms; exit web 1",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2", "backoff web 2/5 1000ms"],
    );
}

#[test]
fn a_stable_run_gives_the_whole_budget_back() {
    check(
        "started web; exit web 1; wait 500ms; started web; wait 5m; exit web 1",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2", "recovered web#2", "backoff web 1/5 500ms"],
    );
}

#[test]
fn the_screen_says_when_the_budget_comes_back() {
    let mut sim = Sim::new("web");
    sim.run("started web; exit web 1; wait 500ms; started web; wait 1m");
    let web = sim.snapshot().tasks.remove(0);
    assert_eq!((web.retries, web.restarts), (1, 1));
    assert_eq!(web.budget_back_at.map(|at| at.0), Some(Duration::from_millis(300_500)));
    sim.run("wait 4m");
    let web = sim.snapshot().tasks.remove(0);
    assert_eq!((web.retries, web.budget_back_at), (0, None));
}

#[test]
fn success_completes_an_on_failure_task() {
    check("started web; exit web 0; wait 1h", &["spawn web#1", "done web"]);
}

#[test]
fn success_restarts_an_always_task() {
    check_plan(
        "web always",
        "started web; exit web 0; wait 500ms",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
}

#[test]
fn a_never_task_is_done_or_failed_after_one_run() {
    check_plan("web never", "started web; exit web 0; wait 1h", &["spawn web#1", "done web"]);
    check_plan("web never", "started web; exit web 3; wait 1h", &["spawn web#1", "failed web: code 3"]);
}

#[test]
fn a_signal_is_a_failure_with_a_name() {
    check_plan("web never", "started web; signal web SEGV", &["spawn web#1", "failed web: SIGSEGV"]);
}

#[test]
fn a_critical_exit_is_fatal_whatever_its_code() {
    for (end, reason) in [("exit web 0", "code 0"), ("signal web KILL", "SIGKILL"), ("panic web", "panic: boom")] {
        check_plan(
            "web critical",
            &format!("started web; {end}"),
            &[
                "spawn web#1",
                &format!("failed web: {reason}"),
                &format!("drain: web: {reason}"),
                &format!("finish 1: fatal: web: {reason}"),
            ],
        );
    }
}

#[test]
fn a_spent_budget_is_fatal_where_the_task_says_so() {
    check_plan(
        "web fatal retries 0",
        "started web; exit web 1",
        &[
            "spawn web#1",
            "failed web: 0 retries spent: code 1",
            "drain: web: 0 retries spent: code 1",
            "finish 1: fatal: web: 0 retries spent: code 1",
        ],
    );
}

#[test]
fn flapping_above_the_reset_still_trips_the_intensity() {
    let cycle = "started web; wait 5m; exit web 1; wait 500ms;";
    let script = format!("{} started web; wait 5m; exit web 1", cycle.repeat(2));
    check_plan(
        "web intensity 2 1h",
        &script,
        &[
            "spawn web#1",
            "backoff web 1/5 500ms",
            "spawn web#2",
            "recovered web#2",
            "backoff web 1/5 500ms",
            "spawn web#3",
            "recovered web#3",
            "failed web: 2 restarts within 1h spent: code 1",
        ],
    );
}

#[test]
fn a_start_that_hangs_has_failed_after_its_timeout() {
    check(
        "wait 30s; signal web KILL; wait 500ms",
        &["spawn web#1", "kill web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
    let mut sim = Sim::new("web");
    sim.run("wait 30s; signal web KILL");
    let last = sim.snapshot().tasks[0].last_exit.clone().expect("an exit");
    assert_eq!(last.reason.to_string(), "start took longer than 30s");
}

#[test]
fn a_probe_makes_a_task_ready_and_unready() {
    check_plan(
        "web probed",
        "started web; miss web; pass web; miss web; miss web; pass web; wait 1h",
        &["spawn web#1", "ready web", "unready web", "ready web"],
    );
}

#[test]
fn a_probe_that_gives_up_is_a_failure() {
    check_plan(
        "web probed threshold 2",
        "started web; miss web; pass web; miss web; miss web; signal web TERM; wait 500ms",
        &["spawn web#1", "ready web", "unready web", "stop web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
}

#[test]
fn a_late_message_of_an_old_run_changes_nothing() {
    check(
        "started web; exit web 1; wait 500ms; started web; late-exit web 1",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
}

#[test]
fn a_task_that_restarts_again_and_again_is_flapping_until_a_run_lasts() {
    let mut sim = Sim::new("web retries 100");
    for _ in 0..6 {
        sim.run("started web; exit web 1; wait 30s");
    }
    let every = sim.snapshot().tasks[0].flapping_every;
    assert_eq!(every, Some(Duration::from_millis(33_100)), "a run of 30 s, then the wait");
    sim.run("started web; wait 30s");
    assert!(sim.snapshot().tasks[0].is_flapping(), "it has not lasted long yet");
    sim.run("wait 2m");
    assert!(!sim.snapshot().tasks[0].is_flapping());
}

#[test]
fn the_backoff_doubles_to_its_cap_and_never_overflows() {
    let config = RestartConfig::default();
    let waits: Vec<u128> = (0..8).map(|attempt| backoff(&config, attempt).as_millis()).collect();
    assert_eq!(waits, [500, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]);
    for attempt in [31, 32, 33, u32::MAX] {
        assert_eq!(backoff(&config, attempt), config.max_backoff);
    }
    let endless = RestartConfig { initial_backoff: Duration::MAX, max_backoff: Duration::MAX, ..config };
    assert_eq!(backoff(&endless, u32::MAX), Duration::MAX);
    let none = RestartConfig { initial_backoff: Duration::ZERO, max_backoff: Duration::ZERO, ..config };
    assert_eq!(backoff(&none, 7), Duration::ZERO);
}

#[test]
fn too_much_memory_ends_the_run_and_counts_as_a_failure() {
    check(
        "started web; exceeds web; exceeds web; signal web TERM; wait 500ms",
        &["spawn web#1", "stop web#1", "backoff web 1/5 500ms", "spawn web#2"],
    );
    let mut sim = Sim::new("web");
    sim.run("started web; exceeds web; signal web TERM");
    let last = sim.snapshot().tasks[0].last_exit.clone().expect("an exit");
    assert_eq!(last.reason.to_string(), "used 600 MiB of memory, over its 512 MiB");
    assert!(!last.expected);
}

#[test]
fn too_much_memory_in_a_critical_task_is_fatal() {
    check_plan(
        "db critical",
        "started db; exceeds db; exit db 0",
        &[
            "spawn db#1",
            "stop db#1",
            "failed db: used 600 MiB of memory, over its 512 MiB",
            "drain: db: used 600 MiB of memory, over its 512 MiB",
            "finish 1: fatal: db: used 600 MiB of memory, over its 512 MiB",
        ],
    );
}

#[test]
fn the_memory_of_a_run_is_told_with_its_exit() {
    let mut sim = Sim::new("web");
    let peak = |sim: &Sim| sim.snapshot().tasks[0].last_exit.clone().expect("an exit").peak_memory;
    sim.run("started web; peak web 1024; exit web 1");
    assert_eq!(peak(&sim), Some(1024));
    sim.run("wait 500ms; no-start web");
    assert_eq!(peak(&sim), None);
}

#[test]
fn a_task_without_a_probe_has_recovered_once_it_is_stable() {
    check(
        "started web; exit web 1; wait 500ms; started web; wait 5m",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2", "recovered web#2"],
    );
}

#[test]
fn a_task_with_a_probe_has_recovered_once_it_is_ready() {
    check_plan(
        "web probed",
        "started web; exit web 1; wait 500ms; started web; pass web; wait 1h; miss web; pass web",
        &[
            "spawn web#1",
            "backoff web 1/5 500ms",
            "spawn web#2",
            "ready web",
            "recovered web#2",
            "unready web",
            "ready web",
        ],
    );
}

#[test]
fn a_task_that_a_person_brings_back_recovers_too_and_one_that_is_done_at_once() {
    check_plan(
        "web retries 0",
        "started web; exit web 1; ask restart web; started web; wait 5m",
        &["spawn web#1", "failed web: 0 retries spent: code 1", "spawn web#2", "recovered web#2"],
    );
    check(
        "started web; exit web 1; wait 500ms; started web; exit web 0",
        &["spawn web#1", "backoff web 1/5 500ms", "spawn web#2", "done web", "recovered web#2"],
    );
}

#[test]
fn a_surface_that_has_failed_is_tried_again_now_and_then() {
    let mut sim = Sim::new("web surface always retries 1 slow 1m");
    sim.run("no-start web; wait 500ms; no-start web; wait 1m; no-start web; wait 59s; ask start web; no-start web");
    assert_eq!(
        sim.said,
        [
            "spawn web#1",
            "backoff web 1/1 500ms",
            "spawn web#2",
            "failed web: 1 retry spent: no such file",
            "spawn web#3",
            "failed web: 1 retry spent: no such file",
            "spawn web#4",
            "backoff web 1/1 500ms",
        ]
    );
    let spent = sim.events.iter().filter(|event| matches!(event.kind, EventKind::Exhausted { .. }));
    assert_eq!(spent.count(), 1, "it is said once");
}

#[test]
fn a_drain_tries_nothing_again() {
    check_plan(
        "web surface always retries 0 slow 1m; a",
        "no-start web; started a; ask shut-down; wait 5m",
        &[
            "spawn web#1",
            "spawn a#1",
            "failed web: 0 retries spent: no such file",
            "drain: asked by test",
            "stop a#1",
            "kill a#1",
            "abandoned a",
            "finish 0: graceful, asked by test, drained in 10s",
        ],
    );
}

#[test]
fn an_exit_comes_with_what_follows() {
    let then = |plan: &str, script: &str| {
        let mut sim = Sim::new(plan);
        sim.run(script);
        let mut exits = sim.events.iter().filter_map(|event| match event.kind {
            EventKind::Exited { then, .. } => Some(then),
            _ => None,
        });
        exits.next_back().expect("an exit")
    };
    assert_eq!(then("web", "started web; exit web 0"), AfterExit::Done);
    assert_eq!(then("web", "started web; exit web 1"), AfterExit::Backoff);
    assert_eq!(then("web always", "started web; exit web 0"), AfterExit::Backoff);
    assert_eq!(then("web never", "started web; exit web 1"), AfterExit::Failed);
    assert_eq!(then("web retries 0", "no-start web"), AfterExit::Failed);
    assert_eq!(then("web critical", "started web; exit web 0"), AfterExit::Fatal);
    assert_eq!(then("web", "started web; ask stop web; exit web 1"), AfterExit::Stopped);
    assert_eq!(then("web", "started web; ask restart web; exit web 1"), AfterExit::Restart);
    assert_eq!(then("web; db", "started web; reload db; exit web 1"), AfterExit::Removed);
    assert_eq!(then("web; db", "started web; ask shut-down; exit web 1"), AfterExit::Stopped);
}
