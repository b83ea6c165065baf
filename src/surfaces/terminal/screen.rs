//! Takes the terminal, and gives it back whatever happens: at the end, on an error, on a panic, on ctrl-z.

use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::os::fd::AsFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fmt, panic, thread};

use crossterm::Command;
use crossterm::clipboard::CopyToClipboard;
use crossterm::cursor::Show;
use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{self, EnterAlternateScreen, LeaveAlternateScreen};
use nix::sys::signal::{Signal, raise};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::THREAD;

/// Bytes of a frame that are written at once.
const SCREEN_BUFFER_BYTES: usize = 64 * 1024;
/// Presses, the wheel and what is dragged, in columns beyond 223, too; not every move.
const MOUSE_ON: &str = "\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1002l";

/// The title of the window is the shell's again afterwards.
const SAVE_TITLE: &str = "\x1b[22;2t";
const RESTORE_TITLE: &str = "\x1b[23;2t";

/// Whether the terminal is ours, and has to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is ours.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<BufWriter<TerminalOutput>>>,
    mouse: bool,
}

/// Standard output, as long as the terminal is ours: what comes later would be in the way of others.
#[derive(Debug)]
pub(super) struct TerminalOutput(Stdout);

impl Write for TerminalOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if TAKEN.load(Ordering::SeqCst) { self.0.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if TAKEN.load(Ordering::SeqCst) { self.0.flush() } else { Ok(()) }
    }
}

impl Screen {
    /// Takes the terminal: raw mode, the alternate screen and, if wanted, the mouse.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses; it is as before then.
    pub(super) fn enter(mouse: bool) -> io::Result<Self> {
        let output = BufWriter::with_capacity(SCREEN_BUFFER_BYTES, TerminalOutput(io::stdout()));
        let screen = Self { terminal: Terminal::new(CrosstermBackend::new(output))?, mouse };
        screen.take()?;
        Ok(screen)
    }

    /// Gives the terminal back, stops this process until it is continued, and takes the terminal again.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        restore();
        // To this very thread: it goes no further before it is continued.
        raise(Signal::SIGTSTP)?;
        self.resume()
    }

    /// Gives the terminal back until [`Screen::resume`].
    pub(super) fn lend(&mut self) {
        restore();
    }

    /// Takes the terminal again, whatever it shows now.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn resume(&mut self) -> io::Result<()> {
        self.take()?;
        self.terminal.clear()
    }

    /// Puts text on the clipboard of the terminal's user, if the terminal supports it (OSC 52).
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn copy(&mut self, text: &str) -> io::Result<()> {
        let output = self.terminal.backend_mut();
        crossterm::execute!(output, CopyToClipboard::to_clipboard_from(text))
    }

    /// Asks the terminal for a desktop notice (OSC 9). The text must be plain.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn notify(&mut self, text: &str) -> io::Result<()> {
        let output = self.terminal.backend_mut();
        write!(output, "\x1b]9;{text}\x07")?;
        output.flush()
    }

    /// Sets the title of the terminal's window. The text must be plain.
    ///
    /// # Errors
    ///
    /// Whatever the terminal refuses.
    pub(super) fn title(&mut self, text: &str) -> io::Result<()> {
        let output = self.terminal.backend_mut();
        write!(output, "\x1b]2;{text}\x1b\\")?;
        output.flush()
    }

    fn take(&self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        terminal::enable_raw_mode()?;
        let mut output = io::stdout();
        crossterm::queue!(output, EnterAlternateScreen, EnableBracketedPaste)?;
        output.write_all(SAVE_TITLE.as_bytes())?;
        if self.mouse {
            output.write_all(MOUSE_ON.as_bytes())?;
        }
        output.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, if it is ours. Fails in silence: there is nothing left to report it to.
pub(super) fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = write_now(leave().as_bytes());
    let _ = terminal::disable_raw_mode();
}

fn leave() -> String {
    format!("{MOUSE_OFF}{}{RESTORE_TITLE}{}{}", Ansi(DisableBracketedPaste), Ansi(LeaveAlternateScreen), Ansi(Show))
}

/// A command as the text it sends.
struct Ansi<C>(C);

impl<C: Command> fmt::Display for Ansi<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write_ansi(f)
    }
}

/// Writes past every buffer and lock, and only if the terminal takes something: this may run in a panic, or beside a
/// thread that is stuck in a write.
fn write_now(bytes: &[u8]) -> io::Result<()> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return Ok(());
    }
    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default()))?;
    if fds[0].revents().contains(PollFlags::OUT) {
        rustix::io::write(stdout.as_fd(), bytes)?;
    }
    Ok(())
}

/// From now on a panic of the dashboard restores the terminal before it is reported. While the dashboard is shown, other
/// panics go to stead's own log: each is the reason of its task's end, and on the screen it would only be in the way.
pub(super) fn restore_before_panics() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().name() == Some(THREAD) {
                restore();
            }
            if TAKEN.load(Ordering::SeqCst) {
                tracing::error!(thread = thread::current().name(), "{info}");
            } else {
                report(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_panic_of_the_dashboard_gives_the_terminal_back() {
        restore_before_panics();
        let is_taken_after_panic_of = |name: &str| {
            TAKEN.store(true, Ordering::SeqCst);
            let body = || panic!("on purpose");
            let panicked = thread::Builder::new().name(name.to_owned()).spawn(body).expect("a thread").join();
            assert!(panicked.is_err());
            TAKEN.swap(false, Ordering::SeqCst)
        };
        assert!(is_taken_after_panic_of("another"));
        assert!(!is_taken_after_panic_of(THREAD));
    }

    #[test]
    fn leaving_undoes_all_that_entering_does() {
        let text = leave();
        for undone in ["\x1b[?1049l", "\x1b[?25h", "\x1b[?1002l", "\x1b[?1006l", "\x1b[?2004l", "\x1b[23;2t"] {
            assert!(text.contains(undone), "{undone:?}");
        }
    }
}
