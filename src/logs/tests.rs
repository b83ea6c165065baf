//! What is written is read again: whole, in order, from whatever is left.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::config::{LogsConfig, TaskLogsConfig};

/// A directory of logs.
struct TestLogs {
    dir: TempDir,
    store: Store,
}

impl TestLogs {
    fn new(max_size: u64, keep: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::new(&LogsConfig { max_size, keep, ..LogsConfig::new(dir.path().to_owned()) }, "it");
        Self { dir, store }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// One run that writes these chunks.
    fn run(&self, number: u64, chunks: &[(OutputStream, &str)]) {
        let mut writer = LogWriter::new(self.store.clone(), number);
        for (stream, text) in chunks {
            writer.look();
            writer.write(*stream, text.as_bytes()).unwrap();
        }
    }

    fn forwards(&self, query: &LineQuery) -> Vec<String> {
        texts(LogReader::new(self.path()).forwards(&["it"], query).unwrap())
    }

    fn backwards(&self, query: &LineQuery) -> Vec<String> {
        let mut texts = texts(LogReader::new(self.path()).backwards(&["it"], query).unwrap());
        texts.reverse();
        texts
    }

    fn all(&self) -> Vec<String> {
        self.forwards(&LineQuery::default())
    }

    /// Waits until nothing is left to compress.
    fn compressed(&self) {
        while rotation::old_segments(self.path(), "it").unwrap().iter().any(|old| !old.is_packed) {
            std::thread::yield_now();
        }
    }
}

fn texts(lines: LogLines) -> Vec<String> {
    texts_of(lines.map(Result::unwrap))
}

fn texts_of(lines: impl IntoIterator<Item = LogLine>) -> Vec<String> {
    lines.into_iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

fn matching(pattern: &str) -> LineQuery {
    LineQuery { pattern: Some(LinePattern::new(pattern).unwrap()), ..LineQuery::default() }
}

use OutputStream::{Stderr as Err, Stdout as Out};

#[test]
fn lines_are_told_apart_by_stream_and_run() {
    let logs = TestLogs::new(0, 0);
    logs.run(1, &[(Out, "one "), (Err, "oops\nmo"), (Out, "line\n"), (Err, "re\n"), (Out, "unfinished")]);
    logs.run(2, &[(Out, "second\n")]);
    assert_eq!(logs.all(), ["one line", "oops", "more", "unfinished", "second"]);
    assert_eq!(logs.forwards(&LineQuery { stream: Some(Err), ..LineQuery::default() }), ["oops", "more"]);
    for (choice, first) in [
        (RunChoice::Back(0), Some("second")),
        (RunChoice::Back(1), Some("one line")),
        (RunChoice::Back(2), None),
        (RunChoice::Number(2), Some("second")),
        (RunChoice::Number(3), None),
    ] {
        let lines = logs.forwards(&LineQuery { run: Some(choice), ..LineQuery::default() });
        assert_eq!(lines.first().map(String::as_str), first, "{choice:?}");
    }
    let runs = LogReader::new(logs.path()).runs("it").unwrap();
    assert_eq!(runs.iter().map(|run| (run.key.number, run.bytes)).collect::<Vec<_>>(), [(1, 29), (2, 7)]);
}

#[test]
fn the_log_has_the_bytes_just_as_they_were() {
    let logs = TestLogs::new(0, 0);
    logs.run(1, &[(Out, "a\r\n\x1b[31mb"), (Err, "\0"), (Out, "\n")]);
    assert_eq!(fs::read(logs.store.path()).unwrap(), b"a\r\n\x1b[31mb\0\n");
}

#[test]
fn whatever_is_cut_off_the_rest_is_read() {
    let whole = TestLogs::new(0, 0);
    whole.run(1, &[(Out, "a1\na2\n"), (Err, "e1\ne"), (Out, "a3\n"), (Err, "2\n")]);
    whole.run(2, &[(Err, "last\n")]);
    let log = fs::read(whole.store.path()).unwrap();
    let index = fs::read(whole.store.index_path()).unwrap();
    assert_eq!(whole.all(), ["a1", "a2", "e1", "e2", "a3", "last"]);
    for log_len in 0..=log.len() {
        // Every length of both is tried; of the index in steps that fall anywhere in a record.
        for index_len in (0..=index.len()).step_by(if log_len == log.len() { 1 } else { 11 }) {
            let cut = TestLogs::new(0, 0);
            fs::write(cut.store.path(), &log[..log_len]).unwrap();
            fs::write(cut.store.index_path(), &index[..index_len]).unwrap();
            let lines = cut.all();
            let bytes: usize = lines.iter().map(String::len).sum();
            let ends = log[..log_len].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(bytes, log_len - ends, "log {log_len}, index {index_len}: {lines:?}");
            assert_eq!(lines, cut.backwards(&LineQuery::default()), "log {log_len}, index {index_len}");
            // A writer that goes on says nothing wrong about what is there.
            cut.run(9, &[(Err, "new\n")]);
            let new = LineQuery { run: Some(RunChoice::Number(9)), stream: Some(Err), ..LineQuery::default() };
            assert_eq!(cut.forwards(&new), ["new"], "log {log_len}, index {index_len}");
            assert_eq!(fs::read(cut.store.path()).unwrap(), [&log[..log_len], b"new\n"].concat());
        }
    }
}

#[test]
fn a_full_segment_grows_old_and_is_compressed() {
    let logs = TestLogs::new(100, 3);
    let chunks: Vec<String> = (0..50).map(|number| format!("line {number} of fifty\n")).collect();
    let chunks: Vec<_> = chunks.iter().map(|text| (Out, text.as_str())).collect();
    logs.run(1, &chunks);
    logs.compressed();
    let old = rotation::old_segments(logs.path(), "it").unwrap();
    assert_eq!(old.iter().map(|old| old.age).collect::<Vec<_>>(), [1, 2, 3]);
    let lines = logs.all();
    assert_eq!(lines.last().map(String::as_str), Some("line 49 of fifty"));
    assert_eq!(number(&lines[0]), 50 - lines.len());
    assert!(lines.windows(2).all(|pair| number(&pair[0]) + 1 == number(&pair[1])), "{lines:?}");
    assert_eq!(logs.backwards(&LineQuery::default()), lines);
    // What other programs make of it.
    let mut text = String::new();
    let packed = File::open(logs.path().join("it.log.1.gz")).unwrap();
    flate2::read::GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), 5);
    let left: Vec<_> = fs::read_dir(logs.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2 * 4, "{left:?}");
}

