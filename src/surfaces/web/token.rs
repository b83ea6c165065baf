//! The token: a client that has it may change things over TCP. It lies in a file that only its owner can read.
//! It is never in an event, a snapshot or a log, all of which more clients may read.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::hint::black_box;
use std::io::{self, ErrorKind, Read, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context, bail};
use rustix::fs::OFlags;

use crate::private;

/// Bytes of randomness; the token has two hexadecimal digits for each.
const TOKEN_BYTES: usize = 32;
/// The most that is read of the file.
const TOKEN_FILE_BYTES: u64 = 1_024;
/// Digits that a token in a file must have at least, in case it was written by hand.
const TOKEN_DIGITS_LEAST: usize = 16;

/// A secret. It is shown nowhere by accident.
#[derive(Clone)]
pub(crate) struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token in this file; makes both if there is no file yet.
    ///
    /// # Errors
    ///
    /// The file can't be read or made, holds no token, or others could have read or written it.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        match Self::make(path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Self::read(path),
            made => made.with_context(|| format!("cannot make {}", path.display())),
        }
    }

    /// The token that is in this file already.
    ///
    /// # Errors
    ///
    /// As of [`of`](Self::of), and when there is no file.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        let file = private::open(path, OFlags::RDONLY).with_context(|| format!("cannot read {}", path.display()))?;
        let about = file.metadata()?;
        if about.mode() & 0o077 != 0 {
            bail!("{} is not private: remove it, and a new one is made", path.display());
        }
        file.take(TOKEN_FILE_BYTES)
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let token = text.trim();
        if token.len() < TOKEN_DIGITS_LEAST || !token.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            bail!("{} holds no token: remove it, and a new one is made", path.display());
        }
        Ok(Self(token.to_owned()))
    }

    fn make(path: &Path) -> io::Result<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let mut token = String::with_capacity(2 * TOKEN_BYTES);
        for byte in bytes {
            let _ = write!(token, "{byte:02x}");
        }
        // A link in its place is not followed, and the mode holds from the first moment.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{token}")?;
        Ok(Self(token))
    }

    /// Whether this is the token. Takes as long for a near miss as for any other text of the same length.
    pub(super) fn is(&self, text: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference = own.iter().zip(text).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
        own.len() == text.len() && difference == 0
    }

    /// What a web surface is given in tests.
    #[cfg(test)]
    pub(super) fn source(path: impl Into<std::path::PathBuf>) -> impl Fn() -> anyhow::Result<Self> + Send + Sync {
        let path = path.into();
        move || Self::of(&path)
    }

    #[cfg(test)]
    pub(super) fn sample() -> Self {
        Self("0123456789abcdef".to_owned())
    }

    /// The secret itself, to hand over to a client that may have it.
    pub(crate) fn secret(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_made_once_private_and_the_same_from_then_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let first = Token::of(&path).unwrap();
        assert_eq!(first.secret().len(), 64);
        assert_eq!(Token::of(&path).unwrap().secret(), first.secret());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!format!("{first:?}").contains(first.secret()));
        fs::remove_file(&path).unwrap();
        assert_ne!(Token::of(&path).unwrap().secret(), first.secret());
    }

    #[test]
    fn a_file_that_others_could_read_or_that_holds_none_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        Token::of(&path).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(Token::of(&path).unwrap_err().to_string().contains("is not private"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        for text in ["", "short\n", "not a token, for it has spaces\n"] {
            fs::write(&path, text).unwrap();
            assert!(Token::of(&path).unwrap_err().to_string().contains("holds no token"), "{text}");
        }
    }

    #[test]
    fn only_the_whole_token_is_it() {
        let token = Token::sample();
        assert!(token.is(b"0123456789abcdef"));
        for other in [&b""[..], b"0123456789abcde", b"0123456789abcdeg", b"0123456789abcdef0", b"1123456789abcdef"] {
            assert!(!token.is(other));
        }
    }
}
