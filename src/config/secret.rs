//! Strings that are passed on, and not shown, or not in full.

use std::fmt;

use hyper::Uri;
use serde::{Serialize, Serializer};

/// Stands for what is not shown.
pub const MASK: &str = "***";

/// A string that may be a secret: it is shown, and serialises, as `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The string itself, for its recipient.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// A URL that may hold a secret. It is shown, and serialises, without its user and password, and without all that
/// follows the host.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl(String);

impl SecretUrl {
    /// The URL itself, for the caller.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url: Uri = self.0.parse().unwrap_or_default();
        let host = url.authority().map_or("", |authority| authority.as_str().rsplit('@').next().unwrap_or_default());
        write!(f, "{}://{host}/{MASK}", url.scheme_str().unwrap_or("http"))
    }
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A string that is shown, and serialises, as it is written in the file: filled in it may hold a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct FilledText {
    pub(super) written: String,
    pub(super) filled: String,
}

impl FilledText {
    /// The string with its variables filled in.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.filled
    }
}

impl From<String> for FilledText {
    /// A string without variables.
    fn from(text: String) -> Self {
        Self { written: text.clone(), filled: text }
    }
}

impl fmt::Debug for FilledText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.written.fmt(f)
    }
}

impl Serialize for FilledText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}
