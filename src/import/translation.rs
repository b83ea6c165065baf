//! What comes of a file of another tool: a validated configuration, three lists, and a stead.toml.

use std::path::{Path, PathBuf};

use super::draft::{ConfigDraft, Dropped, OriginalMistake, ValueOrigin, Weight};
use super::kind::{FileKind, kind_of};
use super::node::{Scripts, evaluate};
use super::source::{OriginalFiles, Place, read_text};
use super::surroundings::{Options, Surroundings};
use super::write::{Comment, dotted, write};
use super::{defaults, docker_compose, escape, missing_keys, mprocs, pm2, process_compose, procfile, supervisord};
use crate::config::{Config, ConfigError, TranslatedText};

/// A file that was read.
#[derive(Debug)]
pub struct Translation {
    /// Which tool it is for.
    pub kind: FileKind,
    /// The file, absolute.
    path: PathBuf,
    root: PathBuf,
    draft: ConfigDraft,
    comments: Vec<Comment>,
}

/// Why a file gives no translation.
#[derive(Debug, thiserror::Error)]
pub enum Untranslated {
    /// It is for stead itself, or for no tool that is known here.
    #[error("{} is for no tool that stead knows; these are process-compose, Procfiles, mprocs, supervisord, pm2 and docker compose", .0.display())]
    Unknown(PathBuf),
    /// It can't be read, or is wrong for its own tool.
    #[error(transparent)]
    Wrong(Box<ConfigError>),
    /// It is a program, which must not be run here.
    #[error("{} is a program, and only `stead up` and `stead import` have node run it: import it once", .0.display())]
    Script(PathBuf),
    /// It is a program, and running it failed.
    #[error("cannot read {}: {why}", path.display())]
    ScriptFailed {
        /// The program.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
}

impl From<ConfigError> for Untranslated {
    fn from(error: ConfigError) -> Self {
        Self::Wrong(Box::new(error))
    }
}

/// Reads the file `path`, as its tool would when it is called in `cwd`, for a stead.toml in `root`.
///
/// # Errors
///
/// See [`Untranslated`]. What stead can't honour is no error: [`Translation::dropped`] has it.
pub fn translate(
    path: &Path,
    cwd: &Path,
    root: &Path,
    options: Options,
    scripts: Scripts,
) -> Result<Translation, Untranslated> {
    let absolute = cwd.join(path);
    let text = read_text(&absolute).map_err(|why| ConfigError::Unreadable { path: path.to_owned(), why })?;
    let kind = kind_of(path, &text).ok_or_else(|| Untranslated::Unknown(path.to_owned()))?;
    let evaluated = match (kind, scripts) {
        (FileKind::Pm2Script, Scripts::Refuse) => return Err(Untranslated::Script(path.to_owned())),
        (FileKind::Pm2Script, Scripts::Run) => {
            let failed = |why| Untranslated::ScriptFailed { path: path.to_owned(), why };
            Some(evaluate(&absolute, cwd).map_err(failed)?)
        }
        _ => None,
    };
    // What is not UTF-8 can't stand in a file of stead.
    let variables =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let around = Surroundings { cwd: cwd.to_owned(), root: root.to_owned(), variables: variables.collect(), options };
    Ok(read_as(kind, path, text, evaluated.as_deref(), &around)?)
}

/// Reads the text of a file of a known kind. Of a program for node `evaluated` is what it gave.
///
/// # Errors
///
/// The text is wrong for its own tool.
pub(super) fn read_as(
    kind: FileKind,
    path: &Path,
    text: String,
    evaluated: Option<&str>,
    around: &Surroundings,
) -> Result<Translation, ConfigError> {
    let mut draft = ConfigDraft::default();
    let file = draft.sources.add(path, text);
    let comments = match kind {
        FileKind::ProcessCompose => {
            let overrides = overrides(&mut draft, file, path, around);
            process_compose::read(&mut draft, (file, path), &overrides, around)
        }
        FileKind::Procfile => procfile::read(&mut draft, file, path, around),
        FileKind::Mprocs => mprocs::read(&mut draft, file, path, around),
        FileKind::Supervisord => supervisord::read(&mut draft, file, path, around),
        FileKind::Pm2 | FileKind::Pm2Script => pm2::read(&mut draft, file, path, evaluated, around),
        FileKind::DockerCompose => docker_compose::read(&mut draft, file, path, around),
    };
    if !draft.mistakes.is_empty() {
        return Err(in_files(&draft.sources, draft.mistakes));
    }
    missing_keys::take_out(&mut draft);
    defaults::leave_out(&mut draft);
    Ok(Translation { kind, path: around.cwd.join(path), root: around.root.clone(), draft, comments })
}

/// The file that process-compose lays over one that it finds by itself.
fn overrides(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Vec<(usize, PathBuf)> {
    let is_found = path.parent().is_none_or(|dir| dir.as_os_str().is_empty())
        && path.file_name().is_some_and(|name| process_compose::NAMES.iter().any(|known| name == *known));
    let names = process_compose::OVERRIDES.iter().filter(|_| is_found);
    let found =
        names.map(PathBuf::from).find_map(|name| Some((around.read(draft, &name, &Place::new(file, 0..0))?, name)));
    found.into_iter().collect()
}

fn in_files(sources: &OriginalFiles, mistakes: Vec<OriginalMistake>) -> ConfigError {
    let files = sources.iter().map(|source| (source.path.clone(), source.text.clone())).collect();
    let mistakes =
        mistakes.into_iter().map(|mistake| (mistake.place.file, mistake.place.span(), mistake.title, mistake.remedy));
    ConfigError::in_files(files, mistakes.collect())
}

/// Something that was taken from the original, or filled in.
#[derive(Debug)]
pub struct TranslatedEntry<'a> {
    /// Where in the original.
    pub place: String,
    /// What stands there, in its own words; what was filled in has none.
    pub key: Option<&'a str>,
    /// What it is in stead.toml: `tasks.api.stop.timeout = "5s"`.
    pub written: String,
    /// Why it was filled in.
    pub why: Option<&'a str>,
}

impl Translation {
    /// The tool that would run the file: `foreman`.
    #[must_use]
    pub fn tool(&self) -> String {
        self.draft.tool.clone().unwrap_or_else(|| self.kind.to_string())
    }

