//! What the keys and the mouse do.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::style::Modifier;
use stead::supervisor::core::{PhaseSnapshot, Request};
use stead::ui::{Effect, Input};

use super::fixture::{Dashboard, log};

fn ask(request: fn(String) -> Request, name: &str) -> Effect {
    Effect::Ask(request(name.to_owned()))
}

fn selected(dashboard: &Dashboard) -> &str {
    dashboard.model.selected(&dashboard.snapshot).unwrap()
}

fn mouse(kind: MouseEventKind, column: u16, row: u16) -> Input {
    Input::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

/// Where this text begins on the screen.
fn find(dashboard: &mut Dashboard, text: &str) -> (u16, u16) {
    let screen = dashboard.text();
    let (row, line) = screen.lines().enumerate().find(|(_, line)| line.contains(text)).unwrap();
    let column = line[..line.find(text).unwrap()].chars().count();
    (u16::try_from(column).unwrap(), u16::try_from(row).unwrap())
}

#[test]
fn selecting_stops_at_both_ends_and_skips_the_rule() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("g");
    dashboard.press("k");
    assert_eq!(selected(&dashboard), "db");
    dashboard.press("Gk");
    assert_eq!(selected(&dashboard), "gateway");
    dashboard.press("k");
    assert_eq!(selected(&dashboard), "docs");
}

#[test]
fn restart_needs_one_key() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("r"), [ask(Request::Restart, "api")]);
}

#[test]
fn the_same_key_stops_what_runs_and_starts_what_does_not() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("s"), [ask(Request::Stop, "api")]);
    assert_eq!(dashboard.press("js"), [ask(Request::Start, "worker")]);
    assert_eq!(dashboard.press("jjs"), [ask(Request::Stop, "mailer")]);
    assert_eq!(dashboard.press("js"), [ask(Request::Start, "docs")]);
}

#[test]
fn keys_act_on_all_that_is_marked() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("  ");
    assert_eq!(dashboard.press("r"), [ask(Request::Restart, "api"), ask(Request::Restart, "worker")]);
    assert_eq!(dashboard.press("s"), [ask(Request::Stop, "api")], "worker has failed already");
    dashboard.key(KeyCode::Esc);
    assert_eq!(dashboard.press("r"), [ask(Request::Restart, "assets")]);
}

#[test]
fn killing_asks_first() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("K"), []);
    assert_eq!(dashboard.press("n"), []);
    assert_eq!(dashboard.press("y"), []);
    assert_eq!(dashboard.press("Ky"), [ask(Request::Kill, "api")]);
}

#[test]
fn stopping_a_part_of_stead_asks_first() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("Gs"), []);
    assert_eq!(dashboard.press("y"), [ask(Request::Stop, "web")]);
}

#[test]
fn quitting_asks_only_while_a_task_runs() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("q"), []);
    assert_eq!(dashboard.press("y"), [Effect::Ask(Request::ShutDown)]);
    assert_eq!(dashboard.press("Q"), [Effect::Ask(Request::ShutDown)]);
    dashboard.snapshot.tasks.retain(|task| !task.is_live());
    assert_eq!(dashboard.press("q"), [Effect::Ask(Request::ShutDown)]);
}

#[test]
fn ctrl_c_drains_and_the_next_one_kills_whatever_is_open() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("/abc");
    assert_eq!(dashboard.control('c'), [Effect::Ask(Request::ShutDown)]);
    let mut dashboard = dashboard.draining();
    assert_eq!(dashboard.control('c'), [Effect::Ask(Request::KillAll)]);
}

#[test]
fn escape_and_a_key_right_after_it_are_two_keys() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("w");
    let both = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL | KeyModifiers::ALT);
    assert_eq!(dashboard.input(Input::Key(both)), [Effect::Ask(Request::ShutDown)]);
    assert!(!dashboard.text().contains("why ·"));
}

#[test]
fn a_refusal_is_shown_until_the_next_key() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.model.tell("api is stopping already");
    assert!(dashboard.text().contains("api is stopping already"));
    dashboard.press("j");
    assert!(!dashboard.text().contains("api is stopping already"));
}

