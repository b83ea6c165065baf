//! The lines that belong together: a stack trace, or a JSON value over several lines.

use std::ops::Range;

use super::level::{Level, continues};

/// Lines before a line among which the head of its block is looked for.
const HEAD_WITHIN_LINES: usize = 200;
/// Lines of a block.
const BLOCK_LINES: usize = 1_000;
/// What Python writes between two traces, after a blank line.
const BETWEEN_TRACES: [&str; 2] =
    ["During handling of the above exception", "The above exception was the direct cause"];

/// The block that a line is in, out of lines of one run and stream; at least the line itself.
#[must_use]
pub(crate) fn block(lines: &[String], index: usize) -> Range<usize> {
    let oldest = index.saturating_sub(HEAD_WITHIN_LINES);
    let from = |head: usize| head..end_of_block(lines, head);
    // The earliest head has the longest block.
    let found = (oldest..=index).filter(|&head| !is_part(&lines[head])).map(from).find(|block| block.contains(&index));
    found.unwrap_or(index..index + 1)
}

/// The newest line among these that a block of something grave begins or ends with.
#[must_use]
pub(crate) fn newest_grave(lines: &[String]) -> Option<usize> {
    lines.iter().rposition(|line| Level::of_line(line) >= Some(Level::Error))
}

fn is_part(line: &str) -> bool {
    line.trim().is_empty() || line.starts_with([' ', '\t'])
}

fn end_of_block(lines: &[String], head: usize) -> usize {
    let most = lines.len().min(head + BLOCK_LINES);
    let first = lines[head].trim_end();
    if first == "{" || first == "[" {
        let closing = if first == "{" { "}" } else { "]" };
        let end = (head + 1..most).find(|&at| lines[at].trim_end() == closing);
        return end.map_or(head + 1, |end| end + 1);
    }
    let mut end = head + 1;
    while end < most && (continues(&lines[end]) || joins(lines, head, end)) {
        end += 1;
    }
    // Blank lines behind it are not part of it.
    while end > head + 1 && lines[end - 1].trim().is_empty() {
        end -= 1;
    }
    end
}

/// Whether a line that is not indented goes on with the block that began at `head`.
fn joins(lines: &[String], head: usize, at: usize) -> bool {
    let (first, before, line) = (lines[head].as_str(), lines[at - 1].as_str(), lines[at].as_str());
    let next = lines.get(at + 1).map_or("", String::as_str);
    let is_between = |line: &str| BETWEEN_TRACES.iter().any(|between| line.starts_with(between));
    match () {
        // Python: the exception below its frames, and a chain of them.
        () if first.starts_with("Traceback ") => {
            let follows_frames = before.starts_with([' ', '\t']) && !line.trim().is_empty();
            let follows_chain = before.trim().is_empty() && (line.starts_with("Traceback ") || is_between(line));
            follows_frames || follows_chain || (line.trim().is_empty() && (is_between(next) || is_between(before)))
        }
        // Rust: the message below the place.
        () if first.starts_with("thread '") => at == head + 1 && first.ends_with(':'),
        // Go: the goroutines, each function above its place.
        () if first.starts_with("panic: ") || first.starts_with("goroutine ") => {
            line.trim().is_empty() || next.starts_with('\t') || line.starts_with("exit status ")
        }
        () => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The block around the line that holds `at`.
    fn around(text: &str, at: &str) -> String {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let index = lines.iter().position(|line| line.contains(at)).expect(at);
        lines[block(&lines, index)].join("\n")
    }

    const PYTHON: &str =
        "start\nTraceback (most recent call last):\n  File \"w.py\", line 40\n    go()\ndb.Error: full\nbye\nbye";

    #[test]
    fn a_trace_is_one_block_from_each_of_its_lines() {
        let trace = "Traceback (most recent call last):\n  File \"w.py\", line 40\n    go()\ndb.Error: full";
        for line in ["Traceback", "File", "go()", "db.Error"] {
            assert_eq!(around(PYTHON, line), trace, "from {line}");
        }
        assert_eq!(around(PYTHON, "start"), "start");
        assert_eq!(around(PYTHON, "bye"), "bye");
    }

    #[test]
    fn traces_of_other_languages_are_whole_too() {
        let rust = "thread 'main' panicked at src/pool.rs:88:5:\npool is empty\nnote: run with `RUST_BACKTRACE=1`";
        assert_eq!(around(&format!("a\n{rust}\nb"), "pool is"), rust);
        let java = "Exception in thread \"main\" a.B: x\n\tat c.D\nCaused by: e.F: y\n\t... 3 more";
        assert_eq!(around(&format!("a\n{java}\nb"), "Caused"), java);
        let go = "panic: no\n\ngoroutine 1 [running]:\nmain.main()\n\t/x.go:3 +0x1d\nexit status 2";
        assert_eq!(around(&format!("a\n{go}\nb"), "main.main"), go);
        let chain = "Traceback (a):\n  x\nA: 1\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (a):\n  y\nB: 2";
        assert_eq!(around(&format!("a\n{chain}\nb"), "A: 1"), chain);
    }

    #[test]
    fn json_over_several_lines_is_one_block() {
        let json = "{\n  \"a\": 1\n}";
        assert_eq!(around(&format!("x\n{json}\ny"), "\"a\""), json);
        assert_eq!(around("{\"a\":1}\n{\"a\":2}", "2"), "{\"a\":2}");
    }

    #[test]
    fn the_newest_grave_line_is_found() {
        let lines: Vec<String> = PYTHON.lines().map(str::to_owned).collect();
        assert_eq!(newest_grave(&lines), Some(4));
    }
}
