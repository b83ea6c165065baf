//! The kinds of value a key can have. A kind reads a value, says what is wrong with it, and describes
//! itself for the JSON Schema, so that the two can't disagree.

use std::path::{Path, PathBuf};

use super::command::RunForm;
use super::environment::FileRef;
use super::foreign;
use super::nearest::nearest;
use super::report::Span;
use super::value::{FileValue, SpannedValue};
use super::{Account, CommandLine};
use serde_json::{Value as Json, json};

/// A value to be read.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// As it is written.
    pub(super) written: &'a SpannedValue,
    /// With its variables filled in.
    pub(super) filled: &'a SpannedValue,
    /// The directory that relative paths start from.
    pub(super) dir: &'a Path,
}

impl<'a> Given<'a> {
    /// The value, with its variables filled in.
    pub(super) fn value(&self) -> &'a FileValue {
        self.filled.get_ref()
    }

    pub(super) fn span(&self) -> Span {
        self.written.span()
    }

    /// The items, if it is an array.
    pub(super) fn items(&self) -> Option<impl Iterator<Item = Given<'a>>> {
        let (written, filled) = (self.written.get_ref().as_array()?, self.filled.get_ref().as_array()?);
        let dir = self.dir;
        Some(written.iter().zip(filled.iter()).map(move |(written, filled)| Given { written, filled, dir }))
    }
}

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
    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Complaint>>;

    /// Its JSON Schema.
    fn schema(&self) -> Json;

    /// How a value of it is written, to show a default; null when it can't be a default.
    fn show(&self, _value: &Self::Value) -> Json {
        Json::Null
    }
}

pub(super) fn refuse<T>(given: &Given<'_>, remedy: impl Into<String>) -> Result<T, Vec<Complaint>> {
    Err(vec![Complaint { span: given.span(), remedy: remedy.into() }])
}

fn expected<T>(given: &Given<'_>, what: &str) -> Result<T, Vec<Complaint>> {
    Err(vec![unexpected(given.written, what)])
}

/// Says that `what` was expected, and what was found instead.
pub(super) fn unexpected(found: &SpannedValue, what: &str) -> Complaint {
    let instead = match found.get_ref() {
        FileValue::Text(_) => "a string",
        FileValue::Integer(..) | FileValue::Float(_) => "a number",
        FileValue::Boolean(_) => "a boolean",
        FileValue::Date => "a date",
        FileValue::Array(_) => "an array",
        FileValue::Table(_) => "a table",
    };
    Complaint { span: found.span(), remedy: format!("expected {what}, found {instead}") }
}

/// A string that can be given to a program: the operating system has no way to pass on a NUL.
pub(super) fn text<'a>(given: &Given<'a>, what: &str) -> Result<&'a str, Vec<Complaint>> {
    match given.value() {
        FileValue::Text(text) if text.contains('\0') => refuse(given, "a NUL can't be passed on; remove it"),
        FileValue::Text(text) => Ok(text),
        _ => expected(given, what),
    }
}

/// `true` or `false`.
pub(super) struct Flag;

impl Kind for Flag {
    type Value = bool;

    fn read(&self, given: &Given<'_>) -> Result<bool, Vec<Complaint>> {
        match given.value() {
            FileValue::Boolean(truth) => Ok(*truth),
            _ => expected(given, "`true` or `false`"),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "boolean" })
    }

    fn show(&self, value: &bool) -> Json {
        json!(value)
    }
}

/// Any string.
pub(super) struct AnyText;

impl Kind for AnyText {
    type Value = String;

    fn read(&self, given: &Given<'_>) -> Result<String, Vec<Complaint>> {
        text(given, "a string").map(str::to_owned)
    }

    fn schema(&self) -> Json {
        json!({ "type": "string" })
    }
}

/// A path, relative to the file that it stands in; not looked up.
pub(super) struct FilePath;

impl Kind for FilePath {
    type Value = PathBuf;

