//! Expands the variables in one string of the file: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`.
//!
//! | written | becomes |
//! |---|---|
//! | `${NAME}` | the value; an error if there is none |
//! | `${NAME:-default}` | the value; the default if there is none or it is empty. A default is expanded, too |
//! | `${NAME:?message}` | the value; an error with this message if there is none or it is empty |
//! | `${tasks.db.port}` | as `${NAME}`: a name that stead itself provides |
//! | `$${` | `${` |
//! | `$NAME`, `${1}`, `${f%.c}`, `${#x}`, `${NAME:=x}` | itself: the shell's own |
//!
//! What a name stands for is decided elsewhere ([`Names`]), and is never expanded again. Takes linear time and a stack
//! of its own, however deep defaults are nested.

use std::borrow::Cow;
use std::ops::Range;

/// The longest string that comes out, in bytes: Linux passes no longer one to a program (`MAX_ARG_STRLEN`).
const EXPANDED_MOST: usize = 128 * 1024;

/// What the names in braces stand for.
pub(super) trait Names {
    /// The value of `name`: the name of a variable, or one that begins with `tasks.`.
    fn look_up(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Says what to write instead of a `name` that has no value.
    fn remedy(&self, name: &str) -> String;
}

/// Why a string can't be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadExpansion {
    /// The place in the string.
    pub(super) at: Range<usize>,
    pub(super) title: String,
    /// What would be right.
    pub(super) remedy: String,
}

/// Expands `text`.
///
/// # Errors
///
/// A variable has no value and no default, a brace is not closed, or the result is too long.
pub(super) fn expand<'t>(text: &'t str, names: &dyn Names) -> Result<Cow<'t, str>, BadExpansion> {
    if !text.contains("${") {
        return Ok(Cow::Borrowed(text));
    }
    let mut expansion = Expansion { text, at: 0, out: String::with_capacity(text.len()), open: Vec::new() };
    while expansion.step(names)? {}
    Ok(Cow::Owned(expansion.out))
}

/// The place in the source of a file of what stands `at` in a string that is written there as `raw`. None where an escape
/// of the file format hides it.
pub(super) fn place_in_source(raw: &str, text: &str, at: &Range<usize>) -> Option<Range<usize>> {
    let earlier = text.get(..at.start)?.matches("${").count();
    let (start, _) = raw.match_indices("${").nth(earlier)?;
    raw[start..].starts_with(text.get(at.clone())?).then(|| start..start + at.len())
}

struct Expansion<'t> {
    text: &'t str,
    /// Everything before is done.
    at: usize,
    out: String,
    /// The braces that are open here: each a default that is in use, or a literal within one.
    open: Vec<Brace>,
}

struct Brace {
    /// Where its `${` stands.
    start: usize,
    /// Whether its end belongs to the text.
    is_literal: bool,
}

impl Expansion<'_> {
    /// Goes on to behind the next sign that may mean something. Whether there is more.
    fn step(&mut self, names: &dyn Names) -> Result<bool, BadExpansion> {
        let rest = &self.text[self.at..];
        let Some(found) = memchr::memchr2(b'$', b'}', rest.as_bytes()) else {
            self.copy(rest.len());
            return self.open.first().map_or(Ok(false), |brace| Err(unclosed(brace.start)));
        };
        self.copy(found);
        if rest[found..].starts_with("${") {
            self.open(names)?;
        } else if rest[found..].starts_with('}') && self.open.pop().is_some_and(|brace| !brace.is_literal) {
            self.at += 1;
        } else {
            self.copy(1);
        }
        if self.out.len() > EXPANDED_MOST {
            let title = format!("longer than {EXPANDED_MOST} bytes with its variables filled in");
            return Err(BadExpansion {
                at: 0..self.text.len(),
                title,
                remedy: "no program can be given that".to_owned(),
            });
        }
        Ok(true)
    }

    /// Copies `length` bytes as they are.
    fn copy(&mut self, length: usize) {
        self.out.push_str(&self.text[self.at..self.at + length]);
        self.at += length;
    }

    /// Takes what begins with the `${` that comes next.
    fn open(&mut self, names: &dyn Names) -> Result<(), BadExpansion> {
        let start = self.at;
        // The `$` before it was copied as text: nothing else that ends here ends with one.
        if self.text[..start].ends_with('$') {
            self.out.pop();
            self.copy(2);
            if !self.open.is_empty() {
                self.open.push(Brace { start, is_literal: true });
            }
            return Ok(());
        }
        let Some((name, form)) = recognise(&self.text[start + 2..]) else {
            let end = self.end_of(start)?;
            self.copy(end - start);
            return Ok(());
        };
        let behind_name = start + 2 + name.len();
        let value = names.look_up(name).filter(|value| form == Form::Plain || !value.is_empty());
        match (value, form) {
            (Some(value), _) => {
                self.at = self.end_of(start)?;
                self.out.push_str(&value);
            }
            (None, Form::Default) => {
                self.open.push(Brace { start, is_literal: false });
                self.at = behind_name + 2;
            }
            (None, Form::Message) => {
                let end = self.end_of(start)?;
                let message = self.text[behind_name + 2..end - 1].trim();
                let remedy = if message.is_empty() { names.remedy(name) } else { message.to_owned() };
                return Err(BadExpansion { at: start..end, title: format!("`{name}` is not set"), remedy });
            }
            (None, Form::Plain) => {
                let title = format!("unknown variable `{name}`");
                return Err(BadExpansion { at: start..behind_name + 1, title, remedy: names.remedy(name) });
            }
        }
        Ok(())
    }

    /// The place behind the brace that closes the one at `start`.
    fn end_of(&self, start: usize) -> Result<usize, BadExpansion> {
        let text = self.text.as_bytes();
        let (mut at, mut depth) = (start, 0_usize);
        while let Some(found) = memchr::memchr2(b'$', b'}', &text[at..]) {
            at += found + 1;
            if text[at - 1] == b'}' {
                depth -= 1;
            } else if text.get(at) == Some(&b'{') {
                depth += 1;
            }
            if depth == 0 {
                return Ok(at);
            }
        }
        Err(unclosed(start))
    }
}

