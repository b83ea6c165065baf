//! Reading, searching and copying a log.

use ratatui::crossterm::event::{KeyCode, MouseButton, MouseEventKind};
use ratatui::style::Modifier;
use stead::ui::{DashboardEffect, DashboardInput};

use super::fixture::{Dashboard, log, log_from, post_mortem};
use super::keys::{find, mouse};

#[test]
fn a_paused_log_stands_still_while_lines_come_and_go() {
    let mut dashboard = Dashboard::new(80, 24);
    let lines: Vec<String> = (1..=300).map(|n| format!("line {n}.")).collect();
    let lines: Vec<(i64, u32, &str)> = lines.iter().map(|line| (1, 2, line.as_str())).collect();
    let all = log("api", &lines);
    let show = |dashboard: &mut Dashboard, from: usize, to: usize| {
        dashboard.logs.insert("api".to_owned(), all[from..to].to_vec());
        dashboard.input(DashboardInput::Changed);
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

/// The dashboard over so many numbered lines, of which few are read at a time.
fn long_log(lines: u32) -> Dashboard {
    let mut dashboard = Dashboard::new(80, 24);
    let texts: Vec<String> = (1..=lines).map(|n| format!("line {n}.")).collect();
    let texts: Vec<_> = texts.iter().map(|text| (1, 2, text.as_str())).collect();
    dashboard.logs.insert("api".to_owned(), log("api", &texts));
    dashboard.beside = 30;
    dashboard.input(DashboardInput::Changed);
    dashboard.press("z");
    dashboard
}

#[test]
fn scrolling_goes_through_all_that_is_kept_whatever_is_read_at_a_time() {
    let mut dashboard = long_log(5_000);
    assert!(dashboard.text().contains("line 5000."));
    dashboard.press("g");
    assert!(dashboard.text().contains("line 1."), "{}", dashboard.text());
    assert!(dashboard.text().contains("+ below"), "{}", dashboard.text());
    for _ in 0..100 {
        dashboard.press("j");
    }
    assert!(dashboard.text().contains("line 101.") && !dashboard.text().contains("line 100."), "{}", dashboard.text());
    for _ in 0..500 {
        dashboard.key(KeyCode::PageDown);
    }
    assert!(dashboard.text().contains("line 5000.") && dashboard.text().contains("following"));
    dashboard.key(KeyCode::PageUp);
    dashboard.press("kkk");
    let before = dashboard.text();
    dashboard.press("jk");
    assert_eq!(dashboard.text(), before);
    dashboard.press("gG");
    assert!(dashboard.text().contains("line 5000.") && dashboard.text().contains("following"));
}

#[test]
fn a_match_that_is_far_away_comes_into_view_with_its_surroundings() {
    let mut dashboard = long_log(5_000);
    dashboard.press("/line 123\\.");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    for shown in ["line 120.", "line 123.", "line 130.", "1 of 1"] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    dashboard.press("/");
    (0..20).for_each(|_| drop(dashboard.key(KeyCode::Backspace)));
    dashboard.press("[05]00\\.");
    dashboard.key(KeyCode::Enter);
    dashboard.press("n");
    assert!(dashboard.text().contains(" of 10"), "{}", dashboard.text());
    let copied = dashboard.press("y");
    assert!(matches!(&copied[..], [DashboardEffect::Copy(text)] if text.contains("00.\nline ")), "{copied:?}");
}

#[test]
fn a_filter_and_a_search_within_it_reach_what_is_far_away() {
    let mut dashboard = long_log(5_000);
    dashboard.press("F00.");
    dashboard.key(KeyCode::Enter);
    assert!(dashboard.text().contains("30+ matches · only 00."), "{}", dashboard.text());
    dashboard.press("g");
    assert!(dashboard.text().contains("line 100.") && dashboard.text().contains("line 200."));
    dashboard.press("/line 4[89]");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    assert!(text.contains("2 of 2") || text.contains("1 of 2"), "{text}");
    assert!(text.contains("line 4800.") && text.contains("line 4900."), "{text}");
}

#[test]
fn scrolling_down_to_the_end_follows_again() {
    let mut dashboard = Dashboard::new(80, 24);
    dashboard.key(KeyCode::Tab);
    dashboard.key(KeyCode::PageUp);
    assert!(dashboard.text().contains("paused"));
    dashboard.key(KeyCode::PageDown);
    assert!(dashboard.text().contains("following"));
}

#[test]
fn the_search_goes_round_and_highlights() {
    let mut dashboard = Dashboard::new(120, 30).without_color();
    dashboard.press("\t/get");
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
    dashboard.key(KeyCode::Tab);
    let before = dashboard.text();
    dashboard.press("/pool");
    assert!(dashboard.text().contains("2 of 3") || dashboard.text().contains("3 of 3"));
    dashboard.key(KeyCode::Esc);
    assert_eq!(dashboard.text(), before);
}

#[test]
fn searching_and_scrolling_leave_the_screen_for_the_log() {
    let mut dashboard = Dashboard::new(120, 30).with_terminal();
    assert!(dashboard.text().contains("Python 3.14"));
    dashboard.key(KeyCode::Tab);
    dashboard.key(KeyCode::PageUp);
    assert!(dashboard.text().contains("slow query"));
    dashboard.press("f\t\t/health");
    assert!(dashboard.text().contains("GET /health"));
    dashboard.key(KeyCode::Esc);
    assert!(dashboard.text().contains("Python 3.14"));
}

/// Drags from one place to another, and lets go.
fn drag(dashboard: &mut Dashboard, from: (u16, u16), to: (u16, u16)) -> Vec<DashboardEffect> {
    let left = MouseButton::Left;
    dashboard.input(mouse(MouseEventKind::Down(left), from.0, from.1));
    dashboard.input(mouse(MouseEventKind::Drag(left), to.0, to.1));
    dashboard.input(mouse(MouseEventKind::Up(left), to.0, to.1))
}

#[test]
fn what_is_dragged_over_is_copied_exactly_and_clipped_to_the_pane() {
    let mut dashboard = Dashboard::new(120, 30);
    let from = find(&mut dashboard, "slow query");
    let (_, end) = find(&mut dashboard, "loading catalogue");
    let copied = drag(&mut dashboard, from, (119, end - 1));
    let line =
        "slow query: select * from orders where customer = $1 and state in ('open', 'paid') order by id took 1204 ms";
    assert_eq!(copied, [DashboardEffect::Copy(line.to_owned())], "a broken line is whole, without times and frames");
    let from = find(&mut dashboard, "日本語");
    let copied = drag(&mut dashboard, from, (from.0 + 4, from.1));
    assert_eq!(copied, [DashboardEffect::Copy("日本語".to_owned())]);
    assert!(dashboard.text().contains("copied 3 characters"));
    assert_eq!(dashboard.press("y"), [DashboardEffect::Copy("日本語".to_owned())]);
}

#[test]
fn a_drag_backwards_selects_the_same_and_works_in_every_pane() {
    let mut dashboard = Dashboard::new(120, 30);
    let (x, y) = find(&mut dashboard, "run 2 started");
    let copied = drag(&mut dashboard, (x + 4, y), (x, y));
    assert_eq!(copied, [DashboardEffect::Copy("run 2".to_owned())]);
    let (x, y) = find(&mut dashboard, "mailer");
    let copied = drag(&mut dashboard, (x, y), (x + 5, y));
    assert_eq!(copied, [DashboardEffect::Copy("mailer".to_owned())]);
    dashboard.press("w");
    let (x, y) = find(&mut dashboard, "mailer is waiting");
    let copied = drag(&mut dashboard, (x, y), (0, y));
    assert!(matches!(&copied[..], [DashboardEffect::Copy(text)] if text.ends_with('m')), "{copied:?}");
}

#[test]
fn a_log_stands_still_while_it_is_selected_and_goes_on_after() {
    let mut dashboard = Dashboard::new(120, 30);
    let (x, y) = find(&mut dashboard, "loading catalogue 100%");
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), x, y));
    dashboard.input(mouse(MouseEventKind::Drag(MouseButton::Left), x + 6, y));
    let more: Vec<_> = (0..40).map(|_| (1, 2, "more")).collect();
    let mut log = dashboard.logs["api"].clone();
    log.extend(log_from("api", 11, &more));
    dashboard.logs.insert("api".to_owned(), log);
    let copied = dashboard.input(mouse(MouseEventKind::Up(MouseButton::Left), x + 6, y));
    assert_eq!(copied, [DashboardEffect::Copy("loading".to_owned())]);
    dashboard.key(KeyCode::Esc);
    assert!(dashboard.text().contains("following"));
}

