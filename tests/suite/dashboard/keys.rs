//! What the keys and the mouse do.

use std::time::Duration;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::style::Modifier;
use stead::screen::{KeyModes, ScreenSize};
use stead::supervisor::engine::{PhaseSnapshot, Request, TaskSnapshot, Uptime, Verb};
use stead::ui::{DashboardEffect, DashboardInput};

use super::fixture::{Dashboard, post_mortem};

fn ask(verb: Verb, name: &str) -> DashboardEffect {
    DashboardEffect::Ask(verb.of(name))
}

fn selected(dashboard: &Dashboard) -> &str {
    dashboard.model.selected(&dashboard.snapshot).unwrap()
}

pub(super) fn mouse(kind: MouseEventKind, column: u16, row: u16) -> DashboardInput {
    DashboardInput::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE })
}

/// Where this text begins on the screen.
pub(super) fn find(dashboard: &mut Dashboard, text: &str) -> (u16, u16) {
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
    dashboard.press("G");
    assert_eq!(selected(&dashboard), "docs", "the last task, not the last of stead's own parts");
    dashboard.press("bGjj");
    assert_eq!(selected(&dashboard), "stead.web");
    dashboard.press("jkk");
    assert_eq!(selected(&dashboard), "docs");
}

#[test]
fn restart_needs_one_key() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("r"), [ask(Verb::Restart, "api")]);
}

#[test]
fn the_same_key_stops_what_runs_and_starts_what_does_not() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("s"), [ask(Verb::Stop, "api")]);
    assert_eq!(dashboard.press("js"), [ask(Verb::Start, "worker")]);
    assert_eq!(dashboard.press("jjs"), [ask(Verb::Stop, "mailer")]);
    assert_eq!(dashboard.press("js"), [ask(Verb::Start, "docs")]);
}

#[test]
fn keys_act_on_all_that_is_marked() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("  ");
    assert_eq!(dashboard.press("r"), [ask(Verb::Restart, "api"), ask(Verb::Restart, "worker")]);
    assert_eq!(dashboard.press("r"), [ask(Verb::Restart, "assets")], "marks are for one action");
    assert_eq!(dashboard.press("kk  s"), [ask(Verb::Stop, "api")], "worker has failed already");
    dashboard.press(" ");
    dashboard.key(KeyCode::Esc);
    assert_eq!(dashboard.press("r"), [ask(Verb::Restart, "mailer")]);
}

#[test]
fn killing_asks_first() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("K"), []);
    assert_eq!(dashboard.press("n"), []);
    assert!(!dashboard.press("y").contains(&ask(Verb::Kill, "api")), "the question is gone");
    assert_eq!(dashboard.press("Ky"), [ask(Verb::Kill, "api")]);
}

#[test]
fn stopping_a_part_of_stead_asks_first() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("Gjs"), []);
    assert_eq!(dashboard.press("y"), [ask(Verb::Stop, "stead.web")]);
}

#[test]
fn quitting_asks_only_while_a_task_runs() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("q"), []);
    assert_eq!(dashboard.press("y"), [DashboardEffect::Ask(Request::ShutDown)]);
    assert_eq!(dashboard.press("Q"), [DashboardEffect::Ask(Request::ShutDown)]);
    dashboard.snapshot.tasks.retain(|task| !task.is_live());
    assert_eq!(dashboard.press("q"), [DashboardEffect::Ask(Request::ShutDown)]);
}

#[test]
fn a_guest_leaves_and_may_shut_down_when_sure() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.is_guest = true;
    assert_eq!(dashboard.press("q"), [DashboardEffect::Leave]);
    assert_eq!(dashboard.control('c'), [DashboardEffect::Leave]);
    assert_eq!(dashboard.press("Q"), []);
    assert!(dashboard.text().contains("everybody?"));
    assert_eq!(dashboard.press("y"), [DashboardEffect::Ask(Request::ShutDown)]);
    let mut dashboard = dashboard.draining();
    assert!(!dashboard.text().contains("ctrl-c to kill now"));
    assert_eq!(dashboard.control('c'), [DashboardEffect::Leave]);
}

#[test]
fn ctrl_c_drains_and_the_next_one_kills_whatever_is_open() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("\t/abc");
    assert_eq!(dashboard.control('c'), [DashboardEffect::Ask(Request::ShutDown)]);
    let mut dashboard = dashboard.draining();
    assert_eq!(dashboard.control('c'), [DashboardEffect::Ask(Request::KillAll)]);
}

#[test]
fn escape_and_a_key_right_after_it_are_two_keys() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("w");
    let both = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL | KeyModifiers::ALT);
    assert_eq!(dashboard.input(DashboardInput::Key(both)), [DashboardEffect::Ask(Request::ShutDown)]);
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
fn a_click_selects_and_the_wheel_scrolls_what_is_under_it() {
    let mut dashboard = Dashboard::new(120, 30);
    let (x, y) = find(&mut dashboard, "mailer");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), x, y));
    assert_eq!(selected(&dashboard), "mailer");
    let mut dashboard = Dashboard::new(80, 24);
    assert!(dashboard.text().contains("● ready    crit"));
    dashboard.input(mouse(MouseEventKind::ScrollDown, 10, 6));
    assert_eq!(selected(&dashboard), "api", "the wheel scrolls and selects nothing");
    assert!(!dashboard.text().contains("● ready    crit"));
    dashboard.input(mouse(MouseEventKind::ScrollUp, 10, 20));
    assert_eq!(selected(&dashboard), "api");
    assert!(dashboard.text().contains("paused"));
}

