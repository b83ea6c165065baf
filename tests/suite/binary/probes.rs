//! Probes of real tasks: liveness, time limits, what a task says of itself, https.

use std::fs;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use super::{Project, Stead, has, until};

/// A task that says these messages by sd_notify, one after the other, whenever the file of that number is there.
fn notifier(messages: &[&str]) -> String {
    let mut script = "import os, socket, time\n\
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
        name = os.environ['NOTIFY_SOCKET']\n\
        address = '\\0' + name[1:] if name[0] == '@' else name\n\
        def say(text): sock.sendto(text.encode(), address)\n"
        .to_owned();
    for (number, message) in messages.iter().enumerate() {
        script += &format!("while not os.path.exists('{number}'): time.sleep(0.01)\nsay('{message}')\n");
    }
    script + "print('said all', flush=True)\ntime.sleep(600)\n"
}

pub(super) fn snapshot(project: &Project, task: &str) -> serde_json::Value {
    let told = project.client(&["status", "--json"]);
    let snapshot: serde_json::Value = serde_json::from_str(&told.out).unwrap_or_default();
    let tasks = snapshot["tasks"].as_array().cloned().unwrap_or_default();
    tasks.into_iter().find(|found| found["name"] == task).unwrap_or_default()
}

fn stopped(stead: Stead) {
    stead.signal(Signal::SIGTERM);
    assert_eq!(stead.end().code(), Some(0));
}

#[test]
fn a_run_that_is_not_live_has_failed_and_the_policy_decides() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'touch alive; exec sleep 600'\ninitial_backoff = '10ms'\n\
         ready.exec = 'test -e alive'\nready.interval = '50ms'\n\
         live = { exec = 'test -e alive || { echo nothing is there; exit 4; }', interval = '50ms', failure_threshold = 2 }",
    );
    let mut stead = project.up();
    stead.wait_for("run 1 ready");
    until(|| snapshot(&project, "a")["live_probe"]["passed"] == true);
    fs::remove_file(project.path().join("alive")).expect("a file");
    stead.wait_for("run 1 exited, not live: exec code 4: nothing is there, 2 times in a row");
    stead.wait_for("run 2 ready");
    stopped(stead);
}

#[test]
fn a_run_that_is_not_ready_in_its_time_has_failed() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'exec sleep 600'\nrestart = 'never'\n\
         ready = { exec = 'echo not yet; exit 1', interval = '50ms', within = '400ms' }",
    );
    let mut stead = project.up();
    stead.wait_for("run 1 exited, not ready within 400ms: exec code 1: not yet");
    stopped(stead);
}

#[test]
fn after_the_first_success_nothing_is_tried_if_once_is_enough_and_nothing_before_its_delay() {
    let project = Project::new(
        "[tasks.a]\ncommand = 'exec sleep 600'\n\
         ready = { exec = 'echo x >> tries', interval = '50ms', once = true, delay = '200ms' }\n\
         [tasks.b]\ncommand = 'exec sleep 600'\nready = { exec = 'echo x >> others', interval = '50ms' }",
    );
    let mut stead = project.up();
    let lines = |file: &str| fs::read_to_string(project.path().join(file)).unwrap_or_default().lines().count();
    stead.wait_for("run 1 ready");
    stead.wait_for("run 1 ready");
    until(|| lines("others") > 5);
    assert_eq!(lines("tries"), 1);
    stopped(stead);
}

#[test]
fn a_task_says_of_itself_that_it_is_ready_what_it_does_and_that_it_ends() {
    if !has("python3") {
        return;
    }
    let project = Project::new("[tasks.a]\ncommand = ['python3', 'it.py']\nready.notify = true");
    let script = notifier(&["STATUS=warming up", "READY=1\\nSTATUS=serving 3 clients", "STOPPING=1"]);
    fs::write(project.path().join("it.py"), script).expect("a file");
    let go = |number: u32| fs::write(project.path().join(number.to_string()), "").expect("a file");
    let mut stead = project.up();
    stead.wait_for("run 1 started");
    go(0);
    until(|| snapshot(&project, "a")["status"] == "warming up");
    assert_eq!(snapshot(&project, "a")["state"], "running");
    go(1);
    stead.wait_for("run 1 ready");
    until(|| project.client(&["why", "a"]).out.contains("it says of itself: serving 3 clients"));
    go(2);
    stead.wait_for("not ready any more: STOPPING=1");
    stopped(stead);
}

