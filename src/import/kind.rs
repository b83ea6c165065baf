//! Which tool a file is for, and which files a directory has.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// For process-compose.
    ProcessCompose,
    /// For foreman, honcho, overmind and hivemind.
    Procfile,
    /// For mprocs.
    Mprocs,
    /// For supervisord.
    Supervisord,
    /// For pm2, as JSON or YAML.
    Pm2,
    /// For pm2, as a program for node.
    Pm2Script,
    /// For docker compose.
    DockerCompose,
}

impl fmt::Display for FileKind {
    /// As it follows a name: `x.yaml (process-compose)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ProcessCompose => "process-compose",
            Self::Procfile => "Procfile",
            Self::Mprocs => "mprocs",
            Self::Supervisord => "supervisord",
            Self::Pm2 | Self::Pm2Script => "pm2",
            Self::DockerCompose => "docker compose",
        })
    }
}

/// The names that are looked for in a directory, in this order. Those of process-compose are also docker's.
const NAMES: [&str; 15] = [
    "compose.yml",
    "compose.yaml",
    "process-compose.yml",
    "process-compose.yaml",
    "Procfile",
    "mprocs.yaml",
    "supervisord.conf",
    "ecosystem.config.json",
    "ecosystem.config.yaml",
    "ecosystem.config.yml",
    "ecosystem.config.js",
    "ecosystem.config.cjs",
    "ecosystem.config.mjs",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// The files of other tools in a directory, in the order in which they are preferred. One for docker is last.
#[must_use]
pub fn candidates(dir: &Path) -> Vec<(PathBuf, FileKind)> {
    let found = NAMES.iter().map(PathBuf::from).filter(|name| dir.join(name).is_file());
    let mut found: Vec<_> = found
        .filter_map(|name| {
            let text = super::source::read_text(&dir.join(&name)).unwrap_or_default();
            Some((kind_of(&name, &text)?, name)).map(|(kind, name)| (name, kind))
        })
        .collect();
    found.sort_by_key(|(_, kind)| *kind == FileKind::DockerCompose);
    found
}

/// The kind of a file by what stands in it, and by its name where that could be more than one thing. None if it is of
/// no kind that is known here, or for stead itself.
#[must_use]
pub fn kind_of(path: &Path, text: &str) -> Option<FileKind> {
    static SECTION: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^\[(program:|supervisord\]|eventlistener:|fcgi-program:|group:|include\])")
            .expect("it is a pattern")
    });
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let extension = path.extension().map(|extension| extension.to_string_lossy().into_owned()).unwrap_or_default();
    match extension.as_str() {
        "toml" => return None,
        "js" | "cjs" | "mjs" => return Some(FileKind::Pm2Script),
        _ => {}
    }
    if name.starts_with("Procfile") || name.ends_with(".Procfile") {
        return Some(FileKind::Procfile);
    }
    for (key, kind) in [
        ("processes", FileKind::ProcessCompose),
        ("procs", FileKind::Mprocs),
        ("apps", FileKind::Pm2),
        ("services", FileKind::DockerCompose),
    ] {
        if has_key(text, key) {
            return Some(kind);
        }
    }
    if SECTION.is_match(text) {
        return Some(FileKind::Supervisord);
    }
    let is_named = |part: &str| name.contains(part);
    match () {
        () if is_named("process-compose") => Some(FileKind::ProcessCompose),
        () if is_named("mprocs") => Some(FileKind::Mprocs),
        () if is_named("ecosystem") => Some(FileKind::Pm2),
        () if is_named("supervisor") => Some(FileKind::Supervisord),
        () if is_named("compose") => Some(FileKind::DockerCompose),
        () if extension == "json" && has_key(text, "script") => Some(FileKind::Pm2),
        () if matches!(extension.as_str(), "yaml" | "yml" | "json" | "conf" | "ini") => None,
        () if has_process_line(text) => Some(FileKind::Procfile),
        () => None,
    }
}

