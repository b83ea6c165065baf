//! `[program:x]`.

use std::collections::{BTreeMap, BTreeSet};

use toml::Value as Toml;

use super::ini::IniEntry;
use super::words::expand;
use super::{Files, ProgramGroup, path};
use crate::import::draft::{ConfigDraft, Weight};
use crate::import::source::Place;
use crate::import::surroundings::Surroundings;
use crate::signal::Signal;

/// What [supervisord] says for all programs.
#[derive(Debug, Default)]
pub(super) struct ForAll {
    pub(super) user: Option<String>,
    pub(super) directory: Option<String>,
    pub(super) umask: Option<String>,
}

/// The most processes of a program.
const PROCESSES_LIMIT: i64 = 500;

/// Keys that say where output goes.
const LOGS: [&str; 13] = [
    "stdout_logfile",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stdout_capture_maxbytes",
    "stdout_events_enabled",
    "stdout_syslog",
    "stderr_logfile",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stderr_capture_maxbytes",
    "stderr_events_enabled",
    "stderr_syslog",
    "redirect_stderr",
];

/// Reads all programs, in the order in which supervisord starts them.
pub(super) fn read(
    draft: &mut ConfigDraft,
    files: &Files,
    names: &BTreeMap<String, String>,
    all: &ForAll,
    around: &Surroundings,
) {
    let programs = files.sections.iter().filter_map(|(name, group)| Some((name.strip_prefix("program:")?, group)));
    let mut programs: Vec<_> = programs.collect();
    let priority = |group: &ProgramGroup| {
        group.entries.get("priority").and_then(|entry| entry.value.parse().ok()).unwrap_or(999_i64)
    };
    programs.sort_by_key(|(_, group)| priority(group));
    let different: BTreeSet<i64> = programs.iter().map(|(_, group)| priority(group)).collect();
    if let Some((_, group)) =
        programs.iter().find(|(_, group)| group.entries.contains_key("priority") && different.len() > 1)
    {
        let place = &group.entries["priority"].key_place;
        let what =
            "stead starts them in this order, and stops them all at the same time; say `after` where one needs another";
        draft.drop(Weight::Minor, place, "priority", what);
    }
    if let Some((_, group)) = programs.last()
        && !draft.takes_processes(programs.len(), &group.place)
    {
        return;
    }
    let groups: BTreeMap<&str, &str> = files
        .sections
        .iter()
        .filter_map(|(name, group)| Some((name.strip_prefix("group:")?, group.entries.get("programs")?)))
        .flat_map(|(name, programs)| programs.value.split(',').map(move |program| (program.trim(), name)))
        .collect();
    let mut logs = Vec::new();
    for (name, group) in programs {
        let group_name = groups.get(name).copied().unwrap_or(name);
        let program = Program { name: name.trim(), group, names, group_name, all, around };
        logs.extend(program.read(draft));
    }
    if let [(place, key), others @ ..] = logs.as_slice() {
        let more = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
        draft.drop(
            Weight::Notable,
            place,
            format!("{key}{more}"),
            "stead keeps the output of every task in .stead/logs",
        );
    }
}

struct Program<'a> {
    name: &'a str,
    group: &'a ProgramGroup,
    names: &'a BTreeMap<String, String>,
    group_name: &'a str,
    all: &'a ForAll,
    around: &'a Surroundings,
}

/// One process of a program while it is read.
struct SupervisordProcess<'a> {
    program: &'a Program<'a>,
    task: String,
    names: BTreeMap<String, String>,
}

