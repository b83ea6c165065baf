//! The text of a line, apart from how it looks.

/// The text of a line without escape sequences. Of the control characters, tabs stay and carriage returns within it
/// become spaces.
pub(crate) fn without_escapes(line: &[u8]) -> String {
    let mut text = printed(line);
    text.truncate(text.trim_end_matches('\r').len());
    if text.contains('\r') { text.replace('\r', " ") } else { text }
}

/// The text of a line without escape sequences. Of the control characters, tabs and carriage returns stay.
pub(super) fn printed(line: &[u8]) -> String {
    #[derive(Default)]
    struct Printed(String);

    impl vte::Perform for Printed {
        fn print(&mut self, letter: char) {
            self.0.push(letter);
        }

        fn execute(&mut self, control: u8) {
            if matches!(control, b'\t' | b'\r') {
                self.0.push(char::from(control));
            }
        }
    }

    let mut printed = Printed::default();
    vte::Parser::new().advance(&mut printed, line);
    printed.0
}
