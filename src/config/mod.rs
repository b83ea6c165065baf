//! The configuration: what `stead.toml` says, validated.
//!
//! [`raw`] is the shape of the file, [`load`] finds and reads it, [`validate`] turns the raw shape into a
//! [`Config`] or into every mistake at once ([`ConfigError`]). A `Config` can't hold an invalid plan:
//! names are checked, dependencies exist and have no cycle, paths are absolute, defaults are filled in.

mod duration;
mod signal;
mod types;

pub(crate) use duration::serialize_millis;
pub use duration::{Pretty, parse_duration};
pub use signal::Signal;
pub use types::*;
