//! Text cut to columns, and sizes for reading at a glance.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text in at most `width` columns; `…` stands for what is left out.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut fitted = String::new();
    let mut left = width.saturating_sub(1);
    for c in text.chars() {
        let own = c.width().unwrap_or(0);
        if own > left {
            break;
        }
        left -= own;
        fitted.push(c);
    }
    if width > 0 {
        fitted.truncate(fitted.trim_end().len());
        fitted.push('…');
    }
    fitted
}

/// The words of `text` in lines of at most `width` columns; a longer word is broken.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(2);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let own = word.width();
        let gap = usize::from(used > 0);
        if used + gap + own <= width {
            let line = lines.last_mut().expect("there is always a line");
            line.extend(std::iter::repeat_n(' ', gap));
            line.push_str(word);
            used += gap + own;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for c in word.chars() {
            let own = c.width().unwrap_or(0);
            if used + own > width {
                lines.push(String::new());
                used = 0;
            }
            lines.last_mut().expect("there is always a line").push(c);
            used += own;
        }
    }
    lines
}

/// Bytes in at most four columns: `312K`, `96M`, `1.2G`.
pub(crate) fn memory(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["K", "M", "G", "T", "P"];
    #[expect(clippy::cast_precision_loss, reason = "shown to two digits")]
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 999.5 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    let decimals = usize::from(unit > 1 && size < 9.95);
    format!("{size:.decimals$}{}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_ends_in_an_ellipsis() {
        assert_eq!(fit("postgres", 8), "postgres");
        assert_eq!(fit("postgres", 5), "post…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("a b", 2), "a…");
        assert_eq!(fit("abc", 0), "");
    }

    #[test]
    fn words_stay_whole_where_they_can() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 3), [""]);
    }

    #[test]
    fn memory_takes_four_columns() {
        assert_eq!(memory(0), "0K");
        assert_eq!(memory(312 * 1024), "312K");
        assert_eq!(memory(96 << 20), "96M");
        assert_eq!(memory(1_288_490_189), "1.2G");
        assert_eq!(memory(1023 << 20), "1.0G");
    }
}
