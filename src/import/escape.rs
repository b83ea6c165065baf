//! Texts of other tools in the language of stead.toml, where `${NAME}` is a variable.

/// A text in which stead finds nothing to replace.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        out.push_str(&rest[..at]);
        let is_literal = !out.ends_with('$') && is_shells(&rest[at + 2..]);
        out.push_str(if is_literal { "${" } else { "$${" });
        rest = &rest[at + 2..];
    }
    out + rest
}

/// Whether stead would leave what follows `${` to the shell: anything but a name with `}`, `:-`, `:?` or a dot.
fn is_shells(text: &str) -> bool {
    let Some(end) = text.find(['}', '$', '{']).filter(|end| text[*end..].starts_with('}')) else { return false };
    let inside = &text[..end];
    let name = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
    let is_name = inside.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let rest = &inside[name..];
    !(is_name && (rest.is_empty() || rest.starts_with(":-") || rest.starts_with(":?") || rest.starts_with('.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stead_would_replace_is_escaped() {
        for (text, out) in [
            ("${A} ${A:-x} ${A:?x} ${a.b}", "$${A} $${A:-x} $${A:?x} $${a.b}"),
            ("${1} ${f%.c} ${#x} ${A:=x} ${A[0]}", "${1} ${f%.c} ${#x} ${A:=x} ${A[0]}"),
            ("${", "$${"),
            ("${f%${g}}", "$${f%$${g}}"),
            ("$${1}", "$$${1}"),
        ] {
            assert_eq!(escaped(text), out, "{text}");
        }
    }
}
