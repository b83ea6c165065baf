//! Files that grow: `include`, `env`, `env_file`, and the variables in braces.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use stead::config::{Config, TaskConfig};

use super::{parse, project, refused};

fn only(text: &str) -> TaskConfig {
    parse(text).unwrap_or_else(|error| panic!("{error}")).tasks.remove(0)
}

fn env(task: &TaskConfig) -> BTreeMap<&str, &str> {
    task.env.iter().map(|(name, variable)| (name.as_str(), variable.value.expose())).collect()
}

fn load(dir: &tempfile::TempDir) -> Result<Config, String> {
    Config::load(None, dir.path()).map_err(|error| error.to_string().replace(dir.path().to_str().unwrap(), "DIR"))
}

#[test]
fn what_comes_later_wins() {
    let text = "supervisor.env_file = ['all.env', 'more.env?', 'none.env?']\n\
                env = { C = 'env', D = 'env', E = 'env' }\n\
                tasks.a = { command = 'x', env_file = 'task.env', env = { E = 'task' } }\n\
                tasks.b.command = 'x'";
    let all = "A=all\nB=all\nC=all\nPATH=all\n";
    let dir =
        project(&[("stead.toml", text), ("all.env", all), ("more.env", "B=more"), ("task.env", "D=file\nE=file")]);
    let config = load(&dir).unwrap();
    let expected = [("A", "all"), ("B", "more"), ("C", "env"), ("D", "file"), ("E", "task"), ("PATH", "all")];
    assert_eq!(env(&config.tasks[0]), BTreeMap::from(expected));
    assert_eq!(env(&config.tasks[1])["D"], "env");
    let origin = |name: &str| config.tasks[0].env[name].origin.to_string().replace(dir.path().to_str().unwrap(), "DIR");
    let origins = ["B", "C", "D", "E"].map(origin);
    let expected = ["DIR/more.env:1", "stead.toml:2, [env]", "DIR/task.env:1", "stead.toml:3, [tasks.a.env]"];
    assert_eq!(origins, expected);
}

#[test]
fn a_value_uses_what_stands_above_it_and_what_its_name_stood_for() {
    let path = std::env::var("PATH").unwrap();
    let task = only(
        "env = { A = '1', B = '${A}2', PATH = '/opt:${PATH}' }\n\
         tasks.a = { command = 'x', env = { A = '${A}0', C = '${B}${A}', D = '$A $${A}' } }",
    );
    let own = format!("/opt:{path}");
    let expected = [("A", "10"), ("B", "12"), ("C", "1210"), ("D", "$A ${A}"), ("PATH", own.as_str())];
    assert_eq!(env(&task), BTreeMap::from(expected));
    assert!(refused("env = { B = '${A}', A = '1' }\ntasks.a.command = 'x'").contains("unknown variable `A`"));
}

#[test]
fn every_string_is_filled_in() {
    let text = "env = { N = '7', DIR = 'sub', WORD = 'never', KEY = 's3cr$et!' }\n\
                supervisor.drain = '${N}s'\n\
                web.listen = '127.0.0.1:70${N}0'\n\
                logs.dir = '${DIR}/logs'\n\
                [tasks.a]\n\
                command = ['run', '--key=${KEY}', '$KEY', '${f%.c}']\n\
                dir = '${DIR}'\n\
                restart = '${WORD}'\n\
                stop.timeout = '${N}s'\n\
                stop.command = './stop ${KEY}'\n\
                ready.http = 'http://127.0.0.1:70${N}0/?key=${KEY}'\n\
                user = '${NOBODY_HAS_THIS:-www}'";
    let config = parse(text).unwrap();
    let task = &config.tasks[0];
    assert_eq!(
        (config.supervisor.drain.graceful, config.web.listen.unwrap().port()),
        (Some(Duration::from_secs(7)), 7070)
    );
    assert!(config.logs.dir.ends_with("sub/logs") && task.dir.ends_with("sub"));
    assert_eq!(task.command.to_argv(), ["run", "--key=s3cr$et!", "$KEY", "${f%.c}"]);
    assert_eq!((task.stop.timeout.as_secs(), task.user.as_ref().unwrap().to_string()), (7, "www".to_owned()));
    // What may hold a secret is shown as it is written.
    assert_eq!(task.command.to_string(), "run '--key=${KEY}' '$KEY' '${f%.c}'");
    let shown = serde_json::to_string(&config).unwrap() + &format!("{config:?}");
    assert!(shown.contains("./stop ${KEY}") && shown.contains("/?key=${KEY}"), "{shown}");
    assert!(!shown.contains("s3cr$et!"), "{shown}");
}

