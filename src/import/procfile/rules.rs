//! What the runners of Procfiles do, where they differ: ports, numbers of instances, variables, stops, ends.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use toml::Value;

use super::{ProcfileProcess, mentions};
use crate::config::nearest;
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::env_dialect::{ForeignEnvFile, line_of};
use crate::import::env_file::{Dialect, parse};
use crate::import::source::Place;
use crate::import::surroundings::Surroundings;
use crate::import::yaml;

/// The first port where nothing else is said.
const FIRST_PORT: u16 = 5000;

/// The most instances of one process: more is a mistake of typing.
const INSTANCES_LIMIT: u32 = 100;

/// Who runs a Procfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ProcfileRunner {
    /// foreman, written in Ruby: the original.
    Foreman,
    /// honcho, its port to Python.
    Honcho,
    /// overmind, which runs processes in tmux.
    Overmind,
    /// hivemind, overmind without tmux.
    Hivemind,
}

impl fmt::Display for ProcfileRunner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreman => "foreman",
            Self::Honcho => "honcho",
            Self::Overmind => "overmind",
            Self::Hivemind => "hivemind",
        })
    }
}

impl ProcfileRunner {
    /// Whether `name:command` is a process.
    pub(super) fn takes_without_space(self) -> bool {
        matches!(self, Self::Foreman | Self::Honcho)
    }
}

/// What the end of a process means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    EndsAll,
    MayEnd,
    Restarted,
}

/// All that is to be known beside the lines.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) tool: ProcfileRunner,
    /// The first port; none if no port is given.
    port: Option<u16>,
    port_step: u32,
    instance_step: u32,
    formation: BTreeMap<String, u32>,
    /// Where the formation stands, and whether it is that of the command line.
    formation_place: Option<(Place, bool)>,
    /// How many of a process that the formation does not name.
    count: u32,
    /// Where processes run.
    dir: PathBuf,
    /// Files of variables with what stands in them.
    env_files: Vec<(PathBuf, usize, IndexMap<String, String>)>,
    timeout: u32,
    signals: BTreeMap<String, String>,
    may_end: ProcfileNames,
    restarted: ProcfileNames,
    chosen: ProcfileNames,
    ignored: ProcfileNames,
    shell: Option<String>,
}

/// Some names, or all.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ProcfileNames {
    All,
    These(Vec<String>),
}

impl ProcfileNames {
    const NONE: Self = Self::These(Vec::new());

    fn parse(text: &str) -> Self {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        Self::These(names.map(str::to_owned).collect())
    }

    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|known| known == name),
        }
    }
}

