//! What stands above the processes, and the names of them all.

use std::collections::BTreeSet;
use std::rc::Rc;

use indexmap::IndexMap;
use toml::Value as Toml;

use super::load::Loaded;
use super::process;
use super::text::{Text, Writing};
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::fields::{Field, Fields};
use crate::import::go_template::{TemplateValue, integer};
use crate::import::source::Place;
use crate::import::surroundings::Surroundings;
use crate::import::write::Comment;
use crate::import::yaml::{self, Node};

/// The most replicas of a process.
const REPLICAS_LIMIT: i64 = 500;

/// What every process is read with.
pub(super) struct ComposeProject<'a> {
    pub(super) around: &'a Surroundings,
    pub(super) writing: &'a Writing,
    /// What a line is given to: `bash -c`.
    pub(super) shell: Vec<String>,
    pub(super) is_strict: bool,
    /// Variables that the files set, so that they may be something else in a process than in the file.
    pub(super) hidden: BTreeSet<String>,
    /// The variables of templates: with values, and with marks.
    pub(super) vars: IndexMap<String, (TemplateValue, TemplateValue)>,
    pub(super) processes: IndexMap<String, DeclaredProcess<'a>>,
    /// Whether a command mentions the variables that process-compose sets.
    pub(super) mentions_own_variables: bool,
}

/// A process, before it is read.
pub(super) struct DeclaredProcess<'a> {
    pub(super) field: Field<'a>,
    /// Its replicas: what they are called there and here.
    pub(super) replicas: Vec<(String, String)>,
    pub(super) is_disabled: bool,
}

impl DeclaredProcess<'_> {
    pub(super) fn has(&self, key: &str) -> bool {
        self.field.node.get(key).is_some_and(|value| !value.is_null())
    }
}

pub(super) fn read(
    draft: &mut ConfigDraft,
    file: usize,
    loaded: &Loaded,
    dot_env: &IndexMap<String, String>,
    around: &Surroundings,
) {
    let mut root = Fields::root(&loaded.root);
    let is_strict = root.take("is_strict").and_then(|field| field.flag(draft)).unwrap_or_default();
    let shell = shell(draft, root.take("shell"), around);
    let vars = root.take("vars").map(|field| vars(draft, &field)).unwrap_or_default();
    let hidden = global_environment(draft, root.take("environment"), &loaded.writing);
    over_env_file(draft, dot_env, &hidden, around);
    let ordered = root.take("ordered_shutdown").and_then(|field| field.flag(draft)).unwrap_or_default();
    let processes = root.take("processes");
    let processes = processes.map(|field| declared(draft, &field, around)).unwrap_or_default();
    if processes.is_empty() {
        draft.refuse(&loaded.root.place, "no process is declared", "expected at least one below `processes`");
    }
    settings(draft, &mut root, is_strict);
    let first = Place::new(file, 0..0);
    let what = "process-compose's is 0 even if a process has failed; stead's is 1 then";
    draft.drop(Weight::Minor, &Place::new(file, 0..0), "exit code", what);
    let mentions_own_variables = draft.sources.iter().any(|source| source.text.contains("PC_PROC_NAME"))
        || draft.sources.iter().any(|source| source.text.contains("PC_REPLICA_NUM"));
    if !mentions_own_variables {
        let what = "process-compose sets them; nothing here mentions them, so they are left out";
        draft.drop(Weight::Minor, &first, "PC_PROC_NAME, PC_REPLICA_NUM", what);
    }
    if !ordered && processes.values().any(|process| process.has("depends_on")) {
        let what =
            "not given: process-compose stops all processes at the same time, stead those that depend on others first";
        draft.drop(Weight::Minor, &first, "ordered_shutdown", what);
    }
    let what =
        "process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal";
    draft.drop(Weight::Minor, &first, "exit code", what);
    let writing = &loaded.writing;
    let project = ComposeProject { around, writing, shell, is_strict, hidden, vars, processes, mentions_own_variables };
    for declared in project.processes.values() {
        for number in 0..declared.replicas.len() {
            process::read(draft, &project, declared, number);
        }
    }
    note_frozen(draft, loaded);
}

