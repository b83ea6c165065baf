//! Every screen at three sizes, as text.

use ratatui::crossterm::event::KeyCode;

use super::fixture::Dashboard;
use super::forty;

const SIZES: [(u16, u16); 3] = [(120, 30), (80, 24), (40, 12)];
const SIZES_WITH_FORTY_TASKS: [(u16, u16); 5] = [(120, 40), (80, 24), (200, 50), (40, 12), (20, 5)];

/// Draws a screen at every size and compares it with its picture in `tests/suite/snapshots`.
fn check(name: &str, prepare: impl Fn(Dashboard) -> Dashboard) {
    for (width, height) in SIZES {
        compare(&format!("{name}_{width}x{height}"), &mut prepare(Dashboard::new(width, height)));
    }
}

/// The same with forty tasks, after these keys.
fn check_forty(name: &str, keys: &str) {
    for (width, height) in SIZES_WITH_FORTY_TASKS {
        let mut dashboard = forty::dashboard(width, height);
        dashboard.press(keys);
        compare(&format!("forty_{name}_{width}x{height}"), &mut dashboard);
    }
}

fn compare(name: &str, dashboard: &mut Dashboard) {
    insta::with_settings!({ snapshot_path => "../snapshots", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, dashboard.text());
    });
}

/// The fixture after these keys.
fn after(keys: &'static str) -> impl Fn(Dashboard) -> Dashboard {
    move |mut dashboard| {
        dashboard.press(keys);
        dashboard
    }
}

#[test]
fn the_main_screen_shows_who_is_in_trouble_and_what_comes_next() {
    check("main", after(""));
}

#[test]
fn with_forty_tasks_the_troubles_are_named_and_the_list_stands_beside_the_log() {
    check_forty("main", "");
}

#[test]
fn the_next_trouble_is_a_key_away() {
    check_forty("trouble", "}");
}

#[test]
fn what_happened_meanwhile_is_a_line_for_each_task() {
    check_forty("away", "e");
}

#[test]
fn rows_are_narrowed_to_a_group() {
    check_forty("narrowed", "\\@worker");
}

#[test]
fn a_group_is_marked() {
    check_forty("marked", "}}*");
}

#[test]
fn lines_are_chosen() {
    check_forty("chosen", "}}}vkk");
}

#[test]
fn all_that_is_known_of_a_task_is_a_page() {
    check_forty("details", "}}}i");
}

#[test]
fn dependencies_are_a_tree() {
    check_forty("dependencies", "d");
}

#[test]
fn json_stands_in_columns() {
    check_forty("columns", "jjj");
}

#[test]
fn grave_lines_stand_alone() {
    check_forty("levels", "}}}++");
}

#[test]
fn the_list_can_be_a_table_again_or_make_room_for_the_log() {
    check_forty("arranged", "L");
}

#[test]
fn the_log_can_have_the_whole_screen() {
    check("zoom", after("z"));
}

#[test]
fn the_help_shows_every_key() {
    check("help", after("?"));
}

#[test]
fn quitting_asks_while_something_runs() {
    check("confirm", after("q"));
}

#[test]
fn why_follows_the_chain_of_causes() {
    check("why", after("jjjw"));
}

#[test]
fn the_timeline_shows_all_tasks() {
    check("events", after("e"));
}

#[test]
fn a_drain_shows_what_is_left_and_when_it_is_killed() {
    check("draining", Dashboard::draining);
}

#[test]
fn a_search_is_counted_while_it_is_typed() {
    check("search", after("z/get"));
}

#[test]
fn a_bad_pattern_is_told_in_the_prompt() {
    check("bad_pattern", after("\t/[a-"));
}

#[test]
fn a_filter_leaves_only_lines_that_match() {
    check("filter", |mut dashboard| {
        dashboard.press("FGET");
        dashboard.key(KeyCode::Enter);
        dashboard
    });
}

#[test]
fn marked_tasks_are_counted() {
    check("marked", after("  "));
}

#[test]
fn a_task_with_a_terminal_shows_its_screen() {
    check("terminal", Dashboard::with_terminal);
}

#[test]
fn an_attached_terminal_has_the_whole_screen() {
    check("attached", |dashboard| after("a")(dashboard.with_terminal()));
}

#[test]
fn what_a_terminal_said_before_can_be_read() {
    check("terminal_log", |dashboard| after("f")(dashboard.with_terminal()));
}

#[test]
fn logs_of_several_tasks_are_one_with_names() {
    check("merged", after("m"));
}

#[test]
fn a_past_run_stands_alone() {
    check("past_run", after("z["));
}

#[test]
fn long_lines_can_be_cut_instead_of_wrapped() {
    check("unwrapped", after("zWl"));
}

#[test]
fn times_can_be_left_out() {
    check("without_times", after("zt"));
}

#[test]
fn commands_are_found_by_a_few_letters() {
    check("palette", after(":rest"));
}

#[test]
fn without_color_glyphs_and_words_stay() {
    let mut dashboard = Dashboard::new(120, 30).without_color();
    let (buffer, _) = dashboard.draw();
    for cell in &buffer.content {
        let plain = (ratatui::style::Color::Reset, ratatui::style::Color::Reset);
        assert_eq!((cell.fg, cell.bg), plain, "{cell:?}");
    }
    assert_eq!(dashboard.text(), Dashboard::new(120, 30).text());
}