impl Rules {
    /// Finds out which tool would run the file, and with which settings.
    pub(super) fn read(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Self {
        let place = Place::new(file, 0..0);
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let overmind = around.read(draft, Path::new(".overmind.env"), &place);
        let foreman = around.read(draft, Path::new(".foreman"), &place);
        let by_files = if overmind.is_some() { ProcfileRunner::Overmind } else { ProcfileRunner::Foreman };
        let tool = around.options.runner.unwrap_or(by_files);
        let mut rules = Self {
            tool,
            port: Some(FIRST_PORT),
            port_step: 100,
            instance_step: if tool == ProcfileRunner::Overmind { 10 } else { 1 },
            formation: BTreeMap::new(),
            formation_place: None,
            count: 1,
            dir: if tool == ProcfileRunner::Honcho { around.cwd.clone() } else { around.cwd.join(dir) },
            env_files: Vec::new(),
            timeout: 5,
            signals: BTreeMap::new(),
            may_end: ProcfileNames::NONE,
            restarted: ProcfileNames::NONE,
            chosen: ProcfileNames::All,
            ignored: ProcfileNames::NONE,
            shell: None,
        };
        let env_dir = if tool == ProcfileRunner::Foreman { rules.dir.clone() } else { around.cwd.clone() };
        match tool {
            ProcfileRunner::Foreman => rules.foreman(draft, foreman, &env_dir, around, &place),
            ProcfileRunner::Overmind => rules.overmind(draft, overmind, &env_dir, around, &place),
            ProcfileRunner::Honcho | ProcfileRunner::Hivemind => {
                rules.env_file(draft, &env_dir.join(".env"), around, &place)
            }
        }
        rules.first_port(draft, around, &place);
        if let Some(formation) = around.options.formation.clone() {
            rules.formation(draft, &formation, &place);
            rules.formation_place = Some((place, true));
        }
        rules
    }

    fn dialect(&self) -> Dialect {
        match self.tool {
            ProcfileRunner::Foreman => Dialect::Foreman,
            ProcfileRunner::Honcho => Dialect::Honcho,
            ProcfileRunner::Overmind | ProcfileRunner::Hivemind => Dialect::Godotenv,
        }
    }

    /// Reads a file of variables, if it is there.
    fn env_file(&mut self, draft: &mut ConfigDraft, path: &Path, around: &Surroundings, place: &Place) {
        let Some(file) = around.read(draft, path, place) else { return };
        match parse(&draft.sources.get(file).text, self.dialect()) {
            Ok(variables) => self.env_files.push((path.to_owned(), file, variables)),
            Err(why) => {
                let what = format!("{} can't read it either, and goes on without it: {why}", self.tool);
                draft.drop(Weight::ChangesWhatRuns, &Place::new(file, 0..0), path.display().to_string(), what);
            }
        }
    }

    /// A variable of the files; the last one wins.
    fn variable(&self, name: &str) -> Option<&str> {
        self.env_files.iter().rev().find_map(|(.., variables)| variables.get(name)).map(String::as_str)
    }

    /// `.foreman`: the options of foreman's command line, as YAML.
    fn foreman(
        &mut self,
        draft: &mut ConfigDraft,
        file: Option<usize>,
        env_dir: &Path,
        around: &Surroundings,
        place: &Place,
    ) {
        let mut env = None;
        if let Some(file) = file {
            let text = draft.sources.get(file).text.clone();
            match yaml::parse(&text, &|span| Place::new(file, span)) {
                Ok(document) => {
                    let entries = document.root.as_ref().and_then(|root| root.mapping()).unwrap_or_default();
                    for (key, value) in entries {
                        let (key, place) = (key.scalar().map_or("", |key| key.text.as_str()), &value.place);
                        let text = value.scalar().map_or("", |value| value.text.as_str());
                        match key {
                            "port" => self.set_port(draft, text, place),
                            "formation" | "concurrency" => self.formation(draft, text, place),
                            "timeout" => self.timeout = text.parse().unwrap_or(self.timeout),
                            "root" => self.dir = around.cwd.join(text),
                            "env" => env = Some(text.to_owned()),
                            "procfile" | "color" | "timestamp" => {}
                            _ => draft.drop(Weight::Notable, place, key, "not an option of `foreman start`"),
                        }
                    }
                }
                Err(mistake) => draft.mistakes.push(mistake),
            }
        }
        match env {
            Some(files) => {
                files.split(',').for_each(|file| self.env_file(draft, &around.cwd.join(file), around, place));
            }
            None => {
                let dir = if self.dir.as_os_str().is_empty() { env_dir.to_owned() } else { self.dir.clone() };
                self.env_file(draft, &dir.join(".env"), around, place);
            }
        }
    }

    /// `.overmind.env` and `.env`: variables for overmind itself and for the processes.
    fn overmind(
        &mut self,
        draft: &mut ConfigDraft,
        file: Option<usize>,
        env_dir: &Path,
        around: &Surroundings,
        place: &Place,
    ) {
        if file.is_some() {
            self.env_file(draft, &env_dir.join(".overmind.env"), around, place);
        }
        self.env_file(draft, &env_dir.join(".env"), around, place);
        let all = self.env_files.iter().flat_map(|(_, file, variables)| {
            variables.iter().map(|(name, value)| (*file, name.clone(), value.clone()))
        });
        let all: Vec<_> = all.collect();
        for (file, name, value) in all {
            let Some(option) = name.strip_prefix("OVERMIND_") else { continue };
            let place = line_of(draft, file, &name);
            self.overmind_option(draft, option, &value, &place);
        }
    }

    fn overmind_option(&mut self, draft: &mut ConfigDraft, option: &str, value: &str, place: &Place) {
        let is_true = matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True");
        match option {
            "PORT" => self.set_port(draft, value, place),
            "PORT_STEP" => self.port_step = value.parse().unwrap_or(self.port_step),
            "FORMATION_PORT_STEP" => self.instance_step = value.parse().unwrap_or(self.instance_step),
            "NO_PORT" if is_true => self.port = None,
            "FORMATION" => self.formation(draft, value, place),
            "TIMEOUT" => self.timeout = value.parse().unwrap_or(self.timeout),
            "CAN_DIE" if self.may_end != ProcfileNames::All => self.may_end = ProcfileNames::parse(value),
            "ANY_CAN_DIE" if is_true => self.may_end = ProcfileNames::All,
            "AUTO_RESTART" => {
                self.restarted = ProcfileNames::parse(value);
                if self.restarted.has("all") {
                    self.restarted = ProcfileNames::All;
                }
            }
            "PROCESSES" => self.chosen = ProcfileNames::parse(value),
            "IGNORED_PROCESSES" => self.ignored = ProcfileNames::parse(value),
            "SHELL" => self.shell = Some(value.to_owned()).filter(|shell| shell != "sh"),
            "STOP_SIGNALS" => {
                let pairs = value.split(',').filter_map(|pair| pair.split_once('='));
                self.signals = pairs.map(|(name, signal)| (name.trim().to_owned(), format!("SIG{signal}"))).collect();
            }
            // How overmind itself looks and where it can be reached.
            "NO_PORT" | "CAN_DIE" | "ANY_CAN_DIE" | "PROCFILE" | "TITLE" | "COLORS" | "SHOW_TIMESTAMPS" | "SOCKET"
            | "NETWORK" | "DAEMONIZE" | "TMUX_CONFIG" | "SKIP_ENV" | "ENV" => {}
            _ => draft.drop(Weight::Notable, place, format!("OVERMIND_{option}"), "not an option of overmind"),
        }
    }

    fn first_port(&mut self, draft: &mut ConfigDraft, around: &Surroundings, place: &Place) {
        if self.port.is_none() || self.port != Some(FIRST_PORT) && around.options.port.is_none() {
            return;
        }
        let from_system = |name: &str| around.variables.get(name).cloned();
        let from_file = self.variable("PORT").map(str::to_owned);
        let said = match self.tool {
            ProcfileRunner::Foreman | ProcfileRunner::Honcho => from_file.or_else(|| from_system("PORT")),
            ProcfileRunner::Overmind => from_system("OVERMIND_PORT").or(from_file).or_else(|| from_system("PORT")),
            ProcfileRunner::Hivemind => from_system("HIVEMIND_PORT").or_else(|| from_system("PORT")).or(from_file),
        };
        match (around.options.port, self.tool, said) {
            // honcho asks its file first, whatever its command line says.
            (Some(port), ..) => self.port = Some(port),
            (None, _, Some(said)) => self.set_port(draft, &said, place),
            (None, _, None) => {}
        }
    }

    fn set_port(&mut self, draft: &mut ConfigDraft, text: &str, place: &Place) {
        match text.trim().parse() {
            Ok(port) => self.port = Some(port),
            Err(_) => draft.refuse(place, format!("`{}` is no port", text.escape_debug()), "expected a number"),
        }
    }

    /// `web=2,worker=1`; `all` is any other process.
    fn formation(&mut self, draft: &mut ConfigDraft, text: &str, place: &Place) {
        // foreman runs only what its formation names.
        self.count = if self.tool == ProcfileRunner::Foreman { 0 } else { 1 };
        self.formation.clear();
        self.formation_place = Some((place.clone(), false));
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let parsed = pair.split_once('=').and_then(|(name, count)| Some((name.trim(), count.trim().parse().ok()?)));
            match parsed {
                Some((_, INSTANCES_LIMIT..)) | None => {
                    let title = format!("`{}` does not say how many", pair.trim().escape_debug());
                    let remedy = format!("expected a process and a number below {INSTANCES_LIMIT}, like `web=2`");
                    draft.refuse(place, title, remedy);
                }
                Some(("all", count)) => self.count = count,
                Some((name, count)) => {
                    self.formation.insert(name.to_owned(), count);
                }
            }
        }
    }

