//! Just enough YAML to write: block style with comments, which serializers don't offer.

use std::fmt::Write;

/// A value. Maps keep their order; a list or a map that is empty is written as `[]` or `{}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Yaml {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(String, Yaml)>),
    /// A value below comment lines, which begin with `#`.
    Commented(Vec<String>, Box<Yaml>),
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Yaml {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Yaml {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<Vec<String>> for Yaml {
    fn from(texts: Vec<String>) -> Self {
        Self::List(texts.into_iter().map(Self::Text).collect())
    }
}

/// Builds a map, key by key.
#[derive(Debug, Default)]
pub(super) struct YamlMap(Vec<(String, Yaml)>);

impl YamlMap {
    pub(super) fn with(mut self, key: &str, value: impl Into<Yaml>) -> Self {
        self.put(key, value);
        self
    }

    pub(super) fn put(&mut self, key: &str, value: impl Into<Yaml>) {
        self.0.push((key.to_owned(), value.into()));
    }

    /// Adds the key only if there is a value.
    pub(super) fn put_some(&mut self, key: &str, value: Option<impl Into<Yaml>>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<YamlMap> for Yaml {
    fn from(YamlMap(entries): YamlMap) -> Self {
        Self::Map(entries)
    }
}

/// The value as one document.
pub(super) fn document(value: &Yaml) -> String {
    let mut text = String::new();
    block(value, 0, &mut text);
    text
}

fn block(value: &Yaml, indent: usize, text: &mut String) {
    match value {
        Yaml::Map(entries) => {
            for (key, value) in entries {
                comments(value, indent, text);
                let _ = write!(text, "{:indent$}{}:", "", scalar(key));
                below(value, indent, text);
            }
        }
        Yaml::List(items) => {
            for item in items {
                comments(item, indent, text);
                let _ = write!(text, "{:indent$}-", "");
                match bare(item) {
                    Yaml::Map(entries) if !entries.is_empty() => {
                        let mut inner = String::new();
                        block(bare(item), indent + 2, &mut inner);
                        text.push(' ');
                        text.push_str(inner.trim_start());
                    }
                    item => below(item, indent, text),
                }
            }
        }
        Yaml::Commented(_, inner) => block(inner, indent, text),
        Yaml::Bool(_) | Yaml::Int(_) | Yaml::Text(_) => below(value, indent, text),
    }
}

fn bare(value: &Yaml) -> &Yaml {
    match value {
        Yaml::Commented(_, inner) => bare(inner),
        value => value,
    }
}

fn comments(value: &Yaml, indent: usize, text: &mut String) {
    if let Yaml::Commented(lines, inner) = value {
        for line in lines {
            let _ = writeln!(text, "{:indent$}{line}", "");
        }
        comments(inner, indent, text);
    }
}

/// What follows a key or a dash.
fn below(value: &Yaml, indent: usize, text: &mut String) {
    let _ = match bare(value) {
        Yaml::Map(entries) if entries.is_empty() => writeln!(text, " {{}}"),
        Yaml::List(items) if items.is_empty() => writeln!(text, " []"),
        value @ (Yaml::Map(_) | Yaml::List(_)) => {
            text.push('\n');
            block(value, indent + 2, text);
            Ok(())
        }
        Yaml::Bool(flag) => writeln!(text, " {flag}"),
        Yaml::Int(number) => writeln!(text, " {number}"),
        Yaml::Text(words) => writeln!(text, " {}", scalar(words)),
        Yaml::Commented(..) => Ok(()),
    };
}

/// A string as YAML reads it back: plain where every version of YAML agrees, else quoted as in JSON.
fn scalar(words: &str) -> String {
    let is_plain = words.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '_')
        && words.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"]
            .contains(&words.to_ascii_lowercase().as_str());
    if is_plain { words.to_owned() } else { serde_json::Value::from(words).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_read_otherwise_is_quoted() {
        for words in
            ["", "no", "Yes", "1", "1e3", "a: b", "- a", "#", "0x10", "1.5", "~", "null", "é", "a\nb", "{", "12:30"]
        {
            assert!(scalar(words).starts_with('"'), "{words}");
        }
        for words in ["web", "/bin/sh", "redis-server", "apps/v1"] {
            assert_eq!(scalar(words), words);
        }
    }

    #[test]
    fn maps_lists_and_comments_nest() {
        let item = YamlMap::default().with("name", "a").with("args", vec!["x y".to_owned(), "z".to_owned()]);
        let note = Yaml::Commented(vec!["# why".to_owned()], Box::new(Yaml::Int(3)));
        let value =
            YamlMap::default().with("kind", "List").with("items", Yaml::List(vec![item.into()])).with("count", note);
        let text = document(&value.into());
        assert_eq!(text, "kind: List\nitems:\n  - name: a\n    args:\n      - \"x y\"\n      - z\n# why\ncount: 3\n");
    }
}
