//! The pure core, driven by sentences.
//!
//! A plan is written as `web; db critical; api always after db ready`, a script as
//! `started web; exit web 1; wait 500ms`. What the core answers is compared line by line.

mod dependencies;
mod drain;
mod edges;
mod groups;
mod policy;
mod properties;
mod reload;
mod requests;
mod triggers;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Serialize, de::DeserializeOwned};
use stead::duration::parse_duration;
use stead::signal::Signal;
use stead::supervisor::engine::{
    BadConfig, Changes, Condition, Edge, Effect, EndsWhen, Engine, Event, EventKind, ExitReason, GroupPlan, Input,
    Intensity, LoadRequest, OnExhausted, OnRestart, Origin, Overlap, Plan, Policy, Probe, Replan, Request, RequestId,
    RunId, Snapshot, Straggler, Strategy, TaskId, TaskKind, TaskPlan, Verb, WatchAction,
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

/// Reads a plan: tasks divided by `;`, each a name followed by words. `DRAIN 2s` bounds the drain, `UNTIL done` and
/// `UNTIL web` say when it ends by itself, and `GROUP name one-for-all web db [intensity 2 1m] [fatal]` makes a group.
pub(crate) fn plan(text: &str) -> Plan {
    let parts: Vec<Vec<&str>> = text.split(';').map(|part| part.split_whitespace().collect()).collect();
    let is_setting = |part: &&Vec<&str>| matches!(part.first(), Some(&("DRAIN" | "UNTIL" | "GROUP")));
    let tasks: Vec<&Vec<&str>> = parts.iter().filter(|part| !is_setting(part) && !part.is_empty()).collect();
    let names: Vec<&str> = tasks.iter().map(|words| words[0]).collect();
    let find = |name: &str| TaskId(names.iter().position(|known| *known == name).expect("a task of the plan"));
    let mut plan = Plan { seed: 1, ..Plan::default() };
    plan.tasks = tasks.iter().map(|words| task_plan(words, &find)).collect();
    for part in parts.iter().filter(is_setting) {
        match part.as_slice() {
            ["DRAIN", bound] => plan.drain.graceful = Some(parse_duration(bound).expect("a duration")),
            ["UNTIL", "done"] => plan.until = EndsWhen::AllDone,
            ["UNTIL", task] => plan.until = EndsWhen::Task(find(task)),
            ["GROUP", name, strategy, words @ ..] => plan.groups.push(group_plan(name, strategy, words, &find)),
            other => panic!("no setting: {other:?}"),
        }
    }
    plan
}

fn group_plan(name: &str, strategy: &str, words: &[&str], find: &dyn Fn(&str) -> TaskId) -> GroupPlan {
    let strategy = match strategy {
        "one-for-one" => Strategy::OneForOne,
        "one-for-all" => Strategy::OneForAll,
        "rest-for-one" => Strategy::RestForOne,
        other => panic!("no strategy: {other}"),
    };
    let mut group = GroupPlan {
        name: name.to_owned(),
        tasks: Vec::new(),
        strategy,
        intensity: None,
        on_exhausted: OnExhausted::Hold,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "fatal" => group.on_exhausted = OnExhausted::Fatal,
            "intensity" => {
                let restarts = words.next().expect("a number").parse().expect("a number");
                let within = parse_duration(words.next().expect("a duration")).expect("a duration");
                group.intensity = Some(Intensity { restarts, within });
            }
            task => group.tasks.push(find(task)),
        }
    }
    group
}

fn task_plan(words: &[&str], find: &dyn Fn(&str) -> TaskId) -> TaskPlan {
    let mut words: VecDeque<&str> = words.iter().copied().collect();
    let mut plan = TaskPlan::new(words.pop_front().expect("a name"));
    while let Some(word) = words.pop_front() {
        let mut next = || words.pop_front().expect("another word");
        let duration = |text| parse_duration(text).expect("a duration");
        match word {
            "v2" => plan.revision = 2,
            "v3" => plan.revision = 3,
            "critical" => plan.policy = Policy::Critical,
            "critical-on-failure" => plan.policy = Policy::CriticalOnFailure,
            "always" => plan.policy = Policy::Always,
            "never" => plan.policy = Policy::Never,
            "idle" => plan.autostart = false,
            "slow" => plan.slow_retry = Some(duration(next())),
            "fatal" => plan.on_exhausted = OnExhausted::Fatal,
            "surface" => plan.kind = TaskKind::Builtin,
            "tty" => plan.tty = true,
            "probed" => plan.ready = Some(plan.ready.unwrap_or_default()),
            "threshold" => {
                let ready = plan.ready.get_or_insert_default();
                ready.failure_threshold = Some(next().parse().expect("a number"));
            }
            "within" => plan.ready.get_or_insert_default().within = Some(duration(next())),
            "live" => plan.live_threshold = Some(next().parse().expect("a number")),
            "scheduled" => plan.schedule = Some(overlap(next())),
            "watch" => {
                plan.watch = Some(match next() {
                    "restart" => WatchAction::Restart,
                    "run" => WatchAction::Run,
                    signal => WatchAction::Signal(signal.parse().expect("a signal")),
                });
            }
            "replica-of" => plan.replica_of = Some(next().to_owned()),
            "stop" => plan.stop_timeout = duration(next()),
            "before" => plan.runs_before = next().parse().expect("a number"),
            "retries" => plan.restart.max_retries = next().parse().expect("a number"),
            "intensity" => {
                let restarts = next().parse().expect("a number");
                plan.restart.intensity = Some(Intensity { restarts, within: duration(next()) });
            }
            "after" => {
                let (task, condition) = (find(next()), condition(next()));
                plan.after.push(Edge { task, condition, on_restart: OnRestart::Ignore, required: true });
            }
            "follows" => plan.after.last_mut().expect("a dependency").on_restart = OnRestart::Restart,
            "stops-with" => plan.after.last_mut().expect("a dependency").on_restart = OnRestart::Stop,
            "optional" => plan.after.last_mut().expect("a dependency").required = false,
            other => panic!("no word of a plan: {other}"),
        }
    }
    plan
}