    /// Says which names of the formation are those of no process: on the command line they are mistakes, in a file its
    /// tool passes them over.
    pub(super) fn check_formation(&self, draft: &mut ConfigDraft, processes: &[ProcfileProcess]) {
        let Some((place, is_asked)) = &self.formation_place else { return };
        let names = || processes.iter().map(|process| process.name.as_str());
        for name in self.formation.keys().filter(|name| !names().any(|known| known == *name)) {
            let title = format!("the formation names `{}`, and no process is called that", name.escape_debug());
            let all = format!("the processes are {}", names().collect::<Vec<_>>().join(", "));
            let remedy = nearest(name, names()).map_or(all, |near| format!("did you mean `{near}`?"));
            match is_asked {
                true => draft.refuse(place, title, remedy),
                false => draft.drop(Weight::Notable, place, format!("formation: {name}"), format!("{title}; {remedy}")),
            }
        }
    }

    /// How many of this process are started.
    pub(super) fn count(&self, name: &str) -> u32 {
        self.formation.get(name).copied().unwrap_or(self.count)
    }

    /// Whether it is named where it is said what is to run.
    pub(super) fn is_asked_for(&self, name: &str) -> bool {
        self.formation.get(name).is_some_and(|count| *count > 0)
            || self.chosen != ProcfileNames::All && self.chosen.has(name)
    }

