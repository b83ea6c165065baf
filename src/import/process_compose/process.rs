//! One process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use indexmap::IndexMap;
use toml::Value as Toml;

use super::project::{ComposeProject, DeclaredProcess, shell_command, unknown, variables, vars};
use super::text::Text;
use super::{policy, probe, stop, timing};
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::env_dialect::ForeignEnvFile;
use crate::import::env_file::{Dialect, parse};
use crate::import::escape::escaped;
use crate::import::fields::{Field, Fields};
use crate::import::go_template::TemplateValue;

/// Keys that are not honoured, with what is said about them.
const LOGS: &str = "stead keeps the output of every task in .stead/logs";
const DROPPED: [(&str, Weight, &str); 9] = [
    ("log_location", Weight::Notable, LOGS),
    ("log_configuration", Weight::Notable, LOGS),
    ("disable_ansi_colors", Weight::Minor, "only the display of process-compose is concerned"),
    ("truncate_log", Weight::Minor, LOGS),
    ("monitor_for", Weight::Minor, "stead has no such notice"),
    ("monitor_silence_threshold", Weight::Minor, "stead has no such notice"),
    ("launch_timeout_seconds", Weight::Minor, "stead waits for its readiness instead"),
    ("mcp", Weight::Notable, "it is not started by itself, and no tool of agents: `stead mcp` serves those"),
    (
        "is_elevated",
        Weight::ChangesWhatRuns,
        "stead asks for no password: write `sudo` into the command, or run stead as root and give `user`",
    ),
];

/// One replica of a process while it is read.
pub(super) struct ComposeProcess<'a> {
    pub(super) project: &'a ComposeProject<'a>,
    pub(super) declared: &'a DeclaredProcess<'a>,
    pub(super) fields: Fields<'a>,
    /// What stead calls it.
    pub(super) task: &'a str,
    /// Variables that may be something else in the process than in the file.
    pub(super) hidden: BTreeSet<String>,
    /// What templates see: values, and marks.
    data: (TemplateValue, TemplateValue),
    /// Where it runs, if that is said.
    pub(super) dir: Option<Text>,
    pub(super) is_daemon: bool,
    /// Whether it gets a terminal.
    pub(super) has_terminal: bool,
}

/// Reads the replica with this number, from 0.
pub(super) fn read(
    draft: &mut ConfigDraft,
    project: &ComposeProject<'_>,
    declared: &DeclaredProcess<'_>,
    number: usize,
) {
    let (name, task) = &declared.replicas[number];
    let field = &declared.field;
    draft.table(&["tasks", task], field.key_place);
    let mut fields = Fields::of(draft, field);
    for key in ["replicas", "disabled", "is_disabled", "extends", "name", "x"] {
        fields.take(key);
    }
    let own = fields.take("vars").map(|field| vars(draft, &field)).unwrap_or_default();
    let data = template_data(&project.vars, own, number);
    let hidden = project.hidden.clone();
    let mut process = ComposeProcess {
        project,
        declared,
        fields,
        task,
        hidden,
        data,
        dir: None,
        is_daemon: false,
        has_terminal: false,
    };
    process.is_daemon = process.flag(draft, "is_daemon");
    process.words(draft, name, number);
    process.environment(draft, name, number);
    process.command(draft);
    process.kind(draft);
    policy::read(draft, &mut process);
    probe::read(draft, &mut process);
    stop::read(draft, &mut process);
    timing::read(draft, &mut process);
    for (key, weight, what) in DROPPED {
        if let Some(field) = process.fields.take(key) {
            let is_off = field.node.scalar().is_some_and(|scalar| scalar.text == "false" || scalar.text == "none");
            if !is_off {
                draft.drop(weight, field.key_place, field.key.clone(), what);
            }
        }
    }
    for key in ["original_config", "replica_num", "replica_name", "executable", "args"] {
        if let Some(field) = process.fields.take(key) {
            draft.drop(Weight::Minor, field.key_place, field.key.clone(), "process-compose sets it itself");
        }
    }
    unknown(draft, &mut process.fields, project.is_strict, "a process");
}

fn template_data(
    project: &IndexMap<String, (TemplateValue, TemplateValue)>,
    own: IndexMap<String, (TemplateValue, TemplateValue)>,
    number: usize,
) -> (TemplateValue, TemplateValue) {
    let mut values = IndexMap::new();
    let mut marks = IndexMap::new();
    for (name, (value, marked)) in project.iter().chain(own.iter()) {
        values.insert(name.clone(), value.clone());
        marks.insert(name.clone(), marked.clone());
    }
    let number = TemplateValue::Int(i64::try_from(number).unwrap_or_default());
    for all in [&mut values, &mut marks] {
        all.insert("PC_REPLICA_NUM".to_owned(), number.clone());
    }
    (TemplateValue::Map(Rc::new(values)), TemplateValue::Map(Rc::new(marks)))
}

impl<'a> ComposeProcess<'a> {
    pub(super) fn flag(&mut self, draft: &mut ConfigDraft, key: &str) -> bool {
        self.fields.take(key).and_then(|field| field.flag(draft)).unwrap_or_default()
    }

