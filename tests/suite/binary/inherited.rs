//! What the process that starts stead leaves behind: limits, signals, variables. stead works all the same, and its tasks
//! get what is theirs.

use nix::sys::signal::Signal;

use super::{DEADLINE, Project, Stead};

/// Runs a task to its end, below a shell that runs `line` first, and returns its log.
fn log_after(line: &str, command: &str) -> String {
    let project = Project::new(&format!("[tasks.a]\nrestart = 'never'\ncommand = \"\"\"{command}\"\"\""));
    let mut stead = project.up_after(line);
    stead.wait_for("run 1 exited, code 0");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    project.log("a")
}

#[test]
fn a_limit_of_file_sizes_costs_log_lines_and_nothing_else() {
    // In units of 512 bytes.
    let write = "head -c 300000 /dev/zero | tr '\\\\0' x; echo; echo last; exec sleep 600";
    let project = Project::new(&format!("[tasks.a]\ncommand = \"{write}\""));
    let mut stead = project.up_after("ulimit -f 200");
    stead.wait_for("bytes lost: file too large");
    stead.wait_for("| last");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.code(), Some(0), "{:?}", end.report);
    assert!(end.lines.iter().any(|line| line.contains("run 1 exited, SIGTERM")));
}

#[test]
fn soft_limits_are_for_tasks_and_not_for_stead() {
    let limits = "ulimit -Sf 1; ulimit -Sv 200000; ulimit -St 77; ulimit -Sd 190000; ulimit -Sn 30";
    let log = log_after(limits, "ulimit -Sf; ulimit -Sv; ulimit -St; ulimit -Sd; ulimit -Sn; seq 300");
    assert_eq!(log.lines().take(5).collect::<Vec<_>>(), ["1", "200000", "77", "190000", "30"]);
    assert!(log.ends_with("\n300\n"), "the log is longer than a task's files may be");
}

#[test]
fn hard_limits_of_memory_are_enough_for_a_few_tasks() {
    let log = log_after("ulimit -v 600000; ulimit -d 500000; ulimit -l 0; ulimit -s 512", "ulimit -v");
    assert_eq!(log, "600000\n");
}

#[test]
fn signals_that_are_blocked_or_ignored_reach_stead_and_its_tasks() {
    if !super::has("env") {
        return;
    }
    for how in ["--block-signal", "--ignore-signal"] {
        let project = Project::new("[tasks.a]\ncommand = 'echo up; exec sleep 600'");
        let mut stead = Stead::start({
            let mut command = std::process::Command::new("env");
            command.current_dir(project.path()).args([how, env!("CARGO_BIN_EXE_stead"), "up", "--plain"]);
            command
        });
        stead.wait_for("| up");
        let blocked = project.client(&["status"]);
        assert_eq!(blocked.code, Some(0), "{how}");
        stead.signal(Signal::SIGTERM);
        let end = stead.end();
        assert_eq!(end.code(), Some(0), "{how}: {:?}", end.report);
        assert!(end.lines.iter().any(|line| line.contains("run 1 exited, SIGTERM")), "{how}: {:?}", end.lines);
    }
}

#[test]
fn under_nohup_it_outlives_its_terminal() {
    let project = Project::new("[tasks.a]\ncommand = 'echo up; exec sleep 600'");
    // `script` gives it a terminal, which it closes when it is killed.
    if !super::has("script") {
        return;
    }
    let run = format!("nohup {} up --plain > out 2>&1", env!("CARGO_BIN_EXE_stead"));
    let mut terminal = std::process::Command::new("script");
    terminal.current_dir(project.path()).args(["-qc", &run, "/dev/null"]).stdin(std::process::Stdio::piped());
    let mut terminal = terminal.spawn().expect("script");
    let said = |text: &str| std::fs::read_to_string(project.path().join("out")).is_ok_and(|out| out.contains(text));
    super::until(|| said("| up"));
    terminal.kill().expect("a process");
    terminal.wait().expect("an end");
    // The hang-up reaches it before the answer to this.
    let told = project.client(&["down"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    super::until(|| said("asked by control"));
    assert!(!said("SIGHUP"));
}

#[test]
fn processor_time_that_is_limited_softly_does_not_end_stead() {
    let project = Project::new("[tasks.a]\ncommand = 'echo up; exec sleep 600'");
    let mut stead = project.up_after("ulimit -St 1");
    stead.wait_for("| up");
    stead.signal(Signal::SIGXCPU);
    stead.signal(Signal::SIGXFSZ);
    assert_eq!(project.client(&["status"]).code, Some(0));
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn an_alarm_that_is_pending_is_not_for_stead() {
    if !super::has("python3") {
        return;
    }
    let project = Project::new("[tasks.a]\ncommand = 'echo up; exec sleep 600'");
    let binary = env!("CARGO_BIN_EXE_stead");
    let exec = format!(
        "import os, signal; signal.setitimer(signal.ITIMER_REAL, 0.5); os.execv('{binary}', ['stead', 'up', '--plain'])"
    );
    let mut stead = Stead::start({
        let mut command = std::process::Command::new("python3");
        command.current_dir(project.path()).args(["-c", &exec]);
        command
    });
    stead.wait_for("| up");
    let started = std::time::Instant::now();
    // It would come meanwhile.
    let told = project.client(&["wait", "a", "--for", "exited", "--timeout", "1s"]);
    assert!(started.elapsed() < DEADLINE && told.code != Some(0), "{told:?}");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn what_its_service_manager_tells_stead_is_not_told_to_tasks() {
    let export = "export NOTIFY_SOCKET=/none LISTEN_FDS=1 LISTEN_PID=1 WATCHDOG_USEC=1 OLDPWD=/none KEPT=kept";
    let log = log_after(export, "env | grep -E '^(NOTIFY|LISTEN|WATCHDOG|OLDPWD|KEPT)'");
    assert_eq!(log, "KEPT=kept\n");
}
