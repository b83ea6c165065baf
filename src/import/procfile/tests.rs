use super::*;
use crate::import::testing;

/// What becomes of a Procfile beside these files.
fn imported(tool: Option<ProcfileRunner>, files: &[(&str, &str)], change: impl FnOnce(&mut Surroundings)) -> String {
    let change = |around: &mut Surroundings| {
        around.options.runner = tool;
        change(around);
    };
    testing::imported("Procfile", files, change, read)
}

fn of(text: &str) -> String {
    imported(None, &[("Procfile", text)], |_| {})
}

#[test]
fn foreman_ends_all_with_one_and_gives_ports() {
    insta::assert_snapshot!(of("# The site\nweb: bundle exec rails s -p $PORT\nworker: bundle exec sidekiq\n"), @r#"
# The site
[tasks.web]
command = "bundle exec rails s -p $PORT"
env = { PORT = "5000" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks.worker]
command = "bundle exec sidekiq"
env = { PORT = "5100" }
stdin = "open"
critical = true
stop.timeout = "5s"
- Procfile:1 exit code: foreman's is that of the first process that ends; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: foreman sets it; no command here mentions it, so it is left out
. Procfile:2 web: stop: foreman signals only the process that it has started; stead signals all of its processes
. Procfile:3 worker: stop: foreman signals only the process that it has started; stead signals all of its processes
"#);
}

#[test]
fn a_release_step_is_not_started_by_itself() {
    insta::assert_snapshot!(of("release: rake db:migrate\nworker: sidekiq\n"), @r#"
[tasks.release]
command = "rake db:migrate"
env = { PORT = "5000" }
stdin = "open"
autostart = false
restart = "never"
stop.timeout = "5s"

[tasks.worker]
command = "sidekiq"
env = { PORT = "5100" }
stdin = "open"
critical = true
stop.timeout = "5s"
- Procfile:1 release:: it is a step of a deployment, so it is not started by itself (`stead start release` does); foreman starts it with the others
- Procfile:1 exit code: foreman's is that of the first process that ends; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: foreman sets it; no command here mentions it, so it is left out
. Procfile:1 release: stop: foreman signals only the process that it has started; stead signals all of its processes
. Procfile:2 worker: stop: foreman signals only the process that it has started; stead signals all of its processes
"#);
}

#[test]
fn overmind_is_recognized_by_its_file_and_follows_its_options() {
    let files = [
        ("Procfile", "web: rails s\nskipped:no space\napi: serve $OVERMIND_PROCESS_web_PORT\njob: work\n"),
        (
            ".overmind.env",
            "OVERMIND_CAN_DIE=job\nOVERMIND_AUTO_RESTART=api\nOVERMIND_PORT=3000\nOVERMIND_PORT_STEP=10\n",
        ),
        (".env", "OVERMIND_STOP_SIGNALS=web=QUIT\nSECRET=x\n"),
    ];
    insta::assert_snapshot!(imported(None, &files, |_| {}), @r#"
[supervisor]
env_file = [".overmind.env", ".env"]

[tasks.web]
command = "rails s"
env = { PORT = "3000" }
tty = true
critical = true
stop = { signal = "SIGQUIT", timeout = "5s" }

[tasks.api]
command = "serve $OVERMIND_PROCESS_web_PORT"
env = { PORT = "3010", OVERMIND_PROCESS_web_PORT = "3000" }
tty = true
restart = "always"
initial_backoff = "100ms"
reset_after = "0s"
stop = { signal = "SIGINT", timeout = "5s" }

[tasks.job]
command = "work"
env = { PORT = "3020", OVERMIND_PROCESS_web_PORT = "3000" }
tty = true
restart = "never"
stop = { signal = "SIGINT", timeout = "5s" }
- Procfile:2 skipped:no space: overmind ignores it: a process is `name: command`, with the space
- Procfile:1 exit code: overmind's comes from tmux; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: overmind sets it; no command here mentions it, so it is left out
. Procfile:1 TERM, SHELL, TMUX: they are tmux's; stead's own terminals have TERM=xterm-256color
"#);
}

#[test]
fn a_formation_makes_instances() {
    let files =
        [("Procfile", "web: serve\nworker: work\njob: x\n"), (".foreman", "port: 4000\nformation: web=2,worker=1\n")];
    insta::assert_snapshot!(imported(None, &files, |_| {}), @r#"
[tasks."web.1"]
command = "serve"
env = { PORT = "4000" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks."web.2"]
command = "serve"
env = { PORT = "4001" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks.worker]
command = "work"
env = { PORT = "4100" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks.job]
command = "x"
env = { PORT = "4200" }
stdin = "open"
autostart = false
critical = true
stop.timeout = "5s"
- Procfile:1 exit code: foreman's is that of the first process that ends; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: foreman sets it; no command here mentions it, so it is left out
. Procfile:1 web: stop: foreman signals only the process that it has started; stead signals all of its processes
. Procfile:2 worker: stop: foreman signals only the process that it has started; stead signals all of its processes
. Procfile:3 job: stop: foreman signals only the process that it has started; stead signals all of its processes
"#);
}

#[test]
fn honcho_and_hivemind_differ() {
    let files = [("Procfile", "only: x\nworker:y\n"), (".env", "PORT=3000\nA=b\n")];
    insta::assert_snapshot!(imported(Some(ProcfileRunner::Honcho), &files, |_| {}), @r#"
[supervisor]
env_file = [".env"]

[tasks.only]
command = "x"
env = { PORT = "3000" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks.worker]
command = "y"
env = { PORT = "3100" }
stdin = "open"
critical = true
stop.timeout = "5s"
- Procfile:1 exit code: honcho's is that of the first process that ends, or 143 after SIGTERM; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 HONCHO_PROCESS_NAME: honcho sets it; no command here mentions it, so it is left out
"#);
    insta::assert_snapshot!(imported(Some(ProcfileRunner::Hivemind), &files, |around| {
        around.variables.insert("PORT".to_owned(), "7000".to_owned());
    }), @r#"
[supervisor]
env_file = [".env"]

[tasks.only]
command = "x"
env = { PORT = "7000" }
tty = true
critical = true
stop = { signal = "SIGINT", timeout = "5s" }
- Procfile:2 worker:y: hivemind ignores it: a process is `name: command`, with the space
- Procfile:1 exit code: hivemind's is always 0; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: hivemind sets it; no command here mentions it, so it is left out
over env.PORT=7000
"#);
}

#[test]
fn what_is_wrong_and_what_is_odd_is_said() {
    let files = [("Procfile", "web: a '$PORT' $PORT\nweb: b\n  indented: c\n# no: process\n")];
    insta::assert_snapshot!(imported(None, &files, |_| {}), @r#"
[tasks.web]
command = "a '$PORT' $PORT"
env = { PORT = "5000" }
stdin = "open"
critical = true
stop.timeout = "5s"

[tasks.web-2]
command = "b"
env = { PORT = "5100" }
stdin = "open"
critical = true
stop.timeout = "5s"

# no: process
- Procfile:3 indented: c: foreman ignores it: a process is `name: command`
- Procfile:1 exit code: foreman's is that of the first process that ends; stead's is 1 when a process has ended everything, and 0 after a signal
. Procfile:1 PS: foreman sets it; no command here mentions it, so it is left out
! Procfile:1 web: $PORT: foreman replaces $PORT even in single quotes; stead leaves it to the shell, which does not
. Procfile:1 web: stop: foreman signals only the process that it has started; stead signals all of its processes
. Procfile:2 web: stop: foreman signals only the process that it has started; stead signals all of its processes
error Procfile:2 `web` is declared twice: give one of them another name
"#);
    insta::assert_snapshot!(imported(None, &[("Procfile", "# nothing\n"), (".foreman", "formation: web\n")], |_| {}), @"

    # nothing
    error .foreman:1 `web` does not say how many: expected a process and a number below 100, like `web=2`
    error Procfile:1 no process is declared, says foreman: expected a line like `web: bundle exec rails server`
    ");
}

#[test]
fn the_port_is_looked_up_in_the_order_of_the_tool() {
    let port = |tool: ProcfileRunner, files: &[(&str, &str)], variables: &[(&str, &str)], asked: Option<u16>| {
        let files = [files, &[("Procfile", "a: x\n")]].concat();
        let text = imported(Some(tool), &files, |around| {
            around.variables =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            around.options.port = asked;
        });
        let line = text.lines().find(|line| line.starts_with("env = ")).map(str::to_owned);
        line.unwrap_or_default().split('"').nth(1).unwrap_or("none").to_owned()
    };
    let env = [(".env", "PORT=3000\n")];
    let system = [("PORT", "6000")];
    assert_eq!(port(ProcfileRunner::Foreman, &[], &[], None), "5000");
    assert_eq!(port(ProcfileRunner::Foreman, &[], &system, None), "6000");
    assert_eq!(port(ProcfileRunner::Foreman, &env, &system, None), "3000");
    assert_eq!(port(ProcfileRunner::Foreman, &env, &system, Some(1)), "1");
    assert_eq!(port(ProcfileRunner::Honcho, &env, &system, None), "3000");
    assert_eq!(port(ProcfileRunner::Hivemind, &env, &system, None), "6000");
    assert_eq!(port(ProcfileRunner::Overmind, &[(".overmind.env", "OVERMIND_PORT=2\n")], &system, None), "2");
    assert_eq!(port(ProcfileRunner::Overmind, &[(".overmind.env", "OVERMIND_NO_PORT=1\n")], &system, None), "none");
}
