//! The files that `env_file` names: lines of `NAME=VALUE`, in the syntax that docker compose documents.
//!
//! A value is what is written: nothing is expanded, whatever quotes it has or lacks. What can't be read for certain is
//! an error with its line, never a guess. Errors don't quote the file, which may hold secrets.
//!
//! | written | value |
//! |---|---|
//! | `A=x y # comment`, `export A = x y`, `A: x y` | `x y` |
//! | `A=x#y`, `A=#x` | `x#y`, `#x`: a comment begins after a space |
//! | `A="x\ty \"z\" \$5" # comment` | escapes `\n \r \t \\ \" \$`; other backslashes stay |
//! | `A='it\'s $5'` | `it's $5`: the only escape is `\'` |
//!
//! A quoted value may span lines. A name that is given twice has the value given last.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read, in bytes. What a program can be given is about as much.
const ENV_FILE_MOST: u64 = 1 << 20;

/// One variable of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnvFileEntry {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The line its name stands in, from 1.
    pub(crate) line: usize,
}

/// Why a file gives no variables.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnvFileError {
    /// It is not there, or can't be read.
    #[error("cannot read {}: {why}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system reports.
        why: io::Error,
    },
    /// A line is wrong.
    #[error("{}, line {line}: {why}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is expected there.
        why: &'static str,
    },
}

/// Reads the variables of `path`, in the order of their lines. A missing file has none if it `may_be_missing`.
///
/// # Errors
///
/// It can't be read, or a line of it is wrong.
pub(crate) fn read_env_file(path: &Path, may_be_missing: bool) -> Result<Vec<EnvFileEntry>, EnvFileError> {
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(why) if may_be_missing && why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(EnvFileError::Unreadable { path: path.to_owned(), why }),
    };
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        Malformed { line: 1 + good.iter().filter(|byte| **byte == b'\n').count(), why: "not UTF-8" }
    });
    text.and_then(|text| parse(&text)).map_err(|Malformed { line, why }| EnvFileError::Malformed {
        path: path.to_owned(),
        line,
        why,
    })
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(ENV_FILE_MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > ENV_FILE_MOST {
        return Err(io::Error::other(format!("larger than {ENV_FILE_MOST} bytes")));
    }
    Ok(bytes)
}

/// A line that is wrong.
#[derive(Debug, PartialEq, Eq)]
struct Malformed {
    line: usize,
    why: &'static str,
}

fn parse(text: &str) -> Result<Vec<EnvFileEntry>, Malformed> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = Lines { rest: text, line: 0 };
    let mut entries = Vec::new();
    while let Some(content) = lines.next() {
        let content = content.trim_matches(BLANK);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let line = lines.line;
        let (name, value) = name_and_rest(content).map_err(|why| Malformed { line, why })?;
        let value = match value.trim_start_matches(BLANK) {
            quoted if quoted.starts_with(['"', '\'']) => quoted_value(quoted, &mut lines)?,
            _ => unquoted_value(value).to_owned(),
        };
        if value.contains('\0') {
            return Err(Malformed { line, why: "a NUL can't be passed on; remove it" });
        }
        entries.push(EnvFileEntry { name: name.to_owned(), value, line });
    }
    Ok(entries)
}

const BLANK: [char; 2] = [' ', '\t'];

/// The lines of a text, without their ends.
struct Lines<'a> {
    rest: &'a str,
    /// The number of the line that was taken last, from 1.
    line: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a str> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        (self.rest, self.line) = (rest, self.line + 1);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

/// The name of a line, and all that follows the sign behind it.
fn name_and_rest(content: &str) -> Result<(&str, &str), &'static str> {
    let content = match content.strip_prefix("export") {
        Some(exported) if exported.starts_with(BLANK) => exported.trim_start_matches(BLANK),
        _ => content,
    };
    let (name, rest) = content.split_once(['=', ':']).ok_or("expected NAME=VALUE")?;
    let name = name.trim_end_matches(BLANK);
    let fits = |c: char| c.is_alphanumeric() || "_.-[]".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        return Err("expected a name of letters, digits, `_`, `.` and `-`, then `=`");
    }
    Ok((name, rest))
}

