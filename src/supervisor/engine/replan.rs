//! Another plan to go on with after a reload, how it differs from the one in force, or why there is none.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::Plan;

/// Another plan to go on with.
#[derive(Debug, Clone)]
pub struct Replan {
    /// All that is supervised from now on, what has not changed included. Its seed does not count.
    pub plan: Plan,
    /// How it differs, for people.
    pub changes: Changes,
}

/// What a reload changes, or would change. Tasks are named in the order of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Changes {
    /// Tasks that are new: they start as soon as their dependencies hold.
    pub added: Vec<String>,
    /// Tasks that are not there any more: they are stopped. Their logs stay.
    pub removed: Vec<String>,
    /// Tasks whose runs would differ: they are restarted with the new settings.
    pub changed: Vec<String>,
    /// Tasks of which only the policy differs: it applies from now on, and their runs go on.
    pub adjusted: Vec<String>,
    /// How many tasks are the same as before.
    pub unchanged: usize,
    /// Settings of stead itself that apply from now on, such as `[supervisor] drain`.
    pub settings: Vec<String>,
    /// Settings that stay as they are until stead itself is restarted, such as `[web] listen`.
    pub needs_restart: Vec<String>,
}

impl Changes {
    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { unchanged: self.unchanged, ..Self::default() }
    }
}

impl fmt::Display for Changes {
    /// In one line: `added mailer; removed docs; restarted api; 3 unchanged`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("added", &self.added),
            ("removed", &self.removed),
            ("restarted", &self.changed),
            ("adjusted without a restart", &self.adjusted),
            ("now in force:", &self.settings),
            ("only after a restart of stead:", &self.needs_restart),
        ];
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "{what} {}; ", names.join(", "))?;
        }
        write!(f, "{} unchanged", self.unchanged)
    }
}

/// Why a configuration that was read anew is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize, ToSchema)]
#[error("{summary}")]
pub struct BadConfig {
    /// In one line.
    pub summary: String,
    /// Every mistake with its place, for clients that may read the file: it quotes it. Empty where there is nothing to quote.
    #[serde(skip)]
    pub report: String,
}

impl BadConfig {
    /// It can't be taken for this one reason.
    pub(crate) fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), report: String::new() }
    }
}
