//! `stead check` looks at the system, too.

use std::fs;

use super::Project;

/// The titles of the warnings about a config, with the line that each points at.
fn warnings(config: &str) -> Vec<String> {
    let project = Project::new(config);
    let told = project.client(&["check"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let mut lines = told.err.lines();
    let mut warnings = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(title) = line.strip_prefix("warning: ") {
            let place = lines.next().expect("a place").trim().trim_start_matches("--> stead.toml:");
            warnings.push(format!("{place} {title}").replace(project.path().to_str().expect("text"), "DIR"));
        }
    }
    let summary = match warnings.len() {
        0 => format!("{}/stead.toml: ok, ", project.path().display()),
        1 => "1 warning in stead.toml\n".to_owned(),
        many => format!("{many} warnings in stead.toml\n"),
    };
    assert!(told.out.contains(&summary), "{told:?}");
    warnings
}

#[test]
fn what_is_there_needs_no_warning() {
    let config = "[supervisor]\ndrain = '20s'\n\
        [tasks.a]\ncommand = 'sleep 1'\nready.exec = ['true']\nstop.command = 'exec kill $STEAD_PID'\n\
        [tasks.b]\ncommand = ['sh', '-c', 'nope']\nafter.a = 'ready'\n\
        [tasks.c]\ncommand = 'cd nope && ./nope'\nready.tcp = 'example.org:7070'\n";
    assert_eq!(warnings(config), [""; 0]);
}

#[test]
fn what_is_not_there_or_not_meant_is_a_warning_in_its_place() {
    let config = "[supervisor]\ndrain = '15s'\n\
        [tasks.db]\ncommand = ['no-such-program']\n\
        [tasks.api]\ncommand = 'exec ./no-such-api --port 1'\nafter = { db = 'ready' }\nready.tcp = 'localhost:3000'\n\
        stop.command = 'no-such-stop'\n\
        [tasks.more]\ncommand = 'sleep 1'\ndir = 'nowhere'\nafter = { db = 'ready', api = 'started' }\nready.exec = 'no-such-probe'\n\
        [tasks.late]\ncommand = 'sleep 1'\nenv.PORT = '3000'\nuser = 'nobody-has-this'\n\
        [hooks.h]\non = ['fatal']\ncommand = 'no-such-hook'\n";
    assert_eq!(
        warnings(config),
        [
            "4:9 the drain is cut short: to stop more -> api -> db may take 30s",
            "6:11 there is no program `no-such-program`",
            "8:11 there is no program `./no-such-api`",
            "9:16 nothing probes `db`: it counts as ready as soon as it runs",
            "11:16 there is no program `no-such-stop`",
            "14:7 `more` runs in a directory that is not there",
            "19:12 `late` has port 3000, as api has",
            "20:8 there is no user `nobody-has-this`",
            "23:11 there is no program `no-such-hook`",
        ]
    );
}

#[test]
fn a_page_beyond_this_machine_and_its_port_are_warnings() {
    let config =
        "[web]\nlisten = '0.0.0.0:7171'\n[tasks.a]\ncommand = 'sleep 1'\nready.http = 'http://127.0.0.1:7171/'\n";
    let expected =
        ["2:10 the page is served beyond this machine, at 0.0.0.0:7171", "5:14 `a` has port 7171, as [web] listen has"];
    assert_eq!(warnings(config), expected);
}

#[test]
fn a_strict_check_allows_no_warning() {
    let project = Project::new("[tasks.a]\ncommand = 'no-such-program'\n");
    let told = project.client(&["check", "--strict"]);
    assert_eq!((told.code, told.out.as_str()), (Some(2), ""));
    assert!(told.err.contains("^ looked for it in PATH\n"), "{told:?}");
    assert!(told.err.ends_with("\nstead: 1 warning in stead.toml, and --strict allows none\n"), "{told:?}");
    fs::write(project.path().join("stead.toml"), "[tasks.a]\ncommand = 'sleep 1'\n").expect("a config");
    assert_eq!(project.client(&["check", "--strict"]).code, Some(0));
}
