//! Whatever is read at a time, it is what reading all of it gives.

use std::fmt::Write;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::search::{SearchJob, SearchRequest};
use super::window::{LINES_BESIDE, Opened, WindowJob};
use super::worker::{Job, JobProgress};
use crate::config::LogsConfig;
use crate::logs::{LineFilter, LineId, LineQuery, LogLine, LogReader, LogWriter, OutputStream, Store};
use crate::ui::{ChosenFilter, Hits, LogChoice, LogOf, LogWindow, SearchQuery};

fn writer(dir: &Path, task: &str, max_size: u64) -> LogWriter {
    LogWriter::new(Store::new(&LogsConfig { max_size, keep: 1_000, ..LogsConfig::new(dir.to_owned()) }, task), 1)
}

fn write(writer: &mut LogWriter, text: &str) {
    writer.look();
    writer.write(OutputStream::Stdout, text.as_bytes()).unwrap();
}

/// The log of a task with these numbers as lines, in small segments.
fn numbered(count: usize) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path(), "it", 4_096);
    let mut text = String::new();
    for number in 1..=count {
        let _ = writeln!(text, "line {number}");
        if number % 100 == 0 || number == count {
            write(&mut writer, &std::mem::take(&mut text));
        }
    }
    dir
}

fn of(tasks: &[&str]) -> LogChoice {
    let mut names: Vec<String> = tasks.iter().map(ToString::to_string).collect();
    let of = if names.len() == 1 { LogOf::Task(names.remove(0)) } else { LogOf::Merged(names) };
    LogChoice { of, ..LogChoice::default() }
}

fn filter(text: &str) -> Option<ChosenFilter> {
    let filter = LineFilter::parse(text, &jiff::Zoned::default()).unwrap();
    Some(ChosenFilter { text: text.to_owned(), filter })
}

fn finish<J: Job>(job: &mut J) -> J::Answer {
    while job.step() != JobProgress::Done {}
    job.answer()
}

fn window(job: &mut WindowJob, choice: &LogChoice, around: Option<LineId>) -> LogWindow {
    job.turn_to(Opened { choice: choice.clone(), around, at: None });
    finish(job)
}

fn texts<'a>(lines: impl IntoIterator<Item = &'a LogLine>) -> Vec<String> {
    lines.into_iter().map(|line| String::from_utf8_lossy(&line.bytes).into_owned()).collect()
}

fn all(dir: &Path, choice: &LogChoice) -> Vec<LogLine> {
    LogReader::new(dir).forwards(choice.of.tasks(), &LineQuery::default()).unwrap().map(Result::unwrap).collect()
}

fn search(job: &mut SearchJob, choice: &LogChoice, pattern: &str, from: LineId) -> Hits {
    let search = SearchQuery { pattern: pattern.to_owned(), from };
    job.turn_to(Some(SearchRequest { choice: choice.clone(), search }));
    finish(job)
}

#[test]
fn the_window_moves_along_with_the_place_and_stays_bounded() {
    let dir = numbered(10_000);
    let it = of(&["it"]);
    let all = all(dir.path(), &it);
    let mut job = WindowJob::new(LogReader::new(dir.path()));
    let end = window(&mut job, &it, None);
    assert_eq!((end.lines.len(), end.is_start, end.is_end), (LINES_BESIDE, false, true));
    assert_eq!(texts([&**end.lines.last().unwrap()]), ["line 10000"]);
    let start = window(&mut job, &it, Some(LineId::START));
    assert_eq!((start.lines.len(), start.is_start, start.is_end), (LINES_BESIDE, true, false));
    // Down in small steps, up in larger ones, and far away.
    let down = (0..10_000).step_by(700);
    let up = (0..10_000).rev().step_by(900);
    for at in down.chain(up).chain([5_000, 3, 9_998]) {
        let read = window(&mut job, &it, Some(all[at].id));
        let first = all.binary_search_by_key(&read.lines[0].id, |line| line.id).unwrap();
        assert_eq!(texts(read.lines.iter().map(|line| &**line)), texts(&all[first..first + read.lines.len()]), "{at}");
        assert!(first == 0 || at - first >= LINES_BESIDE, "{at}: from {first}");
        assert!(read.is_end || first + read.lines.len() - at >= LINES_BESIDE, "{at}: from {first}");
        assert!(read.lines.len() <= 2 * LINES_BESIDE + 1);
        assert_eq!((read.is_start, read.is_end), (first == 0, first + read.lines.len() == all.len()), "{at}");
    }
}

#[test]
fn at_the_end_it_follows_what_is_written_finished_or_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path(), "it", 0);
    let (it, mut job) = (of(&["it"]), WindowJob::new(LogReader::new(dir.path())));
    assert_eq!(window(&mut job, &it, None).lines.len(), 0);
    let mut after = |text: &str| {
        write(&mut writer, text);
        job.refresh();
        texts(finish(&mut job).lines.iter().map(|line| &**line))
    };
    assert_eq!(after("one\ntw"), ["one", "tw"]);
    assert_eq!(after("o\nthree\n"), ["one", "two", "three"]);
    let flood: String = (0..200_000).map(|number| format!("{number}\n")).collect();
    let lines = after(&flood);
    assert_eq!((lines.len(), lines.last().map(String::as_str)), (LINES_BESIDE, Some("199999")));
    assert_eq!(after("last").last().map(String::as_str), Some("last"));
}

