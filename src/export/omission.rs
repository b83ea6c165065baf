//! What an export leaves out.

use std::fmt;

/// A key that has no counterpart in the file that was made, with what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Omission {
    /// The task that it belongs to; `None` for the config as a whole.
    pub(crate) task: Option<String>,
    /// The key of stead.toml.
    pub(crate) key: String,
    /// What becomes of it.
    pub(crate) remedy: String,
}

impl Omission {
    pub(super) fn new(task: &str, key: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { task: Some(task.to_owned()), key: key.into(), remedy: remedy.into() }
    }

    pub(super) fn of_all(key: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { task: None, key: key.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Omission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(task) => write!(f, "{task}: `{}`: {}", self.key, self.remedy),
            None => write!(f, "`{}`: {}", self.key, self.remedy),
        }
    }
}

/// The omissions of one task as comment lines.
pub(super) fn comments<'a>(omissions: &'a [Omission], task: &'a str) -> impl Iterator<Item = String> + 'a {
    let own = omissions.iter().filter(move |omission| omission.task.as_deref() == Some(task));
    own.map(|omission| format!("# `{}`: {}", omission.key, omission.remedy.replace('\n', " ")))
}
