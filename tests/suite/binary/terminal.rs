//! The dashboard of the real binary in a real terminal.

use nix::unistd::Pid;
use regex::Regex;

use super::tmux::{PROMPT, Tmux};
use super::{Project, has, is_alive};

/// A task that says its pid and stays. What it says is not what stands in its command, which is on the screen, too.
const STEADY: &str = "[tasks.steady]\ncommand = 'echo pid $$ \"is\" up; exec sleep 1000'\n";

/// What the footer of the main screen begins with.
const FOOTER: &str = "r restart";

/// Types `stead up` and waits for the dashboard with the first lines of the first task.
fn up(tmux: &Tmux<'_>) -> String {
    tmux.run("\"$STEAD\" up; echo \"[code $?]\"");
    tmux.wait_until("the dashboard", is_up)
}

fn is_up(screen: &str) -> bool {
    [FOOTER, "● running", "is up"].iter().all(|shown| screen.contains(shown))
}

/// The pids that the runs of `steady` said.
fn said(project: &Project) -> Vec<Pid> {
    let log = project.log("steady");
    let pids = log.lines().filter_map(|line| line.strip_prefix("pid ")?.strip_suffix(" is up")?.parse().ok());
    pids.map(Pid::from_raw).collect()
}

/// The supervisor, by its lock.
#[cfg(target_os = "linux")]
fn supervisor(project: &Project) -> Pid {
    let lock = std::fs::read_to_string(project.path().join(".stead/lock")).expect("a lock");
    Pid::from_raw(lock.trim().parse().expect("a pid"))
}

/// Waits for the end of a process that is no child of this one.
#[cfg(target_os = "linux")]
pub(super) fn wait_for_end(pid: Pid) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::process::{PidfdFlags, pidfd_open};

    let process = rustix::process::Pid::from_raw(pid.as_raw()).expect("a pid");
    // None to be opened: it has ended already.
    let Ok(process) = pidfd_open(process, PidfdFlags::empty()) else { return };
    let deadline = Timespec::try_from(super::DEADLINE).expect("a time in range");
    let ended = poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&deadline));
    assert_eq!(ended, Ok(1), "{pid} is still there");
}

#[test]
fn the_dashboard_is_drawn_and_restarts() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 120, 30);
    let screen = up(&tmux);
    assert_eq!(tmux.fact("alternate_on"), "1");
    for shown in [" 1 task ", "● running", "steady · run 1 · log", "stead: ", "is up"] {
        assert!(screen.contains(shown), "{shown}:\n{screen}");
    }
    tmux.press(&["r"]);
    tmux.wait_for("steady · run 2 · log");
    tmux.press(&["r"]);
    tmux.wait_until("the third run", |screen| {
        screen.contains("steady · run 3 · log") && screen.matches("is up").count() == 3
    });
    let pids = said(&project);
    assert_eq!(pids.iter().map(|&pid| is_alive(pid)).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn quitting_asks_drains_and_leaves_the_normal_screen_with_the_outcome() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 80, 24);
    tmux.run("echo before");
    tmux.wait_until("the shell again", |screen| screen.trim_end() == format!("before\n{PROMPT}"));
    tmux.type_text("\"$STEAD\" up; echo \"[code $?]\"");
    tmux.press(&["Enter"]);
    tmux.wait_until("the dashboard", is_up);
    tmux.press(&["q"]);
    tmux.wait_for("y yes");
    tmux.press(&["n"]);
    tmux.wait_until("no question", |screen| screen.contains(FOOTER) && !screen.contains("y yes"));
    tmux.press(&["q"]);
    tmux.wait_for("y yes");
    tmux.press(&["y"]);
    let screen = tmux.wait_for("[code 0]");
    assert_eq!(tmux.fact("alternate_on"), "0");
    assert_eq!(tmux.fact("cursor_flag"), "1");
    assert_eq!(tmux.fact("mouse_any_flag"), "0");
    let lines: Vec<&str> = screen.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines[0], "before", "what was there is there again:\n{screen}");
    let outcome = lines.iter().position(|line| *line == "[code 0]").expect("just seen") - 1;
    assert!(lines[outcome].starts_with("stead: graceful, asked by terminal"), "{screen}");
    assert!(said(&project).into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn a_critical_end_leaves_its_cause_and_code() {
    if !has("tmux") {
        return;
    }
    let project = Project::new("[tasks.db]\ncritical = true\ncommand = 'echo is up; sleep 1; exit 4'\n");
    let tmux = Tmux::new(&project, 80, 24);
    tmux.run("\"$STEAD\" up; echo \"[code $?]\"");
    let screen = tmux.wait_for("[code 1]");
    assert!(screen.contains("stead: fatal: db: code 4"), "{screen}");
}

#[test]
fn any_size_is_drawn_and_a_storm_of_sizes_is_survived() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 120, 30);
    up(&tmux);
    tmux.resize(1, 1);
    for step in 0..50_u16 {
        tmux.resize(1 + step * 7 % 150, 1 + step * 5 % 50);
    }
    // tmux keeps sizes some time apart, so most of the storm comes past it.
    tmux.run_beside("for step in $(seq 450); do stty rows $((step * 5 % 50 + 1)) cols $((step * 7 % 150 + 1)); done");
    tmux.resize(1, 1);
    tmux.resize(80, 24);
    let screen = tmux.wait_until("the dashboard at 80x24", |screen| {
        screen.lines().nth(23).is_some_and(|line| line.contains(FOOTER)) && screen.contains("steady · run 1 · log")
    });
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    assert_eq!(said(&project).len(), 1, "the task did not notice");
}

