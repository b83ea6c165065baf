//! The dashboard as pure functions: [`update`] changes the [`Model`], [`view`] draws it, both over what is [`Shown`].
//!
//! Nothing here waits, reads a clock or touches a terminal: time comes in with [`Shown::now`], keys come in as
//! [`DashboardInput`], requests go out as [`DashboardEffect`]. So every screen can be drawn in a test, and the same
//! functions show a supervisor in this process or in another.
//!
//! ```text
//!  DashboardInput ─▶ keymap ─▶ Action ─▶ update ─▶ DashboardEffect
//!                                          │ ▲
//!                                    Model ▼ │ Layout: what stands where, and what it says
//!                               Shown ────▶ view ─▶ cells, and when they change by themselves
//! ```
//!
//! Modules use those above them in this order: the values (`action`, `keymap`, `layout`, `query`, `scroll`, …), `model`,
//! `log`, then `update` with its parts on one side and `view` on the other.

#![deny(clippy::disallowed_methods)]

mod action;
mod attach;
mod away;
mod columns;
mod copy;
mod encode;
mod failures;
mod keymap;
mod layout;
mod line_cursor;
mod log;
mod log_choice;
mod model;
mod narrowing;
mod notice;
mod offer;
mod palette;
mod pattern;
mod query;
mod requests;
mod rows;
mod run_ends;
mod scroll;
mod scrolling;
mod search;
mod selection;
mod shown;
mod theme;
mod title;
mod update;
mod view;

pub use action::{DashboardEffect, DashboardInput};
pub use keymap::key_table;
pub use layout::{Arrangement, Layout};
pub use model::{Model, Preferences};
pub use notice::desktop_notice;
pub use query::{ChosenFilter, History, HistoryQuery, Hits, LogChoice, LogOf, LogQuery, LogWindow, SearchQuery};
pub use shown::Shown;
pub use theme::Theme;
pub use title::window_title;
pub use update::update;
pub use view::{DrawnFrame, view};
