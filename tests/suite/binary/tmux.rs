//! A real terminal: tmux with a server of its own, and a shell in it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use super::{DEADLINE, Project};

/// What the shell says when it waits for a command.
pub(super) const PROMPT: &str = "shell>";
/// What the shell reads before it begins.
const RC: &str = "shellrc";

/// A terminal with a shell in it, in a project's directory. Its server is killed when a test ends.
pub(super) struct Tmux<'a> {
    project: &'a Project,
    /// Attached in control mode: it tells when something is written.
    watcher: Child,
    written: Receiver<()>,
}

impl<'a> Tmux<'a> {
    /// A terminal of this size, with the shell waiting. `STEAD` is the binary under test.
    pub(super) fn new(project: &'a Project, columns: u16, rows: u16) -> Self {
        fs::write(project.path().join(RC), format!("PS1='{PROMPT} '")).expect("a file");
        let size = [columns.to_string(), rows.to_string()];
        let start = ["new-session", "-d", "-s", "test", "-x", &size[0], "-y", &size[1], "exec sh -i"];
        run(client(project).args(start));
        for option in [["status", "off"], ["window-size", "manual"], ["remain-on-exit", "off"], ["set-clipboard", "on"]]
        {
            run(client(project).args(["set", "-g"]).args(option));
        }
        let mut attach = client(project);
        attach.args(["-C", "attach", "-t", "test"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut watcher = attach.spawn().expect("tmux");
        let lines = BufReader::new(watcher.stdout.take().expect("a pipe"));
        let (wrote, written) = channel();
        thread::spawn(move || {
            for line in lines.split(b'\n').map_while(Result::ok) {
                if line.starts_with(b"%output") && wrote.send(()).is_err() {
                    break;
                }
            }
        });
        let tmux = Self { project, watcher, written };
        tmux.resize(columns, rows);
        tmux.wait_for(PROMPT);
        tmux
    }

    /// Types a command line. It and all that comes after it are at the top of the screen.
    pub(super) fn run(&self, line: &str) {
        self.type_text(&format!("clear; {line}"));
        self.press(&["Enter"]);
    }

    /// Types these characters as they are.
    pub(super) fn type_text(&self, text: &str) {
        self.tmux(["send-keys", "-t", "test", "-l", text]);
    }

    /// Presses keys by their tmux names: `C-z`, `Enter`, `q`.
    pub(super) fn press(&self, keys: &[&str]) {
        self.tmux(["send-keys", "-t", "test"].iter().chain(keys));
    }

    pub(super) fn resize(&self, columns: u16, rows: u16) {
        self.tmux(["resize-window", "-t", "test", "-x", &columns.to_string(), "-y", &rows.to_string()]);
    }

    /// Makes the terminal this large and as large as before at once: what is cut off meanwhile is lost.
    pub(super) fn resize_and_back(&self, columns: u16, rows: u16) {
        let [width, height] = ["window_width", "window_height"].map(|fact| self.fact(fact));
        let (columns, rows) = (columns.to_string(), rows.to_string());
        let there = ["resize-window", "-t", "test", "-x", &columns, "-y", &rows];
        self.tmux(there.into_iter().chain([";", "resize-window", "-t", "test", "-x", &width, "-y", &height]));
    }

    /// Runs a shell line to its end in another process that has the same terminal as its standard input.
    pub(super) fn run_beside(&self, line: &str) {
        let terminal = fs::File::open(self.fact("pane_tty")).expect("a terminal");
        let done = Command::new("sh").args(["-c", line]).stdin(terminal).status().expect("a shell");
        assert!(done.success(), "{line}");
    }

    /// Closes the terminal as a window manager does: all in it are hung up.
    pub(super) fn close(&self) {
        self.tmux(["kill-server"]);
    }

    /// The screen as text.
    pub(super) fn screen(&self) -> String {
        self.tmux(["capture-pane", "-p", "-t", "test"])
    }

    /// The screen as text with its colours and attributes.
    pub(super) fn styled_screen(&self) -> String {
        self.tmux(["capture-pane", "-p", "-e", "-t", "test"])
    }

    /// Presses the left button at the first of these places, moves to the second, lets go. From 1, as terminals count.
    pub(super) fn drag(&self, from: (usize, usize), to: (usize, usize)) {
        let report =
            |button: u8, (column, row): (usize, usize), end: char| format!("\x1b[<{button};{column};{row}{end}");
        self.type_text(&[report(0, from, 'M'), report(32, to, 'M'), report(0, to, 'm')].concat());
    }

    /// What was copied last.
    pub(super) fn clipboard(&self) -> String {
        self.tmux(["show-buffer"])
    }

    /// What tmux knows by this name, such as `alternate_on`.
    pub(super) fn fact(&self, name: &str) -> String {
        self.tmux(["display-message", "-p", "-t", "test", &format!("#{{{name}}}")]).trim_end().to_owned()
    }

    /// Waits until the screen holds `text`, and returns the screen.
    pub(super) fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits until the screen is as wanted, and returns it.
    pub(super) fn wait_until(&self, wanted: &str, is_it: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + DEADLINE;
        loop {
            while self.written.try_recv().is_ok() {}
            let screen = self.screen();
            if is_it(&screen) {
                return screen;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(self.written.recv_timeout(left).is_ok(), "`{wanted}` did not come in time:\n{screen}");
        }
    }

    fn tmux(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        run(client(self.project).args(arguments))
    }
}

impl Drop for Tmux<'_> {
    fn drop(&mut self) {
        // The server may be gone already.
        let _ = client(self.project).arg("kill-server").stderr(Stdio::null()).status();
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
    }
}

/// Talks to the server of this project.
fn client(project: &Project) -> Command {
    let mut tmux = Command::new("tmux");
    tmux.arg("-u").arg("-S").arg(project.path().join("tmux")).args(["-f", "/dev/null"]);
    tmux.current_dir(project.path()).env("STEAD", env!("CARGO_BIN_EXE_stead")).env("ENV", project.path().join(RC));
    for name in ["TMUX", "STEAD_LOG", "NO_COLOR", "VISUAL", "EDITOR"] {
        tmux.env_remove(name);
    }
    tmux
}

fn run(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("tmux");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
