//! systemd units: a service for each task, and a target that starts and stops them together.
//!
//! Sources: systemd.unit(5), systemd.service(5), systemd.exec(5), systemd.kill(5), systemd.resource-control(5). Values are
//! escaped by the rules of systemd.syntax(7) and of "Command lines" in systemd.service(5).

use std::collections::BTreeSet;
use std::time::Duration;

use super::omission::comments;
use super::{Export, ExportOptions, ExportedFile, Omission, argv, host_and_port};
use crate::config::{Check, CommandLine, Config, ReadyConfig, TaskConfig, TaskStdin};
use crate::duration::Pretty;
use crate::supervisor::engine::{Condition, Policy};

pub(super) fn export(config: &Config, options: &ExportOptions) -> Export {
    let mut export = Export::default();
    let project = unit_word(&config.project());
    let units = Units { config, project: &project, waited_for: waited_for(config) };
    for task in &config.tasks {
        let text = units.service(task, &mut export.omissions);
        export.files.push(ExportedFile { name: units.name(&task.name), text });
    }
    let text = units.target(options);
    export.files.push(ExportedFile { name: format!("{project}.target"), text });
    for hook in &config.hooks {
        let remedy = "units have `OnFailure=`, which starts another unit; hooks are not exported";
        export.omissions.push(Omission::of_all(format!("hooks.{}", hook.name), remedy));
    }
    export
}

/// The tasks whose end others wait for: they are one-shots, whose success systemd remembers.
fn waited_for(config: &Config) -> BTreeSet<&str> {
    let edges = config.tasks.iter().flat_map(|task| &task.after);
    let ends = edges.filter(|edge| matches!(edge.condition, Condition::Success | Condition::Exited));
    ends.map(|edge| edge.task.as_str()).collect()
}

struct Units<'a> {
    config: &'a Config,
    project: &'a str,
    waited_for: BTreeSet<&'a str>,
}

impl Units<'_> {
    fn name(&self, task: &str) -> String {
        format!("{}-{}.service", self.project, unit_word(task))
    }

    fn target(&self, options: &ExportOptions) -> String {
        let mut unit = Unit::default();
        unit.section("Unit");
        unit.set("Description", &format!("All tasks of {}", specifiers(&self.config.project())));
        for task in &self.config.tasks {
            unit.set("Wants", &self.name(&task.name));
        }
        for task in self.config.tasks.iter().filter(|task| task.policy.is_critical()) {
            unit.comment(&format!("# {} is critical: its end stops everything.", task.name));
            unit.set("BindsTo", &self.name(&task.name));
        }
        unit.section("Install");
        unit.set("WantedBy", if options.user_units { "default.target" } else { "multi-user.target" });
        unit.text
    }

    fn service(&self, task: &TaskConfig, omissions: &mut Vec<Omission>) -> String {
        let mut service = Unit::default();
        service.section("Service");
        self.runs(task, &mut service, omissions);
        restarts(task, &mut service, omissions);
        stops(task, &mut service);
        resources(task, &mut service, omissions);
        let mut unit = Unit::default();
        for comment in comments(omissions, &task.name) {
            unit.comment(&comment);
        }
        unit.section("Unit");
        unit.set("Description", &specifiers(&format!("{} of {}", task.name, self.config.project())));
        unit.set("PartOf", &format!("{}.target", self.project));
        self.order(task, &mut unit);
        start_limit(task, &mut unit);
        unit.text + "\n" + &service.text
    }

    fn order(&self, task: &TaskConfig, unit: &mut Unit) {
        for edge in &task.after {
            let other = self.name(&edge.task);
            unit.set("After", &other);
            match edge.condition {
                Condition::Ready | Condition::Success => unit.set("Requires", &other),
                Condition::Started | Condition::Exited => unit.set("Wants", &other),
            }
        }
    }

    fn runs(&self, task: &TaskConfig, unit: &mut Unit, omissions: &mut Vec<Omission>) {
        if self.waited_for.contains(task.name.as_str()) {
            unit.set("Type", "oneshot");
            unit.set("RemainAfterExit", "yes");
        } else {
            unit.set("Type", "exec");
        }
        unit.set("ExecStart", &command_line(&task.command));
        unit.set("WorkingDirectory", &specifiers(&task.dir.to_string_lossy()));
        for (name, value) in &task.env {
            unit.set("Environment", &quoted(&specifiers(&format!("{name}={}", value.value.expose()))));
        }
        if let Some(ready) = &task.ready {
            wait_until_ready(task, ready, unit, omissions);
        }
        if task.live.is_some() {
            let remedy = "a unit has only `WatchdogSec=`, which the program must feed by sd_notify";
            omissions.push(Omission::new(&task.name, "live", remedy));
        }
        if task.stdin == TaskStdin::Open {
            let remedy = "a service reads the end of file; `StandardInput=socket` with a unit of its own comes nearest";
            omissions.push(Omission::new(&task.name, "stdin", remedy));
        }
        if task.tty {
            omissions.push(Omission::new(
                &task.name,
                "tty",
                "a service has no terminal of its own; its output goes to the journal",
            ));
        }
    }
}

