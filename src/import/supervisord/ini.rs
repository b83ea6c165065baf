//! INI files as Python's `configparser` reads them for supervisord.

use crate::import::draft::OriginalMistake;
use crate::import::source::Place;
use crate::import::write::Comment;

/// A file.
#[derive(Debug, Default)]
pub(super) struct Ini {
    pub(super) sections: Vec<Section>,
    pub(super) comments: Vec<Comment>,
}

/// `[name]` and what follows.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) entries: Vec<IniEntry>,
}

/// `key = value`.
#[derive(Debug, Clone)]
pub(super) struct IniEntry {
    /// In small letters.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) key_place: Place,
    pub(super) place: Place,
    /// Where a comment ends a line of it.
    pub(super) cut: Option<Place>,
}

/// Reads the text of the file with this number.
///
/// # Errors
///
/// A line is neither a section nor an entry, or stands before the first section.
pub(super) fn parse(text: &str, file: usize) -> Result<Ini, OriginalMistake> {
    let mut ini = Ini::default();
    let mut indent = 0;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        take(&mut ini, file, line, at, &mut indent)?;
    }
    for entry in ini.sections.iter_mut().flat_map(|section| &mut section.entries) {
        entry.value.truncate(entry.value.trim_end().len());
    }
    Ok(ini)
}

fn take(ini: &mut Ini, file: usize, line: &str, at: usize, indent: &mut usize) -> Result<(), OriginalMistake> {
    let comment = comment(line);
    let kept = &line[..comment.unwrap_or(line.len())];
    let value = kept.trim();
    if let Some(sign) = comment {
        let place = Place::new(file, at + sign..at + line.len());
        let text = line[sign + 1..].to_owned();
        ini.comments.push(Comment { place, text, is_alone: value.is_empty() });
    }
    let first = kept.len() - kept.trim_start().len();
    let open = ini.sections.last_mut().and_then(|section| section.entries.last_mut());
    if value.is_empty() {
        if let Some(entry) = open.filter(|_| comment.is_none()) {
            entry.value.push('\n');
        }
        return Ok(());
    }
    let cut = comment.map(|sign| Place::new(file, at + sign..at + line.len()));
    if let Some(entry) = open.filter(|_| first > *indent) {
        entry.value.push('\n');
        entry.value.push_str(value);
        entry.place.end = at + first + value.len();
        entry.cut = entry.cut.take().or(cut);
        return Ok(());
    }
    *indent = first;
    let place = Place::new(file, at + first..at + first + value.len());
    if let Some(name) =
        value.strip_prefix('[').and_then(|rest| Some(&rest[..rest.rfind(']')?])).filter(|it| !it.is_empty())
    {
        ini.sections.push(Section { name: name.to_owned(), place, entries: Vec::new() });
        return Ok(());
    }
    let Some(section) = ini.sections.last_mut() else {
        return Err(OriginalMistake {
            place,
            title: "this stands before the first section".to_owned(),
            remedy: "expected a line like `[program:web]`".to_owned(),
        });
    };
    let Some(sign) = value.find(['=', ':']) else {
        return Err(OriginalMistake {
            place,
            title: "this is neither a section nor an entry".to_owned(),
            remedy: "expected `key = value`; a value goes on in lines that are indented".to_owned(),
        });
    };
    let key = value[..sign].trim_end();
    let text = value[sign + 1..].trim();
    let from = at + first;
    let value_start = from + value.len() - value[sign + 1..].trim_start().len();
    section.entries.push(IniEntry {
        key: key.to_lowercase(),
        value: text.to_owned(),
        key_place: Place::new(file, from..from + key.len()),
        place: Place::new(file, value_start..value_start + text.len()),
        cut,
    });
    Ok(())
}

/// Where a comment begins: at a `;` or `#` that begins the line or follows a space.
fn comment(line: &str) -> Option<usize> {
    if line.trim_start().starts_with(['#', ';']) {
        return Some(line.len() - line.trim_start().len());
    }
    let signs = line.char_indices().filter(|(_, c)| matches!(c, ';' | '#'));
    signs.map(|(at, _)| at).find(|at| line[..*at].ends_with(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        match parse(text, 0) {
            Ok(ini) => {
                let sections = ini.sections.iter().map(|section| {
                    let entries = section.entries.iter().map(|entry| format!("{}={:?}", entry.key, entry.value));
                    format!("[{}] {}", section.name, entries.collect::<Vec<_>>().join(" "))
                });
                sections.collect::<Vec<_>>().join("; ")
            }
            Err(mistake) => format!("{:?} {}", mistake.place.span(), mistake.title),
        }
    }

    #[test]
    fn it_is_read_as_python_reads_it() {
        for (text, read) in [
            ("[a]\nK = v ; c\nx:y=z\n", r#"[a] k="v" x="y=z""#),
            ("[a]\nk=v;c#d\n", r#"[a] k="v;c#d""#),
            ("[a]\nk=one\n  two # c\n\n  three\nl=4\n", r#"[a] k="one\ntwo\n\nthree" l="4""#),
            ("; top\n[a]\n# c\nk=\n", r#"[a] k="""#),
            ("[a]\nk=1\n[b]\n[a]\nk=2", r#"[a] k="1"; [b] ; [a] k="2""#),
            ("k=v\n", "0..3 this stands before the first section"),
            ("[a]\nodd\n", "4..7 this is neither a section nor an entry"),
        ] {
            assert_eq!(shown(text), read, "{text}");
        }
    }

    #[test]
    fn places_and_comments_are_kept() {
        let ini = parse("[a]\nkey = value ; why\n", 0).unwrap();
        let entry = &ini.sections[0].entries[0];
        assert_eq!((entry.key_place.span(), entry.place.span()), (4..7, 10..15));
        assert_eq!(entry.cut.as_ref().map(Place::span), Some(16..21));
        assert_eq!((ini.comments[0].text.as_str(), ini.comments[0].is_alone), (" why", false));
    }
}
