//! The kinds of value a key can have. A kind reads a value, says what is wrong with it, and describes
//! itself for the JSON Schema, so that the two can't disagree.

use std::path::PathBuf;

use serde_json::{Value as Json, json};
use toml::Spanned;
use toml::de::DeValue;

use super::nearest::nearest;
use super::report::Span;
use super::{Account, Command};

/// A value of the file with its place.
pub(super) type Found<'a> = Spanned<DeValue<'a>>;

/// Why a value can't be taken: where, and what would be right.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) span: Span,
    pub(super) remedy: String,
}

/// One kind of value.
pub(super) trait Kind {
    /// What it is read into.
    type Value;

    /// Reads a value, or says everything that is wrong with it.
    fn read(&self, found: &Found<'_>) -> Result<Self::Value, Vec<Complaint>>;

    /// Its JSON Schema.
    fn schema(&self) -> Json;

    /// How a value of it is written, to show a default; null when it can't be a default.
    fn show(&self, _value: &Self::Value) -> Json {
        Json::Null
    }
}

pub(super) fn refuse<T>(found: &Found<'_>, remedy: impl Into<String>) -> Result<T, Vec<Complaint>> {
    Err(vec![Complaint { span: found.span(), remedy: remedy.into() }])
}

fn expected<T>(found: &Found<'_>, what: &str) -> Result<T, Vec<Complaint>> {
    Err(vec![unexpected(found, what)])
}

/// Says that `what` was expected, and what was found instead.
pub(super) fn unexpected(found: &Found<'_>, what: &str) -> Complaint {
    let instead = match found.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    };
    Complaint { span: found.span(), remedy: format!("expected {what}, found {instead}") }
}

/// A string that can be given to a program: the operating system has no way to pass on a NUL.
pub(super) fn text<'a>(found: &'a Found<'_>, what: &str) -> Result<&'a str, Vec<Complaint>> {
    match found.get_ref() {
        DeValue::String(text) if text.contains('\0') => refuse(found, "a NUL can't be passed on; remove it"),
        DeValue::String(text) => Ok(text),
        _ => expected(found, what),
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, found: &Found<'_>) -> Result<bool, Vec<Complaint>> {
        found.get_ref().as_bool().map_or_else(|| expected(found, "`true` or `false`"), Ok)
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }

    fn show(&self, value: &bool) -> Json {
        json!(value)
    }
}

/// Any string.
pub(super) struct Text;

impl Kind for Text {
    type Value = String;

    fn read(&self, found: &Found<'_>) -> Result<String, Vec<Complaint>> {
        text(found, "a string").map(str::to_owned)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string" })
    }
}

/// A path; not looked up.
pub(super) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn read(&self, found: &Found<'_>) -> Result<PathBuf, Vec<Complaint>> {
        match text(found, "a path")? {
            "" => refuse(found, "expected a path, found nothing; `.` is this file's own directory"),
            path => Ok(path.into()),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A whole number, both ends included.
pub(super) struct Whole(pub(super) u32, pub(super) u32);

impl Kind for Whole {
    type Value = u32;

    fn read(&self, found: &Found<'_>) -> Result<u32, Vec<Complaint>> {
        let what = format!("a whole number from {} to {}", self.0, self.1);
        let Some(digits) = found.get_ref().as_integer() else { return expected(found, &what) };
        match u32::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) if (self.0..=self.1).contains(&number) => Ok(number),
            _ => refuse(found, format!("expected {what}")),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "integer", "minimum": self.0, "maximum": self.1 })
    }

    fn show(&self, value: &u32) -> Json {
        json!(value)
    }
}

/// A whole number that may be below zero, both ends included.
pub(super) struct Signed(pub(super) i32, pub(super) i32);

impl Kind for Signed {
    type Value = i32;

    fn read(&self, found: &Found<'_>) -> Result<i32, Vec<Complaint>> {
        let what = format!("a whole number from {} to {}", self.0, self.1);
        let Some(digits) = found.get_ref().as_integer() else { return expected(found, &what) };
        match i32::from_str_radix(digits.as_str(), digits.radix()) {
            Ok(number) if (self.0..=self.1).contains(&number) => Ok(number),
            _ => refuse(found, format!("expected {what}")),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "integer", "minimum": self.0, "maximum": self.1 })
    }

    fn show(&self, value: &i32) -> Json {
        json!(value)
    }
}

/// A share of something, from 0 to 1.
pub(super) struct Share;

impl Kind for Share {
    type Value = f64;

