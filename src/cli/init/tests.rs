use std::fs;
use std::path::Path;

use super::found::{Draft, FoundFile, from_procfile, from_scripts, sources};
use super::*;

/// The text without its last comment, which is checked elsewhere.
fn checked(sources: &[FoundFile]) -> String {
    let text = render(sources);
    if let Err(error) = Config::parse(&text, Path::new("stead.toml")) {
        panic!("{error}\n{text}");
    }
    text.split("\n# Other keys").next().unwrap_or_default().to_owned()
}

fn made_from(file: &str, drafts: Vec<Draft>) -> String {
    checked(&[FoundFile { file: file.to_owned(), drafts }])
}

/// What is made of these files. The first lines, which are the same, are left out.
fn found_in(files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let text = checked(&sources(dir.path()).unwrap());
    text.split_once("\n\n").map_or(text.clone(), |(_, tasks)| tasks.to_owned())
}

#[test]
fn a_procfile_becomes_tasks_with_ports_and_free_names() {
    let procfile = "# comment\nweb: bundle exec rails s -p ${PORT:-3000}\nrelease: rake db:migrate\n\nnot a process\nweb-process: \"x\" 'y'\n";
    insta::assert_snapshot!(made_from("Procfile", from_procfile(procfile)), @r#"
    # The processes of this project, made from Procfile.
    # `stead` runs them, `stead check` validates this file.

    [tasks.web]
    command = "bundle exec rails s -p $${PORT:-3000}"
    env = { PORT = "5000" }

    [tasks.release]
    command = "rake db:migrate"
    restart = "never"

    [tasks.web-process]
    command = """"x" 'y'"""
    "#);
}

#[test]
fn the_procfile_for_development_comes_first_and_alone() {
    let files = [
        ("Procfile", "web: run\n"),
        ("Procfile.dev", "web: run dev\n"),
        ("package.json", r#"{ "scripts": { "dev": "x" } }"#),
    ];
    insta::assert_snapshot!(found_in(&files), @r#"
    [tasks.web]
    command = "run dev"
    "#);
}

#[test]
fn scripts_that_run_until_stopped_become_tasks_once() {
    let package = r#"{ "name": "shop", "scripts": {
        "dev": "concurrently npm:dev:*", "dev:api": "tsx src", "dev:page": "vite",
        "css:watch": "tailwind -w", "start": "node dist", "build": "tsc", "predev": "true" } }"#;
    let package = serde_json::from_str(package).unwrap();
    insta::assert_snapshot!(made_from("package.json", from_scripts(&package, "pnpm")), @r#"
    # The processes of this project, made from package.json.
    # `stead` runs them, `stead check` validates this file.

    # package.json calls it "dev:api".
    [tasks.dev-api]
    command = ["pnpm", "run", "dev:api"]

    # package.json calls it "dev:page".
    [tasks.dev-page]
    command = ["pnpm", "run", "dev:page"]
    stdin = "open"

    # package.json calls it "css:watch".
    [tasks.css-watch]
    command = ["pnpm", "run", "css:watch"]
    stdin = "open"
    "#);
}

#[test]
fn a_cargo_workspace_is_run_by_its_binaries() {
    let files = [
        ("Cargo.toml", "[workspace]\nmembers = ['crates/*', 'tools/one']\nexclude = ['crates/old']\n"),
        ("crates/api/Cargo.toml", "[package]\nname = 'shop-api'\n"),
        ("crates/api/src/main.rs", ""),
        ("crates/old/Cargo.toml", "[package]\nname = 'old'\n"),
        ("crates/old/src/main.rs", ""),
        ("crates/jobs/Cargo.toml", "[package]\nname = 'jobs'\n[[bin]]\nname = 'mailer'\npath = 'x.rs'\n"),
        ("crates/jobs/src/bin/worker.rs", ""),
        ("crates/types/Cargo.toml", "[package]\nname = 'types'\n"),
        ("tools/one/Cargo.toml", "[package]\nname = 'xtask'\n"),
        ("tools/one/src/main.rs", ""),
        ("package.json", r#"{ "scripts": { "dev": "vite" } }"#),
    ];
    insta::assert_snapshot!(found_in(&files), @r#"
    [tasks.dev]
    command = ["npm", "run", "dev"]
    stdin = "open"

    [tasks.shop-api]
    command = ["cargo", "run", "-p", "shop-api"]

    [tasks.mailer]
    command = ["cargo", "run", "-p", "jobs", "--bin", "mailer"]

    [tasks.worker]
    command = ["cargo", "run", "-p", "jobs", "--bin", "worker"]
    "#);
    insta::assert_snapshot!(found_in(&[("Cargo.toml", "[package]\nname = 'one'\n"), ("src/main.rs", "")]), @r#"
    [tasks.one]
    command = ["cargo", "run"]
    "#);
}

#[test]
fn python_scripts_run_by_the_tool_that_has_locked_them() {
    let pyproject = "[project.scripts]\nshop = 'shop:main'\n[tool.poe.tasks]\nserve = 'x'\nlint = 'x'\n";
    insta::assert_snapshot!(found_in(&[("pyproject.toml", pyproject), ("uv.lock", "")]), @r#"
    [tasks.shop]
    command = ["uv", "run", "shop"]

    [tasks.serve]
    command = ["poe", "serve"]
    "#);
}

#[test]
fn targets_are_used_where_there_is_nothing_else() {
    let makefile = ("Makefile", "build:\n\tcc\ndev: build\n\t./run\n");
    insta::assert_snapshot!(found_in(&[makefile, ("Cargo.toml", "[package]\nname = 'library'\n")]), @r#"
    [tasks.dev]
    command = ["make", "dev"]
    "#);
}

#[test]
fn without_a_service_there_is_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("package.json"), r#"{ "scripts": { "build": "tsc" } }"#).unwrap();
    assert!(sources(dir.path()).unwrap().is_empty());
    assert_eq!(Config::parse(&example(), Path::new("stead.toml")).unwrap().tasks[0].name, "clock");
    fs::write(dir.path().join("package.json"), "{").unwrap();
    let error = sources(dir.path()).err().unwrap();
    assert!(error.to_string().starts_with("cannot read package.json"), "{error}");
}

#[test]
fn the_other_keys_in_the_comment_are_valid() {
    // `critical` contradicts `restart`, `env_file` needs its file.
    let keys = MORE.lines().filter_map(|line| line.strip_prefix("# ")).filter(|line| line.contains(" = "));
    let keys = keys.filter(|key| !key.starts_with("critical") && !key.starts_with("env_file"));
    let task =
        format!("[tasks.db]\ncommand = \"x\"\n[tasks.api]\ncommand = \"x\"\n{}", keys.collect::<Vec<_>>().join("\n"));
    let config = Config::parse(&task, Path::new("stead.toml")).unwrap();
    assert!(config.tasks[1].ready.is_some());
}

#[test]
fn names_are_made_fit_and_kept_apart() {
    let mut taken = BTreeSet::new();
    let names =
        ["web", "a:b", "a b", "a-b", "--", "é", "stead.web", &"x".repeat(99)].map(|name| task_name(name, &mut taken));
    assert_eq!(names[..7], ["web", "a-b", "a-b-2", "a-b-3", "task", "task-2", "stead-web"]);
    assert_eq!(names[7].len(), NAME_KEPT);
}
