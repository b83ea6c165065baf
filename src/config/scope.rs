//! The variables that are known in some part of the configuration, and where each of them comes from.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::Secret;
use super::expand::Names;
use super::nearest::nearest;

/// One variable of a task's environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its value.
    pub value: Secret,
    /// Where the value comes from.
    pub origin: VariableOrigin,
}

impl Variable {
    /// A variable of the supervisor itself.
    #[must_use]
    pub fn inherited(value: impl Into<String>) -> Self {
        Self { value: value.into().into(), origin: VariableOrigin::Inherited }
    }
}

impl Serialize for Variable {
    /// Shows nothing of it: values of variables are where secrets are.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

/// Where the value of a variable comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableOrigin {
    /// The environment of the supervisor itself.
    Inherited,
    /// A line of an `env_file`.
    EnvFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A key of a configuration file.
    Config {
        /// The file, as it is called in mistakes.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The table: `[env]` or `[tasks.NAME.env]`.
        table: String,
    },
}

impl fmt::Display for VariableOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherited => f.write_str("stead's own environment"),
            Self::EnvFile { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Config { path, line, table } => write!(f, "{}:{line}, {table}", path.display()),
        }
    }
}

/// Variables by name.
pub type Variables = BTreeMap<String, Variable>;

/// What the names in braces stand for in some part of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The environment of the supervisor.
    inherited: Arc<Variables>,
    /// What is laid over it.
    own: Variables,
    /// The names that stead itself provides: `PORT`, `tasks.db.port`.
    provided: Arc<BTreeMap<String, String>>,
}

impl Scope {
    /// The environment of this process. A value that is not UTF-8 can't stand in the file, and is left out.
    pub(super) fn of_this_process() -> Self {
        let texts =
            env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Self::inheriting(texts)
    }

    /// The given environment.
    pub(super) fn inheriting(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let inherited = variables.into_iter().map(|(name, value)| (name, Variable::inherited(value)));
        Self { inherited: Arc::new(inherited.collect()), own: Variables::new(), provided: Arc::default() }
    }

    /// Sets a variable, over what had its name.
    pub(super) fn set(&mut self, name: String, variable: Variable) {
        self.own.insert(name, variable);
    }

    /// Makes known what stead itself provides.
    pub(super) fn provide(&mut self, names: BTreeMap<String, String>) {
        self.provided = Arc::new(names);
    }

    /// What stead provides under a name.
    pub(super) fn provided(&self, name: &str) -> Option<&str> {
        self.provided.get(name).map(String::as_str)
    }

    /// All that was set over the inherited environment.
    pub(super) fn own(&self) -> &Variables {
        &self.own
    }
}

impl Names for Scope {
    fn look_up(&self, name: &str) -> Option<Cow<'_, str>> {
        if let Some(provided) = self.provided.get(name) {
            return Some(provided.into());
        }
        let variable = self.own.get(name).or_else(|| self.inherited.get(name))?;
        Some(variable.value.expose().into())
    }

    fn remedy(&self, name: &str) -> String {
        let known = self.own.keys().chain(self.provided.keys()).chain(self.inherited.keys());
        match nearest(name, known.map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None if name.starts_with("tasks.") => "expected `${tasks.NAME.port}` of a task with `ports`".to_owned(),
            None => format!(
                "set it, or write `${{{name}:-default}}`; what the shell sets is written `${name}` or `$${{{name}}}`"
            ),
        }
    }
}
