//! Starts the originals, and stead, each on a copy of the same files.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::cases::{Case, Scenario};
use crate::seen::{ProbeFact, Seen, events};

/// The directory of these tests.
const INTEROP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop");

/// How long anything may take before a case has failed.
const DEADLINE: Duration = Duration::from_secs(25);

/// How long an original may need after a start until it can stop what it has started.
const SETTLING: Duration = Duration::from_millis(700);

/// A tool whose files stead reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Original {
    Honcho,
    Hivemind,
    Overmind,
    Supervisord,
    Pm2,
    Mprocs,
    ProcessCompose,
}

impl Original {
    fn program(self) -> &'static str {
        match self {
            Self::Honcho => "honcho",
            Self::Hivemind => "hivemind",
            Self::Overmind => "overmind",
            Self::Supervisord => "supervisord",
            Self::Pm2 => "pm2-runtime",
            Self::Mprocs => "mprocs",
            Self::ProcessCompose => "process-compose",
        }
    }

    /// Whether it is on the PATH. A missing one is named; in CI those that CI installs must be there.
    pub(super) fn is_there(self) -> bool {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let is_there = std::env::split_paths(&path).any(|dir| dir.join(self.program()).is_file());
        let is_needed = matches!(self, Self::Honcho | Self::Supervisord) && std::env::var_os("CI").is_some();
        assert!(is_there || !is_needed, "{} is missing", self.program());
        if !is_there {
            // Not by `eprintln`, which the harness keeps to itself.
            let said = writeln!(std::io::stderr(), "SKIPPED: {} is not on the PATH: not compared", self.program());
            said.expect("standard error");
        }
        is_there
    }

    /// How `stead check` names the variables that tell a process about the tool itself.
    pub(super) fn own_variables(self) -> &'static str {
        match self {
            Self::Honcho => "HONCHO_PROCESS_NAME: honcho sets it",
            Self::Hivemind => "PS: ",
            Self::Overmind => "TERM, SHELL, TMUX: ",
            Self::Supervisord => "SUPERVISOR_ENABLED, ",
            Self::Pm2 => "name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: ",
            Self::ProcessCompose => "PC_PROC_NAME, PC_REPLICA_NUM: ",
            Self::Mprocs => "",
        }
    }

    /// Whether a variable is one of those.
    pub(super) fn sets(self, variable: &str) -> bool {
        match self {
            Self::Honcho => variable == "HONCHO_PROCESS_NAME",
            Self::Hivemind => variable == "PS",
            Self::Overmind => {
                matches!(variable, "PS" | "SHELL")
                    || ["OVERMIND_", "TMUX", "TERM"].iter().any(|it| variable.starts_with(it))
            }
            Self::Supervisord => variable.starts_with("SUPERVISOR_"),
            // pm2 puts the whole description of an app into its environment.
            Self::Pm2 => {
                variable.starts_with("PM2_")
                    || variable.starts_with("pm_")
                    || variable.chars().all(|c| c.is_ascii_lowercase() || c == '_')
                    || ["NODE_APP_INSTANCE", "NODE_CHANNEL_FD", "NODE_CHANNEL_SERIALIZATION_MODE"].contains(&variable)
                    || variable == "windowsHide"
            }
            Self::ProcessCompose => matches!(variable, "PC_PROC_NAME" | "PC_REPLICA_NUM"),
            Self::Mprocs => false,
        }
    }

    fn command(self, case: &Case) -> Command {
        let mut command = Command::new(self.program());
        match self {
            Self::Honcho => command.arg("start"),
            Self::Hivemind => command.arg("Procfile"),
            Self::Overmind => command.arg("start"),
            Self::Supervisord => command.args(["-n", "-c", "supervisord.conf"]),
            Self::Pm2 => {
                let of_json = fixture(case).join("ecosystem.config.json").exists();
                let file = if of_json { "ecosystem.config.json" } else { "ecosystem.config.yaml" };
                command.args(["start", file])
            }
            Self::Mprocs | Self::ProcessCompose => &mut command,
        };
        if self == Self::ProcessCompose {
            command.args(["-t=false", "-p", "0", "up"]);
        }
        if self == Self::Mprocs {
            command = Command::new("script");
            command.args(["-qefc", "stty rows 40 cols 120; mprocs", "/dev/null"]);
        }
        command.args(case.their_options);
        command
    }
}

/// Runs the files of a case under their own tool.
pub(super) fn run_original(case: &Case) -> Seen {
    let place = Place::new(case);
    let command = case.original.command(case);
    place.run(case, command, case.original == Original::Mprocs)
}

/// Runs the files of a case under stead.
pub(super) fn run_stead(case: &Case) -> Seen {
    let place = Place::new(case);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.args(["up", "--plain", "--lenient"]).args(case.our_options);
    place.run(case, command, false)
}

