//! What a tool would find around a file: the directory it is called from, the environment, what its user asked for.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use super::draft::ConfigDraft;
use super::procfile::ProcfileRunner;
use super::source::{Place, read_text};

/// What surrounds a file.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    /// The directory that the tool would be called from. Relative only where this process is in it.
    pub(super) cwd: PathBuf,
    /// The directory of the stead.toml to be, from which its relative paths start.
    pub(super) root: PathBuf,
    /// The environment.
    pub(super) variables: BTreeMap<String, String>,
    /// What was asked for.
    pub(super) options: Options,
}

/// What can be asked for beside the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Whose rules a Procfile follows.
    pub runner: Option<ProcfileRunner>,
    /// How many of each process: `web=2,worker=1`.
    pub formation: Option<String>,
    /// The first port.
    pub port: Option<u16>,
    /// pm2's `--env`.
    pub env: Option<String>,
}

impl Surroundings {
    /// A path as a stead.toml in `root` would name it.
    pub(super) fn relative(&self, path: &Path) -> String {
        let (mut path, mut root) = (normal(&self.cwd.join(path)), normal(&self.root));
        if path.is_absolute() != root.is_absolute() {
            (path, root) = (self.absolute(&path), std::path::absolute(&root).unwrap_or(root));
        }
        if let Ok(inside) = path.strip_prefix(&root) {
            return if inside.as_os_str().is_empty() { ".".to_owned() } else { inside.display().to_string() };
        }
        let shared = path.components().zip(root.components()).take_while(|(one, other)| one == other).count();
        // Two directories that have only `/` in common are not named by a way from one to the other.
        if shared < 2 {
            return path.display().to_string();
        }
        let up = root.components().skip(shared).map(|_| Component::ParentDir);
        up.chain(path.components().skip(shared)).collect::<PathBuf>().display().to_string()
    }

    /// A path as it is known from everywhere.
    pub(super) fn absolute(&self, path: &Path) -> PathBuf {
        let path = normal(&self.cwd.join(path));
        std::path::absolute(&path).unwrap_or(path)
    }

    /// Reads a further file, if it is there; gives its number. One that can't be read is a mistake at `place`.
    pub(super) fn read(&self, draft: &mut ConfigDraft, path: &Path, place: &Place) -> Option<usize> {
        let shown = path.strip_prefix(&self.cwd).unwrap_or(path);
        match read_text(&self.cwd.join(path)) {
            Ok(text) => Some(draft.sources.add(shown, text)),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => {
                draft.refuse(place, format!("cannot read {}", shown.display()), error.to_string());
                None
            }
        }
    }
}

/// A path without `.` and, where that does not ask the file system, without `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            component => out.push(component),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_named_from_the_directory_of_the_file_to_be() {
        let around = Surroundings { cwd: "/srv/shop/web".into(), root: "/srv/shop".into(), ..Surroundings::default() };
        for (path, named) in [
            (".", "web"),
            ("..", "."),
            ("./a/../b", "web/b"),
            ("../../other", "../other"),
            ("/srv/shop/x", "x"),
            ("/etc/x", "/etc/x"),
        ] {
            assert_eq!(around.relative(Path::new(path)), named, "{path}");
        }
    }
}
