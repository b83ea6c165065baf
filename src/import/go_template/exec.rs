//! From a tree and data to text.

use std::cmp::Ordering;

use super::format::{printed, printf};
use super::parse::{Base, Command, Operand, Pipeline, TemplatePart};
use super::{BadTemplate, TemplateValue};

/// The longest result, in bytes.
const OUTPUT_LIMIT: usize = 1 << 20;

/// The most steps: parts and commands.
const STEPS_LIMIT: usize = 100_000;

pub(super) fn run(parts: &[TemplatePart], data: &TemplateValue) -> Result<String, BadTemplate> {
    let mut state = State { out: String::new(), variables: vec![(String::new(), data.clone())], steps: 0 };
    state.parts(parts, data)?;
    Ok(state.out)
}

/// How a list of parts ended.
#[derive(PartialEq, Eq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct State {
    out: String,
    /// By name, the latest last; the one without a name is the data.
    variables: Vec<(String, TemplateValue)>,
    steps: usize,
}

fn bad<T>(span: &std::ops::Range<usize>, what: impl Into<String>) -> Result<T, BadTemplate> {
    Err(BadTemplate { span: span.clone(), what: what.into() })
}

impl State {
    fn step(&mut self, span: &std::ops::Range<usize>) -> Result<(), BadTemplate> {
        self.steps += 1;
        match self.steps > STEPS_LIMIT || self.out.len() > OUTPUT_LIMIT {
            true => bad(span, "this takes too long or gives too much"),
            false => Ok(()),
        }
    }