/// Variables that a stead.toml can't have where they stand are written with their value of now.
fn note_frozen(draft: &mut ConfigDraft, loaded: &Loaded) {
    for (place, variable) in loaded.writing.frozen() {
        let is_comment = |comment: &Comment| {
            let span = comment.place.span();
            comment.place.file == place.file && span.start <= place.start && place.start < span.end
        };
        if !loaded.comments.iter().any(is_comment) {
            let what =
                "its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}";
            draft.drop(Weight::Minor, &place, format!("${{{}…}}", variable.name), what);
        }
    }
}

/// The shell that lines are given to.
fn shell(draft: &mut ConfigDraft, field: Option<Field<'_>>, around: &Surroundings) -> Vec<String> {
    let default = around.variables.get("COMPOSE_SHELL").cloned().unwrap_or_else(|| "bash".to_owned());
    let Some(field) = field else { return vec![default, "-c".to_owned()] };
    let mut fields = Fields::of(draft, &field);
    let mut word = |draft: &mut ConfigDraft, key: &str| {
        let field = fields.take(key)?;
        field.text(draft).map(str::to_owned)
    };
    let shell =
        vec![word(draft, "shell_command").unwrap_or_default(), word(draft, "shell_argument").unwrap_or_default()];
    for key in ["elevated_shell_command", "elevated_shell_argument"] {
        word(draft, key);
    }
    if shell[0].is_empty() {
        field.refuse(draft, "expected `shell_command` and `shell_argument`");
    }
    ignored(draft, &mut fields);
    shell
}

/// `environment` of all processes. Gives the names.
fn global_environment(draft: &mut ConfigDraft, field: Option<Field<'_>>, writing: &Writing) -> BTreeSet<String> {
    let mut names = BTreeSet::from(["PC_PROC_NAME".to_owned(), "PC_REPLICA_NUM".to_owned()]);
    let Some(field) = field else { return names };
    let variables = variables(draft, &field);
    names.extend(variables.iter().map(|(_, name, _)| name.clone()));
    for (item, name, value) in variables {
        let value = writing.write(&value, &names);
        draft.take(&["env", &name], value, &item.node.place, format!("environment.{name}"));
    }
    names
}

/// The variables of a list of `NAME=VALUE`.
pub(super) fn variables<'a>(draft: &mut ConfigDraft, field: &Field<'a>) -> Vec<(Field<'a>, String, Text)> {
    let mut all = Vec::new();
    for item in field.list(draft) {
        let Some(scalar) = item.node.scalar() else {
            item.refuse(draft, format!("expected NAME=VALUE, found {}", item.node.kind()));
            continue;
        };
        match Text::of(item.node, scalar).split() {
            Some((name, value)) if !name.is_empty() => all.push((item, name, value)),
            _ => draft.drop(Weight::Notable, &item.node.place, item.key.clone(), "no NAME=VALUE: it sets nothing"),
        }
    }
    all
}

/// Where the environment has another value than `.env`, the environment wins in process-compose.
fn over_env_file(
    draft: &mut ConfigDraft,
    dot_env: &IndexMap<String, String>,
    hidden: &BTreeSet<String>,
    around: &Surroundings,
) {
    for (name, value) in dot_env.iter().filter(|(name, _)| !hidden.contains(*name)) {
        match around.variables.get(name) {
            Some(other) if other != value => draft.lay_over(&["env"], name, other),
            _ => {}
        }
    }
}

