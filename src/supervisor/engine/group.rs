//! Groups: which tasks are restarted with another, and the budget of restarts that they share.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Engine;
use super::backoff::counted;
use super::ending::Next;
use super::event::{Event, EventKind};
use super::exit::ExitReason;
use super::input::TaskId;
use super::plan::GroupPlan;
use super::policy::{Intensity, OnExhausted, Strategy};
use super::snapshot::GroupSnapshot;
use super::task::{Failure, Phase, StopCause};
use crate::duration::Pretty;

/// A group with its restarts.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) plan: GroupPlan,
    /// When its members were restarted by their policies, oldest first; at most [`Intensity::MOST`].
    restarts: VecDeque<Instant>,
}

impl Group {
    pub(super) fn new(plan: GroupPlan) -> Self {
        Self { plan, restarts: VecDeque::new() }
    }

    /// Goes on with another plan.
    pub(super) fn adopt(&mut self, plan: GroupPlan) {
        self.plan = plan;
    }

    /// A person gives the whole budget back.
    pub(super) fn refund(&mut self) {
        self.restarts.clear();
    }

    /// Counts a restart. Which limit is spent, if one is.
    fn spend(&mut self, now: Instant) -> Option<String> {
        let Intensity { restarts, within } = self.plan.intensity?;
        if self.restarts_within(within, now) >= restarts as usize {
            return Some(format!("{} within {}", counted(restarts, "restart", "restarts"), Pretty(within)));
        }
        if self.restarts.len() == Intensity::MOST as usize {
            self.restarts.pop_front();
        }
        self.restarts.push_back(now);
        None
    }

    fn restarts_within(&self, window: Duration, now: Instant) -> usize {
        self.restarts.iter().rev().take_while(|at| now.saturating_duration_since(**at) < window).count()
    }
}

impl Engine {
    fn group_of(&self, id: TaskId) -> Option<usize> {
        self.groups.iter().position(|group| group.plan.tasks.contains(&id))
    }

    /// The members that are restarted when `id` is.
    pub(super) fn mates_after(&self, id: TaskId) -> Vec<TaskId> {
        let Some(group) = self.group_of(id).map(|at| &self.groups[at].plan) else { return Vec::new() };
        let others = group.tasks.iter().copied().filter(|&mate| mate != id);
        match group.strategy {
            Strategy::OneForOne => Vec::new(),
            Strategy::OneForAll => others.collect(),
            Strategy::RestForOne => others.skip_while(|mate| position(group, *mate) < position(group, id)).collect(),
        }
    }

    /// The members whose restart holds `id` up: they wait for their next try, or are being stopped for it.
    pub(super) fn restarting_mates(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        let group = self.group_of(id).map(|at| &self.groups[at].plan);
        let mates = group.into_iter().flat_map(move |group| {
            group.tasks.iter().copied().filter(move |&mate| match group.strategy {
                Strategy::OneForOne => false,
                Strategy::OneForAll => mate != id,
                Strategy::RestForOne => position(group, mate) < position(group, id),
            })
        });
        mates.filter(|&mate| self.task(mate).is_restarting())
    }

    /// A member is about to be restarted by its policy. What follows instead, if the budget of its group is spent: all of
    /// the group is stopped.
    pub(super) fn spend_of_group(&mut self, id: TaskId, reason: &ExitReason, now: Instant) -> Option<Next> {
        let at = self.group_of(id)?;
        let limit = self.groups[at].spend(now)?;
        let GroupPlan { name, tasks, on_exhausted, .. } = self.groups[at].plan.clone();
        let why = format!("group {name}: {limit} spent: {}: {reason}", self.task(id).plan.name);
        self.effects
            .push(super::Effect::Event(Event { task: None, kind: EventKind::GroupExhausted { group: name, limit } }));
        if on_exhausted == OnExhausted::Fatal {
            return Some(Next::Fatal { reason: why, limit: None });
        }
        for mate in tasks.into_iter().filter(|&mate| mate != id && self.board.contains(&mate)).collect::<Vec<_>>() {
            self.fail_with_group(mate, &why);
        }
        Some(Next::GroupFailed { reason: why })
    }

    /// Whether its group has failed, and a person has not brought all of it back.
    pub(super) fn has_failed_group(&self, id: TaskId) -> bool {
        let group = self.group_of(id).map(|at| &self.groups[at].plan);
        let is_held =
            |mate: &TaskId| matches!(self.task(*mate).phase, Phase::Failed { failure: Failure::Group(_), .. });
        group.is_some_and(|group| group.tasks.iter().any(is_held))
    }

    fn fail_with_group(&mut self, id: TaskId, why: &str) {
        let task = self.task_mut(id);
        let keeps_cause = matches!(task.phase.stop_cause(), Some(StopCause::Asked | StopCause::Leave));
        match &mut task.phase {
            Phase::Live(run) if !keeps_cause => run.request_stop(StopCause::Failed(why.to_owned())),
            Phase::Waiting { .. } | Phase::Backoff { .. } | Phase::Scheduled => {
                self.fail(id, Failure::Group(why.to_owned()), None);
            }
            Phase::Live(_) | Phase::Stopped { .. } | Phase::Done | Phase::Failed { .. } => {}
        }
    }

    pub(super) fn group_snapshots(&self, now: Instant) -> Vec<GroupSnapshot> {
        let snapshot = |group: &Group| {
            let GroupPlan { name, tasks, strategy, intensity, on_exhausted } = group.plan.clone();
            GroupSnapshot {
                name,
                tasks: tasks.iter().map(|&id| self.task(id).plan.name.clone()).collect(),
                strategy,
                on_exhausted,
                max_restarts: intensity.map(|intensity| intensity.restarts),
                restarts: intensity.map_or(0, |intensity| {
                    u32::try_from(group.restarts_within(intensity.within, now)).unwrap_or(u32::MAX)
                }),
            }
        };
        self.groups.iter().map(snapshot).collect()
    }
}

fn position(group: &GroupPlan, id: TaskId) -> usize {
    group.tasks.iter().position(|&member| member == id).unwrap_or(usize::MAX)
}
