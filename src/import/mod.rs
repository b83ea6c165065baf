//! Other tools' files: reads them as their own tools would, and says what differs.
//!
//! A reader turns a file into a draft: a document in the language of stead.toml, which `config` judges like any other, and
//! three lists: what was taken, what was filled in (what the tool assumes and stead does not), and what is not honoured.
//! Nothing is started here. The only program that is run is node, for an ecosystem file in JavaScript, and only where the
//! caller allows it.
//!
//! | module | its job |
//! |---|---|
//! | `kind` | which tool a file is for |
//! | `procfile`, `process_compose`, `mprocs`, `supervisord`, `pm2`, `docker_compose` | the readers |
//! | `draft`, `source` | the document in the making, and the places it comes from |
//! | `yaml`, `go_template`, `env_file`, `env_dialect`, `escape` | the languages in those files |
//! | `missing_keys`, `defaults`, `write` | the document as text |
//! | `translation` | what comes out: a config, the lists, a stead.toml |

mod defaults;
mod docker_compose;
mod draft;
mod env_dialect;
mod env_file;
mod escape;
mod fields;
mod fuzzing;
mod go_template;
mod kind;
mod missing_keys;
mod mprocs;
mod node;
mod pm2;
mod process_compose;
mod procfile;
mod source;
mod supervisord;
mod surroundings;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod translation;
mod write;
mod yaml;

pub use draft::{Dropped, Weight};
#[doc(hidden)]
pub use fuzzing::read_any;
pub use kind::{FileKind, candidates, kind_of};
pub use node::Scripts;
pub use procfile::ProcfileRunner;
pub use surroundings::Options;
pub use translation::{Translation, Untranslated, translate};