fn declared<'a>(
    draft: &mut ConfigDraft,
    field: &Field<'a>,
    around: &Surroundings,
) -> IndexMap<String, DeclaredProcess<'a>> {
    let mut fields = Fields::of(draft, field);
    let off = around.variables.get("PC_DISABLED_PROCESSES").map(String::as_str).unwrap_or_default();
    let mut all = IndexMap::new();
    for process in fields.rest() {
        let name = process.key.strip_prefix("processes.").unwrap_or_default().to_owned();
        if process.node.mapping().is_none() {
            process.refuse(draft, format!("expected a mapping, found {}", process.node.kind()));
            continue;
        }
        let mut own = Fields::of(draft, &process);
        let count = own.take("replicas").and_then(|field| replicas(draft, &field)).unwrap_or(1);
        let mut is_disabled = own.take("disabled").and_then(|field| field.flag(draft)).unwrap_or_default();
        match own.take("is_disabled").and_then(|field| field.text(draft)) {
            Some("true") => is_disabled = true,
            Some("false") => is_disabled = false,
            _ => {}
        }
        is_disabled |= off.split(',').any(|off| off == name) || own.take("mcp").is_some();
        let width = count.to_string().len();
        let names = (0..count).map(|n| if count > 1 { format!("{name}-{n:0width$}") } else { name.clone() });
        let replicas = names.map(|name| (name.clone(), draft.task_name(&name))).collect();
        all.insert(name, DeclaredProcess { field: process, replicas, is_disabled });
    }
    all
}