#[test]
fn a_terminal_that_is_resized_and_back_between_two_frames_is_drawn_whole() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 120, 30);
    up(&tmux);
    tmux.resize_and_back(30, 5);
    tmux.wait_until("all of the dashboard", |screen| {
        let lines: Vec<_> = screen.lines().collect();
        lines[0].contains("up ") && lines[2].contains("LAST EXIT") && lines[29].contains(FOOTER)
    });
}

#[test]
fn suspended_and_continued_it_draws_itself_anew() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 100, 30);
    up(&tmux);
    tmux.press(&["C-z"]);
    tmux.wait_until("the shell", |screen| screen.trim_end().ends_with(PROMPT) && !screen.contains(FOOTER));
    assert_eq!(tmux.fact("alternate_on"), "0");
    tmux.resize(80, 24);
    tmux.type_text("fg");
    tmux.press(&["Enter"]);
    tmux.wait_until("the dashboard again", |screen| {
        screen.lines().nth(23).is_some_and(|line| line.contains(FOOTER)) && screen.contains("is up")
    });
    assert_eq!(tmux.fact("alternate_on"), "1");
    tmux.press(&["Q"]);
    tmux.wait_for("stead: graceful");
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_terminal_drains_and_leaves_nobody_behind() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 80, 24);
    up(&tmux);
    let stead = supervisor(&project);
    let tasks = said(&project);
    assert_eq!(tasks.len(), 1);
    tmux.close();
    wait_for_end(stead);
    assert!(tasks.into_iter().all(|pid| !is_alive(pid)));
}

#[test]
fn no_color_leaves_attributes_only() {
    if !has("tmux") {
        return;
    }
    let colour = Regex::new(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]").unwrap();
    for (setting, has_colour) in [("", true), ("NO_COLOR=1 ", false)] {
        let red = "printf \"\\033[31mit is up\\033[0m\\n\"; exec sleep 1000";
        let project = Project::new(&format!("[tasks.red]\ncommand = '{red}'\n"));
        let tmux = Tmux::new(&project, 100, 24);
        tmux.run(&format!("{setting}\"$STEAD\" up; echo \"[code $?]\""));
        tmux.wait_until("the dashboard", |screen| screen.contains(FOOTER) && screen.contains("it is up"));
        let screen = tmux.styled_screen();
        assert_eq!(colour.is_match(&screen), has_colour, "{setting}{screen:?}");
        tmux.press(&["Q"]);
        tmux.wait_for("[code 0]");
    }
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let tmux = Tmux::new(&project, 100, 24);
    tmux.run("TERM=dumb \"$STEAD\" up; echo \"[code $?]\"");
    let screen = tmux.wait_for("is up");
    assert!(screen.contains("steady  | pid "), "{screen}");
    assert_eq!(tmux.fact("alternate_on"), "0");
    tmux.press(&["C-c"]);
    tmux.wait_for("[code 0]");
}