fn overlap(word: &str) -> Overlap {
    match word {
        "skip" => Overlap::Skip,
        "queue" => Overlap::Queue,
        "replace" => Overlap::Replace,
        other => panic!("no overlap: {other}"),
    }
}

fn condition(word: &str) -> Condition {
    match word {
        "started" => Condition::Started,
        "ready" => Condition::Ready,
        "success" => Condition::Success,
        "exited" => Condition::Exited,
        other => panic!("no condition: {other}"),
    }
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
                self.exited(name, ExitReason::Signal { signal, core_dumped: false, by: None });
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
                let peak_memory = bytes.parse().expect("a number");
                self.handle(Input::Measured { run, peak_memory, background: Vec::new(), hint: None });
            }
            ["pass", name] => self.probed(name, Probe::Ready, true),
            ["miss", name] => self.probed(name, Probe::Ready, false),
            ["alive", name] => self.probed(name, Probe::Live, true),
            ["hung", name] => self.probed(name, Probe::Live, false),
            ["due", name] => {
                self.handle(Input::Due { task: (*name).to_owned(), late: None });
            }
            ["next", name, wait] => {
                let next = Some(self.now + parse_duration(wait).expect("a duration"));
                self.handle(Input::Scheduled { task: (*name).to_owned(), next });
            }
            ["changed", name, file] => {
                self.handle(Input::Changed { task: (*name).to_owned(), file: (*file).to_owned() });
            }
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
            ["scale", name, replicas] => {
                Request::Scale { task: name.to_owned(), replicas: replicas.parse().expect("a number") }
            }
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

    fn probed(&mut self, name: &str, probe: Probe, passed: bool) {
        let run = self.latest(name);
        self.handle(Input::Probed { run, probe, passed, detail: "probe".to_owned() });
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
            Effect::Stop(run, _) => format!("stop {}", self.name(*run)),
            Effect::Kill(run) => format!("kill {}", self.name(*run)),
            Effect::Signal { run, signal, tree } => {
                format!("signal {} {signal}{}", self.name(*run), if *tree { " tree" } else { "" })
            }
            Effect::Answer(_, Ok(answer)) => return answer.unchanged(),
            Effect::Adopt(_) => return None,
            Effect::Load(LoadRequest::File) => "load".to_owned(),
            Effect::Load(LoadRequest::Scale { task, replicas }) => format!("load {task} {replicas}"),
            Effect::RunOnChange { run, file } => format!("run for {}: {file}", self.name(*run)),
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
                    EventKind::GroupExhausted { group, limit } => format!("group {group} spent {limit}"),
                    EventKind::WatchSuspended { .. } => format!("suspended {task}"),
                    EventKind::Overlapped { .. } => format!("overlapped {task}"),
                    EventKind::Ready { .. } => format!("ready {task}"),
                    EventKind::Unready { .. } => format!("unready {task}"),
                    EventKind::Waiting { dependency, condition } => {
                        format!("wait {task} for {dependency} {condition}")
                    }
                    EventKind::Draining { cause, .. } => format!("drain: {cause}"),
                    EventKind::Abandoned => format!("abandoned {task}"),
                    EventKind::Background { processes, .. } => {
                        format!("background {task}: {}", Straggler::list(processes))
                    }
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
                    | EventKind::Due { .. }
                    | EventKind::WatchPolls { .. }
                    | EventKind::FileChanged { .. }
                    | EventKind::Hooked { .. }
                    | EventKind::HookDropped { .. } => return None,
                }
            }
        })
    }
}
