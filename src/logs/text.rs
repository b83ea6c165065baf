//! What a line says to a reader, apart from how it looks.

/// The text of a line, without escape sequences and control characters other than tabs.
pub(crate) fn without_escapes(line: &[u8]) -> String {
    #[derive(Default)]
    struct Printed(String);

    impl vte::Perform for Printed {
        fn print(&mut self, letter: char) {
            self.0.push(letter);
        }

        fn execute(&mut self, control: u8) {
            if control == b'\t' {
                self.0.push('\t');
            }
        }
    }

    let mut printed = Printed::default();
    vte::Parser::new().advance(&mut printed, line);
    printed.0
}
