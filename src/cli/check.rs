//! `stead check`: validate the configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::config_file::{ConfigFile, ForeignArgs, line, read_foreign};
use super::{FileArgs, print};
use crate::config::Config;
use crate::import::{Scripts, Translation, Weight};

/// Arguments of `stead check`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct CheckArgs {
    /// The file, also of another tool; the same as -f FILE
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,
    #[command(flatten)]
    foreign: ForeignArgs,
}

/// Prints one line if the configuration is valid; of a file for another tool, also what becomes of it.
///
/// # Errors
///
/// It is not: the error holds every mistake.
pub(super) fn run(file: &FileArgs, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let file = FileArgs { file: args.path.clone().or_else(|| file.file.clone()) };
    let (chosen, cwd) = file.choose()?;
    let ConfigFile::Foreign { path, .. } = &chosen else {
        let config = chosen.load(&cwd)?;
        print(&verdict(&config, ""))?;
        return Ok(ExitCode::SUCCESS);
    };
    let translation = read_foreign(path, &cwd, &args.foreign, Scripts::Refuse)?;
    print(&lists(&translation))?;
    print(&verdict(&translation.config()?, &format!(" ({})", translation.kind)))?;
    Ok(ExitCode::SUCCESS)
}

fn verdict(config: &Config, kind: &str) -> String {
    let count = config.tasks.len();
    let mut text = format!("{}{kind}: ok, {count} task{}", config.path.display(), if count == 1 { "" } else { "s" });
    for program in ["docker", "node"] {
        let needed = config.tasks.iter().any(|task| task.command.to_string().split(' ').next() == Some(program));
        if needed && !is_on_path(program) {
            text.push_str(&format!("; {program} is not on the PATH, and is needed"));
        }
    }
    text
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// What is taken, what is filled in, and what is not honoured.
fn lists(translation: &Translation) -> String {
    let (mut taken, mut filled) = (Vec::new(), Vec::new());
    for entry in translation.entries() {
        match (entry.key, entry.why) {
            (Some(key), _) => taken.push(format!("  {}: {key} -> {}", entry.place, entry.written)),
            (None, why) => filled.push(format!("  {}: {}: {}", entry.place, entry.written, why.unwrap_or_default())),
        }
    }
    let dropped = translation.dropped().map(|(place, dropped)| {
        let mark = if dropped.weight == Weight::Minor { "minor: " } else { "" };
        format!("  {mark}{}", line(&place, dropped))
    });
    let lists = [("taken", taken), ("filled in", filled), ("not honoured", dropped.collect())];
    let lists = lists.into_iter().map(|(name, lines)| match lines.is_empty() {
        true => format!("{name}: nothing\n"),
        false => format!("{name}:\n{}\n", lines.join("\n")),
    });
    lists.collect::<Vec<_>>().join("\n")
}
