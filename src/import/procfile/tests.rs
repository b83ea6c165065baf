use std::fs;
use std::path::Path;

use super::*;
use crate::import::write::write;

/// What becomes of a Procfile in a directory with these files, with `--formation` of its own: the stead.toml, then the
/// lists.
fn imported(tool: Option<Tool>, files: &[(&str, &str)], change: impl FnOnce(&mut Surroundings)) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let mut around = Surroundings { cwd: dir.path().into(), root: dir.path().into(), ..Surroundings::default() };
    change(&mut around);
    let mut draft = Draft::default();
    let text = fs::read_to_string(dir.path().join("Procfile")).unwrap();
    let file = draft.sources.add("Procfile", text);
    let comments = read(&mut draft, file, Path::new("Procfile"), tool, &around);
    crate::import::defaults::leave_out(&mut draft);
    let mut out = write(&draft, "", &comments).text;
    for dropped in &draft.dropped {
        let mark = match dropped.weight {
            Weight::Minor => ".",
            Weight::Notable => "-",
            Weight::ChangesWhatRuns => "!",
        };
        out.push_str(&format!("{mark} {} {}: {}\n", draft.sources.show(&dropped.place), dropped.key, dropped.what));
    }
    for mistake in &draft.mistakes {
        out.push_str(&format!("error {} {}: {}\n", draft.sources.show(&mistake.place), mistake.title, mistake.remedy));
    }
    out
}

fn of(text: &str) -> String {
    imported(None, &[("Procfile", text)], |_| {})
}

#[test]
fn foreman_ends_all_with_one_and_gives_ports() {
    insta::assert_snapshot!(of("# The site\nweb: bundle exec rails s -p $PORT\nworker: bundle exec sidekiq\n"), @"");
}

#[test]
fn a_release_step_is_not_started_by_itself() {
    insta::assert_snapshot!(of("release: rake db:migrate\nworker: sidekiq\n"), @"");
}
