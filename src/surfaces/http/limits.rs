//! Every limit of the HTTP surfaces, in one place.

use std::time::Duration;

/// Connections served at once. For one more, the one that has waited longest for its client is closed; if none waits, it
/// stays in the listener's backlog until one ends. Below the 1024 descriptors that a process usually has, so that no crowd
/// of browsers keeps a task from being started.
pub(in crate::surfaces) const CONNECTIONS_MOST: usize = 640;
/// Live streams at once; one more is refused. Far below [`CONNECTIONS_MOST`], so that streams leave room for requests.
pub(in crate::surfaces) const STREAMS_MOST: usize = 128;
/// The time a client has for the head of a request, and the time a kept-alive connection may idle.
pub(in crate::surfaces) const REQUEST_HEAD_TIME: Duration = Duration::from_secs(20);
/// Header lines of one request.
pub(in crate::surfaces) const REQUEST_HEADERS: usize = 64;
/// Bytes of the head of one request.
pub(in crate::surfaces) const REQUEST_HEAD_BYTES: usize = 16 * 1024;
/// Bytes of the body of one request.
pub(in crate::surfaces) const REQUEST_BODY_BYTES: usize = 64 * 1024;
/// Bytes of a refused body that are still read, so that a client that writes first and reads later gets its answer.
pub(in crate::surfaces) const DISCARD_BYTES: usize = 8 * 1024 * 1024;
/// The time a client has for the body of a request.
pub(in crate::surfaces) const REQUEST_BODY_TIME: Duration = Duration::from_secs(10);
/// The time a request may take to be answered; streams are answered once they have begun.
pub(in crate::surfaces) const RESPONSE_TIME: Duration = Duration::from_secs(10);
/// The time requests in flight have to finish at the end of a run.
pub(in crate::surfaces) const LINGER: Duration = Duration::from_secs(1);
/// The wait after a failed accept: when descriptors are short, trying again at once would only spin.
pub(in crate::surfaces) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The time for all of a connection that was accepted with a descriptor set aside: there are only a few of them.
pub(in crate::surfaces) const RESERVED_TIME: Duration = Duration::from_secs(5);
/// The least time between two snapshots on one stream. Faces must agree within 100 ms.
pub(in crate::surfaces) const SNAPSHOT_INTERVAL: Duration = Duration::from_millis(50);
/// The least time between two messages about output that was lost, on one stream.
pub(in crate::surfaces) const LOSS_INTERVAL: Duration = Duration::from_secs(1);
/// Bytes of changes of the snapshot that one stream sends in a second, in the long run.
pub(in crate::surfaces) const DELTA_BYTES_PER_SECOND: f64 = 100.0 * 1024.0;
/// For how long a stream may send more than that at first.
pub(in crate::surfaces) const DELTA_BURST_TIME: Duration = Duration::from_secs(2);
/// Changes that are kept for other streams that need the same.
pub(in crate::surfaces) const DELTAS_KEPT: usize = 8;
/// A stream that has been silent for this long says that it is alive.
pub(in crate::surfaces) const HEARTBEAT: Duration = Duration::from_secs(15);
/// The wait that a browser is asked to keep before it connects again.
pub(in crate::surfaces) const RECONNECT_TIME: Duration = Duration::from_secs(1);
/// The time a client may leave a write waiting: one that reads nothing for longer is let go of.
pub(in crate::surfaces) const WRITE_STALL: Duration = Duration::from_secs(30);
/// A client that has taken none of what is written for this long counts as one that is waited for.
pub(in crate::surfaces) const STALL_TIME: Duration = Duration::from_secs(1);
/// The wait before connections that wait are looked for again, when none did and there are as many as there may be.
pub(in crate::surfaces) const FULL_PAUSE: Duration = Duration::from_millis(100);
/// Bytes of one WebSocket that may wait until its client takes them. A screen of the largest size with a colour for every
/// cell has about half of this.
pub(in crate::surfaces) const SOCKET_WRITE_BYTES: usize = 32 * 1024 * 1024;
/// Pings of a client within [`HEARTBEAT`]. Each is answered with as many bytes, which wait if the client reads nothing: one
/// that sends more is let go of.
pub(in crate::surfaces) const SOCKET_PINGS_MOST: u32 = 64;
/// A WebSocket that has been silent for this long, though it is asked now and then, is let go of.
pub(in crate::surfaces) const SOCKET_SILENCE: Duration = Duration::from_secs(60);
/// Terminals that are attached to at once; one more is refused.
pub(in crate::surfaces) const ATTACHED_MOST: usize = 32;
/// The least time between two pictures of a terminal on one WebSocket.
pub(in crate::surfaces) const CELLS_INTERVAL: Duration = Duration::from_millis(33);
/// Reads of the logs at once; more wait their turn.
pub(in crate::surfaces) const READS_MOST: usize = 4;
/// The time a read for one answer may take, its turn included. Below [`RESPONSE_TIME`], so that the client receives the reason.
pub(in crate::surfaces) const LOG_READ_TIME: Duration = Duration::from_secs(8);
/// The time in which lines are looked for; what was found by then is the answer. Below [`LOG_READ_TIME`].
pub(in crate::surfaces) const SEARCH_TIME: Duration = Duration::from_secs(6);
/// Lines of one page, if nothing is said.
pub(in crate::surfaces) const PAGE_LINES_DEFAULT: usize = 500;
/// The most lines of one page.
pub(in crate::surfaces) const PAGE_LINES_MOST: usize = 5_000;
/// A page has no further line once it has so many bytes.
pub(in crate::surfaces) const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of a regular expression that is looked for.
pub(in crate::surfaces) const PATTERN_BYTES: usize = 4 * 1024;
/// Runs that are listed of one task.
pub(in crate::surfaces) const RUNS_LISTED: usize = 1_000;
/// Lines that a follower is read at once.
pub(in crate::surfaces) const FOLLOW_BATCH_LINES: usize = 256;
/// And no further line once it has so many bytes.
pub(in crate::surfaces) const FOLLOW_BATCH_BYTES: usize = 256 * 1024;
/// The least time between two reads for a follower that is at the end.
pub(in crate::surfaces) const FOLLOW_INTERVAL: Duration = Duration::from_millis(50);
/// A follower that is further behind than this leaves lines out.
pub(in crate::surfaces) const FOLLOW_BEHIND_BYTES: u64 = 4 * 1024 * 1024;
/// How long lines are left out before the client gets their number so far.
pub(in crate::surfaces) const FOLLOW_SKIP_TIME: Duration = Duration::from_millis(200);
/// Entries of a bundle's directory, files and directories together.
pub(in crate::surfaces) const BUNDLE_ENTRIES: usize = 4_096;
/// Bytes of a bundle, all files together: they are held in memory.
pub(in crate::surfaces) const BUNDLE_BYTES: u64 = 64 * 1024 * 1024;
/// A bundle's directory is read again once it has been quiet for this long.
pub(in crate::surfaces) const BUNDLE_QUIET: Duration = Duration::from_millis(200);