    /// A text as it is.
    pub(super) fn plain_text(&self, draft: &mut ConfigDraft, field: &Field<'a>) -> Option<Text> {
        field.text(draft)?;
        field.node.scalar().map(|scalar| Text::of(field.node, scalar))
    }

    /// A text that is a template.
    pub(super) fn text(&self, draft: &mut ConfigDraft, field: &Field<'a>) -> Option<Text> {
        let text = self.plain_text(draft, field)?;
        self.rendered(draft, field, &text)
    }

    pub(super) fn rendered(&self, draft: &mut ConfigDraft, field: &Field<'a>, text: &Text) -> Option<Text> {
        let (data, marked) = &self.data;
        match text.rendered(data, marked) {
            Ok(text) => Some(text),
            Err(bad) => {
                let part = text.value.get(bad.span).unwrap_or_default().escape_debug().to_string();
                let title = format!("the template in `{}`: `{part}`: {}", field.key, bad.what);
                let remedy = "write {{ `…` }} around braces that are no template, or set is_template_disabled";
                let known = draft.mistakes.iter().any(|known| known.place == field.node.place && known.title == title);
                if !known {
                    draft.refuse(&field.node.place, title, remedy);
                }
                None
            }
        }
    }

    /// A text in the language of stead.toml.
    pub(super) fn write(&self, text: &Text) -> String {
        self.project.writing.write(text, &self.hidden)
    }

    /// A line for the shell.
    pub(super) fn shell_line(&self, text: &Text) -> Toml {
        shell_command(&self.project.shell, self.write(text))
    }

    pub(super) fn put(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, field: &Field<'a>) {
        let path: Vec<&str> = ["tasks", self.task].into_iter().chain(key.iter().copied()).collect();
        draft.take(&path, value, &field.node.place, field.key.clone());
    }

    pub(super) fn fill(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, why: &str) {
        let path: Vec<&str> = ["tasks", self.task].into_iter().chain(key.iter().copied()).collect();
        draft.fill(&path, value, self.declared.field.key_place, why);
    }