impl Program<'_> {
    /// Gives the places of keys that concern logs.
    fn read(&self, draft: &mut ConfigDraft) -> Vec<(Place, String)> {
        let entries = &self.group.entries;
        let logs = LOGS.iter().filter_map(|key| Some((entries.get(*key)?.key_place.clone(), self.key(key)))).collect();
        if self.name.is_empty() || self.name.contains([' ', ':', '/']) {
            draft.refuse(
                &self.group.place,
                "a program can't be called like this",
                "expected a name without spaces, `:` and `/`",
            );
            return logs;
        }
        let (count, first) = (self.whole(draft, "numprocs", 1), self.whole(draft, "numprocs_start", 0));
        let pattern = entries.get("process_name").map_or("%(program_name)s", |entry| &entry.value);
        if count > 1 && !pattern.contains("%(process_num)") {
            let place = &entries["numprocs"].place;
            draft.refuse(
                place,
                "several processes of one name",
                "expected `process_name = %(program_name)s_%(process_num)02d`",
            );
        }
        if !(1..=PROCESSES_LIMIT).contains(&count) {
            let place = &entries["numprocs"].place;
            draft.refuse(place, "wrong value for `numprocs`", format!("expected a number from 1 to {PROCESSES_LIMIT}"));
            return logs;
        }
        for number in first..first + count {
            self.process(draft, pattern, number, count);
        }
        self.unknown(draft);
        logs
    }

    fn process(&self, draft: &mut ConfigDraft, pattern: &str, number: i64, count: i64) {
        let mut names = self.names.clone();
        for (name, value) in [
            ("program_name", self.name.to_owned()),
            ("group_name", self.group_name.to_owned()),
            ("process_num", number.to_string()),
            ("numprocs", count.to_string()),
            ("here", self.group.here.display().to_string()),
        ] {
            names.insert(name.to_owned(), value);
        }
        let called = match expand(pattern, &names) {
            Ok(called) => called.value,
            Err(why) => {
                let place = self.group.entries.get("process_name").map_or(&self.group.place, |entry| &entry.place);
                draft.refuse(place, format!("wrong value for `{}`", self.key("process_name")), why);
                return;
            }
        };
        // A single process is known by its program.
        let called = if count > 1 { called } else { self.name.to_owned() };
        let task = draft.task_name(&called);
        draft.aliases.entry(self.name.to_owned()).or_default().push(task.clone());
        draft.table(&["tasks", &task], &self.group.place);
        if called != task {
            draft.drop(Weight::Notable, &self.group.place, called, format!("stead calls it `{task}`"));
        }
        let mut process = SupervisordProcess { program: self, task, names };
        process.environment(draft);
        process.command(draft);
        process.fill(draft, &["stdin"], "open", "supervisord gives it a pipe that stays open");
        process.account(draft);
        process.restarts(draft);
        process.stop(draft);
    }

    fn key(&self, key: &str) -> String {
        format!("program:{}.{key}", self.name)
    }

    fn whole(&self, draft: &mut ConfigDraft, key: &str, default: i64) -> i64 {
        let Some(entry) = self.group.entries.get(key) else { return default };
        entry.value.trim().parse().unwrap_or_else(|_| {
            draft.refuse(&entry.place, format!("wrong value for `{}`", self.key(key)), "expected a whole number");
            default
        })
    }

    fn flag(&self, draft: &mut ConfigDraft, key: &str, default: bool) -> bool {
        let Some(entry) = self.group.entries.get(key) else { return default };
        match entry.value.to_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => true,
            "no" | "false" | "off" | "0" => false,
            _ => {
                draft.refuse(
                    &entry.place,
                    format!("wrong value for `{}`", self.key(key)),
                    "expected `true` or `false`",
                );
                default
            }
        }
    }

    /// Keys that mean nothing here or there.
    fn unknown(&self, draft: &mut ConfigDraft) {
        const KNOWN: [&str; 19] = [
            "command",
            "process_name",
            "numprocs",
            "numprocs_start",
            "priority",
            "autostart",
            "startsecs",
            "startretries",
            "autorestart",
            "exitcodes",
            "stopsignal",
            "stopwaitsecs",
            "stopasgroup",
            "killasgroup",
            "user",
            "environment",
            "directory",
            "umask",
            "serverurl",
        ];
        for entry in self.group.entries.values() {
            if !KNOWN.contains(&entry.key.as_str()) && !LOGS.contains(&entry.key.as_str()) {
                draft.drop(Weight::Notable, &entry.key_place, self.key(&entry.key), "supervisord ignores it, too");
            }
            if let Some(cut) = entry.cut.as_ref().filter(|_| entry.key == "command") {
                let what = "what follows a space and `;` or `#` is a comment for supervisord";
                draft.drop(Weight::Notable, cut, self.key(&entry.key), what);
            }
        }
    }
}

