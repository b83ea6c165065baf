//! `stead why` without a name: everything that is not well.

use std::fs;

use super::detach::Background;

#[test]
fn it_explains_each_cause_and_what_that_holds_back() {
    let background = Background::new(
        "[tasks.db]\ncommand = 'echo no disk; exit 3'\nmax_retries = 0\n\
         [tasks.api]\ncommand = 'exec sleep 1000'\nafter.db = 'success'\n\
         [tasks.page]\ncommand = 'exec sleep 1000'\nafter.api = 'ready'\n\
         [tasks.well]\ncommand = 'exec sleep 1000'\n\
         [tasks.once]\ncommand = 'true'\n\
         [tasks.probed]\ncommand = 'exec sleep 1000'\nready.exec = 'echo not yet; false'\n",
    );
    let project = &background.0;
    assert_eq!(project.client(&["up", "-d"]).code, Some(0));
    assert_eq!(project.client(&["wait", "once", "--for", "success"]).code, Some(0));
    assert_eq!(project.client(&["wait", "db", "--for", "exited"]).code, Some(0));
    assert_eq!(project.client(&["wait", "probed", "--for", "started"]).code, Some(0));
    let lines = || project.client(&["why"]).out.lines().map(str::to_owned).collect::<Vec<_>>();
    super::until(|| lines().iter().any(|line| line.starts_with("page") || line.contains("page has failed")));
    let lines = lines();
    assert!(lines[0].starts_with("db has failed: 0 retries spent: code 3; "), "{lines:#?}");
    assert!(lines[0].contains("its last line was “no disk”"), "{lines:#?}");
    assert!(lines[1].starts_with("└─ api has failed: db failed"), "{lines:#?}");
    assert!(lines[2].starts_with("└─ page has failed: api failed"), "{lines:#?}");
    assert!(lines[3].starts_with("probed is running for "), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("well") || line.contains("once") || line.contains("stead.")));
    let json: serde_json::Value = serde_json::from_str(&project.client(&["why", "--json"]).out).expect("JSON");
    let tasks: Vec<_> = json["causes"].as_array().expect("causes").iter().map(|cause| cause["task"].clone()).collect();
    assert_eq!(tasks, ["db", "api", "page", "probed"]);
    assert_eq!(json["post_mortems"][0]["task"], "db");
    project.client(&["down"]);
    let told = project.client(&["why"]);
    assert!(told.out.starts_with("under an earlier supervisor, started 2"), "{told:?}");
    assert!(told.out.contains(" db: code 3 after "), "{told:?}");
}

#[test]
fn what_is_well_needs_no_words() {
    let background =
        Background::new("[tasks.well]\ncommand = 'exec sleep 1000'\n[tasks.off]\ncommand = 'exec sleep 1000'\n");
    let project = &background.0;
    assert_eq!(project.client(&["why"]).out, "no supervisor runs, and no failure is recorded\n");
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    assert_eq!(project.client(&["stop", "off", "--wait"]).code, Some(0));
    assert_eq!(project.client(&["why"]).out, "everything is well\n");
    let config = fs::read_to_string(project.path().join("stead.toml")).expect("a file");
    let held = format!("{config}[tasks.held]\ncommand = 'true'\nafter.off = 'ready'\n");
    fs::write(project.path().join("stead.toml"), held).expect("a file");
    assert_eq!(project.client(&["reload"]).code, Some(0));
    let told = project.client(&["why"]).out;
    assert!(
        told.starts_with("off was stopped, and stays so until ") && told.contains("└─ held is waiting for off"),
        "{told}"
    );
}