#[test]
fn a_notification_of_another_process_is_ignored() {
    if !has("python3") {
        return;
    }
    let print = "python3 -c 'import os; open(\"name.tmp\", \"w\").write(os.environ[\"NOTIFY_SOCKET\"]); os.rename(\"name.tmp\", \"name\")'";
    let project =
        Project::new(&format!("[tasks.a]\ncommand = \"\"\"{print}; exec sleep 600\"\"\"\nready.notify = true"));
    let mut stead = project.up();
    stead.wait_for("run 1 started");
    until(|| project.path().join("name").exists());
    let name = fs::read_to_string(project.path().join("name")).expect("a name");
    let say = "import socket, sys, time\n\
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
        sock.sendto(b'READY=1', '\\0' + sys.argv[1][1:])\n\
        print('sent', flush=True)\nsys.stdin.read()\n";
    let mut other = Command::new("python3")
        .args(["-c", say, &name])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    // The message of another run comes after it.
    let log = || fs::read_to_string(project.path().join(".stead/stead.log")).unwrap_or_default();
    until(|| log().contains("notifications of other processes are ignored"));
    assert_eq!(snapshot(&project, "a")["state"], "running");
    drop(other.stdin.take());
    other.wait().expect("an end");
    stopped(stead);
}

#[test]
fn a_watchdog_that_is_not_fed_ends_the_run() {
    if !has("python3") {
        return;
    }
    let project = Project::new(
        "[tasks.a]\ncommand = ['python3', 'it.py']\nrestart = 'never'\nready.notify = true\nlive.notify = '700ms'\n\
         [tasks.b]\ncommand = ['sh', '-c', 'echo $WATCHDOG_USEC; exec sleep 600']\nlive.notify = '60s'",
    );
    let script = notifier(&["READY=1", "WATCHDOG=1"]);
    fs::write(project.path().join("it.py"), script).expect("a file");
    for number in 0..2 {
        fs::write(project.path().join(number.to_string()), "").expect("a file");
    }
    let mut stead = project.up();
    stead.wait_for("| 60000000");
    stead.wait_for("run 1 ready");
    stead.wait_for("run 1 exited, not live: no WATCHDOG=1 for 700ms");
    stopped(stead);
}

/// A server with a certificate of its own for `localhost`, at a port that it prints.
const HTTPS_SERVER: &str = "import http.server, ssl\n\
    class Handler(http.server.BaseHTTPRequestHandler):\n\
    \x20   def do_GET(self):\n\
    \x20       good = self.headers.get('X-Key') == 'open'\n\
    \x20       self.send_response(204 if good else 503)\n\
    \x20       self.end_headers()\n\
    \x20       if not good: self.wfile.write(b'no key\\nmore')\n\
    server = http.server.HTTPServer(('127.0.0.1', 0), Handler)\n\
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n\
    context.load_cert_chain('cert.pem', 'key.pem')\n\
    server.socket = context.wrap_socket(server.socket, server_side=True)\n\
    open('port.tmp', 'w').write(str(server.server_port))\n\
    import os; os.rename('port.tmp', 'port')\n\
    server.serve_forever()\n";

#[test]
fn https_is_probed_with_headers_and_certificates_of_ones_own() {
    if !has("python3") || !has("openssl") {
        return;
    }
    let server = Project::new("[tasks.server]\ncommand = ['python3', 'server.py']");
    fs::write(server.path().join("server.py"), HTTPS_SERVER).expect("a file");
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-addext", "basicConstraints=critical,CA:FALSE"])
        .args(["-keyout", "key.pem", "-out", "cert.pem"])
        .current_dir(server.path())
        .stderr(Stdio::null())
        .status();
    assert!(made.expect("openssl").success());
    let mut serving = server.up();
    serving.wait_for_start("server");
    until(|| server.path().join("port").exists());
    let port = fs::read_to_string(server.path().join("port")).expect("a port");
    let task = |name: &str, more: &str| {
        format!(
            "[tasks.{name}]\ncommand = 'exec sleep 600'\n\
             ready = {{ http = 'https://localhost:{port}/', interval = '50ms', timeout = '5s', {more} }}\n"
        )
    };
    let project = Project::new(
        &[
            task("trusted", "headers = { X-Key = 'open' }"),
            task("closed", "insecure = true"),
            task("bad", "insecure = true, status = 503"),
        ]
        .concat(),
    );
    let mut command = project.command();
    command.args(["up", "--plain"]).env("SSL_CERT_FILE", server.path().join("cert.pem"));
    let stead = Stead::start(command);
    let probe = |task: &str| snapshot(&project, task)["probe"]["detail"].as_str().unwrap_or_default().to_owned();
    until(|| probe("closed") == "http 503: no key");
    until(|| probe("trusted").starts_with("http 204 in"));
    until(|| probe("bad").starts_with("http 503 in"));
    stopped(stead);
    let stead = project.up();
    until(|| probe("trusted").contains("no TLS connection: invalid peer certificate"));
    stopped(stead);
    stopped(serving);
}
