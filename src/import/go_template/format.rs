//! How values are printed.

use super::TemplateValue;

/// The widest field of `printf`.
const WIDTH_LIMIT: usize = 1_000;

/// A value as Go prints it.
///
/// # Errors
///
/// There is nothing to print, or Go's way of printing it is not known here.
pub(super) fn printed(value: &TemplateValue) -> Result<String, String> {
    match value {
        TemplateValue::Nothing => Err("this is not set, and process-compose would put `<no value>`".to_owned()),
        TemplateValue::Bool(value) => Ok(value.to_string()),
        TemplateValue::Int(value) => Ok(value.to_string()),
        TemplateValue::Float(value) => float(*value),
        TemplateValue::Text(text) => Ok(text.to_string()),
        TemplateValue::List(items) => {
            let items: Vec<String> = items.iter().map(printed).collect::<Result<_, _>>()?;
            Ok(format!("[{}]", items.join(" ")))
        }
        TemplateValue::Map(_) => Err("a map can't be printed here".to_owned()),
    }
}

/// Numbers that Go writes with an exponent are not known here.
fn float(value: f64) -> Result<String, String> {
    match value == 0.0 || (1e-4..1e21).contains(&value.abs()) {
        true => Ok(value.to_string()),
        false => Err(format!("the number {value:e} can't be printed here")),
    }
}

/// An integer as Go's `strconv.ParseInt` with base 0 and YAML read it.
pub(in crate::import) fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix(['+', '-']) {
        Some(digits) => (if text.starts_with('-') { "-" } else { "" }, digits),
        None => ("", text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let is_plain = !digits.is_empty() && !digits.starts_with(['+', '-']);
    is_plain.then(|| i64::from_str_radix(&format!("{sign}{digits}"), radix).ok()).flatten()
}

/// One `%` of a format.
#[derive(Debug, Default)]
struct FormatVerb {
    left: bool,
    zero: bool,
    plus: bool,
    width: usize,
    precision: Option<usize>,
}

/// Go's `fmt.Sprintf`, as far as it is known here.
///
/// # Errors
///
/// Says what is not known, or does not fit.
pub(super) fn printf(format: &str, values: &[TemplateValue]) -> Result<String, String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let mut verb = FormatVerb::default();
        while let Some(flag) = chars.next_if(|c| "-0+".contains(*c)) {
            match flag {
                '-' => verb.left = true,
                '0' => verb.zero = true,
                _ => verb.plus = true,
            }
        }
        verb.width = number(&mut chars).unwrap_or_default();
        if chars.next_if_eq(&'.').is_some() {
            verb.precision = Some(number(&mut chars).unwrap_or_default());
        }
        if verb.width.max(verb.precision.unwrap_or_default()) > WIDTH_LIMIT {
            return Err(format!("a field of `printf` is wider than {WIDTH_LIMIT}"));
        }
        let letter = chars.next().ok_or("nothing follows `%`")?;
        if letter == '%' {
            out.push('%');
            continue;
        }
        let value = values.next().ok_or_else(|| format!("nothing is left for `%{letter}`"))?;
        out.push_str(&verb.apply(letter, value)?);
    }
    match values.next() {
        Some(_) => Err("`printf` is given more than its format takes".to_owned()),
        None => Ok(out),
    }
}

fn number(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<usize> {
    let mut digits = String::new();
    while let Some(digit) = chars.next_if(char::is_ascii_digit) {
        digits.push(digit);
    }
    if digits.is_empty() { None } else { Some(digits.parse().unwrap_or(usize::MAX)) }
}

impl FormatVerb {
    fn apply(&self, letter: char, value: &TemplateValue) -> Result<String, String> {
        let is_number = matches!(value, TemplateValue::Int(_) | TemplateValue::Float(_));
        let sign = |text: String, is_negative: bool| if self.plus && !is_negative { format!("+{text}") } else { text };
        let text = match (letter, value) {
            ('d', TemplateValue::Int(n)) => sign(n.to_string(), *n < 0),
            ('x', TemplateValue::Int(n)) if *n >= 0 => format!("{n:x}"),
            ('X', TemplateValue::Int(n)) if *n >= 0 => format!("{n:X}"),
            ('o', TemplateValue::Int(n)) if *n >= 0 => format!("{n:o}"),
            ('b', TemplateValue::Int(n)) if *n >= 0 => format!("{n:b}"),
            ('f', TemplateValue::Float(n)) => sign(format!("{n:.*}", self.precision.unwrap_or(6)), *n < 0.0),
            ('t', TemplateValue::Bool(_)) => printed(value)?,
            ('s', TemplateValue::Text(text)) => cut(text, self.precision),
            ('q', TemplateValue::Text(text)) if text.chars().all(|c| c.is_ascii_graphic() || c == ' ') => {
                format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
            }
            ('v', TemplateValue::Text(text)) => cut(text, self.precision),
            ('v', _) => printed(value)?,
            _ => return Err(format!("`%{letter}` is not known here for this value")),
        };
        if self.precision.is_some() && matches!(letter, 'd' | 'x' | 'X' | 'o' | 'b') {
            return Err(format!("a precision of `%{letter}` is not known here"));
        }
        let missing = self.width.saturating_sub(text.chars().count());
        Ok(match (self.left, self.zero && is_number) {
            (true, _) => format!("{text}{}", " ".repeat(missing)),
            (false, true) => {
                let signs = text.len() - text.trim_start_matches(['+', '-']).len();
                format!("{}{}{}", &text[..signs], "0".repeat(missing), &text[signs..])
            }
            // Go fills texts with zeros, too.
            (false, false) => format!("{}{text}", if self.zero { "0" } else { " " }.repeat(missing)),
        })
    }
}

fn cut(text: &str, precision: Option<usize>) -> String {
    text.chars().take(precision.unwrap_or(usize::MAX)).collect()
}
