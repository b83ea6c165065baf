//! Starts that fail say what is wrong.

use std::os::unix::fs::PermissionsExt;

use super::*;

impl TestTask {
    /// Adds a file to the directory of the task. Written by a process of its own: what this one has open for writing, a
    /// child that another test is just making has, too, and nobody can run it.
    fn file(self, name: &str, content: &str, mode: u32) -> Self {
        let path = self.scratch.path().join(name);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "printf %s \"$1\" > \"$2\"", "sh", content]).arg(&path);
        assert!(shell.status().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    async fn fault(self) -> String {
        let ended = self.start().ended().await;
        assert!(ended.events.is_empty(), "it never started");
        ended.reason
    }
}

#[tokio::test]
async fn a_program_that_is_not_in_the_path() {
    let fault = task("").argv(["nope"]).fault().await;
    assert_eq!(fault, "cannot run `nope`: no such file or directory (looked in PATH)");
}

#[tokio::test]
async fn a_file_that_is_not_there() {
    assert_eq!(task("").argv(["./nope"]).fault().await, "cannot run `./nope`: no such file or directory");
}

#[tokio::test]
async fn a_directory_that_is_not_there() {
    let mut lost = task("true");
    lost.config.dir = lost.scratch.path().join("lost");
    let dir = lost.config.dir.display().to_string();
    assert_eq!(lost.fault().await, format!("cannot run in `{dir}`: no such file or directory"));
}

#[tokio::test]
async fn a_file_in_the_place_of_the_directory() {
    let mut odd = task("true").file("file", "", 0o644);
    odd.config.dir = odd.scratch.path().join("file");
    let dir = odd.config.dir.display().to_string();
    assert_eq!(odd.fault().await, format!("cannot run in `{dir}`: not a directory"));
}

#[tokio::test]
async fn a_file_that_may_not_be_run() {
    let fault = task("").argv(["./closed"]).file("closed", "#!/bin/sh\n", 0o000).fault().await;
    assert_eq!(fault, "cannot run `./closed`: permission denied (mode 000)");
    let fault = task("").argv(["./text"]).file("text", "#!/bin/sh\n", 0o644).fault().await;
    assert_eq!(fault, "cannot run `./text`: permission denied (mode 644)");
}

#[tokio::test]
async fn a_directory_in_the_place_of_the_program() {
    assert_eq!(task("").argv(["/"]).fault().await, "cannot run `/`: it is a directory");
}

#[tokio::test]
async fn a_script_whose_interpreter_is_missing() {
    let fault = task("").argv(["./script"]).file("script", "#! /no/such/sh -e\n", 0o755).fault().await;
    assert_eq!(fault, "cannot run `./script`: its interpreter `/no/such/sh` does not exist");
}

#[tokio::test]
async fn a_script_whose_interpreter_may_not_be_run() {
    let task = task("").file("sh", "", 0o644);
    let interpreter = task.scratch.path().join("sh").display().to_string();
    let fault = task.argv(["./script"]).file("script", &format!("#!{interpreter}\n"), 0o755).fault().await;
    assert_eq!(fault, format!("cannot run `./script`: its interpreter `{interpreter}` can't be run (mode 644)"));
}

#[tokio::test]
async fn a_program_in_a_path_of_the_tasks_own() {
    let task = task("").argv(["mine"]).env("PATH", "bin:/usr/bin:/bin");
    fs::create_dir(task.scratch.path().join("bin")).unwrap();
    let ended = task.file("bin/mine", "#!/bin/sh\necho found\n", 0o755).start().ended().await;
    assert_eq!((ended.reason.as_str(), ended.log.as_slice()), ("code 0", b"found\n".as_slice()));
}