/// `ExecStartPost` holds up the unit's dependents until the check passes, within `TimeoutStartSec`.
fn wait_until_ready(task: &TaskConfig, ready: &ReadyConfig, unit: &mut Unit, omissions: &mut Vec<Omission>) {
    let check = match &ready.check {
        Check::Tcp(address) => {
            host_and_port(address).map(|(host, port)| format!("(exec 3<>/dev/tcp/{host}/{port}) 2>/dev/null"))
        }
        Check::Http(url) => Some(format!("curl --fail --silent --output /dev/null {}", sh_word(url.expose()))),
        Check::Exec(command) => Some(argv(command).iter().map(|word| sh_word(word)).collect::<Vec<_>>().join(" ")),
        Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => None,
    };
    let Some(check) = check else {
        let remedy =
            "units can't wait for a line of output: dependents start as soon as it runs; let it notify (`Type=notify`)";
        omissions.push(Omission::new(&task.name, "ready.log", remedy));
        return;
    };
    let seconds = ready.tries.interval.as_secs_f64().max(0.1);
    let wait = format!("until {check}; do sleep {seconds}; done");
    unit.set("ExecStartPost", &command_line(&CommandLine::argv(["/bin/bash", "-c", &wait])));
    unit.set("TimeoutStartSec", "infinity");
    if ready.failure_threshold.is_some() {
        let remedy = "systemd probes once at the start; `WatchdogSec` with a program that notifies is the counterpart";
        omissions.push(Omission::new(&task.name, "ready.failure_threshold", remedy));
    }
}

fn restarts(task: &TaskConfig, unit: &mut Unit, omissions: &mut Vec<Omission>) {
    let restart = match task.policy {
        Policy::Always => "always",
        Policy::OnFailure => "on-failure",
        Policy::Never | Policy::Critical | Policy::CriticalOnFailure => "no",
    };
    unit.set("Restart", restart);
    if restart != "no" {
        let wait = task.restart.initial_backoff.max(Duration::from_millis(1));
        unit.set("RestartSec", &span(wait));
        if task.restart.max_backoff > wait {
            let doublings = (task.restart.max_backoff.as_secs_f64() / wait.as_secs_f64()).log2().ceil().max(1.0);
            unit.comment("# From systemd 254 on; older ones ignore the next two and wait `RestartSec` each time.");
            unit.set("RestartSteps", &format!("{doublings:.0}"));
            unit.set("RestartMaxDelaySec", &span(task.restart.max_backoff));
        }
    }
    if task.restart.jitter > 0.0 {
        omissions.push(Omission::new(&task.name, "jitter", "systemd waits without a random share"));
    }
    let codes: Vec<String> = task.success_exit_codes.iter().map(i32::to_string).collect();
    if task.success_exit_codes != [0] && !codes.is_empty() {
        unit.set("SuccessExitStatus", &codes.join(" "));
    }
}

