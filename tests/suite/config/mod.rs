//! The configuration, through the library.

mod environment;
mod orchestration;
mod slips;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::Value as Json;
use stead::config::{Account, Check, Config, ConfigError, HookCall, Limits, TaskSelection, schema};
use stead::supervisor::engine::HookEvent;
use stead::supervisor::engine::{OnExhausted, Policy};

/// A file that says everything there is to say.
const COMPLETE: &str = include_str!("complete.toml");

pub(crate) fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("stead.toml"))
}

pub(crate) fn refused(text: &str) -> String {
    parse(text).expect_err("it must be refused").to_string()
}

/// Each line, as part of a task, is one mistake that is answered with this remedy.
#[track_caller]
fn check_remedies<const N: usize>(lines: [(&str, &str); N]) {
    for (line, remedy) in lines {
        let report = refused(&format!("[tasks.a]\ncommand = \"x\"\n{line}\n"));
        assert!(report.contains(&format!("^ {remedy}")), "{line}: {remedy}\n{report}");
        assert!(report.contains("--> stead.toml:3:"), "{line}\n{report}");
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{line}\n{report}");
    }
}

/// A directory with these files.
pub(crate) fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

#[test]
fn a_complete_file_is_taken_as_it_says() {
    let dir = project(&[("stead.toml", COMPLETE), (".env", "RUST_LOG=debug\nTOKEN=\"a b\"\n")]);
    fs::create_dir(dir.path().join("below")).unwrap();
    let config = Config::load(None, &dir.path().join("below")).unwrap();
    assert_eq!((config.path, config.root.as_path()), (dir.path().join("stead.toml"), dir.path()));
    assert_eq!(config.supervisor.drain.graceful, Some(Duration::from_secs(20)));
    assert_eq!((config.logs.dir, config.logs.max_size, config.logs.keep), (dir.path().join("logs"), 0, 2));
    assert_eq!((config.logs.max_total, config.logs.keep_for), (2 << 30, Some(Duration::from_secs(14 * 24 * 3600))));
    assert_eq!((config.web.enabled, config.web.listen.unwrap().port()), (false, 0));
    assert_eq!(config.web.dist, Some(dir.path().join("bundle")));

    let names: Vec<_> = config.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["db", "migrate", "api", "worker", "mailer", "once"]);
    let [db, migrate, api, ..] = config.tasks.as_slice() else { panic!("five tasks") };
    assert_eq!((db.policy, db.restart.max_retries, db.dir.as_path()), (Policy::Critical, 1_000_000, dir.path()));
    assert_eq!((migrate.policy, migrate.on_exhausted), (Policy::Never, OnExhausted::Hold));
    assert_eq!((api.policy, api.on_exhausted), (Policy::Always, OnExhausted::Fatal));
    assert_eq!(api.env["RUST_LOG"].value.expose(), "info", "what `env` says wins");
    assert_eq!(api.env["TOKEN"].value.expose(), "a b");
    assert_eq!(api.dir, dir.path().join("api"));
    assert_eq!((api.restart.max_retries, api.restart.max_backoff), (0, Duration::from_secs(90)));
    assert_eq!(api.stop.signal.to_string(), "SIGINT");
    assert!(api.stop.only_parent);
    let limits = Limits { open_files: Some(256), memory: Some(2 << 30), cpu_time: Some(2), core: Some(0) };
    assert_eq!((api.limits, api.max_memory), (limits, Some(512 << 20)));
    assert_eq!((api.logs.max_size, api.logs.keep), (Some(8 << 20), Some(3)));
    assert_eq!((api.nice, api.umask), (-5, Some(0o027)));
    assert_eq!((&api.user, &api.group), (&Some(Account::Name("nobody".to_owned())), &Some(Account::Id(100))));
    assert_eq!(api.success_exit_codes, [0, 143]);
    let (ready, live) = (api.ready.as_ref().unwrap(), api.live.as_ref().unwrap());
    assert_eq!(
        (ready.within, ready.once, ready.tries.delay),
        (Some(Duration::from_secs(60)), true, Duration::from_secs(1))
    );
    assert!(ready.tries.http.accepts(204) && ready.tries.http.accepts(399) && !ready.tries.http.accepts(200));
    assert_eq!((ready.tries.http.headers["Authorization"].expose(), ready.tries.http.insecure), ("Bearer x", true));
    assert_eq!((live.failure_threshold, live.tries.interval), (2, Duration::from_secs(5)));
    assert!(matches!(&api.ready.as_ref().unwrap().check, Check::Http(url) if url.expose().ends_with("/health?x=1")));
}

