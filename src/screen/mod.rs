//! The terminals of tasks that have one: an emulator, the contents of its screen, and streams for attached terminals.

mod attach_stream;
mod charset;
mod contents;
mod emulator;
mod hub;
mod query_filter;

pub use attach_stream::{AttachEvent, AttachStream};
pub use contents::{CellStyle, Colour, KeyModes, ScreenCell, ScreenContents, ScreenRow, ScreenSize};
pub use hub::{INPUT_BYTES, InputRefusal, ScreenHub, TaskScreen};
