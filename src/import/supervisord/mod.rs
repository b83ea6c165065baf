//! supervisord.conf, as supervisor 4.3 reads it.

mod ini;
mod program;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use toml::Value as Toml;

use super::draft::{ConfigDraft, Weight};
use super::escape::escaped;
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;
use ini::IniEntry;
use program::ForAll;
use words::expand;

/// The most files that are included.
const FILES_LIMIT: usize = 200;

/// A section: what all sections of one name say, the last one of each key.
#[derive(Debug)]
struct ProgramGroup {
    place: Place,
    /// The directory of its file: `%(here)s`.
    here: PathBuf,
    entries: IndexMap<String, IniEntry>,
}

/// The file and those that it includes.
#[derive(Debug, Default)]
struct Files {
    sections: IndexMap<String, ProgramGroup>,
    comments: Vec<Comment>,
}

/// Reads the file with the number `file`, which lies at `path`. Gives its comments.
pub(super) fn read(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Vec<Comment> {
    let mut files = Files::default();
    let here = around.absolute(path).parent().map(Path::to_owned).unwrap_or_default();
    files.add(draft, file, &here);
    files.include(draft, &here, around);
    let first = Place::new(file, 0..0);
    if !files.sections.contains_key("supervisord") {
        let remedy = "supervisord refuses a file without one: add a line `[supervisord]`";
        draft.refuse(&first, "there is no section [supervisord]", remedy);
    }
    let (names, all) = own_section(draft, &files, around);
    program::read(draft, &files, &names, &all, around);
    if files.sections.keys().all(|name| !name.starts_with("program:")) && draft.mistakes.is_empty() {
        draft.refuse(&first, "no program is declared", "expected a section like [program:web]");
    }
    groups(draft, &files);
    others(draft, &files);
    let what = "supervisord sets them to tell a program about itself; they are left out";
    draft.drop(Weight::Minor, &first, "SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME", what);
    let what = "supervisord goes on when all programs have ended; `stead up --stay` does, too";
    draft.drop(Weight::Minor, &first, "exit", what);
    files.comments
}

impl Files {
    fn add(&mut self, draft: &mut ConfigDraft, file: usize, here: &Path) {
        let text = draft.sources.get(file).text.clone();
        match ini::parse(&text, file) {
            Ok(ini) => {
                self.comments.extend(ini.comments);
                for section in ini.sections {
                    let made = || ProgramGroup {
                        place: section.place.clone(),
                        here: here.to_owned(),
                        entries: IndexMap::new(),
                    };
                    let group = self.sections.entry(section.name.clone()).or_insert_with(made);
                    group.entries.extend(section.entries.into_iter().map(|entry| (entry.key.clone(), entry)));
                }
            }
            Err(mistake) => draft.mistakes.push(mistake),
        }
    }

    /// `[include] files`: patterns, which start at the directory of the file.
    fn include(&mut self, draft: &mut ConfigDraft, here: &Path, around: &Surroundings) {
        let Some(group) = self.sections.get("include") else { return };
        let Some(entry) = group.entries.get("files").cloned() else {
            draft.refuse(&group.place, "[include] without `files`", "expected `files = conf.d/*.conf`");
            return;
        };
        let names = environment(around, here);
        let patterns = match expand(&entry.value, &names) {
            Ok(text) => text.value,
            Err(why) => {
                draft.refuse(&entry.place, "wrong value for `include.files`", why);
                return;
            }
        };
        for pattern in patterns.split_whitespace() {
            let found = matching(&here.join(pattern));
            if found.is_empty() {
                draft.drop(
                    Weight::Notable,
                    &entry.place,
                    pattern,
                    "no file is called like this; supervisord goes on without",
                );
            }
            for path in found {
                if draft.sources.iter().count() >= FILES_LIMIT {
                    draft.refuse(
                        &entry.place,
                        "too many files are included",
                        format!("at most {FILES_LIMIT} are read"),
                    );
                    return;
                }
                if let Some(file) = around.read(draft, &path, &entry.place) {
                    let here = path.parent().unwrap_or(here).to_owned();
                    self.add(draft, file, &here);
                }
            }
        }
    }
}

/// The files that a pattern means, in the order of their names. Signs of patterns may stand in the last two parts.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let has_signs = |text: &str| text.contains(['*', '?', '[']);
    let name = pattern.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let parent = pattern.parent().map(Path::to_owned).unwrap_or_default();
    let dirs = match parent.file_name().map(|name| name.to_string_lossy().into_owned()) {
        Some(last) if has_signs(&last) => entries(parent.parent().unwrap_or(Path::new("/")), &last),
        _ => vec![parent],
    };
    let mut found: Vec<PathBuf> = match has_signs(&name) {
        true => dirs.iter().flat_map(|dir| entries(dir, &name)).filter(|path| path.is_file()).collect(),
        false => dirs.iter().map(|dir| dir.join(&name)).filter(|path| path.is_file()).collect(),
    };
    found.sort();
    found
}