    /// Its description, its directory, its group.
    fn words(&mut self, draft: &mut ConfigDraft, name: &str, number: usize) {
        if let Some(field) = self.fields.take("description")
            && let Some(text) = self.text(draft, &field)
        {
            self.put(draft, &["description"], self.write(&text), &field);
        }
        if name != self.task && number == 0 {
            let what = format!("stead calls it `{}`", self.task);
            draft.drop(Weight::Notable, self.declared.field.key_place, name.to_owned(), what);
        }
        self.dir(draft);
        let Some(field) = self.fields.take("namespace") else { return };
        let names: Vec<String> = match field.node.sequence() {
            Some(_) => field.list(draft).iter().filter_map(|item| item.text(draft).map(str::to_owned)).collect(),
            None => field.text(draft).map(str::to_owned).into_iter().collect(),
        };
        let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty() && name != "default").collect();
        if let [_, others @ ..] = names.as_slice()
            && !others.is_empty()
        {
            let what = format!("a task is in one group here, so it is not in {}", others.join(", "));
            draft.drop(Weight::Notable, &field.node.place, field.key.clone(), what);
        }
        if let Some(name) = names.first() {
            self.join_group(draft, name, &field);
        }
    }

    fn join_group(&self, draft: &mut ConfigDraft, name: &str, field: &Field<'a>) {
        let group: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        let path = ["groups", group.as_str(), "tasks"];
        let mut tasks = match draft.get(&path) {
            Some(Toml::Array(tasks)) => tasks.clone(),
            _ => Vec::new(),
        };
        tasks.push(self.task.into());
        draft.take(&path, tasks, &field.node.place, field.key.clone());
    }

    /// Relative directories start at the current one.
    fn dir(&mut self, draft: &mut ConfigDraft) {
        let around = self.project.around;
        let field = self.fields.take("working_dir");
        let text = field.as_ref().and_then(|field| self.text(draft, field)).filter(|text| !text.value.is_empty());
        match (&field, text) {
            (Some(field), Some(text)) => {
                let relative = around.relative(&PathBuf::from(&text.value));
                // A path that variables are in is written with them where it starts at the same place.
                let written = if relative == text.value { self.write(&text) } else { escaped(&relative) };
                if relative != "." {
                    self.put(draft, &["dir"], written, field);
                }
                self.dir = Some(text);
            }
            _ => {
                let here = around.relative(&around.cwd);
                if here != "." {
                    self.fill(draft, &["dir"], escaped(&here), "process-compose runs it in the current directory");
                }
            }
        }
    }

    fn environment(&mut self, draft: &mut ConfigDraft, name: &str, number: usize) {
        if self.project.mentions_own_variables {
            let own = self.declared.field.key.strip_prefix("processes.").unwrap_or(name).to_owned();
            self.fill(draft, &["env", "PC_PROC_NAME"], own, "process-compose sets it");
            self.fill(draft, &["env", "PC_REPLICA_NUM"], number.to_string(), "process-compose sets it");
        }
        if let Some(field) = self.fields.take("environment") {
            let variables = variables(draft, &field);
            self.hidden.extend(variables.iter().map(|(_, name, _)| name.clone()));
            for (item, name, value) in variables {
                if let Some(value) = self.rendered(draft, &item, &value) {
                    self.put(draft, &["env", &name], self.write(&value), &item);
                }
            }
        }
        if let Some(field) = self.fields.take("env_file")
            && let Some(text) = self.plain_text(draft, &field)
        {
            let dir = self.dir.as_ref().map_or("", |dir| &dir.value);
            let path = self.project.around.cwd.join(dir).join(&text.value);
            self.env_file(draft, &path, &field);
        }
        if self.flag(draft, "is_dotenv_disabled") {
            let place = self.declared.field.key_place;
            let what = "stead gives the variables of `.env` to every task";
            draft.drop(Weight::Notable, place, format!("{}.is_dotenv_disabled", self.fields.path), what);
        }
    }

    /// Variables of a file; one that is not there is passed over.
    fn env_file(&mut self, draft: &mut ConfigDraft, path: &Path, field: &Field<'a>) {
        let around = self.project.around;
        if let Some(file) = around.read(draft, path, &field.node.place) {
            let text = draft.sources.get(file).text.clone();
            let variables = match parse(&text, Dialect::Godotenv) {
                Ok(variables) => variables,
                Err(why) => {
                    let what = format!("process-compose can't read it either, and goes on without it: {why}");
                    draft.drop(Weight::ChangesWhatRuns, &field.node.place, field.key.clone(), what);
                    return;
                }
            };
            self.hidden.extend(variables.keys().cloned());
            let foreign = ForeignEnvFile { tool: &"process-compose", path, file, variables: &variables };
            if !foreign.lay_over(draft, &["tasks", self.task, "env"], around) {
                return;
            }
        }
        self.put(draft, &["env_file"], escaped(&format!("{}?", around.relative(path))), field);
    }

    fn command(&mut self, draft: &mut ConfigDraft) {
        let is_plain = self.flag(draft, "is_template_disabled");
        let command =
            self.fields.take("command").filter(|field| field.node.scalar().is_none_or(|it| !it.text.is_empty()));
        let entrypoint = self.fields.take("entrypoint");
        match (command, entrypoint) {
            (Some(field), entrypoint) => {
                if let Some(entrypoint) = entrypoint {
                    let what = "process-compose ignores it, because there is a `command`";
                    draft.drop(Weight::Notable, entrypoint.key_place, entrypoint.key.clone(), what);
                }
                let text = if is_plain { self.plain_text(draft, &field) } else { self.text(draft, &field) };
                let Some(text) = text else { return };
                let value = if self.is_daemon { self.launcher(&text) } else { self.shell_line(&text) };
                self.put(draft, &["command"], value, &field);
            }
            (None, Some(field)) => {
                let words = field.list(draft);
                let words: Vec<Toml> =
                    words.iter().filter_map(|word| Some(self.write(&self.plain_text(draft, word)?).into())).collect();
                self.put(draft, &["command"], words, &field);
            }
            (None, None) => {
                let shell = self.project.shell.first().cloned().unwrap_or_default();
                self.fill(
                    draft,
                    &["command"],
                    vec![Toml::from(shell)],
                    "without a command process-compose runs the shell",
                );
            }
        }
    }

    /// What is launched goes on in the background; something has to stay in the foreground for it.
    fn launcher(&self, text: &Text) -> Toml {
        let mut words: Vec<Toml> = self.project.shell.iter().map(|word| word.as_str().into()).collect();
        words.push("\"$@\" && exec sleep 2147483647".into());
        words.push(self.task.into());
        words.extend(self.project.shell.iter().map(|word| Toml::from(word.as_str())));
        words.push(self.write(text).into());
        words.into()
    }

    /// Terminals, daemons, and what is started by a person.
    fn kind(&mut self, draft: &mut ConfigDraft) {
        for key in ["is_tty", "is_interactive"] {
            if let Some(field) = self.fields.take(key)
                && field.flag(draft) == Some(true)
            {
                self.put(draft, &["tty"], true, &field);
                self.has_terminal = true;
            }
        }
        if let Some(field) = self.fields.take("is_foreground")
            && field.flag(draft) == Some(true)
        {
            self.put(draft, &["tty"], true, &field);
            self.has_terminal = true;
            self.put(draft, &["autostart"], false, &field);
            let what = "it is started with `s`, and `a` attaches to it";
            draft.drop(Weight::Notable, field.key_place, field.key.clone(), what);
        }
        if self.is_daemon {
            let place = self.declared.field.key_place;
            let what = "what is launched is kept running by a process that waits beside it, and ends with it; \
                        a readiness probe says whether it is well";
            draft.drop(Weight::Notable, place, format!("{}.is_daemon", self.fields.path), what);
        }
        if self.declared.is_disabled {
            let path = ["tasks", self.task, "autostart"];
            draft.take(&path, false, self.declared.field.key_place, format!("{}.disabled", self.fields.path));
        }
    }
}
