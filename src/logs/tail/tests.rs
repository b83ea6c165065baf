//! The tail in memory.

use super::*;

fn run(number: u32) -> RunKey {
    RunKey { number, ..RunKey::default() }
}

fn texts(tail: &LogTail) -> Vec<String> {
    tail.lines().iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

/// So many short numbered lines, the first of them `from`.
fn numbered(from: usize, count: usize) -> Vec<u8> {
    (from..from + count).flat_map(|number| format!("line {number}\n").into_bytes()).collect()
}

#[test]
fn streams_are_cut_apart_and_the_unfinished_comes_last() {
    let tail = LogTail::default();
    tail.write(run(1), OutputStream::Stdout, b"out ");
    tail.write(run(1), OutputStream::Stderr, b"err\nmore");
    tail.write(run(1), OutputStream::Stdout, b"put\n");
    assert_eq!(texts(&tail), ["err", "out put", "more"]);
    assert_eq!(tail.last().map(|line| (line.id.offset, line.stream)), Some((3, OutputStream::Stderr)));
    assert_eq!(tail.finished_after(1).1.len(), 1);
}

#[test]
fn a_flood_is_counted_to_the_last_line_however_it_is_looked_at() {
    let (watched, unseen) = (LogTail::default(), LogTail::default());
    for part in 0..50 {
        let bytes = numbered(part * 5_000 + 1, 5_000);
        watched.write(run(1), OutputStream::Stdout, &bytes);
        unseen.write(run(1), OutputStream::Stdout, &bytes);
        assert_eq!(watched.last().map(|line| line.id.offset), Some((part as u64 + 1) * 5_000));
    }
    assert_eq!(texts(&unseen).last().map(String::as_str), Some("line 250000"));
    assert_eq!(unseen.lines().len(), TAIL_LINES);
    for (line, text) in unseen.lines().iter().zip(texts(&unseen)) {
        assert_eq!(text, format!("line {}", line.id.offset));
    }
    assert_eq!(texts(&watched), texts(&unseen));
}

#[test]
fn of_what_is_only_in_a_file_the_last_lines_are_read_there() {
    let file = Arc::new(tempfile::tempfile().unwrap());
    let bytes = numbered(3, 200_000);
    file.write_all_at(&bytes, 0).unwrap();
    let tail = LogTail::default();
    tail.write(run(1), OutputStream::Stdout, b"before\nbegun\n");
    let mut offset = 0;
    for part in bytes.chunks(100_000) {
        tail.write_in_file(run(1), OutputStream::Stdout, part, Arc::clone(&file), offset);
        offset += part.len() as u64;
    }
    tail.write(run(1), OutputStream::Stdout, b"after\n");
    let mut lines = tail.lines();
    assert_eq!(lines.len(), TAIL_LINES);
    assert_eq!(lines.pop().map(|line| (line.id.offset, line.bytes.clone())), Some((200_003, b"after".to_vec())));
    for line in lines {
        assert_eq!(String::from_utf8_lossy(&line.bytes), format!("line {}", line.id.offset));
    }
}

#[test]
fn many_small_pieces_wait_in_bounded_memory() {
    let tail = LogTail::default();
    (0..BACKLOG_CHUNKS * 3).for_each(|_| tail.write(run(1), OutputStream::Stdout, b"."));
    assert!(tail.lock().backlog.chunks.len() <= BACKLOG_CHUNKS);
    assert_eq!(texts(&tail), [".".repeat(BACKLOG_CHUNKS * 3)]);
}

#[test]
fn what_no_file_has_is_told_until_the_log_is_written_again() {
    let tail = LogTail::default();
    tail.write(run(1), OutputStream::Stdout, b"kept\nbeg");
    assert!(tail.unwritten().is_empty());
    tail.lose(4);
    tail.note(run(1), "lost".to_owned());
    tail.write(run(1), OutputStream::Stdout, b"un\nnew");
    let texts: Vec<_> = tail.unwritten().iter().map(|line| line.bytes.clone()).collect();
    assert_eq!(texts, [b"lost".as_slice(), b"begun", b"new"]);
    tail.regain();
    assert!(tail.unwritten().is_empty());
    assert_eq!(tail.lost_bytes(), 4);
}

#[test]
fn what_a_run_left_unfinished_is_a_line_before_the_next_run() {
    let tail = LogTail::default();
    tail.write(run(1), OutputStream::Stdout, b"first");
    tail.write(run(2), OutputStream::Stdout, b"second");
    assert_eq!(texts(&tail), ["first", "second"]);
    tail.finish();
    assert_eq!(tail.finished_after(0).1.len(), 2);
}

#[test]
fn what_was_written_before_anything_follows_has_grown() {
    let hub = LogHub::default();
    hub.tail("early").write(run(1), OutputStream::Stdout, b"up\n");
    let grown = hub.grown();
    assert_eq!(grown.take().into_iter().collect::<Vec<_>>(), ["early".into()]);
    hub.tail("early").write(run(1), OutputStream::Stdout, b"more\n");
    assert!(hub.grown().take().contains("early"), "the same for all that ask");
}

#[test]
fn what_stead_notes_is_shown_until_the_task_writes() {
    let tail = LogTail::default();
    let run = RunKey::default();
    tail.note(run, "a hint".to_owned());
    let texts =
        || tail.unwritten().iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect::<Vec<_>>();
    assert_eq!(texts(), ["a hint"]);
    tail.write(run, OutputStream::Stdout, b"par");
    assert_eq!(texts(), [""; 0]);
    tail.write(run, OutputStream::Stdout, b"tial\n");
    assert_eq!(texts(), [""; 0]);
    assert_eq!(tail.lines().len(), 2);
    assert_eq!(texts(), [""; 0]);
}
