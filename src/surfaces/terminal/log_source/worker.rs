//! A thread that works on the newest of what it was asked for, a step at a time.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::watch;

/// How often it shows what it has while there is more to come.
const SHOWN_EVERY: Duration = Duration::from_millis(50);

/// What a worker does.
pub(super) trait Job: Send + 'static {
    /// What it is asked for.
    type Query: Clone + PartialEq + Send;
    /// What it has to show.
    type Answer: Default + Send + Sync;

    /// Turns to another query.
    fn turn_to(&mut self, wanted: Self::Query);

    /// Hears that something was written.
    fn refresh(&mut self);

    /// Does a bounded part of the work.
    fn step(&mut self) -> JobProgress;

    /// What there is so far.
    fn answer(&mut self) -> Self::Answer;
}

/// What a step has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum JobProgress {
    /// There is more to do.
    More,
    /// There is more to do, but what there is must be shown.
    News,
    /// Nothing is left to do for now.
    Done,
}

/// The asker's end. The thread ends with it, after the step it is at.
#[derive(Debug)]
pub(super) struct Worker<J: Job> {
    asked: Option<J::Query>,
    count: u64,
    mailbox: Arc<Mailbox<J::Query>>,
    answers: watch::Receiver<Answered<J::Answer>>,
}

/// An answer, and how many times something had been asked when it was begun.
#[derive(Debug)]
struct Answered<A> {
    count: u64,
    answer: Arc<A>,
}

#[derive(Debug)]
struct Mailbox<W> {
    post: Mutex<Post<W>>,
    told: Condvar,
}

/// One of each is enough: the newest wins.
#[derive(Debug)]
struct Post<W> {
    count: u64,
    wanted: Option<W>,
    has_changed: bool,
    is_over: bool,
}

impl<J: Job> Worker<J> {
    /// # Errors
    ///
    /// The thread can't be started.
    pub(super) fn start(name: &str, job: J) -> io::Result<Self> {
        let post = Post { count: 0, wanted: None, has_changed: false, is_over: false };
        let mailbox = Arc::new(Mailbox { post: Mutex::new(post), told: Condvar::new() });
        let (shown, answers) = watch::channel(Answered { count: 0, answer: Arc::default() });
        let theirs = Arc::clone(&mailbox);
        thread::Builder::new().name(name.to_owned()).spawn(move || work(job, &theirs, &shown))?;
        Ok(Self { asked: None, count: 0, mailbox, answers })
    }

    /// Asks for something, or again for the same if something was written.
    pub(super) fn ask(&mut self, wanted: J::Query, has_changed: bool) {
        let is_new = self.asked.as_ref() != Some(&wanted);
        if !is_new && !has_changed {
            return;
        }
        self.count += 1;
        let mut post = self.mailbox.lock();
        post.count = self.count;
        post.has_changed |= has_changed;
        if is_new {
            self.asked = Some(wanted.clone());
            post.wanted = Some(wanted);
        }
        drop(post);
        self.mailbox.told.notify_one();
    }

    /// Waits for an answer to what was asked last. Never comes if the thread has ended.
    pub(super) async fn answered(&mut self) {
        let count = self.count;
        if self.answers.wait_for(|answered| answered.count >= count).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for more than was taken last.
    pub(super) async fn changed(&mut self) {
        if self.answers.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What there is so far.
    pub(super) fn take(&mut self) -> Arc<J::Answer> {
        Arc::clone(&self.answers.borrow_and_update().answer)
    }
}

impl<J: Job> Drop for Worker<J> {
    fn drop(&mut self) {
        self.mailbox.lock().is_over = true;
        self.mailbox.told.notify_one();
    }
}

impl<W> Mailbox<W> {
    fn lock(&self) -> MutexGuard<'_, Post<W>> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has come since `seen`; waits for it if there is nothing else to do. None once it is all over.
    fn take(&self, seen: u64, waits: bool) -> Option<(u64, Option<W>, bool)> {
        let mut post = self.lock();
        while waits && post.count == seen && !post.is_over {
            post = self.told.wait(post).unwrap_or_else(PoisonError::into_inner);
        }
        let has_changed = std::mem::take(&mut post.has_changed);
        (!post.is_over).then(|| (post.count, post.wanted.take(), has_changed))
    }
}

/// The thread's body.
fn work<J: Job>(mut job: J, mailbox: &Mailbox<J::Query>, shown: &watch::Sender<Answered<J::Answer>>) {
    let (mut seen, mut progress, mut shown_at) = (0, JobProgress::Done, Instant::now());
    while let Some((count, wanted, has_changed)) = mailbox.take(seen, progress == JobProgress::Done) {
        seen = count;
        if let Some(wanted) = wanted {
            job.turn_to(wanted);
        }
        if has_changed {
            job.refresh();
        }
        progress = job.step();
        if progress != JobProgress::More || shown_at.elapsed() >= SHOWN_EVERY {
            let answer = Arc::new(job.answer());
            shown.send_replace(Answered { count: seen, answer });
            shown_at = Instant::now();
        }
    }
}
