//! The commands that only read the configuration, through the binary.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::config::project;

fn on_stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stead(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stead")).current_dir(dir).args(arguments).output().unwrap()
}

#[test]
fn a_file_that_is_none_is_refused_by_name() {
    let dir = project(&[("stead.toml", ""), ("big.toml", &"#\n".repeat(1 << 20))]);
    fs::create_dir(dir.path().join("sub")).unwrap();
    let at = |name: &str| stead(dir.path(), &["up", "-f", name]);
    for (name, said) in [
        ("nowhere.toml", "stead: cannot read nowhere.toml: No such file or directory"),
        ("sub", "stead: cannot read sub/stead.toml: No such file or directory"),
        ("stead.toml/x", "stead: cannot read stead.toml/x: Not a directory"),
        ("big.toml", "stead: cannot read big.toml: larger than 1048576 bytes"),
        ("stead.toml", "error: no task is declared: there is nothing to supervise\n --> stead.toml:1:1"),
    ] {
        let output = at(name);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(on_stderr(&output).contains(said), "{name}\n{}", on_stderr(&output));
        assert!(on_stderr(&output).ends_with("; nothing was started\n"), "{name}\n{}", on_stderr(&output));
    }
}

#[test]
fn a_file_that_may_not_be_read_is_refused_by_name() {
    const NOBODY: u32 = 65_534;
    let dir = project(&[("stead.toml", "[tasks.a]\ncommand = 'true'\n")]);
    fs::set_permissions(dir.path(), Permissions::from_mode(0o777)).unwrap();
    fs::set_permissions(dir.path().join("stead.toml"), Permissions::from_mode(0o000)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.current_dir(dir.path()).args(["up", "-f", "stead.toml"]);
    if rustix::process::geteuid().is_root() {
        // Root may read anything.
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = "stead: cannot read stead.toml: Permission denied";
    assert!(on_stderr(&output).starts_with(said), "{}", on_stderr(&output));
    assert!(on_stderr(&output).ends_with("; nothing was started\n"), "{}", on_stderr(&output));
    assert!(!dir.path().join(".stead").exists());
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let dir = project(&[]);
    fs::write(dir.path().join("stead.toml"), b"[tasks.a]\ncommand = \"\xc3\xa9\xff\"\n").unwrap();
    let output = stead(dir.path(), &["up"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(on_stderr(&output).starts_with("error: not UTF-8\n --> stead.toml:2:13\n"), "{}", on_stderr(&output));
}

#[test]
fn the_binary_judges_describes_and_begins() {
    let dir = project(&[("Procfile", "site: sleep $PORT\n")]);
    let run = |arguments: &[&str]| {
        let output = stead(dir.path(), arguments);
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert!(run(&["check"]).1.contains("(Procfile): ok, 1 task"), "the Procfile runs as it is");
    assert_eq!(
        run(&["init"]),
        (Some(0), "stead.toml: 1 task, made from Procfile; `stead` runs it\n".into(), "".into())
    );
    assert_eq!(run(&["init"]), (Some(2), "".into(), "stead: stead.toml exists already\n".into()));
    let path = dir.path().join("stead.toml");
    assert_eq!(run(&["-f", "stead.toml", "check"]).1, format!("{}: ok, 1 task\n", path.display()));
    assert_eq!(run(&["up", "sit"]).2, "stead: no task is called `sit`; did you mean `site`? the only task is site\n");
    assert_eq!(run(&["chek"]).2, "stead: no task is called `chek`; did you mean `stead check`?\n");
    assert_eq!(run(&["--no-such-option"]).0, Some(2));
    let schema: serde_json::Value = serde_json::from_str(&run(&["schema"]).1).unwrap();
    assert_eq!(schema["title"], "stead.toml");
}
