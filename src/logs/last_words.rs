//! What a run wrote last of what went wrong, in one line.

use super::level::{Level, continues};
use super::line::LogLine;
use super::origin::OutputStream;
use super::record::{Record, without_time};
use super::text::without_escapes;

/// Lines from the end among which it is looked for.
const LINES_SEARCHED: usize = 200;
/// Characters of it.
const LAST_WORDS_CHARS: usize = 300;

/// The newest line that says what went wrong: by its level, by the shape of a trace, else the newest of standard error,
/// else the newest. `lines` are those of one run, oldest first.
#[must_use]
pub(crate) fn last_words<'a>(lines: impl DoubleEndedIterator<Item = &'a LogLine> + Clone) -> Option<String> {
    let texts: Vec<(String, OutputStream)> = lines
        .rev()
        .take(LINES_SEARCHED)
        .map(|line| (without_escapes(&line.bytes), line.stream))
        .filter(|(text, _)| !text.trim().is_empty())
        .collect();
    let is_grave = |text: &str| Level::of_line(text) >= Some(Level::Error);
    let grave = texts.iter().position(|(text, _)| is_grave(text));
    let newest_of = |stream: OutputStream| texts.iter().position(|(text, own)| *own == stream && !continues(text));
    let index = grave.or_else(|| newest_of(OutputStream::Stderr)).or_else(|| newest_of(OutputStream::Stdout))?;
    let said = words(&texts[index].0);
    // A panic names its place first and its message in the line after.
    let below = index.checked_sub(1).map(|below| texts[below].0.as_str());
    let said = match below.filter(|_| said.starts_with("thread '") && said.ends_with(':')) {
        Some(message) => format!("panicked: {}", message.trim()),
        None => said,
    };
    Some(said.chars().take(LAST_WORDS_CHARS).collect())
}

/// A line without the time and the level that stand before what it says.
fn words(text: &str) -> String {
    if let Some(record) = Record::of_line(text).filter(|record| !record.message.is_empty()) {
        return record.message;
    }
    let text = without_time(text.trim());
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    let level = first.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_loggers = level.bytes().all(|byte| byte.is_ascii_uppercase()) || first.starts_with(['[', '<', '(']);
    let is_level = is_loggers && Level::of_word(level).is_some() && !rest.trim().is_empty();
    if is_level { rest.trim().to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::super::origin::RunKey;
    use super::*;

    fn said(text: &str) -> Option<String> {
        let line = |text: &str| {
            let (stream, text) = match text.strip_prefix("!") {
                Some(text) => (OutputStream::Stderr, text),
                None => (OutputStream::Stdout, text),
            };
            let run = RunKey { supervised_since: 0, number: 1 };
            LogLine {
                bytes: text.as_bytes().to_vec(),
                ..LogLine::new(&Arc::from("api"), Timestamp::UNIX_EPOCH, run, stream)
            }
        };
        let lines: Vec<LogLine> = text.lines().map(line).collect();
        last_words(lines.iter())
    }

    #[test]
    fn the_line_that_names_the_mistake_is_found_in_a_trace() {
        let python = "INFO start\n!Traceback (most recent call last):\n!  File \"w.py\", line 40\n!    go()\n!db.Error: FATAL: full";
        assert_eq!(said(python).as_deref(), Some("db.Error: FATAL: full"));
        let rust = "!thread 'main' panicked at src/pool.rs:88:5:\n!pool is empty\n!note: run with `RUST_BACKTRACE=1`";
        assert_eq!(said(rust).as_deref(), Some("panicked: pool is empty"));
        let node = "!/app/x.js:3\n!    throw new Error('no')\n!    ^\n!\n!Error: no\n!    at main (/app/x.js:3:9)\n!\n!Node.js v22";
        assert_eq!(said(node).as_deref(), Some("Error: no"));
        let java = "!Exception in thread \"main\" a.B: x\n!\tat c.D\n!Caused by: e.F: the disk is full\n!\t... 3 more";
        assert_eq!(said(java).as_deref(), Some("Caused by: e.F: the disk is full"));
        let go =
            "!panic: index out of range\n!\n!goroutine 1 [running]:\n!main.main()\n!\t/x.go:3 +0x1d\n!exit status 2";
        assert_eq!(said(go).as_deref(), Some("panic: index out of range"));
    }

    #[test]
    fn the_newest_line_of_a_grave_level_is_found_and_cleared_of_time_and_level() {
        let text = "{\"level\":\"info\",\"msg\":\"a\"}\n{\"level\":\"error\",\"msg\":\"index corrupted\"}\n{\"level\":\"info\",\"msg\":\"bye\"}";
        assert_eq!(said(text).as_deref(), Some("index corrupted"));
        assert_eq!(said("2026-11-23T12:00:00Z ERROR pool: none left\nbye").as_deref(), Some("pool: none left"));
    }

    #[test]
    fn without_any_level_standard_error_has_the_word() {
        assert_eq!(said("!no such file\nbye").as_deref(), Some("no such file"));
        assert_eq!(said("hello\nbye").as_deref(), Some("bye"));
        assert_eq!(said("\n"), None);
    }
}
