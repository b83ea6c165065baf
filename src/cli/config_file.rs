//! The file that a command reads: a stead.toml, or the file of another tool.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;

use super::locate::working_dir;
use super::{FileArgs, complain, eprint_line};
use crate::config::{Config, FILE_MOST, FILE_NAME, Project};
use crate::import::{
    Dropped, FileKind, Options, ProcfileRunner, Scripts, Translation, Untranslated, Weight, candidates, kind_of,
    translate,
};
use crate::present::ansi::plain;
use crate::supervisor::engine::BadConfig;

/// How files of other tools are read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[group(skip)]
#[command(next_help_heading = "Files of other tools")]
pub(super) struct ForeignArgs {
    /// Run it even if it says something that changes what runs and can't be honoured
    #[arg(long)]
    lenient: bool,
    /// Whose rules a Procfile follows [default: overmind's beside an .overmind.env, else foreman's]
    #[arg(long, value_name = "TOOL")]
    runner: Option<ProcfileRunner>,
    /// How many of each process of a Procfile, as web=2,worker=1
    #[arg(long, value_name = "NAME=COUNT,…")]
    formation: Option<String>,
    /// The first port of a Procfile's processes
    #[arg(long, value_name = "PORT")]
    base_port: Option<u16>,
    /// Use the `env_NAME` of a pm2 file
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
}

impl ForeignArgs {
    pub(super) fn options(&self) -> Options {
        Options { runner: self.runner, formation: self.formation.clone(), port: self.base_port, env: self.env.clone() }
    }

    /// Whether `translation`, of the file `path`, may be run.
    ///
    /// # Errors
    ///
    /// It says something that changes what runs and can't be honoured, and that was not allowed.
    pub(super) fn accept(&self, path: &Path, translation: &Translation) -> anyhow::Result<()> {
        let is_changed = translation.dropped().any(|(_, dropped)| dropped.weight == Weight::ChangesWhatRuns);
        if is_changed && !self.lenient {
            let (path, tool) = (path.display(), translation.tool());
            bail!("{path} would not run as {tool} runs it; --lenient runs it all the same");
        }
        Ok(())
    }

    /// The same as arguments, for another process.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut all: Vec<String> = self.lenient.then(|| "--lenient".to_owned()).into_iter().collect();
        let valued = [
            ("--runner", self.runner.map(|runner| runner.to_string())),
            ("--formation", self.formation.clone()),
            ("--base-port", self.base_port.map(|port| port.to_string())),
            ("--env", self.env.clone()),
        ];
        all.extend(valued.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?))));
        all
    }
}

/// The file that is meant.
#[derive(Debug, Clone)]
pub(super) enum ConfigFile {
    /// A stead.toml: the one that is named, or the nearest.
    Own(Option<PathBuf>),
    /// A file of another tool, and what else lies beside it that could have been meant.
    Foreign { path: PathBuf, others: Vec<PathBuf> },
}

