//! Nobody is left behind, whoever is killed.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, pidfd_open};

use super::{DEADLINE, Project, Stead, is_alive, until};

/// A task that ignores what it can, with a child, a child in a session of its own, a daemon that forked twice and has
/// children, and a grandchild.
const TREE: &str = r#"
[tasks.tree]
stop.timeout = "200ms"
command = """
trap '' TERM HUP INT
sleep 600 &
setsid sleep 601 &
(setsid sh -c 'sleep 602 & exec sleep 603' &)
sh -c 'sh -c "sleep 604 & wait" & wait' &
while :; do sleep 605; done
"""
"#;
/// Every branch of it ends in one of these.
const SLEEPERS: usize = 6;

/// Everything that runs in a project's directory, but the supervisor and its warden: what a task starts stays there,
/// whatever else it leaves.
fn tree(project: &Project, stead: Pid) -> BTreeMap<Pid, String> {
    let dir = project.path().canonicalize().expect("a directory");
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    let below = pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir));
    let named = below.filter(|&pid| pid != stead && is_alive(pid)).map(|pid| (pid, name(pid)));
    named.filter(|(_, name)| name != "stead-warden").collect()
}

fn name(pid: Pid) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// Starts [`TREE`] and waits until all of it is there: the supervisor and the pid of its warden.
fn grown(project: &Project) -> (Stead, Pid) {
    let mut stead = project.up();
    let warden = stead.warden();
    stead.wait_for_start("tree");
    let deadline = Instant::now() + DEADLINE;
    while tree(project, stead.pid()).values().filter(|name| *name == "sleep").count() < SLEEPERS {
        assert!(Instant::now() < deadline, "{:?}", tree(project, stead.pid()));
        std::thread::yield_now();
    }
    assert_eq!(name(warden), "stead-warden");
    (stead, warden)
}

/// Holds on to processes, so that their end can be waited for.
fn hold(pids: impl IntoIterator<Item = Pid>) -> Vec<OwnedFd> {
    let held = pids.into_iter().filter_map(|pid| rustix::process::Pid::from_raw(pid.as_raw()));
    held.filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()).collect()
}

/// Waits until these, and then everything in the project's directory, have ended.
fn all_end(held: Vec<OwnedFd>, project: &Project, stead: Pid) {
    let deadline = Instant::now() + DEADLINE;
    for pidfd in held {
        let left = Timespec::try_from(deadline.saturating_duration_since(Instant::now())).expect("a time");
        let ended = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&left)).expect("a poll");
        assert_eq!(ended, 1, "{:?}", tree(project, stead));
    }
    assert_eq!(tree(project, stead), BTreeMap::new());
}

/// Lets a tree grow, does something to the supervisor or its warden, and waits until nobody is left.
fn nobody_is_left_after(blow: impl FnOnce(&Stead, Pid)) -> super::End {
    let project = Project::new(TREE);
    let (stead, warden) = grown(&project);
    let pid = stead.pid();
    let held = hold(tree(&project, pid).into_keys().chain([warden]));
    blow(&stead, warden);
    let end = stead.end();
    all_end(held, &project, pid);
    end
}

#[test]
fn when_the_supervisor_is_killed() {
    nobody_is_left_after(|stead, _| stead.signal(Signal::SIGKILL));
}

#[test]
fn when_the_supervisors_process_group_is_killed() {
    nobody_is_left_after(|stead, _| killpg(stead.pid(), Signal::SIGKILL).expect("a group"));
}

#[test]
fn when_the_warden_is_killed_which_is_fatal() {
    let end = nobody_is_left_after(|_, warden| kill(warden, Signal::SIGKILL).expect("a process"));
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: stead.warden: SIGKILL"));
}

#[test]
fn when_the_wardens_process_group_is_killed() {
    let end = nobody_is_left_after(|_, warden| killpg(warden, Signal::SIGKILL).expect("a group"));
    assert_eq!((end.code(), end.last()), (Some(1), "stead: fatal: stead.warden: SIGKILL"));
}

