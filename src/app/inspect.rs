//! `stead check` beyond the configuration itself: whether what it names is there, and what is probably not meant.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::config::{Advice, Check, CommandLine, Config, HookCall, TaskConfig, VariableOrigin};
use crate::duration::Pretty;
use crate::process::{find_program, refused_identity};
use crate::supervisor::engine::Condition;

/// What a shell does itself, so that no file is looked for.
const SHELL_WORDS: [&str; 34] = [
    ".", ":", "[", "alias", "break", "case", "cd", "command", "continue", "do", "done", "echo", "eval", "exit",
    "export", "false", "for", "getopts", "if", "kill", "printf", "pwd", "read", "set", "shift", "test", "time", "trap",
    "true", "ulimit", "umask", "until", "wait", "while",
];

/// A smaller segment holds too little to be of use.
const SEGMENT_BYTES_LEAST: u64 = 64 * 1024;

/// Looks at the system as the tasks would find it now. Nothing is started.
pub(crate) fn inspect(config: &Config) -> Advice {
    let mut advice = config.advice();
    let is_first = |task: &&TaskConfig| task.replica.as_ref().is_none_or(|replica| replica.number == 1);
    // What is wrong with one replica is with all.
    for task in config.tasks.iter().filter(is_first) {
        look_for_files(task, &mut advice);
        if let Some(why) = refused_identity(task) {
            let key = if task.user.is_some() { "user" } else { "group" };
            advice.warn(&["tasks", task.table_name(), key], why, "then nothing would be started");
        }
    }
    for hook in &config.hooks {
        if let HookCall::Command(command) = &hook.call {
            let task = TaskConfig::new(String::new(), command.clone(), config.root.clone());
            look_for_program(&task, command, &["hooks", &hook.name, "command"], &mut advice);
        }
    }
    look_at_readiness(config, &mut advice);
    look_at_ports(config, &mut advice);
    look_at_stops(config, &mut advice);
    look_at_logs(config, &mut advice);
    if let Some(listen) = config.web.listen.filter(|_| config.web.is_exposed() && config.web.enabled) {
        let title = format!("the page is served beyond this machine, at {listen}");
        advice.warn(&["web", "listen"], title, "who reaches it needs the token: see docs/reference.md");
    }
    advice.sorted()
}

fn look_for_files(task: &TaskConfig, advice: &mut Advice) {
    let path = |key: &'static str| ["tasks", task.table_name(), key];
    if !is_dir(&task.dir) {
        let title = format!("`{}` runs in a directory that is not there", task.name);
        return advice.warn(&path("dir"), title, format!("there is no directory {}", task.dir.display()));
    }
    look_for_program(task, &task.command, &path("command"), advice);
    if let Some(command) = &task.stop.command {
        look_for_program(task, command, &["tasks", task.table_name(), "stop", "command"], advice);
    }
    if let Some(Check::Exec(command)) = task.ready.as_ref().map(|ready| &ready.check) {
        look_for_program(task, command, &["tasks", task.table_name(), "ready", "exec"], advice);
    }
}

fn is_dir(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_dir())
}

fn look_for_program(task: &TaskConfig, command: &CommandLine, path: &[&str], advice: &mut Advice) {
    let program = command.shell_line().map_or(Some(command.program()), first_program);
    let Some(program) = program.filter(|program| find_program(task, program).is_none()) else { return };
    let place = if program.contains('/') { format!("in {}", task.dir.display()) } else { "in PATH".to_owned() };
    let title = format!("there is no program `{}`", program.escape_debug());
    advice.warn(path, title, format!("looked for it {place}"));
}

/// The program that a shell would run first, where its line shows it.
fn first_program(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().peekable();
    words.next_if_eq(&"exec");
    let is_plain = |word: &&str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._/+-".contains(&byte));
    let is_program = |word: &&str| !word.starts_with('-') && !SHELL_WORDS.contains(word);
    words.next().filter(is_plain).filter(is_program)
}

/// What nothing probes is "ready" as soon as it runs: a dependent that waits for more waits in vain.
fn look_at_readiness(config: &Config, advice: &mut Advice) {
    let mut told = Vec::new();
    for task in &config.tasks {
        for dependency in task.after.iter().filter(|dependency| dependency.condition == Condition::Ready) {
            let Some(on) = config.tasks.iter().find(|task| task.name == dependency.task) else { continue };
            let name = on.table_name();
            if told.contains(&name) || on.ready.is_some() {
                continue;
            }
            told.push(name);
            let title = format!("nothing probes `{name}`: it counts as ready as soon as it runs");
            let remedy = format!("give [tasks.{name}] a `ready`, or write \"started\" here");
            advice.warn(&["tasks", task.table_name(), "after", name], title, remedy);
        }
    }
}

fn look_at_ports(config: &Config, advice: &mut Advice) {
    let mut holders: BTreeMap<u16, &str> = BTreeMap::new();
    if let Some(listen) = config.web.listen.filter(|listen| config.web.enabled && listen.port() != 0) {
        holders.insert(listen.port(), "[web] listen");
    }
    for task in &config.tasks {
        let Some((port, path)) = port_of(task) else { continue };
        match holders.get(&port) {
            Some(holder) => {
                let title = format!("`{}` has port {port}, as {holder} has", task.name);
                let path: Vec<_> = ["tasks", task.table_name()].into_iter().chain(path).collect();
                advice.warn(&path, title, "only one of them can listen there");
            }
            None => {
                holders.insert(port, &task.name);
            }
        }
    }
}

