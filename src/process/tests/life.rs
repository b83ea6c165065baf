//! How runs end, and what is left then: nothing.

use std::time::{Duration, Instant};

use super::*;

/// Shorter than what the processes of these tests would take by themselves.
const SOON: Duration = Duration::from_secs(3);

#[tokio::test]
async fn the_exit_code_is_the_reason() {
    assert_eq!(run("exit 7").await.reason, "code 7");
    assert_eq!(run("true").await.reason, "code 0");
}

#[tokio::test]
async fn a_signal_is_told_by_name() {
    assert_eq!(run("kill -9 $$").await.reason, "SIGKILL from outside stead");
    assert!(run("kill -SEGV $$").await.reason.starts_with("SIGSEGV"));
}

#[tokio::test]
async fn a_start_is_told_with_its_pid() {
    let mut life = task("echo $$; sleep 60").start();
    let pid = life.pid().await;
    life.says(&pid.to_string()).await;
    assert_eq!(life.stopped().await.reason, "SIGTERM");
}

/// What a task prints of its environment, in a directory below its own that is reached through `..`.
async fn environment_in(dir: &str, task: TestTask) -> Vec<String> {
    let mut task = task;
    fs::create_dir(task.scratch.path().join("app")).unwrap();
    task.config.dir = task.scratch.path().join(dir);
    task.start().ended().await.lines
}

#[tokio::test]
async fn a_program_finds_its_own_directory_in_its_environment() {
    let task = task("").argv(["printenv", "PWD"]);
    let app = task.scratch.path().canonicalize().unwrap().join("app");
    assert_eq!(environment_in("app", task).await, [app.to_str().unwrap()]);
    let task = super::task("").argv(["printenv", "PWD"]);
    let root = task.scratch.path().canonicalize().unwrap();
    assert_eq!(environment_in("app/..", task).await, [root.to_str().unwrap()]);
    let task = super::task("").argv(["printenv", "PWD"]).env("PWD", "/elsewhere");
    assert_eq!(environment_in("app", task).await, ["/elsewhere"], "the task says so");
}

#[tokio::test]
async fn a_run_is_over_when_its_main_process_is() {
    let began = Instant::now();
    let ended = run("sleep 60 & echo $!; echo hi").await;
    assert!(began.elapsed() < SOON);
    assert_eq!((ended.reason.as_str(), ended.lines[1].as_str()), ("code 0", "hi"));
    assert!(!alive(&ended.lines[0]), "what it left in its group is killed");
}

#[tokio::test]
async fn what_left_its_group_and_its_parents_is_killed_all_the_same() {
    let began = Instant::now();
    let ended = run("setsid sleep 60 & echo $!; (setsid sh -c 'echo $$; exec sleep 60' &); sleep 0.1; echo hi").await;
    assert!(began.elapsed() < SOON);
    assert_eq!(ended.lines.last().unwrap(), "hi");
    assert!(!alive(&ended.lines[0]) && !alive(&ended.lines[1]));
}

/// Forks twice, makes a session of its own and empties its environment before anybody has looked.
const HIDDEN: &str = "(env -i setsid sh -c 'echo $$; exec sleep 60' &); sleep 0.1; echo hi";

#[tokio::test]
async fn who_hides_holds_the_pipe_but_delays_nothing_and_ends_with_the_warden() {
    let began = Instant::now();
    let ended = run(HIDDEN).await;
    assert!(began.elapsed() < SOON);
    assert_eq!(ended.lines[1], "hi");
    assert!(alive(&ended.lines[0]));
    ended.end_of_warden.cancel();
    gone(&ended.lines[0]).await;
}

#[tokio::test]
async fn in_a_cgroup_nobody_can_hide() {
    let Some(claim) = Claim::here() else {
        eprintln!("skipped: no cgroup can be made here");
        return;
    };
    let ended = task(HIDDEN).in_cgroup(claim).start().ended().await;
    assert_eq!((ended.reason.as_str(), ended.lines[1].as_str()), ("code 0", "hi"));
    assert!(!alive(&ended.lines[0]));
}

#[tokio::test]
async fn who_was_seen_below_its_task_is_known_without_an_environment() {
    let mut life = task("env -i setsid sh -c 'trap \"\" TERM; echo $$; exec sleep 60' & wait; wait").start();
    life.says_lines(1).await;
    let pid = texts(&life.tail).remove(0);
    life.stop.cancel();
    life.left(&pid).await;
    let ended = life.killed().await;
    assert_eq!(ended.reason, "SIGTERM");
    assert!(!alive(&pid));
}

