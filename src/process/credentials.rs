//! Resolves the user and group of a task to numbers, and checks that stead may switch to them.

use nix::unistd::{Group, User, getegid, geteuid};

use super::warden::Credentials;
use crate::config::{Account, TaskConfig};

/// A task's `user` and `group`, resolved.
#[derive(Debug, Clone, Default)]
pub(super) struct RunsAs {
    /// None if it runs as stead does.
    pub(super) credentials: Option<Credentials>,
    /// The variables that a login as that user sets.
    pub(super) env: Vec<(&'static str, String)>,
}

/// Returns why a task can't run as its user and group, if it can't.
pub(crate) fn refused_identity(task: &TaskConfig) -> Option<String> {
    runs_as(task).err()
}

/// Looks up a task's user and group.
///
/// # Errors
///
/// There is no such user or group, or only root could switch to it.
pub(super) fn runs_as(task: &TaskConfig) -> Result<RunsAs, String> {
    if task.user.is_none() && task.group.is_none() {
        return Ok(RunsAs::default());
    }
    let user = task.user.as_ref().map(find_user).transpose()?;
    let group = task.group.as_ref().map(find_group).transpose()?;
    let (own_user, own_group) = (geteuid().as_raw(), getegid().as_raw());
    let number = user.as_ref().map_or(own_user, |user| user.number);
    let group = match (group, &user) {
        (Some(group), _) => group,
        (None, Some(UserEntry { group: Some(group), .. })) => *group,
        (None, Some(UserEntry { group: None, .. })) => {
            return Err(format!("user `{number}` is unknown here, so its `group` must be named, too"));
        }
        (None, None) => own_group,
    };
    if own_user != 0 {
        let same = number == own_user && group == own_group;
        return if same { Ok(RunsAs::default()) } else { Err(forbidden(task)) };
    }
    let groups = user.as_ref().map_or_else(Vec::new, |user| user.groups(group));
    let env = user.map(|user| user.env).unwrap_or_default();
    Ok(RunsAs { credentials: Some(Credentials { user: number, group, groups }), env })
}

fn forbidden(task: &TaskConfig) -> String {
    let whom = match (&task.user, &task.group) {
        (Some(user), _) => format!("user `{user}`"),
        (None, group) => format!("group `{}`", group.as_ref().map(ToString::to_string).unwrap_or_default()),
    };
    format!("cannot run as {whom}: only root can choose whom a task runs as, and stead runs as user {}", geteuid())
}

struct UserEntry {
    number: u32,
    group: Option<u32>,
    name: Option<String>,
    env: Vec<(&'static str, String)>,
}

impl UserEntry {
    /// All groups of the user; `main` is one of them.
    fn groups(&self, main: u32) -> Vec<u32> {
        #[cfg(not(target_os = "macos"))]
        if let Some(name) = self.name.as_ref().and_then(|name| std::ffi::CString::new(name.as_str()).ok())
            && let Ok(groups) = nix::unistd::getgrouplist(&name, nix::unistd::Gid::from_raw(main))
        {
            return groups.into_iter().map(nix::unistd::Gid::as_raw).collect();
        }
        vec![main]
    }
}

fn find_user(account: &Account) -> Result<UserEntry, String> {
    let found = match account {
        Account::Name(name) => User::from_name(name),
        Account::Id(id) => User::from_uid((*id).into()),
    };
    let found = found.map_err(|error| format!("cannot look up user `{account}`: {}", error.desc()))?;
    match (found, account) {
        (Some(user), _) => Ok(UserEntry {
            number: user.uid.as_raw(),
            group: Some(user.gid.as_raw()),
            env: vec![
                ("HOME", user.dir.to_string_lossy().into_owned()),
                ("USER", user.name.clone()),
                ("LOGNAME", user.name.clone()),
                ("SHELL", user.shell.to_string_lossy().into_owned()),
            ],
            name: Some(user.name),
        }),
        // A number works without a name.
        (None, Account::Id(id)) => Ok(UserEntry { number: *id, group: None, name: None, env: Vec::new() }),
        (None, Account::Name(name)) => Err(format!("there is no user `{name}`")),
    }
}

fn find_group(account: &Account) -> Result<u32, String> {
    match account {
        Account::Id(id) => Ok(*id),
        Account::Name(name) => match Group::from_name(name) {
            Ok(Some(group)) => Ok(group.gid.as_raw()),
            Ok(None) => Err(format!("there is no group `{name}`")),
            Err(error) => Err(format!("cannot look up group `{name}`: {}", error.desc())),
        },
    }
}
