//! The pure core, driven by sentences.
//!
//! A plan is written as `web; db critical; api always after db ready`, a script as
//! `started web; exit web 1; wait 500ms`. What the core answers is compared line by line.

mod dependencies;
mod drain;
mod policy;
mod properties;
mod reload;
mod requests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};
use stead::duration::parse_duration;
use stead::signal::Signal;
use stead::supervisor::engine::{
    BadConfig, Changes, Condition, DrainConfig, Intensity, OnExhausted, Policy, RestartConfig,
};
use stead::supervisor::engine::{
    Effect, Engine, Event, EventKind, ExitReason, Input, Origin, Plan, Replan, Request, RequestId, RunId, Snapshot,
    Straggler, TaskId, TaskKind, TaskPlan, Verb,
};

/// Runs a script against one on-failure task named `web` and compares everything the core said.
pub(crate) fn check(script: &str, expected: &[&str]) {
    check_plan("web", script, expected);
}

/// Runs a script against a plan and compares everything the core said.
pub(crate) fn check_plan(plan: &str, script: &str, expected: &[&str]) {
    let mut sim = Sim::new(plan);
    sim.run(script);
    assert_eq!(sim.said, expected, "\nplan: {plan}\nscript: {script}");
}

/// Reads a plan: tasks divided by `;`, each a name followed by words. `DRAIN 2s` bounds the drain.
pub(crate) fn plan(text: &str) -> Plan {
    let bound = text.split(';').find_map(|part| part.trim().strip_prefix("DRAIN "));
    let drain = DrainConfig {
        graceful: bound.map(|bound| parse_duration(bound).expect("a duration")),
        ..DrainConfig::default()
    };
    let text = text.split(';').filter(|part| !part.trim().starts_with("DRAIN ")).collect::<Vec<_>>().join(";");
    let names: Vec<&str> = text.split(';').filter_map(|task| task.split_whitespace().next()).collect();
    let find = |name: &str| TaskId(names.iter().position(|known| *known == name).expect("a task of the plan"));
    let tasks = text.split(';').map(|task| {
        let mut words: VecDeque<&str> = task.split_whitespace().collect();
        let mut plan = TaskPlan {
            name: words.pop_front().expect("a name").to_owned(),
            revision: 0,
            runs_before: 0,
            kind: TaskKind::Process,
            about: String::new(),
            policy: Policy::OnFailure,
            on_exhausted: OnExhausted::Hold,
            slow_retry: None,
            restart: RestartConfig::default(),
            after: Vec::new(),
            probed: false,
            failure_threshold: None,
            tty: false,
            stop_timeout: Duration::from_secs(10),
            success_exit_codes: vec![0],
        };
        while let Some(word) = words.pop_front() {
            match word {
                "v2" => plan.revision = 2,
                "v3" => plan.revision = 3,
                "critical" => plan.policy = Policy::Critical,
                "always" => plan.policy = Policy::Always,
                "never" => plan.policy = Policy::Never,
                "slow" => {
                    let wait = parse_duration(words.pop_front().expect("a duration")).expect("a duration");
                    plan.slow_retry = Some(wait);
                }
                "fatal" => plan.on_exhausted = OnExhausted::Fatal,
                "surface" => plan.kind = TaskKind::Builtin,
                "tty" => plan.tty = true,
                "probed" => plan.probed = true,
                "threshold" => plan.failure_threshold = words.pop_front().and_then(|n| n.parse().ok()),
                "stop" => {
                    plan.stop_timeout = parse_duration(words.pop_front().expect("a duration")).expect("a duration");
                }
                "before" => plan.runs_before = words.pop_front().expect("a number").parse().expect("a number"),
                "retries" => plan.restart.max_retries = words.pop_front().expect("a number").parse().expect("a number"),
                "intensity" => {
                    let restarts = words.pop_front().expect("a number").parse().expect("a number");
                    let within = parse_duration(words.pop_front().expect("a duration")).expect("a duration");
                    plan.restart.intensity = Some(Intensity { restarts, within });
                }
                "after" => {
                    let dependency = find(words.pop_front().expect("a dependency"));
                    let condition = match words.pop_front().expect("a condition") {
                        "started" => Condition::Started,
                        "ready" => Condition::Ready,
                        "success" => Condition::Success,
                        "exited" => Condition::Exited,
                        other => panic!("no condition: {other}"),
                    };
                    plan.after.push((dependency, condition));
                }
                other => panic!("no word of a plan: {other}"),
            }
        }
        plan
    });
    Plan { tasks: tasks.collect(), drain, seed: 1 }
}

