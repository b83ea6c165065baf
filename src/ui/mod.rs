//! x
pub mod ansi {
    pub fn plain_text(b: &[u8]) -> String {
        String::from_utf8_lossy(b).into_owned()
    }
}
