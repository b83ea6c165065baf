//! One app.

use std::path::Path;

use toml::Value as Toml;

use crate::duration::Pretty;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::escape::escaped;
use crate::import::fields::{Field, Fields};
use crate::import::source::Place;
use crate::import::surroundings::Surroundings;
use crate::import::yaml;

/// The most instances of an app.
const INSTANCES_LIMIT: i64 = 200;

/// Keys that say where output goes and how it looks.
const LOGS: [&str; 16] = [
    "out_file",
    "out",
    "output",
    "out_log",
    "error_file",
    "error",
    "err_file",
    "err_log",
    "log_file",
    "log",
    "log_type",
    "log_date_format",
    "time",
    "merge_logs",
    "combine_logs",
    "disable_logs",
];

/// Keys about pm2 itself.
const OWN: [&str; 22] = [
    "pid_file",
    "pid",
    "source_map_support",
    "disable_source_map_support",
    "vizion",
    "force",
    "append_env_to_name",
    "post_update",
    "trace",
    "disable_trace",
    "v8",
    "event_loop_inspector",
    "deep_monitoring",
    "pmx",
    "automation",
    "windowsHide",
    "kill_retry_time",
    "write",
    "io",
    "listen_timeout",
    "watch_options",
    "instance_var",
];

/// An app while it is read.
struct App<'a> {
    fields: Fields<'a>,
    around: &'a Surroundings,
    place: Place,
    /// Every instance, by what stead calls it.
    tasks: Vec<String>,
}

pub(super) fn read(draft: &mut ConfigDraft, field: &Field<'_>, around: &Surroundings) {
    let mut fields = Fields::of(draft, field);
    let place = field.key_place.clone();
    let Some(script) = ["script", "exec", "cmd", "command"].into_iter().find_map(|key| fields.take(key)) else {
        draft.refuse(&place, "an app without `script`", "expected the path of a program");
        return;
    };
    let Some(text) = script.text(draft).map(str::to_owned) else { return };
    let name = fields.take("name").and_then(|field| text_of(draft, &field)).unwrap_or_else(|| base_name(&text));
    let mut app = App { fields, around, place, tasks: Vec::new() };
    let count = app.instances(draft);
    for number in 0..count {
        let called = if count > 1 { format!("{name}-{number}") } else { name.clone() };
        let task = draft.task_name(&called);
        draft.table(&["tasks", &task], &app.place);
        if task != called {
            draft.drop(Weight::Notable, &app.place, called, format!("stead calls it `{task}`"));
        }
        app.tasks.push(task);
    }
    app.command(draft, &script, &text);
    app.environment(draft);
    app.restarts(draft);
    app.stop(draft);
    app.rest(draft);
}