/// What lies in a directory and is called like this.
fn entries(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut regex = String::from("^");
    for c in pattern.chars() {
        match c {
            '*' => regex.push_str(".*"),
            '?' => regex.push('.'),
            '[' | ']' | '-' => regex.push(c),
            c => regex.push_str(&regex::escape(&c.to_string())),
        }
    }
    let Ok(regex) = regex::Regex::new(&(regex + "$")) else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name().to_string_lossy().into_owned());
    // As in a shell, what begins with a dot is not meant by a sign.
    let names = names.filter(|name| regex.is_match(name) && (pattern.starts_with('.') || !name.starts_with('.')));
    names.map(|name| dir.join(name)).collect()
}

/// What `%(…)s` knows everywhere.
fn environment(around: &Surroundings, here: &Path) -> BTreeMap<String, String> {
    let mut names: BTreeMap<String, String> =
        around.variables.iter().map(|(name, value)| (format!("ENV_{name}"), value.clone())).collect();
    names.insert("here".to_owned(), here.display().to_string());
    let host = around.variables.get("HOSTNAME").cloned();
    names.insert("host_node_name".to_owned(), host.unwrap_or_else(|| "localhost".to_owned()));
    names
}

/// `[supervisord]`. Gives what `%(…)s` knows in programs, and what it says for them all.
fn own_section(draft: &mut ConfigDraft, files: &Files, around: &Surroundings) -> (BTreeMap<String, String>, ForAll) {
    let (mut names, mut all) = (environment(around, &around.absolute(Path::new("."))), ForAll::default());
    let Some(group) = files.sections.get("supervisord") else { return (names, all) };
    // In the foreground it keeps its directory and the file mode bits.
    let nodaemon = group.entries.get("nodaemon").map(|entry| entry.value.to_lowercase()).unwrap_or_default();
    let is_daemon = !["yes", "true", "on", "1"].contains(&nodaemon.as_str());
    names.insert("here".to_owned(), group.here.display().to_string());
    for (key, entry) in &group.entries {
        let path = format!("supervisord.{key}");
        match key.as_str() {
            "environment" => {
                let pairs = expand(&entry.value, &names).and_then(|text| text.pairs(&|_| false).map_err(str::to_owned));
                match pairs {
                    Ok(pairs) => {
                        for (name, value, written) in pairs {
                            draft.take(&["env", &name], written, &entry.place, path.clone());
                            names.insert(format!("ENV_{name}"), value);
                        }
                    }
                    Err(why) => draft.refuse(&entry.place, format!("wrong value for `{path}`"), why),
                }
            }
            // Only root can run it as another user.
            "user" if matches!(entry.value.as_str(), "root" | "0") => {}
            "user" => all.user = Some(entry.value.clone()),
            "directory" if is_daemon => all.directory = Some(entry.value.clone()),
            "umask" if is_daemon => all.umask = Some(entry.value.clone()),
            "minfds" | "minprocs" => {
                draft.drop(
                    Weight::Minor,
                    &entry.key_place,
                    path,
                    "stead passes on the limits that it was started with",
                );
            }
            "nodaemon" => {}
            _ => draft.drop(Weight::Minor, &entry.key_place, path, "only supervisord itself is concerned"),
        }
    }
    (names, all)
}

/// `[group:x] programs`: programs in groups.
fn groups(draft: &mut ConfigDraft, files: &Files) {
    for (name, group) in &files.sections {
        let Some(name) = name.strip_prefix("group:") else { continue };
        let Some(entry) = group.entries.get("programs") else {
            draft.refuse(&group.place, format!("[group:{name}] without `programs`"), "expected `programs = one,two`");
            continue;
        };
        let mut tasks = Vec::new();
        for program in entry.value.split(',').map(str::trim) {
            match draft.aliases.get(program).cloned() {
                Some(names) => tasks.extend(names.into_iter().map(Toml::from)),
                None => {
                    let title = format!("`{program}` is in group `{name}` and not declared");
                    draft.refuse(&entry.place, title, "expected names of programs");
                }
            }
        }
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
        draft.table(&["groups", &plain], &group.place);
        draft.take(&["groups", &plain, "tasks"], tasks, &entry.place, format!("group:{name}.programs"));
    }
}

/// Sections that are no programs.
fn others(draft: &mut ConfigDraft, files: &Files) {
    for (name, group) in &files.sections {
        let kind = name.split(':').next().unwrap_or_default();
        match kind {
            "program" | "group" | "supervisord" | "include" => {}
            "eventlistener" => {
                let what = "stead has no event listeners: [hooks] run a command when a task fails, recovers or ends everything";
                draft.drop(Weight::ChangesWhatRuns, &group.place, format!("[{name}]"), what);
            }
            "fcgi-program" => {
                let what = "stead passes no FastCGI socket on";
                draft.drop(Weight::ChangesWhatRuns, &group.place, format!("[{name}]"), what);
            }
            "unix_http_server" | "inet_http_server" | "supervisorctl" | "rpcinterface" | "ctlplugin" => {
                let what = "stead has a control socket and a page of its own";
                draft.drop(Weight::Minor, &group.place, format!("[{name}]"), what);
            }
            _ => draft.drop(Weight::Notable, &group.place, format!("[{name}]"), "supervisord ignores it, too"),
        }
    }
}

/// A path for stead.toml.
fn path(around: &Surroundings, text: &str) -> String {
    escaped(&around.relative(Path::new(text)))
}