impl SupervisordProcess<'_> {
    fn entry(&self, key: &str) -> Option<&IniEntry> {
        self.program.group.entries.get(key)
    }

    fn put(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, entry: &IniEntry) {
        let path: Vec<&str> = ["tasks", self.task.as_str()].into_iter().chain(key.iter().copied()).collect();
        draft.take(&path, value, &entry.place, self.program.key(&entry.key));
    }

    fn fill(&self, draft: &mut ConfigDraft, key: &[&str], value: impl Into<Toml>, why: &str) {
        let path: Vec<&str> = ["tasks", self.task.as_str()].into_iter().chain(key.iter().copied()).collect();
        draft.fill(&path, value, &self.program.group.place, why);
    }

    fn refuse(&self, draft: &mut ConfigDraft, entry: &IniEntry, why: impl Into<String>) {
        draft.refuse(&entry.place, format!("wrong value for `{}`", self.program.key(&entry.key)), why);
    }

    /// A variable that something here sets is another one in the process.
    fn hides(&self) -> impl Fn(&str) -> bool + use<> {
        let outside = &self.program.around.variables;
        let changed: BTreeSet<String> = self
            .names
            .iter()
            .filter_map(|(name, value)| Some((name.strip_prefix("ENV_")?, value)))
            .filter(|(name, value)| outside.get(*name) != Some(value))
            .map(|(name, _)| name.to_owned())
            .collect();
        move |name: &str| changed.contains(name)
    }

    fn environment(&mut self, draft: &mut ConfigDraft) {
        let Some(entry) = self.entry("environment").cloned() else { return };
        let hides = self.hides();
        let pairs = expand(&entry.value, &self.names).and_then(|text| text.pairs(&hides).map_err(str::to_owned));
        match pairs {
            Ok(pairs) => {
                for (name, value, written) in pairs {
                    self.put(draft, &["env", &name], written, &entry);
                    self.names.insert(format!("ENV_{name}"), value);
                }
            }
            Err(why) => self.refuse(draft, &entry, why),
        }
    }

    /// There is no shell: the words are run as they are.
    fn command(&self, draft: &mut ConfigDraft) {
        let Some(entry) = self.entry("command") else {
            draft.refuse(
                &self.program.group.place,
                format!("[program:{}] without `command`", self.program.name),
                "expected a command",
            );
            return;
        };
        let hides = self.hides();
        let expanded = expand(&entry.value, &self.names);
        for name in expanded.iter().flat_map(|text| &text.frozen) {
            let what = "its value of now is written: it is no part of a single word";
            draft.drop(Weight::Minor, &entry.place, format!("%(ENV_{name})s"), what);
        }
        match expanded.and_then(|text| text.words(&hides).map_err(str::to_owned)) {
            Ok(words) if words.is_empty() => self.refuse(draft, entry, "expected a command"),
            Ok(words) => self.put(draft, &["command"], words, entry),
            Err(why) => self.refuse(draft, entry, why),
        }
        let around = self.program.around;
        match self.entry("directory") {
            Some(entry) => match expand(&entry.value, &self.names) {
                Ok(text) => {
                    let dir = path(around, &text.value);
                    if dir != "." {
                        self.put(draft, &["dir"], dir, entry);
                    }
                }
                Err(why) => self.refuse(draft, entry, why),
            },
            None => {
                let (dir, why) = match &self.program.all.directory {
                    Some(dir) => (path(around, dir), "[supervisord] directory"),
                    None => (path(around, "."), "supervisord runs it in the current directory"),
                };
                if dir != "." {
                    self.fill(draft, &["dir"], dir, why);
                }
            }
        }
    }

    fn account(&self, draft: &mut ConfigDraft) {
        if let Some(entry) = self.entry("user") {
            let user: Toml = entry.value.parse::<i64>().map_or_else(|_| entry.value.as_str().into(), Toml::from);
            self.put(draft, &["user"], user, entry);
        } else if let Some(user) = &self.program.all.user {
            self.fill(draft, &["user"], user.as_str(), "[supervisord] user");
        }
        if let Some(umask) = self.program.all.umask.as_deref().filter(|_| self.entry("umask").is_none()) {
            self.fill(draft, &["umask"], umask, "[supervisord] umask");
        }
        if let Some(entry) = self.entry("umask") {
            match u32::from_str_radix(entry.value.trim_start_matches("0o"), 8) {
                Ok(bits) if bits <= 0o777 => self.put(draft, &["umask"], format!("{bits:03o}"), entry),
                _ => self.refuse(draft, entry, "expected three octal digits"),
            }
        }
        if !self.program.flag(draft, "autostart", true)
            && let Some(entry) = self.entry("autostart")
        {
            self.put(draft, &["autostart"], false, entry);
        }
    }

    fn restarts(&self, draft: &mut ConfigDraft) {
        let kind = self.entry("autorestart").map(|entry| (entry, entry.value.to_lowercase()));
        let (restart, entry) = match &kind {
            None => ("on-failure", None),
            Some((entry, word)) => match word.as_str() {
                "unexpected" => ("on-failure", Some(*entry)),
                "yes" | "true" | "on" | "1" => ("always", Some(*entry)),
                "no" | "false" | "off" | "0" => ("never", Some(*entry)),
                _ => {
                    self.refuse(draft, entry, "expected `true`, `false` or `unexpected`");
                    return;
                }
            },
        };
        match entry {
            Some(entry) => self.put(draft, &["restart"], restart, entry),
            None => self.fill(draft, &["restart"], restart, "supervisord's autorestart is `unexpected`"),
        }
        if let Some(entry) = self.entry("exitcodes") {
            let codes: Result<Vec<i64>, _> = entry.value.split(',').map(|code| code.trim().parse::<i64>()).collect();
            match codes {
                Ok(codes) if codes.iter().all(|code| (0..=255).contains(code)) => {
                    self.put(draft, &["success_exit_codes"], codes, entry);
                }
                _ => self.refuse(draft, entry, "expected numbers from 0 to 255"),
            }
        }
        let seconds = self.program.whole(draft, "startsecs", 1);
        let retries = self.program.whole(draft, "startretries", 3);
        let place = self.entry("startsecs").map_or(&self.program.group.place, |entry| &entry.key_place).clone();
        if restart == "never" {
            if seconds > 0 {
                let what = format!(
                    "supervisord tries again when it ends within {seconds} s, even with `autorestart = false`; stead does not"
                );
                draft.drop(Weight::Notable, &place, self.program.key("startsecs"), what);
            }
            return;
        }
        self.budget(draft, seconds, retries);
        if restart == "on-failure" && seconds > 0 {
            let what = format!(
                "supervisord tries again when it ends within {seconds} s, even with success; stead takes that for done"
            );
            draft.drop(Weight::Minor, &place, self.program.key("startsecs"), what);
        }
    }

    /// Ends before `startsecs` are counted, with waits of 1 s, 2 s, 3 s …; a run that lasted longer is followed at once.
    fn budget(&self, draft: &mut ConfigDraft, seconds: i64, retries: i64) {
        let why = "supervisord counts runs that end within startsecs";
        let put = |draft: &mut ConfigDraft, key: &str, value: Toml, from: &str| match self.entry(from) {
            Some(entry) => self.put(draft, &[key], value, entry),
            None => self.fill(draft, &[key], value, why),
        };
        put(draft, "max_retries", retries.max(0).into(), "startretries");
        put(draft, "reset_after", format!("{}s", seconds.max(0)).into(), "startsecs");
        let why = "supervisord waits 1 s, 2 s, 3 s and so on; stead 1 s, 2 s, 4 s up to this";
        self.fill(draft, &["initial_backoff"], "1s", why);
        self.fill(draft, &["max_backoff"], format!("{}s", retries.max(1)), why);
    }

    fn stop(&self, draft: &mut ConfigDraft) {
        if let Some(entry) = self.entry("stopsignal") {
            let number = entry.value.trim().parse::<i32>().ok().filter(|number| (1..=31).contains(number));
            match number.map(Signal::from_raw).map_or_else(|| entry.value.parse::<Signal>(), Ok) {
                Ok(signal) => self.put(draft, &["stop", "signal"], signal.to_string(), entry),
                Err(why) => self.refuse(draft, entry, why),
            }
        }
        let seconds = self.program.whole(draft, "stopwaitsecs", 10).max(0);
        match self.entry("stopwaitsecs") {
            Some(entry) => self.put(draft, &["stop", "timeout"], format!("{seconds}s"), entry),
            None => self.fill(draft, &["stop", "timeout"], "10s", "supervisord waits so long before it kills"),
        }
        let as_group = self.program.flag(draft, "stopasgroup", false);
        if !as_group {
            self.fill(
                draft,
                &["stop", "only_parent"],
                true,
                "supervisord signals the process alone, not what it has started",
            );
        }
        if !self.program.flag(draft, "killasgroup", as_group) {
            if as_group && let Some(entry) = self.entry("killasgroup") {
                self.refuse(draft, entry, "supervisord refuses this beside `stopasgroup = true`");
            }
            let what = "supervisord kills the process alone; stead leaves nothing behind";
            draft.drop(Weight::Minor, &self.program.group.place, self.program.key("killasgroup"), what);
        }
    }
}