/// What `stead check` says of the files of a case.
pub(super) fn check(case: &Case) -> String {
    let place = Place::new(case);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stead"));
    command.arg("check").args(case.our_options);
    place.prepare(&mut command);
    let output = command.output().expect("the binary");
    assert!(output.status.success(), "{}: {}", case.name, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

fn fixture(case: &Case) -> PathBuf {
    Path::new(INTEROP).join("fixtures").join(case.name)
}

/// A copy of the files of a case. The directory has the same path in each run, so that paths can be compared.
struct Place {
    root: TempDir,
}

impl Place {
    fn new(case: &Case) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        copy(&fixture(case), &root.path().join("project"));
        let bin = root.path().join("bin");
        fs::create_dir_all(&bin).expect("a directory");
        fs::copy(Path::new(INTEROP).join("probe.py"), bin.join("probe")).expect("the probe");
        fs::set_permissions(bin.join("probe"), fs::Permissions::from_mode(0o755)).expect("permissions");
        Self { root }
    }

    fn project(&self) -> PathBuf {
        self.root.path().join("project")
    }

    fn log(&self) -> PathBuf {
        self.root.path().join("probe.log")
    }

    /// A small environment, the same for both.
    fn prepare(&self, command: &mut Command) {
        let path = std::env::var("PATH").unwrap_or_default();
        command.current_dir(self.project()).env_clear();
        command.env("PATH", format!("{}:{path}", self.root.path().join("bin").display()));
        command.env("HOME", self.root.path()).env("LANG", "C.UTF-8").env("PROBE_LOG", self.log());
        command.env("OUTER", "from outside").env("TERM", "xterm-256color");
    }

    fn run(&self, case: &Case, mut command: Command, in_terminal: bool) -> Seen {
        let own: BTreeMap<_, _> = command.get_envs().map(|(k, v)| (k.to_owned(), v.map(|v| v.to_owned()))).collect();
        self.prepare(&mut command);
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.env("PM2_HOME", self.root.path().join("pm2"));
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {command:?}: {error}", case.name));
        let output = [drain(child.stdout.take()), drain(child.stderr.take())];
        let mut asked = begun;
        if let Scenario::Stops { starts, signal } = case.scenario {
            if !self.wait_for_starts(starts) {
                eprintln!("{}: {command:?}: fewer than {starts} starts", case.name);
            }
            // No original says when it knows of its own processes, and a signal before that goes astray.
            thread::sleep(SETTLING);
            asked = Instant::now();
            match in_terminal {
                // It quits as a person makes it quit.
                true => child.stdin.as_mut().expect("a pipe").write_all(b"q").expect("a key"),
                false => kill(pid(&child), signal).expect("a process"),
            }
        }
        let (code, has_ended) = wait(&mut child);
        if !has_ended {
            eprintln!("{}: {command:?}: no end within {DEADLINE:?}", case.name);
        }
        let end_took = asked.elapsed().as_secs_f64();
        let output = output.map(|thread| thread.join().expect("text")).concat();
        let events = events(&self.log()).into_iter().map(|mut event| {
            let ProbeFact::Start(facts) = &mut event.what else { return event };
            let root = self.root.path().display().to_string();
            let real = self.root.path().canonicalize().expect("a path").display().to_string();
            let same = |text: &str| text.replace(&real, "/ROOT").replace(&root, "/ROOT");
            facts.cwd = same(&facts.cwd);
            facts.argv = facts.argv.iter().map(|word| same(word)).collect();
            facts.env.values_mut().for_each(|value| *value = same(value));
            event
        });
        Seen { events: events.collect(), code, end_took, output }
    }

    /// Whether there were so many starts in time.
    fn wait_for_starts(&self, starts: usize) -> bool {
        let deadline = Instant::now() + DEADLINE;
        let count = || events(&self.log()).iter().filter(|event| matches!(event.what, ProbeFact::Start(_))).count();
        while count() < starts {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

impl Drop for Place {
    /// Ends what a tool has left behind: the processes that have the log of this run in their environment.
    fn drop(&mut self) {
        let own = format!("PROBE_LOG={}", self.log().display());
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|byte| *byte == 0).any(|variable| variable == own.as_bytes()) {
                // It may have ended meanwhile.
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).expect("a copy")),
        }
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a pid"))
}

fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What can't be read any more is not needed.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end: the exit code, and whether it came by itself. A tool that takes too long is killed, with its group.
fn wait(child: &mut Child) -> (Option<i32>, bool) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            return (status.code(), true);
        }
        if Instant::now() > deadline {
            // It may have ended meanwhile.
            let _ = killpg(pid(child), Signal::SIGKILL);
            let _ = child.wait();
            return (None, false);
        }
        thread::sleep(Duration::from_millis(10));
    }
}
