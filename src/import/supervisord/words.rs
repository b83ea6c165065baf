//! Values of supervisord: `%(name)s`, words, pairs of names and values.

use std::collections::BTreeMap;

use crate::import::escape::escaped;

/// What stands for a variable of the environment in the marked text.
const MARK: char = '\u{f0000}';

/// A value whose `%(…)s` are replaced: as it is now, and with marks for variables of the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) value: String,
    marked: String,
    /// What the marks stand for: names and values.
    variables: Vec<(String, String)>,
    /// Variables of which only the value is known here.
    pub(super) frozen: Vec<String>,
}

/// Replaces `%(name)s`, `%(name)d`, `%(name)02d` and `%%`.
///
/// # Errors
///
/// Says what is unknown, or no format.
pub(super) fn expand(text: &str, names: &BTreeMap<String, String>) -> Result<Expanded, String> {
    let mut out = Expanded { value: String::new(), marked: String::new(), variables: Vec::new(), frozen: Vec::new() };
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.both(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('%') {
            out.both("%");
            rest = after;
            continue;
        }
        let inside = rest.strip_prefix('(').and_then(|inside| inside.split_once(')'));
        let Some((name, after)) = inside else {
            return Err("a `%` that is no `%(name)s`: write `%%` for one".to_owned());
        };
        let value = names.get(name).ok_or_else(|| format!("`%({name})s` is not known here"))?;
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (width, kind) = (&after[..digits], after[digits..].chars().next());
        let value = match kind {
            Some('s') => value.clone(),
            Some('d') => {
                let number: i64 = value.parse().map_err(|_| format!("`{name}` is no number"))?;
                let fill = if width.starts_with('0') { '0' } else { ' ' };
                let text = number.to_string();
                let missing = width.parse::<usize>().unwrap_or_default().min(100).saturating_sub(text.len());
                std::iter::repeat_n(fill, missing).collect::<String>() + &text
            }
            _ => return Err(format!("expected `%({name})s` or `%({name})d`")),
        };
        rest = &after[digits + 1..];
        let mark = u32::try_from(out.variables.len()).ok().and_then(|number| char::from_u32(MARK as u32 + number));
        let variable = name.strip_prefix("ENV_");
        // What would be more than a part of a word can't stay a variable.
        let is_plain = !value.contains(|c: char| c.is_whitespace() || "'\"\\#,=".contains(c));
        match (variable, mark) {
            (Some(variable), Some(mark)) if kind == Some('s') && is_plain => {
                out.value.push_str(&value);
                out.marked.push(mark);
                out.variables.push((variable.to_owned(), value));
            }
            _ => {
                out.both(&value);
                out.frozen.extend(variable.map(str::to_owned));
            }
        }
    }
    out.both(rest);
    Ok(out)
}

impl Expanded {
    fn both(&mut self, text: &str) {
        self.value.push_str(text);
        // A mark in the text itself means nothing.
        self.marked.extend(text.chars().map(|c| if c >= MARK { char::REPLACEMENT_CHARACTER } else { c }));
    }

    fn write(&self, value: &str, marked: &str, hidden: &dyn Fn(&str) -> bool) -> String {
        let variable = |c: char| self.variables.get((c as usize).checked_sub(MARK as usize)?);
        let now: String =
            marked.chars().map(|c| variable(c).map_or(c.to_string(), |(_, value)| value.clone())).collect();
        if now != value || marked.chars().filter_map(variable).any(|(name, _)| hidden(name)) {
            return escaped(value);
        }
        let text = escaped(marked);
        text.chars().map(|c| variable(c).map_or(c.to_string(), |(name, _)| format!("${{{name}}}"))).collect()
    }

    /// The words of a command, as Python's `shlex.split` has them.
    ///
    /// # Errors
    ///
    /// A quote is never closed, or nothing follows a backslash.
    pub(super) fn words(&self, hidden: &dyn Fn(&str) -> bool) -> Result<Vec<String>, &'static str> {
        let words = split(&self.value)?;
        let marked = split(&self.marked).unwrap_or_default();
        let is_same = marked.len() == words.len();
        let write = |(at, word): (usize, &String)| match marked.get(at).filter(|_| is_same) {
            Some(marked) => self.write(word, marked, hidden),
            None => escaped(word),
        };
        Ok(words.iter().enumerate().map(write).collect())
    }

    /// `NAME="value",OTHER=value`.
    ///
    /// # Errors
    ///
    /// It is not of that form.
    pub(super) fn pairs(&self, hidden: &dyn Fn(&str) -> bool) -> Result<Vec<(String, String, String)>, &'static str> {
        let pairs = pairs(&self.value)?;
        let marked = pairs_of(&self.marked).unwrap_or_default();
        let is_same = marked.len() == pairs.len();
        let write = |(at, (name, value)): (usize, (String, String))| {
            let written = match marked.get(at).filter(|(other, _)| is_same && *other == name) {
                Some((_, marked)) => self.write(&value, marked, hidden),
                None => escaped(&value),
            };
            (name, value, written)
        };
        Ok(pairs.into_iter().enumerate().map(write).collect())
    }
}

