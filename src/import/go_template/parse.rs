//! From text to a tree.

use std::ops::Range;
use std::rc::Rc;

use super::{BadTemplate, TemplateValue};

/// How deep blocks and parentheses may be nested.
const DEPTH_LIMIT: usize = 50;

/// A part of a template.
#[derive(Debug)]
pub(super) enum TemplatePart {
    Text(String),
    /// A pipeline whose value is printed, unless it is given to variables.
    Print(Pipeline),
    If {
        condition: Pipeline,
        then: Vec<TemplatePart>,
        otherwise: Vec<TemplatePart>,
        is_with: bool,
    },
    Range {
        over: Pipeline,
        body: Vec<TemplatePart>,
        otherwise: Vec<TemplatePart>,
    },
    Break,
    Continue,
}

/// `$a, $b := first | second`.
#[derive(Debug)]
pub(super) struct Pipeline {
    pub(super) variables: Vec<String>,
    /// Whether they are declared (`:=`) or set (`=`).
    pub(super) declares: bool,
    pub(super) commands: Vec<Command>,
    pub(super) span: Range<usize>,
}

/// A function with its arguments, or a value alone.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) function: Option<String>,
    pub(super) operands: Vec<Operand>,
    pub(super) span: Range<usize>,
}

/// A value, and the fields that are taken of it.
#[derive(Debug)]
pub(super) struct Operand {
    pub(super) base: Base,
    pub(super) fields: Vec<String>,
    pub(super) span: Range<usize>,
}

#[derive(Debug)]
pub(super) enum Base {
    Dot,
    Variable(String),
    Constant(TemplateValue),
    Group(Pipeline),
}

/// Words that are no functions.
const KEYWORDS: [&str; 10] = ["if", "else", "end", "range", "with", "define", "template", "block", "break", "continue"];

pub(super) fn parse(text: &str) -> Result<Vec<TemplatePart>, BadTemplate> {
    let mut parser = Parser { text, at: 0, depth: 0, trims: false };
    let (parts, end) = parser.parts()?;
    match end {
        PartsEnd::Text => Ok(parts),
        PartsEnd::Keyword(span) | PartsEnd::Else(span, _) => {
            Err(BadTemplate { span, what: "nothing is open that this could end".to_owned() })
        }
    }
}

