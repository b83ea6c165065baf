use super::*;
use crate::import::testing;

/// What becomes of a process-compose.yaml beside these files, with these variables in the environment.
fn imported(files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
    let change = |around: &mut Surroundings| {
        around.variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    };
    testing::imported("process-compose.yaml", files, change, |draft, file, path, around| {
        let overrides = OVERRIDES.into_iter().find_map(|name| {
            let file = around.read(draft, Path::new(name), &Place::new(file, 0..0))?;
            Some((file, PathBuf::from(name)))
        });
        read(draft, (file, path), &Vec::from_iter(overrides), around)
    })
}

fn of(text: &str) -> String {
    imported(&[("process-compose.yaml", text)], &[])
}

/// The lines of one task, without what every process is filled in with.
fn task(text: &str) -> String {
    let indented: String = text.lines().map(|line| format!("    {line}\n")).collect();
    let out = of(&format!("shell: {{shell_command: sh, shell_argument: -c}}\nprocesses:\n  it:\n{indented}"));
    let kept = out.lines().filter(|line| !line.starts_with("[tasks") && !line.starts_with(". "));
    let kept: Vec<_> = kept.filter(|line| !["restart = \"never\"", "stop.timeout = \"1h\""].contains(line)).collect();
    kept.join("\n")
}

#[test]
fn a_usual_file() {
    insta::assert_snapshot!(of(r#"version: "0.5"

# everything shares these
environment:
  - "LOG=debug"

processes:
  # the database
  db:
    command: postgres -D data
    readiness_probe:
      exec:
        command: pg_isready
      initial_delay_seconds: 2
      period_seconds: 5
    shutdown:
      signal: 2
      timeout_seconds: 15
  migrate:
    command: |
      set -e
      sqlx migrate run
    depends_on:
      db:
        condition: process_healthy
  api:
    description: The API
    working_dir: ./api
    command: exec ./api
    availability:
      restart: on_failure # it crashes
      backoff_seconds: 2
      max_restarts: 5
    depends_on:
      migrate:
        condition: process_completed_successfully
      db: {condition: process_started}
    readiness_probe:
      http_get:
        host: localhost
        port: 8080
        path: /health
"#), @r#"
# everything shares these
[env]
LOG = "debug"

# the database
[tasks.db]
command = ["bash", "-c", "postgres -D data"]
restart = "never"
ready = { exec = ["bash", "-c", "pg_isready"], delay = "2s", interval = "5s", failure_threshold = 3 }
stop = { signal = "SIGINT", timeout = "15s" }

[tasks.migrate]
command = ["bash", "-c", """
set -e
sqlx migrate run
"""]
restart = "never"
after = { db = "ready" }
stop.timeout = "1h"

[tasks.api]
description = "The API"
# it crashes
command = ["bash", "-c", "exec ./api"]
dir = "api"
initial_backoff = "2s"
max_backoff = "2s"
reset_after = "8760h"
after = { migrate = "success", db = "started" }
ready = { http = "http://localhost:8080/health", status = 200, interval = "10s", failure_threshold = 3 }
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 ordered_shutdown: not given: process-compose stops all processes at the same time, stead those that depend on others first
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
. process-compose.yaml:11 processes.db.readiness_probe.failure_threshold: stead tries more often at first and counts failures only after that, so it stops the process later
. process-compose.yaml:38 processes.api.readiness_probe.failure_threshold: stead tries more often at first and counts failures only after that, so it stops the process later
"#);
}

#[test]
fn substitution_comes_before_yaml_and_templates_after() {
    let file = r#"
vars:
  NAME: "api"
  PORT: ${PORT:-3000}
processes:
  ${WHO}:
    command: "echo $$HOME $HOME ${HOME} {{.NAME}} {{.PORT}} '$${X}' ${A:-b}"
    availability:
      restart: ${RESTART:-always}
    replicas: ${COUNT:-2}
    working_dir: "dir-{{ .PC_REPLICA_NUM }}"
    environment:
      - "P={{ printf \"80%02d\" .PC_REPLICA_NUM }}"
      - A=own
"#;
    let files = [("process-compose.yaml", file), (".env", "WHO=me\nHOME=/env\n")];
    insta::assert_snapshot!(imported(&files, &[("HOME", "/root"), ("RESTART", "no")]), @r#"
[supervisor]
env_file = [".env"]

[tasks.me-0]
command = ["bash", "-c", "echo $HOME $HOME ${HOME:-} api ${PORT:-3000} '$${X}' b"]
dir = "dir-0"
env = { PC_PROC_NAME = "me", PC_REPLICA_NUM = "0", P = "8000", A = "own" }
restart = "never"
stop.timeout = "1h"

[tasks.me-1]
command = ["bash", "-c", "echo $HOME $HOME ${HOME:-} api ${PORT:-3000} '$${X}' b"]
dir = "dir-1"
env = { PC_PROC_NAME = "me", PC_REPLICA_NUM = "1", P = "8001", A = "own" }
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
. process-compose.yaml:6 ${WHO…}: its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}
. process-compose.yaml:7 ${A…}: its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}
. process-compose.yaml:9 ${RESTART…}: its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}
. process-compose.yaml:10 ${COUNT…}: its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}
over env.HOME=/root
"#);
}

