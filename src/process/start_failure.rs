//! Explains why a command can't be run.
//!
//! The system answers "no such file or directory" whether the program, its interpreter or the working directory is
//! missing. After a failed start this module looks again and names the one it is.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use super::warden::{StartFault, StartStep};
use crate::config::{CommandLine, TaskConfig};

/// As much of a script's first line as the kernel itself reads.
const FIRST_LINE_BYTES: u64 = 256;

/// Returns what was tried with `command` and where it failed.
pub(super) fn explain(task: &TaskConfig, command: &CommandLine, fault: StartFault) -> String {
    let error = io::Error::from_raw_os_error(fault.errno);
    let limit = |what: &str| format!("cannot set its limit of {what}: {}", cause(&error));
    match fault.step {
        StartStep::Prepare | StartStep::Run => cannot_run(task, command, &error),
        StartStep::OpenFiles => limit("open files"),
        StartStep::Memory => limit("memory"),
        StartStep::CpuTime => limit("processor time"),
        StartStep::Core => limit("core files"),
        StartStep::Nice => format!("cannot set its niceness to {}: {}", task.nice, cause(&error)),
        StartStep::Credentials => format!("cannot become its user: {}", cause(&error)),
    }
}

fn cannot_run(task: &TaskConfig, command: &CommandLine, error: &io::Error) -> String {
    let program = command.program();
    if let Some(cause) = dir_fault(&task.dir) {
        let dir = std::path::absolute(&task.dir).unwrap_or_else(|_| task.dir.clone());
        return format!("cannot run in `{}`: {cause}", dir.display());
    }
    format!("cannot run `{program}`: {}", program_fault(task, program, error))
}

/// Returns the system's text for an error, without its number.
pub(super) fn cause(error: &io::Error) -> String {
    let text = match error.raw_os_error() {
        Some(number) => Errno::from_raw(number).desc().to_owned(),
        None => error.to_string(),
    };
    let mut letters = text.chars();
    match letters.next() {
        // "No such file" reads better within a sentence as "no such file", but "I/O error" as it is.
        Some(first) if letters.as_str().starts_with(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text,
    }
}

fn dir_fault(dir: &Path) -> Option<String> {
    match fs::metadata(dir) {
        Err(error) => Some(cause(&error)),
        Ok(found) if !found.is_dir() => Some("not a directory".to_owned()),
        // Looking up its own `.` takes the same permission as entering it.
        Ok(_) => fs::metadata(dir.join(".")).err().map(|error| with_mode(&cause(&error), dir)),
    }
}

fn program_fault(task: &TaskConfig, program: &str, error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE) => "too many open files (EMFILE): the limit of this process, see `ulimit -n`".to_owned(),
        Some(Errno::ENFILE) => "too many open files (ENFILE): the limit of the whole system".to_owned(),
        Some(Errno::EAGAIN) => "too many processes (EAGAIN), see `ulimit -u`".to_owned(),
        Some(Errno::ENOENT) => missing(task, program),
        Some(Errno::EACCES) => denied(task, program),
        _ => cause(error),
    }
}

fn missing(task: &TaskConfig, program: &str) -> String {
    match (find_program(task, program), program.contains('/')) {
        (None, true) => "no such file or directory".to_owned(),
        (None, false) => "no such file or directory (looked in PATH)".to_owned(),
        (Some(file), _) => match interpreter(&file) {
            Some(interpreter) => format!("its interpreter `{}` does not exist", interpreter.display()),
            None => "the file is there, but the loader it asks for is not".to_owned(),
        },
    }
}

fn denied(task: &TaskConfig, program: &str) -> String {
    let Some(file) = find_program(task, program) else { return "permission denied".to_owned() };
    if file.is_dir() {
        return "it is a directory".to_owned();
    }
    match interpreter(&file).filter(|_| is_executable(&file)) {
        Some(interpreter) => {
            with_mode(&format!("its interpreter `{}` can't be run", interpreter.display()), &interpreter)
        }
        None => with_mode("permission denied", &file),
    }
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o111 != 0)
}

fn with_mode(text: &str, file: &Path) -> String {
    match fs::metadata(file) {
        Ok(found) => format!("{text} (mode {:03o})", found.permissions().mode() & 0o7777),
        Err(_) => text.to_owned(),
    }
}

/// Returns the file that `program` means: below the task's directory, or the first of that name in the task's PATH.
pub(crate) fn find_program(task: &TaskConfig, program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(task.dir.join(program)).filter(|file| file.exists());
    }
    let path = task.env.get("PATH").map(|path| path.value.expose().into()).or_else(|| env::var_os("PATH"))?;
    env::split_paths(&path).map(|dir| task.dir.join(dir).join(program)).find(|file| file.exists())
}

/// Returns the program named in the first line of a script.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let mut start = Vec::new();
    File::open(script).ok()?.take(FIRST_LINE_BYTES).read_to_end(&mut start).ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let name = line.trim_ascii().split(u8::is_ascii_whitespace).next()?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause_of(errno: Errno) -> String {
        cause(&errno.into())
    }

    #[test]
    fn causes_read_well_within_a_sentence() {
        assert_eq!(cause_of(Errno::ENOSPC), "no space left on device");
        assert_eq!(cause_of(Errno::EIO), "I/O error");
    }
}
