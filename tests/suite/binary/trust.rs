//! What others have left in a project's place is not followed, not obeyed and not trusted.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::detach::Background;
use super::{Project, Told};

/// Writes a line, and fails.
const FAILING: &str = "[tasks.api]\ncommand = 'echo beat; exit 3'\nmax_retries = 0\n";
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        eprintln!("skipped: only root can act as another user");
    }
    is_root
}

fn give_to_nobody(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).expect("a change of owner");
}

#[test]
fn no_link_in_the_state_directory_is_followed() {
    for planted in [".stead", ".stead/lock", ".stead/stead.log", ".stead/files"] {
        let project = Project::new(FAILING);
        fs::write(project.path().join("b.toml"), format!("[web]\nenabled = false\n{FAILING}")).expect("a config");
        let victim = tempfile::tempdir().expect("a directory");
        let (file, dir) = (victim.path().join("file"), victim.path().join("dir"));
        fs::write(&file, "precious").expect("a file");
        fs::create_dir(&dir).expect("a directory");
        let link = project.path().join(planted);
        fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
        let is_file = planted.ends_with("lock") || planted.ends_with(".log");
        symlink(if is_file { &file } else { &dir }, &link).expect("a link");
        let name = if planted.ends_with("files") { "b.toml" } else { "stead.toml" };
        let told = project.client(&["up", "-f", name, "-d"]);
        assert_eq!(told.code, Some(2), "{planted}: {told:?}");
        assert!(told.err.contains("symbolic link"), "{planted}: {told:?}");
        assert_eq!(fs::read_to_string(&file).expect("a file"), "precious");
        assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 0, "{planted}");
    }
}

#[test]
fn no_link_among_the_logs_is_followed_and_the_task_runs_on() {
    for planted in ["logs", "logs/api.log", "logs/api.idx", "post-mortems", "post-mortems/api.jsonl"] {
        let project = Project::new(FAILING);
        let victim = tempfile::tempdir().expect("a directory");
        let (file, dir) = (victim.path().join("file"), victim.path().join("dir"));
        fs::write(&file, "precious").expect("a file");
        fs::create_dir(&dir).expect("a directory");
        let link = project.path().join(".stead").join(planted);
        fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
        symlink(if planted.contains('.') { &file } else { &dir }, &link).expect("a link");
        if planted == "logs" {
            let told = project.client(&["up", "-d"]);
            assert_eq!(told.code, Some(2), "{told:?}");
            assert!(told.err.contains("logs") && told.err.contains("symbolic link"), "{told:?}");
        } else {
            let mut stead = project.up();
            stead.wait_for("failed: 0 retries spent");
            stead.signal(Signal::SIGTERM);
            assert_eq!(stead.end().code(), Some(0));
        }
        assert_eq!(fs::read_to_string(&file).expect("a file"), "precious", "{planted}");
        assert_eq!(fs::read_dir(&dir).expect("a directory").count(), 0, "{planted}");
    }
}

#[test]
fn a_log_directory_that_is_reached_by_a_link_is_refused() {
    let project = Project::new(&format!("[logs]\ndir = 'var/logs'\n{FAILING}"));
    let victim = tempfile::tempdir().expect("a directory");
    symlink(victim.path(), project.path().join("var")).expect("a link");
    let told = project.client(&["up", "-d"]);
    assert_eq!(told.code, Some(2), "{told:?}");
    assert!(told.err.contains("var is a symbolic link"), "{told:?}");
    assert_eq!(fs::read_dir(victim.path()).expect("a directory").count(), 0);
}

