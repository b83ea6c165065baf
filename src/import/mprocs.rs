//! mprocs.yaml, as mprocs 0.9.6 reads it.

use std::path::Path;
use std::rc::Rc;

use toml::Value as Toml;

use super::draft::{ConfigDraft, Weight};
use super::escape::escaped;
use super::fields::{Field, Fields};
use super::go_template::integer;
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;
use super::yaml::{self, Node, Scalar};

/// As good as never: mprocs sends no SIGKILL by itself.
const NO_KILL: &str = "1h";

/// Reads the file with the number `file`, which lies at `path`. Gives its comments.
pub(super) fn read(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Vec<Comment> {
    let text = draft.sources.get(file).text.clone();
    let document = match yaml::parse(&text, &|span| Place::new(file, span)) {
        Ok(document) => document,
        Err(mistake) => {
            draft.mistakes.push(mistake);
            return Vec::new();
        }
    };
    if let Some(merges) = &document.merges {
        let what = "mprocs does not merge: for it this is a key like any other, which it ignores";
        draft.drop(Weight::ChangesWhatRuns, merges, "<<", what);
    }
    let Some(root) = document.root.as_ref().filter(|root| root.mapping().is_some()) else {
        draft.refuse(&Place::new(file, 0..0), "this is no file for mprocs", "expected a mapping with `procs`");
        return Vec::new();
    };
    let mut fields = Fields::root(root);
    let procs = fields.take("procs");
    let directory = around.cwd.join(path).parent().unwrap_or(&around.cwd).to_owned();
    let mut all = Procs { around, directory, names: Vec::new() };
    if let Some(procs) = procs {
        all.read(draft, &procs);
    }
    if all.names.is_empty() && draft.mistakes.is_empty() {
        draft.refuse(&root.place, "no process is declared", "expected at least one below `procs`");
    }
    for field in fields.rest() {
        let what = "only mprocs' own display and keys are concerned";
        draft.drop(Weight::Minor, field.key_place, field.key.clone(), what);
    }
    let first = Place::new(file, 0..0);
    draft.drop(
        Weight::Minor,
        &first,
        "exit",
        "mprocs stays open when everything has ended; `stead up --stay` does, too",
    );
    let what = "mprocs signals only the process that it has started; stead signals all of its processes";
    draft.drop(Weight::Minor, &first, "stop", what);
    document.comments
}

struct Procs<'a> {
    around: &'a Surroundings,
    /// Where the file lies.
    directory: std::path::PathBuf,
    /// What processes are called there and here.
    names: Vec<(String, String)>,
}

/// Follows `$select: os`: the value for this system, else that of `$else`.
fn selected<'a>(draft: &mut ConfigDraft, node: &'a Rc<Node>) -> &'a Rc<Node> {
    let Some([(first, os), ..]) = node.mapping() else { return node };
    if !first.is_text("$select") {
        return node;
    }
    if !os.is_text("os") {
        draft.refuse(&os.place, "wrong value for `$select`", "expected `os`");
        return node;
    }
    match node.get(std::env::consts::OS).or_else(|| node.get("$else")) {
        Some(node) => node,
        None => {
            draft.refuse(
                &first.place,
                "nothing is selected here",
                format!("give a value for `{}` or `$else`", std::env::consts::OS),
            );
            node
        }
    }
}

/// Whether a scalar is a text for Rust's serde_yaml, and nothing else.
fn is_string(scalar: &Scalar) -> bool {
    let text = scalar.text.as_str();
    let special = ["", "~", "null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"];
    let float = || text.parse::<f64>().is_ok() && text.contains(|c: char| c.is_ascii_digit());
    !(scalar.is_plain && (special.contains(&text) || integer(text).is_some() || float()))
}

impl<'a> Procs<'a> {
    fn read(&mut self, draft: &mut ConfigDraft, procs: &Field<'_>) {
        let node = selected(draft, procs.node);
        let procs = Field { node, ..procs.clone() };
        let entries = Fields::of(draft, &procs).rest();
        for process in &entries {
            let name = process.key["procs.".len()..].to_owned();
            let node = selected(draft, process.node);
            if node.is_null() {
                draft.drop(
                    Weight::Minor,
                    process.key_place,
                    process.key.clone(),
                    "it is null: mprocs has no such process",
                );
                continue;
            }
            let task = draft.task_name(&name);
            self.names.push((name, task));
        }
        for process in entries {
            let name = &process.key["procs.".len()..];
            let Some((name, task)) = self.names.iter().find(|(known, _)| known == name).cloned() else { continue };
            let node = selected(draft, process.node);
            draft.table(&["tasks", &task], process.key_place);
            if name != task {
                draft.drop(Weight::Notable, process.key_place, name, format!("stead calls it `{task}`"));
            }
            self.process(draft, &Field { node, ..process }, &task);
        }
    }