/// What another process is sent means there what it means here.
pub(crate) fn check_journey<T: Serialize + DeserializeOwned>(sent: &T) {
    let json = serde_json::to_value(sent).expect("it can be written");
    let arrived: T = serde_json::from_value(json.clone()).expect("it can be read");
    assert_eq!(serde_json::to_value(arrived).expect("it can be written again"), json);
}

/// A core with its clock.
pub(crate) struct Sim {
    pub core: Engine,
    pub now: Instant,
    pub began: Instant,
    names: Vec<String>,
    pub said: Vec<String>,
    pub events: Vec<Event>,
    requests: u64,
}

impl Sim {
    pub(crate) fn new(text: &str) -> Self {
        let plan = plan(text);
        let names = plan.tasks.iter().map(|task| task.name.clone()).collect();
        let now = Instant::now();
        let mut sim = Self {
            core: Engine::new(plan, now),
            now,
            began: now,
            names,
            said: Vec::new(),
            events: Vec::new(),
            requests: 0,
        };
        sim.handle(Input::Tick);
        sim
    }

    pub(crate) fn run(&mut self, script: &str) -> &mut Self {
        for step in script.split(';') {
            self.step(step.trim());
        }
        self
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.core.snapshot(self.now)
    }

    fn step(&mut self, step: &str) {
        let words: Vec<&str> = step.split_whitespace().collect();
        match words.as_slice() {
            ["started", name] => {
                let run = self.latest(name);
                self.handle(Input::Started { run, pid: Some(100), address: None });
            }
            ["exit", name, code] => self.exited(name, ExitReason::Code { code: code.parse().expect("a code") }),
            ["signal", name, signal] => {
                let signal: Signal = signal.parse().expect("a signal");
                self.exited(name, ExitReason::Signal { signal, core_dumped: false });
            }
            ["panic", name] => self.exited(name, ExitReason::Panic { message: "boom".to_owned() }),
            ["no-start", name] => {
                self.exited(name, ExitReason::StartFailed { message: "no such file".to_owned() });
            }
            ["late-exit", name, run] => {
                let run = RunId { task: self.id(name), number: run.parse().expect("a number") };
                self.handle(Input::Exited { run, reason: ExitReason::Code { code: 1 } });
            }
            ["exceeds", name] => {
                let run = self.latest(name);
                self.handle(Input::Exceeded { run, used: 600 << 20, limit: 512 << 20 });
            }
            ["left", name, processes @ ..] => {
                let run = self.latest(name);
                let process = |name: &&str| Straggler { pid: 7, name: (*name).to_owned() };
                self.handle(Input::Left { run, processes: processes.iter().map(process).collect() });
            }
            ["peak", name, bytes] => {
                let run = self.latest(name);
                self.handle(Input::Measured { run, peak_memory: bytes.parse().expect("a number") });
            }
            ["pass", name] => self.probed(name, true),
            ["miss", name] => self.probed(name, false),
            ["wait", wait @ ..] => self.wait(parse_duration(&wait.join(" ")).expect("a duration")),
            ["ask", asked @ ..] => self.ask(asked),
            ["reload", "broken"] => {
                self.ask(&["reload"]);
                self.loaded("broken");
            }
            ["reload", ..] => {
                self.ask(&["reload"]);
                self.loaded(step.strip_prefix("reload").expect("that word"));
            }
            ["loaded", ..] => self.loaded(step.strip_prefix("loaded").expect("that word").trim()),
            other => panic!("no step: {other:?}"),
        }
    }

    fn ask(&mut self, words: &[&str]) {
        let request = match *words {
            ["start", name] => Verb::Start.of(name),
            ["stop", name] => Verb::Stop.of(name),
            ["restart", name] => Verb::Restart.of(name),
            ["kill", name] => Verb::Kill.of(name),
            ["reload"] => Request::Reload,
            ["signal", name, signal, ref tree @ ..] => {
                Verb::Signal { signal: signal.parse().expect("a signal"), tree: tree == ["tree"] }.of(name)
            }
            ["input", name] => Verb::Input.of(name),
            ["attach", name] => Verb::Attach.of(name),
            ["restart-all"] => Request::RestartAll,
            ["shut-down"] => Request::ShutDown,
            ["kill-all"] => Request::KillAll,
            ref other => panic!("no request: {other:?}"),
        };
        self.requests += 1;
        let (id, origin) = (RequestId(self.requests), Origin("test".to_owned()));
        self.handle(Input::Requested { id, request, origin });
    }

