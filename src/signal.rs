//! A signal by number, with its name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use utoipa::ToSchema;

/// A Unix signal, shown and written by its name (`SIGTERM`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ToSchema)]
#[schema(value_type = String)]
pub struct Signal(i32);

impl Signal {
    /// The polite request to end: the default of `stop.signal`.
    pub const TERM: Self = Self(nix::sys::signal::SIGTERM as i32);
    /// What programs take for a request to read their configuration again.
    pub const HUP: Self = Self(nix::sys::signal::SIGHUP as i32);
    /// What lets a stopped process go on.
    pub const CONT: Self = Self(nix::sys::signal::SIGCONT as i32);
    /// The end that can't be refused.
    pub const KILL: Self = Self(nix::sys::signal::SIGKILL as i32);

    /// Every signal that has a name.
    pub fn all() -> impl Iterator<Item = Self> {
        nix::sys::signal::Signal::iterator().map(|signal| Self(signal as i32))
    }

    /// The signal of a raw number as the kernel reports it.
    #[must_use]
    pub fn from_raw(number: i32) -> Self {
        Self(number)
    }

    /// The number the operating system uses.
    #[must_use]
    pub fn as_raw(self) -> i32 {
        self.0
    }
}

impl FromStr for Signal {
    type Err = String;

    /// Takes `SIGTERM` or `TERM`, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        nix::sys::signal::Signal::from_str(&name)
            .map(|signal| Self(signal as i32))
            .map_err(|_| format!("`{text}` is not a signal; write it like \"SIGTERM\""))
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match nix::sys::signal::Signal::try_from(self.0) {
            Ok(signal) => f.write_str(signal.as_str()),
            Err(_) => write!(f, "signal {}", self.0),
        }
    }
}

impl Serialize for Signal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Signal {
    /// Takes what is shown of a signal, also one without a name.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let nameless = text.strip_prefix("signal ").and_then(|number| number.parse().ok()).map(Self);
        nameless.map_or_else(|| text.parse(), Ok).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!("SIGTERM".parse(), Ok(Signal::TERM));
        assert_eq!("kill".parse(), Ok(Signal::KILL));
        assert_eq!(Signal::from_raw(11).to_string(), "SIGSEGV");
        assert_eq!(Signal::from_raw(40).to_string(), "signal 40");
        assert!("SIGNOPE".parse::<Signal>().is_err());
    }
}
