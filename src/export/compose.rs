//! A compose file, by the compose specification: a service for each task.

use std::time::Duration;

use super::omission::comments;
use super::yaml::{Yaml, YamlMap, document};
use super::{Export, ExportOptions, ExportedFile, Omission, argv, dns_label, host_and_port};
use crate::config::{Check, Config, ReadyConfig, TaskConfig, TaskStdin};
use crate::signal::Signal;
use crate::supervisor::engine::{Condition, Policy, RestartConfig};

pub(super) fn export(config: &Config, options: &ExportOptions) -> Export {
    let mut omissions = Vec::new();
    let mut services = YamlMap::default();
    for task in &config.tasks {
        let image = options.image_or_placeholder(config, &task.name, &mut omissions);
        let service = service(config, task, image, &mut omissions);
        let notes = comments(&omissions, &task.name).collect();
        services.put(&task.name, Yaml::Commented(notes, Box::new(service.into())));
    }
    for hook in &config.hooks {
        omissions.push(Omission::of_all(format!("hooks.{}", hook.name), "compose has no hooks for failures"));
    }
    if config.tasks.iter().any(|task| !task.stop.only_parent) {
        let remedy = "docker signals the main process alone, stead the whole tree: `exec` the program in a shell line";
        omissions.push(Omission::of_all("stop.only_parent", remedy));
    }
    let file = YamlMap::default().with("name", dns_label(&config.project())).with("services", services);
    let files = vec![ExportedFile { name: "compose.yaml".to_owned(), text: document(&file.into()) }];
    Export { files, omissions }
}

fn service(config: &Config, task: &TaskConfig, image: String, omissions: &mut Vec<Omission>) -> YamlMap {
    let mut service = YamlMap::default().with("image", image).with("command", escaped(argv(&task.command)));
    if task.dir != config.root {
        let remedy = "paths inside an image are its own: set `working_dir` if the command needs it";
        omissions.push(Omission::new(&task.name, "dir", remedy));
    }
    if !task.env.is_empty() {
        let mut env = YamlMap::default();
        for (name, value) in &task.env {
            env.put(name, value.value.expose().replace('$', "$$"));
        }
        service.put("environment", env);
    }
    if !task.after.is_empty() {
        let mut edges = YamlMap::default();
        for edge in &task.after {
            let condition = match edge.condition {
                Condition::Started => "service_started",
                Condition::Ready => "service_healthy",
                Condition::Success => "service_completed_successfully",
                Condition::Exited => {
                    let remedy = "compose waits for a success only: exported as service_completed_successfully";
                    omissions.push(Omission::new(&task.name, format!("after.{}", edge.task), remedy));
                    "service_completed_successfully"
                }
            };
            edges.put(&edge.task, YamlMap::default().with("condition", condition));
        }
        service.put("depends_on", edges);
    }
    if task.live.is_some() {
        let remedy = "docker ends no container for its health; it has one check, and that is `ready`";
        omissions.push(Omission::new(&task.name, "live", remedy));
    }
    if let Some(ready) = &task.ready {
        health(task, ready, &mut service, omissions);
    }
    restart(task, &mut service, omissions);
    stop(task, &mut service);
    resources(task, &mut service, omissions);
    service
}

fn health(task: &TaskConfig, ready: &ReadyConfig, service: &mut YamlMap, omissions: &mut Vec<Omission>) {
    let test: Option<Vec<String>> = match &ready.check {
        Check::Tcp(address) => host_and_port(address).map(|(host, port)| {
            let probe = format!("exec 3<>/dev/tcp/{host}/{port}");
            vec!["CMD".into(), "bash".into(), "-c".into(), probe]
        }),
        Check::Http(url) => Some(vec![
            "CMD".into(),
            "curl".into(),
            "--fail".into(),
            "--silent".into(),
            "--output".into(),
            "/dev/null".into(),
            url.expose().to_owned(),
        ]),
        Check::Exec(command) => Some(match command.shell_line() {
            Some(line) => vec!["CMD-SHELL".into(), line.to_owned()],
            None => [vec!["CMD".to_owned()], command.to_argv()].concat(),
        }),
        Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => None,
    };
    let Some(test) = test else {
        let remedy = "a health check can't read the output: write `healthcheck` yourself, or dependents never start";
        omissions.push(Omission::new(&task.name, "ready.log", remedy));
        return;
    };
    let health = YamlMap::default()
        .with("test", escaped(test))
        .with("interval", span(ready.tries.interval))
        .with("timeout", span(ready.tries.timeout))
        .with("retries", i64::from(ready.failure_threshold.unwrap_or(30)));
    service.put("healthcheck", health);
    if ready.failure_threshold.is_some() {
        let remedy = "compose marks it unhealthy and does not end it";
        omissions.push(Omission::new(&task.name, "ready.failure_threshold", remedy));
    }
}

