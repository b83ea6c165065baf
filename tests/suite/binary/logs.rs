//! What was written, and why a run failed: asked for from outside, with and without a supervisor.

use std::fs;
use std::io::Read;
use std::process::{Output, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{Project, Told, until};

fn stead(project: &Project, arguments: &[&str]) -> Output {
    project.command().args(arguments).stdin(Stdio::null()).output().expect("the binary")
}

/// The lines of a command that succeeds.
fn lines(project: &Project, arguments: &[&str]) -> Vec<String> {
    let output = stead(project, arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
}

/// Two tasks that have run and are gone: `a` three times, until its budget was spent, then `b`.
fn ended() -> Project {
    let project = Project::new(
        "[tasks.a]\ncommand = 'echo out; echo err >&2; exit 7'\nmax_retries = 2\ninitial_backoff = '0s'\n\
         [tasks.b]\ncommand = 'echo done'\nafter = { a = 'exited' }\nrestart = 'never'\n\
         [tasks.silent]\ncommand = 'true'\n",
    );
    let mut stead = project.up();
    stead.wait_for("failed: 2 retries spent: code 7");
    stead.wait_for("| done");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    project
}

#[test]
fn logs_are_told_without_a_supervisor() {
    let project = ended();
    let all = lines(&project, &["logs"]);
    assert_eq!(all.iter().filter(|line| line.starts_with("a      | ")).count(), 6, "{all:?}");
    assert!(all.contains(&"b      | done".to_owned()), "{all:?}");
    assert_eq!(lines(&project, &["logs", "a", "--stderr"]), ["err"; 3]);
    assert_eq!(lines(&project, &["logs", "a", "--run", "2", "-g", "^o"]), ["out"]);
    assert_eq!(lines(&project, &["logs", "a", "--run", "-1"]).len(), 2);
    assert_eq!(lines(&project, &["logs", "a", "b", "--run", "last"]).len(), 3);
    assert_eq!(lines(&project, &["logs", "-n", "2", "a"]).len(), 2);
    assert_eq!(lines(&project, &["logs", "--since", "1h"]).len(), 7);
    let told = lines(&project, &["logs", "b", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told[0]).expect("JSON");
    assert_eq!((&told["task"], &told["text"], &told["stream"]), (&"b".into(), &"done".into(), &"stdout".into()));
}

#[test]
fn there_is_an_answer_when_there_is_nothing_to_show() {
    let project = ended();
    for (arguments, code, said) in [
        (["logs", "sillent"], 2, "no task is called `sillent`; did you mean `silent`?"),
        (["logs", "silent"], 1, "silent has written nothing yet"),
        (["logs", "--until=1h"], 1, "nothing that was written is asked for"),
        (["logs", "--grep=nowhere"], 1, ""),
        (["logs", "--grep=("], 2, "unclosed group"),
        (["logs", "--run=0"], 2, "expected the number of a run, `last`, or `-1`"),
        (["logs", "--since=soon"], 2, "expected something like `10m`"),
        (["why", "bb"], 2, "no task is called `bb`; did you mean `b`?"),
    ] {
        let output = stead(&project, &arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(said), "{arguments:?}: {told}");
    }
}

#[test]
fn a_failed_run_is_explained_afterwards() {
    let project = ended();
    let why = lines(&project, &["why", "a"]);
    assert!(why[0].starts_with("under an earlier supervisor, started 2"), "{why:?}");
    assert!(why[1].starts_with("a: code 7 after "), "{why:?}");
    assert!(why.contains(&"  then     given up, 2 retries were allowed".to_owned()), "{why:?}");
    assert!(why.iter().any(|line| line.ends_with(" ! err")), "{why:?}");
    let json: Value = serde_json::from_str(&lines(&project, &["why", "--json", "a"])[0]).expect("JSON");
    assert_eq!((&json["causes"], json["post_mortems"].as_array().map(Vec::len)), (&Value::Null, Some(3)));
    assert_eq!(json["post_mortems"][0]["run"], 3, "the newest first");
    for kept in json["post_mortems"].as_array().expect("a list") {
        assert!(kept["peak_memory_bytes"].as_u64().is_some_and(|peak| peak > 0), "{kept}");
    }
    assert_eq!(lines(&project, &["why", "b"]), ["b has no recorded failure"]);
}

#[test]
fn a_critical_end_is_explained_afterwards() {
    let project = Project::new("[tasks.a]\ncommand = 'echo last words; kill -9 $$'\ncritical = true\n");
    assert_eq!(project.up().end().code(), Some(1));
    let why = lines(&project, &["why", "a"]);
    assert!(why[1].starts_with("a: SIGKILL ") && why.last().is_some_and(|line| line.ends_with("last words")));
}

#[test]
fn who_follows_misses_nothing_while_segments_grow_old() {
    let project = Project::new(
        "[logs]\nmax_size = '1 KiB'\nkeep = 100\n[tasks.a]\n\
         command = 'i=0; while test $i -lt 400; do i=$((i+1)); echo \"line $i of some length\"; sleep 0.002; done; sleep 60'\n",
    );
    // It may begin when there are some lines already.
    let mut follower = project.up_with(&["logs", "-f", "--lines", "400", "a"]);
    let mut stead = project.up();
    stead.wait_for("line 400 of");
    follower.wait_for("line 400 of");
    // What began in the background of a script may ignore SIGINT.
    follower.signal(Signal::SIGTERM);
    let seen = follower.end().lines;
    stead.signal(Signal::SIGTERM);
    stead.end();
    let expected: Vec<_> = (1..=400).map(|number| format!("line {number} of some length")).collect();
    for told in [seen, lines(&project, &["logs", "a"])] {
        let difference = told.iter().zip(&expected).find(|(told, expected)| told != expected);
        assert_eq!((told.len(), difference), (400, None));
    }
    let old = fs::read_dir(project.path().join(".stead/logs")).expect("a directory");
    let old = old.filter(|entry| entry.as_ref().expect("an entry").file_name().to_string_lossy().contains(".log."));
    assert!(old.count() > 5);
}

#[test]
fn a_log_that_is_cut_short_while_it_is_written_fast_has_no_holes() {
    let project = Project::new("[logs]\nmax_size = 0\n[tasks.a]\ncommand = 'yes written; exec sleep 600'");
    let mut stead = project.up_with(&["up", "--headless"]);
    let log = project.path().join(".stead/logs/a.log");
    let size = || fs::metadata(&log).map_or(0, |log| log.len());
    for _ in 0..20 {
        super::until(|| size() > 1 << 20);
        fs::OpenOptions::new().write(true).open(&log).expect("a log").set_len(0).expect("a shorter log");
    }
    stead.wait_for_start("a");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    let bytes = fs::read(&log).expect("a log");
    assert!(!bytes.contains(&0), "of {} bytes the first is {:?}", bytes.len(), bytes.first());
    let lines = lines(&project, &["logs", "a", "-n", "5"]);
    assert!(lines.len() == 5 && lines.iter().all(|line| "written".ends_with(line.as_str())), "{lines:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let project = Project::new("[tasks.a]\ncommand = 'seq 100000'\nrestart = 'never'\n");
    let mut stead = project.up_with(&["up", "--headless"]);
    stead.wait_for(" done");
    stead.signal(Signal::SIGTERM);
    stead.end();
    let mut reader = project.command().args(["logs", "a"]).stdout(Stdio::piped()).spawn().expect("the binary");
    drop(reader.stdout.take());
    assert_eq!(reader.wait().expect("a child").code(), Some(0));
}

/// A project whose task has run and is gone.
fn written(command: &str) -> Project {
    let project = Project::new(&format!("[tasks.a]\ncommand = '''{command}'''\nrestart = 'never'\n"));
    let mut stead = project.up_with(&["up", "--headless"]);
    stead.wait_for(" done");
    stead.signal(Signal::SIGTERM);
    stead.end();
    project
}

#[test]
fn into_a_pipe_go_the_bytes_as_they_were_written() {
    let project = written(
        r"printf 'secret\rfine\n\033[31mred\033[0m\r\nbad \377\n'; printf '👨\342\200\215👩 ❤\357\270\217\n';
          head -c 300000 /dev/zero | tr '\0' x; echo; printf 'no end'",
    );
    let kept = fs::read(project.path().join(".stead/logs/a.log")).expect("a log");
    let output = stead(&project, &["logs", "a"]);
    assert!(output.stdout == [&kept, &b"\n"[..]].concat(), "{} of {} bytes", output.stdout.len(), kept.len());
}

#[test]
fn a_carriage_return_hides_nothing_from_programs() {
    let project = written(r"printf 'secret\rfine\n'");
    let json: Value = serde_json::from_str(&lines(&project, &["logs", "--json"])[0]).expect("JSON");
    assert_eq!(json["text"], "secret\rfine");
    for pattern in ["secret", "^secret$", "^fine$", "secret.fine"] {
        assert_eq!(stead(&project, &["logs", "a", "-g", pattern]).stdout, b"secret\rfine\n", "{pattern}");
    }
}

#[test]
fn what_matches_is_printed_however_far_along_the_line_it_is() {
    let project = written(r"head -c 700000 /dev/zero | tr '\0' x; echo needle; echo other");
    let output = stead(&project, &["logs", "a", "--grep", "needle$"]);
    assert!(output.stdout.len() == 700_007 && output.stdout.ends_with(b"xneedle\n"), "{}", output.stdout.len());
}

#[test]
fn a_follower_prints_the_rest_and_ends_with_the_supervisor() {
    let project =
        Project::new("[tasks.a]\ncommand = 'trap \"echo bye; exit\" TERM; echo hi; while :; do sleep 0.1; done'\n");
    let mut stead = project.up();
    stead.wait_for("| hi");
    let mut follower = project.up_with(&["logs", "-f"]);
    follower.wait_for("| hi");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    let end = follower.end();
    assert_eq!(end.code(), Some(0));
    assert!(end.lines.contains(&"a | bye".to_owned()), "{:?}", end.lines);
    assert_eq!(end.report, ["stead: the supervisor has ended"]);
}

#[test]
fn what_follows_ends_when_no_one_reads_it_any_more() {
    let project = Project::new("[tasks.a]\ncommand = 'echo hi; exec sleep 1000'\n");
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for("| hi");
    for arguments in [&["logs", "-f"][..], &["logs", "-f", "a", "--json"], &["events", "-f"], &["status", "--watch"]] {
        let mut follower = project.command();
        let mut follower = follower.args(arguments).stdout(Stdio::piped()).spawn().expect("a follower");
        // Something is written, and nothing after that.
        follower.stdout.take().expect("a pipe").read_exact(&mut [0]).expect("a byte");
        until(|| follower.try_wait().expect("a child").is_some());
        assert_eq!(follower.wait().expect("a child").code(), Some(0), "{arguments:?}");
    }
    stead.signal(Signal::SIGTERM);
    stead.end();
}

#[test]
fn the_name_of_a_directory_does_nothing_to_a_terminal() {
    let outside = tempfile::tempdir().expect("a directory");
    let dir = outside.path().join("\u{1b}]0;pwned\u{7}\u{1b}[31m\u{202e}red");
    fs::create_dir(&dir).expect("a directory");
    fs::write(dir.join("stead.toml"), "[web]\nenabled = false\n[tasks.t]\ncommand = 'echo hi; exec sleep 1000'\n")
        .expect("a file");
    let project = Project::new("");
    let harmless = |arguments: &[&str]| {
        let told = Told::by(project.command().args(arguments).current_dir(&dir));
        let all = format!("{}{}", told.out, told.err);
        let acts = |c: char| c != '\n' && c.is_control() || c == '\u{202e}';
        assert!(!all.contains(acts) && !all.is_empty(), "{arguments:?}: {all:?}");
    };
    for command in ["check", "status", "down", "plan", "events"] {
        harmless(&[command]);
    }
    harmless(&["check", "--file", "nowhere.toml"]);
    harmless(&["up", "-d", "--wait"]);
    for arguments in
        [&["up", "-d"][..], &["status"], &["events"], &["why", "t"], &["restart", "t"], &["down"], &["down"]]
    {
        harmless(arguments);
    }
    fs::write(dir.join("stead.toml"), "nonsense = 1\n").expect("a file");
    harmless(&["check"]);
    harmless(&["up"]);
}

#[test]
fn the_disk_that_logs_take_is_shown_bounded_and_given_back() {
    let project = Project::new(
        "[logs]\nmax_total = '600 KiB'\nmax_size = '64 KiB'\nkeep = 1000\n\
         [tasks.a]\ncommand = 'od -An -x /dev/urandom | head -c 4000000; echo; echo end; exec sleep 1000'\n\
         logs.max_size = '32 KiB'\n\
         [tasks.b]\ncommand = 'od -An -x /dev/urandom | head -c 4000000; echo; echo end; exec sleep 1000'\n",
    );
    let mut stead = project.up();
    stead.wait_for("| end");
    stead.wait_for("| end");
    let usage = || serde_json::from_str::<Value>(&project.client(&["logs", "--disk", "--json"]).out).expect("JSON");
    let deadline = std::time::Instant::now() + super::DEADLINE;
    // It is looked after in the background, too.
    while usage()["total"].as_u64() > Some(600 * 1024) {
        assert!(std::time::Instant::now() < deadline, "{}", usage());
    }
    let segments = |task: &str| {
        let usage = usage();
        let logs = usage["logs"].as_array().expect("logs").clone();
        logs.iter().find(|log| log["task"] == task).and_then(|log| log["segments"].as_u64()).expect("a log")
    };
    assert!(segments("a") > 1 && segments("b") > 1, "{}", usage());
    let table = project.client(&["logs", "--disk"]).out;
    assert!(table.starts_with("TASK") && table.contains(", 600.0 KiB at most ([logs] max_total)"), "{table}");

    let cleared = project.client(&["logs", "--clear", "a"]);
    assert!(cleared.code == Some(0) && cleared.out.starts_with("a: "), "{cleared:?}");
    stead.wait_for("clear the log of a, asked by control/cli");
    assert_eq!((project.log("a").as_str(), segments("b") > 1), ("", true));
    assert_eq!(project.client(&["logs", "--clear"]).code, Some(2), "not all of them by accident");
    assert_eq!(project.client(&["logs", "--clear", "c"]).code, Some(2));
    stead.signal(Signal::SIGTERM);
    stead.end();
    assert_eq!(project.client(&["logs", "--clear", "b"]).code, Some(0), "without a supervisor, too");
    assert_eq!(project.client(&["logs", "b"]).code, Some(1));
}
