//! The same small file under its own tool and under stead: what the processes see and do has to be the same, or `stead check`
//! has to say what differs.
//!
//! `cases` lists the files of `fixtures/` and how each is run, `tools` starts the originals, `seen` is what `probe.py` wrote
//! down, `compare` finds the differences. The originals have to be on the PATH; a missing one is skipped and named. honcho and
//! supervisord are compared in every run of the suite, the others with `cargo test --test interop -- --ignored`.

mod cases;
mod compare;
mod seen;
mod tools;

use std::path::Path;

use cases::{CASES, Case};
use compare::{TIMES, differences};
use tools::Original;

/// How often a case is compared before a difference counts. The originals look at their processes once in a second or so and
/// judge by what the clock says then: on a loaded machine one may take a run of 20 ms for a stable one.
const TRIES: usize = 3;

/// Runs the cases of one original, and lists every difference that stead does not name.
fn compare_all(original: Original) {
    if !original.is_there() {
        return;
    }
    let cases: Vec<&Case> = CASES.iter().filter(|case| case.original == original).collect();
    assert!(!cases.is_empty(), "no case for {original:?}");
    // Side by side: most of their time they wait.
    let silent: Vec<String> = std::thread::scope(|scope| {
        let running: Vec<_> = cases.iter().map(|case| scope.spawn(move || lasting_differences(case))).collect();
        running.into_iter().flat_map(|case| case.join().expect("a case that ran")).collect()
    });
    assert!(silent.is_empty(), "{} silent differences:\n{}", silent.len(), silent.join("\n"));
}

/// The silent differences of the last try; none as soon as there are none.
fn lasting_differences(case: &Case) -> Vec<String> {
    let mut tries = (0..TRIES).map(|_| silent_differences(case));
    let mut silent = tries.next().unwrap_or_default();
    while !silent.is_empty() {
        eprintln!("{}", silent.join("\n"));
        match tries.next() {
            Some(again) => silent = again,
            None => break,
        }
    }
    silent
}

/// The differences that `stead check` does not name, and the names for which there is no difference.
fn silent_differences(case: &Case) -> Vec<String> {
    let (theirs, ours, said) = (tools::run_original(case), tools::run_stead(case), tools::check(case));
    let found = differences(case, &theirs, &ours);
    let of = |text: &str| format!("{}: {text}", case.name);
    let mut silent: Vec<String> = Vec::new();
    if !said.contains(case.original.own_variables()) && !said.contains("sets it") {
        silent.push(of("check does not name the variables of the tool itself"));
    }
    for difference in &found {
        let named = case.differs.iter().find(|(aspect, _)| *aspect == difference.aspect);
        match named {
            Some((_, words)) if said.contains(words) => {}
            Some((_, words)) => silent.push(of(&format!("check does not say `{words}`; {difference}"))),
            None => silent.push(of(&difference.to_string())),
        }
    }
    for (aspect, _) in case.differs.iter().filter(|(aspect, _)| !TIMES.contains(aspect)) {
        if !found.iter().any(|difference| difference.aspect == *aspect) {
            silent.push(of(&format!("{aspect} does not differ, although the case says so")));
        }
    }
    silent
}

#[test]
fn honcho_and_stead_do_the_same() {
    compare_all(Original::Honcho);
}

#[test]
fn supervisord_and_stead_do_the_same() {
    compare_all(Original::Supervisord);
}

#[test]
#[ignore = "long: `cargo test --test interop -- --ignored`"]
fn pm2_and_stead_do_the_same() {
    compare_all(Original::Pm2);
}

#[test]
#[ignore = "long: `cargo test --test interop -- --ignored`"]
fn mprocs_and_stead_do_the_same() {
    compare_all(Original::Mprocs);
}

#[test]
#[ignore = "long: `cargo test --test interop -- --ignored`"]
fn process_compose_and_stead_do_the_same() {
    compare_all(Original::ProcessCompose);
}

#[test]
#[ignore = "long: `cargo test --test interop -- --ignored`"]
fn hivemind_and_stead_do_the_same() {
    compare_all(Original::Hivemind);
}

#[test]
#[ignore = "long: `cargo test --test interop -- --ignored`"]
fn overmind_and_stead_do_the_same() {
    compare_all(Original::Overmind);
}

#[test]
fn every_case_has_files_and_all_files_are_of_a_case_or_for_the_readers_alone() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/fixtures");
    for case in CASES {
        assert!(fixtures.join(case.name).is_dir(), "{}", case.name);
    }
}