/// The containment that `stead status` tells.
fn containment(project: &Project) -> String {
    let told = project.client(&["status", "--json"]);
    let snapshot: serde_json::Value = serde_json::from_str(&told.out).expect("JSON");
    snapshot["containment"].as_str().expect("a containment level").to_owned()
}

/// Whether runs have cgroups here; without them a test is skipped, and says so.
fn has_cgroups(project: &Project) -> bool {
    let has = containment(project) == "cgroup";
    if !has {
        eprintln!("skipped: no cgroup can be made here");
    }
    has
}

/// The cgroup that a supervisor made for itself, seen from a task's main process.
fn cgroup_of(task: Pid) -> PathBuf {
    let lines = fs::read_to_string(format!("/proc/{task}/cgroup")).expect("a process");
    let path = lines.lines().find_map(|line| line.strip_prefix("0::/")).expect("a cgroup");
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let mount = mounts.lines().find_map(|line| line.strip_suffix(line.split_once(" cgroup2 ")?.1)?.split(' ').nth(1));
    Path::new(mount.expect("a mount")).join(path).parent().expect("the supervisor's").to_owned()
}

#[test]
fn the_containment_is_shown() {
    let project = Project::new("[tasks.a]\ncommand = ['sleep', '600']");
    let mut stead = project.up();
    stead.wait_for_start("a");
    stead.wait_for_control();
    let words = match containment(&project).as_str() {
        "cgroup" => "containment: no process outlives its run (cgroup + subreaper)",
        "subreaper" => "containment: no process outlives stead (subreaper)",
        other => panic!("{other}"),
    };
    assert!(project.client(&["status"]).out.contains(words));
}

#[test]
fn who_hides_is_ended_with_its_run_where_there_are_cgroups() {
    let hidden =
        "(env -i setsid sh -c 'echo $$ > hidden; exec sleep 600' &); until test -s hidden; do sleep 0.01; done";
    let project = Project::new(&format!("[tasks.a]\nrestart = 'never'\ncommand = \"{hidden}; echo hi\""));
    let mut stead = project.up();
    stead.wait_for("run 1 exited, code 0");
    let hidden = fs::read_to_string(project.path().join("hidden")).expect("a pid");
    let hidden = Pid::from_raw(hidden.trim().parse().expect("a number"));
    stead.wait_for_control();
    assert_eq!(is_alive(hidden), !has_cgroups(&project));
    let held = hold([hidden]);
    let pid = stead.pid();
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    all_end(held, &project, pid);
}

#[test]
fn no_cgroup_is_left_by_a_supervisor_that_ends_or_is_killed() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        let project = Project::new(TREE);
        let (stead, warden) = grown(&project);
        if !has_cgroups(&project) {
            return;
        }
        let sleeper = *tree(&project, stead.pid()).keys().next().expect("a process");
        let cgroup = cgroup_of(sleeper);
        assert!(cgroup.ends_with(format!("stead-{}", stead.pid())), "{cgroup:?}");
        let (held, pid) = (hold(tree(&project, stead.pid()).into_keys().chain([warden])), stead.pid());
        stead.signal(signal);
        stead.end();
        all_end(held, &project, pid);
        assert!(!cgroup.exists(), "{signal}");
    }
}

#[test]
fn what_is_left_when_supervisor_and_warden_are_killed_at_once_ends_when_the_next_one_starts() {
    let project = Project::new(TREE);
    let (stead, warden) = grown(&project);
    if !has_cgroups(&project) {
        return;
    }
    let family = tree(&project, stead.pid());
    let cgroup = cgroup_of(*family.keys().next().expect("a process"));
    let (held, pid) = (hold(family.into_keys()), stead.pid());
    // Suspended, it can do nothing between the two.
    kill(warden, Signal::SIGSTOP).expect("a process");
    stead.signal(Signal::SIGKILL);
    stead.end();
    kill(warden, Signal::SIGKILL).expect("a process");
    // Should another test start a supervisor first, that one has done it.
    let another = Project::new("[tasks.a]\ncommand = ['sleep', '600']");
    let mut next = another.up();
    next.wait_for_start("a");
    all_end(held, &project, pid);
    assert!(!cgroup.exists());
}

