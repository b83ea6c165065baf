//! One slip, one mistake; and what people write who know other tools.

use std::path::Path;

use serde_json::json;
use stead::config::Config;

use super::refused;

/// Each file has one mistake, which is answered with these words.
#[track_caller]
fn check_slips(slips: &[(&str, &str)]) {
    for (text, answer) in slips {
        let report = refused(text);
        assert!(report.contains(answer), "{text}: {answer}\n{report}");
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{text}\n{report}");
    }
}

#[test]
fn one_slip_is_one_mistake() {
    check_slips(&[
        ("tasks.a.comand = 'x'", "did you mean `command`?"),
        ("[task.a]\ncommand = 'x'", "stead's word is `tasks`"),
        ("[taks.a]\ncommand = 'x'", "did you mean `tasks`?"),
        ("[taks.db]\ncommand = 'x'\n[tasks.a]\ncommand = 'x'\nafter.db = 'ready'", "did you mean `tasks`?"),
        ("[services.db]\ncommand = 'x'\n[tasks.a]\ncommand = 'x'\nafter.db = 'ready'", "stead's word is `tasks`"),
        ("tasks.db = 'postgres'\ntasks.a = { command = 'x', after.db = 'ready' }", "expected a table, found a string"),
        ("tasks = 'postgres'", "expected a table, found a string"),
        ("tasks.a = { command = 'x', ready.tpc = 'localhost:1' }", "did you mean `tcp`?"),
        ("tasks.a = { command = 'x', ready.tcp = 5 }", "expected a host and a port, found a number"),
        ("tasks.a = { command = 'x', intensity = { restart = 1, within = '1s' } }", "did you mean `restarts`?"),
        ("tasks.a.command = 'x'\nhooks.h = { on = ['fatal'], comand = 'x' }", "did you mean `command`?"),
        ("tasks.a.command = 'x'\nhooks.h = { onn = ['fatal'], command = 'x' }", "did you mean `on`?"),
        ("[tasks.a]\ncommand = 'x'\ntty = true\n[tasks.a]\ncommand = 'x'\ntty = true\n", "duplicate key"),
        ("tasks.'a b'.command = 'x'\ntasks.c = { command = 'x', after.'a b' = 'ready' }", "can't be called `a b`"),
        ("tasks.a.command = ''", "found nothing to run"),
        ("tasks.a = { command = 'x', env_file = 'none.env' }", "cannot read"),
        ("[tasks.a\ncommand = 'x'\nready.tcp = 5\n", "expected `]`"),
        ("[tasks.a\ncommand = 'x'\n[tasks.b]\ncommand = 'x'\n", "expected `]`"),
        ("tasks.a = { command = '${NOT_SET}', env_file = 'none.env?' }", "unknown variable `NOT_SET`"),
    ]);
}

#[test]
fn the_words_of_other_tools_are_answered_with_steads() {
    let task = |line: &str| format!("[tasks.db]\ncommand = 'x'\n[tasks.a]\ncommand = 'x'\n{line}\n");
    for (line, answer) in [
        ("depends_on = ['db']", "stead's word is `after`, with a condition: after = { db = \"ready\" }"),
        ("environment = { A = 'b' }", "stead's word is `env`"),
        ("working_dir = '.'", "stead's word is `dir`"),
        ("cwd = '.'", "stead's word is `dir`"),
        ("auto_start = false", "stead's word is `autostart`"),
        ("restart_policy = 'always'", "stead's word is `restart`: \"always\", \"on-failure\" or \"never\""),
        ("instances = 2", "stead's word is `replicas`: replicas = 2"),
        ("numprocs = 2", "stead's word is `replicas`"),
        ("depend_on = ['db']", "stead's word is `after`"),
        ("stop_signal = 'SIGINT'", "it belongs to `stop`: stop.signal"),
        ("healthcheck = { test = 'x' }", "stead's word is `ready`"),
        ("env = ['A=b c']", "expected a table, found an array; write env = { A = \"b c\" }"),
        ("env = 'A=b'", "expected a table, found a string; write env = { A = \"b\" }"),
        ("stop = 'SIGINT'", "write stop.signal = \"SIGINT\""),
        ("stop = './stop'", "write stop.command = \"./stop\""),
        ("ready = 'http://127.0.0.1:1/'", "write ready.http = \"http://127.0.0.1:1/\""),
        ("restart = 'unless-stopped'", "stead's word is \"always\""),
        ("after.db = 'service_completed_successfully'", "stead's word is \"success\""),
        ("after.db = 'healthy'", "stead's word is \"ready\""),
    ] {
        check_slips(&[(&task(line), answer)]);
    }
    check_slips(&[
        ("tasks.a.cmd = 'x'", "stead's word is `command`"),
        ("tasks.a.command = 'x'\n[environment]\nA = 'b'", "stead's word is `env`: [env]"),
        ("env_file = '.env'\ntasks.a.command = 'x'", "it belongs to `[supervisor]`"),
    ]);
}

#[test]
fn the_configuration_serialises_under_the_keys_of_the_file() {
    let text = "supervisor.jitter = 0.5\n\
                tasks.api = { command = ['./api', '-v'], env.KEY = 'hunter2', umask = '027', user = 5, max_memory = '1 KiB' }\n\
                tasks.page = { command = 'x', ready.log = 'up', after.api = 'started', limits.core = 0 }\n\
                hooks.page = { on = ['failed'], url = 'http://me:hunter2@localhost:9/token/hunter2?key=hunter2' }\n\
                hooks.mail = { on = ['fatal'], command = 'mail' }";
    let config = Config::parse(text, Path::new("/srv/shop/stead.toml")).unwrap();
    let shown = serde_json::to_value(&config).unwrap();
    let (api, page) = (&shown["tasks"]["api"], &shown["tasks"]["page"]);
    assert_eq!(api["command"], json!(["./api", "-v"]));
    assert_eq!((&api["env"], &api["umask"], &api["user"]), (&json!({ "KEY": "***" }), &"027".into(), &"5".into()));
    assert_eq!((&api["max_retries"], &api["max_memory"], &api["jitter"]), (&5.into(), &1024.into(), &0.5.into()));
    assert_eq!((&api["stop"]["signal"], &api["stop"]["timeout_ms"]), (&"SIGTERM".into(), &10_000.into()));
    assert_eq!((&page["ready"]["log"], &page["ready"]["interval_ms"]), (&"up".into(), &2_000.into()));
    assert_eq!((&page["after"], &page["limits"]["core"]), (&json!({ "api": "started" }), &0.into()));
    assert_eq!(
        (&shown["supervisor"]["drain_ms"], &shown["supervisor"]["jitter"]),
        (&serde_json::Value::Null, &0.5.into())
    );
    assert_eq!(shown["hooks"]["page"]["url"], "http://localhost:9/***");
    assert_eq!(
        (&shown["hooks"]["mail"]["command"], &shown["hooks"]["mail"]["on"]),
        (&"mail".into(), &json!(["fatal"]))
    );
    assert!(!shown.to_string().contains("hunter2") && !format!("{config:?}").contains("hunter2"));
}