/// What ends a list of parts.
enum PartsEnd {
    Text,
    Keyword(Range<usize>),
    /// `else`, and where what follows it begins: `if` or the end.
    Else(Range<usize>, Option<&'static str>),
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// Whether the space before the next text is left out.
    trims: bool,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn bad<T>(&self, span: Range<usize>, what: impl Into<String>) -> Result<T, BadTemplate> {
        Err(BadTemplate { span, what: what.into() })
    }

    fn deeper(&mut self, span: &Range<usize>) -> Result<(), BadTemplate> {
        self.depth += 1;
        if self.depth > DEPTH_LIMIT { self.bad(span.clone(), "this is nested too deep") } else { Ok(()) }
    }

    fn parts(&mut self) -> Result<(Vec<TemplatePart>, PartsEnd), BadTemplate> {
        let mut parts = Vec::new();
        loop {
            let rest = self.rest();
            let open = rest.find("{{");
            let mut text = &rest[..open.unwrap_or(rest.len())];
            if std::mem::take(&mut self.trims) {
                text = text.trim_start();
            }
            let Some(open) = open else {
                self.at = self.text.len();
                parts.push(TemplatePart::Text(text.to_owned()));
                return Ok((parts, PartsEnd::Text));
            };
            let start = self.at + open;
            self.at = start + 2;
            if self.rest().starts_with('-') && self.rest()[1..].starts_with(char::is_whitespace) {
                text = text.trim_end();
                self.at += 1;
            }
            if !text.is_empty() {
                parts.push(TemplatePart::Text(text.to_owned()));
            }
            if let Some(end) = self.action(start, &mut parts)? {
                return Ok((parts, end));
            }
        }
    }

    /// What stands in braces. `Some` if it ends the list of parts.
    fn action(&mut self, start: usize, parts: &mut Vec<TemplatePart>) -> Result<Option<PartsEnd>, BadTemplate> {
        self.space();
        if self.rest().starts_with("/*") {
            let Some(end) = self.rest().find("*/") else {
                return self.bad(start..start + 2, "a comment is never closed");
            };
            self.at += end + 2;
            self.close(start)?;
            return Ok(None);
        }
        match self.keyword() {
            Some("end") => {
                self.close(start)?;
                return Ok(Some(PartsEnd::Keyword(start..self.at)));
            }
            Some("else") => {
                self.space();
                let more = self.keyword();
                if more.is_none() {
                    self.close(start)?;
                }
                return match more {
                    None => Ok(Some(PartsEnd::Else(start..self.at, None))),
                    Some(word @ ("if" | "with")) => Ok(Some(PartsEnd::Else(start..self.at, Some(word)))),
                    Some(_) => self.bad(start..self.at, "expected `else` or `else if`"),
                };
            }
            Some(word @ ("if" | "with")) => {
                let part = self.condition(start, word == "with")?;
                parts.push(part);
            }
            Some("range") => {
                let part = self.range(start)?;
                parts.push(part);
            }
            Some("break") => parts.push(self.alone(start, TemplatePart::Break)?),
            Some("continue") => parts.push(self.alone(start, TemplatePart::Continue)?),
            Some(word) => return self.bad(start..self.at, format!("`{word}` is not known here")),
            None => {
                let pipeline = self.pipeline(start)?;
                self.close(start)?;
                parts.push(TemplatePart::Print(pipeline));
            }
        }
        Ok(None)
    }

    fn alone(&mut self, start: usize, part: TemplatePart) -> Result<TemplatePart, BadTemplate> {
        self.close(start)?;
        Ok(part)
    }

    fn condition(&mut self, start: usize, is_with: bool) -> Result<TemplatePart, BadTemplate> {
        self.deeper(&(start..self.at))?;
        let condition = self.pipeline(start)?;
        self.close(start)?;
        let opened = start..self.at;
        let (then, end) = self.parts()?;
        let otherwise = match end {
            PartsEnd::Text => return self.bad(opened, "this is never ended"),
            PartsEnd::Keyword(_) => Vec::new(),
            PartsEnd::Else(span, Some(word)) => vec![self.condition(span.start, word == "with")?],
            PartsEnd::Else(_, None) => self.until_end(opened)?,
        };
        self.depth -= 1;
        Ok(TemplatePart::If { condition, then, otherwise, is_with })
    }

    fn range(&mut self, start: usize) -> Result<TemplatePart, BadTemplate> {
        self.deeper(&(start..self.at))?;
        let over = self.pipeline(start)?;
        self.close(start)?;
        let opened = start..self.at;
        let (body, end) = self.parts()?;
        let otherwise = match end {
            PartsEnd::Keyword(_) => Vec::new(),
            PartsEnd::Else(_, None) => self.until_end(opened)?,
            PartsEnd::Else(span, Some(_)) => return self.bad(span, "`else if` has no `if` here"),
            PartsEnd::Text => return self.bad(opened, "this is never ended"),
        };
        self.depth -= 1;
        Ok(TemplatePart::Range { over, body, otherwise })
    }

    fn until_end(&mut self, opened: Range<usize>) -> Result<Vec<TemplatePart>, BadTemplate> {
        match self.parts()? {
            (parts, PartsEnd::Keyword(_)) => Ok(parts),
            (_, PartsEnd::Text) => self.bad(opened, "this is never ended"),
            (_, PartsEnd::Else(span, _)) => self.bad(span, "there was an `else` before"),
        }
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    /// `}}`, or `-}}` with a space before it.
    fn close(&mut self, start: usize) -> Result<(), BadTemplate> {
        self.space();
        if self.rest().starts_with("}}") {
            self.at += 2;
            return Ok(());
        }
        if self.rest().starts_with("-}}") && self.text[..self.at].ends_with(char::is_whitespace) {
            self.at += 3;
            self.trims = true;
            return Ok(());
        }
        match self.rest().chars().next() {
            None => self.bad(start..(start + 2), "this is never closed"),
            Some(c) => self.bad(self.at..self.at + c.len_utf8(), "this is not understood here"),
        }
    }

    fn is_closing(&self) -> bool {
        self.rest().starts_with("}}") || self.rest().starts_with("-}}")
    }

    fn word(&self) -> &'a str {
        let rest = self.rest();
        let is_start = rest.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if is_start { &rest[..end] } else { "" }
    }

    fn keyword(&mut self) -> Option<&'static str> {
        let word = self.word();
        let found = KEYWORDS.into_iter().find(|keyword| *keyword == word)?;
        self.at += word.len();
        Some(found)
    }

    fn pipeline(&mut self, start: usize) -> Result<Pipeline, BadTemplate> {
        self.space();
        let (variables, declares) = self.declaration();
        let mut commands = Vec::new();
        loop {
            commands.push(self.command(start)?);
            self.space();
            if !self.rest().starts_with('|') {
                break;
            }
            self.at += 1;
        }
        Ok(Pipeline { variables, declares, commands, span: start..self.at })
    }

    /// `$x :=`, `$x =` or `$i, $x :=`.
    fn declaration(&mut self) -> (Vec<String>, bool) {
        let before = self.at;
        let mut names = Vec::new();
        while self.rest().starts_with('$') {
            self.at += 1;
            let name = self.word();
            self.at += name.len();
            names.push(name.to_owned());
            self.space();
            if self.rest().starts_with(":=") {
                self.at += 2;
                return (names, true);
            }
            if self.rest().starts_with('=') {
                self.at += 1;
                return (names, false);
            }
            if !self.rest().starts_with(',') {
                break;
            }
            self.at += 1;
            self.space();
        }
        self.at = before;
        (Vec::new(), false)
    }

