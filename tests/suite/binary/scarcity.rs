//! No descriptors or no threads are left: tasks run on, and stead answers.

use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

use super::{Project, Stead, Told};

/// A user that runs nothing else.
const NOBODY_ELSE: u32 = 54_321;

#[test]
fn without_descriptors_status_is_answered() {
    let tasks = (0..80).map(|number| format!("[tasks.t{number}]\ncommand = ['sleep', '600']\ntty = true\n"));
    let project = Project::new(&tasks.collect::<String>());
    // Whatever the last descriptor was needed for.
    for limit in 60..=65 {
        let mut stead = project.up_after(&format!("ulimit -n {limit}"));
        stead.wait_for("too many open files (EMFILE)");
        for _ in 0..4 {
            let told = project.client(&["status"]);
            assert_eq!(told.code, Some(0), "{limit}: {}", told.err);
            assert!(told.out.contains("t79"), "{limit}: {}", told.out);
        }
        let told = project.client(&["down"]);
        assert_eq!(told.code, Some(0), "{limit}: {}", told.err);
        stead.end();
    }
}

#[test]
fn a_client_that_stays_does_not_take_what_is_set_aside_from_others() {
    let tasks = (0..40).map(|number| format!("[tasks.t{number}]\ncommand = ['sleep', '600']\ntty = true\n"));
    let project = Project::new(&tasks.collect::<String>());
    let mut stead = project.up_after("ulimit -n 48");
    stead.wait_for("too many open files (EMFILE)");
    let mut followers: Vec<_> = (0..6).map(|_| project.up_with(&["events", "-f"])).collect();
    for _ in 0..3 {
        assert_eq!(project.client(&["status"]).code, Some(0));
    }
    assert_eq!(project.client(&["down"]).code, Some(0));
    stead.end();
    followers.drain(..).for_each(drop);
}

/// Runs stead as a user of its own, and lets it have no further thread once it has printed `after`.
fn up_without_further_threads(project: &Project, after: &str) -> Stead {
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(project.path(), open).expect("permissions");
    let mut command = project.command();
    command.args(["up", "--plain"]).uid(NOBODY_ELSE).gid(NOBODY_ELSE);
    let mut stead = Stead::start(command);
    stead.wait_for(after);
    let mut limit = Command::new("prlimit");
    limit.args(["--nproc=1:1", "--pid", &stead.pid().to_string()]).uid(NOBODY_ELSE).gid(NOBODY_ELSE);
    let limited = limit.status();
    assert!(limited.expect("prlimit").success());
    stead
}

#[test]
fn without_threads_output_is_captured_and_failures_are_kept() {
    if !geteuid().is_root() || !super::has("prlimit") {
        eprintln!("skipped: only root can limit another user's processes");
        return;
    }
    let wait = "until test -e go; do sleep 0.01; done";
    let project = Project::new(&format!(
        "[tasks.a]\ncommand = \"echo up; {wait}; head -c 3000000 /dev/zero | tr '\\\\0' x; echo; echo last; exec sleep 600\"\n\
         [tasks.b]\ncommand = \"{wait}; echo broken; exit 3\"\nrestart = 'never'\n\
         [tasks.c]\ncommand = 'exec sleep 600'\nready.tcp = 'localhost:1'"
    ));
    let mut stead = up_without_further_threads(&project, "| up");
    std::fs::write(project.path().join("go"), "").expect("a file");
    stead.wait_for("| last");
    stead.wait_for("run 1 exited, code 3");
    let client = |words: &[&str]| Told::by(project.command().args(words).uid(NOBODY_ELSE).gid(NOBODY_ELSE));
    super::until(|| client(&["why", "b"]).out.contains("broken"));
    assert!(project.log("a").ends_with("x\nlast\n"));
    let told = client(&["reload"]);
    assert_eq!(told.code, Some(0), "{}", told.err);
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    assert!(!end.report.iter().any(|line| line.contains("panicked")), "{:?}", end.report);
}

#[test]
fn without_enough_threads_at_the_start_it_says_so() {
    if !geteuid().is_root() || !super::has("prlimit") {
        return;
    }
    let project = Project::new("[tasks.a]\ncommand = 'echo up'");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(project.path(), open).expect("permissions");
    let mut told = Command::new("prlimit");
    // Itself, the warden, and a few.
    told.current_dir(project.path()).args(["--nproc=5:5", env!("CARGO_BIN_EXE_stead"), "up", "--plain"]);
    told.uid(NOBODY_ELSE + 1).gid(NOBODY_ELSE);
    let told = Told::by(&mut told);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("cannot start the threads") && !told.err.contains("panicked"), "{told:?}");
}
