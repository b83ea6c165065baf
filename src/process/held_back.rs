//! Hints at output that a program holds back: many print in large blocks when that does not go to a terminal.

use std::path::Path;
use std::time::Duration;

use super::ProcessTask;
use crate::config::TaskConfig;

/// How long a run has written nothing before the hint comes.
const SILENT_FOR: Duration = Duration::from_secs(10);
/// The variable that keeps Python from it.
const PYTHON_VARIABLE: &str = "PYTHONUNBUFFERED";

/// A family of programs that print in blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BlockPrinter {
    name: &'static str,
    /// What changes that, beside a terminal.
    remedy: &'static str,
}

const PYTHON: BlockPrinter = BlockPrinter { name: "python", remedy: "`PYTHONUNBUFFERED=1` or `python -u`" };
const OTHERS: [(&[&str], BlockPrinter); 3] = [
    (&["ruby"], BlockPrinter { name: "ruby", remedy: "`$stdout.sync = true`" }),
    (&["perl"], BlockPrinter { name: "perl", remedy: "`$| = 1`" }),
    (
        &["awk", "gawk", "mawk", "sed", "grep", "tr", "cut", "jq"],
        BlockPrinter { name: "a filter", remedy: "`stdbuf -oL` before it" },
    ),
];

/// Says once in the task's log if the run has written nothing for a while, and its program may only hold it back.
pub(super) async fn hint_when_silent(task: &ProcessTask, run: u64) {
    let Some(BlockPrinter { name, remedy }) =
        block_printer(&task.config, std::env::var(PYTHON_VARIABLE).ok().as_deref())
    else {
        return;
    };
    let written = task.tail.counts().bytes;
    tokio::time::sleep(SILENT_FOR).await;
    if task.tail.counts().bytes == written {
        let text = format!(
            "stead: nothing for 10s; {name} holds back what it prints unless that goes to a terminal: {remedy}, or \
             `tty = true`, changes that"
        );
        task.tail.note(task.log.run(run), text);
    }
}

/// The family of the program that a task runs, if it is one that prints in blocks as the task runs it. `inherited` is what
/// stead's own environment says of that to Python.
fn block_printer(config: &TaskConfig, inherited: Option<&str>) -> Option<BlockPrinter> {
    if config.tty {
        return None;
    }
    let line = config.command.to_string();
    let words: Vec<_> = line.split_whitespace().map(|word| word.trim_matches(['\'', '"', ';', '(', ')'])).collect();
    let names = || words.iter().filter_map(|word| Path::new(word).file_name()?.to_str());
    if names().any(is_python) {
        let is_set = |value: &str| !value.is_empty();
        let own = config.env.get(PYTHON_VARIABLE).map(|variable| is_set(variable.value.expose()));
        let asked = own.unwrap_or_else(|| inherited.is_some_and(is_set))
            || line.contains(PYTHON_VARIABLE)
            || words.iter().any(is_unbuffered);
        return (!asked).then_some(PYTHON);
    }
    OTHERS.iter().find(|(all, _)| names().any(|name| all.contains(&name))).map(|(_, printer)| *printer)
}

/// `python`, `python3.12`, `pypy3`.
fn is_python(name: &str) -> bool {
    let rest = name.strip_prefix("python").or_else(|| name.strip_prefix("pypy"));
    rest.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
}

/// `-u`, alone or among other options of one letter.
fn is_unbuffered(word: &&str) -> bool {
    let letters = word.strip_prefix('-').filter(|letters| letters.bytes().all(|byte| byte.is_ascii_alphabetic()));
    letters.is_some_and(|letters| letters.contains('u') && letters.len() <= 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CommandLine;

    fn family(command: CommandLine) -> Option<&'static str> {
        let config = TaskConfig::new("it".into(), command, "/".into());
        block_printer(&config, None).map(|printer| printer.name)
    }

    #[test]
    fn programs_that_print_in_blocks_are_known_by_their_command() {
        for (line, expected) in [
            ("exec python3 app.py", Some("python")),
            ("cd api && .venv/bin/python3.12 -m app --fast", Some("python")),
            ("python -u app.py", None),
            ("python3 -Bu app.py", None),
            ("PYTHONUNBUFFERED=1 python app.py", None),
            ("tail -F x | grep error", Some("a filter")),
            ("bundle exec ruby worker.rb", Some("ruby")),
            ("node server.js", None),
            ("./pythonic", None),
            ("exec sleep 1000", None),
        ] {
            assert_eq!(family(CommandLine::shell(line)), expected, "{line}");
        }
        assert_eq!(family(CommandLine::argv(["/usr/bin/python3", "app.py"])), Some("python"));
    }
}
