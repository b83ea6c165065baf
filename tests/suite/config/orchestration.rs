//! Edges, groups, profiles: what the file says of how tasks belong together.

use stead::supervisor::engine::{Condition, Dependency, OnExhausted, OnRestart, Policy, Strategy};

use super::{check_remedies, parse, refused};

const TWO: &str = "[tasks.db]\ncommand = \"x\"\n[tasks.api]\ncommand = \"x\"\n";

#[test]
fn an_edge_is_a_condition_or_says_more() {
    let edge = |line: &str| parse(&format!("{TWO}{line}")).unwrap().tasks[1].after[0].clone();
    let short = Dependency::new("db", Condition::Ready);
    assert_eq!(edge("after.db = \"ready\""), short);
    assert_eq!(edge("after.db = {}"), short);
    assert_eq!(edge("after.db = { is = \"ready\", on_restart = \"ignore\", required = true }"), short);
    let long =
        Dependency { on_restart: OnRestart::Restart, required: false, ..Dependency::new("db", Condition::Started) };
    assert_eq!(edge("after.db = { is = \"started\", on_restart = \"restart\", required = false }"), long);
    assert_eq!(edge("[tasks.api.after.db]\nis = \"started\"\non_restart = \"restart\"\nrequired = false"), long);
}

#[test]
fn a_wrong_edge_is_told_at_its_place() {
    let check = |line: &str, remedy: &str| {
        let report = refused(&format!("{TWO}{line}\n"));
        assert!(report.contains(remedy) && report.contains("--> stead.toml:5:"), "{line}: {remedy}\n{report}");
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{report}");
    };
    check("after.db = { si = \"ready\" }", "did you mean `is`?");
    check("after.db = { condition = \"ready\" }", "stead's word is `is`");
    check("after.db = { is = \"redy\" }", "did you mean \"ready\"?");
    check("after.db = { on_restart = true }", "expected one of \"ignore\", \"restart\", \"stop\", found a boolean");
    check("after.db = { required = \"no\" }", "expected `true` or `false`, found a string");
    check("after.db = { is = \"success\", on_restart = \"stop\" }", "expected \"ignore\" or \"restart\"");
    check("after.db = 1", "expected one of \"started\"");
}

#[test]
fn a_group_has_members_by_name_and_by_pattern() {
    let text = "[tasks.worker-1]\ncommand = \"x\"\n[tasks.db]\ncommand = \"x\"\n[tasks.worker-2]\ncommand = \"x\"\n\
                [groups.backend]\ntasks = [\"db\", \"worker-*\", \"w*\"]\nstrategy = \"one-for-all\"\n";
    let group = parse(text).unwrap().groups.remove(0);
    assert_eq!(group.tasks, ["db", "worker-1", "worker-2"]);
    assert_eq!((group.strategy, group.intensity, group.on_exhausted), (Strategy::OneForAll, None, OnExhausted::Hold));
}

#[test]
fn a_wrong_group_is_told_at_its_place() {
    let check = |lines: &str, said: &str| {
        let report = refused(&format!("{TWO}{lines}\n"));
        assert!(report.contains(said), "{lines}: {said}\n{report}");
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{report}");
    };
    check("[groups.a]\nstrategy = \"one-for-all\"", "`tasks` is missing in [groups.a]");
    check("[groups.a]\ntasks = []", "expected the name of at least one task");
    check("[groups.a]\ntasks = [\"apj\"]", "did you mean `api`?");
    check("[groups.a]\ntasks = [\"x-*\"]", "`x-*` in [groups.a] matches no task");
    check("[groups.a]\ntasks = [\"db\"]\n[groups.b]\ntasks = [\"d*\"]", "`db` is in two groups, `a` and `b`");
    check("[groups.a]\ntasks = [\"db\"]\nstrategy = \"all\"", "expected one of \"one-for-one\"");
    check("[groups.a]\ntasks = [\"db\"]\non_exhausted = \"fatal\"", "`on_exhausted` has no effect without `intensity`");
    let ordered = "after.db = \"ready\"\n[groups.a]\ntasks = [\"api\", \"db\"]\nstrategy = \"rest-for-one\"";
    check(ordered, "`api` stands before `db` in this group, and waits for it");
}

#[test]
fn critical_may_mean_failures_alone() {
    let policy = |line: &str| parse(&format!("[tasks.a]\ncommand = \"x\"\n{line}\n")).unwrap().tasks[0].policy;
    assert_eq!(policy("critical = \"on-failure\""), Policy::CriticalOnFailure);
    assert_eq!(policy("critical = false"), Policy::OnFailure);
    check_remedies([
        ("critical = \"on-failur\"", "did you mean \"on-failure\"?"),
        ("critical = 1", "expected `true` or `false`"),
        ("profiles = \"dev\"", "expected an array"),
        ("profiles = [\"a,b\"]", "expected names without commas"),
        ("autostart = \"no\"", "expected `true` or `false`"),
    ]);
}

#[test]
fn a_schedule_that_means_nothing_is_told() {
    check_remedies([
        ("schedule = \"0 3 * *\"", "not a cron pattern: "),
        ("schedule = \"0 0 30 2 *\"", "this never comes: no date is like it"),
        ("every = \"0s\"", "expected more than nothing"),
        ("time_zone = \"UTC\"", "add a `schedule`, or remove this"),
        ("overlap = \"skip\"", "add one of them, or remove this"),
    ]);
    let said = |lines: &str| refused(&format!("[tasks.a]\ncommand = \"x\"\n{lines}\n"));
    assert!(said("every = \"1h\"\nschedule = \"0 3 * * *\"").contains("`every` contradicts `schedule`"));
    assert!(said("every = \"1h\"\nrestart = \"always\"").contains("it would never wait for its time"));
    assert!(said("every = \"1h\"\ncritical = true").contains("its first exit would end everything"));
    assert!(said("schedule = \"0 3 * * *\"\ntime_zone = \"Mars/Olympus\"").contains("no time zone is called so"));
}

#[test]
fn a_watch_that_means_nothing_is_told() {
    check_remedies([
        ("watch = []", "expected at least one pattern"),
        ("watch = [\"../up\"]", "expected a path below this file's directory"),
        ("watch = [\"a[\"]", "not a pattern: "),
        ("watch = { paths = [] }", "expected at least one pattern"),
        ("watch = { paths = [\"a\"], do = \"rerun\" }", "expected \"restart\", \"reload-signal\""),
        ("watch = { paths = [\"a\"], do = { signal = \"HUPP\" } }", "`HUPP` is not a signal"),
        ("watch = { paths = [\"a\"], do = { run = \"\" } }", "expected a command"),
    ]);
}
