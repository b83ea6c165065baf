//! How grave a line is, by what it says itself: as JSON, logfmt, klog, or a word where loggers write it; or by the shape of
//! a stack trace.

use std::fmt;

use memchr::memmem;

/// Bytes of a line in which a logger's word for the level is looked for.
const WORD_WITHIN_BYTES: usize = 96;
/// Keys of JSON and logfmt that hold the level.
const LEVEL_KEYS: [&str; 6] = ["level", "severity", "lvl", "levelname", "loglevel", "log.level"];

/// How grave a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// For following single steps.
    Trace,
    /// For finding mistakes.
    Debug,
    /// What happens in the normal course.
    Info,
    /// What may become a problem.
    Warn,
    /// What went wrong.
    Error,
    /// What the program does not survive.
    Fatal,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        }
    }

    /// The level that a program or a person calls so: in any case, and by the numbers of bunyan and pino.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        let mut letters = [0; 11];
        let letters = letters.get_mut(..word.len())?;
        letters.copy_from_slice(word.as_bytes());
        letters.make_ascii_lowercase();
        Some(match &*letters {
            b"trace" | b"trc" | b"finest" | b"10" => Self::Trace,
            b"debug" | b"dbg" | b"debu" | b"fine" | b"20" => Self::Debug,
            b"info" | b"inf" | b"information" | b"notice" | b"log" | b"30" => Self::Info,
            b"warn" | b"warning" | b"wrn" | b"40" => Self::Warn,
            b"error" | b"err" | b"eror" | b"severe" | b"50" => Self::Error,
            b"fatal" | b"ftl" | b"critical" | b"crit" | b"alert" | b"emerg" | b"emergency" | b"panic" | b"60" => {
                Self::Fatal
            }
            _ => return None,
        })
    }

    /// The level of a line without escape sequences; none if it does not say.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let text = line.trim_start();
        if text.starts_with('{') {
            return of_json(text);
        }
        of_logfmt(text).or_else(|| of_klog(text)).or_else(|| of_shape(line)).or_else(|| of_leading_word(text))
    }

    /// The level by which a line is chosen: its own, or what its stream and shape make likely. A line of a trace below its
    /// head is as grave as the head is likely to be.
    #[must_use]
    pub fn judged(line: &str, is_stderr: bool) -> Self {
        Self::of_line(line).unwrap_or(match is_stderr || continues(line) {
            true => Self::Error,
            false => Self::Info,
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Whether a line belongs to the one before it: a frame of a trace, or the rest of a value over several lines.
#[must_use]
pub(crate) fn continues(line: &str) -> bool {
    const BEGINNINGS: [&str; 6] = ["Caused by:", "... ", "goroutine ", "note: run with", "stack backtrace:", "}"];
    let is_indented = line.starts_with([' ', '\t']) && !line.trim().is_empty();
    // A logger that pads its level on the left indents nothing.
    (is_indented && of_leading_word(line.trim_start()).is_none())
        || BEGINNINGS.iter().any(|beginning| line.starts_with(beginning))
}

/// Whether a key of JSON or logfmt holds the level.
pub(super) fn is_level_key(key: &str) -> bool {
    LEVEL_KEYS.contains(&key)
}

/// What stands behind the first of the keys for the level, if it is a key there.
fn of_json(text: &str) -> Option<Level> {
    LEVEL_KEYS.iter().find_map(|key| {
        let quoted = |at: &usize| {
            let bytes = text.as_bytes();
            bytes.get(at.wrapping_sub(1)) == Some(&b'"') && bytes.get(at + key.len()) == Some(&b'"')
        };
        let at = memmem::find_iter(text.as_bytes(), key).find(quoted)?;
        let value = text[at + key.len() + 1..].trim_start().strip_prefix(':')?.trim_start().trim_start_matches('"');
        Level::of_word(&value[..value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len())])
    })
}

fn of_logfmt(text: &str) -> Option<Level> {
    LEVEL_KEYS.iter().find_map(|key| {
        let is_key = |at: &usize| {
            let bytes = text.as_bytes();
            (*at == 0 || bytes[at - 1] == b' ') && bytes.get(at + key.len()) == Some(&b'=')
        };
        let at = memmem::find_iter(text.as_bytes(), key).find(is_key)?;
        let value = text[at + key.len() + 1..].trim_start_matches('"');
        Level::of_word(&value[..value.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(value.len())])
    })
}

/// `E0412 12:01:33.000000  4121 pool.go:88] no connection`
fn of_klog(text: &str) -> Option<Level> {
    let bytes = text.as_bytes();
    let is_klog = bytes.len() > 9 && bytes[1..5].iter().all(u8::is_ascii_digit) && bytes[5] == b' ' && bytes[8] == b':';
    match bytes.first().filter(|_| is_klog)? {
        b'I' => Some(Level::Info),
        b'W' => Some(Level::Warn),
        b'E' => Some(Level::Error),
        b'F' => Some(Level::Fatal),
        _ => None,
    }
}

/// The head of a trace, or the line that names an exception.
fn of_shape(line: &str) -> Option<Level> {
    const HEADS: [&str; 6] = [
        "Traceback (most recent call last)",
        "Exception in thread ",
        "Unhandled ",
        "Uncaught ",
        "Caused by: ",
        "thread '",
    ];
    if line.starts_with("panic: ") {
        return Some(Level::Fatal);
    }
    if HEADS[..5].iter().any(|head| line.starts_with(head))
        || (line.starts_with(HEADS[5]) && line.contains("panicked at"))
    {
        return Some(Level::Error);
    }
    let name = &line[..line.find([':', ' ']).unwrap_or(line.len())];
    let is_path = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._$".contains(&byte));
    let is_exception = name.ends_with("Error") || name.ends_with("Exception");
    (is_path && is_exception && !line[name.len()..].starts_with(' ')).then_some(Level::Error)
}

/// A word that only loggers write: in capitals or brackets near the beginning, or the very first with a colon behind it.
fn of_leading_word(text: &str) -> Option<Level> {
    let mut end = text.len().min(WORD_WITHIN_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let head = &text[..end];
    let mut start = None;
    for (at, byte) in head.bytes().chain([b' ']).enumerate() {
        match (start, byte.is_ascii_alphabetic()) {
            (None, true) => start = Some(at),
            (Some(first), false) => {
                start = None;
                let word = &head[first..at];
                let is_capital = word.bytes().all(|byte| byte.is_ascii_uppercase());
                let bytes = head.as_bytes();
                let is_bracketed =
                    first > 0 && matches!((bytes[first - 1], byte), (b'[', b']') | (b'<', b'>') | (b'(', b')'));
                let leads = first == 0 && byte == b':';
                let is_part = first > 0 && matches!(bytes[first - 1], b'_' | b'/' | b'=' | b'-')
                    || matches!(byte, b'_' | b'/' | b'=');
                if (is_capital || is_bracketed || leads)
                    && !is_part
                    && word.len() > 2
                    && let Some(level) = Level::of_word(word)
                {
                    return Some(level);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_logger_is_understood() {
        use Level::{Debug, Error, Fatal, Info, Trace, Warn};
        for (line, level) in [
            (r#"{"time":"2026-11-23T12:00:00Z","level":"ERROR","msg":"no"}"#, Error),
            (r#"{"msg":"the level is fine","lvl": "warn"}"#, Warn),
            (r#"{"level":30,"time":1700000000000,"msg":"started"}"#, Info),
            (r#"{"severity":"CRITICAL"}"#, Fatal),
            ("ts=2026-11-23T12:00:00Z level=warn msg=\"slow query\"", Warn),
            ("time=2026-11-23T12:00:00.000Z level=ERROR msg=no err=\"level=info\"", Error),
            ("E0412 12:01:33.000000    4121 pool.go:88] no connection", Error),
            ("INFO:root:listening", Info),
            ("2026-11-23 12:00:00,123 - app.pool - WARNING - slow", Warn),
            ("2026-11-23T12:00:00.1Z  INFO stead::driver: started", Info),
            (" WARN pool: connection 7 lost", Warn),
            ("2026/11/23 12:00:00 [error] 12#0: *1 connect() failed", Error),
            ("[info] listening", Info),
            ("ERROR: relation \"users\" does not exist", Error),
            ("2026-11-23 12:00:00.000 UTC [77] FATAL:  too many connections", Fatal),
            ("error: could not compile `stead`", Error),
            ("warning: unused variable", Warn),
            ("panic: runtime error: index out of range", Fatal),
            ("thread 'main' panicked at src/pool.rs:88:5:", Error),
            ("Traceback (most recent call last):", Error),
            ("psycopg.OperationalError: connection failed: FATAL: too many connections", Error),
            ("TypeError: x is not a function", Error),
            ("Exception in thread \"main\" java.lang.NullPointerException", Error),
            ("TRACE h2: frame", Trace),
            ("<debug> tick", Debug),
        ] {
            assert_eq!(Level::of_line(line), Some(level), "{line}");
        }
    }

    #[test]
    fn words_that_only_sound_like_a_level_are_none() {
        for line in [
            "no error so far",
            "GET /errors?level=high 200",
            "{\"message\":\"level\"}",
            "Information is power",
            "error handling is done in ERROR_HANDLER",
            "WarnerBros",
            "",
            "db tick",
            "the Error is gone",
            "MAX_ERROR=3",
        ] {
            assert_eq!(Level::of_line(line), None, "{line}");
        }
    }

    #[test]
    fn frames_of_a_trace_belong_to_its_head() {
        for line in ["  File \"worker.py\", line 40", "\tat com.shop.Api.main(Api.java:3)", "goroutine 1 [running]:"] {
            assert!(continues(line), "{line}");
            assert_eq!(Level::judged(line, false), Level::Error, "{line}");
        }
        assert!(!continues("  INFO stead: started"));
        assert_eq!(Level::judged("tick", false), Level::Info);
        assert_eq!(Level::judged("tick", true), Level::Error);
    }
}
