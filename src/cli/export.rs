//! `stead export`: a config as files for another engine.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::{FileArgs, print};
use crate::export::{Export, ExportOptions, ExportTarget, ExportedFile, export};

/// The arguments of `stead export`.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The engine to write files for.
    target: ExportTarget,
    /// Write the files to this directory instead of standard output.
    ///
    /// The directory is made if it is missing. A file that exists is not overwritten without --force.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Overwrite files that exist.
    #[arg(long, requires = "output")]
    force: bool,
    /// Write units for a user's service manager.
    #[arg(long)]
    user: bool,
    /// The image of a task, or of all: TASK=IMAGE, or IMAGE.
    #[arg(long, value_name = "[TASK=]IMAGE")]
    image: Vec<String>,
}

/// Writes the files, and on standard error what they leave out.
pub(super) fn run(file: &FileArgs, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let config = file.load()?;
    let Export { files, omissions } = export(args.target, &config, &options(args));
    match &args.output {
        Some(dir) => write(dir, &files, args.force)?,
        None => print(&listing(&files))?,
    }
    for omission in &omissions {
        eprintln!("stead: not exported: {omission}");
    }
    Ok(ExitCode::SUCCESS)
}

fn options(args: &ExportArgs) -> ExportOptions {
    let (mut image, mut images) = (None, Vec::new());
    for given in &args.image {
        match given.split_once('=') {
            Some((task, of_task)) => images.push((task.to_owned(), of_task.to_owned())),
            None => image = Some(given.clone()),
        }
    }
    ExportOptions { user_units: args.user, image, images }
}

fn listing(files: &[ExportedFile]) -> String {
    let texts: Vec<String> = files.iter().map(|file| format!("# {}\n{}", file.name, file.text)).collect();
    let separator = if files.iter().all(|file| file.name.ends_with(".yaml")) { "---\n" } else { "\n" };
    texts.join(separator).trim_end().to_owned()
}

fn write(dir: &PathBuf, files: &[ExportedFile], force: bool) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for ExportedFile { name, text } in files {
        let path = dir.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(force).create_new(!force);
        let mut file = options.open(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}
