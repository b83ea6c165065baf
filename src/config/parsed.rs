//! Strings with a meaning: durations, addresses, signals, patterns.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use hyper::Uri;
use regex::bytes::Regex;
use serde_json::{Value as Json, json};

use super::FilledText;
use super::kind::{Complaint, Given, Kind, refuse, text};
use super::nearest::nearest;
use crate::duration::{Pretty, parse_duration};
use crate::signal::Signal;

/// A string with a meaning.
pub(super) struct Parsed<T: 'static> {
    /// What is expected, to follow that word.
    pub(super) what: &'static str,
    /// Gives its meaning, or what would be right.
    pub(super) parse: fn(&str) -> Result<T, String>,
    /// Writes it.
    pub(super) show: fn(&T) -> String,
    /// Strings that have a meaning.
    pub(super) examples: &'static [&'static str],
}

impl<T> Kind for Parsed<T> {
    type Value = T;

    fn read(&self, given: &Given<'_>) -> Result<T, Vec<Complaint>> {
        (self.parse)(text(given, self.what)?).or_else(|remedy| refuse(given, remedy))
    }

    fn schema(&self) -> Json {
        json!({ "type": "string", "examples": self.examples })
    }

    fn show(&self, value: &T) -> Json {
        json!((self.show)(value))
    }
}

/// A string with a meaning, kept as it is written beside what it becomes.
pub(super) struct AsWritten(pub(super) Parsed<String>);

impl Kind for AsWritten {
    type Value = FilledText;

    fn read(&self, given: &Given<'_>) -> Result<FilledText, Vec<Complaint>> {
        let filled = self.0.read(given)?;
        let written = given.written.get_ref().as_text().unwrap_or_default().to_owned();
        Ok(FilledText { written, filled })
    }

    fn schema(&self) -> Json {
        self.0.schema()
    }
}

/// A length of time.
pub(super) const DURATION: Parsed<Duration> = Parsed {
    what: "a duration like \"1m 30s\" or \"500ms\"",
    parse: parse_duration,
    show: |duration| Pretty(*duration).to_string(),
    examples: &["500ms", "10s", "1m 30s", "1h"],
};

/// A length of time that isn't nothing.
pub(super) const PERIOD: Parsed<Duration> = Parsed { parse: parse_period, ..DURATION };

/// An address to listen on.
pub(super) const ADDRESS: Parsed<SocketAddr> = Parsed {
    what: "an address like \"127.0.0.1:7070\"",
    parse: |text| text.parse().map_err(|_| "expected an IP address and a port, like \"127.0.0.1:7070\"".to_owned()),
    show: SocketAddr::to_string,
    examples: &["127.0.0.1:7070", "[::1]:7070"],
};

/// A signal by name.
pub(super) const SIGNAL: Parsed<Signal> = Parsed {
    what: "a signal like \"SIGTERM\"",
    parse: parse_signal,
    show: Signal::to_string,
    examples: &["SIGTERM", "SIGINT", "SIGQUIT"],
};

/// File mode bits, in octal.
pub(super) const UMASK: Parsed<u32> = Parsed {
    what: "bits in octal like \"027\"",
    parse: parse_umask,
    show: |bits| format!("{bits:03o}"),
    examples: &["022", "027", "077"],
};

/// What a TCP connection is tried to.
pub(super) const TCP: Parsed<String> =
    Parsed { what: "a host and a port", parse: host_and_port, show: String::clone, examples: &["127.0.0.1:5432"] };

/// What a GET is tried on.
pub(super) const HTTP: Parsed<String> =
    Parsed { what: "a URL", parse: http_url, show: String::clone, examples: &["http://127.0.0.1:8080/health"] };

/// What a hook posts to.
pub(super) const WEBHOOK: Parsed<String> =
    Parsed { what: "a URL", parse: webhook_url, show: String::clone, examples: &["http://127.0.0.1:9000/stead"] };

/// A pattern of a line.
pub(super) const PATTERN: Parsed<Regex> = Parsed {
    what: "a regular expression",
    parse: |text| Regex::new(text).map_err(|error| format!("not a regular expression: {}", last_line(&error))),
    show: Regex::to_string,
    examples: &["listening on .*:8080"],
};

fn parse_period(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("expected more than nothing".to_owned()),
        duration => Ok(duration),
    }
}

/// A signal by name; names the one that was probably meant.
pub(crate) fn parse_signal(text: &str) -> Result<Signal, String> {
    text.parse().map_err(|error| {
        let names: Vec<_> = Signal::all().map(|signal| signal.to_string()).collect();
        let upper = text.trim().to_ascii_uppercase();
        let short = names.iter().map(|name| name.trim_start_matches("SIG"));
        match nearest(upper.trim_start_matches("SIG"), short) {
            Some(name) => format!("`{text}` is not a signal; did you mean \"SIG{name}\"?"),
            None => error,
        }
    })
}

fn parse_umask(text: &str) -> Result<u32, String> {
    let octal = u32::from_str_radix(text, 8).ok().filter(|&bits| bits <= 0o777 && !text.starts_with('+'));
    octal.ok_or_else(|| "expected three octal digits, like \"027\"".to_owned())
}

fn host_and_port(text: &str) -> Result<String, String> {
    let (host, port) = text.rsplit_once(':').unwrap_or_default();
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let named = bare.map_or(!host.is_empty() && !host.contains([':', '/', ' ']), |v6| v6.parse::<Ipv6Addr>().is_ok());
    match port.parse::<u16>() {
        Ok(1..) if named => Ok(text.to_owned()),
        _ => Err("expected a host and a port, like \"127.0.0.1:5432\"".to_owned()),
    }
}

fn http_url(text: &str) -> Result<String, String> {
    const LIKE: &str = "like \"http://127.0.0.1:8080/health\"";
    let url: Uri = text.parse().map_err(|_| format!("expected a URL {LIKE}"))?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => Err(format!(
            "a user and password can't be given (`headers` can have an Authorization); expected a URL {LIKE}"
        )),
        (Some("http" | "https"), Some(authority)) if !authority.host().is_empty() => Ok(text.to_owned()),
        _ => Err(format!("expected a URL {LIKE}")),
    }
}

/// As for a probe, but that a user and a password can be given.
fn webhook_url(text: &str) -> Result<String, String> {
    const LIKE: &str = "like \"http://127.0.0.1:9000/stead\"";
    let url: Uri = text.parse().map_err(|_| format!("expected a URL {LIKE}"))?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(authority)) if !authority.host().is_empty() => Ok(text.to_owned()),
        _ => Err(format!("expected a URL {LIKE}")),
    }
}

/// The point of a regex error: before it stands a drawing that has no room here.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
