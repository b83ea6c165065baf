//! What a task may use, and whom it runs as: seen from inside the task.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;

#[cfg(target_os = "linux")]
use super::left_behind::{can_unshare, unshared};
use super::{Project, Stead};

/// Runs a task to its end and returns its log.
fn log_of(keys: &str) -> String {
    let project = Project::new(&format!("[tasks.a]\nrestart = 'never'\n{keys}"));
    let mut stead = project.up();
    stead.wait_for("run 1 exited, code 0");
    stead.signal(Signal::SIGTERM);
    stead.end();
    project.log("a")
}

#[test]
fn the_limits_are_those_of_the_task() {
    let log = log_of(
        "command = 'ulimit -n; ulimit -v; ulimit -t; ulimit -c; umask; nice'\n\
         limits = { open_files = 99, memory = '1 GiB', cpu_time = '90s', core = 0 }\numask = '027'\nnice = 5",
    );
    // A shell counts memory in KiB.
    assert_eq!(log, "99\n1048576\n90\n0\n0027\n5\n");
}

#[test]
fn the_environment_says_which_run_it_is() {
    assert_eq!(log_of("command = 'echo $STEAD_TASK $STEAD_RUN'"), "a 1\n");
}

#[test]
fn processor_time_that_is_used_up_ends_the_run() {
    let project = Project::new("[tasks.a]\ncommand = 'while :; do :; done'\nrestart = 'never'\nlimits.cpu_time = '1s'");
    let mut stead = project.up();
    stead.wait_for("run 1 exited, SIGXCPU");
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_limit_that_can_not_be_set_is_named() {
    if !geteuid().is_root() {
        // Root may set any limit but this: more files than the kernel knows of.
        return;
    }
    let project = Project::new("[tasks.a]\ncommand = 'true'\nrestart = 'never'\nlimits.open_files = 4294967295");
    let mut stead = project.up();
    stead.wait_for("run 1 exited, cannot set its limit of open files: operation not permitted");
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn a_task_that_uses_too_much_memory_is_ended_and_that_counts_as_a_failure() {
    let hog = "x=$(head -c 60000000 /dev/zero | tr '\\\\0' x); while :; do sleep 60; done";
    let project = Project::new(&format!("[tasks.a]\ncommand = \"{hog}\"\nmax_memory = '32 MiB'"));
    let mut stead = project.up();
    let line = stead.wait_for("run 1 exited, used ");
    assert!(line.contains("MiB of memory, over its 32 MiB"), "{line}");
    stead.wait_for("retry 1 of 5");
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn only_the_main_process_is_asked_where_the_task_says_so() {
    // Told by the signal, the child would say so before the main process, which waits for it, could end.
    let child = "trap 'echo child asked' TERM; echo up; while ! test -e go; do sleep 0.01; done";
    let main =
        format!("trap 'touch go' TERM; ({child}) & while ! test -e go; do sleep 0.01; done; wait; echo main asked");
    let project = Project::new(&format!("[tasks.a]\ncommand = \"\"\"{main}\"\"\"\nstop.only_parent = true"));
    let mut stead = project.up();
    stead.wait_for("| up");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    assert_eq!(project.log("a"), "up\nmain asked\n");
}

#[test]
fn too_few_descriptors_fail_starts_by_name_and_nothing_spins() {
    let tasks = (0..20).map(|number| format!("[tasks.t{number}]\ncommand = ['sleep', '600']\n"));
    let project = Project::new(&tasks.collect::<String>());
    let mut stead = project.up_after("ulimit -n 24");
    stead.wait_for("too many open files (EMFILE)");
    stead.wait_for("retry 1 of 5 in 500ms");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    // Six starts are all that a task has, each after a backoff.
    assert!(end.lines.iter().filter(|line| line.contains("EMFILE")).count() <= 20 * 6, "{:?}", end.lines);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_no_task_and_is_told_and_writing_goes_on_when_there_is_room() {
    if !can_unshare() {
        return;
    }
    let write =
        "head -c 300000 /dev/zero | tr '\\\\0' x; echo; echo lost; until test -e .stead/logs/go; do sleep 0.01; done";
    let project = Project::new(&format!("[tasks.a]\ncommand = \"{write}; echo room; exec sleep 600\""));
    let logs = project.path().join(".stead/logs");
    std::fs::create_dir_all(&logs).expect("a directory");
    let disk = "mount -t tmpfs -o mode=0700,size=128k none .stead/logs; head -c 100000 /dev/zero > .stead/logs/ballast";
    let mut stead = unshared(&project, &["-Urm"], disk);
    stead.wait_for("bytes lost: no space left on device");
    stead.wait_for("| lost");
    // Its mounts are seen by nobody else, but through it.
    let disk =
        std::path::PathBuf::from(format!("/proc/{}/root", stead.pid())).join(logs.strip_prefix("/").expect("absolute"));
    std::fs::remove_file(disk.join("ballast")).expect("a file");
    std::fs::write(disk.join("go"), "").expect("room");
    stead.wait_for("the log is written again, ");
    stead.wait_for("| room");
    let log = std::fs::read(disk.join("a.log")).expect("a log");
    assert!(log.ends_with(b"xroom\n"), "{} bytes", log.len());
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_file_for_its_log_what_a_task_wrote_is_told_to_be_lost() {
    if !can_unshare() {
        return;
    }
    let project =
        Project::new("[tasks.a]\ncommand = 'echo hello; exec sleep 600'\n[tasks.quiet]\ncommand = 'exec sleep 600'\n");
    std::fs::create_dir_all(project.path().join(".stead/logs")).expect("a directory");
    // The directory itself takes the only inode.
    let mut stead = unshared(&project, &["-Urm"], "mount -t tmpfs -o mode=0700,nr_inodes=1 none .stead/logs");
    stead.wait_for("6 bytes lost: ");
    let logs = project.client(&["logs", "a"]);
    assert_eq!((logs.code, logs.out.as_str()), (Some(1), ""), "{logs:?}");
    assert_eq!(logs.err, "stead: 6 B of what a wrote are lost: they could not be written to its log\n");
    let logs = project.client(&["logs", "quiet"]);
    assert_eq!(logs.err, "stead: quiet has written nothing yet\n");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn root_may_choose_whom_a_task_runs_as() {
    if !geteuid().is_root() {
        eprintln!("skipped: only root can choose");
        return;
    }
    let log = log_of("command = 'id -u; id -g; id -G; echo $HOME $USER'\nuser = 'nobody'\ndir = '/'");
    let nobody = nix::unistd::User::from_name("nobody").expect("a database").expect("nobody");
    let lines: Vec<&str> = log.lines().collect();
    assert_eq!(lines[..2], [nobody.uid.to_string(), nobody.gid.to_string()]);
    assert_eq!(lines[2], nobody.gid.to_string());
    assert_eq!(lines[3], format!("{} nobody", nobody.dir.display()));
    assert_eq!(log_of("command = 'id -u; id -g'\nuser = 12345\ngroup = 54321\ndir = '/'"), "12345\n54321\n");
}

#[test]
fn nobody_else_may_and_nothing_is_started() {
    let project = Project::new("[tasks.a]\ncommand = 'echo here'\nuser = 'root'");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(project.path(), open).expect("permissions");
    let mut command = project.command();
    command.args(["up", "--plain"]);
    if geteuid().is_root() {
        command.uid(65_534);
    }
    let end = Stead::start(command).end();
    assert_eq!(end.code(), Some(2), "{:?}", end.report);
    assert!(end.last().contains("task a: cannot run as user `root`: only root can choose"), "{:?}", end.report);
    assert!(end.last().ends_with("nothing was started"), "{:?}", end.report);
}

#[test]
fn an_unknown_user_is_told_before_anything_is_started() {
    let project = Project::new("[tasks.a]\ncommand = 'echo here'\nuser = 'no-such-user'");
    let end = project.up().end();
    assert_eq!(
        (end.code(), end.last()),
        (Some(2), "stead: task a: there is no user `no-such-user`; nothing was started")
    );
}
