//! How one task and what it needed have gone: in words, and as JUnit's XML.

use std::fmt::Write;

use super::ansi;
use super::why::{Cause, chain_line};

/// The last lines of the guilty task that are shown.
pub(crate) const GUILTY_LINES: usize = 20;

/// What became of one task and of those it needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunReport {
    pub(crate) project: String,
    /// Every task that ran.
    pub(crate) cases: Vec<RunCase>,
    /// None if all is well.
    pub(crate) failure: Option<RunFailure>,
}

/// One task that ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunCase {
    pub(crate) name: String,
    pub(crate) millis: u128,
    /// How it failed.
    pub(crate) failure: Option<String>,
}

/// Why it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunFailure {
    /// The task itself, then what it hung on.
    pub(crate) causes: Vec<Cause>,
    /// The task at the end of that chain.
    pub(crate) guilty: String,
    /// What that wrote last.
    pub(crate) lines: Vec<String>,
}

impl RunReport {
    /// What is to be said of a failure; empty if there is none.
    pub(crate) fn text(&self) -> String {
        let Some(RunFailure { causes, guilty, lines }) = &self.failure else { return String::new() };
        let mut text = String::new();
        for cause in causes {
            let _ = writeln!(text, "stead: {}", chain_line(cause));
        }
        if !lines.is_empty() {
            let _ = writeln!(text, "stead: the last lines of {guilty}:");
        }
        for line in lines {
            let _ = writeln!(text, "  {}", ansi::plain_text(line.as_bytes()));
        }
        text
    }

    /// The same as programs that test for others read it: <https://github.com/testmoapp/junitxml>.
    pub(crate) fn junit(&self) -> String {
        let failures = self.cases.iter().filter(|case| case.failure.is_some()).count();
        let (project, tests) = (escaped(&self.project), self.cases.len());
        let seconds = |millis: u128| format!("{}.{:03}", millis / 1_000, millis % 1_000);
        let all = seconds(self.cases.iter().map(|case| case.millis).max().unwrap_or_default());
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <testsuites tests=\"{tests}\" failures=\"{failures}\" time=\"{all}\">\n\
             <testsuite name=\"{project}\" tests=\"{tests}\" failures=\"{failures}\" time=\"{all}\">\n"
        );
        for RunCase { name, millis, failure } in &self.cases {
            let (name, time) = (escaped(name), seconds(*millis));
            let _ = write!(xml, "<testcase classname=\"{project}\" name=\"{name}\" time=\"{time}\"");
            let Some(message) = failure else {
                xml.push_str("/>\n");
                continue;
            };
            let lines = match &self.failure {
                Some(found) if found.guilty == name => found.lines.join("\n"),
                _ => String::new(),
            };
            let _ =
                writeln!(xml, "><failure message=\"{}\">{}</failure></testcase>", escaped(message), escaped(&lines));
        }
        xml + "</testsuite>\n</testsuites>\n"
    }
}

/// Text as XML holds it. What no XML can hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let lines: Vec<_> = text.split('\n').map(|line| ansi::plain_text(line.as_bytes())).collect();
    for c in lines.join("\n").chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> RunReport {
        let case = |name: &str, millis, failure: Option<&str>| RunCase {
            name: name.to_owned(),
            millis,
            failure: failure.map(str::to_owned),
        };
        let causes = vec![
            Cause { depth: 0, task: "test".to_owned(), sentences: vec!["has failed: db failed".to_owned()] },
            Cause { depth: 1, task: "db".to_owned(), sentences: vec!["has failed: code 3".to_owned()] },
        ];
        let lines = vec!["a < b & \u{1b}[31m\"c\"".to_owned()];
        RunReport {
            project: "shop".to_owned(),
            cases: vec![case("test", 0, Some("db failed")), case("db", 1_250, Some("code 3")), case("mail", 7, None)],
            failure: Some(RunFailure { causes, guilty: "db".to_owned(), lines }),
        }
    }

    #[test]
    fn a_failure_is_told_with_its_causes_and_the_last_lines_of_the_guilty() {
        let expected = "\
stead: test has failed: db failed.
stead: └─ db has failed: code 3.
stead: the last lines of db:
  a < b & \"c\"
";
        assert_eq!(report().text(), expected);
        assert_eq!(RunReport { failure: None, ..report() }.text(), "");
    }

    #[test]
    fn as_xml_it_has_a_case_for_each_task() {
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites tests=\"3\" failures=\"2\" time=\"1.250\">
<testsuite name=\"shop\" tests=\"3\" failures=\"2\" time=\"1.250\">
<testcase classname=\"shop\" name=\"test\" time=\"0.000\"><failure message=\"db failed\"></failure></testcase>
<testcase classname=\"shop\" name=\"db\" time=\"1.250\"><failure message=\"code 3\">a &lt; b &amp; &quot;c&quot;</failure></testcase>
<testcase classname=\"shop\" name=\"mail\" time=\"0.007\"/>
</testsuite>
</testsuites>
";
        assert_eq!(report().junit(), expected);
    }
}