fn base_name(script: &str) -> String {
    let first = script.split_whitespace().next().unwrap_or_default();
    Path::new(first).file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Any scalar as its text.
fn text_of(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<String> {
    field.text(draft).map(str::to_owned)
}

/// Words: those of a list, or of a text with quotes.
fn words(draft: &mut ConfigDraft, field: &Field<'_>) -> Vec<String> {
    if field.node.sequence().is_some() {
        return field.list(draft).iter().filter_map(|word| text_of(draft, word)).collect();
    }
    let Some(text) = field.text(draft) else { return Vec::new() };
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        // `name="a b"` is one word with its quotes; a word in quotes alone loses them.
        let quoted = |at: usize, quote: char| rest[at + 1..].find(quote).map(|end| at + end + 2);
        let end = match first {
            '"' | '\'' => quoted(0, first),
            _ => {
                let assigned = rest.find(['=', '"', '\'']).filter(|at| rest[*at..].starts_with('='));
                let assigned = assigned.filter(|at| !rest[..*at].contains(char::is_whitespace));
                assigned.and_then(|at| {
                    let quote = rest[at + 1..].chars().next().filter(|c| matches!(c, '"' | '\''))?;
                    quoted(at + 1, quote)
                })
            }
        };
        let end = end.unwrap_or_else(|| rest.find(char::is_whitespace).unwrap_or(rest.len()));
        let word = &rest[..end];
        let inner = matches!(first, '"' | '\'').then(|| word.strip_prefix(first)?.strip_suffix(first)).flatten();
        let word = inner.unwrap_or(word);
        if !word.trim().is_empty() {
            words.push(word.to_owned());
        }
        rest = rest[end..].trim_start();
    }
    words
}

/// `true`, or a text that says so, as JavaScript reads options.
fn is_true(draft: &mut ConfigDraft, field: &Field<'_>) -> bool {
    field.text(draft).is_some_and(|text| text == "true")
}

/// A number, also in quotes.
fn number(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<i64> {
    let value = field.text(draft)?.trim().parse::<f64>().ok().filter(|number| number.abs() < 9e15);
    if value.is_none() {
        field.refuse(draft, "expected a number");
    }
    value.map(|number| number as i64)
}

/// Milliseconds, or `10s`, `2m`, `1h`.
fn milliseconds(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<i64> {
    let text = field.text(draft)?;
    let unit = [("h", 3_600_000.0), ("m", 60_000.0), ("s", 1_000.0)];
    let found = unit.iter().find_map(|(unit, factor)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * factor));
    match found.filter(|number| (0.0..9e15).contains(number)) {
        Some(number) => Some(number as i64),
        None => number(draft, field),
    }
}

fn duration(milliseconds: i64) -> String {
    Pretty(std::time::Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default())).to_string()
}

impl App<'_> {
    fn put(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, field: &Field<'_>) {
        let value = value.into();
        for task in &self.tasks {
            let path: Vec<&str> = ["tasks", task.as_str()].into_iter().chain(key.iter().copied()).collect();
            draft.take(&path, value.clone(), &field.node.place, field.key.clone());
        }
    }

    fn fill(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, why: &str) {
        let value = value.into();
        for task in &self.tasks {
            let path: Vec<&str> = ["tasks", task.as_str()].into_iter().chain(key.iter().copied()).collect();
            draft.fill(&path, value.clone(), &self.place, why);
        }
    }

    /// How many processes there are. In cluster mode they would share their ports, which takes pm2's own node.
    fn instances(&mut self, draft: &mut ConfigDraft) -> i64 {
        let mode = self.fields.take("exec_mode");
        let is_cluster = mode.and_then(|field| text_of(draft, &field)).map(|mode| mode.starts_with("cluster"));
        let Some(field) = self.fields.take("instances") else { return 1 };
        let count = match field.text(draft) {
            Some("max") => 0,
            _ => number(draft, &field).unwrap_or(1),
        };
        // With a number and no mode, pm2 takes cluster mode for node.
        if is_cluster.unwrap_or(true) && count != 1 {
            let what = "stead runs one process: in cluster mode pm2's node shares one port among several";
            draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
            return 1;
        }
        let cores = || std::thread::available_parallelism().map_or(1, |cores| cores.get() as i64);
        match count {
            0 => cores(),
            ..0 => (cores() + count).max(1),
            1..=INSTANCES_LIMIT => count,
            _ => {
                field.refuse(draft, format!("at most {INSTANCES_LIMIT} instances are read"));
                1
            }
        }
    }

    fn command(&mut self, draft: &mut ConfigDraft, field: &Field<'_>, script: &str) {
        let cwd = self.fields.take("cwd").and_then(|field| Some((text_of(draft, &field)?, field)));
        let dir = self.around.cwd.join(cwd.as_ref().map_or("", |(dir, _)| dir.as_str()));
        let shown = escaped(&self.around.relative(&dir));
        match cwd {
            Some((_, field)) if shown != "." => self.put(draft, &["dir"], shown, &field),
            None if shown != "." => self.fill(draft, &["dir"], shown, "pm2 runs it in the current directory"),
            _ => {}
        }
        let interpreter = ["interpreter", "exec_interpreter"].into_iter().find_map(|key| self.fields.take(key));
        let interpreter = interpreter.and_then(|field| text_of(draft, &field));
        let node_args =
            ["node_args", "interpreter_args", "interpreterArgs"].into_iter().find_map(|key| self.fields.take(key));
        let node_args = node_args.map(|field| words(draft, &field)).unwrap_or_default();
        let args = self.fields.take("args").map(|field| words(draft, &field)).unwrap_or_default();
        let mut command: Vec<String> = Vec::new();
        if script.contains(' ') {
            command.extend(["bash", "-c", script].map(str::to_owned));
        } else {
            let program = interpreter.unwrap_or_else(|| default_interpreter(&dir, script, self.around));
            if program != "none" {
                command.push(program);
                command.extend(node_args);
            }
            let is_file = dir.join(script).is_file();
            // A program of this directory is found by its path alone.
            let needs_path = command.is_empty() && is_file && !script.contains('/');
            command.push(if needs_path { format!("./{script}") } else { script.to_owned() });
            command.extend(args);
        }
        let command: Vec<Toml> = command.iter().map(|word| escaped(word).into()).collect();
        self.put(draft, &["command"], command, field);
        if self.fields.take("execute_command").is_some() {
            draft.drop(
                Weight::Minor,
                field.key_place,
                format!("{}.execute_command", self.fields.path),
                "it says nothing more",
            );
        }
    }

    fn environment(&mut self, draft: &mut ConfigDraft) {
        let port = self.fields.take("port");
        let env = self.fields.take("env");
        let chosen = self.around.options.env.clone();
        let named = chosen.as_ref().and_then(|chosen| self.fields.take(&format!("env_{chosen}")));
        if let (Some(chosen), None) = (&chosen, &named) {
            let what = format!("there is no `env_{chosen}` here; pm2 says so and goes on");
            draft.drop(Weight::Notable, &self.place, format!("{}.env", self.fields.path), what);
        }
        let increment = self.fields.take("increment_var").and_then(|field| text_of(draft, &field));
        for env in [env, named].into_iter().flatten() {
            self.variables(draft, &env, increment.as_deref());
        }
        if let Some(port) = port
            && let Some(number) = text_of(draft, &port)
        {
            self.put(draft, &["env", "PORT"], escaped(&number), &port);
        }
        if self.tasks.len() > 1 {
            let variable = self.fields.take("instance_var").and_then(|field| text_of(draft, &field));
            let variable = variable.unwrap_or_else(|| "NODE_APP_INSTANCE".to_owned());
            for (number, task) in self.tasks.iter().enumerate() {
                let path = ["tasks", task.as_str(), "env", variable.as_str()];
                draft.fill(&path, number.to_string(), &self.place, "pm2 sets it for each instance");
            }
        }
        for field in self.fields.rest_starting_with("env_") {
            let what = format!("it is taken with `--env {}`", &field.name()["env_".len()..]);
            draft.drop(Weight::Minor, field.key_place, field.key.clone(), what);
        }
        if let Some(field) = self.fields.take("filter_env") {
            let what = "stead takes no variables away: say `env -u NAME` in the command";
            draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
        }
    }

    fn variables(&self, draft: &mut ConfigDraft, env: &Field<'_>, increment: Option<&str>) {
        let prefix = env.key.len() + 1;
        for variable in Fields::of(draft, env).rest() {
            let name = variable.key[prefix..].to_owned();
            let value = match &variable.node.value {
                yaml::YamlValue::Scalar(_) if variable.node.is_null() => continue,
                yaml::YamlValue::Scalar(scalar) => scalar.text.clone(),
                yaml::YamlValue::Sequence(_) | yaml::YamlValue::Mapping(_) => json(variable.node),
            };
            if increment == Some(name.as_str()) {
                let first = value.parse::<i64>().unwrap_or_default();
                for (number, task) in self.tasks.iter().enumerate() {
                    let value = (first + number as i64).to_string();
                    draft.take(&["tasks", task, "env", &name], value, &variable.node.place, variable.key.clone());
                }
            } else {
                self.put(draft, &["env", &name], escaped(&value), &variable);
            }
        }
    }

    /// pm2 restarts whatever ends, at once; what ends too soon is counted.
    fn restarts(&mut self, draft: &mut ConfigDraft) {
        let autorestart = self.fields.take("autorestart");
        let codes = self.fields.take("stop_exit_codes");
        let (least, most) = (self.fields.take("min_uptime"), self.fields.take("max_restarts"));
        let (delay, growing) = (self.fields.take("restart_delay"), self.fields.take("exp_backoff_restart_delay"));
        if let Some(field) = autorestart
            && !is_true(draft, &field)
        {
            self.put(draft, &["restart"], "never", &field);
            return;
        }
        match codes {
            None => self.fill(draft, &["restart"], "always", "pm2 restarts whatever ends"),
            Some(field) => {
                let codes = if field.node.sequence().is_some() { field.list(draft) } else { vec![field.clone()] };
                let codes: Vec<i64> = codes.iter().filter_map(|code| number(draft, code)).collect();
                self.fill(
                    draft,
                    &["restart"],
                    "on-failure",
                    "pm2 restarts whatever ends with another code than stop_exit_codes",
                );
                self.put(draft, &["success_exit_codes"], codes, &field);
            }
        }
        let seconds = |draft: &mut ConfigDraft, field: &Option<Field<'_>>| {
            field.as_ref().and_then(|field| milliseconds(draft, field))
        };
        let least_time = seconds(draft, &least).unwrap_or(1_000);
        let count = most.as_ref().and_then(|field| number(draft, field)).unwrap_or(16);
        match &most {
            Some(field) => self.put(draft, &["max_retries"], (count - 1).max(0), field),
            None => self.fill(draft, &["max_retries"], count - 1, "pm2 gives up at the 16th end that comes too soon"),
        }
        match &least {
            Some(field) => self.put(draft, &["reset_after"], duration(least_time), field),
            None => self.fill(draft, &["reset_after"], duration(least_time), "pm2's min_uptime is 1 s"),
        }
        match (seconds(draft, &growing), &growing, seconds(draft, &delay), &delay) {
            (Some(first), Some(field), ..) => {
                self.put(draft, &["initial_backoff"], duration(first), field);
                self.fill(draft, &["max_backoff"], "15s", "pm2's waits grow up to this");
                let what = "the wait is doubled every time; pm2's grows by half";
                draft.drop(Weight::Minor, field.key_place, field.key.clone(), what);
            }
            (_, _, Some(wait), Some(field)) => {
                self.put(draft, &["initial_backoff"], duration(wait), field);
                self.fill(draft, &["max_backoff"], duration(wait), "pm2 always waits as long");
            }
            _ => {
                self.fill(draft, &["initial_backoff"], "0s", "pm2 restarts at once");
                self.fill(draft, &["max_backoff"], "0s", "pm2 restarts at once");
            }
        }
    }

    fn stop(&mut self, draft: &mut ConfigDraft) {
        self.fill(draft, &["stdin"], "open", "pm2 gives it a pipe that stays open");
        self.fill(draft, &["stop", "signal"], "SIGINT", "pm2's signal");
        match self.fields.take("kill_timeout").and_then(|field| Some((milliseconds(draft, &field)?, field))) {
            Some((time, field)) => self.put(draft, &["stop", "timeout"], duration(time), &field),
            None => self.fill(draft, &["stop", "timeout"], "1600ms", "pm2 waits so long before it kills"),
        }
        if let Some(field) = self.fields.take("treekill")
            && !is_true(draft, &field)
        {
            self.put(draft, &["stop", "only_parent"], true, &field);
        }
        if let Some(field) = self.fields.take("shutdown_with_message")
            && is_true(draft, &field)
        {
            let what = "stead speaks no IPC of node: it sends the signal";
            draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
        }
    }

    fn rest(&mut self, draft: &mut ConfigDraft) {
        if let Some(field) = self.fields.take("max_memory_restart")
            && let Some(size) = field.text(draft).map(size)
        {
            match size {
                Some(size) => self.put(draft, &["max_memory"], size, &field),
                None => field.refuse(draft, "expected a size like `300M`"),
            }
        }
        if let Some(field) = self.fields.take("autostart")
            && !is_true(draft, &field)
        {
            self.put(draft, &["autostart"], false, &field);
        }
        self.watch(draft);
        for (keys, to) in [(["uid", "user"], "user"), (["gid", "gid"], "group")] {
            if let Some(field) = keys.into_iter().find_map(|key| self.fields.take(key))
                && let Some(text) = text_of(draft, &field)
            {
                let account = text.parse::<i64>().map_or_else(|_| Toml::from(text.as_str()), Toml::from);
                self.put(draft, &[to], account, &field);
            }
        }
        if let Some(field) = self.fields.take("namespace")
            && let Some(name) = text_of(draft, &field).filter(|name| name != "default")
        {
            self.join_group(draft, &name, &field);
        }
        if let Some(field) = ["cron_restart", "cron"].into_iter().find_map(|key| self.fields.take(key)) {
            let what = "stead restarts nothing at times: make a task with `schedule` that runs `stead restart NAME`";
            draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
        }
        if let Some(field) = self.fields.take("wait_ready")
            && is_true(draft, &field)
        {
            let what = "stead does not hear process.send('ready'): give `ready`, or use sd_notify";
            draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
        }
        self.unused(draft);
    }

    fn join_group(&self, draft: &mut ConfigDraft, name: &str, field: &Field<'_>) {
        let group: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let path = ["groups", group.as_str(), "tasks"];
        let mut tasks = match draft.get(&path) {
            Some(Toml::Array(tasks)) => tasks.clone(),
            _ => Vec::new(),
        };
        tasks.extend(self.tasks.iter().map(|task| Toml::from(task.as_str())));
        draft.take(&path, tasks, &field.node.place, field.key.clone());
    }

    fn watch(&mut self, draft: &mut ConfigDraft) {
        let ignore = self.fields.take("ignore_watch");
        let delay = self.fields.take("watch_delay");
        let Some(field) = self.fields.take("watch") else { return };
        let paths: Vec<String> = match field.node.sequence() {
            Some(_) => field.list(draft).iter().filter_map(|path| text_of(draft, path)).collect(),
            None => match field.text(draft) {
                Some("true") => vec![".".to_owned()],
                Some("false") | None => return,
                Some(path) => vec![path.to_owned()],
            },
        };
        let dir = match self.tasks.first().and_then(|task| draft.get(&["tasks", task, "dir"])) {
            Some(Toml::String(dir)) => format!("{dir}/"),
            _ => String::new(),
        };
        let below = |path: &String| {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            match path {
                "." | "" => format!("{dir}**"),
                path if path.contains(['*', '?', '[']) || self.around.cwd.join(&dir).join(path).is_file() => {
                    format!("{dir}{path}")
                }
                path => format!("{dir}{path}/**"),
            }
        };
        let globs: Vec<Toml> = paths.iter().map(|path| escaped(&below(path)).into()).collect();
        self.put(draft, &["watch", "paths"], globs, &field);
        match ignore {
            Some(ignore) => {
                let paths = words(draft, &ignore);
                let globs: Vec<Toml> = paths.iter().map(|path| escaped(&below(path)).into()).collect();
                self.put(draft, &["watch", "ignore"], globs, &ignore);
            }
            None => {
                let globs = [format!("{dir}**/node_modules/**"), format!("{dir}**/.*")].map(Toml::from).to_vec();
                self.fill(
                    draft,
                    &["watch", "ignore"],
                    globs,
                    "pm2 watches neither node_modules nor what begins with a dot",
                );
            }
        }
        if let Some(time) = delay.as_ref().and_then(|field| milliseconds(draft, field)) {
            self.fill(draft, &["watch", "debounce"], duration(time), "watch_delay");
        }
    }

    /// What is left.
    fn unused(&mut self, draft: &mut ConfigDraft) {
        let mut logs = Vec::new();
        for key in LOGS {
            logs.extend(self.fields.take(key));
        }
        if let [first, others @ ..] = logs.as_slice() {
            let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let what = "stead keeps the output of every task in .stead/logs";
            draft.drop(Weight::Notable, first.key_place, format!("{}{more}", first.key), what);
        }
        for field in self.fields.rest() {
            let (weight, what) = match OWN.contains(&field.name()) {
                true => (Weight::Minor, "only pm2 itself is concerned"),
                false => (Weight::Notable, "pm2 does not know it either"),
            };
            draft.drop(weight, field.key_place, field.key.clone(), what);
        }
    }
}

