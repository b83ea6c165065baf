//! Commands: shown as they are written, run with their variables filled in.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

/// What is run. It is shown, and serialises, as it is written in the file: filled in it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct CommandLine {
    pub(super) written: RunForm,
    pub(super) filled: RunForm,
}

/// The two forms of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum RunForm {
    /// Given to `sh -c` as it is.
    Shell(String),
    /// Run without a shell; never empty.
    Argv(Vec<String>),
}

impl CommandLine {
    /// A line for `sh -c`.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::plain(RunForm::Shell(line.into()))
    }

    /// A program with its arguments; the first is the program.
    pub fn argv(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::plain(RunForm::Argv(argv.into_iter().map(Into::into).collect()))
    }

    fn plain(form: RunForm) -> Self {
        Self { written: form.clone(), filled: form }
    }

    /// The program to run, with its arguments.
    #[must_use]
    pub fn to_argv(&self) -> Vec<String> {
        match &self.filled {
            RunForm::Shell(line) => vec!["sh".to_owned(), "-c".to_owned(), line.clone()],
            RunForm::Argv(argv) => argv.clone(),
        }
    }

    /// The program to run: the shell, for a line.
    #[must_use]
    pub fn program(&self) -> &str {
        match &self.filled {
            RunForm::Shell(_) => "sh",
            RunForm::Argv(argv) => argv.first().map_or("", String::as_str),
        }
    }

    /// The line, if it is one for a shell.
    #[must_use]
    pub fn shell_line(&self) -> Option<&str> {
        match &self.filled {
            RunForm::Shell(line) => Some(line),
            RunForm::Argv(_) => None,
        }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.written {
            RunForm::Shell(line) => f.write_str(line),
            RunForm::Argv(argv) => f.write_str(&argv.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
        }
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl Serialize for CommandLine {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.written.serialize(serializer)
    }
}

/// A word as a shell would have to be given it.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_whitespace() && !"'\"\\$`&|;<>()*?#".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => Cow::Borrowed(word),
        false => Cow::Owned(format!("'{}'", word.replace('\'', r"'\''"))),
    }
}
