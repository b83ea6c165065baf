//! The configuration: what `stead.toml` says, validated.
//!
//! `load` finds and reads the file, `document` and `task` name its keys, and out comes a [`Config`], or every
//! mistake at once ([`ConfigError`]). A `Config` can't hold an invalid plan: names are checked, dependencies
//! exist and have no cycle, paths are absolute, defaults are filled in. Nothing is started here.

mod compare;
mod document;
mod env;
mod graph;
mod hooks;
mod kind;
mod load;
mod nearest;
mod parsed;
mod project;
mod report;
mod select;
mod shared;
mod table;
mod task;
mod types;

pub use compare::compare;
pub use document::schema;
pub use load::FILE_NAME;
pub(crate) use nearest::nearest;
pub use project::Project;
pub use report::{ConfigError, Report};
pub use select::UnknownTask;
pub use shared::SharedConfig;
pub use task::RESERVED_NAMES;
pub use types::*;
