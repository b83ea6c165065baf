//! `stead check`: validate the configuration, and look whether what it names is there.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::config_file::{ConfigFile, ForeignArgs, line, read_foreign};
use super::{EXIT_USAGE, FileArgs, eprint_line, print, shows_colour};
use crate::app::inspect;
use crate::config::Config;
use crate::import::{Scripts, Translation, Weight};
use crate::present::ansi::plain;

/// The arguments of `stead check`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct CheckArgs {
    /// The file, also of another tool; the same as -f FILE
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,
    /// Fail if there are warnings, with exit code 2
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    foreign: ForeignArgs,
}

/// Prints one line if the configuration is valid, and warnings to standard error. For the file of another tool it first
/// lists what is taken, what is filled in, and what can't be honoured.
///
/// # Errors
///
/// It is not: the error holds every mistake. Or `stead up` would refuse it.
pub(super) fn run(file: &FileArgs, args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let file = FileArgs { file: args.path.clone().or_else(|| file.file.clone()) };
    let (chosen, cwd) = file.choose()?;
    let ConfigFile::Foreign { path, .. } = &chosen else {
        return judge(&chosen.load(&cwd)?, "", args.strict);
    };
    let translation = read_foreign(path, &cwd, &args.foreign, Scripts::Refuse)?;
    print(&lists(&translation))?;
    args.foreign.accept(path, &translation)?;
    judge(&translation.config()?, &format!(" ({})", translation.kind), args.strict)
}

/// Prints the verdict on a valid configuration. `kind` stands after its name.
fn judge(config: &Config, kind: &str, is_strict: bool) -> anyhow::Result<ExitCode> {
    let advice = inspect(config);
    let count = config.tasks.len();
    let tasks = format!("{count} task{}", if count == 1 { "" } else { "s" });
    let path = plain(&config.path.to_string_lossy());
    if advice.is_empty() {
        print(&format!("{path}{kind}: ok, {tasks}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    eprint_line(&advice.details(shows_colour(&io::stderr())));
    eprint_line("");
    if is_strict {
        eprint_line(&format!("stead: {advice}, and --strict allows none"));
        return Ok(ExitCode::from(EXIT_USAGE));
    }
    print(&format!("{path}{kind}: ok, {tasks}, {advice}"))?;
    Ok(ExitCode::SUCCESS)
}

/// What is taken, what is filled in, and what can't be honoured.
fn lists(translation: &Translation) -> String {
    let (mut taken, mut filled) = (Vec::new(), Vec::new());
    for entry in translation.entries() {
        match (entry.key, entry.why) {
            (Some(key), _) => taken.push(indented(&format!("{}: {key} -> {}", entry.place, entry.written))),
            (None, why) => {
                let why = why.unwrap_or_default();
                filled.push(indented(&format!("{}: {}: {why}", entry.place, entry.written)));
            }
        }
    }
    let dropped = translation.dropped().map(|(place, dropped)| {
        let mark = if dropped.weight == Weight::Minor { "minor: " } else { "" };
        indented(&format!("{mark}{}", line(&place, dropped)))
    });
    let lists = [("taken", taken), ("filled in", filled), ("cannot be honoured", dropped.collect())];
    let lists = lists.into_iter().map(|(name, lines)| match lines.is_empty() {
        true => format!("{name}: nothing\n"),
        false => format!("{name}:\n{}\n", lines.join("\n")),
    });
    lists.collect::<Vec<_>>().join("\n")
}

fn indented(line: &str) -> String {
    format!("  {}", plain(line))
}