/// What runs a script, by its ending. A program of the PATH runs itself.
fn default_interpreter(dir: &Path, script: &str, around: &Surroundings) -> String {
    let extension = Path::new(script).extension().map(|extension| extension.to_string_lossy().into_owned());
    let has = |program: &str| {
        let path = around.variables.get("PATH").map(String::as_str).unwrap_or_default();
        std::env::split_paths(path).any(|dir| dir.join(program).is_file())
    };
    let known = match extension.as_deref() {
        Some("sh") => "bash",
        Some("py") if !has("python") && has("python3") => "python3",
        Some("py") => "python",
        Some("rb") => "ruby",
        Some("php") => "php",
        Some("pl") => "perl",
        Some("js") => "node",
        Some("coffee") => "coffee",
        Some("ls") => "lsc",
        Some("ts" | "tsx") if has("bun") => "bun",
        Some("ts" | "tsx") => "node",
        _ => "",
    };
    if !known.is_empty() {
        return known.to_owned();
    }
    // A file that is text is given to node, whatever it is.
    let path = dir.join(script);
    let is_text = || std::fs::read(&path).is_ok_and(|bytes| !bytes.iter().take(512).any(|byte| *byte == 0));
    if path.is_file() && is_text() { "node".to_owned() } else { "none".to_owned() }
}

