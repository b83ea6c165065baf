use super::*;
use crate::import::testing;

fn imported(files: &[(&str, &str)]) -> String {
    let change = |around: &mut Surroundings| {
        around.variables =
            [("ENV", "prod"), ("TOKEN", "a b")].map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    };
    testing::imported("supervisord.conf", files, change, read)
}

fn of(text: &str) -> String {
    imported(&[("supervisord.conf", text)])
}

#[test]
fn a_usual_file() {
    insta::assert_snapshot!(of(r#"
[supervisord]
nodaemon=true
logfile=/dev/null

; the web server
[program:nginx]
command=/usr/sbin/nginx -g "daemon off;"
autorestart=true
priority=20
stdout_logfile=/dev/stdout
stdout_logfile_maxbytes=0

[program:worker]
command=php worker.php --env=%(ENV_ENV)s --token=%(ENV_TOKEN)s ; in the background
directory=/srv/app
environment=A="x,y",B=%(here)s
user=www-data
startsecs=5
stopsignal=QUIT
stopwaitsecs=30
stopasgroup=true
priority=10

[unix_http_server]
file=/tmp/x.sock
"#), @r#"
[tasks.worker]
# in the background
command = ["php", "worker.php", "--env=${ENV}", "--token=a", "b"]
dir = "/srv/app"
env = { A = "x,y", B = "/DIR" }
stdin = "open"
user = "www-data"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "5s"
stop = { signal = "SIGQUIT", timeout = "30s" }

# the web server
[tasks.nginx]
command = ["/usr/sbin/nginx", "-g", "daemon off;"]
stdin = "open"
restart = "always"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"
stop.only_parent = true
. supervisord.conf:4 supervisord.logfile: only supervisord itself is concerned
. supervisord.conf:23 priority: stead starts them in this order, and stops them all at the same time; say `after` where one needs another
. supervisord.conf:15 %(ENV_TOKEN)s: its value of now is written: it is no part of a single word
. supervisord.conf:19 program:worker.startsecs: supervisord tries again when it ends within 5 s, even with success; stead takes that for done
- supervisord.conf:15 program:worker.command: what follows a space and `;` or `#` is a comment for supervisord
. supervisord.conf:7 program:nginx.killasgroup: supervisord kills the process alone; stead leaves nothing behind
- supervisord.conf:11 program:nginx.stdout_logfile and 1 more: stead keeps the output of every task in .stead/logs
. supervisord.conf:25 [unix_http_server]: stead has a control socket and a page of its own
. supervisord.conf:1 SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME: supervisord sets them to tell a program about itself; they are left out
. supervisord.conf:1 exit: supervisord goes on when all programs have ended; `stead up --stay` does, too
"#);
}

#[test]
fn several_processes_groups_and_included_files() {
    insta::assert_snapshot!(imported(&[
        ("supervisord.conf", "[supervisord]\nenvironment=ALL=1\n[include]\nfiles = conf.d/*.conf none/*.ini\n[group:back]\nprograms=b\n"),
        ("conf.d/b.conf", "[program:b]\ncommand=run %(process_num)d %(here)s %(ENV_ALL)s\nprocess_name=%(program_name)s_%(process_num)02d\nnumprocs=2\nnumprocs_start=1\nautorestart=false\nstartsecs=0\n"),
        ("conf.d/a.conf", "[program:a]\ncommand=a\nautostart=no\nexitcodes=0,2\numask=022\n[eventlistener:e]\ncommand=x\n"),
    ]), @r#"
[env]
ALL = "1"

[tasks.a]
command = ["a"]
stdin = "open"
umask = "022"
autostart = false
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"
success_exit_codes = [0, 2]
stop.only_parent = true

[tasks.b_01]
command = ["run", "1", "/DIR/conf.d", "1"]
stdin = "open"
restart = "never"
stop.only_parent = true

[tasks.b_02]
command = ["run", "2", "/DIR/conf.d", "1"]
stdin = "open"
restart = "never"
stop.only_parent = true

[groups.back]
tasks = ["b_01", "b_02"]
- supervisord.conf:4 none/*.ini: no file is called like this; supervisord goes on without
. conf.d/a.conf:1 program:a.startsecs: supervisord tries again when it ends within 1 s, even with success; stead takes that for done
. conf.d/a.conf:1 program:a.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. conf.d/b.conf:1 program:b.killasgroup: supervisord kills the process alone; stead leaves nothing behind
! conf.d/a.conf:6 [eventlistener:e]: stead has no event listeners: [hooks] run a command when a task fails, recovers or ends everything
. supervisord.conf:1 SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME: supervisord sets them to tell a program about itself; they are left out
. supervisord.conf:1 exit: supervisord goes on when all programs have ended; `stead up --stay` does, too
"#);
}

#[test]
fn what_supervisord_refuses_is_refused() {
    insta::assert_snapshot!(of("[program:a]\ncommand=x 100%\nautorestart=maybe\nnumprocs=two\n[program:b]\n[program:c]\ncommand='x\nstopsignal=NOPE\nexitcodes=x\nkillasgroup=false\nstopasgroup=true\n[group:g]\nprograms=nobody\n"), @r#"
[tasks.a]
stdin = "open"
stop.only_parent = true

[tasks.b]
stdin = "open"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"
stop.only_parent = true

[tasks.c]
stdin = "open"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"

[groups.g]
tasks = []
. supervisord.conf:1 program:a.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. supervisord.conf:5 program:b.startsecs: supervisord tries again when it ends within 1 s, even with success; stead takes that for done
. supervisord.conf:5 program:b.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. supervisord.conf:6 program:c.startsecs: supervisord tries again when it ends within 1 s, even with success; stead takes that for done
. supervisord.conf:6 program:c.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. supervisord.conf:1 SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME: supervisord sets them to tell a program about itself; they are left out
. supervisord.conf:1 exit: supervisord goes on when all programs have ended; `stead up --stay` does, too
error supervisord.conf:1 there is no section [supervisord]: supervisord refuses a file without one: add a line `[supervisord]`
error supervisord.conf:4 wrong value for `program:a.numprocs`: expected a whole number
error supervisord.conf:2 wrong value for `program:a.command`: a `%` that is no `%(name)s`: write `%%` for one
error supervisord.conf:3 wrong value for `program:a.autorestart`: expected `true`, `false` or `unexpected`
error supervisord.conf:5 [program:b] without `command`: expected a command
error supervisord.conf:7 wrong value for `program:c.command`: a quote is never closed
error supervisord.conf:9 wrong value for `program:c.exitcodes`: expected numbers from 0 to 255
error supervisord.conf:8 wrong value for `program:c.stopsignal`: `NOPE` is not a signal; write it like "SIGTERM"
error supervisord.conf:10 wrong value for `program:c.killasgroup`: supervisord refuses this beside `stopasgroup = true`
error supervisord.conf:13 `nobody` is in group `g` and not declared: expected names of programs
"#);
    insta::assert_snapshot!(of("odd\n"), @r#"
. supervisord.conf:1 SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME: supervisord sets them to tell a program about itself; they are left out
. supervisord.conf:1 exit: supervisord goes on when all programs have ended; `stead up --stay` does, too
error supervisord.conf:1 this stands before the first section: expected a line like `[program:web]`
error supervisord.conf:1 there is no section [supervisord]: supervisord refuses a file without one: add a line `[supervisord]`
"#);
    insta::assert_snapshot!(of("[supervisord]\numask=077\nuser=www\ndirectory=/srv\n[program:a]\ncommand=x\n[program:b]\ncommand=x\nuser=1000\n"), @r#"
[tasks.a]
command = ["x"]
dir = "/srv"
stdin = "open"
user = "www"
umask = "077"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"
stop.only_parent = true

[tasks.b]
command = ["x"]
dir = "/srv"
stdin = "open"
user = 1000
umask = "077"
max_retries = 3
initial_backoff = "1s"
max_backoff = "3s"
reset_after = "1s"
stop.only_parent = true
. supervisord.conf:5 program:a.startsecs: supervisord tries again when it ends within 1 s, even with success; stead takes that for done
. supervisord.conf:5 program:a.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. supervisord.conf:7 program:b.startsecs: supervisord tries again when it ends within 1 s, even with success; stead takes that for done
. supervisord.conf:7 program:b.killasgroup: supervisord kills the process alone; stead leaves nothing behind
. supervisord.conf:1 SUPERVISOR_ENABLED, SUPERVISOR_PROCESS_NAME, SUPERVISOR_GROUP_NAME: supervisord sets them to tell a program about itself; they are left out
. supervisord.conf:1 exit: supervisord goes on when all programs have ended; `stead up --stay` does, too
"#);
}
