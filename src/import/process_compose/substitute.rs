//! `${NAME}` in the text of a file, before anyone reads it as YAML: what process-compose does with drone/envsubst 1.0.3.
//!
//! Its oddities are kept, because users have learned them: `\/` and `\\` lose their backslash anywhere in the file, `:?`
//! and `:+` give a default like `:-`, comments are substituted too. Each variable is also replaced by a mark, for the text
//! that is written to a stead.toml: see [`Substituted`].

use std::ops::Range;

/// What stands for a variable in the marked text: the first of a plane of characters that have no meaning.
const MARK: char = '\u{f0000}';

/// As many variables as there are marks.
const MARKS_LIMIT: usize = 60_000;

/// A text after substitution.
#[derive(Debug, Default)]
pub(super) struct Substituted {
    /// With the values of the variables.
    pub(super) text: String,
    /// With a mark in place of each variable.
    pub(super) marked: String,
    /// What the marks stand for.
    pub(super) variables: Vec<EnvVariable>,
    /// Where parts of `text` begin, with where they begin in the original.
    parts: Vec<(usize, usize, TextPart)>,
}

/// How a part of the text follows from the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TextPart {
    /// It is the same.
    Copied,
    /// It is the value of something that is so long.
    Value(usize),
}

/// One place at which a variable was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EnvVariable {
    pub(super) name: String,
    /// What it is when the variable is empty or not set; `None` if something is made of the value that a stead.toml has no
    /// way to say.
    pub(super) default: Option<String>,
    /// What it is now.
    pub(super) value: String,
    /// Where it stands in the original.
    pub(super) start: usize,
}

/// Why a text can't be substituted: where, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadSubstitution {
    pub(super) span: Range<usize>,
    pub(super) what: &'static str,
}

impl Substituted {
    /// The text as it is, where nothing is to be substituted.
    pub(super) fn none(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            marked: text.to_owned(),
            variables: Vec::new(),
            parts: vec![(0, 0, TextPart::Copied)],
        }
    }

    /// Where the original has what stands at `span` of the text.
    pub(super) fn original(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.original_of(span.start, false);
        let end = if span.is_empty() { start } else { self.original_of(span.end - 1, true) + 1 };
        start..end.max(start)
    }

    fn original_of(&self, at: usize, is_last: bool) -> usize {
        let found = self.parts.partition_point(|(start, ..)| *start <= at);
        match self.parts.get(found.wrapping_sub(1)) {
            Some((start, original, TextPart::Copied)) => original + (at - start),
            Some((_, original, TextPart::Value(length))) if is_last => original + length.saturating_sub(1),
            Some((_, original, TextPart::Value(_))) => *original,
            None => at,
        }
    }

    /// `text` with each mark replaced.
    pub(super) fn unmarked(&self, text: &str, mut replace: impl FnMut(&EnvVariable) -> String) -> String {
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match self.variable(c) {
                Some(variable) => out.push_str(&replace(variable)),
                None => out.push(c),
            }
        }
        out
    }

    /// What a mark stands for.
    pub(super) fn variable(&self, c: char) -> Option<&EnvVariable> {
        self.variables.get((c as usize).checked_sub(MARK as usize)?)
    }
}

/// Replaces the variables of `text`.
///
/// # Errors
///
/// Something in braces is nothing that can be replaced.
pub(super) fn substitute(text: &str, value_of: &dyn Fn(&str) -> String) -> Result<Substituted, BadSubstitution> {
    if let Some(at) = text.find('\0') {
        return Err(BadSubstitution {
            span: at..at + 1,
            what: "the file ends here for process-compose: a NUL stands here",
        });
    }
    // A file that has such characters of its own can't be marked.
    let can_mark = !text.chars().any(|c| c >= MARK);
    let mut scanner = Scanner { text, at: 0, value_of, left: VALUES_MOST };
    let mut out = Substituted::default();
    let mut copied_from = None;
    while let Some(c) = scanner.peek() {
        let start = scanner.at;
        let rest = &text[start..];
        if let Some(variable) = rest.starts_with("${").then(|| scanner.variable(0)).transpose()? {
            copied_from = None;
            out.parts.push((out.text.len(), start, TextPart::Value(scanner.at - start)));
            out.text.push_str(&variable.value);
            let mark = u32::try_from(out.variables.len()).ok().and_then(|n| char::from_u32(MARK as u32 + n));
            match mark.filter(|_| can_mark && out.variables.len() < MARKS_LIMIT) {
                Some(mark) => {
                    out.marked.push(mark);
                    out.variables.push(variable);
                }
                None => out.marked.push_str(&variable.value),
            }
            continue;
        }
        let skipped = usize::from(rest.starts_with("$$") || rest.starts_with("\\/") || rest.starts_with("\\\\"));
        if copied_from.is_none() || skipped > 0 {
            copied_from = Some(start);
            out.parts.push((out.text.len(), start + skipped, TextPart::Copied));
        }
        scanner.at += skipped;
        let c = if skipped > 0 { text[scanner.at..].chars().next().unwrap_or(c) } else { c };
        scanner.at += c.len_utf8();
        out.text.push(c);
        out.marked.push(c);
    }
    Ok(out)
}

