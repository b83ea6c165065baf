//! `stead import`: a stead.toml from the file of another tool.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use unicode_width::UnicodeWidthStr;

use super::config_file::{ForeignArgs, line, no_translation};
use super::locate::working_dir;
use super::{FileArgs, complain, eprint_line, print};
use crate::config::{Config, FILE_NAME};
use crate::import::{Scripts, Translation, Weight, candidates, translate};

/// The columns of `--diff` where no terminal says how many there are.
const COLUMNS: usize = 160;

/// Arguments of `stead import`.
#[derive(Debug, Clone, Args)]
#[group(skip)]
pub(super) struct ImportArgs {
    /// The file to read [default: what other tools have in this directory]
    #[arg(value_name = "FILE", conflicts_with = "file")]
    path: Option<PathBuf>,
    /// The file to write; `-` prints it
    #[arg(short, long, value_name = "FILE", default_value = FILE_NAME)]
    output: PathBuf,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Write nothing; show the two side by side
    #[arg(long, conflicts_with = "force")]
    diff: bool,
    #[command(flatten)]
    foreign: ForeignArgs,
}

/// Writes the file.
///
/// # Errors
///
/// There is nothing to read, it is invalid, or the file exists.
pub(super) fn run(file: &FileArgs, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let cwd = working_dir()?;
    let path = match args.path.clone().or_else(|| file.file.clone()) {
        Some(path) => path,
        None => candidates(&cwd)
            .into_iter()
            .next()
            .map(|(path, _)| path)
            .ok_or_else(|| anyhow!("no file of another tool is here; `stead init` writes a first {FILE_NAME}"))?,
    };
    let is_printed = args.output == Path::new("-") || args.diff;
    let output = if is_printed { cwd.join(FILE_NAME) } else { cwd.join(&args.output) };
    if !is_printed && !args.force && output.symlink_metadata().is_ok() {
        bail!(exists_already(&output));
    }
    let root = output.parent().unwrap_or(&cwd).to_owned();
    let translation = translate(&path, &cwd, &root, args.foreign.options(), Scripts::Run).map_err(no_translation)?;
    // What is wrong is said with its place in the original.
    let config = translation.config()?;
    let text = translation.stead_toml(&path.display().to_string());
    Config::parse(&text, &output).context("what was written is invalid: this is a mistake of stead")?;
    if args.diff {
        let original = std::fs::read_to_string(cwd.join(&path)).context("cannot read the original")?;
        print(side_by_side(&original, &text, columns()).trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    report(&translation);
    if is_printed {
        print(text.trim_end())?;
        return Ok(ExitCode::SUCCESS);
    }
    write(&output, &text, args.force)?;
    let count = config.tasks.len();
    let tasks = if count == 1 { "task" } else { "tasks" };
    print(&format!("{}: {count} {tasks}, from {}; `stead` runs it", args.output.display(), path.display()))?;
    Ok(ExitCode::SUCCESS)
}

fn exists_already(path: &Path) -> String {
    format!("{} exists already; --force overwrites it, `-o -` prints instead", path.display())
}

fn write(path: &Path, text: &str, is_forced: bool) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    match is_forced {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    let mut file = match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!(exists_already(path))
        }
        opened => opened.with_context(|| format!("cannot write {}", path.display()))?,
    };
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Says on standard error what is not taken over.
fn report(translation: &Translation) {
    let mut count = 0;
    for (place, dropped) in translation.dropped().filter(|(_, dropped)| dropped.weight > Weight::Minor) {
        eprint_line(&line(&place, dropped));
        count += 1;
    }
    if count > 0 {
        complain(&format!("{count} not taken over; they stand in the file as comments, too"));
    }
}

fn columns() -> usize {
    crossterm::terminal::size().map_or(COLUMNS, |(columns, _)| usize::from(columns).max(40))
}

/// Two texts in two columns.
fn side_by_side(left: &str, right: &str, columns: usize) -> String {
    let width = (columns - 3) / 2;
    let lines = |text: &str| text.lines().flat_map(|line| folded(line, width)).collect::<Vec<_>>();
    let (left, right) = (lines(left), lines(right));
    let rows = 0..left.len().max(right.len());
    let cell = |side: &[String], row: usize| side.get(row).cloned().unwrap_or_default();
    rows.map(|row| {
        let (left, right) = (cell(&left, row), cell(&right, row));
        let gap = " ".repeat(width.saturating_sub(left.width()));
        format!("{left}{gap} | {right}").trim_end().to_owned() + "\n"
    })
    .collect()
}

/// A line in pieces that are no wider than this. Nothing in them moves the cursor.
fn folded(line: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for c in line.chars().flat_map(|c| if c == '\t' { vec![' '; 4] } else { vec![c] }) {
        let c = if c.is_control() { '\u{fffd}' } else { c };
        let piece = pieces.last_mut().expect("there is always one");
        match piece.width() + c.to_string().width() > width {
            true => pieces.push(c.to_string()),
            false => piece.push(c),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_texts_stand_side_by_side() {
        assert_eq!(side_by_side("a\nlonger line\n", "x\ny\nz\n", 19), "a        | x\nlonger l | y\nine      | z\n");
    }
}