    fn read(&self, found: &Found<'_>) -> Result<f64, Vec<Complaint>> {
        let number = match found.get_ref() {
            DeValue::Integer(digits) => digits.as_str().parse(),
            DeValue::Float(digits) => digits.as_str().parse(),
            _ => return expected(found, "a number from 0 to 1"),
        };
        match number {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
            _ => refuse(found, "expected a number from 0 to 1"),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }

    fn show(&self, value: &f64) -> Json {
        json!(value)
    }
}

/// A size in bytes: a number, or a string with a unit.
pub(super) struct Size;

impl Kind for Size {
    type Value = u64;

    fn read(&self, found: &Found<'_>) -> Result<u64, Vec<Complaint>> {
        const WHAT: &str = "a size like \"64 MiB\", or 0";
        let size = match found.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            DeValue::String(text) => text.trim().parse().ok().map(|bytesize::ByteSize(bytes)| bytes),
            _ => return expected(found, WHAT),
        };
        size.map_or_else(|| refuse(found, format!("expected {WHAT}")), Ok)
    }

    fn schema(&self) -> Json {
        json!({ "type": ["string", "integer"], "minimum": 0, "examples": ["64 MiB", "1 GB", 0] })
    }

    fn show(&self, value: &u64) -> Json {
        json!(format!("{:.0}", bytesize::ByteSize(*value).display().iec()))
    }
}

/// A user or a group, by name or number; not looked up.
pub(super) struct AccountName;

impl Kind for AccountName {
    type Value = Account;

    fn read(&self, found: &Found<'_>) -> Result<Account, Vec<Complaint>> {
        if found.get_ref().is_integer() {
            // The last number means "unchanged" to the kernel.
            return Whole(0, u32::MAX - 1).read(found).map(Account::Id);
        }
        match text(found, "a name or a number")? {
            "" => refuse(found, "expected a name or a number, found nothing"),
            name => Ok(Account::Name(name.to_owned())),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": ["string", "integer"], "minimum": 0 })
    }
}

/// One of a few words.
pub(super) struct OneOf<T: 'static>(pub(super) &'static [(&'static str, T)]);

impl<T: Copy + PartialEq> Kind for OneOf<T> {
    type Value = T;

    fn read(&self, found: &Found<'_>) -> Result<T, Vec<Complaint>> {
        let words: Vec<_> = self.0.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let what = format!("one of {}", words.join(", "));
        let text = text(found, &what)?;
        match self.0.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(*value),
            None => match nearest(text, self.0.iter().map(|(word, _)| *word)) {
                Some(word) => refuse(found, format!("did you mean \"{word}\"? expected {what}")),
                None => refuse(found, format!("expected {what}")),
            },
        }
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.0.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }

    fn show(&self, value: &T) -> Json {
        json!(self.0.iter().find(|(_, known)| known == value).map(|(word, _)| *word))
    }
}

/// A line for `sh -c`, or a program with its arguments.
pub(super) struct CommandLine;

impl Kind for CommandLine {
    type Value = Command;

    fn read(&self, found: &Found<'_>) -> Result<Command, Vec<Complaint>> {
        if !found.get_ref().is_array() {
            return match text(found, "a string or an array of strings")? {
                line if line.trim().is_empty() => refuse(found, "expected a command, found nothing to run"),
                line => Ok(Command::Shell(line.to_owned())),
            };
        }
        match ListOf(Text).read(found)? {
            argv if argv.first().is_none_or(String::is_empty) => {
                refuse(found, "expected a program and its arguments, found nothing to run")
            }
            argv => Ok(Command::Argv(argv)),
        }
    }

    fn schema(&self) -> Json {
        json!({ "oneOf": [
            { "type": "string", "minLength": 1, "description": "A line for `sh -c`." },
            { "type": "array", "items": { "type": "string" }, "minItems": 1,
              "description": "A program and its arguments, run without a shell." },
        ]})
    }
}

/// An array.
pub(super) struct ListOf<K>(pub(super) K);

impl<K: Kind> Kind for ListOf<K> {
    type Value = Vec<K::Value>;

    fn read(&self, found: &Found<'_>) -> Result<Self::Value, Vec<Complaint>> {
        let Some(items) = found.get_ref().as_array() else { return expected(found, "an array") };
        let (mut values, mut complaints) = (Vec::new(), Vec::new());
        for item in items {
            match self.0.read(item) {
                Ok(value) => values.push(value),
                Err(more) => complaints.extend(more),
            }
        }
        if complaints.is_empty() { Ok(values) } else { Err(complaints) }
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema() })
    }

    fn show(&self, value: &Self::Value) -> Json {
        value.iter().map(|item| self.0.show(item)).collect()
    }
}
