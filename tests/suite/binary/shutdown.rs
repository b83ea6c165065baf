//! How it ends: signals, fatal ends, what does not follow.

use nix::sys::signal::{Signal, kill};

use super::{Project, has, is_alive, until};

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
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: db: SIGKILL from outside stead"));
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

#[test]
fn runs_go_on_counting_where_the_last_supervisor_of_the_project_ended() {
    let project =
        Project::new("[tasks.a]\ncommand = 'echo up; exec sleep 1000'\n[tasks.b]\ncommand = 'exit 3'\nmax_retries = 0");
    for run in 1..=3 {
        let mut stead = project.up();
        stead.wait_for(&format!("run {run} started"));
        stead.wait_for("failed: 0 retries spent: code 3");
        stead.signal(Signal::SIGTERM);
        assert_eq!(stead.end().code(), Some(0));
    }
    let mut stead = project.up();
    stead.wait_for("failed: 0 retries spent: code 3");
    let why =
        || -> serde_json::Value { serde_json::from_str(&project.client(&["why", "b", "--json"]).out).expect("JSON") };
    // The post-mortem is written beside the events.
    until(|| why()["post_mortems"][0]["run"] == 4);
    let why = why();
    let runs: Vec<_> = why["post_mortems"].as_array().expect("a list").iter().map(|failed| &failed["run"]).collect();
    assert_eq!(runs, [4, 3, 2, 1]);
    let is_own = |at: usize| why["post_mortems"][at]["session"] == why["session"];
    assert!(is_own(0) && !is_own(1) && !is_own(2), "{why}");
}

#[test]
fn an_exit_with_success_that_is_fatal_is_explained_too() {
    let project = Project::new("[tasks.db]\ncommand = 'echo bye'\ncritical = true");
    let end = project.up().end();
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: db: code 0"));
    let why = project.client(&["why", "db"]);
    assert!(why.out.contains("db: code 0 after") && why.out.contains("bye"), "{why:?}");
}

#[test]
fn the_ends_of_deaf_tasks_are_known_even_where_the_drain_is_short() {
    let tasks: String = (0..6).map(|at| format!("[tasks.t{at}]{DEAF}")).collect();
    let project = Project::new(&format!("[supervisor]\ndrain = '500ms'\n{tasks}"));
    let mut stead = project.up();
    for _ in 0..6 {
        stead.wait_for("| up");
    }
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    let killed = end.lines.iter().filter(|line| line.contains("run 1 exited, SIGKILL")).count();
    assert_eq!(killed, 6, "{:?}", end.lines);
}

#[test]
fn a_stop_timeout_is_honoured_in_a_drain() {
    let slow = "trap 'sleep 1.2; echo done; exit 0' TERM; echo up; while :; do sleep 60 & wait $!; done";
    let project = Project::new(&format!(
        "[tasks.db]\ncommand = \"{slow}\"\nstop.timeout = '2s'\n\
         [tasks.api]\ncommand = \"{slow}\"\nstop.timeout = '2s'\nafter.db = 'started'"
    ));
    let mut stead = project.up();
    stead.wait_for("| up");
    stead.wait_for("| up");
    stead.signal(Signal::SIGTERM);
    stead.wait_for("draining within 4s");
    let end = stead.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
    assert!(project.log("db").contains("\ndone\n") && project.log("api").contains("\ndone\n"));
}

#[test]
fn the_stop_command_comes_first_and_the_signal_follows_where_it_has_no_effect() {
    let project = Project::new(
        "[tasks.a]\ncommand = \"trap 'echo interrupted; exit 0' INT; echo up; while :; do sleep 0.01; done\"\n\
         stop = { command = 'echo stopping $STEAD_PID', signal = 'SIGINT', timeout = '1s' }",
    );
    let mut stead = project.up();
    let pid = stead.wait_for_start("a");
    stead.wait_for("| up");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
    assert_eq!(project.log("a"), format!("up\nstopping {pid}\ninterrupted\n"));
}

#[test]
fn a_bound_on_the_drain_skips_no_rung() {
    let project = Project::new(
        "[supervisor]\ndrain = '1s'\n\
         [tasks.a]\ncommand = \"trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.01; done\"\n\
         stop = { command = 'exec sleep 600', timeout = '20s' }",
    );
    let mut stead = project.up();
    stead.wait_for("| up");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "nothing had to be killed: {:?}", end.report);
    // The shell may add a word of its own about the sleep it was waiting for.
    assert!(project.log("a").contains("\ntold\n"), "{}", project.log("a"));
}