/// A value without quotes: up to the end of its line, or to a `#` that follows a blank.
fn unquoted_value(rest: &str) -> &str {
    let begins_comment = |at: &usize| rest[..*at].ends_with(BLANK);
    let end = rest.match_indices('#').map(|(at, _)| at).find(begins_comment).unwrap_or(rest.len());
    rest[..end].trim_matches(BLANK)
}

/// A value in quotes. `first` begins with the quote and is the rest of its line; the value may end in a later line.
fn quoted_value(first: &str, lines: &mut Lines<'_>) -> Result<String, Malformed> {
    let opened = lines.line;
    let quote = if first.starts_with('"') { '"' } else { '\'' };
    let mut content = &first[1..];
    let mut value = String::new();
    loop {
        if let Some(behind) = unescape(content, quote, &mut value) {
            let behind_blanks = behind.trim_start_matches(BLANK);
            let is_comment = behind_blanks.starts_with('#') && behind.starts_with(BLANK);
            return match behind_blanks.is_empty() || is_comment {
                true => Ok(value),
                false => Err(Malformed { line: lines.line, why: AFTER_QUOTE }),
            };
        }
        value.push('\n');
        content = lines.next().ok_or(Malformed { line: opened, why: "the quote that begins here is never closed" })?;
    }
}

const AFTER_QUOTE: &str = "expected the end of the line, or a comment, after the closing quote; \
                           a quote inside the value is written with a backslash before it";

