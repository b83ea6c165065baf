//! One open segment of a log, and how all of a log's segments are opened while they may be renamed.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek};
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::index::Index;
use super::rotation::{
    FileIdentity, Old, PACKED_BYTES_MOST, index_path, log_path, old_index_path, old_log_path, old_segments,
};

/// How often the segments are listed anew because they were renamed meanwhile.
const LISTINGS: usize = 10;

/// One segment. It stays what it is while it is renamed, compressed or removed.
#[derive(Debug)]
pub(super) struct Segment {
    log: Log,
    pub(super) len: u64,
    pub(super) index: Index,
    /// Of the log and of its index.
    pub(super) identities: [Option<FileIdentity>; 2],
    /// When its first byte was written, in microseconds, once that is known.
    pub(super) began: Option<i64>,
    pub(super) key: i64,
}

#[derive(Debug)]
enum Log {
    Plain(File),
    /// Compressed; once it was read, also its contents in a file without a name.
    Packed(File, Option<File>),
}

impl Segment {
    pub(super) fn open(log: &Path, index: &Path, is_packed: bool) -> io::Result<Self> {
        let log = File::open(log)?;
        let index = match File::open(index) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            index => index.ok(),
        };
        let identities = [Some(FileIdentity::of(&log)?), index.as_ref().map(FileIdentity::of).transpose()?];
        let mut len = log.metadata()?.len();
        if is_packed {
            // The format ends with the size of what is in it, modulo 4 GiB.
            let mut size = [0; 4];
            log.read_exact_at(&mut size, len.saturating_sub(4))?;
            len = u64::from(u32::from_le_bytes(size));
        }
        let mut index = Index::new(index)?;
        let told = index.sound_before(index.count())?.map_or(0, |last| last.end());
        let len = if is_packed { len.max(told).min(PACKED_BYTES_MOST) } else { len };
        let log = if is_packed { Log::Packed(log, None) } else { Log::Plain(log) };
        Ok(Self { log, len, index, identities, began: None, key: 0 })
    }

    /// Sees what has been added.
    pub(super) fn refresh(&mut self) -> io::Result<()> {
        if let Log::Plain(file) = &self.log {
            let len = file.metadata()?.len();
            if len < self.len {
                // It was cut short: it begins anew.
                self.began = None;
            }
            self.len = len;
        }
        // After the length: the index is written last.
        self.index.refresh()
    }

    /// From which one on `all` are newer than this segment.
    pub(super) fn newer_among(&mut self, all: &mut [Self]) -> io::Result<usize> {
        let is_same = |other: &Self| {
            let mut pairs = self.identities.iter().zip(&other.identities);
            pairs.any(|(own, other)| own.is_some() && own == other)
        };
        if let Some(same) = all.iter().rposition(is_same) {
            return Ok(same + 1);
        }
        // It is too old to be kept, or has lost its index.
        let last = self.index.sound_before(self.index.count())?;
        for (at, other) in all.iter_mut().enumerate() {
            let first = if other.index.count() > 0 { other.index.get(0)? } else { None };
            if first.zip(last).is_some_and(|(first, last)| first.at > last.at) {
                return Ok(at);
            }
        }
        Ok(all.len().saturating_sub(1))
    }

    /// Gives back the room that an unpacked log takes on the disk.
    pub(super) fn give_back(&mut self) {
        if let Log::Packed(_, unpacked) = &mut self.log {
            *unpacked = None;
        }
    }

    /// The file with the bytes in it.
    pub(super) fn file(&mut self) -> io::Result<&File> {
        match &mut self.log {
            Log::Plain(file) => Ok(file),
            Log::Packed(_, Some(file)) => Ok(file),
            Log::Packed(packed, unpacked @ None) => {
                let (file, len) = unpack(packed, PACKED_BYTES_MOST)?;
                self.len = len;
                Ok(unpacked.insert(file))
            }
        }
    }
}

/// What is in a compressed file, up to so many bytes, in a file without a name; and how much that is.
fn unpack(mut packed: &File, most: u64) -> io::Result<(File, u64)> {
    let mut file = tempfile::tempfile()?;
    packed.rewind()?;
    let mut unpacked = MultiGzDecoder::new(packed);
    let len = io::copy(&mut unpacked.by_ref().take(most), &mut file)?;
    if len == most && unpacked.read(&mut [0])? > 0 {
        tracing::warn!(most, "there is more in a compressed log segment than stead puts there: the rest is left out");
    }
    Ok((file, len))
}

/// Opens all segments, oldest first. While they are being renamed they are listed again.
pub(super) fn open_all(dir: &Path, name: &str) -> io::Result<Vec<Segment>> {
    let listed = || -> io::Result<(Option<FileIdentity>, Vec<Old>)> {
        let current = match File::open(log_path(dir, name)) {
            Ok(file) => Some(FileIdentity::of(&file)?),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        match old_segments(dir, name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((current, Vec::new())),
            old => Ok((current, old?)),
        }
    };
    for listing in 1..=LISTINGS {
        let before = listed()?;
        let segments = match open_listed(dir, name, before.0.is_some(), &before.1) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            segments => segments?,
        };
        // A log is renamed before its index: one without may only be about to get it.
        let is_whole = segments.iter().all(|segment| segment.identities[1].is_some()) || listing == LISTINGS;
        if is_whole && listed()? == before {
            return Ok(segments);
        }
    }
    Err(io::Error::new(ErrorKind::ResourceBusy, "the segments are renamed faster than they can be opened"))
}

fn open_listed(dir: &Path, name: &str, has_current: bool, old: &[Old]) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for old in old.iter().rev() {
        let (log, index) = (old_log_path(dir, name, old), old_index_path(dir, name, old.age));
        segments.push(Segment::open(&log, &index, old.is_packed)?);
    }
    if has_current {
        segments.push(Segment::open(&log_path(dir, name), &index_path(dir, name), false)?);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn no_more_is_unpacked_than_there_may_be() {
        let mut packed = tempfile::tempfile().unwrap();
        let mut encoder = GzEncoder::new(&packed, Compression::fast());
        encoder.write_all(&vec![b'x'; 1 << 20]).unwrap();
        encoder.finish().unwrap();
        packed.flush().unwrap();
        assert!(packed.metadata().unwrap().len() < 64 * 1024, "it is small while it is packed");
        for (most, expected) in [(64 * 1024, 64 * 1024), (1 << 20, 1 << 20), (1 << 30, 1 << 20)] {
            let (file, len) = unpack(&packed, most).unwrap();
            assert_eq!((len, file.metadata().unwrap().len()), (expected, expected));
        }
    }
}