#[tokio::test]
async fn a_run_without_output_goes_on_and_uses_no_processor() {
    let life = task("echo gone; exec >&- 2>&-; sleep 60").start();
    life.says("gone").await;
    let before = nanoseconds_of_this_thread();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let used = nanoseconds_of_this_thread() - before;
    assert!(used < 100_000_000, "{used} ns spent on waiting");
    assert_eq!(life.stopped().await.reason, "SIGTERM");
}

/// Time on a processor; the thread is the whole runtime of a test.
fn nanoseconds_of_this_thread() -> u64 {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    schedstat.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn standard_input_is_empty() {
    let ended = run("cat; echo end of file").await;
    assert_eq!((ended.reason.as_str(), ended.log.as_slice()), ("code 0", b"end of file\n".as_slice()));
}

#[tokio::test]
async fn no_descriptor_is_inherited() {
    let inherited = rustix::io::dup(std::io::stdin()).unwrap();
    let ended = run("ls /proc/self/fd").await;
    drop(inherited);
    // The fourth is the directory that `ls` reads.
    assert_eq!(ended.log, b"0\n1\n2\n3\n");
}

#[tokio::test]
async fn signals_are_reset() {
    let ended = run("grep -E '^Sig(Blk|Ign)' /proc/self/status").await;
    // Signals 32 and 33 belong to the C library, which lets nobody touch them.
    let mask = |line: &str| u64::from_str_radix(line.split('\t').next_back().unwrap(), 16).unwrap() & !(0b11 << 31);
    assert_eq!(ended.lines.iter().map(|line| mask(line)).collect::<Vec<_>>(), [0, 0]);
}

#[tokio::test]
async fn each_run_has_a_session_of_its_own() {
    let ended = run("cut -d' ' -f1,5,6 /proc/$$/stat; echo $$").await;
    let pid = &ended.lines[1];
    assert_eq!(ended.lines[0], format!("{pid} {pid} {pid}"));
}

#[tokio::test]
async fn the_directory_and_the_environment_are_the_tasks() {
    let ended = task("pwd; echo $GREETING; test -n \"$PATH\" && echo inherited").env("GREETING", "hello").start();
    let ended = ended.ended().await;
    let dir = ended.scratch.path().canonicalize().unwrap();
    assert_eq!(ended.lines, [dir.to_str().unwrap(), "hello", "inherited"]);
}

#[tokio::test]
async fn an_array_is_run_without_a_shell() {
    let ended = task("").argv(["echo", "$HOME", "two  words"]).start().ended().await;
    assert_eq!(ended.log, b"$HOME two  words\n");
}

#[tokio::test]
async fn the_stop_signal_reaches_the_whole_group() {
    let life = task("sleep 60 & echo $!; trap 'exit 3' TERM; echo set; wait").start();
    life.says("set").await;
    let ended = life.stopped().await;
    assert_eq!(ended.reason, "code 3");
    assert!(!alive(&ended.lines[0]));
}

#[tokio::test]
async fn the_last_words_are_captured() {
    let life = task("trap 'echo last words; exit' TERM; echo set; while :; do sleep 0.01; done").start();
    life.says("set").await;
    assert!(life.stopped().await.lines.contains(&"last words".to_owned()));
}

#[tokio::test]
async fn after_a_stop_the_rest_of_the_group_may_finish() {
    let rest = "(trap '' TERM; echo rest; while ! test -e go; do sleep 0.01; done; echo done)";
    let mut life = task(&format!("{rest} & wait")).start();
    let main = life.pid().await.to_string();
    life.says("rest").await;
    life.stop.cancel();
    gone(&main).await;
    fs::write(life.scratch.path().join("go"), "").unwrap();
    let ended = life.ended().await;
    assert_eq!((ended.reason.as_str(), ended.lines.last().unwrap().as_str()), ("SIGTERM", "done"));
}

#[tokio::test]
async fn a_kill_ends_what_ignores_the_stop() {
    let life = task("trap '' TERM HUP; (while :; do sleep 60; done) & echo $!; echo set; wait; wait; sleep 60").start();
    life.says("set").await;
    life.stop.cancel();
    let ended = life.killed().await;
    assert_eq!(ended.reason, "SIGKILL");
    assert!(!alive(&ended.lines[0]));
}

#[tokio::test]
async fn a_kill_ends_a_rest_that_ignores_the_stop() {
    let life = task("echo $$; (trap '' TERM; echo rest; while :; do sleep 60; done) & echo $!; wait").start();
    // Two pids and `rest`, in whatever order.
    life.says_lines(3).await;
    let pids: Vec<String> = texts(&life.tail).into_iter().filter(|line| line != "rest").collect();
    life.stop.cancel();
    gone(&pids[0]).await;
    assert!(!life.run.is_finished(), "the rest has until the kill");
    life.kill.cancel();
    life.kill.cancel();
    assert_eq!(life.ended().await.reason, "SIGTERM");
    assert!(!alive(&pids[1]));
}

#[tokio::test]
async fn a_suspended_group_is_stopped_in_time() {
    let life = task("echo set; kill -STOP 0; echo continued").start();
    life.says("set").await;
    assert_eq!(life.stopped().await.reason, "SIGTERM");
}

#[tokio::test]
async fn a_stop_that_comes_first_starts_nothing() {
    let ended = task("echo started").start().stopped().await;
    assert_eq!((ended.reason.as_str(), ended.lines.len()), ("stopped before it was started", 0));
}

/// Ends by SIGTERM with code 5, and when the file `stop` is there with code 6.
const ASKED: &str = "trap 'exit 5' TERM; echo up; until test -e stop; do sleep 0.01; done; exit 6";

#[tokio::test]
async fn a_stop_command_comes_before_the_signal_and_its_output_is_in_the_log() {
    let command = "echo main $STEAD_PID; echo supervisor $STEAD_SUPERVISOR_PID >&2; touch stop";
    let mut life = task(ASKED).stop_command(command).start();
    let pid = life.pid().await;
    life.says("up").await;
    let ended = life.stopped().await;
    assert_eq!(ended.reason, "code 6");
    let mut lines: Vec<_> = String::from_utf8(ended.log).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, [format!("main {pid}"), format!("supervisor {}", std::process::id()), "up".to_owned()]);
}