fn restart(task: &TaskConfig, service: &mut YamlMap, omissions: &mut Vec<Omission>) {
    match task.policy {
        Policy::Always => service.put("restart", "always"),
        Policy::OnFailure => service.put("restart", format!("on-failure:{}", task.restart.max_retries)),
        Policy::Never => service.put("restart", "no"),
        Policy::Critical | Policy::CriticalOnFailure => {
            service.put("restart", "no");
            let remedy = "run `docker compose up --abort-on-container-exit`: compose has no such key";
            omissions.push(Omission::new(&task.name, "critical", remedy));
        }
    }
    let backs_off = !matches!(task.policy, Policy::Never | Policy::Critical | Policy::CriticalOnFailure);
    if backs_off && task.restart != RestartConfig::default() {
        omissions.push(Omission::new(
            &task.name,
            "restart keys",
            "docker's backoff is its own: 100 ms, doubled up to a minute",
        ));
    }
    if task.success_exit_codes != [0] {
        omissions.push(Omission::new(&task.name, "success_exit_codes", "docker counts 0 alone as success"));
    }
}

fn stop(task: &TaskConfig, service: &mut YamlMap) {
    if task.stop.signal != Signal::TERM {
        service.put("stop_signal", task.stop.signal.to_string());
    }
    service.put("stop_grace_period", span(task.stop.timeout));
    if let Some(command) = &task.stop.command {
        let hook = YamlMap::default().with("command", escaped(argv(command)));
        service.put("pre_stop", Yaml::List(vec![hook.into()]));
    }
}

fn resources(task: &TaskConfig, service: &mut YamlMap, omissions: &mut Vec<Omission>) {
    if let Some(bytes) = task.max_memory {
        let limits = YamlMap::default().with("memory", format!("{bytes}b"));
        let resources = YamlMap::default().with("limits", limits);
        service.put("deploy", YamlMap::default().with("resources", resources));
    }
    let mut ulimits = YamlMap::default();
    ulimits.put_some("nofile", number(task.limits.open_files));
    ulimits.put_some("as", number(task.limits.memory));
    ulimits.put_some("cpu", number(task.limits.cpu_time));
    ulimits.put_some("core", number(task.limits.core));
    if !ulimits.is_empty() {
        service.put("ulimits", ulimits);
    }
    let account = task.user.as_ref().map(|user| match &task.group {
        Some(group) => format!("{user}:{group}"),
        None => user.to_string(),
    });
    service.put_some("user", account);
    if task.stdin == TaskStdin::Open {
        service.put("stdin_open", true);
    }
    if task.tty {
        service.put("tty", true);
        service.put("stdin_open", true);
    }
    if task.nice != 0 {
        omissions.push(Omission::new(&task.name, "nice", "no counterpart; `cpu_shares` weighs containers"));
    }
    if task.umask.is_some() {
        omissions.push(Omission::new(&task.name, "umask", "no counterpart: set it in the image's command"));
    }
}

fn number(value: Option<u64>) -> Option<i64> {
    value.map(|value| i64::try_from(value).unwrap_or(i64::MAX))
}

/// Compose expands `$` everywhere: a doubled one stands for itself.
fn escaped(words: Vec<String>) -> Vec<String> {
    words.into_iter().map(|word| word.replace('$', "$$")).collect()
}

/// A duration as the compose specification has it.
fn span(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}
