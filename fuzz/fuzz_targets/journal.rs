//! The journal of clients' usage, as a crash or a full disk may leave it: nothing panics, what was read is written again, and
//! the next start reads the same.

#![no_main]

use ai_gateway::limits::TimeZone;
use ai_gateway::quota::accounts::{Accounts, read_line};
use libfuzzer_sys::fuzz_target;

/// 2026-11-26T12:00:00Z.
const NOON: u64 = 1_795_694_400_000;

fuzz_target!(|input: &[u8]| {
    let lines = input.split(|byte| *byte == b'\n');
    let texts = lines.filter_map(|line| std::str::from_utf8(line).ok());
    let mut read = restored(texts);
    let written = read.all_lines();
    let mut again = restored(written.lines());
    assert_eq!(written, again.all_lines());
});

fn restored<'l>(lines: impl Iterator<Item = &'l str>) -> Accounts {
    Accounts::restore(lines.filter_map(read_line), TimeZone::Utc, NOON)
}