#[test]
fn an_unknown_variable_is_named_in_its_place() {
    let report =
        refused("[env]\nAPI_KEY = 'x'\n[tasks.a]\ncommand = '''\nfor f in *; do\n  go ${APY_KEY} ${f}\ndone'''\n");
    insta::assert_snapshot!(report, @r#"
    error: unknown variable `APY_KEY`, in `command` in [tasks.a]
     --> stead.toml:6:6
      |
    6 |   go ${APY_KEY} ${f}
      |      ^^^^^^^^^^ did you mean `API_KEY`?

    1 mistake in stead.toml
    "#);
    let report = refused("tasks.a.command = 'echo ${f}'\n");
    assert!(report.contains("what the shell sets is written `$f` or `$${f}`"), "{report}");
    let report = refused("tasks.a = { command = 'x', ready.tcp = '127.0.0.1:${DB_PORT:?see README.md}' }");
    assert!(report.contains("`DB_PORT` is not set, in `tcp` in [tasks.a.ready]"), "{report}");
    assert!(report.contains("^ see README.md"), "{report}");
    let report = refused("tasks.a = { command = 'x', stop.timeout = '${NOPE:-soon}' }");
    assert!(report.contains("`soon` is not a duration"), "{report}");
    let report = refused("tasks.a.command = 'x ${tasks.b.port}'");
    assert!(report.contains("expected `${tasks.NAME.port}` of a task with `ports`"), "{report}");
}

#[test]
fn an_env_file_is_read_or_named() {
    let text = "[tasks.a]\ncommand = \"x\"\nenv_file = \"the.env\"\n";
    let dir = project(&[("stead.toml", text)]);
    let report = || load(&dir).unwrap_err();
    assert!(report().contains("cannot read DIR/the.env: No such file"), "{}", report());
    fs::write(dir.path().join("the.env"), "# ours\nGOOD=1\n\nsecret without a name\n").unwrap();
    assert!(report().contains("DIR/the.env, line 4: expected NAME=VALUE"), "{}", report());
    assert!(!report().contains("secret"), "what stands there may be a secret");
    fs::write(dir.path().join("the.env"), "\u{feff}GOOD=s3cr$et!x\r\n").unwrap();
    assert_eq!(env(&load(&dir).unwrap().tasks[0])["GOOD"], "s3cr$et!x");
}

#[test]
fn an_env_file_is_read_again_for_each_run() {
    let text = "supervisor.env_file = 'all.env?'\n\
                tasks.a = { command = ['echo', '${KEY}'], max_retries = 3, env_file = 'the.env', env.B = '${KEY}!' }\n\
                tasks.b.command = 'x'";
    let dir = project(&[("stead.toml", text), ("the.env", "KEY=old")]);
    let config = load(&dir).unwrap();
    let task = &config.tasks[0];
    let run = || {
        task.for_run()
            .map(std::borrow::Cow::into_owned)
            .map_err(|error| error.replace(dir.path().to_str().unwrap(), "DIR"))
    };
    assert_eq!(&run().unwrap(), task, "nothing has changed");
    fs::write(dir.path().join("the.env"), "KEY=new\n").unwrap();
    fs::write(dir.path().join("all.env"), "KEY=all\nMORE=1\n").unwrap();
    let fresh = run().unwrap();
    assert_eq!(env(&fresh), BTreeMap::from([("KEY", "new"), ("MORE", "1"), ("B", "new!")]));
    assert_eq!((fresh.command.to_argv(), fresh.restart.max_retries), (vec!["echo".to_owned(), "new".to_owned()], 3));
    assert_eq!(env(&config.tasks[1].for_run().unwrap())["MORE"], "1");
    fs::write(dir.path().join("the.env"), "OTHER=1\n\nKEY\n").unwrap();
    assert_eq!(run().unwrap_err(), "wrong value for `env_file` in [tasks.a]: DIR/the.env, line 3: expected NAME=VALUE");
    fs::remove_file(dir.path().join("the.env")).unwrap();
    assert!(run().unwrap_err().contains("cannot read DIR/the.env: No such file"));
}

#[test]
fn a_file_lies_over_those_that_it_includes() {
    let dir = project(&[
        ("stead.toml", "include = ['base.toml', 'sub/api.toml', 'local.toml?']\n[tasks.db]\ncommand = 'mine'\n"),
        (
            "base.toml",
            "env.A = 'base'\n[tasks.db]\ncommand = 'base'\nenv_file = 'db.env'\nsuccess_exit_codes = [0, 1]\n",
        ),
        ("db.env", "B=file"),
    ]);
    fs::create_dir(dir.path().join("sub")).unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "sub/api.toml",
        "include = ['deep.toml']\n[tasks.api]\ncommand = './api'\nenv_file = '.env'\nafter.db = 'ready'\n",
    );
    write("sub/deep.toml", "[tasks.db]\nsuccess_exit_codes = [3]\ndir = 'data'\n[tasks.api]\ncommand = 'no'\n");
    write("sub/.env", "C=sub");
    let config = load(&dir).unwrap();
    let [db, api] = config.tasks.as_slice() else { panic!("{:?}", config.tasks) };
    assert_eq!(
        (db.name.as_str(), db.command.to_string(), &*db.success_exit_codes),
        ("db", "mine".to_owned(), &[3][..])
    );
    assert_eq!(env(db), BTreeMap::from([("A", "base"), ("B", "file")]));
    assert_eq!((&db.dir, &api.dir), (&dir.path().join("sub/data"), &dir.path().join("sub")));
    assert_eq!((api.command.to_string(), env(api)["C"]), ("./api".to_owned(), "sub"));
    write("local.toml", "[tasks.api]\ncommand = 'local'\n");
    assert_eq!(load(&dir).unwrap().tasks[1].dir, dir.path(), "where its command is written");
}