#[test]
fn a_click_selects_no_text() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.key(KeyCode::Tab);
    let (x, y) = find(&mut dashboard, "slow query");
    let before = dashboard.draw().0;
    dashboard.input(mouse(MouseEventKind::Down(MouseButton::Left), x, y));
    assert_eq!(dashboard.input(mouse(MouseEventKind::Up(MouseButton::Left), x, y)), []);
    assert_eq!(dashboard.draw().0, before);
}

#[test]
fn a_terminals_wrapped_line_is_copied_as_one() {
    let mut dashboard = Dashboard::new(120, 30).with_terminal();
    let screen = dashboard.screens.get_mut("api").unwrap();
    screen.rows[0].wrapped = true;
    let (x, y) = find(&mut dashboard, "Python 3.14");
    let copied = drag(&mut dashboard, (x, y), (x + 8, y + 1));
    let DashboardEffect::Copy(text) = &copied[0] else { panic!("{copied:?}") };
    assert!(
        text.starts_with("Python 3.14.0 on linux") && text.ends_with(">>> print") && !text.contains('\n'),
        "{text}"
    );
}

#[test]
fn too_much_to_copy_is_told() {
    let mut dashboard = Dashboard::new(1_000, 100);
    let long = "x".repeat(4_000);
    let lines: Vec<_> = (0..40).map(|_| (1, 2, long.as_str())).collect();
    dashboard.logs.insert("api".to_owned(), log("api", &lines));
    dashboard.press("z");
    assert_eq!(dashboard.press("y"), []);
    assert!(dashboard.text().contains("more than the 74994 that terminals take"));
}

