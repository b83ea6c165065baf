//! This terminal, raw while attached, and restored whatever happens.

use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{panic, thread};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode, size};
use tokio::sync::mpsc::{Receiver, channel};

/// Pieces of what is typed that may wait; what comes on top waits in the terminal.
const KEYS_QUEUED: usize = 16;
/// Read at once.
const READ_BYTES: usize = 4 * 1024;
/// Undoes whatever a program may have done to the terminal: screen, mouse, focus, paste, keys, cursor, wrapping,
/// margins, character sets, colours. Then the last row, as the place of the cursor is unknown.
const RESET: &str = "\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1005l\x1b[?1006l\x1b[?2004l\
                     \x1b[?1l\x1b>\x1b[<9u\x1b[>4m\x1b[?25h\x1b[?7h\x1b[?6l\x1b[4l\x1b[r\x1b(B\x1b)B\x0f\x1b[0m\
                     \x1b[9999;1H\r\n";

/// Whether the terminal is raw, and has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is raw.
#[derive(Debug)]
pub(super) struct RawTerminal;

impl RawTerminal {
    /// Takes the terminal. What it shows is moved into its scrollback.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn take() -> io::Result<Self> {
        restore_before_panics();
        let (_, rows) = size()?;
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let terminal = Self;
        let mut out = io::stdout().lock();
        out.write_all("\r\n".repeat(rows.into()).as_bytes())?;
        out.flush()?;
        Ok(terminal)
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, if it is taken. Fails in silence: there is nothing left to report it to.
fn restore() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        let mut out = io::stdout();
        let _ = out.write_all(RESET.as_bytes()).and_then(|()| out.flush());
        let _ = disable_raw_mode();
    }
}

/// A panic is reported on a terminal that shows it.
fn restore_before_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            report(info);
        }));
    });
}

/// What is typed, as it comes, until there is no terminal any more. Read on a thread that ends with the process.
///
/// # Errors
///
/// There is no thread to be had.
pub(super) fn keys() -> io::Result<Receiver<Vec<u8>>> {
    let (typed, keys) = channel(KEYS_QUEUED);
    let read = move || {
        let mut buffer = vec![0; READ_BYTES];
        while let Ok(length @ 1..) = rustix::io::retry_on_intr(|| rustix::io::read(io::stdin(), &mut *buffer)) {
            if typed.blocking_send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("stead-keys".to_owned()).spawn(read)?;
    Ok(keys)
}