    pub(super) fn is_chosen(&self, name: &str) -> bool {
        self.chosen.has(name) && !self.ignored.has(name)
    }

    /// What the tool calls an instance.
    pub(super) fn instance_name(&self, name: &str, instance: u32, count: u32) -> String {
        match self.tool {
            ProcfileRunner::Foreman | ProcfileRunner::Honcho => format!("{name}.{instance}"),
            ProcfileRunner::Overmind if count > 1 => format!("{name}#{instance}"),
            ProcfileRunner::Overmind | ProcfileRunner::Hivemind => name.to_owned(),
        }
    }

    /// The variable that has this name.
    pub(super) fn name_variable(&self) -> &'static str {
        match self.tool {
            ProcfileRunner::Honcho => "HONCHO_PROCESS_NAME",
            ProcfileRunner::Foreman | ProcfileRunner::Overmind | ProcfileRunner::Hivemind => "PS",
        }
    }

    /// The port of an instance of the process on the line with this number.
    pub(super) fn port(&self, index: usize, instance: u32) -> Option<u64> {
        let base = u64::from(self.port?);
        Some(base + index as u64 * u64::from(self.port_step) + u64::from((instance - 1) * self.instance_step))
    }

    pub(super) fn port_rule(&self) -> String {
        let base = self.port.unwrap_or_default();
        format!("ports begin at {base}, and each line has {} more", self.port_step)
    }

    /// overmind tells each process the ports of the others.
    pub(super) fn sibling_ports(&self, draft: &mut ConfigDraft, task: &str, all: &[ProcfileProcess], index: usize) {
        if self.tool != ProcfileRunner::Overmind || self.port.is_none() {
            return;
        }
        for (other, sibling) in all.iter().enumerate().filter(|(other, _)| *other != index) {
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let variable = format!("OVERMIND_PROCESS_{}_PORT", sibling.name.chars().map(plain).collect::<String>());
            if mentions(all, &variable) {
                let port = self.port(other, 1).unwrap_or_default().to_string();
                draft.fill(&["tasks", task, "env", &variable], port, &all[index].name_place, "overmind sets it");
            }
        }
    }

    /// What is run.
    pub(super) fn command(&self, line: &str) -> Value {
        match &self.shell {
            None => line.into(),
            Some(shell) => Value::Array(vec![shell.as_str().into(), "-c".into(), line.into()]),
        }
    }

    /// Where it is run, and with what kind of input.
    pub(super) fn place_in(&self, draft: &mut ConfigDraft, task: &str, place: &Place, around: &Surroundings) {
        let dir = around.relative(&self.dir);
        if dir != "." {
            draft.fill(&["tasks", task, "dir"], dir, place, format!("{} runs its processes there", self.tool));
        }
        match self.tool {
            ProcfileRunner::Foreman | ProcfileRunner::Honcho => {
                let why = format!("{}'s processes share its own standard input", self.tool);
                draft.fill(&["tasks", task, "stdin"], "open", place, why);
            }
            ProcfileRunner::Overmind | ProcfileRunner::Hivemind => {
                let why = format!("{} runs its processes in terminals", self.tool);
                draft.fill(&["tasks", task, "tty"], true, place, why);
            }
        }
    }

    pub(super) fn stop(&self, draft: &mut ConfigDraft, task: &str, process: &ProcfileProcess) {
        let place = &process.name_place;
        let why = format!("{} waits so long before it kills", self.tool);
        draft.fill(&["tasks", task, "stop", "timeout"], format!("{}s", self.timeout), place, why);
        let signal = self.signals.get(&process.name).map(String::as_str).unwrap_or(match self.tool {
            ProcfileRunner::Foreman | ProcfileRunner::Honcho => "SIGTERM",
            ProcfileRunner::Overmind | ProcfileRunner::Hivemind => "SIGINT",
        });
        draft.fill(&["tasks", task, "stop", "signal"], signal, place, format!("{}'s signal", self.tool));
    }

    pub(super) fn fate(&self, name: &str) -> Fate {
        match (self.restarted.has(name), self.may_end.has(name)) {
            (_, true) => Fate::MayEnd,
            (true, false) => Fate::Restarted,
            (false, false) => Fate::EndsAll,
        }
    }

    /// The files of variables, for every task.
    pub(super) fn env_files(&self, draft: &mut ConfigDraft, around: &Surroundings) {
        let Some((_, file, _)) = self.env_files.first() else { return };
        let place = Place::new(*file, 0..0);
        let readable = self.env_files.iter().filter(|(path, file, variables)| {
            ForeignEnvFile { tool: &self.tool, path, file: *file, variables }.lay_over(draft, &["env"], around)
        });
        let names: Vec<Value> = readable.map(|(path, ..)| around.relative(path).into()).collect();
        if !names.is_empty() {
            let why = format!("{} reads it for every process", self.tool);
            draft.fill(&["supervisor", "env_file"], Value::Array(names), &place, why);
        }
        if self.tool != ProcfileRunner::Hivemind {
            return;
        }
        // There the environment wins over the file.
        for (name, value) in self.env_files.iter().flat_map(|(.., variables)| variables) {
            match around.variables.get(name) {
                Some(other) if other != value => draft.lay_over(&["env"], name, other),
                _ => {}
            }
        }
    }

    /// What stead does otherwise, whatever the lines say.
    pub(super) fn note_differences(&self, draft: &mut ConfigDraft, place: &Place, processes: &[ProcfileProcess]) {
        let code = match self.tool {
            ProcfileRunner::Foreman => "is that of the first process that ends",
            ProcfileRunner::Honcho => "is that of the first process that ends, or 143 after SIGTERM",
            ProcfileRunner::Overmind => "comes from tmux",
            ProcfileRunner::Hivemind => "is always 0",
        };
        if processes.iter().any(|process| self.fate(&process.name) == Fate::EndsAll) {
            draft.drop(
                Weight::Notable,
                place,
                "exit code",
                format!(
                    "{}'s {code}; stead's is 1 when a process has ended everything, and 0 after a signal",
                    self.tool
                ),
            );
        }
        if !mentions(processes, self.name_variable()) {
            let what = format!("{} sets it; no command here mentions it, so it is left out", self.tool);
            draft.drop(Weight::Minor, place, self.name_variable(), what);
        }
        if self.tool == ProcfileRunner::Overmind {
            let what = "they are tmux's; stead's own terminals have TERM=xterm-256color";
            draft.drop(Weight::Minor, place, "TERM, SHELL, TMUX", what);
        }
        if self.tool != ProcfileRunner::Foreman {
            return;
        }
        for process in processes {
            self.note_quoted_variables(draft, process);
            let what = "foreman signals only the process that it has started; stead signals all of its processes";
            draft.drop(Weight::Minor, &process.command_place, format!("{}: stop", process.name), what);
        }
    }

    /// foreman replaces the text `$NAME` before any shell sees it, even in single quotes.
    fn note_quoted_variables(&self, draft: &mut ConfigDraft, process: &ProcfileProcess) {
        let known = |name: &str| matches!(name, "PORT" | "PS") || self.variable(name).is_some();
        let quoted = process.command.split('\'').skip(1).step_by(2);
        let names = quoted.flat_map(|text| text.split('$').skip(1)).map(|text| {
            let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
            text[..end].to_owned()
        });
        for name in names.filter(|name| known(name)) {
            let what =
                format!("foreman replaces ${name} even in single quotes; stead leaves it to the shell, which does not");
            draft.drop(Weight::ChangesWhatRuns, &process.command_place, format!("{}: ${name}", process.name), what);
        }
    }
}
