//! The runtimes of a supervisor. Their threads are there from the start: what is done later needs no further one.

use std::io;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::{Builder, Handle, Runtime};

/// Worker threads. Two at least, so that one that is stuck does not hold the rest.
const LEAST_WORKERS: usize = 2;
/// Threads for blocking work (files, name lookups) that are started in advance. One that is stuck on a slow disk must
/// not hold up the rest.
const RESERVED_THREADS: usize = 4;
/// The most threads for blocking work. Work beyond that waits.
const BLOCKING_THREADS_MOST: usize = 64;
/// Threads for blocking work stay: the system may not let this process have another one later.
const KEEP_ALIVE: Duration = Duration::from_hours(365 * 24);
/// The time in which a new thread has to run.
const THREAD_START_TIME: Duration = Duration::from_secs(5);

/// Starts a runtime with all of its threads.
///
/// # Errors
///
/// The system does not let this process have the threads.
pub(super) fn start_runtime(name: &str) -> anyhow::Result<Runtime> {
    let workers = thread::available_parallelism().map_or(LEAST_WORKERS, |cores| cores.get().max(LEAST_WORKERS));
    // Without them the builder panics.
    can_start_threads(workers + RESERVED_THREADS).context("cannot start the threads of the runtime")?;
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(workers).thread_name(name).enable_all();
    builder.max_blocking_threads(BLOCKING_THREADS_MOST).thread_keep_alive(KEEP_ALIVE);
    let runtime = builder.build().context("cannot start the runtime")?;
    reserve_threads(runtime.handle()).context("cannot start the threads of the runtime")?;
    Ok(runtime)
}

/// Whether the system lets this process have so many more threads now.
fn can_start_threads(count: usize) -> io::Result<()> {
    let all_started = Arc::new(Mutex::new(()));
    let held = all_started.lock();
    let start = |_| {
        let all_started = Arc::clone(&all_started);
        thread::Builder::new().spawn(move || drop(all_started.lock()))
    };
    let started: io::Result<Vec<_>> = (0..count).map(start).collect();
    drop(held);
    for thread in started? {
        // They do nothing that could fail.
        let _ = thread.join();
    }
    Ok(())
}

/// Has the runtime start its threads for blocking work: each is held until all are there.
fn reserve_threads(runtime: &Handle) -> io::Result<()> {
    let all_started = Arc::new(Mutex::new(()));
    let held = all_started.lock().unwrap_or_else(PoisonError::into_inner);
    let (started, starts) = channel();
    for _ in 0..RESERVED_THREADS {
        let (all_started, started) = (Arc::clone(&all_started), started.clone());
        runtime.spawn_blocking(move || {
            let _ = started.send(());
            drop(all_started.lock());
        });
    }
    let is_started = (0..RESERVED_THREADS).all(|_| starts.recv_timeout(THREAD_START_TIME).is_ok());
    drop(held);
    if is_started { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
}
