//! Whatever is pressed at whatever size: nothing panics, and the time of the next frame is true.

use std::time::Duration;

use proptest::prelude::*;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use stead::supervisor::engine::Uptime;
use stead::ui::DashboardInput;

use super::fixture::Dashboard;
use super::forty;

fn any_key() -> impl Strategy<Value = KeyEvent> {
    let special = prop::sample::select(vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::Backspace,
        KeyCode::F(1),
    ]);
    let letters =
        prop::sample::select("jkgGrsKRz/nNFfweq?Q y[]amtWhlo:-.*日".chars().map(KeyCode::Char).collect::<Vec<_>>());
    let modifiers = prop::sample::select(vec![KeyModifiers::NONE, KeyModifiers::NONE, KeyModifiers::CONTROL]);
    (prop_oneof![1 => special, 3 => letters], modifiers).prop_map(|(code, modifiers)| KeyEvent::new(code, modifiers))
}

fn any_input() -> impl Strategy<Value = DashboardInput> {
    let kinds = vec![
        MouseEventKind::ScrollUp,
        MouseEventKind::ScrollDown,
        MouseEventKind::Down(MouseButton::Left),
        MouseEventKind::Drag(MouseButton::Left),
        MouseEventKind::Up(MouseButton::Left),
    ];
    let mouse = (prop::sample::select(kinds), 0..140_u16, 0..50_u16).prop_map(|(kind, column, row)| {
        DashboardInput::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
    });
    prop_oneof![6 => any_key().prop_map(DashboardInput::Key), 3 => mouse, 1 => "[a日\n\x1b]{0,5}".prop_map(DashboardInput::Paste)]
}

#[test]
fn every_screen_can_be_drawn_at_the_smallest_sizes() {
    for keys in ["", "a", "m", "[", "zWl", "zt", ":re", "z", "?", "w", "e", "q", "/get", "z/[", "Fget"] {
        for (width, height) in (1..24).flat_map(|width| (1..18).map(move |height| (width, height))) {
            let mut dashboard = Dashboard::new(width, height).with_terminal();
            dashboard.press(keys);
            dashboard.draw();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_at_any_size_panics(
        sizes in prop::collection::vec((1..140_u16, 1..50_u16), 1..6),
        inputs in prop::collection::vec(any_input(), 0..40),
        draining in any::<bool>(),
        has_terminal in any::<bool>(),
        forget in 0..12_usize,
        beside in 1..12_usize,
        is_large in any::<bool>(),
    ) {
        let mut dashboard = if is_large { forty::dashboard(120, 40) } else { Dashboard::new(120, 30) };
        // However little of a log is read at a time.
        dashboard.beside = beside;
        if draining {
            dashboard = dashboard.draining();
        }
        if has_terminal {
            dashboard = dashboard.with_terminal();
        }
        for (index, input) in inputs.into_iter().enumerate() {
            let (width, height) = sizes[index % sizes.len()];
            dashboard.resize(width, height);
            dashboard.input(input);
            dashboard.draw();
        }
        // The log and the plan may shrink under the reader.
        for log in dashboard.logs.values_mut() {
            log.drain(..forget.min(log.len()));
        }
        dashboard.snapshot.tasks.drain(..forget.min(dashboard.snapshot.tasks.len()));
        dashboard.events.clear();
        dashboard.draw();
        dashboard.input(DashboardInput::Changed);
        dashboard.draw();
    }

    #[test]
    fn nothing_moves_before_the_next_tick(keys in "[jkzwe?]{0,4}", millis in 0..20_000_u64, draining in any::<bool>()) {
        let mut dashboard = Dashboard::new(120, 30);
        if draining {
            dashboard = dashboard.draining();
        }
        dashboard.press(&keys);
        dashboard.now = Uptime(dashboard.now.0 + Duration::from_millis(millis));
        let (before, tick) = dashboard.draw();
        // Nothing that changes by itself: then it does not change within a day either.
        let tick = tick.unwrap_or(Duration::from_secs(86_400));
        prop_assert!(!tick.is_zero());
        // The bar of a countdown moves between two changes of its number, so only text is compared.
        let number = |buffer: &ratatui::buffer::Buffer| {
            buffer.content.iter().map(|cell| cell.symbol().replace('▱', "▰")).collect::<String>()
        };
        dashboard.now = Uptime(dashboard.now.0 + tick - Duration::from_nanos(1));
        prop_assert_eq!(number(&before), number(&dashboard.draw().0));
    }
}

#[test]
fn every_key_changes_something_asks_for_something_or_says_that_it_does_nothing() {
    let letters = (' '..='~').map(KeyCode::Char);
    let others = [KeyCode::Enter, KeyCode::Esc, KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right];
    let more = [KeyCode::PageUp, KeyCode::PageDown, KeyCode::Home, KeyCode::End, KeyCode::Tab, KeyCode::F(5)];
    let keys: Vec<KeyCode> = letters.chain(others).chain(more).collect();
    for (width, height) in [(120, 30), (40, 12)] {
        for first in ["", "z", "w", "e", "?", "q", "g", "m"] {
            for key in &keys {
                let mut dashboard = Dashboard::new(width, height);
                dashboard.press(first);
                let before = dashboard.draw().0;
                let effects = dashboard.key(*key);
                assert!(!effects.is_empty() || dashboard.draw().0 != before, "{key:?} after {first:?} at {width}");
            }
        }
    }
}