/// The ports of this machine that tasks will probably listen on.
pub(super) fn ports_of_tasks(config: &Config) -> BTreeSet<u16> {
    config.tasks.iter().filter_map(|task| Some(port_of(task)?.0)).collect()
}

/// The port of this machine that a task will probably listen on, and the keys that say so.
fn port_of(task: &TaskConfig) -> Option<(u16, Vec<&'static str>)> {
    if let Some(variable) = task.env.get("PORT")
        && let VariableOrigin::Config { table, .. } = &variable.origin
        && table.starts_with("[tasks.")
    {
        return Some((variable.value.expose().parse().ok().filter(|port| *port != 0)?, vec!["env", "PORT"]));
    }
    let (address, key) = match &task.ready.as_ref()?.check {
        Check::Tcp(address) => (address.as_str(), "tcp"),
        Check::Http(url) => (url.expose().split_once("://")?.1.split(['/', '?']).next()?, "http"),
        Check::Exec(_) | Check::Log(_) | Check::Notify(_) | Check::Watchdog(_) => return None,
    };
    let (host, port) = address.rsplit_once(':')?;
    ["localhost", "127.0.0.1", "[::1]", "0.0.0.0", "[::]"].contains(&host).then_some(())?;
    Some((port.parse().ok()?, vec!["ready", key]))
}

/// A drain that is cut short gives some task less than its own `stop.timeout`.
fn look_at_stops(config: &Config, advice: &mut Advice) {
    let Some(drain) = config.supervisor.drain.graceful else { return };
    let Some(chain) = longest_stop(config).filter(|chain| chain.needs > drain) else { return };
    let names = chain.names.join(" -> ");
    let title = format!("the drain is cut short: to stop {names} may take {}", Pretty(chain.needs));
    advice.warn(&["supervisor", "drain"], title, "leave it out, or raise it; or lower their `stop.timeout`");
}

/// What does not rotate has no old segments that could be removed; and of too little there is nothing to share.
fn look_at_logs(config: &Config, advice: &mut Advice) {
    if config.logs.max_total == 0 || !advice.is_written(&["logs", "max_total"]) {
        return;
    }
    for task in &config.tasks {
        let limits = config.logs_of(task);
        let key = ["tasks", task.table_name(), "logs", "max_size"];
        let place = if advice.is_written(&key) { &key[..] } else { &["logs", "max_size"] };
        if limits.max_size == 0 {
            let title = format!("`max_total` does not bound the log of `{}`, which never rotates", task.name);
            advice.warn(place, title, "give it a `max_size` above 0");
        } else if limits.max_size < SEGMENT_BYTES_LEAST {
            let title = format!("`max_total` leaves each task segments of {} bytes", limits.max_size);
            return advice.warn(
                &["logs", "max_total"],
                title,
                "raise it: half of it is shared by what the tasks write now",
            );
        }
    }
}

/// Tasks that stop one after the other.
#[derive(Clone)]
struct StopChain<'a> {
    names: Vec<&'a str>,
    needs: Duration,
}

/// The chain whose stop timeouts take longest, in the order of stopping: dependents first.
fn longest_stop(config: &Config) -> Option<StopChain<'_>> {
    let mut chains: BTreeMap<&str, StopChain<'_>> = BTreeMap::new();
    let mut left: Vec<&TaskConfig> = config.tasks.iter().collect();
    // There is no cycle, so every round finds a task whose dependencies are all done.
    while !left.is_empty() {
        let is_open = |task: &&TaskConfig| task.after.iter().all(|on| left.iter().all(|other| other.name != on.task));
        let (ready, later): (Vec<_>, Vec<_>) = left.iter().copied().partition(is_open);
        for task in ready {
            let below = task.after.iter().filter_map(|on| chains.get(on.task.as_str())).max_by_key(|chain| chain.needs);
            let below = below.cloned().unwrap_or(StopChain { names: Vec::new(), needs: Duration::ZERO });
            let names = [vec![task.name.as_str()], below.names].concat();
            chains.insert(&task.name, StopChain { names, needs: below.needs.saturating_add(task.stop.timeout) });
        }
        left = later;
    }
    chains.into_values().max_by_key(|chain| chain.needs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_program_of_a_line_is_found_where_it_is_plain() {
        for (line, program) in [
            ("exec ./api --port $PORT", Some("./api")),
            ("  npm run dev", Some("npm")),
            ("python3.12 -m http.server", Some("python3.12")),
            ("cd api && ./run", None),
            ("A=b ./run", None),
            ("$BIN/run", None),
            ("'my program'", None),
            ("exec -a name prog", None),
            ("(sleep 1)", None),
            ("for f in *; do x; done", None),
            ("prog;other", None),
            ("", None),
        ] {
            assert_eq!(first_program(line), program, "{line}");
        }
    }
}
