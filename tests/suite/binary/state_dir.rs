//! `.stead/`: one supervisor a directory, and nothing to clean up by hand.

use std::fs;
use std::process::Stdio;

use nix::sys::signal::Signal;

use super::Project;

#[test]
fn a_second_supervisor_is_refused_by_pid_and_after_a_kill_the_next_one_starts() {
    let project = Project::new("[tasks.a]\ncommand = 'exec sleep 2'\nrestart = 'never'\n");
    let mut first = project.up();
    first.wait_for_start("a");

    let second = project.command().arg("up").stdin(Stdio::null()).output().expect("the binary");
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(2));
    assert!(said.contains(&format!("a supervisor (pid {}) already runs in", first.pid())), "{said}");

    first.signal(Signal::SIGKILL);
    assert_eq!(first.end().code(), None);
    let mut third = project.up();
    third.wait_for_start("a");
    third.signal(Signal::SIGTERM);
    assert_eq!(third.end().code(), Some(0));
}

#[test]
fn git_ignores_what_stead_keeps_and_its_diagnostics_have_fields() {
    let project = Project::new("[tasks.a]\ncommand = 'exit 3'\nmax_retries = 1\ninitial_backoff = '10ms'\n");
    let mut stead = project.up();
    stead.wait_for("failed: 1 retry spent: code 3");
    stead.signal(Signal::SIGTERM);
    stead.end();
    let read = |name: &str| fs::read_to_string(project.path().join(".stead").join(name)).expect("a file");
    assert_eq!(read(".gitignore"), "*\n");
    let log = read("stead.log");
    assert!(log.contains(r#"task="a" retry=1 max=1 backoff_ms=10"#), "{log}");
}