    fn process(&self, draft: &mut ConfigDraft, field: &Field<'_>, task: &str) {
        let place = field.key_place;
        draft.fill(&["tasks", task, "tty"], true, place, "mprocs runs everything in a terminal");
        let mut process = MprocsProcess { draft, task, place: place.clone(), around: self.around, unset: Vec::new() };
        match &field.node.value {
            yaml::YamlValue::Scalar(_) => process.command(Some(field), None),
            yaml::YamlValue::Sequence(_) => process.command(None, Some(field)),
            yaml::YamlValue::Mapping(_) => {
                let mut fields = Fields::of(process.draft, field);
                self.mapping(&mut process, &mut fields, field);
                return;
            }
        }
        process.dir(None, &self.directory);
        process.stop(None);
        process.restart(false);
    }

    fn mapping(&self, process: &mut MprocsProcess<'_>, fields: &mut Fields<'_>, field: &Field<'_>) {
        let mut take = |process: &mut MprocsProcess<'_>, key: &str| {
            let found = fields.take(key)?;
            let node = selected(process.draft, found.node);
            Some(Field { node, ..found })
        };
        let (shell, cmd) = (take(process, "shell"), take(process, "cmd"));
        if shell.is_some() == cmd.is_some() {
            field.refuse(process.draft, "expected either `shell` or `cmd`");
        }
        let (env, add_path) = (take(process, "env"), take(process, "add_path"));
        process.environment(env, add_path);
        process.command(shell.as_ref(), cmd.as_ref());
        let (cwd, stop) = (take(process, "cwd"), take(process, "stop"));
        process.dir(cwd.as_ref(), &self.directory);
        process.stop(stop.as_ref());
        let autorestart = take(process, "autorestart").and_then(|field| process.flag(&field)).unwrap_or_default();
        process.restart(autorestart);
        if let Some(autostart) = take(process, "autostart")
            && process.flag(&autostart) == Some(false)
        {
            process.put(&["autostart"], false, &autostart);
        }
        if let Some(deps) = take(process, "deps") {
            self.deps(process, &deps);
        }
        for field in fields.rest() {
            let (weight, what) = match field.name() {
                "depends_on" | "dependencies" => (Weight::Notable, "mprocs ignores it, too: its word is `deps`"),
                "log" => (Weight::Notable, "stead keeps the output of every task in .stead/logs"),
                "mouse_scroll_speed" | "scrollback" => (Weight::Minor, "only mprocs' own display is concerned"),
                _ => (Weight::Notable, "mprocs ignores it, too"),
            };
            process.draft.drop(weight, field.key_place, field.key.clone(), what);
        }
    }

    /// mprocs waits until they run, no more.
    fn deps(&self, process: &mut MprocsProcess<'_>, deps: &Field<'_>) {
        for dep in deps.list(process.draft) {
            let Some(name) = process.text(&dep) else { continue };
            match self.names.iter().find(|(known, _)| *known == name) {
                Some((_, task)) => process.put(&["after", task], "started", &dep),
                None => {
                    let title = format!("`{}` is waited for and not declared", name.escape_debug());
                    process.draft.refuse(&dep.node.place, title, "expected the name of a process");
                }
            }
        }
    }
}

/// One process while it is read.
struct MprocsProcess<'d> {
    draft: &'d mut ConfigDraft,
    task: &'d str,
    place: Place,
    around: &'d Surroundings,
    /// Variables that it does not inherit.
    unset: Vec<String>,
}

