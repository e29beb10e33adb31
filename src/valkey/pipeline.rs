//! A pipeline of commands, and the replies that it waits for.

use super::fault::Fault;
use super::reply_values::MISFIT;
use super::resp::{Reply, command};

/// The largest number that is added to a counter: far from what its 64 bits hold, whatever is added after it.
pub(super) const MOST: u64 = i64::MAX as u64 / 1024;

/// The replies that a pipeline waits for, in their order.
#[derive(Debug, Default)]
pub struct Expected {
    kinds: Vec<Kind>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Time,
    Info,
    Epoch,
    Version,
    /// The version after this replica has told something.
    Told,
    Drawn,
    Usage,
    Marks,
    Learned,
    Members,
    /// The replicas that have shown life since this one came back.
    Back,
    /// Nothing of it matters but that it is no error.
    Done,
}

/// A pipeline in the making.
pub(super) struct Pipeline {
    bytes: Vec<u8>,
    expected: Expected,
}

impl Expected {
    pub fn replies(&self) -> usize {
        self.kinds.len()
    }
}

impl Pipeline {
    pub fn new() -> Self {
        Self {
            bytes: Vec::new(),
            expected: Expected::default(),
        }
    }

    pub fn say(&mut self, kind: Kind, words: &[&[u8]]) {
        command(&mut self.bytes, words);
        self.expected.kinds.push(kind);
    }

    pub fn end(self) -> (Vec<u8>, Expected) {
        (self.bytes, self.expected)
    }

    /// Sets the time for which a key is kept from now on (milliseconds).
    pub fn expire(&mut self, key: &[u8], lifetime: u64) {
        let lifetime = lifetime.min(MOST).to_string();
        self.say(Kind::Done, &[b"PEXPIRE", key, lifetime.as_bytes()]);
    }
}

/// The replies with what they answer.
pub(super) fn matched<'a>(
    expected: &'a Expected,
    replies: &'a [Reply],
) -> Result<impl Iterator<Item = (Kind, &'a Reply)>, Fault> {
    if expected.kinds.len() != replies.len() {
        return Err(MISFIT);
    }
    let refusal = replies
        .iter()
        .zip(&expected.kinds)
        .find_map(|(reply, kind)| match reply {
            // A user of an access control list may not be allowed to ask for the version.
            Reply::Error(_) if *kind == Kind::Info => None,
            Reply::Error(words) => Some(words.clone()),
            _ => None,
        });
    match refusal {
        Some(words) => Err(Fault::Refused(words)),
        None => Ok(expected.kinds.iter().copied().zip(replies)),
    }
}