    /// The configuration was read: a plan whose tasks are divided by `,`.
    fn loaded(&mut self, text: &str) {
        if text == "broken" {
            let broken = BadConfig { summary: "1 mistake".to_owned(), report: String::new() };
            self.handle(Input::Loaded(Err(broken)));
            return;
        }
        let plan = plan(&text.replace(',', ";"));
        let names: Vec<String> = plan.tasks.iter().map(|task| task.name.clone()).collect();
        let replan = Replan { plan, changes: Changes::default() };
        let effects = self.core.handle(Input::Loaded(Ok(Box::new(replan))), self.now);
        for effect in &effects {
            if let Effect::Adopt(ids) = effect {
                for (id, name) in ids.iter().zip(&names) {
                    if id.0 == self.names.len() {
                        self.names.push(name.clone());
                    }
                    assert_eq!(&self.names[id.0], name, "a name keeps its id");
                }
            }
        }
        self.hear(&effects);
    }

    fn exited(&mut self, name: &str, reason: ExitReason) {
        let run = self.latest(name);
        self.handle(Input::Exited { run, reason });
    }

    fn probed(&mut self, name: &str, passed: bool) {
        let run = self.latest(name);
        self.handle(Input::Probed { run, passed, detail: "probe".to_owned() });
    }

    /// Lets time pass, and wakes the core at each of its deadlines on the way.
    pub(crate) fn wait(&mut self, wait: Duration) {
        let end = self.now + wait;
        while let Some(deadline) = self.core.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    pub(crate) fn id(&self, name: &str) -> TaskId {
        TaskId(self.names.iter().position(|known| known == name).expect("a task of the plan"))
    }

    pub(crate) fn name_of(&self, id: TaskId) -> &str {
        &self.names[id.0]
    }

    fn latest(&self, name: &str) -> RunId {
        // What is not on the board any more may still report.
        let number = self.snapshot().task(name).map_or(1, |task| task.run);
        RunId { task: self.id(name), number }
    }

    fn name(&self, run: RunId) -> String {
        format!("{}#{}", self.names[run.task.0], run.number)
    }

    pub(crate) fn handle(&mut self, event: Input) -> Vec<Effect> {
        let effects = self.core.handle(event, self.now);
        self.hear(&effects);
        effects
    }

    fn hear(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Event(event) = effect {
                self.events.push(event.clone());
            }
            let said = self.say(effect);
            self.said.extend(said);
        }
    }

    fn say(&self, effect: &Effect) -> Option<String> {
        Some(match effect {
            Effect::Spawn(run) => format!("spawn {}", self.name(*run)),
            Effect::Stop(run) => format!("stop {}", self.name(*run)),
            Effect::Kill(run) => format!("kill {}", self.name(*run)),
            Effect::Signal { run, signal, tree } => {
                format!("signal {} {signal}{}", self.name(*run), if *tree { " tree" } else { "" })
            }
            Effect::Answer(_, Ok(answer)) => return answer.unchanged(),
            Effect::Adopt(_) => return None,
            Effect::Load => "load".to_owned(),
            Effect::Answer(_, Err(refusal)) => format!("refused: {refusal}"),
            Effect::Finish => {
                let outcome = self.core.outcome().expect("an outcome at the end");
                format!("finish {}: {outcome}", outcome.exit_code())
            }
            Effect::Event(notice) => {
                check_journey(notice);
                let task = notice.task.as_deref().unwrap_or("stead");
                match &notice.kind {
                    EventKind::Backoff { attempt, max_retries, wait } => {
                        format!("backoff {task} {attempt}/{max_retries} {}ms", wait.as_millis())
                    }
                    EventKind::Failed { reason } => format!("failed {task}: {reason}"),
                    EventKind::Recovered { run } => format!("recovered {task}#{run}"),
                    EventKind::Done => format!("done {task}"),
                    EventKind::Stopped => format!("stopped {task}"),
                    EventKind::Reloaded { .. } => "reloaded".to_owned(),
                    EventKind::Removed => format!("removed {task}"),
                    EventKind::Ready { .. } => format!("ready {task}"),
                    EventKind::Unready { .. } => format!("unready {task}"),
                    EventKind::Waiting { dependency, condition } => {
                        format!("wait {task} for {dependency} {condition}")
                    }
                    EventKind::Draining { cause, .. } => format!("drain: {cause}"),
                    EventKind::Abandoned => format!("abandoned {task}"),
                    EventKind::Left { processes, .. } => format!("left {task}: {}", Straggler::list(processes)),
                    EventKind::Started { .. }
                    | EventKind::Exited { .. }
                    | EventKind::Exhausted { .. }
                    | EventKind::Stopping { .. }
                    | EventKind::Killed { .. }
                    | EventKind::Requested { .. }
                    | EventKind::Refused { .. }
                    | EventKind::Forced { .. }
                    | EventKind::Disconnected { .. }
                    | EventKind::Hooked { .. }
                    | EventKind::HookDropped { .. } => return None,
                }
            }
        })
    }
}