/// Whether a mapping of YAML or JSON has this key at its top. Neither is read: variables may make it YAML only later.
fn has_key(text: &str, key: &str) -> bool {
    let outermost = text.lines().any(|line| {
        let line = line.trim_end();
        [key.to_owned(), format!("\"{key}\""), format!("'{key}'")]
            .iter()
            .any(|key| line.strip_prefix(key.as_str()).is_some_and(|rest| rest.trim_start().starts_with(':')))
    });
    // In braces it may stand anywhere at the depth of one.
    outermost || text.trim_start().starts_with(['{', '[']) && in_braces(text, key)
}

fn in_braces(text: &str, key: &str) -> bool {
    let (mut depth, mut at) = (0_usize, 0);
    let bytes = text.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'/' if text[at..].starts_with("//") => at += text[at..].find('\n').unwrap_or(bytes.len() - at),
            quote @ (b'"' | b'\'') => {
                let end = text[at + 1..].find(char::from(quote)).map_or(bytes.len(), |end| at + 1 + end);
                let after = text.get(end + 1..).unwrap_or_default().trim_start();
                if depth == 1 && text.get(at + 1..end) == Some(key) && after.starts_with(':') {
                    return true;
                }
                at = end;
            }
            _ if depth == 1 && text[at..].starts_with(key) && text[at + key.len()..].trim_start().starts_with(':') => {
                return true;
            }
            _ => {}
        }
        at += 1;
        while at < bytes.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
    false
}

fn has_process_line(text: &str) -> bool {
    static LINE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?m)^[A-Za-z0-9_-]+:\s*\S").expect("it is a pattern"));
    LINE.is_match(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_says_what_a_file_is() {
        for (name, text, kind) in [
            ("x.yaml", "version: 1\nprocesses:\n  a: {}\n", Some(FileKind::ProcessCompose)),
            ("compose.yaml", "services:\n  a: {}\n", Some(FileKind::DockerCompose)),
            ("compose.yaml", "\"processes\" : {}\n", Some(FileKind::ProcessCompose)),
            ("x", "procs: {}\n", Some(FileKind::Mprocs)),
            ("x.json", "{\"a\": {\"procs\": 1}, \"apps\": []}", Some(FileKind::Pm2)),
            ("x.json", "{ // \"procs\":\n apps: [] }", Some(FileKind::Pm2)),
            ("x.json", "[{ \"script\": \"a.js\" }]", None),
            ("ecosystem.config.json", "[{ \"script\": \"a.js\" }]", Some(FileKind::Pm2)),
            ("x.conf", "; c\n[program:a]\ncommand=x\n", Some(FileKind::Supervisord)),
            ("Procfile.dev", "web: x\n", Some(FileKind::Procfile)),
            ("dev", "# c\nweb: x\n", Some(FileKind::Procfile)),
            ("ecosystem.config.js", "module.exports = {}", Some(FileKind::Pm2Script)),
            ("process-compose.yaml", "", Some(FileKind::ProcessCompose)),
            ("stead.toml", "[tasks.a]\ncommand = \"x\"\n", None),
            ("x.yaml", "a: b\n", None),
            ("é.json", "{é: \"é\"", None),
        ] {
            assert_eq!(kind_of(Path::new(name), text), kind, "{name}: {text}");
        }
    }

    #[test]
    fn a_directory_is_looked_through_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("Procfile", "web: x\n"),
            ("compose.yaml", "services: {}\n"),
            ("process-compose.yml", "processes: {}\n"),
            ("mprocs.yaml", "procs: {}\n"),
        ] {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let names: Vec<_> = candidates(dir.path()).into_iter().map(|(name, _)| name.display().to_string()).collect();
        assert_eq!(names, ["process-compose.yml", "Procfile", "mprocs.yaml", "compose.yaml"]);
    }
}
