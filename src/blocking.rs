//! Threads for work that blocks: files, name lookups.
//!
//! Unlike tokio's, the first of these threads are started in advance and stay. So once they are there, work is done,
//! perhaps later, even when the system lets this process have no further thread; and it never panics for want of one.

use std::any::Any;
use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// Threads that are started in advance: one that is stuck on a slow disk must not hold up the rest.
const RESERVED: usize = 4;
/// The most threads. Work beyond that waits.
const THREADS_MOST: usize = 512;
/// How long a thread beyond the reserved ones waits for more work.
const IDLE_TIME: Duration = Duration::from_secs(10);

type Job = Box<dyn FnOnce() + Send>;

/// Work on its way to a result. It is done even if this is dropped.
#[derive(Debug)]
pub(crate) struct Work<T>(Result<oneshot::Receiver<thread::Result<T>>, Option<io::Error>>);

/// Why work has no result.
#[derive(Debug, Error)]
pub(crate) enum WorkError {
    /// It panicked.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// There is no thread, and the system does not let this process have one.
    #[error("there is no thread for it: {0}")]
    NoThread(io::Error),
}

/// Starts the threads that are there whatever comes.
///
/// # Errors
///
/// The system does not let this process have them.
pub(crate) fn reserve_threads() -> io::Result<()> {
    let mut state = POOL.lock();
    while state.threads < RESERVED {
        state.start_thread()?;
        state.reserved = state.threads;
    }
    Ok(())
}

/// Begins to do something on one of the threads, in the context of the runtime that this is called in.
pub(crate) fn spawn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Work<T> {
    let (sender, result) = oneshot::channel();
    let runtime = Handle::try_current().ok();
    let job = move || {
        let _context = runtime.as_ref().map(Handle::enter);
        // Nobody may wait for it.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(work)));
    };
    Work(POOL.submit(Box::new(job)).map(|()| result).map_err(Some))
}

impl<T> Future for Work<T> {
    type Output = Result<T, WorkError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let result = match &mut self.0 {
            Ok(result) => ready!(Pin::new(result).poll(context)),
            Err(error) => {
                let error = error.take().unwrap_or_else(|| io::Error::other("polled again"));
                return Poll::Ready(Err(WorkError::NoThread(error)));
            }
        };
        Poll::Ready(match result {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(panic)) => Err(WorkError::Panicked(message_of(&*panic))),
            Err(_) => Err(WorkError::Panicked("its thread ended".to_owned())),
        })
    }
}

/// Returns what a panic says.
pub(crate) fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("with a value that is no text").to_owned()
}

static POOL: Pool = Pool { state: Mutex::new(PoolState::NEW), work: Condvar::new() };

struct Pool {
    state: Mutex<PoolState>,
    work: Condvar,
}

struct PoolState {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
    /// Threads that stay.
    reserved: usize,
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, job: Job) -> io::Result<()> {
        let mut state = self.lock();
        // Each idle thread takes one.
        if state.queue.len() >= state.idle && state.threads < THREADS_MOST {
            match state.start_thread() {
                Err(error) if state.threads == 0 => return Err(error),
                // One of those that are there does it later.
                Ok(()) | Err(_) => {}
            }
        }
        state.queue.push_back(job);
        self.work.notify_one();
        Ok(())
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job();
                state = self.lock();
                continue;
            }
            state.idle += 1;
            let timed_out;
            if state.threads > state.reserved {
                let (woken, waited) = self.work.wait_timeout(state, IDLE_TIME).unwrap_or_else(PoisonError::into_inner);
                (state, timed_out) = (woken, waited.timed_out());
            } else {
                (state, timed_out) = (self.work.wait(state).unwrap_or_else(PoisonError::into_inner), false);
            }
            state.idle -= 1;
            if timed_out && state.queue.is_empty() && state.threads > state.reserved {
                state.threads -= 1;
                return;
            }
        }
    }
}

impl PoolState {
    const NEW: Self = Self { queue: VecDeque::new(), threads: 0, idle: 0, reserved: 0 };

    fn start_thread(&mut self) -> io::Result<()> {
        thread::Builder::new().name("stead-blocking".to_owned()).spawn(|| POOL.serve())?;
        self.threads += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn work_is_done_side_by_side_and_a_panic_is_told() {
        let all = Arc::new(Barrier::new(20));
        let works: Vec<_> = (0..20)
            .map(|number| {
                let all = Arc::clone(&all);
                spawn(move || {
                    all.wait();
                    number
                })
            })
            .collect();
        for (number, work) in works.into_iter().enumerate() {
            assert_eq!(work.await.unwrap(), number);
        }
        let error = spawn(|| panic!("no")).await.unwrap_err();
        assert_eq!(error.to_string(), "it panicked: no");
    }
}
