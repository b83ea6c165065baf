//! What a run finds in its environment, and where each variable comes from; and running another command in it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use super::credentials::runs_as;
use super::spawn::TERMINAL_KIND;
use super::warden::{NOT_INHERITED, assume};
use crate::config::{Account, CommandLine, TaskConfig};
use crate::kernel::{RunEnvironment, RunVariable};

/// The environment of the next run of a task, by name, if it is started by this process: its env files are read now. A value
/// that is not UTF-8 is shown lossily. May block.
///
/// # Errors
///
/// What keeps such a run from being started.
pub(crate) fn environment_of(task: &TaskConfig) -> Result<RunEnvironment, String> {
    let task = task.for_run()?;
    let mut variables = BTreeMap::new();
    let mut set = |name: &str, value: String, from: String| {
        variables.insert(name.to_owned(), RunVariable { name: name.to_owned(), value, from });
    };
    let lossy = |text: OsString| text.to_string_lossy().into_owned();
    for (name, value) in std::env::vars_os().filter(|(name, _)| NOT_INHERITED.iter().all(|not| *name != **not)) {
        set(&lossy(name), lossy(value), "stead's own environment".to_owned());
    }
    if task.tty && std::env::var_os("TERM").is_none() {
        set("TERM", TERMINAL_KIND.to_owned(), "stead, for its terminal".to_owned());
    }
    set("PWD", task.dir.to_string_lossy().into_owned(), "its directory".to_owned());
    for (name, value) in runs_as(&task)?.env {
        let user = task.user.as_ref().map(Account::to_string).unwrap_or_default();
        set(name, value, format!("the login of user {user}"));
    }
    for (name, variable) in &task.env {
        set(name, variable.value.expose().to_owned(), variable.origin.to_string());
    }
    set("STEAD_TASK", task.name.clone(), "stead".to_owned());
    set("STEAD_RUN", "N".to_owned(), "stead: the number of the run".to_owned());
    Ok(RunEnvironment {
        task: task.name.clone(),
        dir: task.dir.to_string_lossy().into_owned(),
        user: task.user.as_ref().map(Account::to_string),
        group: task.group.as_ref().map(Account::to_string),
        umask: task.umask.map(|umask| format!("{umask:03o}")),
        variables: variables.into_values().collect(),
    })
}

/// A command that is run as a task's process would be.
#[derive(Debug)]
pub(crate) struct LikeTask {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) dir: PathBuf,
    pub(crate) user: Option<String>,
    pub(crate) group: Option<String>,
    pub(crate) umask: Option<u32>,
}

impl LikeTask {
    /// Becomes that command. Returns only if that fails.
    pub(crate) fn exec(self) -> io::Error {
        let Some((program, arguments)) = self.argv.split_first() else { return io::ErrorKind::InvalidInput.into() };
        let account = |text: String| text.parse().map_or(Account::Name(text), Account::Id);
        let mut whom = TaskConfig::new(String::new(), CommandLine::argv([program.as_str()]), self.dir.clone());
        (whom.user, whom.group) = (self.user.map(account), self.group.map(account));
        let credentials = match runs_as(&whom) {
            Ok(runs_as) => runs_as.credentials,
            Err(why) => return io::Error::new(io::ErrorKind::PermissionDenied, why),
        };
        if let Some(umask) = self.umask {
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(umask as _));
        }
        if let Err(error) = credentials.as_ref().map_or(Ok(()), assume) {
            return error;
        }
        Command::new(program).args(arguments).env_clear().envs(self.env).current_dir(&self.dir).exec()
    }
}
