#![no_main]

use libfuzzer_sys::fuzz_target;
use stead::import::{FileKind, read_any};

fuzz_target!(|text: &str| read_any(FileKind::Mprocs, text));
