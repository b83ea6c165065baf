//! What the tests of readers share.

use std::fs;
use std::path::Path;

use super::draft::{ConfigDraft, Weight};
use super::surroundings::Surroundings;
use super::write::{Comment, write};
use super::{defaults, draft};

/// What becomes of a directory with these files, of which `main` is read: the stead.toml, then what is not honoured (`.` is
/// minor, `!` changes what runs), then mistakes.
pub(super) fn imported(
    main: &str,
    files: &[(&str, &str)],
    change: impl FnOnce(&mut Surroundings),
    read: impl FnOnce(&mut ConfigDraft, usize, &Path, &Surroundings) -> Vec<Comment>,
) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut around = Surroundings { cwd: dir.path().into(), root: dir.path().into(), ..Surroundings::default() };
    change(&mut around);
    let mut draft = ConfigDraft::default();
    let text = fs::read_to_string(dir.path().join(main)).unwrap();
    let file = draft.sources.add(main, text);
    let comments = read(&mut draft, file, Path::new(main), &around);
    defaults::leave_out(&mut draft);
    let out = write(&draft, "", &comments).text + &lists(&draft);
    out.replace(&dir.path().display().to_string(), "/DIR")
}

fn lists(draft: &ConfigDraft) -> String {
    let mut out = String::new();
    for draft::Dropped { place, key, what, weight } in &draft.dropped {
        let mark = match weight {
            Weight::Minor => ".",
            Weight::Notable => "-",
            Weight::ChangesWhatRuns => "!",
        };
        out.push_str(&format!("{mark} {} {key}: {what}\n", draft.sources.show(place)));
    }
    for (path, value) in &draft.overlay {
        out.push_str(&format!("over {}={value}\n", path.join(".")));
    }
    for draft::OriginalMistake { place, title, remedy } in &draft.mistakes {
        out.push_str(&format!("error {} {title}: {remedy}\n", draft.sources.show(place)));
    }
    out
}