fn number(line: &str) -> usize {
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_line_may_go_on_in_the_next_segment() {
    let logs = TestLogs::new(10, 9);
    logs.run(1, &[(Out, "one\ntw"), (Out, "o and thr"), (Out, "ee\nfour\n")]);
    assert_eq!(logs.all(), ["one", "two and three", "four"]);
    assert_eq!(logs.backwards(&LineQuery::default()), logs.all());
    logs.compressed();
    assert_eq!(logs.all(), ["one", "two and three", "four"]);
}

#[test]
fn a_log_without_older_segments_keeps_only_the_current_one() {
    let logs = TestLogs::new(10, 0);
    logs.run(1, &[(Out, "0123456\n"), (Out, "789\n")]);
    assert_eq!(logs.all(), ["789"]);
}

#[test]
fn a_log_that_was_moved_removed_or_emptied_begins_anew() {
    for way in ["moved", "removed", "emptied"] {
        let logs = TestLogs::new(0, 0);
        let path = logs.store.path();
        let mut writer = LogWriter::new(logs.store.clone(), 1);
        writer.write(Out, b"before\nbeg").unwrap();
        match way {
            "moved" => fs::rename(&path, logs.path().join("elsewhere")).unwrap(),
            "removed" => fs::remove_file(&path).unwrap(),
            _ => drop(File::create(&path).unwrap()),
        }
        writer.look();
        writer.write(Out, b"un\nafter\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"un\nafter\n", "{way}");
        assert_eq!(logs.all(), ["un", "after"], "{way}");
    }
}

#[test]
fn what_is_written_after_a_loss_is_a_line_of_its_own() {
    let logs = TestLogs::new(0, 0);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    writer.write(Out, b"whole\ncut").unwrap();
    writer.break_line(Out);
    writer.write(Out, b"after\n").unwrap();
    assert_eq!(logs.all(), ["whole", "cut", "after"]);
    assert_eq!(logs.backwards(&LineQuery::default()), logs.all());
}

#[test]
fn what_another_program_adds_is_read_and_does_no_harm() {
    let logs = TestLogs::new(0, 0);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    writer.write(Out, b"ours\n").unwrap();
    fs::write(logs.store.path(), "ours\ntheirs\n").unwrap();
    writer.look();
    writer.write(Err, b"ours again\n").unwrap();
    assert_eq!(logs.all(), ["ours", "theirs", "ours again"]);
    assert_eq!(logs.forwards(&LineQuery { stream: Some(Err), ..LineQuery::default() }), ["ours again"]);
}

#[test]
fn a_pattern_is_looked_for_in_the_text_of_each_line() {
    let logs = TestLogs::new(0, 0);
    let text = "plain error: disk\n\x1b[31merr\x1b[0mor: red\n10%\r20%\rdone\nerror\nfine\n";
    logs.run(1, &[(Out, text), (Err, "an error in pie"), (Err, "ces\n")]);
    let cases: [(&str, &[usize]); 11] = [
        ("error", &[0, 1, 3, 5]),
        ("^error", &[1, 3]),
        ("^error$", &[3]),
        ("done$", &[2]),
        ("10%", &[2]),
        ("^20%$", &[2]),
        ("10%.*done", &[2]),
        (r"error\s+fine", &[]),
        (r"\Aerror\z", &[3]),
        ("pieces", &[5]),
        ("", &[0, 1, 2, 3, 4, 5]),
    ];
    let lines = logs.all();
    for (pattern, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|at| lines[*at].clone()).collect();
        assert_eq!(logs.forwards(&matching(pattern)), expected, "{pattern}");
        assert_eq!(logs.backwards(&matching(pattern)), expected, "{pattern}");
    }
}

#[test]
fn lines_of_many_windows_are_found_from_both_ends() {
    let logs = TestLogs::new(0, 0);
    let text: String = (0..60_000).map(|number| format!("line {number}\n")).collect();
    let long = "x".repeat(300_000) + "\n";
    logs.run(1, &[(Out, &text), (Out, &long), (Out, "after\n")]);
    let lines = logs.all();
    assert_eq!(lines.len(), 60_002);
    assert!(lines[..60_000].iter().enumerate().all(|(at, line)| number(line) == at));
    assert_eq!((lines[60_000].len(), lines[60_001].as_str()), (128 * 1024, "after"));
    assert_eq!(logs.backwards(&LineQuery::default()), lines);
    assert_eq!(logs.forwards(&matching("^line 59999$|after")), ["line 59999", "after"]);
}

#[test]
fn a_time_range_is_cut_out() {
    let logs = TestLogs::new(0, 0);
    logs.run(1, &[(Out, "early\n")]);
    let between = Timestamp::now();
    // The index tells times apart only once they are this far apart.
    while Timestamp::now().as_microsecond() - between.as_microsecond() < 20_000 {
        std::thread::yield_now();
    }
    logs.run(2, &[(Out, "late\n")]);
    let since = LineQuery { since: Some(between), ..LineQuery::default() };
    let until = LineQuery { until: Some(between), ..LineQuery::default() };
    assert_eq!((logs.forwards(&since), logs.backwards(&since)), (vec!["late".into()], vec!["late".into()]));
    assert_eq!((logs.forwards(&until), logs.backwards(&until)), (vec!["early".into()], vec!["early".into()]));
}

#[test]
fn a_cancelled_query_ends() {
    let logs = TestLogs::new(0, 0);
    logs.run(1, &[(Out, &"line\n".repeat(100_000))]);
    let query = LineQuery::default();
    let mut lines = LogReader::new(logs.path()).forwards(&["it"], &query).unwrap();
    lines.next().unwrap().unwrap();
    query.cancelled.cancel();
    assert!(lines.count() < 100_000 - 1);
}

#[test]
fn tasks_are_merged_in_the_order_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogsConfig { max_size: 0, keep: 0, ..LogsConfig::new(dir.path().to_owned()) };
    let stores = ["a", "b"].map(|name| Store::new(&config, name));
    for number in 0..6 {
        let mut writer = LogWriter::new(stores[number % 2].clone(), number as u64);
        writer.write(Out, format!("{number}\n").as_bytes()).unwrap();
    }
    let reader = LogReader::new(dir.path());
    assert_eq!(reader.tasks().unwrap(), ["a", "b"]);
    assert_eq!(texts(reader.forwards(&["a", "b"], &LineQuery::default()).unwrap()), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(texts(reader.backwards(&["b", "a"], &LineQuery::default()).unwrap()), ["5", "4", "3", "2", "1", "0"]);
}

#[test]
fn reading_goes_on_from_any_line_in_either_direction() {
    let logs = TestLogs::new(200, 8);
    let other = Store::new(&LogsConfig { max_size: 200, keep: 8, ..LogsConfig::new(logs.path().to_owned()) }, "other");
    for number in 0..40 {
        let text = format!("line {number}\nand {number}\n");
        logs.run(number, &[(if number % 3 == 0 { Err } else { Out }, &text)]);
        LogWriter::new(other.clone(), number).write(Out, format!("other {number}\n").as_bytes()).unwrap();
    }
    logs.compressed();
    let tasks = ["it", "other"];
    let reader = LogReader::new(logs.path());
    let all: Vec<_> = reader.forwards(&tasks, &LineQuery::default()).unwrap().map(Result::unwrap).collect();
    assert!(all.len() > 60, "{}", all.len());
    for (number, line) in all.iter().enumerate() {
        let id = LineId::of_cursor(&line.cursor(), &tasks).unwrap();
        assert_eq!(id, line.id);
        let query = LineQuery { from: Some(id.behind()), ..LineQuery::default() };
        let after: Vec<_> = reader.forwards(&tasks, &query).unwrap().map(Result::unwrap).collect();
        assert_eq!(after, all[number + 1..], "after {number}");
        let query = LineQuery { from: Some(id), ..LineQuery::default() };
        let mut before: Vec<_> = reader.backwards(&tasks, &query).unwrap().map(Result::unwrap).collect();
        before.reverse();
        assert_eq!(before, all[..number], "before {number}");
    }
    // A line that is not kept any more stood before all that is.
    let gone = LineId::of_cursor("1000000.1000000.7.it", &tasks);
    let query = LineQuery { from: gone.map(LineId::behind), ..LineQuery::default() };
    assert_eq!(reader.forwards(&tasks, &query).unwrap().count(), all.len());
    assert_eq!(reader.backwards(&tasks, &query).unwrap().count(), 0);
}

#[test]
fn the_nearest_match_of_several_logs_is_there_before_the_rest_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let config = LogsConfig { max_size: 0, keep: 0, ..LogsConfig::new(dir.path().to_owned()) };
    let mut noisy = LogWriter::new(Store::new(&config, "noisy"), 1);
    let run =
        |number, text: &str| LogWriter::new(Store::new(&config, "quiet"), number).write(Out, text.as_bytes()).unwrap();
    run(1, "first match\n");
    (0..20).for_each(|_| drop(noisy.write(Out, "nothing of note\n".repeat(10_000).as_bytes()).unwrap()));
    run(2, "last match\n");
    let reader = LogReader::new(dir.path());
    let query = matching("match");
    for (lines, match_there) in [
        (reader.forwards(&["noisy", "quiet"], &query), "first match"),
        (reader.backwards(&["noisy", "quiet"], &query), "last match"),
    ] {
        let mut lines = lines.unwrap();
        let bytes = lines.bytes_left();
        assert_eq!(lines.next().unwrap().unwrap().bytes, match_there.as_bytes());
        assert!(lines.bytes_left() > bytes / 2, "{} of {bytes} left", lines.bytes_left());
        assert_eq!(lines.count(), 1);
    }
}