#[test]
fn ctrl_z_suspends_and_ctrl_l_redraws() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.control('z'), [DashboardEffect::Suspend]);
    assert_eq!(dashboard.control('l'), [DashboardEffect::Redraw]);
}

#[test]
fn attached_every_key_goes_to_the_task_but_the_one_that_leaves() {
    let typed = |text: &str| DashboardEffect::Type { task: "api".to_owned(), bytes: text.as_bytes().to_vec() };
    let mut dashboard = Dashboard::new(120, 30).with_terminal();
    assert_eq!(dashboard.press("aq?"), [typed("q"), typed("?")]);
    assert_eq!(dashboard.control('c'), [typed("\x03")]);
    assert_eq!(dashboard.control('z'), [typed("\x1a")]);
    assert_eq!(dashboard.key(KeyCode::Esc), [typed("\x1b")]);
    assert_eq!(dashboard.key(KeyCode::Up), [typed("\x1b[A")]);
    assert_eq!(dashboard.input(DashboardInput::Paste("a\nb".to_owned())), [typed("a\rb")]);
    let modes = KeyModes { application_cursor: true, bracketed_paste: true };
    dashboard.screens.values_mut().for_each(|screen| screen.modes = modes);
    assert_eq!(dashboard.key(KeyCode::Up), [typed("\x1bOA")]);
    assert_eq!(dashboard.input(DashboardInput::Paste("a".to_owned())), [typed("\x1b[200~a\x1b[201~")]);
    // What terminals call ctrl-5 is the byte of ctrl-].
    assert_eq!(dashboard.control('5'), []);
    assert_eq!(dashboard.press("s"), [ask(Verb::Stop, "api")]);
}

#[test]
fn attaching_needs_a_terminal_and_ends_with_it() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("a"), []);
    assert!(dashboard.text().contains("api has no terminal"));
    let mut dashboard = dashboard.with_terminal();
    dashboard.press("a");
    assert!(dashboard.text().contains("attached"));
    dashboard.screens.clear();
    assert_eq!(dashboard.press("s"), [ask(Verb::Stop, "api")]);
}

#[test]
fn the_terminal_is_to_be_as_large_as_its_pane() {
    let mut dashboard = Dashboard::new(120, 30).with_terminal();
    assert_eq!(dashboard.model.screen_size(), Some(ScreenSize::new(73, 13)));
    dashboard.press("a");
    assert_eq!(dashboard.model.screen_size(), Some(ScreenSize::new(118, 26)));
    dashboard.resize(80, 3);
    assert_eq!(dashboard.model.screen_size(), None);
}

#[test]
fn why_tells_how_a_task_has_failed() {
    let mut dashboard = Dashboard::new(120, 40);
    dashboard.post_mortems = vec![post_mortem("worker", 5), post_mortem("api", 1)];
    dashboard.press("jw");
    let text = dashboard.text();
    for told in ["SIGABRT after 12m (run 5)", "given up, 5 retries", "SIGABRT", "5.0 MiB at most", "! the last word"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(!text.contains("(run 1)"), "{text}");
}

#[test]
fn the_log_file_of_the_selected_task_is_opened() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.press("o"), [DashboardEffect::Open("api".to_owned())]);
}

#[test]
fn pasted_text_goes_into_a_prompt_and_is_no_command() {
    let mut dashboard = Dashboard::new(120, 30);
    assert_eq!(dashboard.input(DashboardInput::Paste("Qyr".to_owned())), []);
    dashboard.press("\t/");
    dashboard.input(DashboardInput::Paste("cart\nrest".to_owned()));
    assert!(dashboard.text().contains("/cart"));
    assert!(dashboard.text().contains("1 of 1"));
}

#[test]
fn the_palette_does_what_a_key_does_and_goes_to_tasks() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press(":rstrt now");
    assert_eq!(dashboard.key(KeyCode::Enter), [ask(Verb::Restart, "api")]);
    dashboard.press(":go wrk");
    dashboard.key(KeyCode::Enter);
    assert_eq!(selected(&dashboard), "worker");
    dashboard.press(":nothing like it");
    assert!(dashboard.text().contains("nothing is called that"));
    assert_eq!(dashboard.key(KeyCode::Enter), []);
    dashboard.key(KeyCode::Esc);
    assert_eq!(dashboard.press("r"), [ask(Verb::Restart, "worker")]);
}

#[test]
fn arrows_choose_in_the_palette() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press(":go to");
    dashboard.key(KeyCode::Down);
    dashboard.key(KeyCode::Down);
    dashboard.key(KeyCode::Up);
    let chosen = |text: String| text.split("▸ go to ").nth(1)?.split(' ').next().map(str::to_owned);
    let second = chosen(dashboard.text()).unwrap();
    dashboard.key(KeyCode::Up);
    assert_ne!(chosen(dashboard.text()), Some(second.clone()));
    dashboard.key(KeyCode::Down);
    dashboard.key(KeyCode::Enter);
    assert_eq!(selected(&dashboard), second);
}

