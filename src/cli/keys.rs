//! `stead keys`: the keys of the dashboard.

use std::process::ExitCode;

use unicode_width::UnicodeWidthStr;

use super::print;
use crate::ui::key_table;

/// Prints the table that the dashboard itself goes by.
///
/// # Errors
///
/// Standard output takes nothing.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let rows = key_table();
    let width = rows.iter().map(|(_, keys, _)| keys.width()).max().unwrap_or(0);
    let mut text = String::new();
    let mut topic = "";
    for (own, keys, help) in &rows {
        if topic != *own {
            text += &format!("{}{own}\n", if topic.is_empty() { "" } else { "\n" });
            topic = own;
        }
        text += &format!("  {keys}{:gap$}  {help}\n", "", gap = width - keys.width());
    }
    print(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
