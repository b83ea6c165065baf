//! Files of variables, each as its own tool reads it.

use indexmap::IndexMap;
use regex::{Captures, Regex};
use std::sync::LazyLock;

/// Whose rules are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// foreman's: a line is `NAME=VALUE`, in quotes or not; nothing is a comment.
    Foreman,
    /// honcho's: words as Python's `shlex` splits them.
    Honcho,
    /// That of godotenv, which process-compose, overmind and hivemind use.
    Godotenv,
}

/// The variables of a text in the order in which they were first given.
///
/// # Errors
///
/// Says what is wrong, where the tool would; the tools that pass over what they can't read do so here.
pub(super) fn parse(text: &str, dialect: Dialect) -> Result<IndexMap<String, String>, String> {
    match dialect {
        Dialect::Foreman => Ok(foreman(text)),
        Dialect::Honcho => honcho(text),
        Dialect::Godotenv => godotenv(&text.replace("\r\n", "\n")),
    }
}

fn foreman(text: &str) -> IndexMap<String, String> {
    let mut variables = IndexMap::new();
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else { continue };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
        let value = match (inside('\''), inside('"')) {
            (Some(plain), _) => plain.to_owned(),
            (None, Some(quoted)) => unescaped(&quoted.replace("\\n", "\n")),
            (None, None) => value.to_owned(),
        };
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// Without the backslashes that escape something.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\n')) | ('\\', None) => out.push('\\'),
            ('\\', Some(_)) => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

fn honcho(text: &str) -> Result<IndexMap<String, String>, String> {
    let mut variables = IndexMap::new();
    for (number, line) in text.lines().enumerate() {
        let tokens = shlex(line).map_err(|why| format!("line {}: {why}", number + 1))?;
        let [name, equals, value @ ..] = tokens.as_slice() else { continue };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if equals == "=" && !value.is_empty() && starts {
            variables.insert(name.clone(), value.concat().replace("\\n", "\n").replace("\\t", "\t"));
        }
    }
    Ok(variables)
}

/// The tokens of Python's `shlex.shlex(line, posix=True)`: words of letters, digits and `_`, quoted strings joined to them,
/// and any other character alone. A `#` outside quotes begins a comment.
fn shlex(line: &str) -> Result<Vec<String>, &'static str> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '#' => break,
            '\'' | '"' => shlex_quoted(&mut chars, c, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(chars.next().ok_or("nothing follows a backslash")?),
            c if c.is_whitespace() => tokens.extend(word.take()),
            // Letters of Latin-1 belong to words, too.
            c if c.is_ascii_alphanumeric() || c == '_' || ('À'..='ÿ').contains(&c) && !"×÷".contains(c) => {
                word.get_or_insert_default().push(c);
            }
            c => {
                tokens.extend(word.take());
                tokens.push(c.to_string());
            }
        }
    }
    tokens.extend(word);
    Ok(tokens)
}

fn shlex_quoted(chars: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<(), &'static str> {
    const OPEN: &str = "a quote is never closed";
    loop {
        match chars.next().ok_or(OPEN)? {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next().ok_or(OPEN)? {
                c @ ('"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// As `godotenv.Parse` has it: quotes may span lines, ` #` ends a value without quotes, `$NAME` and `${NAME}` are replaced
/// by earlier variables of the same file.
/// The most bytes of all values, once the variables in them are replaced.
const EXPANDED_MOST: usize = 4 << 20;

fn godotenv(text: &str) -> Result<IndexMap<String, String>, String> {
    let mut variables = IndexMap::new();
    let mut expanded = 0;
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if let Some(comment) = rest.strip_prefix('#') {
            rest = comment.find('\n').map_or("", |end| &comment[end..]);
            continue;
        }
        if rest.is_empty() {
            return Ok(variables);
        }
        let line = text.len() - rest.len();
        let line = text[..line].matches('\n').count() + 1;
        let (name, after) = godotenv_name(rest).map_err(|why| format!("line {line}: {why}"))?;
        let (value, after) = godotenv_value(after, &variables).map_err(|why| format!("line {line}: {why}"))?;
        expanded += value.len();
        if expanded > EXPANDED_MOST {
            return Err(format!("line {line}: the values are larger than {EXPANDED_MOST} bytes in all"));
        }
        if !name.is_empty() {
            variables.insert(name, value);
        }
        rest = after;
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}')
}

fn godotenv_name(text: &str) -> Result<(String, &str), &'static str> {
    let text = match text.strip_prefix("export") {
        Some(rest) if rest.starts_with(is_blank) => rest.trim_start_matches(is_blank),
        _ => text,
    };
    for (at, c) in text.char_indices() {
        match c {
            '=' | ':' => return Ok((text[..at].trim_end().to_owned(), text[at + 1..].trim_start_matches(is_blank))),
            c if is_blank(c) || c == '_' || c == '.' || c.is_alphanumeric() => {}
            _ => return Err("expected NAME=VALUE"),
        }
    }
    // What has no `=` at all is passed over as a whole.
    Ok((String::new(), ""))
}

fn godotenv_value<'a>(text: &'a str, variables: &IndexMap<String, String>) -> Result<(String, &'a str), &'static str> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let end = text.find(['\n', '\r']).unwrap_or(text.len());
        let line = &text[..end];
        let comment = line.char_indices().rev().find(|(at, c)| *c == '#' && line[..*at].ends_with(is_blank));
        let value = comment.map_or(line, |(at, _)| &line[..at]).trim_matches(is_blank);
        return Ok((godotenv_expand(value, variables), &text[end..]));
    };
    let closing = text.char_indices().skip(1).find(|(at, c)| *c == quote && !text[..*at].ends_with('\\'));
    let Some((end, _)) = closing else { return Err("a quote is never closed") };
    let value = text[..end].trim_matches(quote);
    let value = match quote {
        '"' => godotenv_expand(&godotenv_escapes(value), variables),
        _ => value.to_owned(),
    };
    Ok((value, &text[end + 1..]))
}

fn godotenv_escapes(text: &str) -> String {
    static ESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\.").expect("it is a pattern"));
    static UNESCAPE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\\([^$])").expect("it is a pattern"));
    let text = ESCAPE.replace_all(text, |found: &Captures<'_>| match &found[0] {
        r"\n" => "\n".to_owned(),
        r"\r" => "\r".to_owned(),
        other => other.to_owned(),
    });
    UNESCAPE.replace_all(&text, "$1").into_owned()
}

