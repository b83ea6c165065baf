//! Which supervisor a project has: by its directory and file, whatever becomes of the files in `.stead/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::detach::Background;
use super::{DEADLINE, Project, Told};

const API: &str = "[tasks.api]\ncommand = 'exec sleep 1000'\n";
const CHATTY: &str = "[tasks.api]\ncommand = 'while :; do echo beat; sleep 0.05; done'\n";

/// Waits until something is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < deadline, "{what} did not come in time");
        std::thread::yield_now();
    }
}

fn in_state_dir(project: &Project, name: &str) -> PathBuf {
    project.path().join(".stead").join(name)
}

fn assert_refused_by(pid: nix::unistd::Pid, again: &Told) {
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.err.contains(&format!("a supervisor (pid {pid}) already runs")), "{again:?}");
}

#[test]
fn without_its_files_it_is_found_not_started_twice_and_its_files_come_back() {
    let background = Background::new("[web]\nlisten = '127.0.0.1:0'\n[tasks.api]\ncommand = 'exec sleep 1000'\n");
    let project = &background.0;
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    let pid = background.pid().expect("a pid");
    let token = fs::read_to_string(in_state_dir(project, "token")).expect("a token");
    fs::remove_dir_all(project.path().join(".stead")).expect("a directory");
    assert_refused_by(pid, &project.client(&["up", "-d"]));
    assert_eq!(project.client(&["status"]).code, Some(0));
    for name in ["control.sock", "lock", "token", ".gitignore", "stead.log"] {
        eventually(name, || in_state_dir(project, name).exists());
    }
    eventually("token", || fs::read_to_string(in_state_dir(project, "token")).is_ok_and(|found| found == token));
    let down = project.client(&["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!(down.out.starts_with("stead: graceful"), "{down:?}");
    assert_eq!(project.client(&["status"]).code, Some(3));
}

#[test]
fn one_of_its_files_that_is_removed_comes_back_and_all_commands_agree() {
    for name in ["control.sock", "lock"] {
        let background = Background::new(API);
        let project = &background.0;
        assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
        let pid = background.pid().expect("a pid");
        fs::remove_file(in_state_dir(project, name)).expect("a file");
        assert_refused_by(pid, &project.client(&["up", "-d"]));
        assert_eq!(project.client(&["status"]).code, Some(0), "{name}");
        eventually(name, || in_state_dir(project, name).exists());
        assert_eq!(project.client(&["down"]).code, Some(0), "{name}");
    }
}

#[test]
fn a_directory_that_is_renamed_is_followed() {
    let background = Background::new(CHATTY);
    let project = &background.0;
    let (old, new) = (project.path().join("old"), project.path().join("new"));
    fs::create_dir(&old).expect("a directory");
    fs::rename(project.path().join("stead.toml"), old.join("stead.toml")).expect("a config");
    let at = |dir: &Path, arguments: &[&str]| Told::by(project.command().current_dir(dir).args(arguments));
    assert_eq!(at(&old, &["up", "-d", "--wait"]).code, Some(0));
    fs::rename(&old, &new).expect("a rename");
    let log = new.join(".stead/logs/api.log");
    let size = || fs::metadata(&log).map_or(0, |about| about.len());
    let before = size();
    eventually("more output", || size() > before);
    assert!(!old.exists(), "nothing is created at the old path");
    assert_eq!(at(&new, &["up", "-d"]).code, Some(2));
    let restart = at(&new, &["restart", "api"]);
    assert_eq!(restart.code, Some(0), "{restart:?}");
    assert_eq!(at(&new, &["wait", "api"]).code, Some(0));
    let reload = at(&new, &["reload"]);
    assert_eq!((reload.code, reload.out.as_str()), (Some(0), "nothing has changed\n"), "{reload:?}");
    let down = at(&new, &["down"]);
    assert_eq!(down.code, Some(0), "{down:?}");
    assert!(!old.exists());
}

#[test]
fn each_file_of_a_directory_has_a_supervisor_of_its_own() {
    let background = Background::new(API);
    let project = &background.0;
    for name in ["a.toml", "b.toml"] {
        fs::write(project.path().join(name), format!("[web]\nenabled = false\n{API}")).expect("a config");
    }
    let up = project.client(&["up", "-d", "--wait", "-f", "a.toml"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    let down = project.client(&["down", "-f", "b.toml"]);
    assert_eq!(down.code, Some(3), "{down:?}");
    assert!(down.err.contains("b.toml") && down.err.contains("`stead -f a.toml …`"), "{down:?}");
    let down = project.client(&["down"]);
    assert_eq!(down.code, Some(3), "{down:?}");
    assert!(down.err.contains("`stead -f a.toml …`"), "{down:?}");
    assert_eq!(project.client(&["up", "-d", "--wait", "-f", "b.toml"]).code, Some(0));
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    assert_eq!(project.client(&["down", "-f", "a.toml"]).code, Some(0));
    assert_eq!(project.client(&["status", "-f", "a.toml"]).code, Some(3));
    assert_eq!(project.client(&["down", "-f", "b.toml"]).code, Some(0));
    assert_eq!(project.client(&["down"]).code, Some(0));
}

#[test]
fn without_its_configuration_it_is_found_by_its_socket_from_below_too() {
    let background = Background::new(API);
    let project = &background.0;
    let below = project.path().join("src/deep");
    fs::create_dir_all(&below).expect("a directory");
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    fs::remove_file(project.path().join("stead.toml")).expect("a config");
    let below = |arguments: &[&str]| Told::by(project.command().current_dir(&below).args(arguments));
    let status = below(&["status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    assert_eq!(project.client(&["-f", "stead.toml", "status"]).code, Some(0));
    assert_eq!(below(&["down"]).code, Some(0));
    assert_eq!(below(&["status"]).code, Some(2), "there is neither a file nor a supervisor");
}

#[test]
fn a_directory_stands_for_the_file_in_it() {
    let background = Background::new(API);
    let project = &background.0;
    let elsewhere = tempfile::tempdir().expect("a directory");
    let dir = project.path().to_str().expect("text");
    let run = |arguments: &[&str]| Told::by(project.command().current_dir(elsewhere.path()).args(arguments));
    assert_eq!(run(&["check", "-f", dir]).code, Some(0));
    assert_eq!(run(&["up", "-d", "--wait", "-f", dir]).code, Some(0));
    assert_eq!(run(&["status", "-f", dir]).code, Some(0));
    assert_eq!(project.client(&["down"]).code, Some(0));
    let none = run(&["check", "-f", "."]);
    assert_eq!(none.code, Some(2));
    assert!(none.err.contains("cannot read ./stead.toml"), "{none:?}");
    let none = run(&["status", "-f", "."]);
    assert!(none.code == Some(2) && none.err.contains("cannot read ./stead.toml"), "{none:?}");
}

#[test]
fn a_working_directory_that_was_deleted_is_named() {
    let project = Project::new(API);
    let gone = project.path().join("gone");
    fs::create_dir(&gone).expect("a directory");
    let line =
        format!("cd {} && rmdir {} && exec {} status", gone.display(), gone.display(), env!("CARGO_BIN_EXE_stead"));
    let told = Told::by(std::process::Command::new("sh").args(["-c", &line]));
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("the working directory was deleted"), "{told:?}");
}
