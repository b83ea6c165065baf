//! Whether a connection waits for its client, and since when: when there are as many connections as there may be, the one
//! that has waited longest makes room for the next.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::limits::STALL_TIME;

/// What one connection does. All times are milliseconds since it began; 0 stands for never.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    /// Since when a request, or the rest of it, has to come from the client.
    waits_since: AtomicU64,
    /// Since when the client takes none of what is written.
    stalled_since: AtomicU64,
}

impl Activity {
    /// A connection that waits for its first request.
    pub(super) fn new() -> Self {
        Self { began: Instant::now(), waits_since: AtomicU64::new(1), stalled_since: AtomicU64::new(0) }
    }

    /// A request is whole and is being answered.
    pub(super) fn answers(&self) {
        self.waits_since.store(0, Ordering::Relaxed);
    }

    /// A request, or the rest of it, is to come.
    pub(super) fn waits(&self) {
        self.waits_since.store(self.now(), Ordering::Relaxed);
    }

    /// Since when it has waited for its client; none if it has not.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let at = |since: &AtomicU64| match since.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(self.began + std::time::Duration::from_millis(millis)),
        };
        // Every stream stalls for moments.
        let stalled = at(&self.stalled_since).filter(|since| since.elapsed() >= STALL_TIME);
        at(&self.waits_since).or(stalled)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }
}

/// A stream of bytes that notes when its other end takes none.
pub(super) struct WatchedStream<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> WatchedStream<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }

    fn note<T>(&self, poll: Poll<T>) -> Poll<T> {
        let stalled_since = &self.activity.stalled_since;
        if poll.is_ready() {
            stalled_since.store(0, Ordering::Relaxed);
        } else {
            // Since the first write that was not taken.
            let _ = stalled_since.compare_exchange(0, self.activity.now(), Ordering::Relaxed, Ordering::Relaxed);
        }
        poll
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note(poll)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// The body of an answer. At its end the connection waits for the next request.
struct AnswerBody {
    body: Body,
    activity: Arc<Activity>,
}

/// `body`, at the end of which the connection waits again.
pub(super) fn answer_body(body: Body, activity: Arc<Activity>) -> Body {
    Body::new(AnswerBody { body, activity })
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        self.activity.waits();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_between_requests_and_while_its_client_takes_nothing() {
        let activity = Arc::new(Activity::new());
        assert!(activity.waiting_since().is_some(), "for the first request");
        activity.answers();
        assert_eq!(activity.waiting_since(), None);
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut stream = WatchedStream::new(ours, Arc::clone(&activity));
        stream.write_all(b"12345678").await.unwrap();
        assert!(timeout(STALL_TIME / 2, stream.write_all(b"9")).await.is_err());
        assert_eq!(activity.waiting_since(), None, "only for a moment");
        sleep(STALL_TIME).await;
        assert!(activity.waiting_since().is_some_and(|since| since.elapsed() >= STALL_TIME));
        tokio::io::AsyncReadExt::read_exact(&mut theirs, &mut [0; 8]).await.unwrap();
        stream.write_all(b"9").await.unwrap();
        assert_eq!(activity.waiting_since(), None);
        sleep(Duration::from_secs(1)).await;
        drop(answer_body(Body::empty(), Arc::clone(&activity)));
        assert!(activity.waiting_since().is_some_and(|since| since.elapsed() < Duration::from_millis(2)));
    }
}
