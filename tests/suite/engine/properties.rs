//! What holds whatever happens, in whatever order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use stead::supervisor::engine::{AfterStop, Effect, Input, PhaseSnapshot, RunId, Snapshot, Stage, TaskId};

use super::{Sim, check_journey, plan};
use stead::supervisor::engine::Policy;

/// A plan with every policy, dependencies, probes and surfaces.
const PLAN: &str = "db critical probed; migrate never after db ready; api retries 3 after db ready after migrate success; \
     flap always fatal intensity 4 1h; tick always after api exited; slow probed threshold 3; web surface fatal always; \
     gateway surface critical";
const NAMES: [&str; 8] = ["db", "migrate", "api", "flap", "tick", "slow", "web", "gateway"];

/// What reloads make of it: tasks come and go, in another order, with other settings, policies and dependencies.
const REPLANS: [&str; 4] = [
    "db critical probed, migrate never after db ready, api retries 3 after db ready after migrate success, \
     flap always fatal intensity 4 1h, tick always after api exited, slow probed threshold 3, web surface fatal always, \
     gateway surface critical",
    "tick v2 always, api v2 retries 1 after tick started, db critical probed, web surface fatal always, \
     gateway surface critical",
    "extra never after flap ready, migrate v3 never, flap always retries 1, slow v2, api after migrate exited, db probed, \
     web surface fatal always, gateway surface critical",
    "slow after tick ready, tick, db v2 critical after slow started, web surface fatal always, gateway surface critical",
];

/// A reload with one of those.
fn reload() -> impl Strategy<Value = String> {
    prop::sample::select(REPLANS.to_vec()).prop_map(|plan| format!("reload {plan}"))
}

/// One random step of a script.
fn step() -> impl Strategy<Value = String> {
    let name = prop::sample::select(NAMES.to_vec());
    // What ends everything is rare, so that most of a script runs before it.
    prop_oneof![
        12 => name.clone().prop_map(|name| format!("started {name}")),
        4 => (name.clone(), 0..3).prop_map(|(name, code)| format!("exit {name} {code}")),
        1 => name.clone().prop_map(|name| format!("signal {name} KILL")),
        1 => name.clone().prop_map(|name| format!("no-start {name}")),
        4 => name.clone().prop_map(|name| format!("pass {name}")),
        3 => name.clone().prop_map(|name| format!("miss {name}")),
        1 => name.clone().prop_map(|name| format!("exceeds {name}")),
        1 => name.clone().prop_map(|name| format!("left {name} sleep")),
        1 => name.clone().prop_map(|name| format!("peak {name} 1024")),
        1 => (name.clone(), 1..4).prop_map(|(name, run)| format!("late-exit {name} {run}")),
        4 => (0..40_000u32).prop_map(|ms| format!("wait {ms}ms")),
        1 => Just("wait 6m".to_owned()),
        4 => (prop::sample::select(vec!["start", "stop", "restart", "kill"]), name)
            .prop_map(|(verb, name)| format!("ask {verb} {name}")),
        1 => Just("ask restart-all".to_owned()),
        2 => reload(),
        1 => Just("reload broken".to_owned()),
    ]
}

/// Watches the effects of every step for what must never happen.
struct Watch {
    sim: Sim,
    seen: usize,
    live: BTreeMap<TaskId, RunId>,
    draining_since: Option<Instant>,
}

impl Watch {
    fn new() -> Self {
        let mut watch = Self { sim: Sim::new(PLAN), seen: 0, live: BTreeMap::new(), draining_since: None };
        watch.look();
        watch
    }

    /// Runs one step, then checks everything that was said.
    fn step(&mut self, step: &str) {
        let before = self.sim.snapshot();
        self.sim.run(step);
        self.look();
        self.check_snapshot(&before);
    }

    /// A run ends for the watcher when the snapshot shows its task in a state without one.
    fn look(&mut self) {
        let snapshot = self.sim.snapshot();
        let said = self.sim.said[self.seen..].to_vec();
        self.seen = self.sim.said.len();
        for line in said {
            if line.starts_with("drain:") {
                self.draining_since = Some(self.sim.now);
            }
            let Some(spawned) = line.strip_prefix("spawn ") else { continue };
            assert!(self.draining_since.is_none(), "{line} after the drain began");
            let (name, number) = spawned.split_once('#').expect("a run");
            let run = RunId { task: self.sim.id(name), number: number.parse().expect("a number") };
            if let Some(old) = self.live.insert(run.task, run) {
                assert!(old.number < run.number, "{line}: run numbers grow");
            }
        }
        let sim = &self.sim;
        let is_live = |task: TaskId| snapshot.task(sim.name_of(task)).is_some_and(|task| task.is_live());
        self.live.retain(|task, _| is_live(*task));
        assert!(self.sim.core.next_deadline().is_none_or(|at| at > self.sim.now), "a deadline in the past");
    }