/// Appends a line of a quoted value. What stands behind the closing quote, if that is in this line.
fn unescape<'a>(mut content: &'a str, quote: char, value: &mut String) -> Option<&'a str> {
    while let Some(at) = content.find(['\\', quote]) {
        value.push_str(&content[..at]);
        let special = &content[at..];
        if special.starts_with(quote) {
            return Some(&special[1..]);
        }
        let escaped = match (special[1..].chars().next(), quote) {
            (Some('\''), '\'') => Some('\''),
            (Some(plain @ ('"' | '\\' | '$')), '"') => Some(plain),
            (Some('n'), '"') => Some('\n'),
            (Some('r'), '"') => Some('\r'),
            (Some('t'), '"') => Some('\t'),
            _ => None,
        };
        value.push(escaped.unwrap_or('\\'));
        content = &special[if escaped.is_some() { 2 } else { 1 }..];
    }
    value.push_str(content);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each line of `NAME=…` and the value it has.
    #[track_caller]
    fn check(lines: &[(&str, &str)]) {
        for (line, value) in lines {
            let entries = parse(line).unwrap_or_else(|error| panic!("{line}: {error:?}"));
            let [entry] = entries.as_slice() else { panic!("{line}: {entries:?}") };
            assert_eq!((entry.name.as_str(), entry.value.as_str()), ("A", *value), "{line}");
        }
    }

    fn malformed(text: &str) -> (usize, &'static str) {
        let Malformed { line, why } = parse(text).expect_err(text);
        (line, why)
    }

    #[test]
    fn a_value_is_what_is_written() {
        for value in [
            "s3cr$et!x",
            "$2y$10$abcdefghijklmnopqrstuv",
            "${NOPE:-dflt}",
            "$NOPE",
            "$${HOME}",
            "{\"k\":\"v\"}",
            "x y  z",
            "a\\tb\\",
            "it's",
            "say \"hi\"",
            "http://user:pa#ss@host/?a=b&c=d#top",
            "-----BEGIN KEY-----",
            "`date`$(date)",
            "é\u{a0}ü🦀",
            "a\\'b",
            "100%;|<>*?[]~",
            "",
        ] {
            check(&[(&format!("A={value}"), value), (&format!("A=  {value}\t"), value)]);
        }
    }

    #[test]
    fn quotes_are_optional_and_hold_what_would_be_a_comment() {
        check(&[
            ("A='x # y'", "x # y"),
            ("A=\"x # y\"", "x # y"),
            ("A=\"\"", ""),
            ("A='$5 ${B} \\n \\\\ .'", "$5 ${B} \\n \\\\ ."),
            ("A='it\\'s'", "it's"),
            ("A=\"{\\\"k\\\": \\\"v\\\"}\"", "{\"k\": \"v\"}"),
            ("A=\"$5 ${NOPE:-dflt}\"", "$5 ${NOPE:-dflt}"),
            ("A=\"a\\nb\\rc\\td\\\\e\\$f\"", "a\nb\rc\td\\e$f"),
            ("A=\"C:\\foo\\x\\0\"", "C:\\foo\\x\\0"),
            ("A=\"ends in \\\\\"", "ends in \\"),
            ("A=\"é\\né\"", "é\né"),
        ]);
    }

    #[test]
    fn a_comment_begins_after_a_space() {
        check(&[
            ("# first\nA=x # comment # more", "x"),
            ("A=x# none", "x# none"),
            ("A=#x", "#x"),
            ("A=a#b #c", "a#b"),
            ("A= # only a comment", ""),
            ("A=x\t# after a tab", "x"),
            ("A='x' # comment", "x"),
            ("A=\"x\"\t# it's", "x"),
            ("   # indented\n  A=x", "x"),
        ]);
    }

    #[test]
    fn a_name_may_be_exported_and_spaced() {
        check(&[("export A=x", "x"), ("  export\tA = x ", "x"), ("A: x", "x"), ("A:x=y", "x=y"), ("A = 'x'", "x")]);
        let names = parse("export=1\nexported=2\nx.y-z[0]=3\nÉ1=4").unwrap();
        let names: Vec<_> = names.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["export", "exported", "x.y-z[0]", "É1"]);
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_no_part_of_it() {
        let entries = parse("\u{feff}A=x\r\n\r\n# c\r\nB=\"y\r\nz\"\r\nC=w\r").unwrap();
        let all: Vec<_> = entries.iter().map(|entry| (&*entry.name, &*entry.value, entry.line)).collect();
        assert_eq!(all, [("A", "x", 1), ("B", "y\nz", 4), ("C", "w", 6)]);
    }

    #[test]
    fn a_quoted_value_may_span_lines() {
        check(&[("A='x\n# y\n\nz'", "x\n# y\n\nz"), ("A=\"x\\\ny\"", "x\\\ny")]);
        let entries = parse("KEY=\"-----BEGIN\nabc=\n-----END\"\nB=2").unwrap();
        assert_eq!(entries[1], EnvFileEntry { name: "B".to_owned(), value: "2".to_owned(), line: 4 });
    }

    #[test]
    fn what_can_not_be_read_for_certain_names_its_line() {
        let after = AFTER_QUOTE;
        assert_eq!(malformed("A=1\n\nsecret without a name\nB=2"), (3, "expected NAME=VALUE"));
        assert_eq!(malformed("A='x\ny'\nB"), (3, "expected NAME=VALUE"));
        assert_eq!(malformed("export A"), (1, "expected NAME=VALUE"));
        assert_eq!(malformed("A=1\nB=\"x\ny\n"), (2, "the quote that begins here is never closed"));
        assert_eq!(malformed("A='x'y"), (1, after));
        assert_eq!(malformed("A=\"x\"#y"), (1, after));
        assert_eq!(malformed("A=\"x\nB=1\nC=\"z\""), (3, after));
        assert_eq!(malformed("A=1\n=x").0, 2);
        assert_eq!(malformed("A B=x").0, 1);
        assert_eq!(malformed("A=1\r\nB=2\r\n?=x").0, 3);
        assert_eq!(malformed("A=1\nB=a\0b").0, 2);
    }

    #[test]
    fn a_file_that_is_missing_or_no_text_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("the.env");
        assert!(read_env_file(&path, true).unwrap().is_empty());
        let said = |may| read_env_file(&path, may).unwrap_err().to_string();
        assert!(said(false).starts_with(&format!("cannot read {}: No such file", path.display())));
        std::fs::write(&path, b"A=1\nB=\xff\n").unwrap();
        assert_eq!(said(true), format!("{}, line 2: not UTF-8", path.display()));
        std::fs::write(&path, "A".repeat(ENV_FILE_MOST as usize + 1)).unwrap();
        assert_eq!(said(true), format!("cannot read {}: larger than 1048576 bytes", path.display()));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(said(true).starts_with("cannot read "), "a directory is no missing file");
    }
}