#[test]
fn what_is_created_is_for_this_user_alone() {
    let project = Project::new(&format!("{FAILING}[web]\nlisten = '127.0.0.1:0'\n"));
    fs::create_dir(project.path().join(".stead")).expect("a directory");
    fs::set_permissions(project.path().join(".stead"), Permissions::from_mode(0o777)).expect("a mode");
    let told = project.client(&["up", "-d"]);
    assert!(told.err.contains("can be written to by every user"), "{told:?}");
    fs::set_permissions(project.path().join(".stead"), Permissions::from_mode(0o755)).expect("a mode");
    let mut command = Command::new("sh");
    command.current_dir(project.path());
    command.args(["-c", &format!("umask 0; exec {} up --plain --stay", env!("CARGO_BIN_EXE_stead"))]);
    let mut stead = super::Stead::start(command);
    stead.wait_for("failed: 0 retries spent");
    stead.wait_for("the page is at");
    stead.wait_for_control();
    for name in
        ["", "logs", "post-mortems", "lock", "control.sock", "token", "stead.log", "logs/api.log", "logs/api.idx"]
    {
        let path = project.path().join(".stead").join(name);
        super::until(|| path.exists());
        let about = fs::metadata(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let wanted = if about.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(about.mode() & 0o777, wanted, "{name}");
    }
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
    assert_eq!(fs::metadata(project.path().join(".stead/outcome")).expect("a file").mode() & 0o777, 0o600);
}

#[test]
fn a_file_of_another_user_that_is_found_above_is_refused() {
    if !is_root() {
        return;
    }
    for planted in ["file", "directory", "link"] {
        let project = Project::new("[tasks.a]\ncommand = 'touch ran'\n");
        let (config, below) = (project.path().join("stead.toml"), project.path().join("below"));
        fs::create_dir(&below).expect("a directory");
        match planted {
            "file" => give_to_nobody(&config),
            "directory" => give_to_nobody(project.path()),
            _ => {
                fs::rename(&config, project.path().join("own.toml")).expect("a rename");
                symlink("own.toml", &config).expect("a link");
                std::os::unix::fs::lchown(&config, Some(NOBODY), Some(NOBODY)).expect("a change of owner");
            }
        }
        let run =
            |arguments: &[&str]| Told::by(project.command().env_remove("SUDO_UID").current_dir(&below).args(arguments));
        for command in [&["up", "-d"][..], &["check"], &["status"], &["logs"]] {
            let told = run(command);
            assert_eq!(told.code, Some(2), "{planted} {command:?}: {told:?}");
            assert!(told.err.contains("belongs to user 65534") && told.err.contains("name it with -f"), "{told:?}");
        }
        assert!(!below.join("ran").exists() && !project.path().join("ran").exists());
        let named = run(&["check", "-f", "../stead.toml"]);
        assert_eq!(named.code, Some(0), "{planted}: {named:?}");
        let by_sudo = Told::by(project.command().env("SUDO_UID", "65534").current_dir(&below).arg("check"));
        assert_eq!(by_sudo.code, Some(0), "{planted}: {by_sudo:?}");
    }
}

#[test]
fn a_state_directory_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    for planted in [".stead", ".stead/lock", ".stead/stead.log"] {
        let project = Project::new(FAILING);
        let path = project.path().join(planted);
        fs::create_dir(project.path().join(".stead")).expect("a directory");
        if planted != ".stead" {
            fs::write(&path, "").expect("a file");
        }
        give_to_nobody(&path);
        let told = Told::by(project.command().env_remove("SUDO_UID").args(["up", "-d"]));
        assert_eq!(told.code, Some(2), "{told:?}");
        assert!(told.err.contains("belongs to user 65534, and this is user 0"), "{told:?}");
    }
}

#[test]
fn nothing_is_sent_to_a_socket_of_another_user() {
    if !is_root() {
        return;
    }
    let project = Project::new(FAILING);
    fs::create_dir(project.path().join(".stead")).expect("a directory");
    let path = project.path().join(".stead/control.sock");
    fs::set_permissions(project.path().join(".stead"), Permissions::from_mode(0o777)).expect("a mode");
    let server = "import socket,sys; s=socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(); print('up',flush=True); c,_=s.accept(); print(len(c.recv(9)),flush=True)";
    if !super::has("python3") {
        return;
    }
    let mut server = Command::new("python3")
        .args(["-c", server])
        .arg(&path)
        .uid(NOBODY)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a server");
    let mut out = server.stdout.take().expect("a pipe");
    out.read_exact(&mut [0; 3]).expect("a line");
    let told = Told::by(project.command().env_remove("SUDO_UID").args(["restart", "api"]));
    assert_eq!(told.code, Some(1), "{told:?}");
    assert!(told.err.contains("is served by user 65534, not by you; nothing was sent"), "{told:?}");
    let mut received = String::new();
    out.read_to_string(&mut received).expect("a line");
    assert_eq!(received, "0\n");
    server.wait().expect("a child");
}

