//! Kubernetes manifests, apps/v1 and batch/v1: a Deployment for what goes on, a Job for what ends, a Service where a port
//! is known, a ConfigMap for the environment.

use std::time::Duration;

use super::omission::comments;
use super::yaml::{Yaml, YamlMap, document};
use super::{Export, ExportOptions, ExportedFile, Omission, argv, dns_label, host_and_port, is_loopback};
use crate::config::{Account, Check, Config, ReadyConfig, TaskConfig, TaskStdin};
use crate::signal::Signal;
use crate::supervisor::engine::{Condition, Policy};

/// How long a Deployment's pod may take to become ready before Kubernetes reports it as stuck.
const PROGRESS_SECONDS: i64 = 600;

pub(super) fn export(config: &Config, options: &ExportOptions) -> Export {
    let mut export = Export::default();
    for task in &config.tasks {
        let image = options.image_or_placeholder(config, &task.name, &mut export.omissions);
        let pod = Pod { config, options, task };
        let (workload, service) = (pod.workload(&image, &mut export.omissions), pod.service());
        let mut documents = Vec::new();
        documents.extend(pod.config_map());
        documents.push(workload);
        documents.extend(service);
        let notes: String = comments(&export.omissions, &task.name).map(|line| line + "\n").collect();
        let texts: Vec<String> = documents.into_iter().map(|entries| document(&entries.into())).collect();
        let text = format!("{notes}{}", texts.join("---\n"));
        export.files.push(ExportedFile { name: format!("{}.yaml", pod.name()), text });
    }
    for hook in &config.hooks {
        export
            .omissions
            .push(Omission::of_all(format!("hooks.{}", hook.name), "alert on events of the cluster instead"));
    }
    export
}

/// One task as what runs in a pod.
struct Pod<'a> {
    config: &'a Config,
    options: &'a ExportOptions,
    task: &'a TaskConfig,
}

