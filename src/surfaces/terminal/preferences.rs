//! Keeps what a person has chosen for the dashboards of a project, in a small file beside its socket.

use std::io::{Read, Write};
use std::path::Path;

use rustix::fs::OFlags;
use tracing::debug;

use crate::private;
use crate::ui::Preferences;

/// Bytes of the file that are read; more can't be ours.
const MOST_BYTES: u64 = 64 * 1024;

/// What was chosen before. Nothing, if nothing was or the file can't be read: this is no reason for a dashboard to fail.
pub(super) fn read(path: &Path) -> Preferences {
    let mut text = String::new();
    let read = private::open(path, OFlags::RDONLY).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    match read {
        Ok(_) => serde_json::from_str(&text).unwrap_or_default(),
        Err(error) => {
            debug!(%error, "no preferences are kept");
            Preferences::default()
        }
    }
}

/// Keeps them.
pub(super) fn write(path: &Path, preferences: Preferences) {
    let text = serde_json::to_string(&preferences).unwrap_or_default();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
    if let Err(error) = private::open(path, flags).and_then(|mut file| file.write_all(text.as_bytes())) {
        debug!(%error, "preferences can't be kept");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::Arrangement;

    #[test]
    fn what_was_chosen_is_found_again_and_nonsense_is_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dashboard.json");
        assert_eq!(read(&path), Preferences::default());
        let chosen = Preferences { arrangement: Some(Arrangement::Dense) };
        write(&path, chosen);
        assert_eq!(read(&path), chosen);
        std::fs::write(&path, "{").unwrap();
        assert_eq!(read(&path), Preferences::default());
    }
}