    fn check_snapshot(&self, before: &Snapshot) {
        let snapshot = self.sim.snapshot();
        for task in &snapshot.tasks {
            match task.phase {
                PhaseSnapshot::Backoff { retry_at, .. } => assert!(retry_at > snapshot.at, "a countdown in the past"),
                PhaseSnapshot::Stopping { kill_at, killed: false, .. } => {
                    assert!(kill_at > snapshot.at, "a kill in the past");
                }
                _ => {}
            }
            assert!(task.retries <= task.max_retries);
            assert!(before.task(&task.name).is_none_or(|was| task.run >= was.run));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_live_run_no_start_in_a_drain_and_no_stale_deadline(steps in prop::collection::vec(step(), 1..120)) {
        let mut watch = Watch::new();
        for step in &steps {
            watch.step(step);
        }
        check_journey(&watch.sim.snapshot());
    }

    #[test]
    fn a_new_run_comes_only_after_the_old_one_has_ended(steps in prop::collection::vec(step(), 1..120)) {
        let mut sim = Sim::new(PLAN);
        let mut ended: BTreeMap<TaskId, u64> =
            sim.snapshot().tasks.iter().map(|task| (sim.id(&task.name), task.run)).collect();
        for step in &steps {
            let before = sim.snapshot();
            let said = sim.said.len();
            sim.run(step);
            for line in &sim.said[said..] {
                if let Some((name, number)) = line.strip_prefix("spawn ").and_then(|run| run.split_once('#')) {
                    let number: u64 = number.parse().expect("a number");
                    let was = before.task(name);
                    let told = !step.starts_with("reload") && (step.ends_with(name) || step.contains(&format!(" {name} ")));
                    prop_assert!(told || was.is_none_or(|was| !was.is_live()), "{line} while {was:?} lived, by `{step}`");
                    prop_assert_eq!(number, ended.get(&sim.id(name)).copied().unwrap_or(0) + 1);
                    ended.insert(sim.id(name), number);
                }
            }
        }
    }

    #[test]
    fn a_drain_ends_by_its_deadline(steps in prop::collection::vec(step(), 1..80), deaf in any::<bool>()) {
        let mut sim = Sim::new(PLAN);
        for step in &steps {
            sim.run(step);
        }
        sim.run("ask shut-down");
        let fatal = match sim.snapshot().stage {
            Stage::Draining { fatal, .. } => fatal,
            Stage::Up => panic!("not draining"),
        };
        if !deaf {
            for name in NAMES {
                sim.run(&format!("signal {name} TERM"));
            }
        }
        // At most three tasks and one part stop one after the other.
        sim.wait(Duration::from_millis(if fatal { 4_000 } else { 4 * 10_400 }));
        prop_assert!(sim.core.outcome().is_some(), "not over: {:?}", sim.said);
        prop_assert_eq!(sim.core.next_deadline(), None);
    }

    #[test]
    fn a_task_that_always_fails_starts_once_more_than_its_retries(retries in 0..40u32) {
        let mut sim = Sim::new(&format!("web retries {retries}"));
        for _ in 0..100 {
            sim.run("no-start web; wait 30s");
        }
        let spawns = sim.said.iter().filter(|line| line.starts_with("spawn")).count();
        prop_assert_eq!(spawns as u32, retries + 1);
    }

    #[test]
    fn a_critical_exit_is_always_fatal(steps in prop::collection::vec(step(), 0..60), code in 0..256) {
        let mut sim = Sim::new(PLAN);
        for step in &steps {
            sim.run(step);
        }
        let snapshot = sim.snapshot();
        let gateway = snapshot.task("gateway").expect("a task");
        let asked = matches!(gateway.phase, PhaseSnapshot::Stopping { .. });
        if gateway.is_live() && !asked && snapshot.stage == Stage::Up {
            sim.run(&format!("exit gateway {code}"));
            let fatal = matches!(sim.snapshot().stage, Stage::Draining { fatal: true, .. });
            prop_assert!(fatal, "{:?}", sim.said);
        }
    }

    #[test]
    fn a_stopped_task_never_starts_by_itself(
        before in prop::collection::vec(step(), 0..60),
        after in prop::collection::vec(step().prop_filter("nobody asks", |step| !step.starts_with("ask") && !step.starts_with("reload")), 0..60),
    ) {
        let mut sim = Sim::new(PLAN);
        for step in &before {
            sim.run(step);
        }
        sim.run("ask stop flap; signal flap TERM");
        if sim.snapshot().task("flap").is_none_or(|flap| flap.phase != PhaseSnapshot::Stopped) {
            return Ok(()); // It had failed, was done or removed, so there was nothing to stop.
        }
        let said = sim.said.len();
        for step in &after {
            sim.run(step);
        }
        sim.run("wait 24h");
        prop_assert!(!sim.said[said..].iter().any(|line| line.starts_with("spawn flap#")));
    }

    #[test]
    fn every_state_is_left_again_by_some_event(steps in prop::collection::vec(step(), 0..80), task in 0..NAMES.len()) {
        let mut sim = Sim::new(PLAN);
        for step in &steps {
            sim.run(step);
        }
        let name = NAMES[task];
        if sim.snapshot().stage != Stage::Up || sim.snapshot().task(name).is_none() {
            return Ok(());
        }
        let state = |sim: &Sim| sim.snapshot().task(name).map_or("removed", |task| task.phase.word());
        let before = state(&sim);
        let ways = ["wait 31s", "exit NAME 1", "ask restart NAME", "ask stop NAME", "ask shut-down"];
        let left = ways.iter().any(|way| {
            sim.run(&way.replace("NAME", name));
            state(&sim) != before
        });
        let at_rest = matches!(before, "failed" | "done" | "stopped") && sim.snapshot().stage != Stage::Up;
        prop_assert!(left || at_rest, "{name} stays {before}");
    }

    #[test]
    fn the_same_plan_again_touches_nothing(steps in prop::collection::vec(step(), 0..80), reload in reload()) {
        let mut sim = Sim::new(PLAN);
        for step in &steps {
            sim.run(step);
        }
        sim.run(&reload);
        if sim.snapshot().stage != Stage::Up {
            return Ok(());
        }
        let (before, said) = (sim.snapshot(), sim.said.len());
        sim.run(&reload);
        prop_assert_eq!(&sim.said[said..], ["load", "reloaded"]);
        prop_assert_eq!(sim.snapshot(), before);
    }

    #[test]
    fn after_a_reload_the_board_is_the_plan_and_what_is_still_stopping(
        steps in prop::collection::vec(step(), 0..80),
        reload in reload(),
    ) {
        let mut sim = Sim::new(PLAN);
        for step in &steps {
            sim.run(step);
        }
        sim.run(&reload);
        let snapshot = sim.snapshot();
        if snapshot.stage != Stage::Up {
            return Ok(());
        }
        let planned: Vec<&str> = reload["reload ".len()..]
            .split(',')
            .filter_map(|task| task.split_whitespace().next())
            .collect();
        let names: Vec<&str> = snapshot.tasks.iter().map(|task| task.name.as_str()).collect();
        prop_assert_eq!(&names[..planned.len()], &planned[..]);
        for task in &snapshot.tasks[planned.len()..] {
            // Or it is about to be stopped: after its dependents, which leave as well.
            let leaves = match task.phase {
                PhaseSnapshot::Stopping { then, .. } => then == AfterStop::Leave,
                _ => task.is_live(),
            };
            prop_assert!(leaves, "{} is {}", task.name, task.phase.word());
        }
        sim.wait(Duration::from_secs(10));
        for task in snapshot.tasks {
            sim.run(&format!("signal {} KILL", task.name));
        }
        prop_assert!(sim.snapshot().stage != Stage::Up || sim.snapshot().tasks.len() == planned.len());
    }

    #[test]
    fn no_start_comes_earlier_than_its_backoff(jitter in 0.0..1.0f64, initial in 0..5_000u64, cap in 0..60_000u64) {
        let mut plan = plan("web retries 12");
        plan.tasks[0].restart.jitter = jitter;
        plan.tasks[0].restart.initial_backoff = Duration::from_millis(initial);
        plan.tasks[0].restart.max_backoff = Duration::from_millis(cap);
        let config = plan.tasks[0].restart;
        prop_assert_eq!(plan.tasks[0].policy, Policy::OnFailure);
        let mut now = Instant::now();
        let mut core = stead::supervisor::engine::Engine::new(plan, now);
        core.handle(Input::Tick, now);
        for attempt in 1..=12u32 {
            let run = RunId { task: TaskId(0), number: u64::from(attempt) };
            let reason = stead::supervisor::engine::ExitReason::Code { code: 1 };
            let effects = core.handle(Input::Exited { run, reason }, now);
            let least = stead::supervisor::engine::backoff(&config, attempt);
            let spawned = |effects: &[Effect]| effects.iter().any(|effect| matches!(effect, Effect::Spawn(_)));
            if spawned(&effects) {
                prop_assert_eq!(least, Duration::ZERO);
                continue;
            }
            let at = core.next_deadline().expect("a countdown");
            prop_assert!(at - now >= least && at - now <= least.mul_f64(2.0) + Duration::from_nanos(1));
            now = at;
            prop_assert!(spawned(&core.handle(Input::Tick, now)));
        }
    }
}