#[test]
fn what_can_not_be_included_is_named_in_its_place() {
    let include = |files: &[(&str, &str)]| load(&project(files)).unwrap_err();
    let main = ("stead.toml", "include = [\n  'a.toml',\n]\ntasks.a.command = 'x'\n");
    insta::assert_snapshot!(include(&[main]), @r"
    error: cannot read a.toml
     --> stead.toml:2:3
      |
    2 |   'a.toml',
      |   ^^^^^^^^ No such file or directory (os error 2); a file that may be missing is written with a `?` at its end

    1 mistake in stead.toml
    ");
    insta::assert_snapshot!(include(&[main, ("a.toml", "include = ['b.toml']"), ("b.toml", "include = ['a.toml']")]), @r"
    error: files include each other: a.toml -> b.toml -> a.toml
     --> b.toml:1:12
      |
    1 | include = ['a.toml']
      |            ^^^^^^^^ remove one of these

    1 mistake in b.toml
    ");
    let own = include(&[("stead.toml", "include = ['./stead.toml']\ntasks.a.command = 'x'")]);
    assert!(own.contains("files include each other: stead.toml -> "), "{own}");
    let both = include(&[
        ("stead.toml", "include = ['a.toml']\ntasks.a.tty = 1\n"),
        ("a.toml", "\n[tasks.a]\ncomand = 'x'\n"),
    ]);
    assert!(both.contains("--> a.toml:3:1") && both.contains("--> stead.toml:2:15"), "{both}");
    assert!(both.ends_with("2 mistakes in stead.toml, a.toml"), "{both}");
    let broken = include(&[main, ("a.toml", "x = [\n1,\n"), ("b.toml", "")]);
    assert!(broken.contains("this is never closed\n --> a.toml:1:5"), "{broken}");
    let wrong = include(&[("stead.toml", "include = 'a.toml'\ntasks.a.command = 'x'\n")]);
    assert!(wrong.contains("expected an array, found a string"), "{wrong}");
    // Each file includes the next one twice.
    let twice: Vec<_> =
        (0..20).map(|n| (format!("{n}.toml"), format!("include = ['{0}.toml', '{0}.toml']", n + 1))).collect();
    let mut files: Vec<_> = twice.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    files.extend([("stead.toml", "include = ['0.toml']\ntasks.a.command = 'x'\n"), ("20.toml", "")]);
    assert!(include(&files).contains("more than 256 files"));
}

#[test]
fn windows_line_ends_reach_no_command() {
    let task = only("[tasks.a]\r\ncommand = '''\r\nset -e\r\necho a\\\r\n  b\r\n'''\r\nenv.A = \"\"\"x\r\ny\"\"\"\r\n");
    assert_eq!(task.command.to_argv()[2], "set -e\necho a\\\n  b\n");
    assert_eq!(env(&task)["A"], "x\ny");
    assert!(refused("[tasks.a]\r\ncommand = 'x'\r\ncolour = 1\r\n").contains("--> stead.toml:3:1"));
}

#[test]
fn ten_thousand_expansions_are_read_in_no_time() {
    let words: String = (0..100).map(|n| format!("${{A}}${{B{n}:-${{A:-x}}}}")).collect();
    let tasks: String = (0..50).map(|n| format!("[tasks.t{n}]\ncommand = '{words}'\n")).collect();
    let text = format!("env.A = '1'\n{tasks}");
    let least = (0..5).map(|_| {
        let begun = Instant::now();
        assert_eq!(parse(&text).unwrap().tasks.len(), 50);
        begun.elapsed()
    });
    let limit = Duration::from_millis(if cfg!(debug_assertions) { 500 } else { 50 });
    assert!(least.min().unwrap() < limit);
}