#[test]
fn runs_are_gone_through_one_by_one() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("[");
    let text = dashboard.text();
    assert!(
        text.contains("api · run 1 · code 1 · log") && text.contains("a past run") && !text.contains("/cart"),
        "{text}"
    );
    dashboard.press("[");
    assert!(dashboard.text().contains("nothing older than run 1 is kept"));
    dashboard.press("]");
    assert!(dashboard.text().contains("/cart"));
    dashboard.press("]");
    assert!(dashboard.text().contains("run 2 is the newest"));
}

#[test]
fn a_past_run_says_how_it_ended() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("[");
    assert!(dashboard.text().contains("api · run 1 · code 1 · log"), "{}", dashboard.text());
    // What the timeline has forgotten, the post-mortem knows.
    dashboard.events.clear();
    dashboard.post_mortems = vec![post_mortem("api", 1)];
    assert!(dashboard.text().contains("api · run 1 · SIGABRT · log"), "{}", dashboard.text());
}

#[test]
fn marked_tasks_alone_are_merged() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press(" jj m");
    let text = dashboard.text();
    assert!(text.contains("2 tasks · merged log"), "{text}");
    assert!(text.contains("webpack") || text.contains("slow query"), "{text}");
    assert!(!text.contains("connected to queue"), "{text}");
    dashboard.press("\t/get");
    assert!(dashboard.text().contains("3 of 3"));
}

#[test]
fn a_search_goes_with_the_reader_to_another_task() {
    let mut dashboard = Dashboard::new(120, 30);
    dashboard.press("\t/fatal");
    dashboard.key(KeyCode::Enter);
    dashboard.press("\tj");
    assert!(dashboard.text().contains("fatal · 1 match"), "{}", dashboard.text());
}

#[test]
fn words_stay_whole_and_are_copied_with_what_is_between_them() {
    let mut dashboard = Dashboard::new(80, 24);
    dashboard.logs.insert("api".to_owned(), log("api", &[(1, 2, &"word ".repeat(30))]));
    dashboard.input(DashboardInput::Changed);
    assert!(dashboard.text().contains("word word word    │"), "{}", dashboard.text());
    let (x, y) = find(&mut dashboard, "word");
    let copied = drag(&mut dashboard, (x, y), (79, y + 2));
    assert_eq!(copied, [DashboardEffect::Copy("word ".repeat(30))]);
}

#[test]
fn a_search_scrolls_sideways_to_what_it_finds() {
    let mut dashboard = Dashboard::new(80, 24);
    let far = format!("{}needle{}", "a".repeat(300), "b".repeat(300));
    dashboard.logs.insert("api".to_owned(), log("api", &[(1, 2, &far)]));
    dashboard.press("W");
    assert!(!dashboard.text().contains("needle"));
    dashboard.press("\t/needle");
    assert!(dashboard.text().contains("aneedleb"), "{}", dashboard.text());
    dashboard.key(KeyCode::Esc);
    assert!(!dashboard.text().contains("needleb"), "{}", dashboard.text());
}
