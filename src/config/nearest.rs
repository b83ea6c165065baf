//! "Did you mean …?"

/// The candidate that `word` was most likely meant to be, if one is near enough to be worth naming.
#[must_use]
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One slip in a short word, one in three letters of a long one, and something of it must be left.
    let length = word.chars().count();
    let most = (length / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= most && *distance < length)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let keys = ["restart", "ready", "tty"];
        assert_eq!(nearest("retsart", keys), Some("restart"));
        assert_eq!(nearest("redy", keys), Some("ready"));
        assert_eq!(nearest("tyt", keys), Some("tty"));
        assert_eq!(nearest("colour", keys), None);
        assert_eq!(nearest("", keys), None);
        assert_eq!(nearest("f", ["_"]), None);
    }
}
