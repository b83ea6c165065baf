//! A line in the making, in bounded memory.

use memchr::memrchr;

/// What has been written of one line.
#[derive(Debug)]
pub(super) struct PartialLine {
    most: usize,
    bytes: Vec<u8>,
    cut: bool,
    /// Whether the last byte was a carriage return: unless a line feed follows, what comes overwrites the line.
    returned: bool,
}

impl PartialLine {
    /// An empty line of which at most so many bytes are kept.
    pub(super) fn new(most: usize) -> Self {
        Self { most, bytes: Vec::new(), cut: false, returned: false }
    }

    /// One of which only the rest is known.
    pub(super) fn without_beginning(most: usize) -> Self {
        Self { cut: true, ..Self::new(most) }
    }

    /// Adds bytes without a line feed among them.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let text = &bytes[..bytes.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1)];
        if !text.is_empty() {
            let overwritten = memrchr(b'\r', text);
            if self.returned || overwritten.is_some() {
                self.bytes.clear();
                self.cut = false;
            }
            let text = &text[overwritten.map_or(0, |at| at + 1)..];
            let room = self.most - self.bytes.len();
            self.bytes.extend_from_slice(&text[..text.len().min(room)]);
            self.cut |= text.len() > room;
        }
        self.returned = text.len() < bytes.len() || (self.returned && text.is_empty());
    }

    /// What it looks like so far.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether it was longer than what is kept of it.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes that are kept, without their line end.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