impl Pod<'_> {
    fn name(&self) -> String {
        dns_label(&self.task.name)
    }

    fn labels(&self) -> YamlMap {
        YamlMap::default()
            .with("app.kubernetes.io/name", self.name())
            .with("app.kubernetes.io/part-of", dns_label(&self.config.project()))
    }

    fn metadata(&self) -> YamlMap {
        YamlMap::default().with("name", self.name()).with("labels", self.labels())
    }

    /// A Job for what is done once it succeeds, a Deployment for the rest.
    fn workload(&self, image: &str, omissions: &mut Vec<Omission>) -> YamlMap {
        let task = self.task;
        let is_waited_for = self
            .config
            .tasks
            .iter()
            .flat_map(|other| &other.after)
            .any(|edge| edge.task == task.name && matches!(edge.condition, Condition::Success | Condition::Exited));
        let ends = is_waited_for || task.policy == Policy::Never;
        let template = YamlMap::default().with("metadata", YamlMap::default().with("labels", self.labels()));
        let template = template.with("spec", self.spec(image, ends, omissions));
        if ends {
            let retries = if task.policy == Policy::Never { 0 } else { i64::from(task.restart.max_retries) };
            let spec = YamlMap::default().with("backoffLimit", retries).with("template", template);
            return self.object("batch/v1", "Job", spec);
        }
        if task.policy.is_critical() {
            omissions.push(Omission::new(
                &task.name,
                "critical",
                "no counterpart: the end of one pod never ends others",
            ));
        } else if task.policy == Policy::OnFailure {
            let remedy = "the pods of a Deployment are always restarted, also after a success";
            omissions.push(Omission::new(&task.name, "restart", remedy));
        }
        omissions.push(Omission::new(
            &task.name,
            "max_retries",
            "the kubelet restarts without end, after 10 s doubled up to 5 min",
        ));
        let selector = YamlMap::default().with("matchLabels", self.labels());
        let spec = YamlMap::default()
            .with("replicas", 1)
            .with("progressDeadlineSeconds", PROGRESS_SECONDS)
            .with("selector", selector)
            .with("template", template);
        self.object("apps/v1", "Deployment", spec)
    }

    fn object(&self, version: &str, kind: &str, spec: YamlMap) -> YamlMap {
        YamlMap::default()
            .with("apiVersion", version)
            .with("kind", kind)
            .with("metadata", self.metadata())
            .with("spec", spec)
    }

    fn spec(&self, image: &str, ends: bool, omissions: &mut Vec<Omission>) -> YamlMap {
        let mut spec = YamlMap::default();
        if ends {
            spec.put("restartPolicy", if self.task.policy == Policy::Never { "Never" } else { "OnFailure" });
        }
        let grace = self.task.stop.timeout.as_secs_f64().ceil().max(1.0);
        spec.put("terminationGracePeriodSeconds", grace as i64);
        let first = self.init_containers(omissions);
        if !first.is_empty() {
            spec.put("initContainers", Yaml::List(first));
        }
        spec.put("containers", Yaml::List(vec![self.container(image, omissions).into()]));
        spec
    }

    /// A `success` edge becomes an init container that runs the task it waits for. Other edges have no counterpart: pods
    /// start at the same time and try again.
    fn init_containers(&self, omissions: &mut Vec<Omission>) -> Vec<Yaml> {
        let mut containers = Vec::new();
        for edge in &self.task.after {
            let other = self.config.tasks.iter().find(|other| other.name == edge.task);
            match (edge.condition, other) {
                (Condition::Success, Some(other)) => {
                    let image = self.options.image_or_placeholder(self.config, &other.name, &mut Vec::new());
                    let container = YamlMap::default()
                        .with("name", dns_label(&other.name))
                        .with("image", image)
                        .with("command", argv(&other.command));
                    containers.push(container.into());
                }
                _ => {
                    let remedy =
                        "pods start at the same time: the program has to try again until what it needs is there";
                    omissions.push(Omission::new(&self.task.name, format!("after.{}", edge.task), remedy));
                }
            }
        }
        containers
    }

    fn container(&self, image: &str, omissions: &mut Vec<Omission>) -> YamlMap {
        let task = self.task;
        let command: Vec<String> = argv(&task.command).into_iter().map(|word| word.replace("$(", "$$(")).collect();
        let mut container = YamlMap::default().with("name", self.name()).with("image", image).with("command", command);
        omissions.push(Omission::new(
            &task.name,
            "dir",
            "paths inside an image are its own: set `workingDir` if the command needs it",
        ));
        if !task.env.is_empty() {
            let reference = YamlMap::default().with("name", self.environment());
            let source = YamlMap::default().with("configMapRef", reference);
            container.put("envFrom", Yaml::List(vec![source.into()]));
        }
        if let Some((port, _)) = self.port() {
            let port = YamlMap::default().with("containerPort", i64::from(port));
            container.put("ports", Yaml::List(vec![port.into()]));
        }
        container.put_some("readinessProbe", task.ready.as_ref().and_then(|ready| probe(task, ready, omissions)));
        if task.live.is_some() {
            omissions.push(Omission::new(&task.name, "live", "write a `livenessProbe` of your own"));
        }
        if let Some(command) = &task.stop.command {
            let exec = YamlMap::default().with("command", argv(command));
            let hook = YamlMap::default().with("exec", exec);
            container.put("lifecycle", YamlMap::default().with("preStop", hook));
        }
        if task.stop.signal != Signal::TERM {
            omissions.push(Omission::new(
                &task.name,
                "stop.signal",
                "set STOPSIGNAL in the image: the kubelet sends what that says",
            ));
        }
        if let Some(bytes) = task.max_memory {
            let limits = YamlMap::default().with("memory", bytes.to_string());
            container.put("resources", YamlMap::default().with("limits", limits));
        }
        if let Some(security) = security(task, omissions) {
            container.put("securityContext", security);
        }
        if task.stdin == TaskStdin::Open {
            container.put("stdin", true);
        }
        if task.tty {
            container.put("tty", true);
            container.put("stdin", true);
        }
        unexported(task, omissions);
        container
    }

    /// The name of the ConfigMap.
    fn environment(&self) -> String {
        format!("{}-env", self.name())
    }

    fn config_map(&self) -> Option<YamlMap> {
        if self.task.env.is_empty() {
            return None;
        }
        let mut data = YamlMap::default();
        for (name, value) in &self.task.env {
            data.put(name, value.value.expose());
        }
        let metadata = YamlMap::default().with("name", self.environment()).with("labels", self.labels());
        let map = YamlMap::default().with("apiVersion", "v1").with("kind", "ConfigMap");
        Some(map.with("metadata", metadata).with("data", data))
    }

    /// The port that the readiness probe knows of.
    fn port(&self) -> Option<(u16, &Check)> {
        let check = &self.task.ready.as_ref()?.check;
        let port = match check {
            Check::Tcp(address) => host_and_port(address)?.1,
            Check::Http(url) => http_parts(url.expose())?.port,
            Check::Exec(_) | Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => return None,
        };
        Some((port, check))
    }

    fn service(&self) -> Option<YamlMap> {
        let (port, _) = self.port()?;
        let port = YamlMap::default().with("port", i64::from(port)).with("targetPort", i64::from(port));
        let spec = YamlMap::default().with("selector", self.labels()).with("ports", Yaml::List(vec![port.into()]));
        Some(self.object("v1", "Service", spec))
    }
}