#[test]
fn the_next_one_starts_nothing_while_tasks_of_a_dead_one_live() {
    // Says so if the task of the last supervisor is still there.
    let command = "test ! -e pid || test ! -d /proc/$(cat pid) || echo met; echo $$ > pid; echo up; exec sleep 600";
    let project = Project::new(&format!("[tasks.a]\ncommand = '{command}'"));
    let mut stead = project.up();
    let warden = stead.warden();
    stead.wait_for("| up");
    let held = hold([warden]);
    // Suspended, it does not notice.
    kill(warden, Signal::SIGSTOP).expect("a process");
    stead.signal(Signal::SIGKILL);
    let dead = stead.pid();
    stead.end();
    let mut next = project.up();
    next.wait_for("| up");
    assert!(!next.said("| met"));
    next.signal(Signal::SIGTERM);
    let end = next.end();
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "{:?}", end.report);
    all_end(held, &project, dead);
}

#[test]
fn when_all_are_asked_to_stop() {
    let end = nobody_is_left_after(|stead, _| stead.signal(Signal::SIGTERM));
    assert_eq!(end.code(), Some(0));
    assert!(end.report[0].starts_with("stead: tree did not stop and was killed after "), "{:?}", end.report);
    assert!(end.report[0].contains("(left: "), "{:?}", end.report);
}

#[test]
fn when_only_the_task_is_killed() {
    let project = Project::new(&format!("{TREE}restart = 'never'"));
    let (mut stead, _) = grown(&project);
    let held = hold(tree(&project, stead.pid()).into_keys());
    let main = tree(&project, stead.pid()).into_keys().find(|pid| stead.said(&format!("pid {pid}")));
    kill(main.expect("the main process"), Signal::SIGKILL).expect("a process");
    stead.wait_for("run 1 exited, SIGKILL");
    all_end(held, &project, stead.pid());
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn the_warden_stays_through_what_a_service_manager_sends_to_all() {
    let project = Project::new("[tasks.a]\ncommand = 'sleep 600'");
    let mut stead = project.up();
    let warden = stead.warden();
    stead.wait_for_start("a");
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        kill(warden, signal).expect("a process");
    }
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
}

#[test]
fn what_is_suspended_is_stopped_in_time() {
    let project = Project::new("[tasks.a]\ncommand = ['sleep', '600']\nstop.timeout = '20s'");
    let mut stead = project.up();
    let pid = stead.wait_for_start("a");
    kill(pid, Signal::SIGSTOP).expect("a process");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert!(end.lines.iter().any(|line| line.contains("run 1 exited, SIGTERM")), "{:?}", end.lines);
    assert_eq!((end.code(), end.report.len()), (Some(0), 1), "{:?}", end.report);
}

/// Open descriptors, and resident memory in KiB.
fn footprint(pid: Pid) -> (usize, u64) {
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).expect("a process").count();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    (descriptors, memory.expect("a number"))
}

/// What a supervisor may grow by over hundreds of runs whose output and events are kept, in KiB: its bounded buffers.
const GROWTH: u64 = 8 << 10;

