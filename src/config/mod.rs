//! The configuration: what `stead.toml` says, validated.
//!
//! `load` finds and reads the file, `document` and `task` name its keys, and out comes a [`Config`], or every
//! mistake at once ([`ConfigError`]). A `Config` can't hold an invalid plan: names are checked, dependencies
//! exist and have no cycle, paths are absolute, defaults are filled in. Nothing is started here.

mod advice;
mod after;
pub(crate) mod builtin;
mod command;
mod compare;
mod document;
mod env_file;
mod environment;
mod expand;
mod fill;
mod foreign;
mod graph;
mod groups;
mod hooks;
mod include;
mod kind;
mod load;
mod nearest;
mod parsed;
mod ports;
mod probe;
mod project;
mod report;
mod reread;
mod scope;
mod secret;
mod select;
mod serial;
mod shared;
mod sources;
mod syntax;
mod table;
mod task;
mod triggers;
mod types;
mod value;

pub use advice::Advice;
pub use command::CommandLine;
pub use compare::compare;
pub use document::schema;
pub(crate) use env_file::{EnvFileError, read_env_file};
pub use load::FILE_NAME;
pub(crate) use load::{FILE_MOST, TranslatedText};
pub(crate) use nearest::nearest;
pub(crate) use parsed::parse_signal;
pub use ports::PortConfig;
pub(crate) use ports::{forget_taken_ports, is_free, keep_ports};
pub use probe::{Check, HttpOptions, LiveConfig, ReadyConfig, TriesConfig};
pub use project::Project;
pub use report::{ConfigError, MistakeReport};
pub use reread::TaskSource;
pub use scope::{Variable, VariableOrigin, Variables};
pub use secret::{FilledText, MASK, Secret, SecretUrl};
pub use select::{BadSelection, TaskSelection, UnknownProfile, UnknownTask};
pub use shared::SharedConfig;
pub use triggers::{DueTimes, OnChange, ScheduleConfig, WatchConfig};
pub use types::*;
