//! What pm2 takes for JSON is an expression of JavaScript.

/// The text without comments: spaces stand in their place, so that all else stays where it is.
pub(super) fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '"' | '\'' => {
                let end = string_end(rest, c);
                out.push_str(&rest[..end]);
                rest = &rest[end..];
                continue;
            }
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            c => {
                // YAML has tabs nowhere where JSON has them.
                out.push(if c == '\t' { ' ' } else { c });
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.extend(rest[..length].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

/// Where a quoted text ends.
fn string_end(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_spaces_and_texts_stay() {
        let text = "{\t// é\n \"a\": \"x // y\", /* c\n */ 'b': 'it\\'s /* */'\n}";
        let without = without_comments(text);
        assert_eq!(without.len(), text.len());
        assert_eq!(without, "{      \n \"a\": \"x // y\",     \n    'b': 'it\\'s /* */'\n}");
    }
}
