//! What a working day with forty tasks needs, in as few keys as can be.

use ratatui::crossterm::event::KeyCode;
use stead::supervisor::engine::Verb;
use stead::ui::{Arrangement, DashboardEffect, Preferences};

use super::fixture::{Dashboard, log};
use super::forty::{TRACE, dashboard};

fn selected(dashboard: &Dashboard) -> &str {
    dashboard.model.selected(&dashboard.snapshot).unwrap()
}

/// What was copied by the last key.
fn copied(effects: &[DashboardEffect]) -> &str {
    match effects {
        [DashboardEffect::Copy(text)] => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn which_one_fails_and_why_is_on_the_screen() {
    for (width, height) in [(120, 40), (80, 24), (200, 50), (60, 20)] {
        let text = dashboard(width, height).text();
        assert!(text.contains("worker-reports  gave up 12:02"), "{text}");
        assert!(text.contains("psycopg.Ope"), "{text}");
    }
    let text = dashboard(120, 40).text();
    assert!(text.contains("34/h, every 20s") && text.contains("⊘ report-mailer"), "{text}");
}

#[test]
fn a_trace_is_copied_exactly_with_two_keys() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("}}");
    assert_eq!(selected(&dashboard), "worker-billing");
    dashboard.press("}");
    assert_eq!(selected(&dashboard), "worker-reports");
    assert_eq!(copied(&dashboard.press("Y")), TRACE.join("\n"));
    assert!(dashboard.text().contains("copied 6 lines"));
}

#[test]
fn lines_are_chosen_and_copied_whole() {
    let mut dashboard = dashboard(120, 40);
    let long = "x".repeat(200);
    dashboard.logs.insert("db".to_owned(), log("db", &[(9, 1, "one"), (8, 1, &long), (7, 1, "three")]));
    dashboard.press("v");
    assert_eq!(copied(&dashboard.press("y")), "three");
    dashboard.press("vk");
    assert_eq!(copied(&dashboard.press("y")), format!("{long}\nthree"));
    dashboard.press("vkk");
    assert_eq!(copied(&dashboard.press("Y")), "one");
    dashboard.press("v");
    dashboard.key(KeyCode::Esc);
    assert_eq!(copied(&dashboard.press("y")), format!("one\n{long}\nthree"), "all in view, and no line in part");
}

#[test]
fn a_group_is_restarted_with_three_keys_and_the_marks_are_gone() {
    let mut dashboard = dashboard(120, 40);
    let restarts = dashboard.press("}}*r");
    assert_eq!(restarts.len(), 8);
    assert!(restarts.contains(&DashboardEffect::Ask(Verb::Restart.of("worker-audit"))));
    let text = dashboard.text();
    assert!(text.contains("restarting 8: worker-audit, worker-billing, worker-reports, …"), "{text}");
    assert_eq!(dashboard.press("r").len(), 1, "marks are for one action");
}

#[test]
fn stopping_many_asks_with_their_number() {
    let mut dashboard = dashboard(120, 40);
    assert_eq!(dashboard.press("}}*s"), []);
    assert!(dashboard.text().contains("Stop 7: worker-audit"), "one has failed already: {}", dashboard.text());
    assert_eq!(dashboard.press("y").len(), 7);
}

#[test]
fn rows_are_narrowed_by_name_group_and_state() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("\\worker aud");
    let text = dashboard.text();
    assert!(text.contains("1 of 40 tasks · worker aud") && !text.contains("api-users"), "{text}");
    assert!(text.contains("worker-reports  gave up"), "the strip stays: {text}");
    dashboard.key(KeyCode::Enter);
    assert_eq!(selected(&dashboard), "worker-audit");
    dashboard.key(KeyCode::Esc);
    assert!(dashboard.text().contains("╭ 40 tasks"));
    dashboard.press("/state:flap");
    assert!(dashboard.text().contains("2 of 40 tasks"));
    dashboard.key(KeyCode::Esc);
    dashboard.press("\\@api");
    assert!(dashboard.text().contains("7 of 40 tasks"));
}

#[test]
fn levels_hide_lines_and_say_how_many() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("jjj");
    assert_eq!(selected(&dashboard), "api-users");
    dashboard.press("++");
    let text = dashboard.text();
    assert!(text.contains("warn and worse · 2 hidden") && !text.contains("200"), "{text}");
    dashboard.press("--");
    assert!(!dashboard.text().contains("hidden"));
}

#[test]
fn a_filter_knows_fields_and_levels() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("jjjFlevel>=warn status>=500");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    assert!(text.contains("1 match") && text.contains("503") && !text.contains("404"), "{text}");
    let mut dashboard = super::forty::dashboard(120, 40);
    dashboard.press("F/[a-/");
    assert!(dashboard.text().contains("unclosed character class"), "{}", dashboard.text());
}