/// How deep variables may stand in the defaults of others.
const DEPTH_LIMIT: usize = 50;

/// The most bytes that all values of a file may have together.
const VALUES_MOST: usize = 4 << 20;

/// The longest value that a pattern is tried on, in bytes.
const PATTERN_MOST: usize = 4 << 10;

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    value_of: &'a dyn Fn(&str) -> String,
    /// Bytes that values may still have.
    left: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, text: &str) -> bool {
        let is_next = self.rest().starts_with(text);
        self.at += if is_next { text.len() } else { 0 };
        is_next
    }

    fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !accepts(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn bad<T>(&self, start: usize, what: &'static str) -> Result<T, BadSubstitution> {
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |end| start + end);
        Err(BadSubstitution {
            span: start..self.at.clamp(start + 2, line_end.max(start + 2)).min(self.text.len()),
            what,
        })
    }

    fn close(&mut self, start: usize) -> Result<(), BadSubstitution> {
        if self.skip("}") {
            Ok(())
        } else {
            self.bad(start, "expected `}`: process-compose knows no more of the shell's forms here")
        }
    }

    /// What begins with `${` here.
    fn variable(&mut self, depth: usize) -> Result<EnvVariable, BadSubstitution> {
        let start = self.at;
        let variable = self.any_variable(depth)?;
        match self.left.checked_sub(variable.value.len()) {
            Some(left) => self.left = left,
            None => return self.bad(start, "the values of variables are larger than 4 MiB here"),
        }
        Ok(variable)
    }

    fn any_variable(&mut self, depth: usize) -> Result<EnvVariable, BadSubstitution> {
        let start = self.at;
        if depth > DEPTH_LIMIT {
            return self.bad(start, "too deep");
        }
        self.at += 2;
        let is_length = self.skip("#");
        let name = self.take_while(|c| c.is_alphabetic() || c.is_numeric() || c == '_');
        if name.is_empty() {
            return self.bad(start, "expected the name of a variable; write `$${` for a `${` that the shell is to see");
        }
        let value = (self.value_of)(name);
        let made = |value: String| EnvVariable { name: name.to_owned(), default: None, value, start };
        if is_length {
            self.close(start)?;
            return Ok(made(value.len().to_string()));
        }
        if self.peek().is_some_and(|c| "/#%".contains(c)) && value.len() > PATTERN_MOST {
            return self.bad(start, "the value is too long for a pattern: 4 KiB is the most");
        }
        match self.peek() {
            Some('}') => {
                self.at += 1;
                Ok(EnvVariable { name: name.to_owned(), default: Some(String::new()), value, start })
            }
            Some('=') => {
                self.at += 1;
                self.default(start, name, value, depth)
            }
            Some(':') if self.rest()[1..].starts_with(['=', '-', '?', '+']) => {
                self.at += 2;
                self.default(start, name, value, depth)
            }
            Some(':') => self.part(start, &value, depth).map(made),
            Some(c @ (',' | '^')) => {
                let twice = self.take_case(c);
                self.close(start)?;
                Ok(made(cased(&value, c, twice)))
            }
            Some('/') => self.replaced(start, &value, depth).map(made),
            Some(c @ ('#' | '%')) => {
                self.at += 1;
                let longest = self.skip(if c == '#' { "#" } else { "%" });
                let pattern = self.argument(start, |c| c != '}', false, depth)?;
                self.close(start)?;
                Ok(made(trimmed(&value, &pattern, c, longest)))
            }
            _ => self.bad(start, "expected `}`: process-compose knows no more of the shell's forms here"),
        }
    }

    /// One or two of `,` and `^`.
    fn take_case(&mut self, c: char) -> bool {
        self.at += 1;
        let twice = matches!(self.peek(), Some(',' | '^'));
        // The second counts only if it is the same.
        let same = self.peek() == Some(c);
        self.at += usize::from(twice);
        same
    }

    fn default(
        &mut self,
        start: usize,
        name: &str,
        value: String,
        depth: usize,
    ) -> Result<EnvVariable, BadSubstitution> {
        let mut default = String::new();
        let mut is_plain = true;
        loop {
            match self.peek() {
                None => return self.bad(start, "this is never closed"),
                Some('}') => break,
                Some(_) => {
                    is_plain &= !self.rest().starts_with("${");
                    default.push_str(&self.argument(start, |c| c != '}', false, depth)?);
                }
            }
        }
        self.at += 1;
        let value = if value.is_empty() { default.clone() } else { value };
        Ok(EnvVariable { name: name.to_owned(), default: is_plain.then_some(default), value, start })
    }

    /// An argument: one variable, or text as far as it is accepted.
    fn argument(
        &mut self,
        start: usize,
        accepts: impl Fn(char) -> bool,
        has_escapes: bool,
        depth: usize,
    ) -> Result<String, BadSubstitution> {
        if self.rest().starts_with("${") {
            return self.variable(depth + 1).map(|variable| variable.value);
        }
        let mut out = String::new();
        while let Some(c) = self.peek().filter(|_| !self.rest().starts_with("${")) {
            let is_escape = has_escapes && (self.rest().starts_with("\\/") || self.rest().starts_with("\\\\"));
            let c = if is_escape || self.rest().starts_with("$$") {
                self.at += 1;
                self.peek().unwrap_or(c)
            } else if accepts(c) {
                c
            } else {
                break;
            };
            out.push(c);
            self.at += c.len_utf8();
        }
        if out.is_empty() { self.bad(start, "something is missing here") } else { Ok(out) }
    }

    /// `:offset` and `:offset:length`.
    fn part(&mut self, start: usize, value: &str, depth: usize) -> Result<String, BadSubstitution> {
        self.at += 1;
        let offset = self.argument(start, |c| c != ':' && c != '}', false, depth)?;
        if self.skip("}") {
            return Ok(substring(value, &offset, None));
        }
        if self.take_while(|c| c == ':').is_empty() {
            return self.bad(start, "expected `:` or `}`");
        }
        let length = self.argument(start, |c| c != '}', false, depth)?;
        self.close(start)?;
        Ok(substring(value, &offset, Some(&length)))
    }

    /// `/pattern/text`, with `//` for all, `/#` and `/%` for the beginning and the end.
    fn replaced(&mut self, start: usize, value: &str, depth: usize) -> Result<String, BadSubstitution> {
        self.at += 1;
        let kind = self.peek().filter(|c| "/#%".contains(*c));
        self.at += usize::from(kind.is_some());
        let pattern = self.argument(start, |c| c != '/', true, depth)?;
        if self.take_while(|c| c == '/').is_empty() {
            return self.bad(start, "expected `/`");
        }
        let text = match self.peek() {
            Some('}') => None,
            _ => Some(self.argument(start, |c| c != '}', true, depth)?),
        };
        self.close(start)?;
        let by = text.as_deref().unwrap_or_default();
        if value.len().saturating_mul(by.len()) > VALUES_MOST {
            return self.bad(start, "the text to put there is too long");
        }
        Ok(match kind {
            Some('/') => value.replace(&pattern, by),
            // Without a text to put there, these two do nothing.
            Some('#') if text.is_some() && value.starts_with(&pattern) => value.replacen(&pattern, by, 1),
            Some('%') => match value.strip_suffix(&pattern).filter(|_| text.is_some()) {
                Some(kept) => format!("{kept}{by}"),
                None => value.to_owned(),
            },
            Some(_) => value.to_owned(),
            None => value.replacen(&pattern, by, 1),
        })
    }
}

