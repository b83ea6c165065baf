//! Schedules and watched files, with real processes.

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Project, Stead, until};

fn up(project: &Project) -> Stead {
    let stead = project.up();
    stead.wait_for_control();
    stead
}

fn task(project: &Project, name: &str) -> Value {
    let status: Value = serde_json::from_str(&project.client(&["status", "--json"]).out).expect("JSON");
    status["tasks"].as_array().expect("tasks").iter().find(|task| task["name"] == name).expect("a task").clone()
}

fn write(project: &Project, file: &str, text: &str) {
    let path = project.path().join(file);
    fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).expect("a directory");
    fs::write(path, text).expect("a file");
}

#[test]
fn a_task_runs_every_so_often_and_says_when_next() {
    let project = Project::new(
        "[tasks.tick]\ncommand = 'echo tick'\nevery = '700ms'\n[tasks.nightly]\ncommand = 'echo night'\nschedule = '0 3 * * *'\ntime_zone = 'Europe/Berlin'\n",
    );
    let mut stead = up(&project);
    for _ in 0..3 {
        stead.wait_for_line("tick", "| tick");
    }
    until(|| task(&project, "nightly")["next_due"].is_u64());
    let nightly = task(&project, "nightly");
    assert_eq!((&nightly["state"], &nightly["run"]), (&"scheduled".into(), &0.into()));
    assert!(project.client(&["status"]).out.contains("◷ scheduled"));
    assert!(project.client(&["why", "nightly"]).out.contains("is scheduled: it runs in "));
    assert_eq!(project.client(&["start", "nightly"]).code, Some(0));
    stead.wait_for_line("nightly", "| night");
    until(|| task(&project, "nightly")["state"] == "scheduled");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn what_is_due_while_it_runs_goes_by_overlap() {
    let project = Project::new(
        "[tasks.skip]\ncommand = 'exec sleep 1000'\nevery = '300ms'\n\
         [tasks.replace]\ncommand = 'exec sleep 1000'\nevery = '300ms'\noverlap = 'replace'\n",
    );
    let mut stead = up(&project);
    stead.wait_for_line("skip", "due while it runs: left out");
    stead.wait_for_line("replace", "due while it runs: a new run replaces it");
    stead.wait_for_line("replace", "run 3 started");
    assert_eq!(task(&project, "skip")["run"], 1);
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_changed_file_restarts_the_task_and_no_other_file_does() {
    let project = Project::new(
        "[tasks.app]\ncommand = 'exec sleep 1000'\nwatch = { paths = ['src/**/*.py'], ignore = ['src/gen/**'], debounce = '100ms' }\n",
    );
    write(&project, ".gitignore", "build/\n*.tmp.py\n");
    for file in ["src/a.py", "src/gen/b.py", "build/src/c.py", "src/x.tmp.py"] {
        write(&project, file, "1");
    }
    let mut stead = up(&project);
    stead.wait_for_start("app");
    until(|| task(&project, "app")["watch"] == "watching");
    // The watch begins with the task, and says nothing of it: change the file until that is seen.
    let mut round = 0;
    until(|| {
        round += 1;
        for file in ["src/gen/b.py", "build/src/c.py", "src/x.tmp.py", "src/readme.md"] {
            write(&project, file, &round.to_string());
        }
        write(&project, "src/a.py", &round.to_string());
        task(&project, "app")["run"] == 2
    });
    stead.wait_for_line("app", "src/a.py has changed");
    write(&project, "src/deep/er/new.py", "1");
    until(|| {
        round += 1;
        write(&project, "src/deep/er/new.py", &round.to_string());
        stead.poll_said("src/deep/er/new.py has changed")
    });
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    let others = ["gen/b.py", "c.py", "x.tmp.py", "readme.md"];
    assert!(!end.lines.iter().any(|line| others.iter().any(|other| line.contains(other))), "{:?}", end.lines);
}

#[test]
fn a_changed_file_has_a_command_run_that_knows_the_file() {
    let project = Project::new(
        "[tasks.css]\ncommand = 'exec sleep 1000'\n\
         watch = { paths = ['*.css'], debounce = '50ms', do = { run = 'echo seen $STEAD_CHANGED; exit 3' } }\n",
    );
    let mut stead = up(&project);
    stead.wait_for_start("css");
    let mut round = 0;
    let name = "one two;x.css";
    let path = fs::canonicalize(project.path()).expect("a path").join(name);
    until(|| {
        round += 1;
        write(&project, name, &round.to_string());
        stead.poll_said(&format!("seen {}", path.display()))
    });
    stead.wait_for("failed: code 3");
    assert_eq!(task(&project, "css")["run"], 1);
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_task_that_changes_what_it_watches_is_suspended() {
    let project = Project::new(
        "[tasks.loop]\ncommand = 'while :; do date +%N > out.txt; sleep 0.05; done'\nwatch = { paths = ['*.txt'], debounce = '10ms' }\n",
    );
    let mut stead = up(&project);
    stead.wait_for_line("loop", "5 changes in short order");
    until(|| task(&project, "loop")["watch"] == "suspended");
    stead.signal(Signal::SIGTERM);
    stead.end();
}
