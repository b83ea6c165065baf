//! One look at a task's terminal from a terminal elsewhere: the bytes that make it show the same.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use super::hub::{ScreenChange, TaskScreen};

/// What an attached client receives next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachEvent {
    /// Bytes for their terminal.
    Output(Arc<[u8]>),
    /// Whether a run has the terminal.
    Live(bool),
}

/// Looks at a terminal, from the screen as it is now on.
#[derive(Debug)]
pub struct AttachStream {
    screen: TaskScreen,
    changes: broadcast::Receiver<ScreenChange>,
    /// Whether the screen must be drawn whole.
    is_stale: bool,
    /// What was said last of whether it is live.
    told: Option<bool>,
    is_live: bool,
}

impl AttachStream {
    /// Begins with the screen as it is when the first event is taken.
    #[must_use]
    pub fn new(screen: TaskScreen) -> Self {
        let changes = screen.changes();
        Self { screen, changes, is_stale: true, told: None, is_live: false }
    }

    /// Waits for what comes next; the screen as it is comes first. Nothing is lost when this is dropped.
    pub async fn next(&mut self) -> AttachEvent {
        loop {
            if self.is_stale {
                let drawn;
                (drawn, self.changes, self.is_live) = self.screen.redraw();
                self.is_stale = false;
                return AttachEvent::Output(drawn.into());
            }
            if self.told != Some(self.is_live) {
                self.told = Some(self.is_live);
                return AttachEvent::Live(self.is_live);
            }
            match self.changes.recv().await {
                Ok(ScreenChange::Output(bytes)) => return AttachEvent::Output(bytes),
                Ok(ScreenChange::Live(is_live)) => self.is_live = is_live,
                Ok(ScreenChange::Anew) | Err(RecvError::Lagged(_)) => self.is_stale = true,
                Err(RecvError::Closed) => pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hub::OUTPUT_QUEUED;
    use super::*;

    fn output(bytes: &[u8]) -> AttachEvent {
        AttachEvent::Output(bytes.into())
    }

    fn show(screen: &TaskScreen, bytes: &[u8]) {
        screen.write(bytes);
        while screen.show_some() {}
    }

    /// The next sight, which is there already.
    async fn drawn(stream: &mut AttachStream) -> String {
        match stream.next().await {
            AttachEvent::Output(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            AttachEvent::Live(is_live) => panic!("live: {is_live}"),
        }
    }

    #[tokio::test]
    async fn the_screen_comes_first_then_what_is_written_and_the_end_last() {
        let screen = TaskScreen::default();
        screen.begin();
        show(&screen, b"before");
        let mut stream = AttachStream::new(screen.clone());
        assert!(drawn(&mut stream).await.contains("before"));
        assert_eq!(stream.next().await, AttachEvent::Live(true));
        show(&screen, b"\x1b[6nafter\x1b[3");
        screen.write(b"1mred");
        screen.end();
        assert_eq!(stream.next().await, output(b"after"));
        while screen.show_some() {}
        assert_eq!(stream.next().await, output(b"\x1b[31mred"));
        assert_eq!(stream.next().await, AttachEvent::Live(false));
        screen.begin();
        assert!(!drawn(&mut stream).await.contains("red"));
        assert_eq!(stream.next().await, AttachEvent::Live(true));
    }

    #[tokio::test]
    async fn a_slow_client_gets_the_screen_as_it_is() {
        let screen = TaskScreen::default();
        screen.begin();
        let mut stream = AttachStream::new(screen.clone());
        drawn(&mut stream).await;
        assert_eq!(stream.next().await, AttachEvent::Live(true));
        (0..2 * OUTPUT_QUEUED).for_each(|number| show(&screen, format!("line {number}\r\n").as_bytes()));
        assert!(drawn(&mut stream).await.contains(&format!("line {}", 2 * OUTPUT_QUEUED - 1)));
        show(&screen, b"on");
        assert_eq!(stream.next().await, output(b"on"));
    }

    #[tokio::test]
    async fn what_was_skipped_or_resized_is_drawn_anew() {
        let screen = TaskScreen::default();
        screen.begin();
        let mut stream = AttachStream::new(screen.clone());
        drawn(&mut stream).await;
        assert_eq!(stream.next().await, AttachEvent::Live(true));
        show(&screen, &vec![b'x'; 1024 * 1024]);
        assert!(drawn(&mut stream).await.starts_with("\x1b[?1049l"));
        screen.resize(crate::screen::ScreenSize::new(40, 10));
        assert!(drawn(&mut stream).await.starts_with("\x1b[?1049l"));
    }
}