/// `300M`, `1G`, `500K`, or bytes; with the units that stead writes.
fn size(text: &str) -> Option<Toml> {
    let text = text.trim();
    let unit = [("G", "GiB"), ("M", "MiB"), ("K", "KiB")];
    if let Some((number, unit)) = unit.iter().find_map(|(sign, unit)| Some((text.strip_suffix(sign)?, unit))) {
        let number: f64 = number.parse().ok().filter(|number| *number > 0.0)?;
        return Some(format!("{number} {unit}").into());
    }
    let bytes: u64 = text.parse().ok().filter(|bytes| *bytes > 0)?;
    Some(format!("{bytes} B").into())
}

/// A list or mapping as JSON, as pm2 puts it into a variable.
fn json(node: &yaml::Node) -> String {
    fn value(node: &yaml::Node, depth: usize) -> serde_json::Value {
        match &node.value {
            _ if depth > 50 || node.is_null() => serde_json::Value::Null,
            yaml::YamlValue::Scalar(scalar) if scalar.is_plain => {
                serde_json::from_str(&scalar.text).unwrap_or_else(|_| scalar.text.as_str().into())
            }
            yaml::YamlValue::Scalar(scalar) => scalar.text.as_str().into(),
            yaml::YamlValue::Sequence(items) => items.iter().map(|item| value(item, depth + 1)).collect(),
            yaml::YamlValue::Mapping(entries) => {
                let entries = entries.iter().map(|(key, node)| {
                    (key.scalar().map(|scalar| scalar.text.clone()).unwrap_or_default(), value(node, depth + 1))
                });
                serde_json::Value::Object(entries.collect())
            }
        }
    }
    value(node, 0).to_string()
}
