//! What a key would do now, for the footer.

use super::action::Action;
use super::keymap::{Binding, Context};
use super::layout::Arrangement;
use super::model::{Model, Overlay};
use super::requests;
use super::scroll::ScrollPosition;
use super::shown::Shown;
use crate::supervisor::engine::Stage;

/// What the footer says of a key: its name, or a better one; none if the key would do nothing.
pub(super) fn offer(binding: &Binding, model: &Model, shown: &Shown<'_>) -> Option<String> {
    binding.rank?;
    let is_draining = matches!(shown.snapshot.stage, Stage::Draining { .. });
    let marked = match model.marked.len() {
        0 => String::new(),
        count => format!(" {count} marked"),
    };
    let word = match binding.action {
        Action::Restart if is_draining => return None,
        Action::Restart => return Some(format!("restart{marked}")),
        Action::StopOrStart => match requests::stops(&model.targets(shown.snapshot)) {
            true => return Some(format!("stop{marked}")),
            false if is_draining => return None,
            false => return Some(format!("start{marked}")),
        },
        Action::Zoom if model.layout.panes.arrangement == Arrangement::Log => "back",
        Action::Focus if model.has_log_focus() => "list",
        Action::Focus => "log",
        Action::Away if model.context() == Context::Page && !matches!(model.overlay, Some(Overlay::Events(_))) => {
            return None;
        }
        Action::Follow if model.shows_screen(shown) => "log",
        Action::Follow if model.log == ScrollPosition::End => "pause",
        Action::NextHit | Action::PreviousHit if model.search.is_none() => return None,
        Action::Attach if shown.screen.is_none_or(|screen| !screen.is_live) => return None,
        Action::Merge if !model.merged => return None,
        Action::Merge => "one task",
        Action::Copy if model.selection.is_none() && model.cursor.is_none() => return None,
        Action::Close => return closes(model).map(str::to_owned),
        Action::Quit if shown.is_guest => "leave",
        Action::Quit if is_draining => return None,
        Action::Drain if !is_draining || shown.is_guest => return None,
        Action::Drain => "kill now",
        _ => binding.name,
    };
    Some(word.to_owned())
}

/// What escape closes or clears.
fn closes(model: &Model) -> Option<&'static str> {
    let word = match &model.overlay {
        Some(Overlay::Prompt(_)) => "cancel",
        Some(_) => "close",
        None if model.selection.is_some() => "clear selection",
        None if model.cursor.is_some() => "end choosing",
        None if model.run.is_some() => "all runs",
        None if model.search.is_some() => "clear search",
        None if model.filter.is_some() => "clear filter",
        None if !model.marked.is_empty() => "clear marks",
        None if model.narrowing.is_some() => "all rows",
        None => return None,
    };
    Some(word)
}