/// What a file holds, as far as a file may be read. Nothing of a pipe, which can be read only once.
fn beginning_of(path: &Path) -> String {
    let mut bytes = Vec::new();
    let is_file = std::fs::metadata(path).is_ok_and(|about| about.is_file());
    if let (true, Ok(file)) = (is_file, std::fs::File::open(path)) {
        // A file that can't be read is refused when it is read as a whole.
        let _ = file.take(FILE_MOST).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl ConfigFile {
    /// The file that `file` names. Without one, the nearest stead.toml; where there is none, what other tools have here.
    ///
    /// # Errors
    ///
    /// The working directory was deleted, or all that is here is for docker compose.
    pub(super) fn of(file: Option<&Path>, cwd: &Path) -> anyhow::Result<Self> {
        if let Some(path) = file {
            let is_foreign = kind_of(path, &beginning_of(&cwd.join(path))).is_some();
            return Ok(match is_foreign {
                true => Self::Foreign { path: path.to_owned(), others: Vec::new() },
                false => Self::Own(Some(path.to_owned())),
            });
        }
        if cwd.ancestors().any(|dir| dir.join(FILE_NAME).exists()) {
            return Ok(Self::Own(None));
        }
        let found = candidates(cwd);
        let mut usable =
            found.iter().filter(|(_, kind)| *kind != FileKind::DockerCompose).map(|(path, _)| path.clone());
        match (usable.next(), found.first()) {
            (Some(path), _) => Ok(Self::Foreign { path, others: usable.collect() }),
            (None, Some((path, _))) => bail!(refuse_docker(path)),
            (None, None) => Ok(Self::Own(None)),
        }
    }

    /// Reads it for a command that starts nothing.
    pub(super) fn load(&self, cwd: &Path) -> anyhow::Result<Config> {
        match self {
            Self::Own(path) => Ok(Config::load(path.as_deref(), cwd)?),
            Self::Foreign { path, .. } => {
                Ok(read_foreign(path, cwd, &ForeignArgs::default(), Scripts::Refuse)?.config()?)
            }
        }
    }

    /// Reads it to run it, and says on standard error which file is chosen and what of it can't be honoured.
    ///
    /// # Errors
    ///
    /// It is invalid, is for docker compose, or says something that changes what runs and can't be honoured.
    pub(super) fn load_to_run(&self, cwd: &Path, args: &ForeignArgs, is_quiet: bool) -> anyhow::Result<Config> {
        let Self::Foreign { path, others } = self else { return self.load(cwd) };
        let translation = read_foreign(path, cwd, args, Scripts::Run)?;
        if translation.kind == FileKind::DockerCompose {
            bail!(refuse_docker(path));
        }
        if !is_quiet {
            report(path, others, &translation);
        }
        args.accept(path, &translation)?;
        Ok(translation.config()?)
    }

    /// Reads it again, in the directory of the project.
    pub(super) fn reread(&self, project: &Project, cwd: &Path, args: &ForeignArgs) -> Result<Config, BadConfig> {
        let Self::Foreign { path, .. } = self else { return Ok(Config::load(Some(&project.path()), Path::new(""))?) };
        // Where the file lies in the directory that it is called from, both may be moved while it runs.
        let lies_here = path.parent().is_none_or(|dir| dir.as_os_str().is_empty() || cwd.join(dir) == cwd);
        let translation = match lies_here {
            true => read_foreign(&project.path(), Path::new(""), args, Scripts::Run),
            false => read_foreign(path, cwd, args, Scripts::Run),
        };
        Ok(translation.map_err(|error| BadConfig::new(format!("{error:#}")))?.config()?)
    }
}

fn refuse_docker(path: &Path) -> String {
    let path = path.display();
    format!(
        "{path} is for docker compose, and stead runs processes; `stead import {path}` writes a stead.toml that has docker run its services"
    )
}

/// Reads a file of another tool.
///
/// # Errors
///
/// It can't be read, or is invalid for its own tool.
pub(super) fn read_foreign(
    path: &Path,
    cwd: &Path,
    args: &ForeignArgs,
    scripts: Scripts,
) -> anyhow::Result<Translation> {
    let project = Project::of(&cwd.join(path));
    translate(path, cwd, &project.root, args.options(), scripts).map_err(no_translation)
}

/// The error as the command line prints it: with every mistake and its place.
pub(super) fn no_translation(error: Untranslated) -> anyhow::Error {
    match error {
        Untranslated::Wrong(error) => anyhow::Error::new(*error),
        error => anyhow!(error),
    }
}

/// Says which file is read, where more than one could be meant, and what of it can't be honoured.
fn report(path: &Path, others: &[PathBuf], translation: &Translation) {
    if !others.is_empty() {
        let others: Vec<_> = others.iter().map(|path| path.display().to_string()).collect();
        let (path, kind) = (path.display(), translation.kind);
        complain(&format!("reading {path} ({kind}), not {}; -f FILE chooses another", others.join(", ")));
    }
    for (place, dropped) in translation.dropped().filter(|(_, dropped)| dropped.weight > Weight::Minor) {
        eprint_line(&line(&place, dropped));
    }
}

/// One entry of the list of what is not honoured.
pub(super) fn line(place: &str, dropped: &Dropped) -> String {
    let mark = if dropped.weight == Weight::ChangesWhatRuns { "changes what runs: " } else { "" };
    plain(&format!("{place}: {mark}{}: {}", dropped.key, dropped.what))
}

impl FileArgs {
    /// The file that is meant, and the directory in which the command was called.
    ///
    /// # Errors
    ///
    /// Those of [`ConfigFile::of`].
    pub(super) fn choose(&self) -> anyhow::Result<(ConfigFile, PathBuf)> {
        let cwd = match self.file.as_ref().is_some_and(|file| file.is_absolute()) {
            true => std::env::current_dir().unwrap_or_default(),
            false => working_dir()?,
        };
        Ok((ConfigFile::of(self.file.as_deref(), &cwd)?, cwd))
    }

    /// Reads the configuration, for a command that starts nothing.
    ///
    /// # Errors
    ///
    /// It is invalid, or the working directory was deleted.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let (file, cwd) = self.choose()?;
        file.load(&cwd)
    }
}