#[test]
fn a_paused_log_stands_still_while_lines_come_and_go() {
    let mut dashboard = Dashboard::new(80, 24);
    let lines: Vec<String> = (1..=300).map(|n| format!("line {n}.")).collect();
    let lines: Vec<(i64, u64, &str)> = lines.iter().map(|line| (1, 2, line.as_str())).collect();
    let all = log(&lines);
    let show = |dashboard: &mut Dashboard, from: usize, to: usize| {
        dashboard.logs.insert("api".to_owned(), all[from..to].to_vec());
        dashboard.input(Input::Changed);
        dashboard.text()
    };
    show(&mut dashboard, 0, 100);
    dashboard.press("f");
    assert!(dashboard.text().contains("line 100."));
    let later = show(&mut dashboard, 50, 250);
    assert!(later.contains("line 100.") && !later.contains("line 101."), "{later}");
    assert!(later.contains("paused · 150 below"), "{later}");
    let gone = show(&mut dashboard, 200, 300);
    assert!(gone.contains("line 201."), "what was read is gone, the oldest stands there: {gone}");
    dashboard.press("f");
    assert!(dashboard.text().contains("line 300."));
}

#[test]
fn scrolling_down_to_the_end_follows_again() {
    let mut dashboard = Dashboard::new(80, 24);
    dashboard.key(KeyCode::PageUp);
    assert!(dashboard.text().contains("paused"));
    dashboard.key(KeyCode::PageDown);
    assert!(dashboard.text().contains("following"));
}

#[test]
fn the_search_goes_round_and_highlights() {
    let mut dashboard = Dashboard::new(120, 30).without_color();
    dashboard.press("/get");
    dashboard.key(KeyCode::Enter);
    assert!(dashboard.text().contains("get · 3 of 3"));
    dashboard.press("n");
    assert!(dashboard.text().contains("get · 1 of 3"));
    dashboard.press("N");
    let (x, y) = find(&mut dashboard, "GET /health 200 in 3 ms");
    let (buffer, _) = dashboard.draw();
    let reversed = |x: u16| buffer[(x, y)].modifier.contains(Modifier::REVERSED);
    assert_eq!((x..x + 5).map(reversed).collect::<Vec<_>>(), [true, true, true, false, false]);
    dashboard.key(KeyCode::Esc);
    assert!(!dashboard.text().contains("get ·"));
}

#[test]
fn a_prompt_that_is_given_up_leaves_things_as_they_were() {
    let mut dashboard = Dashboard::new(80, 24);
    let before = dashboard.text();
    dashboard.press("/pool");
    assert!(dashboard.text().contains("2 of 3") || dashboard.text().contains("3 of 3"));
    dashboard.key(KeyCode::Esc);
    assert_eq!(dashboard.text(), before);
}

#[test]
fn a_click_selects_and_the_wheel_scrolls_what_is_under_it() {
    let mut dashboard = Dashboard::new(120, 30);
    let (x, y) = find(&mut dashboard, "mailer");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), x, y));
    assert_eq!(selected(&dashboard), "mailer");
    dashboard.input(mouse(MouseEventKind::ScrollDown, x, y));
    assert_eq!(selected(&dashboard), "docs");
    let mut dashboard = Dashboard::new(80, 24);
    dashboard.input(mouse(MouseEventKind::ScrollUp, 10, 20));
    assert_eq!(selected(&dashboard), "api");
    assert!(dashboard.text().contains("paused"));
}

#[test]
fn ctrl_z_suspends_and_ctrl_l_redraws() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.control('z'), [Effect::Suspend]);
    assert_eq!(dashboard.control('l'), [Effect::Redraw]);
}

#[test]
fn why_names_what_a_chain_hangs_on() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("jw");
    let text = dashboard.text();
    for told in ["worker has failed", "ended by SIGSEGV (core dumped), 40 s ago", "fatal: bad frame 0x1f"] {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn why_follows_a_dependency_that_failed() {
    let mut dashboard = Dashboard::new(120, 30);
    let mailer = dashboard.snapshot.tasks.iter_mut().find(|task| task.name == "mailer").unwrap();
    mailer.phase = PhaseSnapshot::Failed { reason: "worker failed".to_owned(), dependency: Some("worker".to_owned()) };
    dashboard.press("jjjw");
    let text = dashboard.text();
    assert!(text.contains("mailer has failed: worker failed"), "{text}");
    assert!(text.contains("└─ worker has failed"), "{text}");
}