#[test]
fn a_follower_of_matches_gets_a_line_that_came_in_pieces() {
    let logs = TestLogs::new(0, 0);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    let query = LineQuery { waits_for_ends: true, ..matching("^half a line$|^open$") };
    let mut lines = LogReader::new(logs.path()).forwards(&["it"], &query).unwrap();
    let mut after = |text: &str| {
        writer.write(Out, text.as_bytes()).unwrap();
        lines.refresh().unwrap();
        let finished = texts_of(lines.by_ref().map(Result::unwrap));
        (finished, texts_of(lines.unfinished()))
    };
    assert_eq!(after("half"), (vec![], vec![]));
    assert_eq!(after(" a line\nother\nop"), (vec!["half a line".into()], vec![]));
    assert_eq!(after("en"), (vec![], vec!["open".into()]));
    assert_eq!(after(" no more\n"), (vec![], vec![]));
}

#[test]
fn a_follower_sees_whole_lines_across_segments() {
    let logs = TestLogs::new(20, 9);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    let query = LineQuery { waits_for_ends: true, ..LineQuery::default() };
    let mut lines = LogReader::new(logs.path()).forwards(&["it"], &query).unwrap();
    let mut seen = Vec::new();
    for chunk in ["first\nsec", "ond\n", "a long line that ", "takes three segments ", "or so\nlast", "\n"] {
        writer.look();
        writer.write(Out, chunk.as_bytes()).unwrap();
        lines.refresh().unwrap();
        seen.extend(lines.by_ref().map(|line| String::from_utf8(line.unwrap().bytes).unwrap()));
    }
    assert_eq!(seen, ["first", "second", "a long line that takes three segments or so", "last"]);
}

