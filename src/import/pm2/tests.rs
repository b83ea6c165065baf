use super::*;
use crate::import::testing;

fn imported(name: &str, files: &[(&str, &str)], env: Option<&str>) -> String {
    let change = |around: &mut Surroundings| around.options.env = env.map(str::to_owned);
    testing::imported(name, files, change, |draft, file, path, around| read(draft, file, path, None, around))
}

fn of(app: &str) -> String {
    imported(
        "ecosystem.config.yaml",
        &[("ecosystem.config.yaml", &format!("apps:\n- {}\n", app.replace('\n', "\n  ")))],
        None,
    )
}

#[test]
fn a_usual_file() {
    let json = r#"{
  // the site
  "apps": [{
    "name": "api", "script": "dist/index.js", "cwd": "./api", "node_args": "--enable-source-maps --max=1",
    "args": "serve --name=\"a b\" 'c d'",
    "instances": 1, "exec_mode": "fork", "watch": false, "time": true, "max_memory_restart": "500M",
    "env": { "NODE_ENV": "production", "PORT": 3000, "ON": true, "LIST": [1, "a"], "NONE": null },
    "env_staging": { "NODE_ENV": "staging" },
    "kill_timeout": 10000, "exp_backoff_restart_delay": 100, "max_restarts": 10, "error_file": "x", "out_file": "y",
  }],
  "deploy": {}
}"#;
    insta::assert_snapshot!(imported("ecosystem.config.json", &[("ecosystem.config.json", json)], None), @r#"
[tasks.api]
command = ["node", "--enable-source-maps", "--max=1", "dist/index.js", "serve", '--name="a b"', "c d"]
dir = "api"
env = { NODE_ENV = "production", PORT = "3000", ON = "true", LIST = '[1,"a"]' }
stdin = "open"
restart = "always"
max_retries = 9
initial_backoff = "100ms"
max_backoff = "15s"
reset_after = "1s"
stop.signal = "SIGINT"
max_memory = "500 MiB"
. ecosystem.config.json:11 deploy: stead deploys nothing
. ecosystem.config.json:8 apps.env_staging: it is taken with `--env staging`
. ecosystem.config.json:9 apps.exp_backoff_restart_delay: the wait is doubled every time; pm2's grows by half
- ecosystem.config.json:9 apps.out_file and 2 more: stead keeps the output of every task in .stead/logs
. ecosystem.config.json:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.json:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(imported("ecosystem.config.json", &[("ecosystem.config.json", json)], Some("staging")), @r#"
[tasks.api]
command = ["node", "--enable-source-maps", "--max=1", "dist/index.js", "serve", '--name="a b"', "c d"]
dir = "api"
env = { NODE_ENV = "staging", PORT = "3000", ON = "true", LIST = '[1,"a"]' }
stdin = "open"
restart = "always"
max_retries = 9
initial_backoff = "100ms"
max_backoff = "15s"
reset_after = "1s"
stop.signal = "SIGINT"
max_memory = "500 MiB"
. ecosystem.config.json:11 deploy: stead deploys nothing
. ecosystem.config.json:9 apps.exp_backoff_restart_delay: the wait is doubled every time; pm2's grows by half
- ecosystem.config.json:9 apps.out_file and 2 more: stead keeps the output of every task in .stead/logs
. ecosystem.config.json:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.json:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
}

#[test]
fn interpreters_follow_from_the_script() {
    insta::assert_snapshot!(of("script: npm\nargs: run dev\ninterpreter: none"), @r#"
[tasks.npm]
command = ["npm", "run", "dev"]
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("script: python3 run.py --ok"), @r#"
[tasks.python3]
command = ["bash", "-c", "python3 run.py --ok"]
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("script: job.py\nautorestart: false"), @r#"
[tasks.job]
command = ["python", "job.py"]
stdin = "open"
restart = "never"
stop = { signal = "SIGINT", timeout = "1600ms" }
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("script: server\nname: My App\nrestart_delay: 2s"), @r#"
[tasks.My-App]
command = ["server"]
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "2s"
max_backoff = "2s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }
- ecosystem.config.yaml:2 My App: stead calls it `My-App`
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
}

#[test]
fn instances_are_tasks_unless_they_are_a_cluster() {
    insta::assert_snapshot!(of("script: a.js\ninstances: 2\nexec_mode: fork\nincrement_var: PORT\nenv: {PORT: 3000}"), @r#"
[tasks.a-0]
command = ["node", "a.js"]
env = { PORT = "3000", NODE_APP_INSTANCE = "0" }
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }

[tasks.a-1]
command = ["node", "a.js"]
env = { PORT = "3001", NODE_APP_INSTANCE = "1" }
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("script: a.js\ninstances: max"), @r#"
[tasks.a]
command = ["node", "a.js"]
stdin = "open"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
stop = { signal = "SIGINT", timeout = "1600ms" }
! ecosystem.config.yaml:3 apps.instances: stead runs one process: in cluster mode pm2's node shares one port among several
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
}

#[test]
fn the_rest() {
    insta::assert_snapshot!(of("script: a.js\nwatch: [src, \"*.json\"]\nignore_watch: [logs]\nwatch_delay: 500\nnamespace: back\nuser: www"), @r#"
[tasks.a]
command = ["node", "a.js"]
stdin = "open"
user = "www"
restart = "always"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
watch = { paths = ["src/**", "*.json"], ignore = ["logs/**"], debounce = "500ms" }
stop = { signal = "SIGINT", timeout = "1600ms" }

[groups.back]
tasks = ["a"]
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("script: a.js\nwatch: true\ncron_restart: 0 3 * * *\nwait_ready: true\nshutdown_with_message: true\nstop_exit_codes: [0, 3]\ntreekill: false\nodd: 1\nvizion: false"), @r#"
[tasks.a]
command = ["node", "a.js"]
stdin = "open"
max_retries = 15
initial_backoff = "0s"
max_backoff = "0s"
reset_after = "1s"
success_exit_codes = [0, 3]
watch = { paths = ["**"], ignore = ["**/node_modules/**", "**/.*"] }
stop = { signal = "SIGINT", only_parent = true, timeout = "1600ms" }
! ecosystem.config.yaml:6 apps.shutdown_with_message: stead speaks no IPC of node: it sends the signal
- ecosystem.config.yaml:4 apps.cron_restart: stead restarts nothing at times: make a task with `schedule` that runs `stead restart NAME`
- ecosystem.config.yaml:5 apps.wait_ready: stead does not hear process.send('ready'): give `ready`, or use sd_notify
- ecosystem.config.yaml:9 apps.odd: pm2 does not know it either
. ecosystem.config.yaml:10 apps.vizion: only pm2 itself is concerned
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
"#);
    insta::assert_snapshot!(of("name: a"), @r#"
. ecosystem.config.yaml:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. ecosystem.config.yaml:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
error ecosystem.config.yaml:2 an app without `script`: expected the path of a program
"#);
    insta::assert_snapshot!(imported("a.json", &[("a.json", "[]")], None), @r#"
. a.json:1 name, pm_id, NODE_APP_INSTANCE, NODE_CHANNEL_FD and others: pm2 puts its description of an app into the environment; only the number of an instance is set, where there are several
. a.json:1 exit: pm2 goes on in the background when all apps have ended, and `stead up -d` does, too; without -d stead ends then, with 1 if an app has failed
error a.json:1 no app is declared: expected at least one in `apps`
"#);
}
