//! What differs between two configurations, and what that means for what runs.

use super::{Config, LogsConfig, SupervisorConfig, TaskConfig, WebConfig};
use crate::supervisor::engine::Changes;

/// What has to be done to go on with `new` instead of `old`.
#[must_use]
pub fn compare(old: &Config, new: &Config) -> Changes {
    let mut changes = Changes::default();
    for task in &new.tasks {
        let name = task.name.clone();
        match old.tasks.iter().find(|old| old.name == task.name) {
            None => changes.added.push(name),
            Some(old) if !old.runs_like(task) => changes.changed.push(name),
            Some(old) if old != task => changes.adjusted.push(name),
            Some(_) => changes.unchanged += 1,
        }
    }
    let is_gone = |task: &&TaskConfig| new.tasks.iter().all(|new| new.name != task.name);
    changes.removed = old.tasks.iter().filter(is_gone).map(|task| task.name.clone()).collect();
    compare_settings(old, new, &mut changes);
    changes
}

fn compare_settings(old: &Config, new: &Config, changes: &mut Changes) {
    let Config { path: _, root: _, supervisor, logs, web, ui, hooks, groups, tasks: _, source: _ } = old;
    let SupervisorConfig { restart, drain } = supervisor;
    let LogsConfig { dir, max_size, keep, max_total, keep_for } = logs;
    let WebConfig { enabled, listen, read, dist, on_exhausted } = web;
    let differing = |pairs: &[(&str, bool)]| -> Vec<String> {
        pairs.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).to_owned()).collect()
    };
    changes.settings = differing(&[
        ("[supervisor] restart keys", *restart != new.supervisor.restart),
        ("[supervisor] drain", drain.graceful != new.supervisor.drain.graceful),
        ("[supervisor] drain_fatal", drain.fatal != new.supervisor.drain.fatal),
        ("[logs] max_size", *max_size != new.logs.max_size),
        ("[logs] keep", *keep != new.logs.keep),
        ("[logs] max_total", *max_total != new.logs.max_total),
        ("[logs] keep_for", *keep_for != new.logs.keep_for),
        ("[groups]", *groups != new.groups),
        ("[ui]", *ui != new.ui),
    ]);
    changes.needs_restart = differing(&[
        ("[logs] dir", *dir != new.logs.dir),
        ("[web] enabled", *enabled != new.web.enabled),
        ("[web] listen", *listen != new.web.listen),
        ("[web] read", *read != new.web.read),
        ("[web] dist", *dist != new.web.dist),
        ("[web] on_exhausted", *on_exhausted != new.web.on_exhausted),
        ("[hooks]", *hooks != new.hooks),
    ]);
}

impl TaskConfig {
    /// Whether a run of `other` would be like one of this: all that may differ is what is made of its exits, what is waited for
    /// before it starts, and how much of its log is kept.
    fn runs_like(&self, other: &Self) -> bool {
        let Self { policy, on_exhausted, restart, autostart, logs, .. } = *self;
        let Self { description, profiles, schedule, after, success_exit_codes, .. } = self.clone();
        let like = Self { policy, on_exhausted, restart, autostart, logs, ..other.clone() };
        *self == Self { description, profiles, schedule, after, success_exit_codes, ..like }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const TASK: &str = "command = './api'\nready.log = 'up'\n";

    fn changes(old: &str, new: &str) -> Changes {
        let config = |text: &str| Config::parse(text, Path::new("/srv/shop/stead.toml")).unwrap();
        compare(&config(old), &config(new))
    }

    /// What becomes of one task when this line is added to it.
    fn with(line: &str) -> String {
        let old = format!("[tasks.db]\ncommand = 'db'\n[tasks.api]\n{TASK}");
        changes(&old, &format!("{old}{line}")).to_string()
    }

    #[test]
    fn what_a_run_is_made_of_restarts_it() {
        for line in [
            "dir = 'api'",
            "env = { A = 'b' }",
            "stop.signal = 'SIGINT'",
            "limits.core = 0",
            "max_memory = '1 GiB'",
            "nice = 1",
            "watch = ['src/*']",
            "user = 'www'",
            "group = 'www'",
            "umask = '027'",
            "tty = true",
            "ready.interval = '1s'",
        ] {
            assert_eq!(with(line), "restarted api; 1 unchanged", "{line}");
        }
    }

    #[test]
    fn what_is_made_of_an_exit_does_not() {
        for line in [
            "max_retries = 1",
            "initial_backoff = '1s'",
            "start_timeout = '1s'",
            "critical = true",
            "restart = 'always'",
            "on_exhausted = 'fatal'",
            "success_exit_codes = [0, 3]",
            "description = 'the API'",
            "autostart = false",
            "profiles = ['dev']",
            "every = '1h'",
            "critical = 'on-failure'",
            "after.db = { on_restart = 'restart', required = false }",
            "after = { db = 'ready' }",
            "logs.keep = 1",
        ] {
            assert_eq!(with(line), "adjusted without a restart api; 1 unchanged", "{line}");
        }
    }

    #[test]
    fn what_is_written_otherwise_and_means_the_same_is_no_change() {
        for line in ["", "# a comment", "restart = 'on-failure'", "stop.timeout = '10000ms'", "env = {}"] {
            assert_eq!(with(line), "2 unchanged", "{line}");
        }
        let changes = changes("tasks.a.command = 'a'", "[tasks]\na.command = 'a'");
        assert!(changes.is_empty() && changes.unchanged == 1);
    }

    #[test]
    fn a_default_that_tasks_inherit_is_theirs_and_steads_own() {
        let old = format!("[tasks.api]\n{TASK}[tasks.own]\ncommand = 'own'\nmax_retries = 3\n");
        let told = changes(&old, &format!("[supervisor]\nmax_retries = 9\n{old}")).to_string();
        assert_eq!(told, "adjusted without a restart api; now in force: [supervisor] restart keys; 1 unchanged");
    }
}