fn unclosed(start: usize) -> BadExpansion {
    BadExpansion {
        at: start..start + 2,
        title: "this brace is never closed".to_owned(),
        remedy: "expected `}` behind it; write `$${` for a literal `${`".to_owned(),
    }
}

/// What follows a name.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Form {
    /// `}`
    Plain,
    /// `:-`
    Default,
    /// `:?`
    Message,
}

/// The name and form of what follows a `${`. None if that is the shell's own.
fn recognise(text: &str) -> Option<(&str, Form)> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut end = text.bytes().position(|byte| !is_word(byte))?;
    if text[..end].is_empty() || text.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    if text[..end] == *"tasks" && text[end..].starts_with('.') {
        end = text.bytes().position(|byte| !is_word(byte) && !b".-".contains(&byte))?;
    }
    let (name, behind) = text.split_at(end);
    let forms = [("}", Form::Plain), (":-", Form::Default), (":?", Form::Message)];
    forms.into_iter().find(|(sign, _)| behind.starts_with(sign)).map(|(_, form)| (name, form))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    /// `A` is `1`, `EMPTY` is empty, `TRAP` would be an expansion, `tasks.db.port` is `5432`.
    struct Few;

    impl Names for Few {
        fn look_up(&self, name: &str) -> Option<Cow<'_, str>> {
            let value = match name {
                "A" => "1",
                "EMPTY" => "",
                "TRAP" => "${A}$${}",
                "LONG" => return Some("x".repeat(1_000).into()),
                "tasks.db.port" => "5432",
                _ => return None,
            };
            Some(value.into())
        }

        fn remedy(&self, name: &str) -> String {
            format!("set {name}")
        }
    }

    #[track_caller]
    fn check(lines: &[(&str, &str)]) {
        for (text, expanded) in lines {
            assert_eq!(expand(text, &Few).as_deref(), Ok(*expanded), "{text}");
        }
    }

    /// The place in `text`, the title and the remedy.
    fn refused(text: &str) -> (&str, String, String) {
        let BadExpansion { at, title, remedy } = expand(text, &Few).expect_err(text);
        (&text[at], title, remedy)
    }

    #[test]
    fn a_variable_is_filled_in() {
        check(&[
            ("${A}", "1"),
            ("a${A}b${A}", "a1b1"),
            ("${EMPTY}", ""),
            ("port=${tasks.db.port}", "port=5432"),
            ("${A:-x}", "1"),
            ("${B:-x y}", "x y"),
            ("${EMPTY:-x}", "x"),
            ("${B:-}", ""),
            ("${A:?needed}", "1"),
            ("{${A}}", "{1}"),
            ("é${A}é", "é1é"),
            ("${TRAP}", "${A}$${}"),
        ]);
    }

    #[test]
    fn a_default_is_expanded_only_where_it_is_used() {
        check(&[
            ("${B:-${A}}", "1"),
            ("${B:-x${B:-y${B:-z}}}!", "xyz!"),
            ("${A:-${B}}", "1"),
            ("${A:-${B:?no}${f%x}}!", "1!"),
            ("${B:-${C:-}${A}-${A}}", "1-1"),
            ("${B:-{}", "{"),
            ("${B:-$B ${f%.c}}", "$B ${f%.c}"),
            ("${B:-$${x}}!", "${x}!"),
            ("${A:-$${x}}!", "1!"),
        ]);
        assert_eq!(refused("${B:-${C}}").0, "${C}");
    }

    #[test]
    fn what_is_the_shells_own_passes_through() {
        for text in [
            "$A",
            "$",
            "$$",
            "$1",
            "${1}",
            "${f%.c}",
            "${#x}",
            "${!x}",
            "${@}",
            "${A:=x}",
            "${A:+x}",
            "${A-x}",
            "${A?x}",
            "${A/a/b}",
            "${A:0:3}",
            "${x.y}",
            "${f%${A}}",
            "${}",
            "${ A }",
            "$(A)",
            "$((1))",
            "}{",
            "${tasks/x}",
            "é$é",
            "echo \"${f%'}'}\"",
            "${1A}",
        ] {
            check(&[(text, text)]);
        }
    }

    #[test]
    fn two_signs_make_a_literal_brace() {
        check(&[
            ("$${A}", "${A}"),
            ("$$${A}", "$${A}"),
            ("$${A}${A}", "${A}1"),
            ("$${f}$${", "${f}${"),
            ("$$ ${A}", "$$ 1"),
            ("${TRAP}${A}", "${A}$${}1"),
            ("${B:-$}${A}", "$1"),
        ]);
    }

    #[test]
    fn what_has_no_value_is_refused_in_its_place() {
        let [plain, message] = ["unknown variable `B`", "`B` is not set"].map(str::to_owned);
        assert_eq!(refused("é ${A} ${B} x"), ("${B}", plain.clone(), "set B".to_owned()));
        assert_eq!(refused("a ${B:?say why} x"), ("${B:?say why}", message.clone(), "say why".to_owned()));
        assert_eq!(refused("${B:?}"), ("${B:?}", message, "set B".to_owned()));
        assert_eq!(refused("${EMPTY:?e}").2, "e");
        assert_eq!(refused("${tasks.x.port}").1, "unknown variable `tasks.x.port`");
        for text in ["x ${A", "${A:-", "${B:-${A}", "${f%", "${"] {
            let (place, title, _) = refused(text);
            assert_eq!((place, title.as_str()), ("${", "this brace is never closed"), "{text}");
        }
    }

    #[test]
    fn a_result_is_as_long_as_can_be_passed_on() {
        assert_eq!(expand(&"${LONG}".repeat(131), &Few).unwrap().len(), 131_000);
        assert!(expand(&"${LONG}".repeat(132), &Few).unwrap_err().title.contains("longer than"));
    }

    #[test]
    fn the_place_is_found_in_the_source() {
        let place = |raw: &str, text: &str| {
            let at = expand(text, &Few).unwrap_err().at;
            place_in_source(raw, text, &at).map(|place| raw[place].to_owned())
        };
        assert_eq!(place(r#""a \" ${A} ${B}""#, r#"a " ${A} ${B}"#).as_deref(), Some("${B}"));
        assert_eq!(place("\"\"\"\n\\\n  $${x} ${B}\"\"\"", "$${x} ${B}").as_deref(), Some("${B}"));
        assert_eq!(place(r#""\u0024{B}""#, "${B}"), None);
        assert_eq!(place(r#""\u0024{A} ${B}""#, "${A} ${B}"), None, "the count is off, so is the text");
    }

    #[test]
    fn ten_thousand_expansions_take_no_time() {
        let deep = [&"${B:-".repeat(10_000), "x", &"}".repeat(10_000)].concat();
        let unused = deep.replacen('B', "A", 1);
        let tree = "${B:-${A}${C:-${A}}}".repeat(3_334);
        let flat = "${A} ".repeat(10_000);
        let foreign = ["${f%".repeat(10_000), "}".repeat(10_000)].concat();
        for (text, length) in [(&deep, 1), (&unused, 1), (&tree, 6_668), (&flat, 20_000), (&foreign, foreign.len())] {
            let begun = Instant::now();
            assert_eq!(expand(text, &Few).unwrap().len(), length);
            assert!(begun.elapsed() < Duration::from_millis(50), "{:?}: {}…", begun.elapsed(), &text[..20]);
        }
        let begun = Instant::now();
        assert_eq!(refused(&"${B:-".repeat(10_000)).1, "this brace is never closed");
        assert!(begun.elapsed() < Duration::from_millis(50), "{:?}", begun.elapsed());
    }
}
