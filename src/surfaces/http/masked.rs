//! The configuration as it is in force, defaults and all, under the keys of the file. Values of variables are not
//! shown: they are where secrets are.

use std::borrow::Cow;
use std::path::{self, Path};
use std::time::Duration;

use axum::http::Uri;
use serde_json::{Map, Value, json};

use crate::config::{Account, Check, Command, Config, HookCall, HookConfig, ReadyConfig, StopConfig, TaskConfig};
use crate::supervisor::engine::RestartConfig;

/// Stands for what is not shown.
const MASK: &str = "***";

/// Durations are in milliseconds, and their keys say so.
pub(super) fn config(config: &Config) -> Value {
    let mut supervisor = restart(&config.restart);
    supervisor.insert("drain_ms".into(), millis(config.drain.graceful));
    supervisor.insert("drain_fatal_ms".into(), millis(config.drain.fatal));
    let tasks: Map<_, _> = config.tasks.iter().map(|own| (own.name.clone(), task(own))).collect();
    let hooks: Map<_, _> = config.hooks.iter().map(|own| (own.name.clone(), hook(own))).collect();
    json!({
        "path": absolute(&config.path),
        "supervisor": supervisor,
        "logs": { "dir": absolute(&config.logs.dir), "max_size": config.logs.max_size, "keep": config.logs.keep },
        "web": { "enabled": config.web.enabled, "listen": config.web.listen, "dist": config.web.dist.as_deref().map(absolute) },
        "ui": { "notify": config.ui.notify },
        "hooks": hooks,
        "tasks": tasks,
    })
}

/// The path as other processes must call it: the supervisor itself follows its directory, whatever that is called.
fn absolute(path: &Path) -> Cow<'_, Path> {
    path::absolute(path).map_or(path.into(), Cow::Owned)
}

fn hook(hook: &HookConfig) -> Value {
    let (key, what) = match &hook.call {
        HookCall::Command(line) => ("command", command(line)),
        HookCall::Url(url) => ("url", place_of(url).into()),
    };
    json!({ "on": hook.on, "tasks": hook.tasks, key: what, "timeout_ms": millis(hook.timeout) })
}

/// A URL without what may be secret: its user and password, and all after the host.
fn place_of(url: &str) -> String {
    let url: Uri = url.parse().unwrap_or_default();
    let place = url.authority().map(|authority| authority.as_str().rsplit('@').next().unwrap_or_default());
    format!("http://{}/{MASK}", place.unwrap_or_default())
}

fn task(task: &TaskConfig) -> Value {
    let env: Map<_, _> = task.env.keys().map(|name| (name.clone(), MASK.into())).collect();
    let after: Map<_, _> = task.after.iter().map(|entry| (entry.task.clone(), json!(entry.condition))).collect();
    let mut keys = restart(&task.restart);
    let own = json!({
        "command": command(&task.command),
        "dir": absolute(&task.dir),
        "env": env,
        "policy": task.policy,
        "on_exhausted": task.on_exhausted,
        "after": after,
        "ready": task.ready.as_ref().map(ready),
        "stop": stop(&task.stop),
        "limits": task.limits,
        "max_memory": task.max_memory,
        "nice": task.nice,
        "user": task.user.as_ref().map(Account::to_string),
        "group": task.group.as_ref().map(Account::to_string),
        "umask": task.umask.map(|mask| format!("{mask:03o}")),
        "tty": task.tty,
        "success_exit_codes": task.success_exit_codes,
    });
    if let Value::Object(own) = own {
        keys.extend(own);
    }
    keys.into()
}

fn restart(restart: &RestartConfig) -> Map<String, Value> {
    let intensity =
        restart.intensity.map(|limit| json!({ "restarts": limit.restarts, "within_ms": millis(limit.within) }));
    let keys = [
        ("max_retries", restart.max_retries.into()),
        ("reset_after_ms", millis(restart.reset_after)),
        ("initial_backoff_ms", millis(restart.initial_backoff)),
        ("max_backoff_ms", millis(restart.max_backoff)),
        ("jitter", restart.jitter.into()),
        ("intensity", intensity.into()),
        ("start_timeout_ms", millis(restart.start_timeout)),
    ];
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn ready(ready: &ReadyConfig) -> Value {
    let (key, what) = match &ready.check {
        Check::Tcp(address) => ("tcp", address.as_str().into()),
        Check::Http(url) => ("http", url.as_str().into()),
        Check::Exec(line) => ("exec", command(line)),
        Check::Log(pattern) => ("log", pattern.as_str().into()),
    };
    json!({
        key: what,
        "interval_ms": millis(ready.interval),
        "timeout_ms": millis(ready.timeout),
        "failure_threshold": ready.failure_threshold,
    })
}

fn stop(stop: &StopConfig) -> Value {
    json!({
        "signal": stop.signal,
        "command": stop.command.as_ref().map(command),
        "timeout_ms": millis(stop.timeout),
        "only_parent": stop.only_parent,
    })
}

fn command(command: &Command) -> Value {
    match command {
        Command::Shell(line) => line.as_str().into(),
        Command::Argv(argv) => argv.as_slice().into(),
    }
}

fn millis(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).into()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn variables_are_named_and_their_values_are_not_shown() {
        let text = "tasks.api = { command = './api', env = { KEY = 'hunter2' }, ready.tcp = 'localhost:1' }";
        let shown = super::config(&Config::parse(text, Path::new("/srv/shop/stead.toml")).unwrap());
        let api = &shown["tasks"]["api"];
        assert_eq!(api["env"], json!({ "KEY": MASK }));
        assert_eq!((&api["ready"]["tcp"], &api["stop"]["signal"]), (&"localhost:1".into(), &"SIGTERM".into()));
        assert_eq!((&api["max_retries"], &shown["supervisor"]["drain_ms"]), (&5.into(), &10_000.into()));
        assert!(!shown.to_string().contains("hunter2"));
    }

    #[test]
    fn of_a_webhook_only_the_host_is_shown() {
        let text = "tasks.api.command = './api'\n\
                    hooks.page = { on = ['failed'], url = 'http://me:hunter2@localhost:9/token/hunter2?key=hunter2' }";
        let shown = super::config(&Config::parse(text, Path::new("/srv/shop/stead.toml")).unwrap());
        assert_eq!(shown["hooks"]["page"]["url"], "http://localhost:9/***");
        assert!(!shown.to_string().contains("hunter2"));
    }
}