#[test]
fn why_names_what_a_chain_hangs_on() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("jw");
    let text = dashboard.text();
    for told in ["worker has failed", "ended by SIGSEGV (core dumped), 40s ago", "its last line was “fatal: bad frame"]
    {
        assert!(text.contains(told), "{told}: {text}");
    }
}

#[test]
fn why_follows_a_dependency_that_failed() {
    let mut dashboard = Dashboard::new(120, 30);
    let mailer = dashboard.snapshot.tasks.iter_mut().find(|task| task.name == "mailer").unwrap();
    mailer.phase = PhaseSnapshot::Failed {
        reason: "worker failed".to_owned(),
        dependency: Some("worker".to_owned()),
        retry_at: None,
    };
    dashboard.press("jjjw");
    let text = dashboard.text();
    assert!(text.contains("mailer has failed: worker failed"), "{text}");
    assert!(text.contains("└─ worker has failed"), "{text}");
}

#[test]
fn a_key_that_does_nothing_says_so_for_a_second() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("x");
    assert!(dashboard.text().contains("x does nothing here; ? lists all keys"), "{}", dashboard.text());
    assert_eq!(dashboard.draw().1.map(|wait| wait <= Duration::from_secs(1)), Some(true));
    dashboard.now = Uptime(dashboard.now.0 + Duration::from_secs(1));
    assert!(dashboard.text().contains("restart"), "{}", dashboard.text());
    for (keys, told) in [("gk", "k does nothing now"), ("qx", "x does nothing here"), ("w:", ": does nothing here")] {
        let mut dashboard = Dashboard::new(120, 30);
        dashboard.press(keys);
        assert!(dashboard.text().contains(told), "{keys}: {}", dashboard.text());
    }
    let mut narrow = Dashboard::new(40, 12);
    narrow.press("t");
    assert!(narrow.text().contains("api · run 2 · log"), "a key for the log brings it: {}", narrow.text());
}

#[test]
fn hints_and_entries_of_the_palette_can_be_clicked() {
    let mut dashboard = Dashboard::new(120, 30);
    let at = find(&mut dashboard, "? help");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), at.0 + 2, at.1));
    assert!(dashboard.text().contains("╭ keys"), "{}", dashboard.text());
    dashboard.key(KeyCode::Esc);
    let at = find(&mut dashboard, "r restart");
    let clicked = dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), at.0, at.1));
    assert_eq!(clicked, [ask(Verb::Restart, "api")]);
    dashboard.press(":kill");
    let at = find(&mut dashboard, "kill now, without");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), at.0, at.1));
    assert!(dashboard.text().contains("Kill api now"), "{}", dashboard.text());
}

#[test]
fn the_parts_of_stead_take_one_line_while_they_are_well() {
    let mut dashboard = Dashboard::new(120, 40);
    let text = dashboard.text();
    assert!(text.contains("stead: 1 other part ready") && text.contains("web      ◐ backoff"), "{text}");
    let web = dashboard.snapshot.tasks.iter_mut().find(|task| task.name == "stead.web").unwrap();
    web.phase = PhaseSnapshot::Ready { since: Uptime::default(), pid: None };
    let text = dashboard.text();
    assert!(text.contains("stead: 2 parts ready") && !text.contains("gateway"), "{text}");
    let at = find(&mut dashboard, "2 parts ready");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), at.0, at.1));
    assert!(dashboard.text().contains("gateway") && !dashboard.text().contains("parts ready"), "{}", dashboard.text());
    dashboard.press("b:go to gateway");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    assert!(text.contains("stead: 1 part ready") && text.contains("▸ gateway"), "what is selected has its row: {text}");
}

#[test]
fn the_log_has_half_of_the_screen_however_many_tasks_there_are() {
    for (width, height) in [(80, 24), (120, 30)] {
        let mut dashboard = Dashboard::new(width, height);
        let template = dashboard.snapshot.tasks[0].clone();
        let many = (0..40).map(|nth| TaskSnapshot { name: format!("worker-{nth}"), ..template.clone() });
        dashboard.snapshot.tasks.splice(0..0, many);
        dashboard.input(DashboardInput::Changed);
        let rows = dashboard.model.screen_size().unwrap().rows + 2;
        assert!(rows >= height / 2, "{rows} of {height}");
    }
}

#[test]
fn the_selected_row_is_marked_over_its_whole_width() {
    for mut dashboard in [Dashboard::new(80, 24), Dashboard::new(80, 24).without_color()] {
        let (x, y) = find(&mut dashboard, "api ");
        let (buffer, _) = dashboard.draw();
        let is_reversed = |x: u16, y: u16| buffer[(x, y)].modifier.contains(Modifier::REVERSED);
        assert!((1..79).all(|x| is_reversed(x, y)) && !is_reversed(x, y + 1));
    }
}