    fn read(&self, given: &Given<'_>) -> Result<PathBuf, Vec<Complaint>> {
        match text(given, "a path")? {
            "" => refuse(given, "expected a path, found nothing; `.` is this file's own directory"),
            path => Ok(given.dir.join(path)),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "minLength": 1 })
    }
}

/// A file, relative to the one that it stands in. With a `?` at its end it may be missing.
pub(super) struct FileName;

impl Kind for FileName {
    type Value = FileRef;

    fn read(&self, given: &Given<'_>) -> Result<FileRef, Vec<Complaint>> {
        let written = text(given, "a path")?;
        let path = written.strip_suffix('?');
        match path.unwrap_or(written) {
            "" => refuse(given, "expected the path of a file, found nothing"),
            file => Ok(FileRef { path: given.dir.join(file), may_be_missing: path.is_some() }),
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

    fn read(&self, given: &Given<'_>) -> Result<u32, Vec<Complaint>> {
        let what = format!("a whole number from {} to {}", self.0, self.1);
        let FileValue::Integer(digits, radix) = given.value() else { return expected(given, &what) };
        match u32::from_str_radix(digits, *radix) {
            Ok(number) if (self.0..=self.1).contains(&number) => Ok(number),
            _ => refuse(given, format!("expected {what}")),
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

    fn read(&self, given: &Given<'_>) -> Result<i32, Vec<Complaint>> {
        let what = format!("a whole number from {} to {}", self.0, self.1);
        let FileValue::Integer(digits, radix) = given.value() else { return expected(given, &what) };
        match i32::from_str_radix(digits, *radix) {
            Ok(number) if (self.0..=self.1).contains(&number) => Ok(number),
            _ => refuse(given, format!("expected {what}")),
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

    fn read(&self, given: &Given<'_>) -> Result<f64, Vec<Complaint>> {
        let number = match given.value() {
            FileValue::Integer(digits, _) | FileValue::Float(digits) => digits.parse(),
            _ => return expected(given, "a number from 0 to 1"),
        };
        match number {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
            _ => refuse(given, "expected a number from 0 to 1"),
        }
    }

    fn schema(&self) -> Json {
        json!({ "type": "number", "minimum": 0, "maximum": 1 })
    }

    fn show(&self, value: &f64) -> Json {
        json!(value)
    }
}

/// A size in bytes, with its unit.
pub(super) struct Size;

impl Kind for Size {
    type Value = u64;

    fn read(&self, given: &Given<'_>) -> Result<u64, Vec<Complaint>> {
        const WHAT: &str = "a size with its unit, like \"64 MiB\", or 0";
        let text = match given.value() {
            FileValue::Integer(digits, _) => digits.as_str(),
            FileValue::Text(text) => text.trim(),
            _ => return expected(given, WHAT),
        };
        if text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse() != Ok(0) {
            return refuse(given, format!("`{}` has no unit; expected {WHAT}", text.escape_debug()));
        }
        match text.parse() {
            Ok(bytesize::ByteSize(bytes)) => Ok(bytes),
            Err(_) => refuse(given, format!("expected {WHAT}")),
        }
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [{ "type": "string" }, { "const": 0 }], "examples": ["64 MiB", "1 GB", 0] })
    }

    fn show(&self, value: &u64) -> Json {
        json!(format!("{:.0}", bytesize::ByteSize(*value).display().iec()))
    }
}

/// A user or a group, by name or number; not looked up.
pub(super) struct AccountName;

impl Kind for AccountName {
    type Value = Account;

    fn read(&self, given: &Given<'_>) -> Result<Account, Vec<Complaint>> {
        if matches!(given.value(), FileValue::Integer(..)) {
            // The last number means "unchanged" to the kernel.
            return Whole(0, u32::MAX - 1).read(given).map(Account::Id);
        }
        match text(given, "a name or a number")? {
            "" => refuse(given, "expected a name or a number, found nothing"),
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

    fn read(&self, given: &Given<'_>) -> Result<T, Vec<Complaint>> {
        let words: Vec<_> = self.0.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let what = format!("one of {}", words.join(", "));
        let text = text(given, &what)?;
        match self.0.iter().find(|(word, _)| *word == text) {
            Some((_, value)) => Ok(*value),
            None => {
                let own = || self.0.iter().map(|(word, _)| *word);
                if let Some(word) = foreign::value(text).filter(|word| own().any(|own| own == *word)) {
                    return refuse(given, format!("stead's word is \"{word}\""));
                }
                match nearest(text, own()) {
                    Some(word) => refuse(given, format!("did you mean \"{word}\"? expected {what}")),
                    None => refuse(given, format!("expected {what}")),
                }
            }
        }
    }

    fn schema(&self) -> Json {
        json!({ "enum": self.0.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }

    fn show(&self, value: &T) -> Json {
        json!(self.0.iter().find(|(_, known)| known == value).map(|(word, _)| *word))
    }
}

/// What can be run: a line for `sh -c`, or a program with its arguments.
pub(super) struct Runnable;

impl Kind for Runnable {
    type Value = CommandLine;

    fn read(&self, given: &Given<'_>) -> Result<CommandLine, Vec<Complaint>> {
        let written = Given { filled: given.written, ..*given };
        Ok(CommandLine { written: run_form(&written)?, filled: run_form(given)? })
    }

    fn schema(&self) -> Json {
        json!({ "oneOf": [
            { "type": "string", "minLength": 1, "description": "A line for `sh -c`." },
            { "type": "array", "items": { "type": "string" }, "minItems": 1,
              "description": "A program and its arguments, run without a shell." },
        ]})
    }
}

fn run_form(given: &Given<'_>) -> Result<RunForm, Vec<Complaint>> {
    if given.value().as_array().is_none() {
        return match text(given, "a string or an array of strings")? {
            line if line.trim().is_empty() => refuse(given, "expected a command, found nothing to run"),
            line => Ok(RunForm::Shell(line.to_owned())),
        };
    }
    match ListOf(AnyText).read(given)? {
        argv if argv.first().is_none_or(String::is_empty) => {
            refuse(given, "expected a program and its arguments, found nothing to run")
        }
        argv => Ok(RunForm::Argv(argv)),
    }
}

/// An array.
pub(super) struct ListOf<K>(pub(super) K);

impl<K: Kind> Kind for ListOf<K> {
    type Value = Vec<K::Value>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Complaint>> {
        let Some(items) = given.items() else { return expected(given, "an array") };
        collect(items.map(|item| self.0.read(&item)))
    }

    fn schema(&self) -> Json {
        json!({ "type": "array", "items": self.0.schema() })
    }

    fn show(&self, value: &Self::Value) -> Json {
        value.iter().map(|item| self.0.show(item)).collect()
    }
}

/// A value, or an array of them.
pub(super) struct OneOrMany<K>(pub(super) K);

impl<K: Kind> Kind for OneOrMany<K> {
    type Value = Vec<K::Value>;

    fn read(&self, given: &Given<'_>) -> Result<Self::Value, Vec<Complaint>> {
        let Some(items) = given.items() else { return self.0.read(given).map(|value| vec![value]) };
        collect(items.map(|item| self.0.read(&item)))
    }

    fn schema(&self) -> Json {
        json!({ "anyOf": [self.0.schema(), { "type": "array", "items": self.0.schema() }] })
    }
}

/// All values, or all that is wrong with them.
fn collect<T>(read: impl Iterator<Item = Result<T, Vec<Complaint>>>) -> Result<Vec<T>, Vec<Complaint>> {
    let (mut values, mut complaints) = (Vec::new(), Vec::new());
    for result in read {
        match result {
            Ok(value) => values.push(value),
            Err(more) => complaints.extend(more),
        }
    }
    if complaints.is_empty() { Ok(values) } else { Err(complaints) }
}
