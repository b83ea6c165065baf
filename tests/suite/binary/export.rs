//! `stead export`: each file is read by the engine that it is for, where that is there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Project, has};

/// A bit of every key that an export has to place or to name as lost.
const STACK: &str = r#"
[hooks.page]
on = ["fatal"]
command = "true"
[tasks.db]
command = ["redis-server", "--port", "6390"]
critical = true
ready.tcp = "127.0.0.1:6390"
[tasks.migrate]
command = "echo 100% done for $USER \"quoted\" back\\slash"
restart = "never"
after.db = "ready"
[tasks.api]
command = "exec python3 -m http.server 8080"
dir = "api"
env = { A = "x y", PRICE = "$5 100%", EMPTY = "", QUOTE = 'say "hi"' }
after = { db = "ready", migrate = "success" }
ready = { http = "http://127.0.0.1:8080/health", timeout = "1500ms", failure_threshold = 3 }
stop = { signal = "SIGINT", timeout = "2500ms" }
limits = { open_files = 1024, core = 0 }
max_memory = "512 MiB"
nice = 5
umask = "027"
success_exit_codes = [0, 3]
[tasks."worker.1"]
command = "sleep 1000"
restart = "always"
after.api = "started"
ready.exec = "test -e /tmp"
stop.command = "echo bye"
[tasks.cron]
command = "sleep 1"
ready.log = "up"
tty = true
after.migrate = "exited"
"#;

/// Exports to a directory of the project; the files, and standard error.
fn export(project: &Project, target: &str) -> (Vec<PathBuf>, String) {
    let told = project.client(&["export", target, "-o", target]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let mut files: Vec<PathBuf> = fs::read_dir(project.path().join(target))
        .expect("a directory")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    (files, told.err)
}

/// What a checker says of the files, which it must accept.
fn checked(program: &str, arguments: &[&str], files: &[PathBuf]) -> String {
    let output = Command::new(program).args(arguments).args(files).output().expect("the checker");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program}: {said}");
    said.into_owned()
}

fn text(files: &[PathBuf], name: &str) -> String {
    let file = files.iter().find(|file| file.ends_with(name)).unwrap_or_else(|| panic!("no {name} in {files:?}"));
    fs::read_to_string(file).expect("text")
}

#[test]
fn systemd_reads_the_units() {
    let project = Project::new(STACK);
    let (files, _) = export(&project, "systemd");
    let api = files.iter().find(|file| file.to_string_lossy().ends_with("-api.service")).expect("a unit");
    let api = fs::read_to_string(api).expect("text");
    for line in [
        r#"Environment="PRICE=$5 100%%""#,
        r#"Environment="QUOTE=say \"hi\"""#,
        "Environment=EMPTY=",
        "KillSignal=SIGINT",
        "TimeoutStopSec=2500ms",
        "MemoryMax=536870912",
        "UMask=0027",
        "SuccessExitStatus=0 3",
    ] {
        assert!(api.lines().any(|there| there == line), "{line}: {api}");
    }
    if has("systemd-analyze") {
        let said = checked("systemd-analyze", &["verify"], &files);
        // An older systemd does not know the two keys of a growing wait.
        let others = said.lines().filter(|line| !line.contains("'Restart"));
        let complaints: Vec<_> = others.filter(|line| line.contains("nknown") || line.contains("nvalid")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
    }
}

#[test]
fn kubernetes_schemas_accept_the_manifests() {
    let project = Project::new(STACK);
    let (files, _) = export(&project, "kubernetes");
    let api = text(&files, "api.yaml");
    for part in
        ["kind: Deployment", "kind: Service", "kind: ConfigMap", "terminationGracePeriodSeconds: 3", "path: /health"]
    {
        assert!(api.contains(part), "{part}: {api}");
    }
    assert!(text(&files, "migrate.yaml").contains("kind: Job"));
    if has("kubernetes-validate") {
        checked("kubernetes-validate", &["--strict"], &files);
    }
    // In CI, too, only where it is: no registry has it.
    if Command::new("kubectl").arg("version").arg("--client").output().is_ok_and(|output| output.status.success()) {
        for file in &files {
            checked(
                "kubectl",
                &["annotate", "--local", "--dry-run=client", "read=back", "-o", "yaml", "-f"],
                std::slice::from_ref(file),
            );
        }
    }
}

#[test]
fn compose_reads_the_file_as_it_was_meant() {
    let project = Project::new(STACK);
    let (files, _) = export(&project, "compose");
    let file = text(&files, "compose.yaml");
    assert!(file.contains("condition: service_completed_successfully") && file.contains("$$USER"), "{file}");
    if has("compose-go") {
        let read = checked("compose-go", &["-format", "json"], &files);
        let read: serde_json::Value = serde_json::from_str(&read).expect("JSON");
        let api = &read["services"]["api"];
        assert_eq!(api["environment"]["PRICE"], "$5 100%");
        assert_eq!(api["depends_on"]["db"]["condition"], "service_healthy");
        assert_eq!(read["services"]["db"]["command"], serde_json::json!(["redis-server", "--port", "6390"]));
    }
}

#[test]
fn what_has_no_counterpart_is_a_comment_and_a_line_on_standard_error() {
    let project = Project::new(STACK);
    for (target, lost) in [
        ("systemd", ["cron: `tty`", "cron: `ready.log`", "api: `ready.failure_threshold`", "`hooks.page`"]),
        ("kubernetes", ["api: `umask`", "cron: `ready.log`", "api: `after.db`", "`hooks.page`"]),
        ("compose", ["api: `nice`", "cron: `ready.log`", "db: `critical`", "`hooks.page`"]),
    ] {
        let (files, err) = export(&project, target);
        let all: String = files.iter().map(|file| fs::read_to_string(file).expect("text")).collect();
        for loss in lost {
            assert!(err.contains(loss), "{target}: {loss}: {err}");
            let key = loss.rsplit(": ").next().expect("a key");
            assert!(key.contains("hooks") || all.contains(&format!("# {key}")), "{target}: {key}: {all}");
        }
    }
}

#[test]
fn a_file_that_exists_is_not_overwritten() {
    let project = Project::new(STACK);
    let (files, _) = export(&project, "compose");
    fs::write(&files[0], "mine").expect("a file");
    let told = project.client(&["export", "compose", "-o", "compose"]);
    assert!(told.code == Some(2) && told.err.contains("compose.yaml"), "{told:?}");
    assert_eq!(fs::read_to_string(&files[0]).expect("text"), "mine");
    let forced = project.client(&["export", "compose", "-o", "compose", "--force", "--image", "api=shop/api:1"]);
    assert_eq!(forced.code, Some(0), "{forced:?}");
    let text = fs::read_to_string(Path::new(&files[0])).expect("text");
    assert!(text.contains("image: \"shop/api:1\""), "{text}");
}
