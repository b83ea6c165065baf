//! stead supervises everything a project needs running, and shows exactly why when something is not.
//!
//! The binary is a thin shell around this library. A Rust program that has long-running tokio tasks of
//! its own can use [`supervisor::TaskSupervisor`] to put them under the same policy.
//!
//! | module | its job |
//! |---|---|
//! | [`supervisor`] | the pure state machine, the loop that drives it, the public `TaskSupervisor` |
//! | [`config`] | `stead.toml` → a validated [`config::Config`], or every mistake at once |
//! | [`logs`] | what tasks write: the files, their index, and the tail in memory |
//! | [`screen`] | the terminals of tasks: emulator, contents, attach streams |
//! | [`process`] | child processes: spawn, stop ladder, output, readiness |
//! | [`kernel`] | what surfaces may see and request: snapshot, events, logs, metrics, requests |
//! | [`present`] | the words for people: why a task is not running, ages, countdowns |
//! | [`gateway`] | who is connected, and the origin of each request |
//! | `wire` | what goes over the API: one set of types for both ends |
//! | [`surfaces`] | web, control socket, terminal, plain output, hooks |
//! | [`ui`] | the dashboard as pure functions |
//! | [`app`] | composes a supervisor from a config |
//! | `export` | files for systemd, Kubernetes, compose |
//! | [`import`] | files of other tools, as configurations |
//! | [`cli`] | arguments and subcommands |

pub mod app;
pub mod cli;
pub mod config;
pub mod duration;
mod export;
pub mod gateway;
mod http_client;
pub mod import;
pub mod kernel;
pub mod logs;
mod port_holder;
pub mod present;
mod private;
pub mod process;
pub mod screen;
pub mod signal;
mod stable_hash;
pub mod supervisor;
pub mod surfaces;
pub mod ui;
mod wire;