#[test]
fn the_end_is_followed_from_segment_to_segment() {
    let text: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    // However often it is looked at.
    for every in [1, 2, 3, 7, 50] {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = writer(dir.path(), "it", 64 * 1024);
        let (it, mut job) = (of(&["it"]), WindowJob::new(LogReader::new(dir.path())));
        window(&mut job, &it, None);
        for (number, chunk) in text.as_bytes().chunks(20_000).enumerate() {
            write(&mut writer, std::str::from_utf8(chunk).unwrap());
            if number % every == 0 {
                job.refresh();
                // It need not be through with it when the next comes.
                job.step();
            }
        }
        job.refresh();
        let read = finish(&mut job);
        assert_eq!(texts(read.lines.last().map(|line| &**line)), ["100000"], "{every}");
        assert!(read.lines.len() >= LINES_BESIDE, "{every}");
    }
}

#[test]
fn a_filter_takes_its_lines_from_all_that_is_kept_and_from_what_comes() {
    let dir = numbered(10_000);
    let choice = LogChoice { filter: filter("/[05]000$/"), ..of(&["it"]) };
    let mut job = WindowJob::new(LogReader::new(dir.path()));
    let read = window(&mut job, &choice, None);
    assert_eq!((read.lines.len(), read.is_start, read.is_end), (2, true, true));
    write(&mut writer(dir.path(), "it", 0), "new 5000\nnew 1\n");
    job.refresh();
    let read = finish(&mut job);
    assert_eq!(texts(read.lines.iter().map(|line| &**line)), ["line 5000", "line 10000", "new 5000"]);
}

#[test]
fn a_search_finds_the_nearest_first_then_all_then_what_comes() {
    let dir = numbered(10_000);
    let it = of(&["it"]);
    let lines = all(dir.path(), &it);
    let mut job = SearchJob::new(LogReader::new(dir.path()));
    let search_query = SearchQuery { pattern: "LINE".to_lowercase(), from: lines[7_000].id };
    job.turn_to(Some(SearchRequest { choice: it.clone(), search: search_query }));
    while job.step() == JobProgress::More {}
    assert_eq!(job.answer().ids, [lines[6_999].id]);
    let hits = finish(&mut job);
    assert_eq!((hits.count(), hits.is_complete, hits.percent), (10_000, true, 100));
    assert_eq!(hits.ids, lines.iter().map(|line| line.id).collect::<Vec<_>>());
    write(&mut writer(dir.path(), "it", 0), "another line\nnone\n");
    job.refresh();
    assert_eq!(finish(&mut job).count(), 10_001);
}

#[test]
fn a_line_that_has_not_ended_is_searched_and_filtered_as_it_looks() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = writer(dir.path(), "it", 0);
    write(&mut writer, "one\nnone of th");
    let it = of(&["it"]);
    let choice = LogChoice { filter: filter("none"), ..it.clone() };
    let mut windows = WindowJob::new(LogReader::new(dir.path()));
    let mut searches = SearchJob::new(LogReader::new(dir.path()));
    let filtered = |read: LogWindow| texts(read.lines.iter().map(|line| &**line));
    assert_eq!(filtered(window(&mut windows, &choice, None)), ["none of th"]);
    assert_eq!(search(&mut searches, &it, "one", LineId::END).count(), 2);
    write(&mut writer, "ese\nand mo");
    windows.refresh();
    searches.refresh();
    assert_eq!(filtered(finish(&mut windows)), ["none of these"]);
    assert_eq!(finish(&mut searches).count(), 2);
    // What did not match when it began may do so once it has ended.
    write(&mut writer, "re of one or none\n");
    windows.refresh();
    searches.refresh();
    assert_eq!(filtered(finish(&mut windows)), ["none of these", "and more of one or none"]);
    assert_eq!(finish(&mut searches).count(), 3);
}

#[test]
fn a_bad_pattern_or_an_unreadable_log_is_told() {
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("it.log", dir.path().join("it.log")).unwrap();
    let mut job = WindowJob::new(LogReader::new(dir.path()));
    assert!(window(&mut job, &of(&["it"]), None).error.is_some());
    let mut job = SearchJob::new(LogReader::new(dir.path()));
    let hits = search(&mut job, &of(&["it"]), "[", LineId::END);
    assert!(hits.error.is_some() && hits.is_complete);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Around whichever line of one task or several: the window is a part of the whole, and has what is near the place.
    #[test]
    fn windows_are_parts_of_the_whole(
        chunks in proptest::collection::vec((0..3_usize, "[a-c\n]{1,12}"), 1..30),
        max_size in prop_oneof![Just(0_u64), 8..64_u64],
        places in proptest::collection::vec(any::<prop::sample::Index>(), 1..8),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let names = ["a", "b", "c"];
        let mut writers = names.map(|name| writer(dir.path(), name, max_size));
        for (task, text) in &chunks {
            write(&mut writers[*task], text);
        }
        for choice in [of(&names), of(&names[..1])] {
            let all = all(dir.path(), &choice);
            let mut job = WindowJob::new(LogReader::new(dir.path()));
            let mut searches = SearchJob::new(LogReader::new(dir.path()));
            for place in &places {
                let around = (!all.is_empty()).then(|| all[place.index(all.len())].id);
                let read = window(&mut job, &choice, around);
                prop_assert_eq!(texts(read.lines.iter().map(|line| &**line)), texts(&all));
                let found = search(&mut searches, &choice, "a", around.unwrap_or(LineId::END));
                let expected = all.iter().filter(|line| line.bytes.contains(&b'a'));
                prop_assert_eq!(found.ids, expected.map(|line| line.id).collect::<Vec<_>>());
            }
        }
    }
}
