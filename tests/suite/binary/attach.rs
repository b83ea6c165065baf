//! Terminals, signals and completion by the command line.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::tmux::{PROMPT, Tmux};
use super::{Project, has};

const SHELL: &str = "[tasks.repl]\ncommand = ['python3', '-q', '-i']\ntty = true\n";

#[test]
fn what_is_sent_is_typed_and_its_origin_is_in_the_timeline() {
    let project = Project::new(
        "[tasks.ask]\ncommand = 'read line; echo got $line; exec sleep 1000'\ntty = true\n[tasks.deaf]\ncommand = 'exec sleep 1000'\n",
    );
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for_start("ask");
    stead.wait_for_start("deaf");
    let told = project.client(&["send", "ask", "--", "-two", "words"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "input to ask: accepted\n"), "{told:?}");
    stead.wait_for("| got -two words");
    stead.wait_for("input to ask, asked by control");
    let told = project.client(&["send", "deaf", "hello"]);
    assert_eq!((told.code, told.err.as_str()), (Some(1), "stead: deaf has no terminal; `tty = true` gives it one\n"));
}

#[test]
fn a_signal_reaches_the_main_process_or_the_whole_tree() {
    let child = "trap 'echo child heard' USR1; while :; do sleep 0.1; done";
    let parent =
        format!("(trap - HUP; {child}) & trap 'echo main heard' HUP USR1; echo up; while :; do sleep 0.1; done");
    let project = Project::new(&format!("[tasks.it]\ncommand = \"\"\"{parent}\"\"\"\n"));
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for("| up");
    let told = project.client(&["signal", "it", "hup"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "signal it SIGHUP: accepted\n"), "{told:?}");
    stead.wait_for("| main heard");
    let told = project.client(&["signal", "it", "SIGUSR1", "--tree", "--json"]);
    let json: Value = serde_json::from_str(&told.out).expect("JSON");
    assert_eq!(json["accepted"], "signal it SIGUSR1, its whole tree");
    stead.wait_for("| child heard");
    stead.wait_for("signal it SIGHUP, asked by control");
    assert_eq!(project.client(&["signal", "it", "SIGNOPE"]).code, Some(2));
    assert_eq!(project.client(&["signal", "stead.gateway", "HUP"]).code, Some(1));
}