#[test]
fn a_template_that_would_print_nothing_is_an_error() {
    insta::assert_snapshot!(of("processes:\n  a:\n    command: docker ps --format '{{.Names}}'\n"), @r#"
[tasks.a]
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
error process-compose.yaml:3 the template in `processes.a.command`: `{{.Names`: this is not set, and process-compose would put `<no value>`: write {{ `…` }} around braces that are no template, or set is_template_disabled
"#);
    insta::assert_snapshot!(
        task("command: docker ps --format '{{.Names}}'\nis_template_disabled: true"), @r#"command = "docker ps --format '{{.Names}}'""#);
    insta::assert_snapshot!(of("processes:\n  a:\n    command: x\n    # ${\n"), @"
    error process-compose.yaml:4 this can't be substituted; process-compose does that everywhere, in comments too: expected the name of a variable; write `$${` for a `${` that the shell is to see
    ");
}

#[test]
fn restarts() {
    let restart = |word: &str| task(&format!("command: x\navailability:\n  restart: {word}"));
    insta::assert_snapshot!(restart("no"), @r#"command = "x""#);
    insta::assert_snapshot!(restart("always"), @r#"
    command = "x"
    restart = "always"
    initial_backoff = "1s"
    max_backoff = "1s"
    reset_after = "0s"
    "#);
    insta::assert_snapshot!(restart("on_failure"), @r#"
    command = "x"
    initial_backoff = "1s"
    max_backoff = "1s"
    reset_after = "0s"
    "#);
    insta::assert_snapshot!(restart("exit_on_failure"), @r#"
command = "x"
on_exhausted = "fatal"
max_retries = 0
- process-compose.yaml:6 processes.it.availability.restart: process-compose ends with the exit code of this process; stead's exit code is 1
"#);
    insta::assert_snapshot!(restart("sometimes"), @r#"
    command = "x"
    error process-compose.yaml:6 wrong value for `processes.it.availability.restart`: expected `always`, `on_failure`, `exit_on_failure` or `no`
    "#);
    insta::assert_snapshot!(task("command: x\navailability:\n  exit_on_end: true"), @r#"
command = "x"
critical = true
- process-compose.yaml:6 processes.it.availability.exit_on_end: process-compose ends with the exit code of this process; stead's exit code is 1
"#);
    insta::assert_snapshot!(task("command: x\navailability: {restart: on_failure, exit_on_end: yes, max_restarts: 3}"), @r#"
command = "x"
on_exhausted = "fatal"
max_retries = 3
initial_backoff = "1s"
max_backoff = "1s"
reset_after = "8760h"
- process-compose.yaml:5 processes.it.availability.exit_on_end: process-compose ends with the exit code of this process; stead's exit code is 1
! process-compose.yaml:5 processes.it.availability.exit_on_end: stead ends everything when the restarts are spent, not when the process ends by itself
"#);
    insta::assert_snapshot!(task("command: x\nrestart: always\navailability: {restrat: x}\nsuccess_exit_codes: [143, 0]"), @r#"
    command = "x"
    success_exit_codes = [0, 143]
    - process-compose.yaml:6 processes.it.availability.restrat: process-compose ignores it, too
    - process-compose.yaml:5 processes.it.restart: process-compose ignores it, too; it belongs to `availability`
    "#);
}

#[test]
fn stops() {
    insta::assert_snapshot!(task("command: x\nshutdown: {command: ./stop, signal: 2}"), @r#"
command = "x"
stop = { command = "./stop", signal = "SIGKILL", timeout = "20s" }
- process-compose.yaml:5 processes.it.shutdown.signal: process-compose ignores it, because there is a `command`
"#);
    insta::assert_snapshot!(task("command: x\nshutdown: {command: ./stop, timeout_seconds: 30}"), @r#"
command = "x"
stop = { command = "./stop", signal = "SIGKILL", timeout = "60s" }
"#);
    insta::assert_snapshot!(task("command: x\nshutdown: {signal: 99, parent_only: true, timeout_seconds: 3}"), @r#"
    command = "x"
    stop = { only_parent = true, timeout = "3s" }
    "#);
    insta::assert_snapshot!(task("command: x\nis_tty: true\nshutdown: {send_keys: q}"), @r#"
command = "x"
tty = true
stop = { signal = "SIGHUP", timeout = "1h" }
! process-compose.yaml:6 processes.it.shutdown.send_keys: stead types nothing to stop a task: it sends the signal
"#);
}

#[test]
fn probes() {
    insta::assert_snapshot!(task("command: x\nreadiness_probe: {http_get: {port: \"80\", status_code: 204, headers: {A: b}}}"), @r#"
    command = "x"

    http = "http://127.0.0.1:80/"
    status = 204
    headers = { A = "b" }
    interval = "10s"
    failure_threshold = 3
    "#);
    insta::assert_snapshot!(task("command: x\nreadiness_probe: {http_get: {scheme: https, port: x}, success_threshold: 2, periods: 1}"), @r#"
    command = "x"
    ready = { http = "https://127.0.0.1/", status = 200, interval = "10s", failure_threshold = 3 }
    - process-compose.yaml:5 processes.it.readiness_probe.http_get.port: `x` is no port: process-compose takes that of the scheme
    - process-compose.yaml:5 processes.it.readiness_probe.success_threshold: process-compose ignores it, too
    - process-compose.yaml:5 processes.it.readiness_probe.periods: process-compose ignores it, too
    "#);
    insta::assert_snapshot!(task("command: x\nworking_dir: a\nreadiness_probe: {exec: {command: y, working_dir: b}, failure_threshold: 0}"), @r#"
    command = "x"
    dir = "a"

    exec = ["sh", "-c", 'cd "$0" && exec "$@"', "/DIR/b", "sh", "-c", "y"]
    interval = "10s"
    failure_threshold = 3
    "#);
    insta::assert_snapshot!(task("command: x\nliveness_probe: {exec: {command: y}}"), @r#"
    command = "x"
    - process-compose.yaml:5 processes.it.liveness_probe: process-compose acts on it for daemons only, and otherwise just logs it
    "#);
    insta::assert_snapshot!(task("command: x\nis_daemon: true\nliveness_probe: {exec: {command: y}}"), @r#"
command = ["sh", "-c", '"$@" && exec sleep 2147483647', "it", "sh", "-c", "x"]
live.exec = "y"
- process-compose.yaml:3 processes.it.is_daemon: what is launched is kept running by a process that waits beside it, and ends with it; a readiness probe says whether it is well
"#);
    insta::assert_snapshot!(task("command: x\nready_log_line: \"up (1.0)\""), @r#"
    command = "x"
    ready.log = 'up \(1\.0\)'
    "#);
    insta::assert_snapshot!(task("command: x\nready_log_line: up\nreadiness_probe: {exec: {command: y}}"), @r#"
    command = "x"
    ready = { exec = "y", interval = "10s", failure_threshold = 3 }
    error process-compose.yaml:6 `ready_log_line` and a readiness probe: process-compose refuses both at once: keep one of them
    "#);
    insta::assert_snapshot!(task("command: x\nreadiness_probe: {period_seconds: 3}"), @r#"
    command = "x"
    ! process-compose.yaml:5 processes.it.readiness_probe: it has neither `exec` nor `http_get`: process-compose says so and probes nothing
    "#);
}

#[test]
fn kinds_of_processes() {
    insta::assert_snapshot!(task("entrypoint: [./run, \"${1}\"]\nis_foreground: true"), @r#"
command = ["./run", ""]
tty = true
autostart = false
stop = { signal = "SIGHUP", timeout = "1h" }
- process-compose.yaml:5 processes.it.is_foreground: it is started with `s`, and `a` attaches to it
"#);
    insta::assert_snapshot!(task("command: x\nentrypoint: [y]\nis_elevated: true\nlog_location: ./x.log"), @r#"
    command = "x"
    - process-compose.yaml:5 processes.it.entrypoint: process-compose ignores it, because there is a `command`
    - process-compose.yaml:7 processes.it.log_location: stead keeps the output of every task in .stead/logs
    ! process-compose.yaml:6 processes.it.is_elevated: stead asks for no password: write `sudo` into the command, or run stead as root and give `user`
    "#);
    insta::assert_snapshot!(task("description: no command\nnamespace: [infra, other]\ndisabled: \"yes\""), @r#"
    description = "no command"
    command = ["sh"]
    autostart = false

    [groups.infra]
    tasks = ["it"]
    - process-compose.yaml:5 processes.it.namespace: a task is in one group here, so it is not in other
    "#);
    insta::assert_snapshot!(task("command: x\nschedule: {cron: \"0 3 * * *\", timezone: UTC}"), @r#"
    command = "x"
    schedule = "0 3 * * *"
    time_zone = "UTC"
    "#);
    insta::assert_snapshot!(task("command: x\nschedule: {interval: 1h30m, run_on_start: true}"), @r#"
    command = "x"
    every = "1h 30m"
    ! process-compose.yaml:5 processes.it.schedule.run_on_start: it runs at its times only; `stead start` runs it now
    "#);
    insta::assert_snapshot!(task("command: x\nworking_dir: src\nwatch: {paths: [{path: ., include: [\"*.go\"], exclude: [vendor/x]}], debounce: 1s}"), @r#"
    command = "x"
    dir = "src"
    watch = { paths = ["src/**/*.go"], ignore = ["src/vendor/x"], debounce = "1s" }
    "#);
}

#[test]
fn dependencies() {
    insta::assert_snapshot!(of(r#"
processes:
  a: {command: x, replicas: 2}
  off: {command: x, disabled: true}
  b:
    command: x
    depends_on:
      a:
      a-0: {condition: process_healthy}
      off: {condition: process_started}
"#), @r#"
[tasks.a-0]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"

[tasks.a-1]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"

[tasks.off]
command = ["bash", "-c", "x"]
autostart = false
restart = "never"
stop.timeout = "1h"

[tasks.b]
command = ["bash", "-c", "x"]
restart = "never"
after = { a-0 = "ready", a-1 = "exited" }
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 ordered_shutdown: not given: process-compose stops all processes at the same time, stead those that depend on others first
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
! process-compose.yaml:9 processes.b.depends_on.a-0: `a-0` has no readiness probe, so process-compose would never start this; stead does once `a-0` runs
- process-compose.yaml:10 processes.b.depends_on.off: process-compose does not wait for a disabled process, and starts this one all the same
"#);
    insta::assert_snapshot!(of(r#"
processes:
  a: {command: x}
  b: {command: x, depends_on: {c: {}, a: {condition: process_log_ready}}}
  d: {command: x, depends_on: [a]}
  e: {command: x, depends_on: {a: {condition: ready}}}
"#), @r#"
[tasks.a]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"

[tasks.b]
command = ["bash", "-c", "x"]
restart = "never"
after = { a = "ready" }
stop.timeout = "1h"

[tasks.d]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"

[tasks.e]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 ordered_shutdown: not given: process-compose stops all processes at the same time, stead those that depend on others first
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
error process-compose.yaml:4 `c` is waited for and not declared: expected the name of a process
error process-compose.yaml:4 `a` has no `ready_log_line` to wait for: give it one, or wait for something else
error process-compose.yaml:5 wrong value for `processes.d.depends_on`: expected a mapping, found a list
error process-compose.yaml:6 wrong value for `processes.e.depends_on.a.condition`: expected `process_started`, `process_healthy`, `process_log_ready`, `process_completed` or `process_completed_successfully`
"#);
}

#[test]
fn overrides_bases_and_parents() {
    let files = [
        (
            "process-compose.yaml",
            "extends: base/pc.yaml\nenvironment: [A=1, B=2=3]\nprocesses:\n  a: {command: x, environment: [P=1, Q=2]}\n  b: {extends: a, command: y}\n",
        ),
        ("base/pc.yaml", "processes:\n  a: {command: z, description: base, working_dir: sub}\n  c: {command: c}\n"),
        (
            "process-compose.override.yaml",
            "environment: [C=4]\nprocesses:\n  a: {command: \"\", environment: [Q=3], is_tty: false}\n",
        ),
    ];
    insta::assert_snapshot!(imported(&files, &[]), @r#"
[env]
A = "1"
C = "4"

[tasks.a]
description = "base"
command = ["bash", "-c", "x"]
dir = "base/sub"
env = { P = "1", Q = "3" }
restart = "never"
stop.timeout = "1h"

[tasks.c]
command = ["bash", "-c", "c"]
dir = "base"
restart = "never"
stop.timeout = "1h"

[tasks.b]
description = "base"
command = ["bash", "-c", "y"]
dir = "base/sub"
env = { P = "1", Q = "3" }
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
"#);
    let files = [
        ("process-compose.yaml", "extends: x.yaml\nprocesses: {}\n"),
        ("x.yaml", "extends: process-compose.yaml\nprocesses: {}\n"),
    ];
    insta::assert_snapshot!(imported(&files, &[]), @"
    error x.yaml:1 these files extend one another: remove one `extends`
    ");
    insta::assert_snapshot!(of("processes:\n  a: {extends: b}\n  b: {extends: a}\n  c: {extends: d}\n"), @r#"
[tasks.a]
command = ["bash"]
restart = "never"
stop.timeout = "1h"

[tasks.b]
command = ["bash"]
restart = "never"
stop.timeout = "1h"

[tasks.c]
command = ["bash"]
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
error process-compose.yaml:3 these processes extend one another: remove one `extends`
error process-compose.yaml:2 these processes extend one another: remove one `extends`
error process-compose.yaml:4 `c` extends `d`, which is not declared: expected the name of a process
"#);
}

#[test]
fn files_of_variables() {
    let files = [
        (
            "process-compose.yaml",
            "processes:\n  a: {command: \"echo ${A} ${B} ${C}\", env_file: own.env, is_dotenv_disabled: true}\n",
        ),
        (".env", "A=1\nB=2\n"),
        ("own.env", "B=3\n"),
    ];
    insta::assert_snapshot!(imported(&files, &[("A", "os"), ("C", "os")]), @r#"
[supervisor]
env_file = [".env"]

[tasks.a]
command = ["bash", "-c", "echo ${A:-} 2 ${C:-}"]
env_file = "own.env?"
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
- process-compose.yaml:2 processes.a.is_dotenv_disabled: stead gives the variables of `.env` to every task
. process-compose.yaml:2 ${B…}: its value of now is written: stead has variables in texts only, as ${NAME} and ${NAME:-default}
over env.A=os
"#);
}

#[test]
fn strict_files_and_wrong_ones() {
    insta::assert_snapshot!(of("is_strict: true\nx-mine: 1\nother: 2\nprocesses:\n  a: {command: x, env: {}}\n"), @r#"
[tasks.a]
command = ["bash", "-c", "x"]
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
error process-compose.yaml:3 `other` is no key of the file: `is_strict` makes this an error
error process-compose.yaml:5 `env` is no key of a process: `is_strict` makes this an error
"#);
    insta::assert_snapshot!(of("- a\n"), @"
    error process-compose.yaml:1 this is no file for process-compose: expected a mapping with `processes`, found a list
    ");
    insta::assert_snapshot!(of(""), @"
    error process-compose.yaml:1 this file is empty: expected a mapping with `processes`
    ");
    insta::assert_snapshot!(of("processes:\n  a:\n    command: [x]\n    is_tty: maybe\n    replicas: \"2\"\n  b: x\n"), @r#"
[tasks.a]
restart = "never"
stop.timeout = "1h"
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
error process-compose.yaml:5 wrong value for `processes.a.replicas`: expected a whole number, without quotes
error process-compose.yaml:6 wrong value for `processes.b`: expected a mapping, found a text or number
error process-compose.yaml:3 wrong value for `processes.a.command`: expected a text, found a list
error process-compose.yaml:4 wrong value for `processes.a.is_tty`: expected `true` or `false`
"#);
    insta::assert_snapshot!(of("disable_env_expansion: true\nprocesses:\n  a: {command: \"${A} $$B\"}\n---\nx: 1\n"), @r#"
[tasks.a]
command = ["bash", "-c", "$${A} $$B"]
restart = "never"
stop.timeout = "1h"
- process-compose.yaml:5 ---: process-compose reads the first document of a file only
. process-compose.yaml:1 exit code: process-compose's is 0 even if a process has failed; stead's is 1 then
. process-compose.yaml:1 PC_PROC_NAME, PC_REPLICA_NUM: process-compose sets them; nothing here mentions them, so they are left out
. process-compose.yaml:1 exit code: process-compose ends with 0 even if a process failed; stead says 1 then, when it is run without a terminal
"#);
}

#[test]
fn aliases_of_variables_count_with_what_they_stand_for() {
    let lines: String =
        (1..9).map(|at| format!("  a{at}: &a{at} [{}]\n", vec![format!("*a{}", at - 1); 9].join(", "))).collect();
    let out = of(&format!("vars:\n  a0: &a0 x\n{lines}processes:\n  it: {{command: a}}\n"));
    assert!(out.contains("holds too much"), "{out}");
}
