//! How it ends: signals, fatal ends, what does not follow.

use nix::sys::signal::{Signal, kill};

use super::{Project, has, is_alive};

/// Says `up`, and something last when it is told to stop.
const POLITE: &str = r#"
command = "trap 'echo last words; exit 0' TERM; echo up; while :; do sleep 60 & wait $!; done"
"#;

/// Ignores what it can.
const DEAF: &str = r#"
command = "trap '' TERM INT HUP; echo up; while :; do sleep 60; done"
"#;

#[test]
fn a_signal_drains_and_the_last_words_are_kept() {
    for (signal, name) in [(Signal::SIGTERM, "SIGTERM"), (Signal::SIGINT, "SIGINT")] {
        let project = Project::new(&format!("[tasks.a]{POLITE}"));
        let mut stead = project.up();
        let pid = stead.wait_for_start("a");
        stead.wait_for("| up");
        stead.signal(signal);
        let end = stead.end();
        assert_eq!(end.code(), Some(0));
        assert!(end.last().starts_with(&format!("stead: graceful, asked by {name}")), "{:?}", end.report);
        // The shell may add a word of its own about the sleep it was waiting for.
        assert!(project.log("a").contains("\nlast words\n"), "{}", project.log("a"));
        assert!(!is_alive(pid));
    }
}

#[test]
fn a_signal_in_a_countdown_drops_the_countdown() {
    let project = Project::new("[tasks.a]\ncommand = 'exit 7'\ninitial_backoff = '30s'");
    let mut stead = project.up();
    stead.wait_for("retry 1 of 5 in 30s");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0));
    assert!(end.lines.iter().any(|line| line.contains("run 1 exited, code 7")), "{:?}", end.lines);
}

#[test]
fn a_second_signal_kills_what_is_left() {
    let project = Project::new(&format!("[tasks.a]{DEAF}"));
    let mut stead = project.up();
    let pid = stead.wait_for_start("a");
    stead.wait_for("| up");
    stead.signal(Signal::SIGINT);
    stead.wait_for("draining");
    // What comes within moments of the first is taken for its echo, so this one is sent once the drain shows.
    stead.wait_for("asked to stop");
    while is_alive(stead.pid()) && is_alive(pid) {
        // Every further one is a wish to be quicker; the first that counts ends it.
        let _ = kill(stead.pid(), Signal::SIGINT);
        std::thread::yield_now();
    }
    let end = stead.end();
    assert_eq!(end.code(), Some(130));
    assert!(end.last().starts_with("stead: forced, asked by SIGINT"), "{:?}", end.report);
    assert!(end.report.iter().any(|line| line.contains("a did not stop and was killed")), "{:?}", end.report);
    assert!(!is_alive(pid));
}

#[test]
fn a_critical_end_drains_everything_and_names_the_cause() {
    let project = Project::new(&format!("[tasks.db]\ncritical = true{DEAF}\n[tasks.api]{POLITE}"));
    let mut stead = project.up();
    let db = stead.wait_for_start("db");
    let api = stead.wait_for_start("api");
    kill(db, Signal::SIGKILL).expect("a live process");
    let end = stead.end();
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: db: SIGKILL"));
    assert!(!is_alive(api));
}

#[test]
fn what_ignores_the_stop_is_killed_at_its_deadline_and_named() {
    let project = Project::new(&format!("[tasks.a]{DEAF}stop.timeout = '300ms'"));
    let mut stead = project.up();
    let pid = stead.wait_for_start("a");
    stead.wait_for("| up");
    stead.signal(Signal::SIGTERM);
    // A closed terminal changes nothing about a drain.
    stead.wait_for("asked to stop");
    stead.signal(Signal::SIGHUP);
    let end = stead.end();
    assert_eq!(end.code(), Some(0));
    assert!(end.report[0].starts_with("stead: a did not stop and was killed after 3"), "{:?}", end.report);
    assert!(end.report[0].contains(&format!("sh ({pid})")), "{:?}", end.report);
    assert!(!is_alive(pid));
}

#[test]
fn a_spent_budget_is_fatal_where_the_task_says_so() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'exit 3'\nmax_retries = 2\ninitial_backoff = '10ms'\non_exhausted = 'fatal'",
    );
    let end = project.up().end();
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: a: 2 retries spent: code 3"));
}

#[test]
fn redis_comes_back_after_a_kill() {
    if !has("redis-server") {
        return;
    }
    let project = Project::new(
        "[tasks.redis]\ncommand = ['redis-server', '--port', '0', '--unixsocket', 'redis.sock', '--save', '']\n\
         ready.log = 'Ready to accept connections|ready to accept connections'\n\
         [tasks.client]\ncommand = 'echo here'\nrestart = 'never'\nafter = { redis = 'ready' }",
    );
    let mut stead = project.up();
    let first = stead.wait_for_start("redis");
    stead.wait_for("run 1 ready after");
    stead.wait_for("| here");
    kill(first, Signal::SIGKILL).expect("a live process");
    stead.wait_for("run 1 exited, SIGKILL");
    stead.wait_for("retry 1 of 5 in 500ms");
    stead.wait_for("run 2 ready after");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0));
    assert!(project.log("redis").contains("User requested shutdown"), "{}", project.log("redis"));
}