#[test]
fn why_tells_the_chain_of_causes_and_how_it_failed_last() {
    let project = Project::new(
        "[tasks.db]\ncommand = 'echo no disk >&2; exit 3'\nmax_retries = 0\n\
         [tasks.api]\ncommand = 'exec sleep 1000'\nafter = { db = 'success' }\n",
    );
    let stead = project.up();
    stead.wait_for_control();
    // What is waited for is in the snapshot, which the answer is made from.
    assert_eq!(project.client(&["wait", "api"]).code, Some(1));
    let told = project.client(&["why", "api"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    assert!(told.out.starts_with("api has failed: "), "{told:?}");
    assert!(told.out.contains("\n└─ db has failed: 0 retries spent: code 3"), "{told:?}");
    assert!(told.out.contains("its last line was “no disk”"), "{told:?}");
    let json: Value = serde_json::from_str(&project.client(&["why", "db", "--json"]).out).expect("JSON");
    assert_eq!((&json["task"], &json["causes"][0]["depth"]), (&"db".into(), &0.into()));
    let told = project.client(&["why", "dbb"]);
    assert_eq!(
        (told.code, told.err.as_str()),
        (Some(2), "stead: no task is called `dbb`; did you mean `db`? the tasks are db, api\n")
    );
}

#[test]
fn a_repl_is_used_from_another_terminal_and_goes_on_without_it() {
    if !(has("tmux") && has("python3")) {
        return;
    }
    let project = Project::new(SHELL);
    let mut stead = project.up();
    stead.wait_for_control();
    stead.wait_for_start("repl");
    let tmux = Tmux::new(&project, 90, 24);
    tmux.run("$STEAD attach repl; echo code $?");
    tmux.wait_for(">>>");
    tmux.type_text("import os; print(tuple(os.get_terminal_size()), 6 * 7)");
    tmux.press(&["Enter"]);
    tmux.wait_for("(90, 24) 42");
    tmux.resize(70, 20);
    tmux.wait_until("it is drawn", |screen| screen.contains(">>>"));
    tmux.type_text("print('now', tuple(os.get_terminal_size()))");
    tmux.press(&["Enter"]);
    tmux.wait_for("now (70, 20)");
    tmux.press(&["C-]"]);
    let screen = tmux.wait_for("code 0");
    assert!(screen.contains("stead: detached from repl, which goes on"), "{screen}");
    tmux.run("stty -a | grep -o '[-]*icanon'");
    tmux.wait_until("the terminal is as before", |screen| screen.contains("icanon") && !screen.contains("-icanon"));
    tmux.run("$STEAD attach repl; echo code $?");
    tmux.wait_for("now (70, 20)");
    tmux.type_text("raise SystemExit(0)");
    tmux.press(&["Enter"]);
    tmux.wait_for("[repl is not running; ctrl-] leaves]");
    stead.signal(nix::sys::signal::Signal::SIGKILL);
    let screen = tmux.wait_for("code 1");
    assert!(screen.contains("stead: the supervisor has ended"), "{screen}");
    tmux.run("stty -a | grep -o '[-]*icanon'");
    tmux.wait_until("the terminal is as before", |screen| screen.contains("icanon") && !screen.contains("-icanon"));
    tmux.wait_for(PROMPT);
}

#[test]
fn several_dashboards_show_one_supervisor_and_leaving_them_ends_nothing() {
    if !has("tmux") {
        return;
    }
    let project = Project::new(
        "[tasks.api]\ncommand = 'echo run $STEAD_RUN \"is\" up; exec cat'\ntty = true\n[tasks.other]\ncommand = 'exec sleep 1000'\n",
    );
    let mut stead = project.up();
    stead.wait_for_control();
    let elsewhere = Project::new("");
    let (one, other) = (Tmux::new(&project, 120, 30), Tmux::new(&elsewhere, 90, 24));
    for tmux in [&one, &other] {
        tmux.run(&format!("$STEAD attach -f {}/stead.toml; echo code $?", project.path().display()));
        tmux.wait_until("the dashboard", |screen| {
            screen.contains("api · run 1 · terminal") && screen.contains("run 1 is up")
        });
    }
    one.press(&["r"]);
    for tmux in [&one, &other] {
        tmux.wait_until("the second run", |screen| {
            screen.contains("api · run 2 · terminal") && screen.contains("run 2 is up")
        });
    }
    stead.wait_for("restart api, asked by control/attach");
    other.press(&["a"]);
    other.wait_for("ctrl-] leaves");
    other.type_text("hello");
    one.wait_for("hello");
    other.press(&["C-]"]);
    other.wait_for("q leave");
    other.press(&["q"]);
    let screen = other.wait_for("code 0");
    assert!(screen.contains("stead: detached; everything runs on"), "{screen}");
    stead.signal(nix::sys::signal::Signal::SIGTERM);
    let screen = one.wait_for("code 1");
    assert!(screen.contains("stead: the supervisor has ended: graceful, asked by SIGTERM"), "{screen}");
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn attaching_needs_a_task_with_a_terminal_and_a_terminal_here() {
    let project = Project::new(
        "[tasks.repl]\ncommand = 'exec sleep 1000'\ntty = true\n[tasks.api]\ncommand = 'exec sleep 1000'\n",
    );
    let stead = project.up();
    stead.wait_for_control();
    let told = project.client(&["attach"]);
    assert_eq!((told.code, told.err.as_str()), (Some(2), "stead: standard input is not a terminal\n"));
    let told = project.client(&["attach", "repl"]);
    assert_eq!(told.code, Some(2));
    assert!(told.err.contains("this is not a terminal"), "{told:?}");
}

#[test]
fn a_shell_completes_commands_options_and_names_of_tasks() {
    let project =
        Project::new("[tasks.api]\ncommand = 'true'\n[tasks.apart]\ncommand = 'true'\n[tasks.db]\ncommand = 'true'\n");
    let bin = project.path().join("bin");
    fs::create_dir(&bin).expect("a directory");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_stead"), bin.join("stead")).expect("a link");
    let complete = |words: &[&str]| {
        let script = r#"
            PATH=$PWD/bin:$PATH
            source <(stead completions bash)
            function=$(complete -p stead | grep -o '_[a-z_]*stead[a-z_]*' | head -n 1)
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
            $function stead "${COMP_WORDS[$COMP_CWORD]}" "${COMP_WORDS[$COMP_CWORD - 1]}"
            echo "${COMPREPLY[@]}""#;
        let mut bash = Command::new("bash");
        bash.current_dir(project.path()).args(["-c", script, "bash"]).args(words);
        let output = bash.output().expect("bash");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text").trim().to_owned()
    };
    assert_eq!(complete(&["stead", "resta"]), "restart");
    assert_eq!(complete(&["stead", "restart", "ap"]), "api apart");
    assert_eq!(complete(&["stead", "logs", "-f", "d"]), "db");
    assert_eq!(complete(&["stead", "signal", "api", "SIGHU"]), "SIGHUP");
    assert_eq!(complete(&["stead", "signal", "api", "hu"]), "HUP");
    assert_eq!(complete(&["stead", "wait", "--for", "su"]), "success");
    for shell in ["zsh", "fish"] {
        assert!(project.client(&["completions", shell]).out.contains("STEAD_COMPLETE"), "{shell}");
    }
}

#[test]
fn every_subcommand_has_a_manual_page() {
    let project = Project::new("[tasks.api]\ncommand = 'true'\n");
    let told = project.client(&["man", "man/man1"]);
    assert_eq!(told.code, Some(0), "{told:?}");
    let page = |name: &str| fs::read_to_string(project.path().join("man/man1").join(name)).expect("a page");
    assert!(page("stead.1").contains("stead\\-attach(1)"));
    assert!(page("stead-wait.1").contains("\\-\\-timeout"));
}