#[tokio::test]
async fn what_a_stop_command_says_after_the_end_of_the_task_is_kept() {
    let mut life = task(ASKED).stop_command("touch stop; while kill -0 $STEAD_PID; do :; done; echo it ended").start();
    life.pid().await;
    life.says("up").await;
    let ended = life.stopped().await;
    assert_eq!(ended.reason, "code 6");
    assert!(ended.lines.contains(&"it ended".to_owned()), "{:?}", ended.lines);
}

#[tokio::test]
async fn after_a_stop_command_that_fails_the_signal_comes_at_once() {
    for (command, failure) in [("exit 9", "code 9"), ("kill -KILL $$", "SIGKILL")] {
        let mut life = task(ASKED).stop_command(command).start();
        life.pid().await;
        life.says("up").await;
        let ended = life.stopped().await;
        assert_eq!(ended.reason, "code 5");
        let note = format!("stead: the stop command failed: {failure}; SIGTERM comes next");
        assert!(ended.lines.contains(&note), "{:?}", ended.lines);
    }
    let mut missing = task(ASKED);
    missing.config.stop.command = Some(CommandLine::argv(["./missing"]));
    let mut life = missing.start();
    life.pid().await;
    life.says("up").await;
    let ended = life.stopped().await;
    assert_eq!(ended.reason, "code 5");
    assert!(ended.lines.iter().any(|line| line.contains("the stop command failed: ")), "{:?}", ended.lines);
}

#[tokio::test]
async fn after_half_of_the_time_the_signal_comes_whatever_the_stop_command_does() {
    for (command, note) in [("true", "had no effect within"), ("exec sleep 60", "took longer than")] {
        let mut it = task(ASKED).stop_command(command);
        it.config.stop.timeout = Duration::from_millis(400);
        let mut life = it.start();
        life.pid().await;
        life.says("up").await;
        let ended = life.stopped().await;
        assert_eq!(ended.reason, "code 5");
        let note = format!("stead: the stop command {note} 200ms; SIGTERM comes next");
        assert!(ended.lines.contains(&note), "{:?}", ended.lines);
    }
}

#[tokio::test]
async fn a_kill_ends_a_stop_command_that_hangs() {
    let mut life = task("sleep 60").stop_command("echo $$ > hangs; exec sleep 60").start();
    life.pid().await;
    life.stop.cancel();
    assert_eq!(life.killed().await.reason, "SIGKILL");
}

#[tokio::test]
async fn a_run_that_is_dropped_takes_its_group_along() {
    let life = task("sleep 60 & echo $!; echo set; wait").start();
    life.says("set").await;
    let pid = texts(&life.tail).remove(0);
    life.run.abort();
    assert!(life.run.await.unwrap_err().is_cancelled());
    gone(&pid).await;
}

#[tokio::test]
async fn standard_input_is_at_its_end_or_stays_open() {
    // `timeout` ends with 124 what does not end by itself.
    let line = "timeout 0.3 cat; echo code $?";
    assert_eq!(run(line).await.lines, ["code 0"]);
    let mut open = task(line);
    open.config.stdin = crate::config::TaskStdin::Open;
    assert_eq!(open.start().ended().await.lines, ["code 124"]);
}