#[test]
fn what_a_task_writes_leaves_the_dashboard_intact() {
    if !has("tmux") {
        return;
    }
    let hostile =
        r"\033[2J\033[H\033c\033[?1049h\033]0;stolen title\007\033]52;c;aGk=\007\033[?25h\033[5 q\033[10;10Hhere";
    let project = Project::new(&format!(
        "[tasks.hostile]\ncommand = \"printf '{}\\\\n'; echo it 'is' up; exec sleep 1000\"\n",
        hostile.replace('\\', r"\\")
    ));
    let tmux = Tmux::new(&project, 100, 24);
    let screen = up(&tmux);
    let rows: Vec<&str> = screen.lines().collect();
    assert!(rows[0].starts_with(" stead"), "{screen}");
    assert!(rows[1].starts_with("╭ 1 task ─"), "{screen}");
    assert!(rows[23].contains(FOOTER), "{screen}");
    assert_eq!(tmux.fact("cursor_flag"), "0", "the cursor is still hidden");
    assert_ne!(tmux.fact("pane_title"), "stolen title");
    tmux.press(&["Q"]);
    tmux.wait_for("[code 0]");
}

#[test]
fn a_repl_that_is_attached_to_answers() {
    if !has("tmux") || !has("python3") {
        return;
    }
    let project = Project::new("[tasks.python]\ncommand = ['python3', '-q']\ntty = true\n");
    let tmux = Tmux::new(&project, 100, 30);
    tmux.run("\"$STEAD\" up");
    tmux.wait_until("the prompt", |screen| screen.contains(FOOTER) && screen.contains("│>>>"));
    tmux.press(&["a"]);
    tmux.wait_for("python · attached · ctrl-] leaves");
    tmux.type_text("import os; print(6 * 7, os.get_terminal_size())");
    tmux.press(&["Enter"]);
    tmux.wait_for("│42 os.terminal_size(columns=98, lines=26)");
    // Whatever means something to the dashboard means nothing now.
    tmux.type_text("q = 'Q'; print(q + '?')");
    tmux.press(&["Enter"]);
    tmux.wait_for("│Q?");
    tmux.press(&["C-c"]);
    tmux.wait_for("KeyboardInterrupt");
    tmux.press(&["C-]"]);
    tmux.wait_until("the dashboard", |screen| screen.contains(" 1 task ") && screen.contains("│>>>"));
    assert!(project.log("python").contains("42 os.terminal_size"), "what is shown is logged, too");
    tmux.press(&["Q"]);
    tmux.wait_for("stead: graceful");
}

#[test]
fn an_editor_in_a_task_writes_what_was_typed() {
    if !has("tmux") || !has("vim") {
        return;
    }
    let task = "[tasks.vim]\ncommand = ['vim', '--clean', '-N', '-c', 'set showmode', 'note']\ntty = true\nrestart = 'never'\n";
    let project = Project::new(task);
    let tmux = Tmux::new(&project, 90, 24);
    tmux.run("\"$STEAD\" up");
    tmux.wait_until("vim", |screen| screen.contains(FOOTER) && screen.contains("│~"));
    tmux.press(&["a", "i"]);
    tmux.wait_for("-- INSERT --");
    tmux.type_text("first");
    tmux.press(&["Enter"]);
    tmux.type_text("second");
    tmux.press(&["Up", "Home"]);
    tmux.type_text("the ");
    tmux.wait_until("both lines", |screen| screen.contains("│the first") && screen.contains("│second"));
    tmux.press(&["Escape"]);
    tmux.wait_until("no mode", |screen| !screen.contains("INSERT"));
    tmux.type_text(":wq");
    tmux.press(&["Enter"]);
    tmux.wait_for(" ended ");
    assert_eq!(std::fs::read_to_string(project.path().join("note")).unwrap(), "the first\nsecond\n");
}