fn cased(value: &str, sign: char, is_all: bool) -> String {
    let upper = sign == '^';
    let mut chars = value.chars();
    match (is_all, upper) {
        (true, true) => value.to_uppercase(),
        (true, false) => value.to_lowercase(),
        (false, _) => match chars.next() {
            Some(first) if upper => first.to_uppercase().chain(chars).collect(),
            Some(first) => first.to_lowercase().chain(chars).collect(),
            None => String::new(),
        },
    }
}

/// A part of a text, counted in bytes; a negative offset counts from the end.
fn substring(value: &str, offset: &str, length: Option<&str>) -> String {
    let parse = |text: &str| text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok();
    let Some(offset) = parse(offset) else { return value.to_owned() };
    let size = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let offset = if offset < 0 { (size + offset).max(0) } else { offset };
    let end = match length.map(parse) {
        None => size,
        Some(None) => return value.to_owned(),
        Some(Some(length)) => offset.saturating_add(length).min(size),
    };
    let range = usize::try_from(offset).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or_default();
    value.as_bytes().get(range).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

/// Without what a pattern of the shell matches at the beginning (`#`) or the end (`%`).
fn trimmed(value: &str, pattern: &str, side: char, is_longest: bool) -> String {
    let ends: Vec<usize> = value.char_indices().map(|(at, c)| at + c.len_utf8()).collect();
    let size = value.len();
    let cut = |length: usize| if side == '#' { &value[..length] } else { &value[size - length..] };
    let lengths = ends.iter().map(|end| if side == '#' { *end } else { size - (end - last_width(value, *end)) });
    let mut matching: Vec<usize> = lengths.filter(|length| glob(pattern, cut(*length))).collect();
    matching.sort_unstable();
    let found = if is_longest { matching.last() } else { matching.first() };
    match (found, side) {
        (Some(length), '#') => value[*length..].to_owned(),
        (Some(length), _) => value[..size - length].to_owned(),
        (None, _) => value.to_owned(),
    }
}

/// The width of the character that ends there.
fn last_width(value: &str, end: usize) -> usize {
    value[..end].chars().next_back().map_or(0, char::len_utf8)
}

/// Whether a text is what a pattern with `*` and `?` says.
fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[from] => (at, from) = (at + 1, from + 1),
            _ => match &mut star {
                Some((start, behind)) => {
                    *behind += 1;
                    (at, from) = (*start + 1, *behind);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value_of(name: &str) -> String {
        match name {
            "A" => "value",
            "PATH_" => "/a/b/c.tar.gz",
            _ => "",
        }
        .to_owned()
    }

    fn text(text: &str) -> String {
        substitute(text, &value_of).map_or_else(|bad| format!("{:?}: {}", bad.span, bad.what), |done| done.text)
    }

    #[test]
    fn variables_are_replaced_in_braces_only() {
        for (from, to) in [
            ("$A ${A} ${B}.", "$A value ."),
            ("${B:-x} ${B=x} ${B:=x} ${A:-x} ${B:-}", "x x x value "),
            ("${B:?m} ${B:+x} ${A:+x}", "m x value"),
            ("${B:-${A}-${C:-d}}", "value-d"),
            ("$$A $${A} $$$$ $$", "$A ${A} $$ $"),
            (r"sed 's/\//x/' a\\b \n", r"sed 's///x/' a\b \n"),
            ("${#A} ${A^} ${A^^} ${A:1} ${A:1:2} ${A:-2}", "5 Value VALUE alue al value"),
            ("${PATH_#*/} ${PATH_##*/} ${PATH_%.*} ${PATH_%%.*}", "a/b/c.tar.gz c.tar.gz /a/b/c.tar /a/b/c"),
            ("${A/l/L} ${PATH_//a/} ${A/#v/w} ${A/%e/a}", "vaLue //b/c.tr.gz walue valua"),
        ] {
            assert_eq!(text(from), to, "{from}");
        }
    }

    #[test]
    fn what_envsubst_refuses_is_refused() {
        for from in ["${", "a ${A-b}", "${arr[0]}", "${!A}", "${}", "# ${", "${A:}", "${B:-x", "${A#}", "${A/x}"] {
            assert!(substitute(from, &value_of).is_err(), "{from}");
        }
        assert_eq!(substitute("x\n${A-b}\n", &value_of).unwrap_err().span, 2..5);
    }

    #[test]
    fn places_are_those_of_the_original() {
        let done = substitute("a: ${A} $${b}\nc: d", &value_of).unwrap();
        assert_eq!(done.text, "a: value ${b}\nc: d");
        let original = |part: &str| {
            let start = done.text.find(part).unwrap();
            done.original(&(start..start + part.len()))
        };
        assert_eq!(original("value"), 3..7);
        assert_eq!(original("a:"), 0..2);
        assert_eq!(original("${b}"), 9..13);
        assert_eq!(original("c: d"), 14..18);
        assert_eq!(original("value ${b}"), 3..13);
    }

    #[test]
    fn marks_say_what_stood_there() {
        let done = substitute("${A} ${B:-x} ${A^}", &value_of).unwrap();
        let shown = done.unmarked(&done.marked, |variable| {
            format!("<{} {:?} {}>", variable.name, variable.default, variable.value)
        });
        assert_eq!(shown, r#"<A Some("") value> <B Some("x") x> <A None Value>"#);
        let own = substitute("${A} \u{f0001}", &value_of).unwrap();
        assert_eq!((own.marked.as_str(), own.variables.len()), ("value \u{f0001}", 0));
    }

    #[test]
    fn depth_is_limited() {
        assert!(substitute(&format!("{}{}", "${A:-".repeat(9999), "}".repeat(9999)), &value_of).is_err());
    }

    #[test]
    fn the_size_of_values_is_limited() {
        let long = |_: &str| "x".repeat(1 << 20);
        assert!(substitute(&"${A}".repeat(4), &long).is_ok());
        assert!(substitute(&"${A}".repeat(10_000), &long).is_err());
        assert!(substitute("${A##*y}", &long).is_err());
        let all = |_: &str| "x".repeat(4 << 10);
        assert!(substitute(&format!("${{A//x/{}}}", "y".repeat(64 << 10)), &all).is_err());
    }
}
