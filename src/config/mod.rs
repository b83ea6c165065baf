//! The configuration: what `stead.toml` says, validated.
//!
//! `load` finds and reads the file, `document` and `task` name its keys, and out comes a [`Config`], or every
//! mistake at once ([`ConfigError`]). A `Config` can't hold an invalid plan: names are checked, dependencies
//! exist and have no cycle, paths are absolute, defaults are filled in. Nothing is started here.

mod document;
mod duration;
mod env;
mod graph;
mod hooks;
mod kind;
mod load;
mod nearest;
mod parsed;
mod report;
mod select;
mod signal;
mod table;
mod task;
mod types;

pub use document::schema;
pub(crate) use duration::millis;
pub use duration::{Pretty, parse_duration};
pub use load::FILE_NAME;
pub(crate) use nearest::nearest;
pub use report::{ConfigError, Report};
pub use select::UnknownTask;
pub use signal::Signal;
pub use task::RESERVED_NAMES;
pub use types::*;
