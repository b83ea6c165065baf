//! Targets of a Makefile and recipes of a justfile that look like services.

use std::collections::BTreeSet;

use super::found::{Draft, is_service};

/// Those that run until they are stopped, in the order of the file. `program` runs them.
pub(super) fn services(text: &str, program: &str) -> Vec<Draft> {
    let mut seen = BTreeSet::new();
    let names = text.lines().filter_map(name).filter(|name| is_service(name) && seen.insert(*name));
    names.map(|name| Draft::of(name, &[program, name])).collect()
}

/// The name at the head of a rule. A recipe that needs arguments is none that could be run.
fn name(line: &str) -> Option<&str> {
    let (head, rest) = line.split_once(':')?;
    // `NAME := value` and `NAME ::= value` set a variable.
    if rest.starts_with(['=', ':']) || head.starts_with([' ', '\t', '#', '_', '.']) {
        return None;
    }
    let mut words = head.trim_start_matches('@').split_whitespace();
    let name = words.next()?;
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_plain && words.all(|word| word.contains('=') || word.starts_with('*'))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_run_something_are_found() {
        let makefile = "CC := gcc\nrun = x\n.PHONY: dev test\nall: build\ndev: build\n\tcargo run: x\nrun-api:: x\n\
                        dev:\n# serve: no\nbuild/run: x\n_start: x\n";
        let names = |text, program| services(text, program).into_iter().map(|draft| draft.name).collect::<Vec<_>>();
        assert_eq!(names(makefile, "make"), ["dev"]);
        let justfile =
            "port := \"1\"\n@dev:\n  x\nserve port='80': build\n  x\nrun target:\n  x\nwatch *args:\n  x\ntest:\n";
        assert_eq!(names(justfile, "just"), ["dev", "serve", "watch"]);
        assert_eq!(services(justfile, "just")[0].body, "command = [\"just\", \"dev\"]\n");
    }
}