fn replicas(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<usize> {
    match field.whole(draft)? {
        count if count > REPLICAS_LIMIT => {
            field.refuse(draft, format!("at most {REPLICAS_LIMIT} replicas are read"));
            None
        }
        0 => None,
        count => usize::try_from(count).ok().or_else(|| {
            field.refuse(draft, "expected at least 1");
            None
        }),
    }
}

/// Keys of the project that say how process-compose itself works.
fn settings(draft: &mut ConfigDraft, root: &mut Fields<'_>, is_strict: bool) {
    for (key, what) in [
        ("log_location", "stead keeps the output of every task in .stead/logs"),
        ("log_configuration", "stead keeps the output of every task in .stead/logs, and rotates it by itself"),
        ("is_tui_disabled", "say `stead up --plain`"),
        ("mcp_server", "`stead mcp` serves agents"),
    ] {
        if let Some(field) = root.take(key) {
            draft.drop(Weight::Notable, field.key_place, key, what);
        }
    }
    for key in ["log_level", "log_length", "log_format", "name"] {
        if let Some(field) = root.take(key) {
            draft.drop(Weight::Minor, field.key_place, key, "only process-compose's own display is concerned");
        }
    }
    for key in ["version", "disable_env_expansion", "extends", "file_names", "env_file_names", "dot_env_vars"] {
        root.take(key);
    }
    if let Some(field) = root.take("env_cmds") {
        let what = "stead runs no commands for values of variables: set them where stead is started, or in the command";
        draft.drop(Weight::ChangesWhatRuns, field.key_place, "env_cmds", what);
    }
    unknown(draft, root, is_strict, "the file");
}

/// What no one asked for at a place where process-compose looks for keys that it doesn't know.
pub(super) fn unknown(draft: &mut ConfigDraft, fields: &mut Fields<'_>, is_strict: bool, of: &str) {
    for field in fields.rest().into_iter().filter(|field| !field.name().starts_with("x-")) {
        if is_strict {
            draft.refuse(
                field.key_place,
                format!("`{}` is no key of {of}", field.name()),
                "`is_strict` makes this an error",
            );
            continue;
        }
        let hint = match field.name() {
            "restart" | "backoff_seconds" | "max_restarts" => "; it belongs to `availability`",
            "env" => "; it is called `environment` there",
            "cwd" | "workdir" | "dir" => "; it is called `working_dir` there",
            "ready_probe" | "health_check" | "healthcheck" => "; it is called `readiness_probe` there",
            _ => "",
        };
        draft.drop(
            Weight::Notable,
            field.key_place,
            field.key.clone(),
            format!("process-compose ignores it, too{hint}"),
        );
    }
}

/// What no one asked for where process-compose ignores in silence what it does not know.
pub(super) fn ignored(draft: &mut ConfigDraft, fields: &mut Fields<'_>) {
    unknown(draft, fields, false, "");
}

/// The variables of templates.
pub(super) fn vars(draft: &mut ConfigDraft, field: &Field<'_>) -> IndexMap<String, (TemplateValue, TemplateValue)> {
    let mut fields = Fields::of(draft, field);
    let prefix = field.key.len() + 1;
    let mut left = VALUES_MOST;
    let all = fields.rest().into_iter().map(|var| {
        let read = value(draft, &var, var.node, &mut left, DEPTH_MOST);
        (var.key[prefix..].to_owned(), read)
    });
    all.collect()
}

/// The most values that the variables of templates may hold: an alias counts with all that it stands for.
const VALUES_MOST: usize = 100_000;
/// How deep they may be nested.
const DEPTH_MOST: usize = 64;

/// A value as Go's YAML reads it where it does not know what is wanted: with the values of variables, and with marks.
fn value(
    draft: &mut ConfigDraft,
    field: &Field<'_>,
    node: &Node,
    left: &mut usize,
    depth_left: usize,
) -> (TemplateValue, TemplateValue) {
    if *left == 1 || depth_left == 0 {
        let what = format!("`{}` holds too much: {VALUES_MOST} values, {DEPTH_MOST} deep, are the most", field.key);
        draft.refuse(&node.place, what, "aliases count with all that they stand for");
        *left = 0;
    }
    if *left == 0 {
        return (TemplateValue::Nothing, TemplateValue::Nothing);
    }
    *left -= 1;
    match &node.value {
        yaml::YamlValue::Scalar(scalar) => {
            if scalar.is_plain && is_date(&scalar.text) {
                draft.refuse(&node.place, format!("`{}` is a date", field.key), "write it in quotes");
            }
            let resolved = if scalar.is_plain { resolved(&scalar.text) } else { scalar.text.as_str().into() };
            let marked = scalar.other.as_deref().map_or_else(|| resolved.clone(), TemplateValue::from);
            (resolved, marked)
        }
        yaml::YamlValue::Sequence(items) => {
            let (values, marked): (Vec<_>, Vec<_>) =
                items.iter().map(|item| value(draft, field, item, left, depth_left - 1)).unzip();
            (TemplateValue::List(values.into()), TemplateValue::List(marked.into()))
        }
        yaml::YamlValue::Mapping(entries) => {
            let (mut values, mut marks) = (IndexMap::new(), IndexMap::new());
            for (key, node) in entries {
                let key = key.scalar().map_or("", |scalar| scalar.text.as_str());
                let (own, marked) = value(draft, field, node, left, depth_left - 1);
                values.insert(key.to_owned(), own);
                marks.insert(key.to_owned(), marked);
            }
            (TemplateValue::Map(Rc::new(values)), TemplateValue::Map(Rc::new(marks)))
        }
    }
}

fn resolved(text: &str) -> TemplateValue {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => TemplateValue::Nothing,
        "true" | "True" | "TRUE" => TemplateValue::Bool(true),
        "false" | "False" | "FALSE" => TemplateValue::Bool(false),
        _ => {
            let digits = text.replace('_', "");
            let starts = digits.trim_start_matches(['+', '-', '.']).starts_with(|c: char| c.is_ascii_digit());
            let float = || digits.parse::<f64>().ok().filter(|value| value.is_finite());
            match (integer(&digits), float()) {
                (Some(value), _) if starts => TemplateValue::Int(value),
                (None, Some(value)) if starts => TemplateValue::Float(value),
                _ => text.into(),
            }
        }
    }
}

fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-' && {
        let rest = &text[5..];
        rest.split('-').take(2).all(|part| part.starts_with(|c: char| c.is_ascii_digit())) && rest.contains('-')
    }
}

/// A line as what is run: given to the shell, unless that is stead's own.
pub(super) fn shell_command(shell: &[String], line: String) -> Toml {
    match shell {
        [sh, flag] if (sh == "sh" || sh == "/bin/sh") && flag == "-c" => line.into(),
        [sh, flag, ..] => Toml::Array(vec![sh.as_str().into(), flag.as_str().into(), line.into()]),
        _ => line.into(),
    }
}
