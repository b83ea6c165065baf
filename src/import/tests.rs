//! The same for all readers: what is written by an import is what is run, and nothing that is read takes long.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Options, Scripts, Translation, Weight, candidates, translate};
use crate::config::Config;

/// The small files that `tests/interop` compares with their own tools.
fn fixtures() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/fixtures");
    let mut all: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.sort();
    all
}

fn translated(dir: &Path) -> (PathBuf, Translation) {
    let (name, _) = candidates(dir).into_iter().next().unwrap_or_else(|| panic!("no file in {}", dir.display()));
    let translation = translate(&name, dir, dir, Options::default(), Scripts::Refuse);
    (name, translation.unwrap_or_else(|error| panic!("{}: {error:#}", dir.display())))
}

/// All of a configuration but where it stands.
fn shown(config: &Config) -> String {
    let variables = |task: &crate::config::TaskConfig| -> BTreeMap<String, String> {
        task.env.iter().map(|(name, variable)| (name.clone(), variable.value.expose().to_owned())).collect()
    };
    let tasks = config.tasks.iter().map(|task| {
        let keys = serde_json::to_string_pretty(task).unwrap();
        format!("{}: {keys}\n{:#?}\n", task.name, variables(task))
    });
    // The logs of each file have a directory of their own.
    format!("{:?}\n{:?}\n", config.supervisor, config.hooks) + &tasks.collect::<String>()
}

#[test]
fn what_an_import_writes_is_what_is_run() {
    let all = fixtures();
    assert!(all.len() >= 40, "{} fixtures", all.len());
    for dir in all {
        let (name, translation) = translated(&dir);
        // What only stead's own reading of a `.env` makes different is said, and is not written to a file.
        if !translation.draft_overlay_is_empty() {
            assert!(translation.dropped().any(|(_, dropped)| dropped.weight == Weight::Notable), "{}", dir.display());
            continue;
        }
        let run = translation.config().unwrap();
        let text = translation.stead_toml(&name.display().to_string());
        let written = Config::parse(&text, &dir.join("stead.toml"))
            .unwrap_or_else(|error| panic!("{}: {}\n{text}", dir.display(), error.details(false)));
        assert_eq!(shown(&run), shown(&written), "{}\n{text}", dir.display());
    }
}

/// Changes a text at random places: bytes are removed, repeated and replaced, by pieces that mean something somewhere.
fn mutated(text: &str, state: &mut u64) -> String {
    const PIECES: [&str; 28] = [
        "${",
        "}",
        "{{",
        "}}",
        ":",
        "- ",
        "\n",
        "\t",
        "\"",
        "'",
        "&a ",
        "*a",
        "<<: ",
        "%(",
        ")s",
        "[",
        "]",
        "{",
        "#",
        ";",
        "=",
        "0",
        "-1",
        "99999999999999999999",
        "true",
        "\u{0}",
        "é",
        "|\n",
    ];
    let mut random = |below: usize| {
        // xorshift64: the same texts in each run.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state % below.max(1) as u64).expect("it is below a usize")
    };
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=random(6) {
        let at = random(chars.len() + 1);
        let end = (at + random(8)).min(chars.len());
        match random(4) {
            0 => drop(chars.drain(at..end)),
            1 => {
                let again: Vec<char> = chars[at..end].to_vec();
                chars.splice(at..at, again);
            }
            2 => {
                let from = random(chars.len() + 1);
                let line: Vec<char> = chars[from..].iter().copied().take(40).collect();
                chars.splice(at..at, line);
            }
            _ => drop(chars.splice(at..at, PIECES[random(PIECES.len())].chars())),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_makes_a_reader_panic() {
    // More with STEAD_FUZZ=100000.
    let rounds = std::env::var("STEAD_FUZZ").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(40);
    let mut state = 0x5EED_u64;
    for dir in fixtures() {
        let (name, kind) = candidates(&dir).into_iter().next().unwrap();
        let seed = fs::read_to_string(dir.join(&name)).unwrap();
        for _ in 0..rounds {
            let text = mutated(&seed, &mut state);
            let read = std::panic::catch_unwind(|| super::read_any(kind, &text));
            assert!(read.is_ok(), "{name:?} of {dir:?} with this text:\n{text}");
        }
    }
}

/// How long reading one file may take in a build that is not optimised, on a machine that is shared.
const TIME_LIMIT: Duration = Duration::from_secs(5);

#[test]
fn a_hostile_file_ends_in_an_error_soon() {
    let lines = |count: usize, line: &dyn Fn(usize) -> String| (0..count).map(line).collect::<String>();
    let laughs = lines(12, &|n| {
        let [this, before] = [n + 1, n].map(|n| char::from_u32('a' as u32 + n as u32).unwrap());
        format!("{this}: &{this} [{}]\n", vec![format!("*{before}"); 9].join(","))
    });
    for (name, text) in [
        ("big.yaml", "processes:\n".to_owned() + &"  a: {command: x}\n".repeat(1_200_000)),
        ("laughs.yaml", format!("a: &a [x]\n{laughs}processes: {{p: {{command: *m}}}}\n")),
        ("tabs.yaml", "processes:\n\ta:\n\t\tcommand: x\n".to_owned()),
        ("deep.yaml", "processes: ".to_owned() + &"[".repeat(100_000)),
        ("deep.json", "{\"apps\": ".to_owned() + &"[".repeat(100_000)),
        ("many.yaml", "processes:\n".to_owned() + &lines(40_000, &|n| format!(" p{n}: {{command: x}}\n"))),
        ("Procfile", lines(60_000, &|n| format!("p{n}: x\n"))),
        (
            "supervisord.conf",
            "[supervisord]\n".to_owned() + &lines(30_000, &|n| format!("[program:p{n}]\ncommand=x\n")),
        ),
        ("junk/Procfile", lines(90_000, &|n| format!("p {n}\n"))),
        ("variables.yaml", format!("processes: {{a: {{command: \"{}\", environment: [A=x]}}}}", "${A}".repeat(59_000))),
        (
            "loop.yaml",
            "vars: {L: [1,2,3,4,5,6,7,8,9]}\nprocesses: {a: {command: \"".to_owned()
                + &"{{ range $.L }}".repeat(12)
                + "x"
                + &"{{ end }}".repeat(12)
                + "\"}}",
        ),
        ("self.yaml", "extends: self.yaml\nprocesses: {a: {command: x}}\n".to_owned()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("junk")).unwrap();
        fs::write(dir.path().join(name), text).unwrap();
        let begun = Instant::now();
        let translation = translate(Path::new(name), dir.path(), dir.path(), Options::default(), Scripts::Refuse);
        assert!(translation.is_err(), "{name} is no error");
        assert!(begun.elapsed() < TIME_LIMIT, "{name} took {:?}", begun.elapsed());
    }
}
