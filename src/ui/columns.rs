//! A line of JSON or logfmt as a person reads it: level, message, and its fields, the later ones dim.

use crate::logs::{Level, LogLine, Record, without_escapes};
use crate::present::ansi::visible;

/// Fields that are as bright as the message.
const BRIGHT_FIELDS: usize = 3;

/// The line in another order, with escape sequences for its colours; none if it has no fields.
pub(super) fn in_columns(line: &LogLine) -> Option<Vec<u8>> {
    let first = line.bytes.iter().find(|byte| !byte.is_ascii_whitespace())?;
    // Almost every line of text is known as such by this.
    if *first != b'{' && !line.bytes.contains(&b'=') {
        return None;
    }
    let record = Record::of_line(&without_escapes(&line.bytes))?;
    let mut text =
        record.level.map(|level| format!("\x1b[{}m{:<5}\x1b[0m ", colour(level), level.word())).unwrap_or_default();
    text += &one_line(&record.message);
    for (nth, (name, value)) in record.fields.iter().enumerate() {
        let dim = if nth < BRIGHT_FIELDS { "" } else { "\x1b[2m" };
        let (name, value) = (one_line(name), one_line(value));
        text += &format!(" \x1b[2m{name}=\x1b[0m{dim}{value}\x1b[0m");
    }
    Some(text.trim_start().as_bytes().to_vec())
}

fn one_line(text: &str) -> String {
    visible(&text.replace(['\n', '\r', '\t'], " "))
}

fn colour(level: Level) -> u8 {
    match level {
        Level::Trace | Level::Debug => 2,
        Level::Info => 36,
        Level::Warn => 33,
        Level::Error | Level::Fatal => 31,
    }
}