/// The budget counts restarts without a stable run in between; the nearest thing is a limit over a window.
fn start_limit(task: &TaskConfig, unit: &mut Unit) {
    let restart = &task.restart;
    let (burst, window) = match restart.intensity {
        Some(intensity) => (intensity.restarts, intensity.within),
        None => (restart.max_retries, restart.reset_after),
    };
    unit.comment(&format!(
        "# stead gives up after {} restarts without a run of {}; this counts starts in a window instead.",
        restart.max_retries,
        Pretty(restart.reset_after)
    ));
    unit.set("StartLimitBurst", &burst.saturating_add(1).to_string());
    unit.set("StartLimitIntervalSec", &span(window));
}

fn stops(task: &TaskConfig, unit: &mut Unit) {
    if let Some(command) = &task.stop.command {
        unit.set("ExecStop", &command_line(command));
    }
    unit.set("KillSignal", &task.stop.signal.to_string());
    unit.set("KillMode", if task.stop.only_parent { "mixed" } else { "control-group" });
    unit.set("TimeoutStopSec", &span(task.stop.timeout));
}

fn resources(task: &TaskConfig, unit: &mut Unit, omissions: &mut Vec<Omission>) {
    let limits = &task.limits;
    let numbers = [
        ("MemoryMax", task.max_memory),
        ("LimitNOFILE", limits.open_files),
        ("LimitAS", limits.memory),
        ("LimitCPU", limits.cpu_time),
        ("LimitCORE", limits.core),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            unit.set(key, &number.to_string());
        }
    }
    if task.max_memory.is_some() {
        let remedy = "`MemoryMax` lets the kernel kill inside the unit at the limit; stead ends the whole run";
        omissions.push(Omission::new(&task.name, "max_memory", remedy));
    }
    if task.nice != 0 {
        unit.set("Nice", &task.nice.to_string());
    }
    if let Some(user) = &task.user {
        unit.set("User", &user.to_string());
    }
    if let Some(group) = &task.group {
        unit.set("Group", &group.to_string());
    }
    if let Some(umask) = task.umask {
        unit.set("UMask", &format!("{umask:04o}"));
    }
}

/// The text of a unit file as it grows.
#[derive(Default)]
struct Unit {
    text: String,
}

impl Unit {
    fn section(&mut self, name: &str) {
        let gap = if self.text.is_empty() || self.text.ends_with("\n\n") { "" } else { "\n" };
        self.text += &format!("{gap}[{name}]\n");
    }

    fn comment(&mut self, line: &str) {
        self.text += &format!("{line}\n");
    }

    fn set(&mut self, key: &str, value: &str) {
        self.text += &format!("{key}={value}\n");
    }
}

/// A word of a unit's name: systemd takes ASCII letters, digits and `:-_.\`.
fn unit_word(name: &str) -> String {
    let is_fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let word: String = name.chars().map(|c| if is_fine(c) { c } else { '_' }).collect();
    if word.is_empty() { "project".to_owned() } else { word }
}

/// A span of time as systemd.time(7) has it.
fn span(duration: Duration) -> String {
    match duration.subsec_millis() {
        0 => format!("{}s", duration.as_secs()),
        _ => format!("{}ms", duration.as_millis()),
    }
}

/// A command for `Exec…=`: nothing in it is expanded.
fn command_line(command: &CommandLine) -> String {
    let word = |word: &String| quoted(&specifiers(word).replace('$', "$$"));
    argv(command).iter().map(word).collect::<Vec<_>>().join(" ")
}

/// `%` begins a specifier in every value.
fn specifiers(value: &str) -> String {
    value.replace('%', "%%")
}

/// A word in quotes, with C escapes, unless it needs none.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%$+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    let mut text = String::from("\"");
    for c in word.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

/// A word for a shell.
fn sh_word(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
