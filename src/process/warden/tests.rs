//! A real warden at the other end of a socket, with hand-written orders.

use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::protocol::{Exit, Inbox, SignalTarget, Spawn, WardenOrder, WardenReport, frame, send};
use crate::process::tests::warden_command;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Spoken {
    warden: Child,
    socket: UnixStream,
    inbox: Inbox,
}

fn warden() -> Spoken {
    let (socket, theirs) = UnixStream::pair().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = warden_command();
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(Stdio::null()).stderr(Stdio::null());
    Spoken { warden: command.spawn().unwrap(), socket, inbox: Inbox::default() }
}

fn shell(line: &str) -> Box<Spawn> {
    let argv = ["sh", "-c", line].map(str::to_owned).to_vec();
    Box::new(Spawn { argv, dir: "/".into(), ..Spawn::default() })
}

impl Spoken {
    fn order(&mut self, order: &WardenOrder) {
        self.socket.write_all(&frame(order).unwrap()).unwrap();
    }

    /// Spawns with a pipe as standard output, and returns its reading end.
    fn spawn(&mut self, id: u64, line: &str) -> std::io::PipeReader {
        let (reader, writer) = std::io::pipe().unwrap();
        let nowhere = std::fs::File::open("/dev/null").unwrap();
        let order = frame(&WardenOrder::Spawn(id, shell(line))).unwrap();
        let sent = send(&self.socket, &order, &[nowhere.as_fd(), writer.as_fd(), writer.as_fd()]).unwrap();
        assert_eq!(sent, order.len());
        reader
    }

    fn report(&mut self) -> WardenReport {
        loop {
            if let Some(report) = self.inbox.next().unwrap() {
                return report;
            }
            assert!(self.inbox.receive(&self.socket).unwrap(), "the warden has ended");
        }
    }

    fn expect(&mut self, expected: &str) {
        let report = format!("{:?}", self.report());
        assert!(report.starts_with(expected), "{report} instead of {expected}");
    }

    /// Waits for its end and returns whether it succeeded.
    fn ended(mut self) -> bool {
        // Its end of the socket closes with it; reading has a deadline.
        self.socket.read_to_end(&mut Vec::new()).expect("the warden ends");
        self.warden.wait().unwrap().success()
    }
}

#[test]
fn a_life_is_told_from_start_to_end() {
    let mut warden = warden();
    let mut output = warden.spawn(1, "echo hi; exit 3");
    warden.expect("Started(1, ");
    assert!(matches!(warden.report(), WardenReport::Exited(1, Exit { wait_status: 0x300, peak_memory: 1.., .. })));
    warden.expect("Gone(1)");
    let mut said = String::new();
    output.read_to_string(&mut said).unwrap();
    assert_eq!(said, "hi\n");
    drop(warden.socket.shutdown(std::net::Shutdown::Write));
    assert!(warden.ended());
}

#[test]
fn what_stays_after_the_main_process_is_named_and_killed_when_told() {
    let mut warden = warden();
    warden.spawn(1, "trap '' TERM; sleep 600 & exit 0");
    warden.expect("Started(1, ");
    warden.expect("Exited(1, ");
    warden.expect("Left(1, [Straggler { pid: ");
    warden.order(&WardenOrder::Signal(1, vec![15], SignalTarget::Tree));
    warden.order(&WardenOrder::Kill(1));
    warden.expect("Left(1, ");
    warden.expect("Gone(1)");
}

#[test]
fn orders_for_what_is_gone_mean_nothing() {
    let mut warden = warden();
    warden.spawn(1, "true");
    for expected in ["Started(1, ", "Exited(1, ", "Gone(1)"] {
        warden.expect(expected);
    }
    warden.order(&WardenOrder::Kill(1));
    warden.order(&WardenOrder::Signal(1, vec![9], SignalTarget::Main));
    warden.spawn(2, "true");
    warden.expect("Started(2, ");
}

#[cfg(target_os = "linux")]
#[test]
fn when_the_supervisor_goes_everything_goes() {
    let mut warden = warden();
    let mut output = warden.spawn(1, "trap '' TERM; setsid sleep 600 & sleep 600");
    warden.expect("Started(1, ");
    drop(warden.socket.shutdown(std::net::Shutdown::Write));
    // No process holds the pipe any more.
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(warden.ended());
}

/// An invalid order ends the connection, and with it everything.
#[track_caller]
fn check_that_it_ends_after(nonsense: &[u8]) {
    let mut warden = warden();
    let mut output = warden.spawn(1, "sleep 600");
    warden.expect("Started(1, ");
    warden.socket.write_all(nonsense).unwrap();
    output.read_to_end(&mut Vec::new()).unwrap();
    assert!(!warden.ended(), "that is no good end");
}

#[test]
fn nonsense_ends_the_session_and_kills_everything() {
    check_that_it_ends_after(b"GET / HTTP/1.1\r\n\r\n");
    check_that_it_ends_after(&frame(&"Kill").unwrap());
    check_that_it_ends_after(&frame(&WardenOrder::Spawn(2, shell("true"))).unwrap());
}

#[test]
fn an_id_twice_ends_the_session() {
    let mut warden = warden();
    warden.spawn(1, "sleep 600");
    warden.expect("Started(1, ");
    warden.spawn(1, "sleep 600");
    assert!(!warden.ended());
}