#[test]
fn what_is_copied_is_exactly_the_text() {
    if !has("tmux") {
        return;
    }
    let line = "a line that is too long for the pane that shows it, so that it goes on in the next row, and then some";
    let project =
        Project::new(&format!("[tasks.steady]\ncommand = 'echo \"{line}\"; echo \"is\" up; exec sleep 1000'\n"));
    let tmux = Tmux::new(&project, 80, 24);
    let screen = up(&tmux);
    let row = 1 + screen.lines().position(|row| row.contains("a line that")).expect("just drawn");
    // From the line's first letter to beyond the pane's edge.
    tmux.drag((12, row), (80, row + 1));
    tmux.wait_for("copied");
    assert_eq!(tmux.clipboard(), line);
    tmux.press(&["Escape", "y"]);
    tmux.wait_for("copied 2 lines");
    assert_eq!(tmux.clipboard(), format!("{line}\nis up"));
}

#[test]
fn what_has_long_left_the_tail_is_scrolled_to_searched_and_found_by_run() {
    if !has("tmux") {
        return;
    }
    let command = r#"echo run $STEAD_RUN begins; seq 100000; echo run $STEAD_RUN "is" up; exec sleep 1000"#;
    let project = Project::new(&format!("[logs]\nmax_size = '256 KiB'\n[tasks.many]\ncommand = '{command}'\n"));
    let tmux = Tmux::new(&project, 100, 30);
    up(&tmux);
    tmux.press(&["r"]);
    tmux.wait_for("run 2 is up");
    tmux.press(&["z", "g"]);
    tmux.wait_until("the very first line", |screen| screen.contains("run 1 begins") && screen.contains("+ below"));
    tmux.press(&["G"]);
    tmux.wait_for("following");
    // Found in both runs: backwards from the end.
    tmux.type_text("/^4242$");
    tmux.press(&["Enter"]);
    tmux.wait_until("the nearest match", |screen| screen.contains("2 of 2") && screen.contains(" 4243"));
    tmux.press(&["N"]);
    tmux.wait_for("1 of 2");
    // Together the two would begin an escape sequence.
    tmux.press(&["Escape"]);
    tmux.wait_until("no search", |screen| !screen.contains("1 of 2"));
    tmux.press(&["["]);
    tmux.wait_until("the first run alone", |screen| {
        screen.contains("many · run 1 · SIGTERM · log") && screen.contains("run 1 is up")
    });
    tmux.press(&["g"]);
    tmux.wait_for("run 1 begins");
    tmux.press(&["Escape"]);
    tmux.type_text("Fbegins");
    tmux.press(&["Enter"]);
    tmux.wait_until("both beginnings", |screen| screen.contains("run 1 begins") && screen.contains("run 2 begins"));
}

#[test]
fn the_log_is_opened_in_an_editor_that_has_the_terminal_to_itself() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(STEADY);
    let script = "trap 'echo interrupted' INT; echo \"editing $1\"; until [ \"$line\" = done ]; do read -r line; done";
    std::fs::write(project.path().join("editor"), script).unwrap();
    let tmux = Tmux::new(&project, 100, 24);
    tmux.run("VISUAL='sh editor' \"$STEAD\" up; echo \"[code $?]\"");
    tmux.wait_until("the dashboard", is_up);
    tmux.press(&["o"]);
    let screen = tmux.wait_for("editing ");
    assert!(screen.contains("/.stead/logs/steady.log"), "{screen}");
    assert_eq!(tmux.fact("alternate_on"), "0");
    tmux.press(&["C-c"]);
    // A shell that was about to read acts on the signal once it has read.
    tmux.press(&["Enter"]);
    tmux.wait_for("interrupted");
    tmux.type_text("done");
    tmux.press(&["Enter"]);
    let screen = tmux.wait_for(FOOTER);
    assert!(!screen.contains("draining"), "{screen}");
    tmux.press(&["r"]);
    tmux.wait_for("steady · run 2 · log");
}
