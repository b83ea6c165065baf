//! Runs node on an ecosystem file that is a program, to have what it exports as JSON.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
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
        .spawn();
    let mut child = child.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "node is not there, which has to run it; write it as JSON, or install node".to_owned()
        }
        _ => format!("node can't be run: {error}"),
    })?;
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What is cut off makes no JSON, which is then said.
            let _ = pipe.map(|pipe| pipe.take(OUTPUT_LIMIT + 1).read_to_end(&mut bytes));
            bytes
        })
    };
    let out = read(child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let err = read(child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>));
    let deadline = Instant::now() + TIME_LIMIT;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("node took longer than {} s", TIME_LIMIT.as_secs()));
            }
            Err(error) => return Err(format!("node can't be waited for: {error}")),
        }
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if !status.success() {
        let why = String::from_utf8_lossy(&err);
        return Err(format!("node says: {}", why.trim().chars().take(500).collect::<String>()));
    }
    if out.len() as u64 > OUTPUT_LIMIT {
        return Err(format!("it gives more than {OUTPUT_LIMIT} bytes"));
    }
    String::from_utf8(out).map_err(|_| "it gives no text".to_owned())
}
