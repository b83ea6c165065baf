//! Files of other tools, run by the binary as they are.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::{Stead, Told};

/// A directory without a stead.toml.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn command(dir: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.current_dir(dir.path()).args(arguments).env_remove("STEAD_LOG").env_remove("PORT").env_remove("NO_COLOR");
    command
}

fn told(dir: &TempDir, arguments: &[&str]) -> Told {
    Told::by(&mut command(dir, arguments))
}

#[test]
fn a_procfile_runs_as_it_is() {
    let dir = directory(&[
        ("Procfile", "web: echo \"$GREETING on $PORT\"; exec sleep 100\nworker: echo second $PORT; exec sleep 100\n"),
        (".env", "GREETING='hello there'\n"),
    ]);
    let mut stead = Stead::start(command(&dir, &["up", "--plain"]));
    stead.wait_for("hello there on 5000");
    stead.wait_for("second 5100");
    let status = told(&dir, &["status"]);
    assert!(status.out.contains("(Procfile)"), "{}", status.out);
    let reload = told(&dir, &["reload"]);
    assert!(reload.out.contains("nothing has changed"), "{reload:?}");
    fs::write(dir.path().join("Procfile"), "web: echo \"$GREETING on $PORT\"; exec sleep 100\n").unwrap();
    let reload = told(&dir, &["reload"]);
    assert!(reload.out.contains("worker"), "{reload:?}");
    stead.wait_for("worker  * ");
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn the_end_of_one_process_of_a_procfile_ends_all() {
    let dir = directory(&[("Procfile", "a: exec sleep 100\nb: exit 3\n")]);
    let end = Stead::start(command(&dir, &["up", "--plain"])).end();
    assert_eq!(end.code(), Some(1));
    assert!(end.report[0].starts_with("Procfile:1: exit code: "), "{:?}", end.report);
}

#[test]
fn a_process_compose_file_runs_as_it_is() {
    let dir = directory(&[(
        "process-compose.yaml",
        "processes:\n  db:\n    command: echo ${NAME:-unnamed} $0; sleep 100\n    ready_log_line: 'unnamed'\n  api:\n    \
         command: echo second\n    depends_on: { db: { condition: process_log_ready } }\n",
    )]);
    let mut stead = Stead::start(command(&dir, &["up", "--plain"]));
    stead.wait_for("unnamed bash");
    stead.wait_for("second");
    let why = told(&dir, &["why", "db"]);
    assert!(why.out.contains("db is ready"), "{why:?}");
    let logs = told(&dir, &["logs", "api"]);
    assert!(logs.out.contains("second"), "{logs:?}");
    assert_eq!(told(&dir, &["down"]).code, Some(0));
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn a_supervisor_in_the_background_reads_the_same_file() {
    let dir = directory(&[("mprocs.yaml", "procs:\n  a: 'test -t 1 && echo terminal; sleep 100'\n")]);
    let up = told(&dir, &["up", "-d"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    let end = told(&dir, &["down"]);
    assert_eq!(end.code, Some(0), "{end:?}");
    assert!(told(&dir, &["logs", "a"]).out.contains("terminal"));
}

#[test]
fn the_nearest_stead_toml_wins_and_the_choice_among_others_is_said() {
    let dir = directory(&[
        ("stead.toml", "[tasks.own]\ncommand = 'true'\n"),
        ("below/Procfile", "other: true\n"),
        ("two/Procfile", "proc: true\n"),
        ("two/mprocs.yaml", "procs: { m: 'true' }\n"),
        ("two/dev", "dev: true\n"),
    ]);
    let below = |arguments: &[&str], name: &str| {
        let mut command = command(&dir, arguments);
        Told::by(command.current_dir(dir.path().join(name)))
    };
    assert!(below(&["plan"], "below").out.contains("own"));
    fs::remove_file(dir.path().join("stead.toml")).unwrap();
    assert!(below(&["plan"], "below").out.contains("other"));
    assert!(below(&["plan", "-f", "dev"], "two").out.contains("dev"));
    let up = below(&["up", "--plain"], "two");
    let said = "stead: reading Procfile (Procfile), not mprocs.yaml; -f FILE chooses another\n";
    assert!(up.err.starts_with(said), "{up:?}");
    assert!(below(&["plan", "-f", "mprocs.yaml"], "two").out.contains(" m "), "chosen by name");
}

#[test]
fn check_prints_three_lists_and_up_only_what_is_not_honoured() {
    let text = "processes:\n  a:\n    command: 'true'\n    is_elevated: true\n    log_location: a.log\n";
    let dir = directory(&[("process-compose.yaml", text)]);
    let refused =
        "stead: process-compose.yaml would not run as process-compose runs it; --lenient runs it all the same\n";
    let check = told(&dir, &["check"]);
    assert_eq!((check.code, check.err.as_str()), (Some(2), refused), "{check:?}");
    assert!(!check.out.contains(": ok, "), "{check:?}");
    let check = told(&dir, &["check", "--lenient"]);
    assert_eq!(check.code, Some(0), "{check:?}");
    for line in [
        "\n  process-compose.yaml:3: processes.a.command -> tasks.a.command = ",
        "\n  process-compose.yaml:2: tasks.a.restart = \"never\": process-compose restarts nothing by itself\n",
        "\n  process-compose.yaml:5: processes.a.log_location: ",
        "\n  process-compose.yaml:4: changes what runs: processes.a.is_elevated: ",
    ] {
        assert!(check.out.contains(line), "{line}\n{}", check.out);
    }
    let up = told(&dir, &["up", "--plain"]);
    assert_eq!((up.code, up.out.as_str()), (Some(2), ""));
    assert!(!up.err.contains("tasks.a.restart") && up.err.contains("processes.a.log_location"), "{up:?}");
    assert!(up.err.ends_with(refused), "{up:?}");
    let mut stead = Stead::start(command(&dir, &["up", "--plain", "--lenient"]));
    stead.wait_for("a       * ");
    stead.signal(Signal::SIGTERM);
    let end = stead.end();
    assert_eq!(end.report.iter().filter(|line| line.contains("is_elevated")).count(), 1, "{:?}", end.report);
}

#[test]
fn a_formation_of_no_process_is_a_mistake_and_starts_nothing() {
    let dir = directory(&[("Procfile", "web: serve\nworker: work\n")]);
    for arguments in
        [["up", "--plain", "--formation", "wrker=2"].as_slice(), &["check", "--formation", "web=1,wrker=2"]]
    {
        let told = told(&dir, arguments);
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{told:?}");
        assert!(told.err.contains("the formation names `wrker`, and no process is called that"), "{told:?}");
        assert!(told.err.contains("did you mean `worker`?"), "{told:?}");
    }
    let check = told(&dir, &["check", "--formation", "worker=2"]);
    assert!(check.code == Some(0) && check.out.contains("tasks.\"worker.1\".command = "), "{check:?}");
    fs::write(dir.path().join(".foreman"), "formation: wrker=2\n").unwrap();
    let check = told(&dir, &["check"]);
    assert!(check.out.contains("no process is called that; did you mean `worker`?"), "{check:?}");
}

#[test]
fn what_would_be_written_over_is_said_before_anything_else() {
    let text = "processes:\n  a:\n    command: 'true'\n    is_elevated: true\n";
    let dir = directory(&[("process-compose.yaml", text)]);
    assert_eq!(told(&dir, &["import"]).code, Some(0));
    let again = told(&dir, &["import"]);
    assert_eq!((again.code, again.out.as_str()), (Some(2), ""), "{again:?}");
    assert!(again.err.starts_with("stead: ") && again.err.contains("stead.toml exists already;"), "{again:?}");
}

#[test]
fn a_mistake_stands_where_the_original_has_it() {
    let dir =
        directory(&[("process-compose.yaml", "processes:\n  a:\n    command: x\n    shutdown: { signal: [] }\n")]);
    let up = told(&dir, &["up"]);
    assert_eq!(up.code, Some(2));
    assert!(up.err.contains("process-compose.yaml:4:25"), "{}", up.err);
}

#[test]
fn files_for_docker_are_refused_and_imported() {
    let dir = directory(&[("compose.yaml", "services:\n  db: { image: postgres }\n")]);
    let up = told(&dir, &["up"]);
    assert_eq!(up.code, Some(2));
    assert!(up.err.contains("`stead import compose.yaml`"), "{up:?}");
    let import = told(&dir, &["import"]);
    assert_eq!(import.code, Some(0), "{import:?}");
    let text = fs::read_to_string(dir.path().join("stead.toml")).unwrap();
    assert!(text.contains("docker compose up --no-deps --no-log-prefix"), "{text}");
    let again = told(&dir, &["import"]);
    assert_eq!(again.code, Some(2));
    assert!(again.err.contains("--force"), "{again:?}");
    assert_eq!(told(&dir, &["import", "compose.yaml", "--force"]).code, Some(0));
}

#[test]
fn only_up_and_import_run_a_program_for_node() {
    let dir = directory(&[
        ("ecosystem.config.js", "module.exports = { apps: [{ name: 'a', script: './a.sh', interpreter: 'none' }] }"),
        ("a.sh", "#!/bin/sh\necho run\n"),
        // Stands for node: reports that it was run.
        (
            "bin/node",
            "#!/bin/sh\necho ran >> ran\necho '{\"apps\":[{\"name\":\"a\",\"script\":\"./a.sh\",\"interpreter\":\"none\",\"autorestart\":false}]}'\n",
        ),
    ]);
    for program in ["a.sh", "bin/node"] {
        fs::set_permissions(dir.path().join(program), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", dir.path().join("bin").display(), std::env::var("PATH").unwrap());
    let run = |arguments: &[&str]| Told::by(command(&dir, arguments).env("PATH", &path));
    for arguments in [["check"].as_slice(), &["plan"], &["status"], &["export", "systemd"]] {
        assert_ne!(run(arguments).code, Some(0), "{arguments:?}");
        assert!(!dir.path().join("ran").exists(), "{arguments:?} ran it");
    }
    let mut up = command(&dir, &["up", "--plain", "--lenient", "--stay"]);
    up.env("PATH", &path);
    let mut stead = Stead::start(up);
    stead.wait_for("a       | run");
    assert!(dir.path().join("ran").exists());
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}
