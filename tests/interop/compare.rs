//! What differs between two runs of the same file.

use std::fmt;

use crate::cases::Case;
use crate::seen::{Seen, StartFacts};

/// How much later than under the original something may happen, in seconds: machines are shared.
const LATER: f64 = 0.8;

/// How much earlier: the originals look after their processes once in a second or two.
const EARLIER: f64 = 2.5;

/// What is measured, and may be within the bounds although it differs.
pub(super) const TIMES: [&str; 2] = ["waits between starts", "time to the end"];

/// Variables that are about the run itself, not about what the tool gives its processes.
const OWN_VARIABLES: [&str; 5] = ["PWD", "OLDPWD", "SHLVL", "_", "PROBE_LOG"];

/// One difference.
#[derive(Debug)]
pub(super) struct Difference {
    /// What differs: `argv`, `env PORT`, `exit code`.
    pub(super) aspect: String,
    detail: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.aspect, self.detail)
    }
}

/// Every difference, theirs first.
pub(super) fn differences(case: &Case, theirs: &Seen, ours: &Seen) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut add = |aspect: &str, theirs: &dyn fmt::Debug, ours: &dyn fmt::Debug| {
        found.push(Difference { aspect: aspect.to_owned(), detail: format!("theirs {theirs:?}, stead's {ours:?}") });
    };
    let (mut their_starts, mut our_starts) = (theirs.starts(), ours.starts());
    let order = |starts: &[(&str, Vec<(f64, &StartFacts)>)], of: &[&str]| -> Vec<String> {
        starts.iter().map(|(name, _)| (*name).to_owned()).filter(|name| of.contains(&name.as_str())).collect()
    };
    let (their_order, our_order) = (order(&their_starts, case.start_order), order(&our_starts, case.start_order));
    if their_order != our_order {
        add("order of starts", &their_order, &our_order);
    }
    their_starts.sort_by_key(|(name, _)| *name);
    our_starts.sort_by_key(|(name, _)| *name);
    let counts = |starts: &[(&str, Vec<(f64, &StartFacts)>)]| -> Vec<String> {
        starts.iter().map(|(name, starts)| format!("{name} {}", starts.len())).collect()
    };
    let (their_counts, our_counts) = (counts(&their_starts), counts(&our_starts));
    if their_counts != our_counts {
        add("starts", &(their_counts, &theirs.output), &(our_counts, &ours.output));
    }
    for (name, their_runs) in &their_starts {
        let Some((_, our_runs)) = our_starts.iter().find(|(known, _)| known == name) else { continue };
        let (their_first, our_first) = (their_runs[0].1, our_runs[0].1);
        for (aspect, theirs, ours) in [
            ("argv", &their_first.argv.join(" "), &our_first.argv.join(" ")),
            ("directory", &their_first.cwd, &our_first.cwd),
            ("stdin", &their_first.stdin, &our_first.stdin),
            ("shell", &their_first.shell, &our_first.shell),
        ] {
            if theirs != ours {
                add(aspect, &(name, theirs), &ours);
            }
        }
        let names = their_first.env.keys().chain(our_first.env.keys());
        let names: std::collections::BTreeSet<&String> =
            names.filter(|name| !OWN_VARIABLES.contains(&name.as_str()) && !name.starts_with("STEAD_")).collect();
        for variable in names {
            let (theirs, ours) = (their_first.env.get(variable), our_first.env.get(variable));
            if theirs != ours && !case.original.sets(variable) {
                add(&format!("env {variable}"), &(name, theirs), &ours);
            }
        }
        let gaps = |runs: &[(f64, &StartFacts)]| -> Vec<f64> {
            runs.windows(2).map(|pair| ((pair[1].0 - pair[0].0) * 10.0).round() / 10.0).collect()
        };
        let (their_gaps, our_gaps) = (gaps(their_runs), gaps(our_runs));
        if their_gaps.iter().zip(&our_gaps).any(|(one, other)| is_off(*one, *other)) {
            add(TIMES[0], &(name, their_gaps), &our_gaps);
        }
    }
    if theirs.signals() != ours.signals() {
        add("signals", &theirs.signals(), &ours.signals());
    }
    if theirs.stop_order(case.stop_order) != ours.stop_order(case.stop_order) {
        add("order of stops", &theirs.stop_order(case.stop_order), &ours.stop_order(case.stop_order));
    }
    if theirs.code != ours.code {
        add("exit code", &theirs.code, &ours.code);
    }
    if is_off(theirs.end_took, ours.end_took) {
        add(TIMES[1], &theirs.end_took, &ours.end_took);
    }
    found
}

fn is_off(theirs: f64, ours: f64) -> bool {
    ours > theirs + LATER || ours < theirs - EARLIER
}
