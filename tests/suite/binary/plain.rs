//! Output for pipes.

use std::process::Stdio;

use nix::sys::signal::Signal;

use super::Project;

/// Writes what would upset a terminal.
const HOSTILE: &str = r#"
[tasks.a]
command = "printf '\\033[2J\\033]52;c;aGk=\\007\\033[31mred\\033[0m\\033[?1049h\\n'; echo done; sleep 60"
"#;

#[test]
fn no_escape_byte_leaves_the_plain_output() {
    let project = Project::new(HOSTILE);
    let mut stead = project.up_with(&["up"]);
    let red = stead.wait_for("red");
    assert_eq!(red, "a       | red");
    stead.wait_for("| done");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    let all: Vec<_> = end.lines.iter().chain(&end.report).collect();
    assert!(all.iter().all(|line| !line.contains('\u{1b}') && !line.contains('\u{7}')), "{all:?}");
    // The file has it all, byte for byte.
    assert!(project.log("a").starts_with("\u{1b}[2J\u{1b}]52;c;aGk=\u{7}\u{1b}[31mred"));
}

#[test]
fn headless_output_is_events_only() {
    let project = Project::new("[tasks.a]\ncommand = 'echo words; exit 0'\n");
    let mut stead = project.up_with(&["up", "--headless"]);
    stead.wait_for("a       * ");
    stead.wait_for(" done");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert!(end.lines.iter().all(|line| !line.contains("words")), "{:?}", end.lines);
    assert_eq!(project.log("a"), "words\n");
}

#[test]
fn only_the_named_tasks_and_what_they_need_run() {
    let project = Project::new(
        "[tasks.db]\ncommand = 'sleep 60'\n[tasks.api]\ncommand = 'echo api up; sleep 60'\nafter = { db = 'ready' }\n\
         [tasks.other]\ncommand = 'echo never'\n",
    );
    let mut stead = project.up_with(&["up", "--plain", "api"]);
    stead.wait_for("api up");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert!(end.lines.iter().all(|line| !line.starts_with("other")), "{:?}", end.lines);
    let unknown = project.command().args(["up", "apj"]).stdin(Stdio::null()).output().expect("the binary");
    let said = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(said.contains("apj") && said.contains("`api`"), "{said}");
}

#[test]
fn a_task_that_cannot_run_says_why_and_the_others_run() {
    let project = Project::new(
        "[tasks.lost]\ncommand = ['no-such-program-here']\nmax_retries = 0\n\
         [tasks.nowhere]\ncommand = 'true'\ndir = 'missing'\nmax_retries = 0\n\
         [tasks.fine]\ncommand = 'echo fine; sleep 60'\n",
    );
    let mut stead = project.up();
    let mut failures = vec![stead.wait_for(" failed: "), stead.wait_for(" failed: ")];
    failures.sort();
    assert!(failures[0].contains("no-such-program-here"), "{failures:?}");
    assert!(failures[1].contains("missing"), "{failures:?}");
    stead.wait_for("| fine");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}
