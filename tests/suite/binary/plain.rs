//! Output for pipes.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
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
fn tasks_that_can_not_run_say_each_why_and_the_others_run() {
    let project = Project::new(
        "[supervisor]\nmax_retries = 0\n\
         [tasks.lost]\ncommand = ['no-such-program-here']\n\
         [tasks.nowhere]\ncommand = 'true'\ndir = 'missing'\n\
         [tasks.closed]\ncommand = ['./closed']\n\
         [tasks.script]\ncommand = ['./script']\n\
         [tasks.fine]\ncommand = 'echo fine; exec sleep 600'\n",
    );
    for (name, content, mode) in [("closed", "#!/bin/sh\n", 0o000), ("script", "#!/no/such/interpreter\n", 0o755)] {
        let path = project.path().join(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }
    let mut stead = project.up();
    stead.wait_for("| fine");
    let mut failures: Vec<String> = (0..4).map(|_| stead.wait_for(" failed: ")).collect();
    failures.sort();
    let nowhere = format!("cannot run in `{}/missing`: no such file or directory", project.path().display());
    let expected = [
        ("closed ", "cannot run `./closed`: permission denied (mode 000)"),
        ("lost ", "cannot run `no-such-program-here`: no such file or directory (looked in PATH)"),
        ("nowhere ", nowhere.as_str()),
        ("script ", "cannot run `./script`: its interpreter `/no/such/interpreter` does not exist"),
    ];
    for (line, (task, why)) in failures.iter().zip(expected) {
        assert!(line.starts_with(task) && line.ends_with(why), "{why}: {failures:#?}");
    }
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}
