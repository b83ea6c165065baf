//! `stead run`.

use std::fs;

use super::detach::Background;
use super::{Project, Told};

const TASKS: &str = "[tasks.db]\ncommand = 'echo db up; exec sleep 1000'\nready.log = 'db up'\n\
    [tasks.bad]\ncommand = 'echo no disk >&2; exit 9'\nmax_retries = 0\n\
    [tasks.test]\ncommand = 'echo testing; echo 1 failed >&2; exit 3'\nafter.db = 'ready'\n\
    [tasks.good]\ncommand = 'echo fine'\nafter.db = 'ready'\n\
    [tasks.killed]\ncommand = 'kill -9 $$'\n\
    [tasks.held]\ncommand = 'echo never'\nafter.bad = 'success'\n\
    [tasks.other]\ncommand = 'touch other; exec sleep 1000'\n";

#[test]
fn a_task_runs_with_what_it_needs_and_its_exit_code_is_passed_on() {
    for (task, code, out, err) in [
        ("good", 0, "| fine", "stead: good has ended: code 0, "),
        (
            "test",
            3,
            "| testing",
            "stead: the last lines of test:\n  testing\n  1 failed\nstead: test has ended: code 3, ",
        ),
        ("killed", 137, "run 1 started", "stead: killed has ended: SIGKILL"),
        (
            "held",
            1,
            "| no disk",
            "stead: held has failed: bad failed; a restart tries again.\nstead: └─ bad has failed: ",
        ),
    ] {
        let project = Project::new(TASKS);
        let told = project.client(&["run", task]);
        assert_eq!(told.code, Some(code), "{task}: {told:?}");
        assert!(told.out.contains(out) && told.err.contains(err), "{task}: {told:?}");
        assert!(!project.path().join("other").exists(), "only what it needs");
        assert!(!told.out.contains("run 2"), "its first end counts: {told:?}");
    }
    let unknown = Project::new(TASKS).client(&["run", "tets"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("did you mean `test`?"), "{unknown:?}");
}

#[test]
fn where_a_supervisor_runs_only_what_was_started_ends() {
    let background = Background::new(TASKS);
    let project = &background.0;
    assert_eq!(project.client(&["up", "-d", "other"]).code, Some(0));
    let state = |task: &str| {
        let status = project.client(&["status"]).out;
        let row =
            status.lines().find(|line| line.starts_with(&format!("{task} "))).unwrap_or_else(|| panic!("{status}"));
        row.split_whitespace().nth(2).expect("a state").to_owned()
    };
    let good = project.client(&["run", "good"]);
    assert_eq!((good.code, good.out.as_str()), (Some(0), "fine\n"), "{good:?}");
    assert_eq!((state("db"), state("other")), ("stopped".to_owned(), "running".to_owned()));
    let test = project.client(&["run", "test"]);
    assert_eq!((test.code, test.out.as_str()), (Some(3), "testing\n1 failed\n"), "once: {test:?}");
    assert!(test.err.contains("stead: the last lines of test:\n  testing\n  1 failed\n"), "{test:?}");
    assert_eq!((state("test"), state("db")), ("stopped".to_owned(), "stopped".to_owned()));
    let killed = project.client(&["run", "killed"]);
    assert_eq!(killed.code, Some(137), "{killed:?}");
    let held = project.client(&["run", "held"]);
    assert!(held.code == Some(1) && held.err.contains("bad has failed: "), "{held:?}");
    let other = project.client(&["run", "other"]);
    assert!(other.code == Some(1) && other.err.contains("other is running"), "{other:?}");
    assert_eq!(project.client(&["run", "tets"]).code, Some(2));
    assert_eq!(project.client(&["start", "db"]).code, Some(0));
    assert_eq!(project.client(&["wait", "db"]).code, Some(0));
    assert_eq!(project.client(&["run", "good"]).code, Some(0));
    assert_eq!(state("db"), "ready", "it ran before");
}

#[test]
fn a_report_has_a_case_for_each_task() {
    let project = Project::new(TASKS);
    let told = project.client(&["run", "test", "--junit", "report.xml"]);
    assert_eq!(told.code, Some(3));
    let xml = fs::read_to_string(project.path().join("report.xml")).expect("a report");
    assert!(xml.contains("tests=\"2\" failures=\"1\"") && xml.contains(" name=\"db\" "), "{xml}");
    assert!(xml.contains("<failure message=\"code 3\">testing\n1 failed</failure>"), "{xml}");
    let nowhere = project.client(&["run", "good", "--junit", "no/such/dir.xml"]);
    assert!(nowhere.code == Some(2) && nowhere.err.contains("cannot write "), "{nowhere:?}");
}

#[test]
fn commands_run_without_a_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stead"));
        Told::by(command.current_dir(dir.path()).arg("run").args(arguments))
    };
    let two = run(&["--plain", "--", "echo a ${PWD##*/}", "echo b; exit 2"]);
    assert_eq!(two.code, Some(1), "{two:?}");
    let here = dir.path().file_name().expect("a name").to_str().expect("text");
    assert!(two.out.contains(&format!("| a {here}")) && two.out.contains("| b"), "{two:?}");
    assert_eq!(run(&["--", "exit 5"]).code, Some(5));
    assert_eq!(run(&["--", "true", "true"]).code, Some(0));
    assert_eq!(run(&[]).code, Some(2));
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0, "nothing is left");
}