/// `shlex.split`: quotes are removed, a backslash escapes, spaces separate.
fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\r' | '\n' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(chars.next().ok_or("nothing follows a backslash")?),
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next().ok_or("a quote is never closed")? {
                        end if end == c => break,
                        '\\' if c == '"' => match chars.next().ok_or("a quote is never closed")? {
                            escaped @ ('"' | '\\') => word.push(escaped),
                            other => word.extend(['\\', other]),
                        },
                        other => word.push(other),
                    }
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn pairs(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    pairs_of(text)
}

/// Tokens in groups of four: a name, `=`, a value, and what separates it from the next.
fn pairs_of(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let tokens = tokens(text)?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for group in tokens.chunks(4) {
        match group {
            [name, equals, value, ..] if equals == "=" => {
                let value = value.trim_matches(['\'', '"']).to_owned();
                pairs.retain(|(known, _)| known != name);
                pairs.push((name.clone(), value));
            }
            _ => {
                return Err(
                    "expected NAME=\"value\",OTHER=\"value\"; quote values with other signs than / . + - ( ) :",
                );
            }
        }
    }
    Ok(pairs)
}

/// The tokens of `shlex` in its mode that is not a shell's: a quoted text, a word, or one sign.
fn tokens(text: &str) -> Result<Vec<String>, &'static str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_/.+-():".contains(c) || c >= MARK;
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let end = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '\'' | '"' => rest[1..].find(c).ok_or("a quote is never closed")? + 2,
            c if is_word(c) => rest.find(|c| !is_word(c) && !matches!(c, '\'' | '"')).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        if c != '#' {
            tokens.push(rest[..end].to_owned());
        }
        rest = rest[end..].trim_start();
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> BTreeMap<String, String> {
        [("ENV_A", "value"), ("ENV_B", "two words"), ("process_num", "3"), ("here", "/etc")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    #[test]
    fn formats_are_pythons() {
        let text = |text: &str| expand(text, &names()).map_or_else(|why| why, |out| out.value);
        assert_eq!(text("%(here)s/%(process_num)02d%% %(ENV_A)s"), "/etc/03% value");
        assert_eq!(text("%(nope)s"), "`%(nope)s` is not known here");
        assert_eq!(text("100%"), "a `%` that is no `%(name)s`: write `%%` for one");
        assert_eq!(text("%(here)d"), "`here` is no number");
    }

    #[test]
    fn words_keep_their_variables_where_that_is_the_same() {
        let words = |text: &str| {
            expand(text, &names()).unwrap().words(&|_| false).map_or_else(str::to_owned, |words| words.join("|"))
        };
        assert_eq!(words(r#"nginx -g "daemon off;" 'a b' x\ y"#), "nginx|-g|daemon off;|a b|x y");
        assert_eq!(words("run --a=%(ENV_A)s $X ${Y}"), "run|--a=${A}|$X|$${Y}");
        assert_eq!(words("run %(ENV_B)s \"%(ENV_B)s\""), "run|two|words|two words");
        assert_eq!(words("run 'x"), "a quote is never closed");
        let hidden = expand("%(ENV_A)s", &names()).unwrap().words(&|name| name == "A").unwrap();
        assert_eq!(hidden, ["value"]);
    }

    #[test]
    fn pairs_are_those_of_a_lexer_that_is_no_shell() {
        let pairs = |text: &str| {
            let pairs = expand(text, &names()).unwrap().pairs(&|_| false);
            pairs.map_or_else(str::to_owned, |pairs| {
                pairs.iter().map(|(name, _, value)| format!("{name}={value}")).collect::<Vec<_>>().join("|")
            })
        };
        assert_eq!(pairs("A=b,C=\"d,e f\", G='/x:y'"), "A=b|C=d,e f|G=/x:y");
        assert_eq!(pairs("A=\"%(ENV_A)s\",B=%(ENV_A)s/x"), "A=${A}|B=${A}/x");
        assert_eq!(
            pairs("A=%(ENV_B)s,C=d"),
            "expected NAME=\"value\",OTHER=\"value\"; quote values with other signs than / . + - ( ) :"
        );
        assert_eq!(
            pairs("A=user@host"),
            "expected NAME=\"value\",OTHER=\"value\"; quote values with other signs than / . + - ( ) :"
        );
    }
}
