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

const POOL: &str = "[tasks.db]\ncommand = \"x\"\n[tasks.api]\ncommand = \"x ${replica}\"\nreplicas = 2\n";

#[test]
fn replicas_are_tasks_that_are_named_by_what_they_have_in_common() {
    let config = parse(&format!(
        "{POOL}ports.http = \"auto\"\nenv.ME = \"${{replica}} ${{STEAD_REPLICA}} ${{PORT}}\"\nafter.db = \"ready\"\n\
         [tasks.page]\ncommand = \"x ${{tasks.api-2.port}}\"\nafter.api = \"started\"\n\
         [groups.all]\ntasks = [\"api\", \"page\"]\n[hooks.h]\non = [\"failed\"]\ntasks = [\"api\"]\ncommand = \"x\"\n"
    ))
    .unwrap();
    let names: Vec<_> = config.tasks.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["db", "api-1", "api-2", "page"]);
    let [_, one, two, page] = config.tasks.as_slice() else { panic!("four tasks") };
    assert_eq!((one.command.to_string(), two.command.to_string()), ("x ${replica}".into(), "x ${replica}".into()));
    assert_eq!((one.command.shell_line(), two.command.shell_line()), (Some("x 1"), Some("x 2")));
    assert_ne!(one.ports[0].number, two.ports[0].number);
    assert_eq!(two.env["ME"].value.expose(), format!("2 2 {}", two.ports[0].number));
    assert_eq!(two.env["STEAD_REPLICA"].value.expose(), "2");
    assert_eq!(page.command.shell_line(), Some(&*format!("x {}", two.ports[0].number)));
    assert_eq!(page.after, ["api-1", "api-2"].map(|name| Dependency::new(name, Condition::Started)));
    assert_eq!(config.groups[0].tasks, ["api-1", "api-2", "page"]);
    assert_eq!(config.tasks_meant("api").unwrap(), ["api-1", "api-2"]);
}

#[test]
fn wrong_replicas_are_told_once_and_at_their_place() {
    let check = |lines: &str, line: u32, said: &str| {
        let report = refused(&format!("{POOL}{lines}\n"));
        assert!(
            report.contains(said) && report.contains(&format!("--> stead.toml:{line}:")),
            "{lines}: {said}\n{report}"
        );
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{report}");
    };
    check("[tasks.api-2]\ncommand = \"x\"", 5, "a replica of `api` is called `api-2`, and so is another task");
    check("ports = { http = 80 }", 6, "2 replicas of `api` can't all listen on port 80");
    check("dir = 1", 6, "expected a path, found a number");
    check("dri = \"x\"", 6, "did you mean `dir`?");
    check("env.A = \"${replca}\"", 6, "did you mean `replica`?");
    check("after.api = \"ready\"", 6, "`api` waits for itself");
    check("after.db = \"ready\"\n[tasks.c]\ncommand = \"x\"\nafter.api-1 = \"ready\"", 9, "write `api`");
    let cycle = refused(&format!("{POOL}after.c = \"ready\"\n[tasks.c]\ncommand = \"x\"\nafter.api = \"ready\"\n"));
    assert!(cycle.contains("api -> c -> api") && cycle.ends_with("\n1 mistake in stead.toml"), "{cycle}");
    for wrong in ["0", "101", "\"two\""] {
        let report = refused(&format!("[tasks.api]\ncommand = \"x ${{replica}}\"\nreplicas = {wrong}\n"));
        assert!(report.contains("a whole number from 1 to 100"), "{report}");
        assert!(report.ends_with("\n1 mistake in stead.toml"), "{report}");
    }
    let long = "a".repeat(63);
    let report = refused(&format!("[tasks.{long}]\ncommand = \"x\"\nreplicas = 1\n"));
    assert!(report.contains("is too long for a replica called"), "{report}");
}
