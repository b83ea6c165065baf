//! Which project a command is about: that of the file it names, or the nearest one that has a configuration or a
//! supervisor.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::app::StatePaths;
use crate::config::{ConfigError, FILE_NAME, Project};
use crate::import::candidates;
use crate::private;
use crate::surfaces::Endpoint;

/// The directory in which this command was called.
///
/// # Errors
///
/// It was deleted, or can't be read.
pub(super) fn working_dir() -> anyhow::Result<PathBuf> {
    std::env::current_dir().map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!("the working directory was deleted; change to one that exists"),
        _ => anyhow::Error::new(error).context("cannot find the working directory"),
    })
}

/// The project of `file`, or of the `stead.toml` in it if it is a directory. Without one, the nearest directory from here
/// upwards in which there is a `stead.toml`, or a supervisor that was started from one.
///
/// # Errors
///
/// There is neither, or another user could have put the file there.
pub(super) fn locate(file: Option<&Path>) -> anyhow::Result<Project> {
    let Some(file) = file else { return nearest(working_dir()?) };
    let path = if file.is_absolute() { file.to_owned() } else { working_dir()?.join(file) };
    let project = if path.is_dir() { Project::in_dir(&path) } else { Project::of(&path) };
    match project.path().metadata() {
        Err(why) if !endpoint(&project).is_served() => {
            let missing = if path.is_dir() { file.join(FILE_NAME) } else { file.to_owned() };
            Err(unreadable(missing, why))
        }
        _ => Ok(project),
    }
}

fn nearest(from: PathBuf) -> anyhow::Result<Project> {
    for dir in from.ancestors() {
        let project = Project::in_dir(dir);
        if project.path().exists() {
            if *dir != *from {
                private::open_found(dir, OsStr::new(FILE_NAME)).map_err(|why| unreadable(project.path(), why))?;
            }
            return Ok(project);
        }
        if endpoint(&project).is_served() {
            return Ok(project);
        }
    }
    // Where there is no stead.toml, a file of another tool may be what runs here.
    match candidates(&from).into_iter().next() {
        Some((file, _)) => Ok(Project::of(&from.join(file))),
        None => Err(ConfigError::Missing { from }.into()),
    }
}

fn unreadable(path: PathBuf, why: io::Error) -> anyhow::Error {
    ConfigError::Unreadable { path, why }.into()
}

/// Where the supervisor of a project is reached.
pub(super) fn endpoint(project: &Project) -> Endpoint {
    Endpoint::of(project, &StatePaths::of(project).socket)
}

/// No supervisor runs for a project.
#[derive(Debug)]
pub(super) struct NoSupervisor {
    project: Project,
    /// Other projects in the same directory that have one.
    others: Vec<Project>,
}

impl NoSupervisor {
    /// Looks for others in the directory of `project`.
    pub(super) fn of(project: &Project) -> Self {
        let entries = fs::read_dir(project.others_dir()).into_iter().flatten().flatten();
        let others = entries.map(|entry| Project { file: entry.file_name(), ..project.clone() });
        let others = [Project::in_dir(&project.root)].into_iter().chain(others);
        let is_other = |other: &Project| other != project && endpoint(other).is_served();
        Self { project: project.clone(), others: others.filter(is_other).collect() }
    }
}

impl fmt::Display for NoSupervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Project { root, file } = &self.project;
        let is_found_from_here = working_dir().is_ok_and(|here| here.starts_with(root)) || *root == *Path::new(".");
        let (of_file, option) = match file == FILE_NAME {
            true if is_found_from_here => (String::new(), String::new()),
            true => (String::new(), format!(" -f {}", root.display())),
            false => (format!(" for {}", file.display()), format!(" -f {}", shown(&self.project))),
        };
        write!(f, "no supervisor runs{of_file} in {}; `stead up{option}` starts one", root.display())?;
        self.others.iter().try_for_each(|other| {
            let path = shown(other);
            write!(f, "; one runs for {}, which `stead -f {path} …` addresses", other.file.display())
        })
    }
}

/// The path of a project's file, as it can be named here.
fn shown(project: &Project) -> String {
    let path = project.path();
    let from_here = working_dir().ok().and_then(|here| path.strip_prefix(here).map(Path::to_owned).ok());
    from_here.unwrap_or(path).display().to_string()
}
