//! Procfiles, as foreman, honcho, overmind and hivemind run them.
//!
//! The four read the same lines and differ in nearly all else: see `rules`.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::draft::{ConfigDraft, Weight};
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;
pub use rules::ProcfileRunner;
use rules::{Fate, Rules};

/// A line that names a process.
struct ProcfileProcess {
    name: String,
    command: String,
    name_place: Place,
    command_place: Place,
}

/// Reads the Procfile with the number `file`, which lies at `path`. Gives its comments.
pub(super) fn read(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Vec<Comment> {
    let rules = Rules::read(draft, file, path, around);
    draft.tool = Some(rules.tool.to_string());
    let (processes, comments) = lines(draft, file, rules.tool);
    if processes.is_empty() {
        let remedy = "expected a line like `web: bundle exec rails server`";
        draft.refuse(&Place::new(file, 0..0), format!("no process is declared, says {}", rules.tool), remedy);
        return comments;
    }
    if !draft.takes_processes(processes.len(), &Place::new(file, 0..0)) {
        return comments;
    }
    rules.check_formation(draft, &processes);
    rules.env_files(draft, around);
    for (index, process) in processes.iter().enumerate() {
        translate(draft, &rules, &processes, index, process, around);
    }
    rules.note_differences(draft, &Place::new(file, 0..0), &processes);
    comments
}

/// The processes of a file, and its comments. Other lines are ignored by the tools.
fn lines(draft: &mut ConfigDraft, file: usize, tool: ProcfileRunner) -> (Vec<ProcfileProcess>, Vec<Comment>) {
    static LINE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"^([A-Za-z0-9_-]+):(\s*)(.+)$").expect("it is a pattern"));
    let text = draft.sources.get(file).text.clone();
    let (mut processes, mut comments, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let place = Place::new(file, at..at + line.len());
        if let Some(comment) = line.trim_start().strip_prefix('#') {
            comments.push(Comment { place, text: comment.to_owned(), is_alone: true });
            continue;
        }
        let found = LINE.captures(line).filter(|found| tool.takes_without_space() || !found[2].is_empty());
        let Some(found) = found else {
            if !line.trim().is_empty() {
                let what = match tool.takes_without_space() {
                    true => format!("{tool} ignores it: a process is `name: command`"),
                    false => format!("{tool} ignores it: a process is `name: command`, with the space"),
                };
                draft.drop(Weight::Notable, &place, line.trim().chars().take(40).collect::<String>(), what);
            }
            continue;
        };
        let at_group = |group: usize| found.get(group).map_or(at..at, |found| at + found.start()..at + found.end());
        let name_place = Place::new(file, at_group(1));
        if !names.insert(found[1].to_owned()) {
            draft.refuse(&name_place, format!("`{}` is declared twice", &found[1]), "give one of them another name");
        }
        let command_place = Place::new(file, at_group(3));
        processes.push(ProcfileProcess {
            name: found[1].to_owned(),
            command: found[3].to_owned(),
            name_place,
            command_place,
        });
    }
    (processes, comments)
}

fn translate(
    draft: &mut ConfigDraft,
    rules: &Rules,
    all: &[ProcfileProcess],
    index: usize,
    process: &ProcfileProcess,
    around: &Surroundings,
) {
    let count = rules.count(&process.name);
    for instance in 1..=count.max(1) {
        let tool_name = rules.instance_name(&process.name, instance, count);
        let task = draft.task_name(if count > 1 { &tool_name } else { &process.name });
        let key = format!("{}:", process.name);
        let at = |key: &'static str| ["tasks".to_owned(), task.clone(), key.to_owned()];
        draft.table(&["tasks", &task], &process.name_place);
        let command = rules.command(&process.command);
        draft.take(&refs(&at("command")), command, &process.command_place, &key);
        rules.place_in(draft, &task, &process.name_place, around);
        if let Some(port) = rules.port(index, instance) {
            let why = format!("{}: {}", rules.tool, rules.port_rule());
            draft.fill(&["tasks", &task, "env", "PORT"], port.to_string(), &process.name_place, why);
        }
        if mentions(all, rules.name_variable()) {
            let why = format!("{} sets it", rules.tool);
            draft.fill(&["tasks", &task, "env", rules.name_variable()], tool_name, &process.name_place, why);
        }
        rules.sibling_ports(draft, &task, all, index);
        rules.stop(draft, &task, process);
        fate(draft, rules, &task, process, count);
    }
}

/// When it is started, and what its end means.
fn fate(draft: &mut ConfigDraft, rules: &Rules, task: &str, process: &ProcfileProcess, count: u32) {
    let place = &process.name_place;
    if process.name == "release" && !rules.is_asked_for(&process.name) {
        draft.fill(&["tasks", task, "autostart"], false, place, "`release` is a step of a deployment");
        draft.fill(&["tasks", task, "restart"], "never", place, "`release` is a step of a deployment");
        let what = format!(
            "it is a step of a deployment, so it is not started by itself (`stead start {task}` does); {} starts it with \
             the others",
            rules.tool
        );
        draft.drop(Weight::Notable, place, "release:", what);
        return;
    }
    if count == 0 || !rules.is_chosen(&process.name) {
        draft.fill(
            &["tasks", task, "autostart"],
            false,
            place,
            format!("the settings of {} say not to start it", rules.tool),
        );
    }
    match rules.fate(&process.name) {
        Fate::EndsAll => {
            let why = format!("{} ends everything when one process ends", rules.tool);
            draft.fill(&["tasks", task, "critical"], true, place, why);
        }
        Fate::MayEnd => {
            let why = format!("the settings of {} say that it may end", rules.tool);
            draft.fill(&["tasks", task, "restart"], "never", place, why);
        }
        Fate::Restarted => {
            let why = format!("the settings of {} say to restart it, without a limit", rules.tool);
            draft.fill(&["tasks", task, "restart"], "always", place, &why);
            draft.fill(&["tasks", task, "initial_backoff"], "100ms", place, &why);
            draft.fill(&["tasks", task, "reset_after"], "0s", place, &why);
        }
    }
}

/// Whether a command says the name of a variable.
fn mentions(processes: &[ProcfileProcess], variable: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    processes.iter().any(|process| {
        process.command.match_indices(variable).any(|(at, found)| {
            let (before, after) = (&process.command[..at], &process.command[at + found.len()..]);
            before.ends_with(['$', '{']) && !after.starts_with(is_part)
        })
    })
}

fn refs(path: &[String; 3]) -> [&str; 3] {
    [&path[0], &path[1], &path[2]]
}
