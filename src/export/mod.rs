//! Files for other engines: what a validated config means as systemd units, as Kubernetes manifests, as a compose file.
//!
//! Each exporter translates one config into files. What has no counterpart there is a comment in the file and a
//! [`Omission`] for standard error: nothing is left out in silence. Nothing is run or written here.

mod compose;
mod kubernetes;
mod omission;
mod systemd;
mod yaml;

use crate::config::{CommandLine, Config};

pub(crate) use omission::Omission;

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExportedFile {
    /// Its name, without a directory.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// An export: its files, and what they leave out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) files: Vec<ExportedFile>,
    pub(crate) omissions: Vec<Omission>,
}

/// The engines that can be exported to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ExportTarget {
    /// A unit for each task and a target for all.
    Systemd,
    /// Deployments, Jobs, Services and ConfigMaps.
    Kubernetes,
    /// A compose.yaml.
    Compose,
}

/// The options of an export beside the config.
#[derive(Debug, Clone, Default)]
pub(crate) struct ExportOptions {
    /// Units for a user's service manager instead of the system's.
    pub(crate) user_units: bool,
    /// The image of every task that is not named in `images`.
    pub(crate) image: Option<String>,
    /// The images of tasks, by name.
    pub(crate) images: Vec<(String, String)>,
}

impl ExportOptions {
    /// The image of a task; `None` where none was given.
    fn image_of(&self, task: &str) -> Option<&str> {
        let own = self.images.iter().find(|(name, _)| name == task).map(|(_, image)| image.as_str());
        own.or(self.image.as_deref())
    }

    /// The image of a task, or a name that can't be pulled, and the omission that says so.
    fn image_or_placeholder(&self, config: &Config, task: &str, omissions: &mut Vec<Omission>) -> String {
        self.image_of(task).map(str::to_owned).unwrap_or_else(|| {
            let placeholder = format!("example.invalid/{}/{}", dns_label(&config.project()), dns_label(task));
            let remedy =
                format!("build an image and name it with `--image {task}=IMAGE`; until then it is `{placeholder}`");
            omissions.push(Omission::new(task, "command", remedy));
            placeholder
        })
    }
}

/// Translates `config`.
pub(crate) fn export(target: ExportTarget, config: &Config, options: &ExportOptions) -> Export {
    match target {
        ExportTarget::Systemd => systemd::export(config, options),
        ExportTarget::Kubernetes => kubernetes::export(config, options),
        ExportTarget::Compose => compose::export(config, options),
    }
}

/// A command as an argument vector, with its variables filled in.
fn argv(command: &CommandLine) -> Vec<String> {
    match command.shell_line() {
        Some(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()],
        None => command.to_argv(),
    }
}

/// A name as RFC 1123 wants a label: lower case letters, digits and dashes, at most 63.
fn dns_label(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let mapped: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let trimmed: String = mapped.trim_matches('-').chars().take(63).collect();
    let label = trimmed.trim_end_matches('-');
    if label.is_empty() { "task".to_owned() } else { label.to_owned() }
}

/// The host and the port of `host:port`.
fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_start_matches('[').trim_end_matches(']'), port.parse().ok()?))
}

/// Whether a host is this machine: inside a container it is the container itself.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip.is_unspecified())
}