    fn command(&mut self, start: usize) -> Result<Command, BadTemplate> {
        self.space();
        let from = self.at;
        let word = self.word();
        let is_constant = matches!(word, "true" | "false" | "nil");
        let function = (!word.is_empty() && !is_constant).then(|| word.to_owned());
        self.at += function.as_ref().map_or(0, String::len);
        let mut operands = Vec::new();
        loop {
            self.space();
            let rest = self.rest();
            if rest.is_empty() {
                return self.bad(start..start + 2, "this is never closed");
            }
            if self.is_closing() || rest.starts_with(['|', ')']) {
                break;
            }
            operands.push(self.operand()?);
        }
        let span = from..self.at.max(from + 1).min(self.text.len());
        match (&function, operands.len()) {
            (None, 0) => self.bad(start..self.at, "something is missing here"),
            (None, 2..) => self.bad(span, "only a function has arguments"),
            _ => Ok(Command { function, operands, span }),
        }
    }

    fn operand(&mut self) -> Result<Operand, BadTemplate> {
        let start = self.at;
        let rest = self.rest();
        let first = rest.chars().next().unwrap_or(' ');
        let base = match first {
            '.' => Base::Dot,
            '$' => {
                self.at += 1;
                let name = self.word();
                self.at += name.len();
                Base::Variable(name.to_owned())
            }
            '(' => {
                self.at += 1;
                self.deeper(&(start..self.at))?;
                let pipeline = self.pipeline(start)?;
                self.space();
                if !self.rest().starts_with(')') {
                    return self.bad(start..self.at, "a parenthesis is never closed");
                }
                self.at += 1;
                self.depth -= 1;
                Base::Group(pipeline)
            }
            '"' | '`' => Base::Constant(self.string(first)?),
            c if c.is_ascii_digit() || "+-".contains(c) => Base::Constant(self.number()?),
            _ => match self.word() {
                "" => return self.bad(start..start + first.len_utf8(), "this is not understood here"),
                word => {
                    self.at += word.len();
                    Base::Constant(match word {
                        "true" => TemplateValue::Bool(true),
                        "false" => TemplateValue::Bool(false),
                        "nil" => TemplateValue::Nothing,
                        // A function without arguments in the place of one.
                        _ => return self.bad(start..self.at, format!("`{word}` is not known here")),
                    })
                }
            },
        };
        let fields = self.fields(matches!(base, Base::Dot));
        Ok(Operand { base, fields, span: start..self.at })
    }

    /// `.a.b`; a dot alone is the data itself.
    fn fields(&mut self, is_dot: bool) -> Vec<String> {
        let mut fields = Vec::new();
        while self.rest().starts_with('.') {
            self.at += 1;
            let name = self.word();
            if name.is_empty() {
                self.at -= usize::from(!(is_dot && fields.is_empty()));
                break;
            }
            self.at += name.len();
            fields.push(name.to_owned());
        }
        fields
    }

    fn string(&mut self, quote: char) -> Result<TemplateValue, BadTemplate> {
        let start = self.at;
        self.at += 1;
        let mut out = String::new();
        let mut chars = self.rest().chars();
        loop {
            let open = start..start + 1;
            let Some(c) = chars.next() else { return self.bad(open, "a quote is never closed") };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(TemplateValue::Text(out.into())),
                '\n' if quote == '"' => return self.bad(open, "a quote is never closed"),
                '\\' if quote == '"' => {
                    let escaped = chars.next();
                    self.at += escaped.map_or(0, char::len_utf8);
                    out.push(match escaped {
                        Some('n') => '\n',
                        Some('t') => '\t',
                        Some('r') => '\r',
                        Some(c @ ('"' | '\\' | '\'')) => c,
                        _ => return self.bad(self.at - 1..self.at, "this escape is not known here"),
                    });
                }
                c => out.push(c),
            }
        }
    }

    fn number(&mut self) -> Result<TemplateValue, BadTemplate> {
        let start = self.at;
        let rest = self.rest();
        let end =
            rest[1..].find(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c)).map_or(rest.len(), |end| end + 1);
        self.at += end;
        let digits = rest[..end].replace('_', "");
        let value = super::format::integer(&digits).map(TemplateValue::Int);
        match value.or_else(|| digits.parse().ok().filter(|float: &f64| float.is_finite()).map(TemplateValue::Float)) {
            Some(value) => Ok(value),
            None => self.bad(start..self.at, "this is no number"),
        }
    }
}

impl From<&str> for TemplateValue {
    fn from(text: &str) -> Self {
        Self::Text(Rc::from(text))
    }
}