/// The readiness probe, where there is a counterpart.
fn probe(task: &TaskConfig, ready: &ReadyConfig, omissions: &mut Vec<Omission>) -> Option<YamlMap> {
    let mut probe = YamlMap::default();
    match &ready.check {
        Check::Tcp(address) => {
            let (host, port) = host_and_port(address)?;
            let mut socket = YamlMap::default().with("port", i64::from(port));
            socket.put_some("host", Some(host).filter(|host| !is_loopback(host)));
            probe.put("tcpSocket", socket);
        }
        Check::Http(url) => {
            let HttpParts { host, port, path, scheme } = http_parts(url.expose())?;
            let mut get = YamlMap::default().with("path", path).with("port", i64::from(port)).with("scheme", scheme);
            get.put_some("host", Some(host).filter(|host| !is_loopback(host)));
            probe.put("httpGet", get);
        }
        Check::Exec(command) => probe.put("exec", YamlMap::default().with("command", argv(command))),
        Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => {
            let remedy = "a probe can't read the output: it counts as ready as soon as it runs";
            omissions.push(Omission::new(&task.name, "ready.log", remedy));
            return None;
        }
    }
    probe.put("periodSeconds", whole_seconds(ready.tries.interval));
    probe.put("timeoutSeconds", whole_seconds(ready.tries.timeout));
    if ready.failure_threshold.is_some() {
        let remedy = "an unready pod gets no traffic and is not ended; a livenessProbe would end it";
        omissions.push(Omission::new(&task.name, "ready.failure_threshold", remedy));
    }
    Some(probe)
}

struct HttpParts<'a> {
    host: &'a str,
    port: u16,
    path: &'a str,
    scheme: &'static str,
}

fn http_parts(url: &str) -> Option<HttpParts<'_>> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.find('/').map_or((rest, "/"), |at| rest.split_at(at));
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let is_tls = scheme.eq_ignore_ascii_case("https");
    let (host, port) = host_and_port(host_port).unwrap_or((host_port, if is_tls { 443 } else { 80 }));
    Some(HttpParts { host, port, path, scheme: if is_tls { "HTTPS" } else { "HTTP" } })
}

/// The kubelet takes numbers only: names are in the image.
fn security(task: &TaskConfig, omissions: &mut Vec<Omission>) -> Option<YamlMap> {
    let mut security = YamlMap::default();
    for (key, field, account) in [("user", "runAsUser", &task.user), ("group", "runAsGroup", &task.group)] {
        match account {
            Some(Account::Id(id)) => security.put(field, i64::from(*id)),
            Some(Account::Name(name)) => {
                omissions.push(Omission::new(
                    &task.name,
                    key,
                    format!("`{name}` is a name: give the number, or set USER in the image"),
                ));
            }
            None => {}
        }
    }
    (!security.is_empty()).then_some(security)
}

/// What a pod has no key for.
fn unexported(task: &TaskConfig, omissions: &mut Vec<Omission>) {
    let limits = &task.limits;
    let set = [
        ("nice", task.nice != 0),
        ("umask", task.umask.is_some()),
        ("limits.open_files", limits.open_files.is_some()),
        ("limits.memory", limits.memory.is_some()),
        ("limits.cpu_time", limits.cpu_time.is_some()),
        ("limits.core", limits.core.is_some()),
        ("success_exit_codes", task.success_exit_codes != [0]),
    ];
    for (key, _) in set.into_iter().filter(|(_, is_set)| *is_set) {
        omissions.push(Omission::new(
            &task.name,
            key,
            "a container has no such setting; set it in the image's command",
        ));
    }
}

/// Probes count in whole seconds, from 1.
fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX).max(1)
}