#[test]
fn a_lock_that_another_user_holds_is_named_and_not_obeyed() {
    if !is_root() || !super::has("python3") {
        return;
    }
    let background = Background::new("[tasks.api]\ncommand = 'exec sleep 1000'\n");
    let project = &background.0;
    let state = project.path().join(".stead");
    fs::create_dir(&state).expect("a directory");
    fs::write(state.join("lock"), "").expect("a file");
    fs::set_permissions(state.join("lock"), Permissions::from_mode(0o666)).expect("a mode");
    fs::set_permissions(project.path(), Permissions::from_mode(0o755)).expect("a mode");
    let holder = "import fcntl, os, sys, time\nfor path in sys.argv[1:]: fcntl.flock(os.open(path, 0), fcntl.LOCK_EX)\nprint('up', flush=True); time.sleep(1000)";
    let mut holder = Command::new("python3")
        .args(["-c", holder])
        .args([project.path(), state.as_path(), state.join("lock").as_path()])
        .uid(NOBODY)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a holder");
    let mut out = holder.stdout.take().expect("a pipe");
    out.read_exact(&mut [0; 3]).expect("a line");
    let up = project.client(&["up", "-d", "--wait"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.err.contains(&format!("process {} of user 65534 has locked", holder.id())), "{up:?}");
    let pid = background.pid().expect("a pid");
    let again = project.client(&["up", "-d"]);
    assert!(again.err.contains(&format!("a supervisor (pid {pid}) already runs")), "{again:?}");
    assert_eq!(project.client(&["down"]).code, Some(0));
    holder.kill().expect("a child");
    holder.wait().expect("a child");
}

#[test]
fn a_name_that_another_user_has_taken_is_named_and_not_obeyed() {
    if !is_root() || !super::has("python3") {
        return;
    }
    let background = Background::new("[tasks.api]\ncommand = 'exec sleep 1000'\n");
    let project = &background.0;
    // The squatter supervises a file of the same name in the same directory.
    let about = fs::metadata(project.path()).expect("a directory");
    let name = format!("stead/{:x}/{:x}/", about.dev(), about.ino());
    assert_eq!(project.client(&["up", "-d", "--wait"]).code, Some(0));
    let sockets = fs::read_to_string("/proc/net/unix").expect("a table");
    let name =
        sockets.lines().find_map(|line| Some(&line[line.find(&format!("@{name}"))? + 1..])).expect("a name").to_owned();
    assert_eq!(project.client(&["down"]).code, Some(0));
    let squat = "import socket,sys,time; s=socket.socket(socket.AF_UNIX); s.bind(chr(0)+sys.argv[1]); s.listen(); print('up',flush=True); time.sleep(1000)";
    let mut squatter = Command::new("python3")
        .args(["-c", squat, &name])
        .uid(NOBODY)
        .stdout(Stdio::piped())
        .spawn()
        .expect("a squatter");
    squatter.stdout.take().expect("a pipe").read_exact(&mut [0; 3]).expect("a line");
    let up = project.client(&["up", "-d", "--wait"]);
    assert_eq!(up.code, Some(0), "{up:?}");
    assert!(up.err.contains(&format!("process {} of user 65534", squatter.id())), "{up:?}");
    assert_eq!(project.client(&["up", "-d"]).code, Some(2));
    assert_eq!(project.client(&["down"]).code, Some(0));
    squatter.kill().expect("a child");
    squatter.wait().expect("a child");
}
