//! Why a run has ended, beyond its wait status: who sent a SIGKILL, what went into the background, what its input meant.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};

use super::{Project, Stead, has, until};

/// Ignores what it can.
const DEAF: &str = "trap '' TERM INT HUP; echo up; while :; do sleep 60; done";

/// Waits until `stead why` says it.
fn explained(project: &Project, task: &str, wanted: &str) {
    until(|| project.client(&["why", task]).out.contains(wanted));
}

fn ended(stead: Stead) {
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn a_kill_from_outside_and_one_by_stead_are_told_apart() {
    let project = Project::new(&format!(
        "[tasks.a]\ncommand = \"{DEAF}\"\nrestart = 'never'\n\
         [tasks.b]\ncommand = \"{DEAF}\"\nstop.timeout = '300ms'\n\
         [tasks.c]\ncommand = \"{DEAF}\""
    ));
    let mut stead = project.up();
    let a = stead.wait_for_start("a");
    for _ in 0..3 {
        stead.wait_for("| up");
    }
    kill(a, Signal::SIGKILL).expect("a live process");
    stead.wait_for("run 1 exited, SIGKILL from outside stead after");
    explained(&project, "a", "was ended by SIGKILL from outside stead");
    assert_eq!(project.client(&["stop", "b"]).code, Some(0));
    stead.wait_for("run 1 exited, SIGKILL by stead (it did not stop within 300ms) after");
    assert_eq!(project.client(&["kill", "c"]).code, Some(0));
    stead.wait_for("run 1 exited, SIGKILL by stead after");
    ended(stead);
}

#[test]
fn a_limit_of_memory_of_its_own_is_told_apart() {
    if !has("python3") {
        return;
    }
    let project = Project::new(
        "[tasks.a]\ncommand = ['python3', '-c', 'import time; x = bytearray(200 << 20); print(len(x), flush=True); time.sleep(600)']\n\
         max_memory = '50 MiB'\nrestart = 'never'",
    );
    let mut stead = project.up();
    stead.wait_for("of memory, over its 50 MiB");
    ended(stead);
}

/// A cgroup of version 1 with little memory, which is removed in the end.
struct SmallCgroup(PathBuf);

impl SmallCgroup {
    fn make() -> Option<Self> {
        let dir = PathBuf::from(format!("/sys/fs/cgroup/memory/stead-test-{}", std::process::id()));
        fs::create_dir(&dir).ok()?;
        let made = Self(dir);
        fs::write(made.0.join("memory.limit_in_bytes"), "30000000").ok()?;
        Some(made)
    }
}

impl Drop for SmallCgroup {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_kill_for_want_of_memory_is_told_apart() {
    let (Some(cgroup), true) = (SmallCgroup::make(), has("python3")) else {
        eprintln!("skipped: no memory cgroup can be made here");
        return;
    };
    let procs = cgroup.0.join("cgroup.procs");
    let hog = "python3 -c 'bytearray(200 << 20)'";
    let project = Project::new(&format!(
        "[tasks.a]\ncommand = \"echo $$ > {procs}; exec {hog}\"\nrestart = 'never'\n\
         [tasks.b]\ncommand = \"echo $$ > {procs}; {hog}; exit $?\"\nrestart = 'never'\nafter.a = 'exited'",
        procs = procs.display()
    ));
    let mut stead = project.up();
    stead.wait_for("run 1 exited, SIGKILL, probably by the kernel (out of memory) after");
    stead.wait_for("run 1 exited, code 137");
    explained(&project, "b", "a command of its shell was ended by SIGKILL, probably by the kernel (out of memory)");
    ended(stead);
}

#[test]
fn a_daemon_is_named_with_the_way_to_keep_it_in_the_foreground() {
    if !has("nginx") || !has("redis-server") {
        return;
    }
    let project = Project::new(
        "[tasks.nginx]\ncommand = 'exec nginx -p . -c nginx.conf -e error.log'\n\
         [tasks.redis]\ncommand = 'exec redis-server --port 0 --unixsocket redis.sock --daemonize yes'\n\
         [tasks.mine]\ncommand = 'sleep 600 & sleep 0.2; exit 3'\nrestart = 'never'",
    );
    let config = "pid nginx.pid;\nevents {}\nhttp { access_log off; server { listen unix:nginx.sock; } }\n";
    fs::write(project.path().join("nginx.conf"), config).expect("a file");
    let mut stead = project.up();
    let ends = [
        ("left nginx (", "running in the background; ended with the run; run it in the foreground (`daemon off;`)"),
        (
            "left redis-server (",
            "running in the background; ended with the run; run it in the foreground (`daemonize no`)",
        ),
        ("left sleep (", "running in the background; ended with the run"),
    ];
    for (left, rest) in ends {
        let line = stead.wait_for(left);
        assert!(line.ends_with(rest), "{line}");
    }
    explained(&project, "nginx", "hint: left nginx (");
    ended(stead);
}

#[test]
fn a_short_run_with_its_input_at_the_end_of_file_has_a_hint() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'cat; exit 0'\n\
         [tasks.b]\ncommand = 'cat; exit 0'\nstdin = 'open'\n\
         [tasks.c]\ncommand = 'true'\nrestart = 'never'",
    );
    let mut stead = project.up();
    stead.wait_for_start("b");
    stead.wait_for("run 1 exited, code 0");
    stead.wait_for("run 1 exited, code 0");
    explained(&project, "a", "hint: its standard input was at end of file");
    explained(&project, "b", "run 1, for");
    assert!(!project.client(&["why", "c"]).out.contains("hint"));
    ended(stead);
}