#[test]
fn after_the_last_lines_a_follower_goes_on_at_the_end() {
    let logs = TestLogs::new(0, 0);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    writer.write(Out, b"1\n2\n3\nhal").unwrap();
    let query = LineQuery { waits_for_ends: true, ..LineQuery::default() };
    let mut lines = LogReader::new(logs.path()).backwards(&["it"], &query).unwrap();
    let last: Vec<_> = lines.by_ref().take(2).map(|line| line.unwrap().bytes).collect();
    assert_eq!(last, [b"3", b"2"]);
    lines.turn_to_the_end();
    writer.write(Out, b"f\n4\n").unwrap();
    lines.refresh().unwrap();
    assert_eq!(texts(lines), ["half", "4"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However it was written and cut into segments: each stream of each run says what it said.
    #[test]
    fn every_stream_of_every_run_is_read_as_it_was_written(
        chunks in proptest::collection::vec((1..4_u64, any::<bool>(), "[a-c\n]{1,12}"), 1..40),
        max_size in prop_oneof![Just(0_u64), 8..64_u64],
    ) {
        let logs = TestLogs::new(max_size, 100);
        let mut runs: Vec<_> = chunks.iter().map(|(run, ..)| *run).collect();
        runs.sort_unstable();
        runs.dedup();
        for run in &runs {
            let of_run = chunks.iter().filter(|chunk| chunk.0 == *run);
            let of_run: Vec<_> = of_run.map(|(_, is_err, text)| (if *is_err { Err } else { Out }, text.as_str())).collect();
            logs.run(*run, &of_run);
            for stream in [Out, Err] {
                let said: String = of_run.iter().filter(|(of, _)| *of == stream).map(|(_, text)| *text).collect();
                let number = u32::try_from(*run).unwrap();
                let query = LineQuery { run: Some(RunChoice::Number(number)), stream: Some(stream), ..LineQuery::default() };
                let expected: Vec<_> = said.lines().map(str::to_owned).collect();
                prop_assert_eq!(logs.forwards(&query), expected.clone());
                prop_assert_eq!(logs.backwards(&query), expected);
            }
        }
        prop_assert_eq!(logs.forwards(&LineQuery::default()), logs.backwards(&LineQuery::default()));
    }

    /// From whichever line a reader goes on, in whichever direction, of one task or several: nothing is left out,
    /// nothing comes twice.
    #[test]
    fn reading_from_a_line_on_gives_the_rest(
        chunks in proptest::collection::vec((0..3_usize, any::<bool>(), "[a-c\n]{1,12}"), 1..30),
        max_size in prop_oneof![Just(0_u64), 8..64_u64],
    ) {
        let dir = tempfile::tempdir().unwrap();
        let config = LogsConfig { max_size, keep: 100, ..LogsConfig::new(dir.path().to_owned()) };
        let names = ["a", "b", "c"];
        let mut writers = names.map(|name| LogWriter::new(Store::new(&config, name), 1));
        for (task, is_err, text) in &chunks {
            writers[*task].look();
            writers[*task].write(if *is_err { Err } else { Out }, text.as_bytes()).unwrap();
        }
        let reader = LogReader::new(dir.path());
        for tasks in [&names[..], &names[..1]] {
            let read = |lines: io::Result<LogLines>| lines.unwrap().map(Result::unwrap).collect::<Vec<_>>();
            let all = read(reader.forwards(tasks, &LineQuery::default()));
            prop_assert!(all.windows(2).all(|pair| pair[0].id < pair[1].id));
            for (at, line) in all.iter().enumerate() {
                let query = LineQuery { from: Some(line.id), ..LineQuery::default() };
                prop_assert_eq!(&read(reader.forwards(tasks, &query))[..], &all[at..]);
                let mut before = read(reader.backwards(tasks, &query));
                before.reverse();
                prop_assert_eq!(&before[..], &all[..at]);
            }
            // A reader that stops anywhere, before a line or a window, can go on there.
            let (mut forwards, mut taken) = (reader.forwards(tasks, &LineQuery::default()).unwrap(), 0);
            while let Some(cursor) = forwards.cursor().unwrap() {
                let from = LineId::of_cursor(&cursor, tasks).map(LineId::behind);
                prop_assert_eq!(&read(reader.forwards(tasks, &LineQuery { from, ..LineQuery::default() }))[..], &all[taken..]);
                taken += usize::from(matches!(forwards.step().unwrap(), ReadStep::Line(_)));
            }
            prop_assert_eq!(taken, all.len());
            let mut backwards = reader.backwards(tasks, &LineQuery::default()).unwrap();
            while let Some(cursor) = backwards.cursor().unwrap() {
                let from = LineId::of_cursor(&cursor, tasks);
                let mut before = read(reader.backwards(tasks, &LineQuery { from, ..LineQuery::default() }));
                before.reverse();
                prop_assert_eq!(&before[..], &all[..taken]);
                taken -= usize::from(matches!(backwards.step().unwrap(), ReadStep::Line(_)));
            }
            prop_assert_eq!(taken, 0);
            let end = LineQuery { from: Some(LineId::END), ..LineQuery::default() };
            prop_assert_eq!(read(reader.forwards(tasks, &end)).len(), 0);
            prop_assert_eq!(read(reader.backwards(tasks, &end)).len(), all.len());
        }
    }
}

#[test]
fn a_log_that_is_cut_short_between_two_writes_goes_on_where_it_ends() {
    let logs = TestLogs::new(0, 0);
    let mut writer = LogWriter::new(logs.store.clone(), 1);
    let path = logs.store.path();
    for rest in [0, 4, 7] {
        writer.write(OutputStream::Stdout, b"one\ntwo\nthr").unwrap();
        // As `copytruncate` does; no one has looked since.
        File::options().write(true).open(&path).unwrap().set_len(rest).unwrap();
        let written = writer.write(OutputStream::Stdout, b"ee\nfour\n").unwrap();
        assert_eq!(written.offset, rest);
        let log = fs::read(&path).unwrap();
        assert_eq!(log, [&b"one\ntwo\nthr"[..rest as usize], b"ee\nfour\n"].concat());
        let lines = logs.all();
        assert_eq!(lines.last().map(String::as_str), Some("four"), "{lines:?}");
        assert_eq!(lines.first().map(String::as_str), Some(if rest == 0 { "ee" } else { "one" }), "{lines:?}");
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        writer.look();
    }
}

#[test]
fn all_logs_together_stay_within_their_total() {
    let dir = tempfile::tempdir().unwrap();
    let config =
        LogsConfig { max_size: 20_000, keep: 100, max_total: 400_000, ..LogsConfig::new(dir.path().to_owned()) };
    let tasks = ["a", "b", "c"];
    let stores = tasks.map(|task| Store::new(&config.of_task(TaskLogsConfig::default(), tasks.len()), task));
    for round in 0..40 {
        for store in &stores {
            let mut writer = LogWriter::new(store.clone(), 1);
            // What can't be compressed.
            let mut seed = 7_u64 + round;
            let noise = |_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{seed:016x}\n")
            };
            let text: String = (0..1_000).map(noise).collect();
            writer.write(Out, text.as_bytes()).unwrap();
        }
    }
    let total = || disk_usage(dir.path()).unwrap().iter().map(|log| log.bytes).sum::<u64>();
    let deadline = Instant::now() + Duration::from_secs(20);
    // It is looked after in the background.
    while total() > 400_000 {
        assert!(Instant::now() < deadline, "{}", total());
        std::thread::yield_now();
    }
    let usage = disk_usage(dir.path()).unwrap();
    assert!(usage.len() == 3 && usage.iter().all(|log| log.segments > 2), "each keeps some: {usage:?}");
}

#[test]
fn a_segment_is_no_larger_than_its_share_of_the_total() {
    let config = LogsConfig { max_size: 1_000, max_total: 8_000, ..LogsConfig::new("/logs".into()) };
    let of = |own: Option<u64>, tasks| config.of_task(TaskLogsConfig { max_size: own, keep: None }, tasks).max_size;
    assert_eq!([of(None, 1), of(None, 4), of(None, 8), of(Some(300), 8)], [1_000, 1_000, 500, 300]);
    assert_eq!((of(Some(0), 8), of(Some(9_000), 1)), (0, 4_000), "what never rotates stays so");
    let endless = LogsConfig { max_total: 0, ..config.clone() };
    assert_eq!(endless.of_task(TaskLogsConfig { max_size: Some(9_000), keep: Some(1) }, 8).max_size, 9_000);
}

#[test]
fn a_log_that_is_cleared_goes_on_empty() {
    let logs = TestLogs::new(10, 9);
    logs.run(1, &[(Out, "one\n"), (Out, "two\n"), (Out, "three\n")]);
    logs.compressed();
    let mut writer = LogWriter::new(logs.store.clone(), 2);
    writer.write(Out, b"four\n").unwrap();
    let bytes = disk_usage(logs.path()).unwrap()[0].bytes;
    assert_eq!(clear_log(logs.path(), "it").unwrap(), bytes);
    assert_eq!(logs.all(), [""; 0]);
    writer.look();
    writer.write(Out, b"five\n").unwrap();
    assert_eq!(logs.all(), ["five"]);
    assert_eq!(clear_log(logs.path(), "nothing").unwrap(), 0);
}
