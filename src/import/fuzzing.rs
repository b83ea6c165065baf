//! The entry point of the fuzz targets: one text through one reader, with what must hold for any text.

use std::path::Path;

use super::kind::FileKind;
use super::surroundings::{Options, Surroundings};
use super::translation::read_as;
use crate::config::Config;

/// Reads `text` as a file of this kind, in a directory in which there is nothing else. What is read must give a
/// configuration, or mistakes; a configuration is written as a stead.toml that is valid, too, with the same tasks.
///
/// # Panics
///
/// That does not hold.
#[doc(hidden)]
pub fn read_any(kind: FileKind, text: &str) {
    const NOWHERE: &str = "/nonexistent/project";
    let name = match kind {
        FileKind::ProcessCompose => "process-compose.yaml",
        FileKind::Procfile => "Procfile",
        FileKind::Mprocs => "mprocs.yaml",
        FileKind::Supervisord => "supervisord.conf",
        FileKind::Pm2 | FileKind::Pm2Script => "ecosystem.config.json",
        FileKind::DockerCompose => "compose.yaml",
    };
    let variables = [("HOME", "/root"), ("A", "value"), ("EMPTY", "")];
    let around = Surroundings {
        cwd: NOWHERE.into(),
        root: NOWHERE.into(),
        variables: variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        options: Options::default(),
    };
    let evaluated = (kind == FileKind::Pm2Script).then_some(text);
    let Ok(translation) = read_as(kind, Path::new(name), text.to_owned(), evaluated, &around) else { return };
    for entry in translation.entries() {
        assert!(!entry.place.is_empty() && !entry.written.is_empty());
    }
    assert!(translation.dropped().all(|(place, _)| !place.is_empty()));
    let Ok(config) = translation.config() else { return };
    let written = translation.stead_toml(name);
    let again = Config::parse(&written, &Path::new(NOWHERE).join("stead.toml"));
    let again = again.unwrap_or_else(|error| panic!("{}\n{written}", error.details(false)));
    let names = |config: &Config| config.tasks.iter().map(|task| task.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&config), names(&again), "{written}");
}
