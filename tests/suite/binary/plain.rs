//! Output for pipes.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::Project;

/// Runs it to its end, with a pipe as its output.
fn output_of(project: &Project) -> Vec<u8> {
    let output = project.command().args(["up", "--plain"]).stdin(Stdio::null()).output().expect("the binary");
    output.stdout
}

/// A project whose only task is critical, so that all ends with it.
fn ending(command: &str) -> Project {
    Project::new(&format!("[tasks.a]\ncommand = '''{command}'''\ncritical = true\n"))
}

/// The output as it begins to be written.
fn begin(project: &Project) -> (Child, BufReader<ChildStdout>) {
    let mut command = project.command();
    let child =
        command.args(["up", "--plain"]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = child.expect("the binary");
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    (child, stdout)
}

/// What a task wrote, line by line.
fn lines_of<'a>(task: &str, output: &'a [u8]) -> Vec<&'a [u8]> {
    let lines = output.split(|&byte| byte == b'\n');
    let own = |line: &'a [u8]| {
        let rest = line.strip_prefix(task.as_bytes())?.trim_ascii_start();
        rest.strip_prefix(b"| ")
    };
    lines.filter_map(own).collect()
}

#[test]
fn into_a_pipe_go_the_bytes_as_they_were_written() {
    let project = ending(
        r"printf '\033[31mred\033[0m\rblue\r\n'; printf 'bad \377\n👨\342\200\215👩\n';
          head -c 600000 /dev/zero | tr '\0' x; echo; printf 'no end'",
    );
    let output = output_of(&project);
    let long = "x".repeat(600_000);
    let expected =
        [&b"\x1b[31mred\x1b[0m\rblue\r"[..], b"bad \xff", "👨\u{200d}👩".as_bytes(), long.as_bytes(), b"no end"];
    assert!(lines_of("a", &output) == expected, "{} bytes", output.len());
}

#[test]
fn a_burst_of_lines_is_printed_whole() {
    let output = output_of(&ending("seq 200000"));
    let numbers = lines_of("a", &output);
    assert_eq!(numbers.len(), 200_000);
    assert!((1..).zip(numbers).all(|(number, line)| line == number.to_string().as_bytes()));
}

#[test]
fn a_start_stands_before_its_output_and_an_end_behind_it() {
    let task = |number: usize| {
        format!(
            "[tasks.t{number}]\ncommand = 'echo out; printf last'\nmax_retries = 2\ninitial_backoff = '0s'\nrestart = 'always'\n"
        )
    };
    let project = Project::new(&(0..20).map(task).collect::<String>());
    let mut stead = project.up();
    (0..20).for_each(|_| drop(stead.wait_for("failed: ")));
    stead.signal(Signal::SIGTERM);
    let all = stead.end().lines;
    let run = [" started,", "| out", "| last", "code 0"];
    for number in 0..20 {
        let own: Vec<_> = all.iter().filter(|line| line.split(' ').next() == Some(&format!("t{number}"))).collect();
        let order: Vec<_> = own.iter().filter_map(|line| run.into_iter().find(|word| line.contains(word))).collect();
        assert!(order.len() >= 12 && order[..12].chunks(4).all(|words| words == run), "{own:#?}");
    }
}

#[test]
fn a_prompt_is_printed_though_its_line_has_not_ended() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'mkfifo fifo; printf \"Name: \"; read -r name < fifo; echo \"hello $name\"; sleep 60'\n",
    );
    let (mut child, mut output) = begin(&project);
    let mut seen = Vec::new();
    let mut read_until = |end: &[u8]| {
        let mut byte = [0];
        while !seen.ends_with(end) {
            output.read_exact(&mut byte).expect("more output");
            seen.push(byte[0]);
        }
    };
    read_until(b"| Name: ");
    fs::write(project.path().join("fifo"), "you\n").expect("a reader");
    read_until(b"| Name: hello you\n");
    child.kill().expect("a child");
    child.wait().expect("a child");
}

#[test]
fn once_nothing_reads_the_output_all_is_stopped_in_order() {
    // One that goes on to write, and one that has written all it has to say.
    for rest in ["while :; do echo more; sleep 0.05; done", "sleep 600"] {
        let project = Project::new(&format!(
            "[tasks.a]\ncommand = \"trap 'echo stopped > stopped; exit 0' TERM; seq 20; {{ {rest}; }} & wait\"\n"
        ));
        let (mut child, mut output) = begin(&project);
        let mut line = String::new();
        while !line.ends_with("| 20\n") {
            line.clear();
            output.read_line(&mut line).expect("text");
        }
        drop(output);
        let closed = Instant::now();
        assert_eq!(child.wait().expect("a child").code(), Some(0), "{rest}");
        assert!(closed.elapsed() < Duration::from_secs(5), "{:?}", closed.elapsed());
        assert!(project.path().join("stopped").exists(), "it was asked to stop");
    }
}

#[test]
fn steads_own_parts_are_silent_while_they_are_well() {
    for arguments in [&["up", "--plain"][..], &["up", "--headless"]] {
        let project = Project::new("[web]\nlisten = '127.0.0.1:0'\n[tasks.a]\ncommand = 'exec sleep 600'\n");
        let mut stead = project.up_with(arguments);
        stead.wait_for_start("a");
        let page = stead.wait_for("http://");
        assert!(page.starts_with("stead   * ") && page.contains(" the page is at http://127.0.0.1:"), "{page}");
        stead.wait_for_control();
        stead.signal(Signal::SIGTERM);
        let end = stead.end();
        assert!(end.lines.iter().all(|line| !line.starts_with("stead.")), "{:?}", end.lines);
    }
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
