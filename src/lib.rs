//! stead supervises everything a project needs running, and shows exactly why when something is not.
//!
//! The binary is a thin shell around this library. A Rust program that has long-running tokio tasks of
//! its own can use [`supervisor::TaskSupervisor`] to put them under the same policy.
//!
//! | module | its job |
//! |---|---|
//! | [`config`] | `stead.toml` → a validated [`config::Config`], or every mistake at once |
//! | [`supervisor`] | the pure state machine, the loop that drives it, the public `TaskSupervisor` |
//! | [`process`] | child processes: spawn, stop ladder, output, readiness |
//! | [`kernel`] | what the faces may see and ask: snapshot, events, logs, metrics, requests |
//! | [`gateway`] | the hub between faces and kernel |
//! | [`surfaces`] | the faces: web, terminal, plain output |
//! | [`ui`] | the dashboard as pure functions |
//! | [`cli`] | arguments and subcommands |

pub mod cli;
pub mod config;
pub mod gateway;
pub mod kernel;
pub mod process;
pub mod supervisor;
pub mod surfaces;
pub mod ui;