#[test]
fn what_happened_meanwhile_takes_one_key_and_leads_to_the_log() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("e");
    let text = dashboard.text();
    assert!(text.contains("while you were away") && text.contains("4 fails 11:49–12:02 · now failed"), "{text}");
    assert!(text.contains("37 others: nothing happened"), "{text}");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    assert!(text.contains("Traceback") && text.contains("paused"), "{text}");
    assert_eq!(selected(&dashboard), "worker-reports");
    dashboard.press("e\t");
    assert!(dashboard.text().contains("╭ events"), "{}", dashboard.text());
}

#[test]
fn only_what_came_after_the_last_key_counts() {
    let mut dashboard = dashboard(120, 40);
    let now = dashboard.now;
    dashboard.now.0 -= std::time::Duration::from_secs(3_000);
    dashboard.press("j");
    dashboard.now.0 += std::time::Duration::from_secs(2_950);
    dashboard.press("je");
    dashboard.now = now;
    let text = dashboard.text();
    assert!(text.contains("worker-billing"), "{text}");
    let mut later = super::forty::dashboard(120, 40);
    later.press("j");
    later.now.0 += std::time::Duration::from_secs(600);
    later.press("e");
    assert!(later.text().contains("40 tasks: nothing happened"), "{}", later.text());
}

#[test]
fn a_time_is_gone_to() {
    let mut dashboard = dashboard(120, 40);
    let lines: Vec<_> = (0..500).map(|nth| (1_000 - nth, 1, "tick")).collect();
    dashboard.logs.insert("db".to_owned(), log("db", &lines));
    dashboard.press("'-15m");
    dashboard.key(KeyCode::Enter);
    let text = dashboard.text();
    assert!(text.contains("11:48:21") && text.contains("paused"), "{text}");
    dashboard.press("'never");
    assert!(dashboard.text().contains("expected something like"), "{}", dashboard.text());
}

#[test]
fn each_log_is_left_as_it_was_read() {
    let mut dashboard = dashboard(120, 40);
    let lines: Vec<_> = (0..500).map(|nth| (1_000 - nth, 1, "tick")).collect();
    dashboard.logs.insert("db".to_owned(), log("db", &lines));
    dashboard.press("\tg");
    let text = dashboard.text();
    assert!(text.contains("paused"), "{text}");
    dashboard.press(">");
    assert_eq!(selected(&dashboard), "cache");
    assert!(dashboard.text().contains("following"));
    dashboard.press("<");
    assert_eq!(dashboard.text().contains("paused"), text.contains("paused"));
}

#[test]
fn crashes_stand_between_the_lines_of_a_merged_log() {
    let mut dashboard = dashboard(120, 40);
    dashboard.logs.insert("worker-audit".to_owned(), log("worker-audit", &[(70, 1, "before"), (20, 1, "after")]));
    dashboard.press("}}k }");
    dashboard.press(" m");
    let text = dashboard.text();
    assert!(text.contains("── worker-reports run 4: code 1 ──"), "{text}");
    assert!(text.contains("worker-reports Traceback"), "names are whole: {text}");
}

#[test]
fn json_is_shown_in_columns_and_copied_as_it_was_written() {
    let mut dashboard = dashboard(120, 40);
    dashboard.press("jjj");
    let text = dashboard.text();
    assert!(text.contains("error request handled status=503 path=/cart") && !text.contains("{"), "{text}");
    dashboard.press("v");
    assert!(copied(&dashboard.press("Y")).starts_with("{\"time\":"));
    dashboard.press("J");
    assert!(dashboard.text().contains("{\"time\":"));
}

#[test]
fn the_keys_of_the_readme_are_those_of_the_dashboard() {
    let readme = include_str!("../../../README.md");
    let keys = readme.split("## Keys").nth(1).and_then(|text| text.split("\n## ").next()).expect("a table of keys");
    for (_, names, help) in stead::ui::key_table() {
        // One name of each is enough, and shift and control have more of them than a table has room for.
        let is_told = names.split(' ').any(|name| keys.contains(&format!("`{name}`")));
        assert!(is_told || names.contains("ctrl-") || names.contains("pg"), "{names}: {help}");
    }
}

#[test]
fn the_title_of_the_window_says_what_is_not_well() {
    let dashboard = dashboard(120, 40);
    let title = stead::ui::window_title("shop", &dashboard.snapshot);
    assert_eq!(title, "shop: 1 failed, 2 flapping, 1 blocked");
    assert_eq!(stead::ui::window_title("shop", &Dashboard::empty(1, 1).snapshot), "shop: ok");
}

#[test]
fn the_arrangement_is_remembered() {
    let mut dashboard = dashboard(120, 40);
    let table = Preferences { arrangement: Some(Arrangement::Log) };
    assert_eq!(dashboard.press("L"), [DashboardEffect::Remember(table)]);
    assert!(!dashboard.text().contains("40 tasks"));
    let table = Preferences { arrangement: Some(Arrangement::Table) };
    assert_eq!(dashboard.press("L"), [DashboardEffect::Remember(table)]);
    assert!(dashboard.text().contains("NEXT"));
    let mut other = super::forty::dashboard(120, 40);
    other.model.recall(table);
    assert!(other.text().contains("NEXT"));
}
