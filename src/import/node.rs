//! Runs node on an ecosystem file that is a program, to have what it exports as JSON.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Whether a file that is a program may be run to find out what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scripts {
    /// It may.
    Run,
    /// It may not: what is asked for must not start anything.
    Refuse,
}

/// How long node may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// The most that it may write.
const OUTPUT_LIMIT: u64 = 1 << 20;

/// Prints what a file exports. Functions and the like are left out, as JSON does.
const PROGRAM: &str = "\
    const path = require('node:path').resolve(process.argv[1]);\
    const done = (found) => process.stdout.write(JSON.stringify(found && found.default ? found.default : found));\
    import('node:url').then(({ pathToFileURL }) => path.endsWith('.mjs') ? import(pathToFileURL(path)) : require(path)).then(done)\
    .catch((error) => { console.error(String(error && error.stack || error).split('\\n').slice(0, 5).join('\\n')); process.exit(1) })";

/// The JSON of what `path` exports.
///
/// # Errors
///
/// node is not there, fails, takes too long or writes too much.
pub(super) fn evaluate(path: &Path, cwd: &Path) -> Result<String, String> {
    let child = Command::new("node")
        .args(["-e", PROGRAM, "--"])
        .arg(path)
        .current_dir(if cwd.as_os_str().is_empty() { Path::new(".") } else { cwd })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "node is not there, which has to run it; write it as JSON, or install node".to_owned()
        }
        _ => format!("node can't be run: {error}"),
    })?;
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let deadline = Instant::now() + TIME_LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                kill_group(&child);
                let _ = child.wait();
                return Err(too_long());
            }
            Err(error) => return Err(format!("node can't be waited for: {error}")),
        }
    };
    let left = || deadline.saturating_duration_since(Instant::now());
    let (Ok(out), Ok(err)) = (out.recv_timeout(left()), err.recv_timeout(left())) else {
        kill_group(&child);
        return Err(too_long());
    };
    if !status.success() {
        let why = String::from_utf8_lossy(&err);
        return Err(format!("node says: {}", why.trim().chars().take(500).collect::<String>()));
    }
    if out.len() as u64 > OUTPUT_LIMIT {
        return Err(format!("it gives more than {OUTPUT_LIMIT} bytes"));
    }
    String::from_utf8(out).map_err(|_| "it gives no text".to_owned())
}

/// Reads a pipe to its end on a thread, which a process that node has left behind may hold up.
fn read(pipe: Option<impl Read + Send + 'static>) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What is cut off makes no JSON, which is then said.
        let _ = pipe.map(|pipe| pipe.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes));
        let _ = sender.send(bytes);
    });
    receiver
}

/// Kills node and what it has started, as far as that is in its process group.
fn kill_group(node: &Child) {
    let pid = i32::try_from(node.id()).ok().and_then(rustix::process::Pid::from_raw);
    let _ = pid.map(|group| rustix::process::kill_process_group(group, rustix::process::Signal::KILL));
}

fn too_long() -> String {
    format!("node, or what it started, took longer than {} s", TIME_LIMIT.as_secs())
}