    fn parts(&mut self, parts: &[TemplatePart], dot: &TemplateValue) -> Result<Flow, BadTemplate> {
        for part in parts {
            let flow = self.part(part, dot)?;
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn part(&mut self, part: &TemplatePart, dot: &TemplateValue) -> Result<Flow, BadTemplate> {
        match part {
            TemplatePart::Text(text) => {
                self.step(&(0..0))?;
                self.out.push_str(text);
            }
            TemplatePart::Break => return Ok(Flow::Break),
            TemplatePart::Continue => return Ok(Flow::Continue),
            TemplatePart::Print(pipeline) => {
                let value = self.pipeline(pipeline, dot)?;
                if pipeline.variables.is_empty() {
                    let text = fits(std::slice::from_ref(&value))
                        .and_then(|()| printed(&value))
                        .map_err(|what| BadTemplate { span: pipeline.span.clone(), what })?;
                    self.out.push_str(&text);
                }
            }
            TemplatePart::If { condition, then, otherwise, is_with } => {
                let known = self.variables.len();
                let value = self.pipeline(condition, dot)?;
                let flow = match (is_true(&value), is_with) {
                    (true, true) => self.parts(then, &value),
                    (true, false) => self.parts(then, dot),
                    (false, _) => self.parts(otherwise, dot),
                };
                self.variables.truncate(known);
                return flow;
            }
            TemplatePart::Range { over, body, otherwise } => return self.range(over, body, otherwise, dot),
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        over: &Pipeline,
        body: &[TemplatePart],
        otherwise: &[TemplatePart],
        dot: &TemplateValue,
    ) -> Result<Flow, BadTemplate> {
        let known = self.variables.len();
        let value = self.commands(over, dot)?;
        let items: Vec<(TemplateValue, TemplateValue)> = match &value {
            TemplateValue::List(items) => {
                items.iter().enumerate().map(|(at, item)| (TemplateValue::Int(at as i64), item.clone())).collect()
            }
            TemplateValue::Map(entries) => {
                // Go goes through a map in the order of its keys.
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by_key(|(key, _)| *key);
                entries.into_iter().map(|(key, value)| (key.as_str().into(), value.clone())).collect()
            }
            TemplateValue::Int(count @ ..=100_000) => {
                (0..*count).map(|at| (TemplateValue::Int(at), TemplateValue::Int(at))).collect()
            }
            TemplateValue::Nothing => Vec::new(),
            _ => return bad(&over.span, "`range` goes through lists, maps and numbers"),
        };
        if items.is_empty() {
            return self.parts(otherwise, dot);
        }
        for (key, item) in items {
            self.step(&over.span)?;
            match over.variables.as_slice() {
                [] => {}
                [one] => self.variables.push((one.clone(), item.clone())),
                [first, second, ..] => {
                    self.variables.push((first.clone(), key));
                    self.variables.push((second.clone(), item.clone()));
                }
            }
            let flow = self.parts(body, &item)?;
            self.variables.truncate(known);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn pipeline(&mut self, pipeline: &Pipeline, dot: &TemplateValue) -> Result<TemplateValue, BadTemplate> {
        let value = self.commands(pipeline, dot)?;
        match pipeline.variables.as_slice() {
            [] => {}
            [name] if pipeline.declares => self.variables.push((name.clone(), value.clone())),
            [name] => match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value.clone(),
                None => return bad(&pipeline.span, format!("${name} is not declared")),
            },
            _ => return bad(&pipeline.span, "two variables are for `range` alone"),
        }
        Ok(value)
    }

    fn commands(&mut self, pipeline: &Pipeline, dot: &TemplateValue) -> Result<TemplateValue, BadTemplate> {
        let mut piped = None;
        for command in &pipeline.commands {
            piped = Some(self.command(command, dot, piped)?);
        }
        Ok(piped.unwrap_or(TemplateValue::Nothing))
    }

    fn command(
        &mut self,
        command: &Command,
        dot: &TemplateValue,
        piped: Option<TemplateValue>,
    ) -> Result<TemplateValue, BadTemplate> {
        self.step(&command.span)?;
        let Some(function) = &command.function else {
            return match (command.operands.as_slice(), piped) {
                ([operand], None) => self.operand(operand, dot),
                (_, _) => bad(&command.span, "only a function can be given something"),
            };
        };
        // These two look no further than they must.
        if let word @ ("and" | "or") = function.as_str() {
            let mut last = None;
            for operand in &command.operands {
                let value = self.operand(operand, dot)?;
                if is_true(&value) == (word == "or") {
                    return Ok(value);
                }
                last = Some(value);
            }
            return piped.or(last).map_or_else(|| bad(&command.span, format!("`{word}` of nothing")), Ok);
        }
        let mut arguments = Vec::new();
        for operand in &command.operands {
            arguments.push(self.operand(operand, dot)?);
        }
        arguments.extend(piped);
        fits(&arguments)
            .and_then(|()| call(function, &arguments))
            .map_err(|what| BadTemplate { span: command.span.clone(), what })
    }

    fn operand(&mut self, operand: &Operand, dot: &TemplateValue) -> Result<TemplateValue, BadTemplate> {
        let mut value = match &operand.base {
            Base::Dot => dot.clone(),
            Base::Constant(value) => value.clone(),
            Base::Group(pipeline) => self.pipeline(pipeline, dot)?,
            Base::Variable(name) => match self.variables.iter().rev().find(|(known, _)| known == name) {
                Some((_, value)) => value.clone(),
                None => return bad(&operand.span, format!("${name} is not declared")),
            },
        };
        for field in &operand.fields {
            value = match &value {
                TemplateValue::Map(entries) => entries.get(field).cloned().unwrap_or(TemplateValue::Nothing),
                TemplateValue::Nothing => {
                    return bad(&operand.span, format!("there is nothing of which `.{field}` could be"));
                }
                _ => return bad(&operand.span, format!("`.{field}` can be taken of maps only")),
            };
        }
        Ok(value)
    }
}

fn is_true(value: &TemplateValue) -> bool {
    match value {
        TemplateValue::Nothing => false,
        TemplateValue::Bool(value) => *value,
        TemplateValue::Int(value) => *value != 0,
        TemplateValue::Float(value) => *value != 0.0,
        TemplateValue::Text(text) => !text.is_empty(),
        TemplateValue::List(items) => !items.is_empty(),
        TemplateValue::Map(entries) => !entries.is_empty(),
    }
}

/// Refuses what would be longer than a result may be. A text that is used often takes no room until it is printed.
fn fits(values: &[TemplateValue]) -> Result<(), String> {
    fn spend(value: &TemplateValue, left: &mut usize) -> bool {
        let size = match value {
            TemplateValue::Text(text) => text.len(),
            TemplateValue::Nothing | TemplateValue::Bool(_) | TemplateValue::Int(_) | TemplateValue::Float(_) => 1,
            TemplateValue::List(items) => return items.iter().all(|item| spend(item, left)),
            // No map is printed.
            TemplateValue::Map(_) => 1,
        };
        let rest = left.checked_sub(size);
        *left = rest.unwrap_or_default();
        rest.is_some()
    }
    let mut left = OUTPUT_LIMIT;
    match values.iter().all(|value| spend(value, &mut left)) {
        true => Ok(()),
        false => Err(format!("this is longer than {OUTPUT_LIMIT} bytes")),
    }
}

fn call(function: &str, arguments: &[TemplateValue]) -> Result<TemplateValue, String> {
    match (function, arguments) {
        ("not", [value]) => Ok(TemplateValue::Bool(!is_true(value))),
        ("eq", [first, others @ ..]) if !others.is_empty() => {
            let mut any = false;
            for other in others {
                any |= compare(first, other)? == Some(Ordering::Equal);
            }
            Ok(TemplateValue::Bool(any))
        }
        ("ne", [one, other]) => Ok(TemplateValue::Bool(compare(one, other)? != Some(Ordering::Equal))),
        ("lt", [one, other]) => ordered(one, other, Ordering::is_lt),
        ("le", [one, other]) => ordered(one, other, Ordering::is_le),
        ("gt", [one, other]) => ordered(one, other, Ordering::is_gt),
        ("ge", [one, other]) => ordered(one, other, Ordering::is_ge),
        ("len", [TemplateValue::Text(text)]) => Ok(TemplateValue::Int(text.len() as i64)),
        ("len", [TemplateValue::List(items)]) => Ok(TemplateValue::Int(items.len() as i64)),
        ("len", [TemplateValue::Map(entries)]) => Ok(TemplateValue::Int(entries.len() as i64)),
        ("index", [from, keys @ ..]) => keys.iter().try_fold(from.clone(), |from, key| index(&from, key)),
        ("print" | "println", values) => {
            let texts: Vec<String> = values.iter().map(printed).collect::<Result<_, _>>()?;
            let is_text = |at: usize| matches!(values.get(at), Some(TemplateValue::Text(_)));
            let mut out = String::new();
            for (at, text) in texts.iter().enumerate() {
                // `print` puts spaces only between what is no text.
                if at > 0 && (function == "println" || !is_text(at) && !is_text(at - 1)) {
                    out.push(' ');
                }
                out.push_str(text);
            }
            Ok(TemplateValue::Text((out + if function == "println" { "\n" } else { "" }).into()))
        }
        ("printf", [TemplateValue::Text(format), values @ ..]) => {
            printf(format, values).map(|text| TemplateValue::Text(text.into()))
        }
        ("not" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" | "len" | "index" | "printf", _) => {
            Err(format!("`{function}` can't be used like this"))
        }
        _ => Err(format!("`{function}` is not known here")),
    }
}

fn index(from: &TemplateValue, key: &TemplateValue) -> Result<TemplateValue, String> {
    match (from, key) {
        (TemplateValue::List(items), TemplateValue::Int(at)) => {
            let item = usize::try_from(*at).ok().and_then(|at| items.get(at));
            item.cloned().ok_or_else(|| format!("there is no element {at}"))
        }
        (TemplateValue::Map(entries), TemplateValue::Text(key)) => {
            Ok(entries.get(key.as_ref()).cloned().unwrap_or(TemplateValue::Nothing))
        }
        _ => Err("`index` takes a list and a number, or a map and a text".to_owned()),
    }
}

/// How two values compare; an error if their kinds differ, as in Go.
fn compare(one: &TemplateValue, other: &TemplateValue) -> Result<Option<Ordering>, String> {
    match (one, other) {
        (TemplateValue::Int(one), TemplateValue::Int(other)) => Ok(Some(one.cmp(other))),
        (TemplateValue::Float(one), TemplateValue::Float(other)) => Ok(one.partial_cmp(other)),
        (TemplateValue::Text(one), TemplateValue::Text(other)) => Ok(Some(one.cmp(other))),
        (TemplateValue::Bool(one), TemplateValue::Bool(other)) => Ok(Some(one.cmp(other))),
        (TemplateValue::Nothing, TemplateValue::Nothing) => Ok(Some(Ordering::Equal)),
        (TemplateValue::Nothing, _) | (_, TemplateValue::Nothing) => Ok(None),
        _ => Err("values of two kinds are compared".to_owned()),
    }
}

fn ordered(one: &TemplateValue, other: &TemplateValue, is: fn(Ordering) -> bool) -> Result<TemplateValue, String> {
    match (one, other) {
        (TemplateValue::Bool(_) | TemplateValue::Nothing, _) | (_, TemplateValue::Bool(_) | TemplateValue::Nothing) => {
            Err("these values have no order".to_owned())
        }
        _ => Ok(TemplateValue::Bool(compare(one, other)?.is_some_and(is))),
    }
}
