//! What is written is in the log as it was, and on the screen within bounds.

use super::*;
use crate::logs::{LineLimits, OutputStream, TAIL_BYTES, TAIL_LINES};

#[tokio::test]
async fn a_million_lines_are_in_the_log_as_they_were() {
    let ended = run("seq 1000000").await;
    let expected: String = (1..=1_000_000).map(|number| format!("{number}\n")).collect();
    assert!(ended.log == expected.as_bytes(), "the log differs");
    assert_eq!(ended.lines.len(), TAIL_LINES);
    assert!(ended.lines.iter().rev().zip((1..=1_000_000).rev()).all(|(line, number)| *line == number.to_string()));
    assert!(ended.tail.lines().is_sorted_by_key(|line| line.id));
}

#[tokio::test]
async fn the_two_streams_are_told_apart() {
    let ended = run("echo out; echo err >&2").await;
    let by_stream = |stream| {
        let lines = ended.tail.lines();
        lines.iter().filter(|line| line.stream == stream).map(|line| line.bytes.clone()).collect::<Vec<_>>()
    };
    assert_eq!(by_stream(OutputStream::Stdout), [b"out"]);
    assert_eq!(by_stream(OutputStream::Stderr), [b"err"]);
    assert_eq!(ended.log.len(), b"out\nerr\n".len());
}

#[tokio::test]
async fn a_line_without_an_end_is_seen_at_once_and_kept() {
    let life = task("printf partial; exec sleep 60").start();
    life.says("partial").await;
    let ended = life.stopped().await;
    assert_eq!(
        (ended.lines.as_slice(), ended.log.as_slice()),
        (["partial".to_owned()].as_slice(), b"partial".as_slice())
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_are_kept() {
    let ended = run(r"printf '\377\376\n'").await;
    assert_eq!(ended.log, b"\xff\xfe\n");
    assert_eq!(ended.tail.lines()[0].bytes, b"\xff\xfe");
}

#[tokio::test]
async fn ten_megabytes_without_an_end_are_one_bounded_line() {
    let ended = run("head -c 10000000 /dev/zero | tr '\\0' x").await;
    assert_eq!(ended.log.len(), 10_000_000);
    let lines = ended.tail.lines();
    assert_eq!((lines.len(), lines[0].bytes.len(), lines[0].cut), (1, LineLimits::SCREEN.kept, true));
}

#[tokio::test]
async fn the_tail_is_bounded_by_bytes_too() {
    let ended = run("yes \"$(head -c 4000 /dev/zero | tr '\\0' x)\" | head -n 1000").await;
    let kept: usize = ended.tail.lines().iter().map(|line| line.bytes.len()).sum();
    assert!(kept <= TAIL_BYTES && kept > TAIL_BYTES - LineLimits::SCREEN.kept, "{kept}");
    assert_eq!(ended.lines.last().map(String::len), Some(4_000));
}

#[tokio::test]
async fn of_progress_that_overwrites_itself_the_newest_is_kept() {
    let ended = run("i=0; while test $i -lt 10000; do printf '%d%%\\r' $i; i=$((i+1)); done; echo done").await;
    assert!(ended.lines.len() == 1 && ended.lines[0].ends_with("%\r9999%\rdone"), "{:?}", ended.lines);
    assert!(ended.log.starts_with(b"0%\r1%\r"), "the log has all of it");
}

#[tokio::test]
async fn escape_sequences_are_left_to_the_reader() {
    let ended = run(r"printf '\033[31mred\033[0m\033]52;c;aGk=\007\n'").await;
    assert_eq!(ended.tail.lines()[0].bytes, b"\x1b[31mred\x1b[0m\x1b]52;c;aGk=\x07");
}

#[tokio::test]
async fn what_is_written_right_before_the_end_is_there() {
    for _ in 0..50 {
        assert_eq!(run("head -c 60000 /dev/zero; echo end >&2; exit 1").await.log.len(), 60_004);
    }
}

#[tokio::test]
async fn a_second_run_adds_to_the_log() {
    let logs = tempfile::tempdir().unwrap();
    for word in ["one", "two"] {
        task(&format!("echo {word}")).start_logging_to(logs.path().to_owned()).ended().await;
    }
    assert_eq!(fs::read(logs.path().join("it.log")).unwrap(), b"one\ntwo\n");
}

#[tokio::test]
async fn bytes_that_a_link_would_lead_elsewhere_are_counted_and_the_task_runs_on() {
    let task = task("echo lost; while ! test -e go; do sleep 0.01; done; echo again");
    let (dir, log) = (task.scratch.path().to_owned(), task.scratch.path().join("logs"));
    fs::create_dir(&log).unwrap();
    std::os::unix::fs::symlink("elsewhere", log.join("it.log")).unwrap();
    let life = task.start();
    life.says("stead: 5 bytes lost: it.log is a symbolic link: name what it leads to, or remove it").await;
    life.says("lost").await;
    fs::write(dir.join("go"), "").unwrap();
    let ended = life.ended().await;
    assert_eq!((ended.reason.as_str(), ended.tail.lost_bytes()), ("code 0", 11));
    assert_eq!(ended.lines.last().unwrap(), "again");
    assert!(!log.join("elsewhere").exists());
}

#[tokio::test]
async fn writing_goes_on_when_there_is_room_again() {
    let task = task("echo lost; while ! test -e go; do sleep 0.01; done; echo kept");
    let dir = task.scratch.path().to_owned();
    // A file stands where the log's directory should be.
    fs::write(dir.join("logs"), "").unwrap();
    let life = task.start();
    life.says("lost").await;
    fs::remove_file(dir.join("logs")).unwrap();
    fs::write(dir.join("go"), "").unwrap();
    let ended = life.ended().await;
    assert_eq!((ended.log.as_slice(), ended.tail.lost_bytes()), (b"kept\n".as_slice(), 5));
    assert!(
        ended.lines.contains(&"stead: the log is written again, 5 bytes were lost".to_owned()),
        "{:?}",
        ended.lines
    );
}

#[tokio::test]
async fn a_terminal_is_one_for_all_three() {
    let life = task("test -t 0 && test -t 1 && test -t 2 && stty size && exec cat /dev/tty").tty().start();
    life.says("30 120").await;
    assert_eq!(life.stopped().await.reason, "SIGTERM");
}

#[tokio::test]
async fn what_a_terminal_was_told_right_before_the_end_is_there() {
    for _ in 0..50 {
        let ended = task("head -c 3000 /dev/zero | tr '\\0' x; exit 4").tty().start().ended().await;
        assert_eq!((ended.reason.as_str(), ended.log.len()), ("code 4", 3_000));
    }
}