impl MprocsProcess<'_> {
    fn put(&mut self, key: &[&str], value: impl Into<Toml>, field: &Field<'_>) {
        let path: Vec<&str> = ["tasks", self.task].into_iter().chain(key.iter().copied()).collect();
        self.draft.take(&path, value, &field.node.place, field.key.clone());
    }

    fn fill(&mut self, key: &[&str], value: impl Into<Toml>, why: &str) {
        let path: Vec<&str> = ["tasks", self.task].into_iter().chain(key.iter().copied()).collect();
        let place = self.place.clone();
        self.draft.fill(&path, value, &place, why);
    }

    fn text(&mut self, field: &Field<'_>) -> Option<String> {
        let node = selected(self.draft, field.node);
        match node.scalar().filter(|scalar| is_string(scalar)) {
            Some(scalar) => Some(scalar.text.clone()),
            None => {
                let place = node.place.clone();
                self.draft.refuse(
                    &place,
                    format!("wrong value for `{}`", field.key),
                    "expected a text; write a number in quotes",
                );
                None
            }
        }
    }

    fn flag(&mut self, field: &Field<'_>) -> Option<bool> {
        let text = field.node.scalar().filter(|scalar| scalar.is_plain).map(|scalar| scalar.text.as_str());
        let value = match text {
            Some("true" | "True" | "TRUE") => Some(true),
            Some("false" | "False" | "FALSE") => Some(false),
            _ => None,
        };
        if value.is_none() {
            field.refuse(self.draft, "expected `true` or `false`");
        }
        value
    }

    fn command(&mut self, shell: Option<&Field<'_>>, cmd: Option<&Field<'_>>) {
        // Nothing but `env` takes a variable away.
        let without: Vec<Toml> = self.unset.iter().flat_map(|name| ["-u".into(), name.as_str().into()]).collect();
        let env = || std::iter::once(Toml::from("env")).chain(without.iter().cloned());
        if let Some(field) = shell
            && let Some(line) = self.text(field)
        {
            let line = escaped(&line);
            let value = match without.is_empty() {
                true => Toml::from(line),
                false => env().chain(["sh".into(), "-c".into(), line.into()]).collect::<Vec<_>>().into(),
            };
            self.put(&["command"], value, field);
        }
        if let Some(field) = cmd {
            let words = field.list(self.draft);
            let words: Vec<Toml> = words.iter().filter_map(|word| Some(escaped(&self.text(word)?).into())).collect();
            let value = if without.is_empty() { words } else { env().chain(words).collect() };
            self.put(&["command"], value, field);
        }
    }

    fn environment(&mut self, env: Option<Field<'_>>, add_path: Option<Field<'_>>) {
        if let Some(env) = &env {
            let prefix = env.key.len() + 1;
            for variable in Fields::of(self.draft, env).rest() {
                let name = variable.key[prefix..].to_owned();
                if selected(self.draft, variable.node).is_null() {
                    self.unset.push(name);
                } else if let Some(value) = self.text(&variable) {
                    self.put(&["env", &name], escaped(&value), &variable);
                }
            }
        }
        let Some(add_path) = add_path else { return };
        let paths: Vec<String> = match add_path.node.sequence() {
            Some(_) => {
                let items = add_path.list(self.draft);
                items.iter().filter_map(|item| self.text(item)).collect()
            }
            None => self.text(&add_path).into_iter().collect(),
        };
        if !paths.is_empty() {
            let paths: Vec<String> = paths.iter().map(|path| escaped(path)).collect();
            self.put(&["env", "PATH"], format!("${{PATH}}:{}", paths.join(":")), &add_path);
        }
    }

    /// A relative directory starts at mprocs' own, unless it begins with `<CONFIG_DIR>`.
    fn dir(&mut self, cwd: Option<&Field<'_>>, directory: &Path) {
        let Some((field, text)) = cwd.and_then(|field| Some((field, self.text(field)?))) else {
            let here = self.around.relative(&self.around.cwd);
            if here != "." {
                self.fill(&["dir"], escaped(&here), "mprocs runs it in the current directory");
            }
            return;
        };
        let path = match text.strip_prefix("<CONFIG_DIR>") {
            Some(rest) => directory.join(rest.trim_start_matches('/')),
            None => self.around.cwd.join(&text),
        };
        let dir = self.around.relative(&path);
        if dir != "." {
            self.put(&["dir"], escaped(&dir), field);
        }
    }

    fn stop(&mut self, stop: Option<&Field<'_>>) {
        self.fill(&["stop", "timeout"], NO_KILL, "mprocs sends no SIGKILL by itself");
        let Some(field) = stop else { return };
        if let Some(scalar) = field.node.scalar() {
            let signal = match scalar.text.as_str() {
                name @ ("SIGINT" | "SIGTERM" | "SIGKILL") => name,
                "hard-kill" => "SIGKILL",
                _ => {
                    field.refuse(
                        self.draft,
                        "expected `SIGINT`, `SIGTERM`, `SIGKILL`, `hard-kill`, `send-keys` or `cmd`",
                    );
                    return;
                }
            };
            self.put(&["stop", "signal"], signal, field);
            return;
        }
        let mut fields = Fields::of(self.draft, field);
        if let Some(keys) = fields.take("send-keys") {
            self.keys(&keys);
        } else if let Some(cmd) = fields.take("cmd") {
            if let Some(line) = self.text(&cmd) {
                self.put(&["stop", "command"], escaped(&line), &cmd);
            }
        } else {
            field.refuse(self.draft, "expected `send-keys` or `cmd`");
        }
    }

    /// What a terminal makes of a key: a signal to what runs in its foreground.
    fn keys(&mut self, field: &Field<'_>) {
        let keys = field.list(self.draft);
        let keys: Vec<String> = keys.iter().filter_map(|key| self.text(key)).collect();
        let all = |key: &str| !keys.is_empty() && keys.iter().all(|pressed| pressed.eq_ignore_ascii_case(key));
        let signal = match () {
            () if all("<C-c>") => "SIGINT",
            () if all("<C-\\>") => "SIGQUIT",
            () => {
                let what = "stead types nothing to stop a task: it sends the signal";
                self.draft.drop(Weight::ChangesWhatRuns, field.key_place, field.key.clone(), what);
                return;
            }
        };
        self.put(&["stop", "signal"], signal, field);
    }

    fn restart(&mut self, is_wanted: bool) {
        if !is_wanted {
            self.fill(&["restart"], "never", "mprocs restarts nothing by itself");
            return;
        }
        let why = "mprocs restarts it at once when it fails after more than a second, and not at all before";
        self.fill(&["restart"], "on-failure", why);
        for (key, value) in [("initial_backoff", "0s"), ("max_backoff", "0s"), ("reset_after", "1s")] {
            self.fill(&[key], value, why);
        }
        self.fill(&["max_retries"], 1, why);
        let (place, key) = (self.place.clone(), format!("procs.{}.autorestart", self.task));
        let what = "stead tries once again when it fails within its first second; mprocs does not";
        self.draft.drop(Weight::Minor, &place, key, what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing;

    fn of(text: &str) -> String {
        testing::imported("mprocs.yaml", &[("mprocs.yaml", text)], |_| {}, read)
    }

    #[test]
    fn a_process_is_a_line_words_nothing_or_a_mapping() {
        insta::assert_snapshot!(of(r#"
# the site
procs:
  a: npm run dev
  b: [cargo, run, "${X}"]
  c: null
  Tailwind (v3):
    shell: tailwind -w
    cwd: packages/css # here
    autostart: false
    depends_on: [a]
    deps: [a]
scrollback: 5000
"#), @r#"
# the site
[tasks.a]
command = "npm run dev"
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.b]
command = ["cargo", "run", "$${X}"]
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.Tailwind--v3]
command = "tailwind -w"
# here
dir = "packages/css"
tty = true
autostart = false
restart = "never"
after = { a = "started" }
stop.timeout = "1h"
. mprocs.yaml:6 procs.c: it is null: mprocs has no such process
- mprocs.yaml:7 Tailwind (v3): stead calls it `Tailwind--v3`
- mprocs.yaml:11 procs.Tailwind (v3).depends_on: mprocs ignores it, too: its word is `deps`
. mprocs.yaml:13 scrollback: only mprocs' own display and keys are concerned
. mprocs.yaml:1 exit: mprocs stays open when everything has ended; `stead up --stay` does, too
. mprocs.yaml:1 stop: mprocs signals only the process that it has started; stead signals all of its processes
"#);
    }

    #[test]
    fn directories_variables_and_paths() {
        insta::assert_snapshot!(of(r#"
procs:
  a:
    cmd: ["x"]
    cwd: "<CONFIG_DIR>/sub"
    env: { A: "1", B: null }
    add_path: node_modules/.bin
  b:
    shell: { $select: os, windows: "dir", $else: "ls ${A}" }
    env: { C: null }
    add_path: [a, b]
    cwd: /srv
"#), @r#"
[tasks.a]
command = ["env", "-u", "B", "x"]
dir = "sub"
env = { A = "1", PATH = "${PATH}:node_modules/.bin" }
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.b]
command = ["env", "-u", "C", "sh", "-c", "ls $${A}"]
dir = "/srv"
env = { PATH = "${PATH}:a:b" }
tty = true
restart = "never"
stop.timeout = "1h"
. mprocs.yaml:1 exit: mprocs stays open when everything has ended; `stead up --stay` does, too
. mprocs.yaml:1 stop: mprocs signals only the process that it has started; stead signals all of its processes
"#);
    }

    #[test]
    fn stops_and_restarts() {
        insta::assert_snapshot!(of(r#"
procs:
  a: { shell: x, stop: SIGINT, autorestart: true }
  b: { shell: x, stop: hard-kill }
  c: { shell: x, stop: { send-keys: ["<C-c>", "<C-c>"] } }
  d: { shell: x, stop: { send-keys: [q] } }
  e: { shell: x, stop: { cmd: podman compose down } }
"#), @r#"
[tasks.a]
command = "x"
tty = true
max_retries = 1
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1h" }

[tasks.b]
command = "x"
tty = true
restart = "never"
stop = { signal = "SIGKILL", timeout = "1h" }

[tasks.c]
command = "x"
tty = true
restart = "never"
stop = { signal = "SIGINT", timeout = "1h" }

[tasks.d]
command = "x"
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.e]
command = "x"
tty = true
restart = "never"
stop = { command = "podman compose down", timeout = "1h" }
. mprocs.yaml:3 procs.a.autorestart: stead tries once again when it fails within its first second; mprocs does not
! mprocs.yaml:6 procs.d.stop.send-keys: stead types nothing to stop a task: it sends the signal
. mprocs.yaml:1 exit: mprocs stays open when everything has ended; `stead up --stay` does, too
. mprocs.yaml:1 stop: mprocs signals only the process that it has started; stead signals all of its processes
"#);
    }

    #[test]
    fn what_mprocs_refuses_is_refused() {
        insta::assert_snapshot!(of(r#"
x: &x { shell: x }
procs:
  a: { shell: x, cmd: [y] }
  b: { cwd: . }
  c: 5
  d: { shell: x, env: { P: 80 }, autostart: "yes", stop: SIGHUP, deps: [none] }
  e: { <<: *x }
  f: { shell: { $select: arch, x: y } }
"#), @r#"
[tasks.a]
command = ["y"]
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.b]
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.c]
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.d]
command = "x"
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.e]
command = "x"
tty = true
restart = "never"
stop.timeout = "1h"

[tasks.f]
tty = true
restart = "never"
stop.timeout = "1h"
! mprocs.yaml:8 <<: mprocs does not merge: for it this is a key like any other, which it ignores
. mprocs.yaml:2 x: only mprocs' own display and keys are concerned
. mprocs.yaml:1 exit: mprocs stays open when everything has ended; `stead up --stay` does, too
. mprocs.yaml:1 stop: mprocs signals only the process that it has started; stead signals all of its processes
error mprocs.yaml:4 wrong value for `procs.a`: expected either `shell` or `cmd`
error mprocs.yaml:5 wrong value for `procs.b`: expected either `shell` or `cmd`
error mprocs.yaml:6 wrong value for `procs.c`: expected a text; write a number in quotes
error mprocs.yaml:7 wrong value for `procs.d.env.P`: expected a text; write a number in quotes
error mprocs.yaml:7 wrong value for `procs.d.stop`: expected `SIGINT`, `SIGTERM`, `SIGKILL`, `hard-kill`, `send-keys` or `cmd`
error mprocs.yaml:7 wrong value for `procs.d.autostart`: expected `true` or `false`
error mprocs.yaml:7 `none` is waited for and not declared: expected the name of a process
error mprocs.yaml:9 wrong value for `$select`: expected `os`
error mprocs.yaml:9 wrong value for `procs.f.shell`: expected a text; write a number in quotes
"#);
        insta::assert_snapshot!(of("procs:\n"), @"
        . mprocs.yaml:1 exit: mprocs stays open when everything has ended; `stead up --stay` does, too
        . mprocs.yaml:1 stop: mprocs signals only the process that it has started; stead signals all of its processes
        error mprocs.yaml:1 no process is declared: expected at least one below `procs`
        ");
    }
}
