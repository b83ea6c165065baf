//! Other tools' files: reads them as their own tools would, and says what differs.
//!
//! A reader turns a file into a draft: a document in the language of stead.toml, which `config` judges like any other, and
//! three lists: what was taken, what was filled in (what the tool assumes and stead does not), and what is not honoured.
//! Nothing is started here, and no other program is run.

mod defaults;
mod draft;
mod env_file;
mod escape;
mod fields;
mod go_template;
mod mprocs;
mod pm2;
mod process_compose;
mod procfile;
mod source;
mod supervisord;
mod surroundings;
#[cfg(test)]
mod testing;
mod write;
mod yaml;