#[test]
fn the_schema_has_every_key_that_is_read_and_no_other() {
    fn keys(schema: &Json, path: &str, all: &mut BTreeSet<String>) {
        for (key, schema) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}/{key}");
            assert!(schema["description"].is_string(), "{path}");
            all.insert(path.clone());
            keys(schema, &path, all);
            keys(&schema["additionalProperties"], &format!("{path}/*"), all);
        }
    }
    fn used(table: &toml::Table, path: &str, known: &BTreeSet<String>, all: &mut BTreeSet<String>) {
        for (key, value) in table {
            let own = format!("{path}/{key}");
            let path = if known.contains(&own) { own } else { format!("{path}/*") };
            all.insert(path.clone());
            if let Some(table) = value.as_table() {
                used(table, &path, known, all);
            }
        }
    }
    let (mut known, mut said) = (BTreeSet::new(), BTreeSet::new());
    keys(&schema(), "", &mut known);
    used(&COMPLETE.parse().unwrap(), "", &known, &mut said);
    said.retain(|path| !path.ends_with("/*"));
    assert_eq!(known, said);
}

#[test]
fn every_mistake_is_told_at_once_with_its_place_and_what_would_be_right() {
    let report = refused(
        r#"
[supervisor]
drian = "10s"

[tasks.api]
comand = "x"
after = { bd = "ready", db = "redy" }

[tasks.db]
command = ["postgres", 1]
critical = true
restart = "never"
"#,
    );
    insta::assert_snapshot!(report, @r#"
    error: unknown key `drian` in [supervisor]
     --> stead.toml:3:1
      |
    3 | drian = "10s"
      | ^^^^^ did you mean `drain`?

    error: unknown key `comand` in [tasks.api]
     --> stead.toml:6:1
      |
    6 | comand = "x"
      | ^^^^^^ did you mean `command`?

    error: `api` waits for `bd`, which is not declared
     --> stead.toml:7:11
      |
    7 | after = { bd = "ready", db = "redy" }
      |           ^^ did you mean `db`?

    error: wrong value for `after.db` in [tasks.api]
     --> stead.toml:7:30
      |
    7 | after = { bd = "ready", db = "redy" }
      |                              ^^^^^^ did you mean "ready"? expected one of "started", "ready", "success", "exited"

    error: wrong value for `command` in [tasks.db]
      --> stead.toml:10:24
       |
    10 | command = ["postgres", 1]
       |                        ^ expected a string, found a number

    error: `restart` contradicts `critical` in [tasks.db]
      --> stead.toml:12:1
       |
    12 | restart = "never"
       | ^^^^^^^ the exit of a critical task ends everything: remove this, or `critical`

    6 mistakes in stead.toml
    "#);
}

#[test]
fn a_report_ends() {
    let many: String = (0..60).map(|number| format!("key{number} = 1\n")).collect();
    assert!(refused(&many).ends_with("and 11 more\n\n61 mistakes in stead.toml"));
    let error = parse("").unwrap_err();
    assert!(!error.details(false).contains('\x1b'));
    assert!(error.details(true).contains('\x1b'));
}

#[test]
fn broken_syntax_hides_no_other_mistake_and_makes_none() {
    let report = refused(
        r#"
[tasks.api]
command = "x
retsart = "always"
after.worker = "ready"

[tasks.api]
command = "again"

[tasks.db]
command = ["postgres", "-D"
restart = 3

[tasks.worker]
command = "y"
"#,
    );
    insta::assert_snapshot!(report, @r#"
    error: invalid basic string
     --> stead.toml:3:13
      |
    3 | command = "x
      |             ^ expected `"`

    error: unknown key `retsart` in [tasks.api]
     --> stead.toml:4:1
      |
    4 | retsart = "always"
      | ^^^^^^^ did you mean `restart`?

    error: duplicate key
     --> stead.toml:7:8
      |
    7 | [tasks.api]
      |        ^^^ this was given before: keep one of the two

    error: this is never closed
      --> stead.toml:11:11
       |
    11 | command = ["postgres", "-D"
       |           ^ expected its end on this line or below

    4 mistakes in stead.toml
    "#);
}

#[test]
fn values_that_mean_nothing_are_refused() {
    check_remedies([
        ("reset_after = \"-1s\"", "`-1s` is negative"),
        ("reset_after = \"nan\"", "`nan` is not a duration"),
        ("reset_after = \"1000000000000y\"", "`1000000000000y` is not a duration"),
        ("reset_after = 3", "expected a duration like \"1m 30s\" or \"500ms\", found a number"),
        ("max_retries = -1", "expected a whole number from 0 to 4294967295"),
        ("max_retries = 1.5", "expected a whole number from 0 to 4294967295, found a number"),
        ("jitter = 1.01", "expected a number from 0 to 1"),
        ("jitter = nan", "expected a number from 0 to 1"),
        ("intensity = { restarts = 0, within = \"1h\" }", "expected a whole number from 1 to 1000"),
        ("intensity = { restarts = 1001, within = \"1h\" }", "expected a whole number from 1 to 1000"),
        ("intensity = { restarts = 1, within = \"0s\" }", "expected more than nothing"),
        ("intensity.restarts = 1", "expected `within`."),
        ("restart = \"on_failure\"", "did you mean \"on-failure\"?"),
        ("on_exhausted = \"give-up\"", "expected one of \"hold\", \"fatal\""),
        ("stdin = \"open\"\ntty = true", "a terminal is its standard input"),
        ("stdin = \"pipe\"", "expected one of \"null\", \"open\""),
        ("tty = \"yes\"", "expected `true` or `false`, found a string"),
        ("dir = \"\"", "expected a path, found nothing"),
        ("dir = \"a\\u0000b\"", "a NUL can't be passed on"),
        ("env = { \"A=B\" = \"\" }", "expected a name without `=`"),
        ("env = { \"\" = \"\" }", "expected a name without `=`"),
        ("env = { PORT = 80 }", "expected a string, found a number"),
        ("success_exit_codes = [256]", "expected a whole number from 0 to 255"),
        ("stop.signal = \"SIGNOPE\"", "`SIGNOPE` is not a signal; write it like"),
        ("stop.signal = \"SIGTREM\"", "`SIGTREM` is not a signal; did you mean \"SIGTERM\"?"),
        ("stop.signal = \"hupp\"", "`hupp` is not a signal; did you mean \"SIGHUP\"?"),
        ("stop.signal = \"soon\"", "`soon` is not a signal; write it like"),
        ("after = [\"db\", \"cache\"]", "expected a condition for each; write { db = \"ready\", cache = \"ready\" }"),
        ("after = \"db\"", "expected a condition for each; write { db = \"ready\" }"),
        ("limits.open_files = 2", "expected a whole number from 3 to 4294967295"),
        ("limits.memory = \"much\"", "expected a size with its unit"),
        ("max_memory = \"512\"", "`512` has no unit; expected a size with its unit, like \"64 MiB\""),
        ("max_memory = 512", "`512` has no unit"),
        ("limits.cpu_time = \"0s\"", "expected more than nothing"),
        ("limits.files = 20", "expected one of open_files, memory, cpu_time, core"),
        ("max_memory = 0", "expected more than nothing"),
        ("nice = 20", "expected a whole number from -20 to 19"),
        ("user = \"\"", "expected a name or a number, found nothing"),
        ("user = 4294967295", "expected a whole number from 0 to 4294967294"),
        ("group = true", "expected a name or a number, found a boolean"),
        ("umask = 27", "expected bits in octal like \"027\", found a number"),
        ("umask = \"028\"", "expected three octal digits"),
        ("umask = \"1777\"", "expected three octal digits"),
        ("colour = 1", "expected one of command, dir,"),
    ]);
}

#[test]
fn readiness_is_exactly_one_check_that_can_be_made() {
    check_remedies([
        ("ports = { http = 0 }", "expected a whole number from 1 to 65535"),
        ("ports = { http = \"free\" }", "expected a port number, or \"auto\""),
        ("ports = { \"a b\" = 1 }", "expected letters, digits"),
        ("ports = { a = 3000, b = 3000 }", "only one of them can listen there"),
        ("env.X = \"${tasks.a.ports.http}\"", "expected `${tasks.NAME.port}` of a task with `ports`"),
        ("ready = {}", "expected exactly one of `tcp`, `http`, `exec`, `log` and `notify`"),
        ("ready = { tcp = \"a:1\", log = \"x\" }", "expected exactly one of `tcp`, `http`, `exec`, `log` and `notify`"),
        ("ready.log = \"(\"", "not a regular expression: unclosed group"),
        ("ready.tcp = \"localhost\"", "expected a host and a port"),
        ("ready.tcp = \"localhost:0\"", "expected a host and a port"),
        ("ready.tcp = \"::1:80\"", "expected a host and a port"),
        ("ready.http = \"localhost:80\"", "expected a URL"),
        ("ready.http = \"ftp://localhost/\"", "expected a URL"),
        ("ready.notify = false", "expected `true`; leave it out otherwise"),
        ("ready = { tcp = \"a:1\", status = 200 }", "only an http check uses it"),
        ("ready = { http = \"http://a/\", status = 99 }", "expected a status from 100 to 599"),
        ("ready = { http = \"http://a/\", status = \"300-200\" }", "expected a status from 100 to 599"),
        ("ready = { http = \"http://a/\", headers = { \"a b\" = \"x\" } }", "write a name like"),
        ("ready = { tcp = \"a:1\", delay = \"5s\", within = \"5s\" }", "expected more than `delay`"),
        ("live = {}", "expected exactly one of `tcp`, `http`, `exec` and `notify`"),
        ("live.notify = \"0s\"", "expected more than nothing"),
        ("ready.http = \"http://me:secret@localhost/\"", "a user and password can't be given"),
        ("ready.exec = []", "expected a program and its arguments, found nothing"),
        ("ready = { tcp = \"a:1\", interval = \"0s\" }", "expected more than nothing"),
        ("ready = { tcp = \"a:1\", failure_threshold = 0 }", "expected a whole number from 1"),
    ]);
}

#[test]
fn nothing_to_run_is_refused() {
    for command in ["\"\"", "\"  \"", "[]", "[\"\"]"] {
        let report = refused(&format!("[tasks.a]\ncommand = {command}\n"));
        assert!(report.contains("found nothing to run"), "{report}");
    }
    assert!(refused("[tasks.a]\n").contains("`command` is missing in [tasks.a]"));
}

#[test]
fn a_critical_task_has_no_restarts_to_speak_of() {
    check_remedies([
        ("restart = \"always\"\ncritical = true", "the exit of a critical task ends everything"),
        ("on_exhausted = \"hold\"\ncritical = true", "the exit of a critical task ends everything"),
    ]);
}

#[test]
fn names_are_fit_for_files_and_terminals() {
    let names = &schema()["properties"]["tasks"]["propertyNames"];
    let fit = regex::Regex::new(names["pattern"].as_str().unwrap()).unwrap();
    for name in ["../x", "a/b", "a\\nb", "a\\u001bb", ".hidden", "-x", "", "é", &"x".repeat(65)] {
        assert!(!fit.is_match(&name.replace("\\n", "\n")), "{name}");
        let report = refused(&format!("[tasks.\"{name}\"]\ncommand = \"x\"\n"));
        assert!(report.contains("expected 1 to 64 letters"), "{name}\n{report}");
        assert!(!report.contains(['\x1b', '\r']), "{name}\n{report}");
    }
    let own = regex::Regex::new(names["not"]["pattern"].as_str().unwrap()).unwrap();
    for name in ["stead.web", "stead.anything"] {
        assert!(own.is_match(name));
        assert!(
            refused(&format!("[tasks.\"{name}\"]\ncommand = \"x\"\n"))
                .contains("what begins with `stead.` is stead's own")
        );
    }
    for name in ["web", "control", "gateway", "stead", "steadfast.web"] {
        assert!(!own.is_match(name));
        parse(&format!("[tasks.\"{name}\"]\ncommand = \"x\"\n")).unwrap();
    }
    assert!(refused("[tasks.a]\ncommand = \"x\"\n[tasks.a]\ncommand = \"y\"\n").contains("duplicate key"));
    for name in ["a.b-c_1", "_", &"x".repeat(64)] {
        assert!(fit.is_match(name), "{name}");
        parse(&format!("[tasks.\"{name}\"]\ncommand = \"x\"\n")).unwrap();
    }
}

#[test]
fn a_cycle_is_named_in_full() {
    let task = |name, after| format!("[tasks.{name}]\ncommand = \"x\"\nafter.{after} = \"ready\"\n");
    let report = refused(&[task("d", "a"), task("a", "b"), task("b", "c"), task("c", "a")].concat());
    assert!(report.contains("tasks wait for each other: a -> b -> c -> a\n"), "{report}");
    assert!(report.ends_with("\n1 mistake in stead.toml"), "{report}");
    assert!(refused(&task("a", "a")).contains("`a` waits for itself"));
}

#[test]
fn a_long_chain_is_no_cycle() {
    let task = |number: u32| format!("[tasks.t{number}]\ncommand = \"x\"\nafter.t{} = \"ready\"\n", number + 1);
    let chain: String = (0..2_000).map(task).chain(["[tasks.t2000]\ncommand = \"x\"\n".to_owned()]).collect();
    assert_eq!(parse(&chain).unwrap().tasks.len(), 2_001);
}

#[test]
fn what_never_comes_is_not_waited_for() {
    let report = |policy, condition| {
        parse(&format!("[tasks.a]\ncommand = \"x\"\n{policy}\n[tasks.b]\ncommand = \"x\"\nafter.a = \"{condition}\"\n"))
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default()
    };
    assert!(report("restart = \"always\"", "success").contains("`a` never comes to succeed"));
    assert!(report("critical = true", "success").contains("is critical: its exit ends everything"));
    assert!(report("critical = true", "exited").contains("is critical: its exit ends everything"));
    for (policy, condition) in [("restart = \"always\"", "exited"), ("critical = true", "ready"), ("", "success")] {
        assert_eq!(report(policy, condition), "", "{policy} {condition}");
    }
}

#[test]
fn an_inherited_backoff_yields_to_the_one_that_is_written() {
    let backoff = |keys: &str| {
        let config = parse(&format!("[tasks.a]\ncommand = \"x\"\n{keys}\n")).unwrap();
        let restart = config.tasks[0].restart;
        (restart.initial_backoff.as_millis(), restart.max_backoff.as_millis())
    };
    assert_eq!(backoff(""), (500, 30_000));
    assert_eq!(backoff("initial_backoff = \"1m\""), (60_000, 60_000));
    assert_eq!(backoff("max_backoff = \"100ms\""), (100, 100));
    check_remedies([(
        "max_backoff = \"1s\"\ninitial_backoff = \"2s\"",
        "expected at least `initial_backoff`, which is 2s",
    )]);
}

#[test]
fn a_selection_decides_what_starts_by_itself() {
    let dir = project(&[("stead.toml", COMPLETE), (".env", "")]);
    let select = |tasks: &[&str], profiles: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let selection = TaskSelection { tasks: owned(tasks), profiles: owned(profiles) };
        let config = Config::load(None, dir.path()).unwrap().select(&selection);
        let started = |config: Config| config.tasks.into_iter().filter(|task| task.autostart).map(|task| task.name);
        config.map(|config| started(config).collect::<Vec<_>>().join(" ")).map_err(|error| error.to_string())
    };
    assert_eq!(select(&["worker"], &[]).unwrap(), "worker");
    assert_eq!(select(&["mailer", "db"], &[]).unwrap(), "db mailer");
    assert_eq!(select(&["@backend"], &[]).unwrap(), "db worker");
    assert_eq!(select(&[], &[]).unwrap(), "db migrate api worker");
    assert_eq!(select(&[], &["dev", "mail"]).unwrap(), "db migrate api worker mailer");
    assert_eq!(select(&["once"], &[]).unwrap(), "once", "what is named is started, whatever the file says");
    assert_eq!(
        select(&["mailr"], &[]).unwrap_err(),
        "no task is called `mailr`; did you mean `mailer`? the tasks are db, migrate, api, worker, mailer, once"
    );
    assert_eq!(
        select(&["@bakend"], &[]).unwrap_err(),
        "no group is called `@bakend`; did you mean `@backend`? the only group is @backend"
    );
    assert_eq!(select(&[], &["mial"]).unwrap_err(), "no task has the profile `mial`; did you mean `mail`?");
}

#[test]
fn a_byte_order_mark_is_no_mistake() {
    assert_eq!(parse("\u{feff}[tasks.a]\ncommand = \"x\"\n").unwrap().tasks.len(), 1);
    assert!(refused("\u{feff}[tasks.a]\n").contains("--> stead.toml:1:8"));
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in ".{0,200}") {
        let _ = parse(&text).map_err(|error| error.to_string());
    }

    /// Damage to a good file, at any place: what is left is taken or refused with a report.
    #[test]
    fn no_damage_is_too_strange(at in 0..COMPLETE.len(), length in 0..40_usize, by in "[\\[\\]{}\"'=.,\n#x0é\\\\-]{0,4}") {
        let end = (at + length).min(COMPLETE.len());
        let text = [&COMPLETE[..at], &by, &COMPLETE[end..]].concat();
        let _ = parse(&text).map_err(|error| error.to_string());
    }
}

#[test]
fn a_hook_is_read_with_its_defaults() {
    let text = "tasks.api.command = './api'\nhooks.page = { on = ['failed', 'fatal'], url = 'http://localhost:9/x' }\n\
                hooks.mail = { on = ['exhausted'], tasks = ['api', 'stead.web'], command = ['mail'], timeout = '3s' }";
    let config = Config::parse(text, Path::new("stead.toml")).unwrap();
    let [page, mail] = config.hooks.as_slice() else { panic!("{:?}", config.hooks) };
    assert_eq!((page.name.as_str(), page.on.as_slice()), ("page", &[HookEvent::Failed, HookEvent::Fatal][..]));
    assert_eq!((&page.call, page.timeout.as_secs()), (&HookCall::Url("http://localhost:9/x".to_owned().into()), 10));
    assert!(page.tasks.is_empty() && config.ui.notify);
    assert_eq!((mail.tasks.as_slice(), mail.timeout.as_secs()), (&["api".to_owned(), "stead.web".to_owned()][..], 3));
}

#[test]
fn a_hook_that_could_not_work_is_refused() {
    for (hook, remedy) in [
        ("{ on = ['failed'] }", "expected exactly one of `command` and `url`"),
        ("{ on = ['failed'], command = 'x', url = 'http://localhost' }", "expected exactly one of"),
        ("{ command = 'x' }", "`on` is missing in [hooks.page]"),
        ("{ on = [], command = 'x' }", "expected at least one of"),
        ("{ on = ['faild'], command = 'x' }", "did you mean \"failed\"?"),
        ("{ on = ['failed'], tasks = ['apy'], command = 'x' }", "no task is called `apy`; did you mean `api`?"),
        ("{ on = ['failed'], tasks = ['web'], command = 'x' }", "no task is called `web`; did you mean `stead.web`?"),
        ("{ on = ['failed'], url = 'ftp://example.org' }", "expected a URL like"),
        ("{ on = ['failed'], url = 'localhost' }", "expected a URL like"),
        ("{ on = ['failed'], command = 'x', timeout = '0s' }", "expected more than nothing"),
    ] {
        let text = format!("tasks.api.command = './api'\nhooks.page = {hook}");
        let error = Config::parse(&text, Path::new("stead.toml")).unwrap_err().to_string();
        assert!(error.contains(remedy), "{hook}: {error}");
    }
}

#[test]
fn a_command_is_shown_as_a_shell_would_have_to_be_given_it() {
    let shown = |command: &str| {
        let config = parse(&format!("tasks.api.command = {command}")).unwrap();
        config.tasks[0].command.to_string()
    };
    assert_eq!(shown("['redis-server', '--save', '', '--port=1']"), "redis-server --save '' --port=1");
    assert_eq!(shown("['sh', '-c', \"it's $HOME\"]"), r"sh -c 'it'\''s $HOME'");
    assert_eq!(shown("'echo $HOME'"), "echo $HOME");
}

#[test]
fn the_examples_in_the_documents_are_right() {
    let mut examples = 0;
    for document in ["README.md", "docs/reference.md"] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(document)).unwrap();
        for example in text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let dir = project(&[("stead.toml", example), ("base.toml", "")]);
            Config::load(None, dir.path()).unwrap_or_else(|error| panic!("{document}: {error}"));
            examples += 1;
        }
    }
    assert!(examples >= 2);
}
