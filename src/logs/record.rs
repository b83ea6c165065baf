//! A line with fields: JSON or logfmt, taken apart into level, message and the rest.

use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::Value;

use super::level::{Level, is_level_key};

/// Keys of the message, the usual one first.
const MESSAGE_KEYS: [&str; 5] = ["msg", "message", "event", "text", "error"];
/// Keys of the program's own time.
const TIME_KEYS: [&str; 7] = ["time", "ts", "timestamp", "@timestamp", "t", "date", "datetime"];

/// How the fields of a line are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineFormat {
    /// An object of JSON.
    Json,
    /// `key=value key="a value"`
    Logfmt,
}

/// A line, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// How it is written.
    pub format: LineFormat,
    /// How grave it is, if it says so.
    pub level: Option<Level>,
    /// What it says; empty if it has nothing but fields.
    pub message: String,
    /// All the rest but the program's own time, in its order. Nested fields have names such as `http.status`.
    pub fields: Vec<(String, String)>,
}

impl Record {
    /// Takes a line without escape sequences apart. None if it is plain text.
    #[must_use]
    pub fn of_line(line: &str) -> Option<Self> {
        let text = line.trim();
        if text.starts_with('{') && text.ends_with('}') {
            let pairs = json_pairs(text)?;
            return Some(Self::of_pairs(LineFormat::Json, pairs));
        }
        Some(Self::of_pairs(LineFormat::Logfmt, logfmt_pairs(text)?))
    }

    /// The value of a field, by its name; also of the level and the message.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        match self.fields.iter().find(|(key, _)| key == name) {
            Some((_, value)) => Some(value),
            None if is_level_key(name) => self.level.map(Level::word),
            None => (MESSAGE_KEYS.contains(&name) && !self.message.is_empty()).then_some(&self.message),
        }
    }

    fn of_pairs(format: LineFormat, pairs: Vec<(String, String)>) -> Self {
        let mut record = Self { format, level: None, message: String::new(), fields: Vec::new() };
        let message_key = MESSAGE_KEYS.iter().find(|key| pairs.iter().any(|(own, _)| own == *key));
        for (key, value) in pairs {
            let level = Level::of_word(&value).filter(|_| is_level_key(&key) && record.level.is_none());
            if level.is_some() {
                record.level = level;
            } else if message_key == Some(&key.as_str()) && record.message.is_empty() {
                record.message = value;
            } else if !TIME_KEYS.contains(&key.as_str()) {
                record.fields.push((key, value));
            }
        }
        record
    }
}

/// The fields of a JSON object in its order; those of objects within it with the names of both.
fn json_pairs(text: &str) -> Option<Vec<(String, String)>> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, String)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some((key, value)) = map.next_entry::<String, Value>()? {
                flatten(key, value, &mut pairs);
            }
            Ok(pairs)
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_map(Pairs).ok()
}

fn flatten(key: String, value: Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(inner) => {
            inner.into_iter().for_each(|(own, value)| flatten(format!("{key}.{own}"), value, pairs))
        }
        Value::String(text) => pairs.push((key, text)),
        value => pairs.push((key, value.to_string())),
    }
}

/// The fields of a line that is nothing but `key=value`; none unless there are two of them, or the level is one.
fn logfmt_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '"']).filter(|&end| end > 0 && rest[end..].starts_with('='))?;
        let (key, behind) = (&rest[..end], &rest[end + 1..]);
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = behind.find(' ').unwrap_or(behind.len());
                (behind[..end].to_owned(), &behind[end..])
            }
        };
        pairs.push((key.to_owned(), value));
        rest = behind.trim_start();
    }
    let is_likely = pairs.len() > 1 || pairs.first().is_some_and(|(key, _)| is_level_key(key));
    is_likely.then_some(pairs)
}

/// The text up to the closing quote, and what follows it.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            letter => value.push(letter),
        }
    }
    None
}

/// The text behind the time that a program writes at the beginning of its lines; all of it if there is none.
#[must_use]
pub(crate) fn without_time(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_digits =
        |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let is_date = is_digits(0, 4) && matches!(bytes.get(4), Some(b'-' | b'/')) && is_digits(5, 7) && is_digits(8, 10);
    let clock = if is_date && matches!(bytes.get(10), Some(b'T' | b' ')) { 11 } else { 0 };
    let is_clock =
        is_digits(clock, clock + 2) && bytes.get(clock + 2) == Some(&b':') && is_digits(clock + 3, clock + 5);
    if !is_clock {
        return text;
    }
    let is_time = |c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',' | 'Z' | '+');
    let end = text[clock..].find(|c| !is_time(c)).map_or(text.len(), |end| clock + end);
    text[end..].trim_start_matches([' ', ']', '-', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken_apart(line: &str) -> Option<(Option<Level>, String, String)> {
        let Record { level, message, fields, .. } = Record::of_line(line)?;
        let fields: Vec<_> = fields.into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        Some((level, message, fields.join(" ")))
    }

    #[test]
    fn json_and_logfmt_are_taken_apart() {
        let json = r#"{"time":"now","level":"warn","msg":"slow","http":{"status":503},"ids":[1,2]}"#;
        let expected = (Some(Level::Warn), "slow".to_owned(), "http.status=503 ids=[1,2]".to_owned());
        assert_eq!(taken_apart(json), Some(expected));
        let logfmt = r#"ts=now level=error msg="no \"pool\" left" host=db took=12ms"#;
        let expected = (Some(Level::Error), "no \"pool\" left".to_owned(), "host=db took=12ms".to_owned());
        assert_eq!(taken_apart(logfmt), Some(expected));
    }

    #[test]
    fn plain_text_stays_whole() {
        for line in ["a=b", "listening on port=80 now", "{not json}", "", "x", "SELECT a = b", "{\"a\":1} trailing"] {
            assert_eq!(taken_apart(line), None, "{line}");
        }
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let record = Record::of_line(r#"{"level":"error","message":"no","status":500}"#).unwrap();
        assert_eq!(
            ["status", "level", "message", "x"].map(|name| record.field(name)),
            [Some("500"), Some("error"), Some("no"), None]
        );
    }

    #[test]
    fn a_leading_time_is_left_out() {
        for (line, rest) in [
            ("2026-11-23T12:00:00.123Z  INFO x", "INFO x"),
            ("2026-11-23 12:00:00,123 - app - INFO", "app - INFO"),
            ("2026/11/23 12:00:00 [error] no", "[error] no"),
            ("12:00:00 ready", "ready"),
            ("2026 was good", "2026 was good"),
            ("no time", "no time"),
        ] {
            assert_eq!(without_time(line), rest);
        }
    }
}