    /// What runs.
    ///
    /// # Errors
    ///
    /// It is wrong by the rules of stead.toml: every mistake, at its place in the original.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut draft = self.draft.clone();
        for (path, value) in &self.draft.overlay {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            draft.fill(&path, escape::escaped(value), &Place::new(0, 0..0), "it is set where stead was started");
        }
        let written = write(&draft, "", &[]);
        let files = draft.sources.iter().map(|source| (source.path.clone(), source.text.clone()));
        let origins = written.origins.iter().map(|(range, place)| (range.clone(), place.file, place.span()));
        let translated = TranslatedText {
            dir: self.root.clone(),
            files: files.collect(),
            origins: origins.collect(),
            text: written.text,
        };
        Config::of_translation(translated, self.path.clone())
    }

    /// The stead.toml that a person would write. `from` is the original as the header calls it.
    #[must_use]
    pub fn stead_toml(&self, from: &str) -> String {
        let mut header = format!("# Made from {from} by `stead import`.\n");
        let mut said: Vec<&str> = Vec::new();
        for dropped in self.draft.dropped.iter().filter(|dropped| dropped.weight > Weight::Minor) {
            if said.is_empty() {
                header.push_str("#\n# Not taken over:\n");
            }
            said.push(&dropped.key);
            let line = self.draft.sources.line(&dropped.place);
            header.push_str(&comment(&format!("- {} (line {line}): {}", dropped.key, dropped.what)));
        }
        let filled = self.draft.root.leaves();
        let mut reasons: Vec<(String, &str)> = Vec::new();
        for (path, _, origin) in &filled {
            if let Some(why) = &origin.filled {
                let key = path.last().copied().unwrap_or_default().to_owned();
                if !reasons.iter().any(|(known, reason)| *known == key && reason == why) {
                    reasons.push((key, why));
                }
            }
        }
        if !reasons.is_empty() {
            header.push_str("#\n# Written here because the original's own tool assumes it, and stead does not:\n");
            for (key, why) in reasons {
                header.push_str(&comment(&format!("- {key}: {why}")));
            }
        }
        write(&self.draft, &header, &self.comments).text
    }

    /// Whether nothing is added when it is run to what an import writes.
    #[cfg(test)]
    pub(super) fn draft_overlay_is_empty(&self) -> bool {
        self.draft.overlay.is_empty()
    }

    /// What is not honoured, as it stands in the original.
    pub fn dropped(&self) -> impl Iterator<Item = (String, &Dropped)> {
        self.draft.dropped.iter().map(|dropped| (self.draft.sources.show(&dropped.place), dropped))
    }

    /// What was taken, or filled in.
    pub fn entries(&self) -> impl Iterator<Item = TranslatedEntry<'_>> {
        let leaves = self.draft.root.leaves().into_iter();
        leaves.map(|(path, value, ValueOrigin { place, key, filled })| TranslatedEntry {
            place: self.draft.sources.show(place),
            key: filled.is_none().then_some(key),
            written: format!("{} = {value}", dotted(&path)),
            why: filled.as_deref(),
        })
    }
}

/// Lines of a comment, none longer than a page is wide.
fn comment(text: &str) -> String {
    let (mut out, mut line) = (String::new(), String::from("#"));
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() > 110 {
            out.push_str(&line);
            out.push('\n');
            line = "#  ".to_owned();
        }
        line.push(' ');
        line.push_str(&word.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>());
    }
    out + &line + "\n"
}