#[test]
fn a_thousand_runs_are_counted_and_leave_no_zombie_no_descriptor_and_no_memory() {
    let project = Project::new(
        "[tasks.a]\ncommand = ['true']\nrestart = 'always'\nmax_retries = 999\ninitial_backoff = '0s'\nmax_backoff = '0s'\n\
         [tasks.b]\ncommand = ['sleep', '600']",
    );
    let mut stead = project.up();
    let warden = stead.warden();
    stead.wait_for_start("b");
    stead.wait_for("run 300 exited, code 0");
    let before = [stead.pid(), warden].map(footprint);
    for hundred in 4..=10 {
        stead.wait_for(&format!("run {hundred}00 exited, code 0"));
    }
    stead.wait_for("gave up after 999 retries");
    // While a run lives, it has some descriptors: its pipes, its log. So has whatever reads the log just then.
    until(|| footprint(stead.pid()).0 <= before[0].0 && footprint(warden).0 <= before[1].0);
    let after = [stead.pid(), warden].map(footprint);
    for (before, after) in before.into_iter().zip(after) {
        assert!(after.1 <= before.1 + GROWTH, "{before:?}, then {after:?}");
    }
    let children = fs::read_to_string(format!("/proc/{warden}/task/{warden}/children")).expect("a list");
    assert_eq!(children.split_whitespace().count(), 1, "b alone: {children}");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    let exits = end.lines.iter().filter(|line| line.starts_with("a ") && line.contains("exited, code 0"));
    assert_eq!(exits.count(), 1_000);
}

#[test]
fn no_descriptor_of_anybody_else_is_inherited() {
    let project = Project::new("[tasks.a]\ncommand = ['ls', '/proc/self/fd']\nrestart = 'never'");
    let mut stead = project.up_after("exec 7</dev/null 8>&1");
    stead.wait_for("run 1 exited, code 0");
    stead.signal(Signal::SIGTERM);
    stead.end();
    // The fourth is the directory that `ls` reads.
    assert_eq!(project.log("a"), "0\n1\n2\n3\n");
}

/// Whether namespaces can be made here; without them a test is skipped, and says so. In CI nothing is skipped.
pub(super) fn can_unshare() -> bool {
    let tried = Command::new("unshare").args(["-Urpfm", "true"]).stderr(Stdio::null()).status();
    let can = tried.is_ok_and(|status| status.success());
    assert!(can || std::env::var_os("CI").is_none(), "namespaces can't be made here");
    if !can {
        eprintln!("skipped: namespaces can't be made here");
    }
    can
}

pub(super) fn unshared(project: &Project, flags: &[&str], line: &str) -> Stead {
    let mut command = Command::new("unshare");
    command.current_dir(project.path()).args(flags).args(["sh", "-c"]);
    command.arg(format!("{line}; exec {} up --plain", env!("CARGO_BIN_EXE_stead")));
    Stead::start(command)
}

#[test]
fn as_process_1_it_waits_for_orphans_and_drains_when_it_is_told() {
    if !can_unshare() {
        return;
    }
    let reaped = "while test -e /proc/$(cat orphan); do sleep 0.01; done; echo reaped; exec sleep 600";
    let project = Project::new(&format!("[tasks.a]\ncommand = '{reaped}'"));
    // What a process 1 starts before it becomes stead is its child, and nobody's but stead's to wait for.
    let mut stead = unshared(&project, &["-Urpf", "--mount-proc"], "true & echo $! > orphan");
    stead.wait_for("| reaped");
    let unshare = stead.pid();
    let children = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).expect("a list");
    let process_1 = Pid::from_raw(children.trim().parse().expect("one child"));
    kill(process_1, Signal::SIGTERM).expect("a process");
    let end = stead.end();
    assert_eq!(end.code(), Some(0));
    assert!(end.last().starts_with("stead: graceful, asked by SIGTERM"), "{:?}", end.report);
}

#[test]
fn without_proc_it_says_so_and_stops_process_groups() {
    if !can_unshare() {
        return;
    }
    let project =
        Project::new("[tasks.a]\ncommand = 'trap \"\" TERM; sleep 600 & echo up; wait; wait'\nstop.timeout = '0s'");
    let mut stead = unshared(&project, &["-Urm"], "mount -t tmpfs none /proc");
    let warden = stead.warden();
    stead.wait_for("| up");
    let held = hold(tree(&project, stead.pid()).into_keys().chain([warden]));
    let pid = stead.pid();
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    all_end(held, &project, pid);
    assert!(end.report[0].starts_with("stead: there is no /proc: "), "{:?}", end.report);
}