fn godotenv_expand(text: &str, variables: &IndexMap<String, String>) -> String {
    static VARIABLE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(\\)?(\$)(\()?\{?([A-Z0-9_]+)?\}?").expect("it is a pattern"));
    let mut size = text.len();
    let replaced = VARIABLE.replace_all(text, |found: &Captures<'_>| {
        if found.get(1).is_some() {
            return found[0][1..].to_owned();
        }
        match found.get(4) {
            Some(name) => {
                let value = variables.get(name.as_str()).map_or("", String::as_str);
                size += value.len();
                // One that is too long is refused: no more of it is made than shows that.
                if size > 2 * EXPANDED_MOST { String::new() } else { value.to_owned() }
            }
            None => found[0].to_owned(),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(dialect: Dialect, text: &str) -> String {
        match parse(text, dialect) {
            Ok(variables) => variables.get("A").cloned().unwrap_or_else(|| "-".to_owned()),
            Err(why) => why,
        }
    }

    #[test]
    fn foreman_knows_quotes_and_no_comments() {
        for (text, read) in [
            ("A=b # c", "b # c"),
            ("A=", ""),
            ("A='b\\n'", "b\\n"),
            (r#"A="b\nc\"d""#, "b\nc\"d"),
            ("export A=b", "-"),
            (" A=b", "-"),
            ("A = b", "-"),
            ("A=b=c\r\n", "b=c"),
        ] {
            assert_eq!(value(Dialect::Foreman, text), read, "{text}");
        }
    }

    #[test]
    fn honcho_splits_words_as_python_does() {
        for (text, read) in [
            ("A=b # c", "b"),
            ("A=", "-"),
            ("A='b c'", "b c"),
            ("A=b c", "bc"),
            ("A = b", "b"),
            ("export A=b", "-"),
            (r#"A="x\\ny""#, "x\ny"),
            ("A=http://a.b/c?d=e", "http://a.b/c?d=e"),
            ("A='", "line 1: a quote is never closed"),
        ] {
            assert_eq!(value(Dialect::Honcho, text), read, "{text}");
        }
    }

    #[test]
    fn godotenv_spans_lines_and_expands() {
        for (text, read) in [
            ("A=b # c", "b"),
            ("A=b#c", "b#c"),
            ("A=", ""),
            ("export A = b", "b"),
            ("A: b", "b"),
            ("A='b\nc'", "b\nc"),
            (r#"A="b\nc\td""#, "b\nctd"),
            ("B=x\nA=$B-${B}-$C", "x-x-"),
            ("B=x\nA='$B'", "$B"),
            (r#"A="\$B""#, "$B"),
            ("A=$lower", "$lower"),
            ("A-B=c", "line 1: expected NAME=VALUE"),
            ("\n\nA='b", "line 3: a quote is never closed"),
        ] {
            assert_eq!(value(Dialect::Godotenv, text), read, "{text}");
        }
    }

    #[test]
    fn variables_that_double_one_another_are_refused() {
        let lines: String = (1..40).map(|at| format!("A{at}=$A{}$A{}\n", at - 1, at - 1)).collect();
        let read = parse(&format!("A0=xxxxxxxx\n{lines}"), Dialect::Godotenv);
        assert_eq!(read.unwrap_err(), "line 20: the values are larger than 4194304 bytes in all");
    }
}
