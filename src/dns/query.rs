//! The questions for a name's addresses, one for each family, and what has been answered. Sans I/O.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::message::{self, Answer, Family, Unusable};
use super::name::Name;

/// The time that what is still open is waited for once there are addresses, or one family's answer says that the name does
/// not exist (500 ms): there are routers that never answer a question for IPv6 addresses.
const GRACE: Duration = Duration::from_millis(500);

/// The ids of the questions to one server, for each family: nobody else can foresee them (RFC 5452 section 9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ids {
    pub v4: u16,
    pub v6: u16,
}

impl Ids {
    fn of(self, family: Family) -> u16 {
        match family {
            Family::V4 => self.v4,
            Family::V6 => self.v6,
        }
    }
}

/// The meaning of a message from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// No answer to a question that is open.
    Nothing,
    Answered,
    /// The question has to be asked over TCP.
    Truncated(Family),
    /// Another server has to be asked.
    Unusable(Family, Unusable),
}

/// A name whose addresses are asked for.
pub(super) struct Query {
    name: Name,
    v4: Progress,
    v6: Progress,
    /// The time from which on nothing more is needed, only better to have.
    sufficed_at: Option<Instant>,
}

#[derive(Default)]
struct Progress {
    answer: Option<Answer>,
    /// The addresses in a truncated answer, for the case that there is no whole one.
    part: Vec<IpAddr>,
}

impl Query {
    pub fn new(name: Name) -> Self {
        Self {
            name,
            v4: Progress::default(),
            v6: Progress::default(),
            sufficed_at: None,
        }
    }

    /// The families whose question is open.
    pub fn open(&self) -> impl Iterator<Item = Family> {
        let families = Family::ALL.into_iter();
        families.filter(|family| self.progress(*family).answer.is_none())
    }

    pub fn is_answered(&self) -> bool {
        self.open().next().is_none()
    }

    /// The end of the wait for what is still open; `None` while no answer suffices.
    pub fn grace_end(&self) -> Option<Instant> {
        self.sufficed_at.and_then(|at| at.checked_add(GRACE))
    }

    /// The message that asks a family's question.
    pub fn question(&self, ids: Ids, family: Family) -> Vec<u8> {
        message::question(ids.of(family), &self.name, family)
    }

    /// Takes a message from a server in. `is_stream`: it came over TCP, where there is no more to be had.
    pub fn hear(&mut self, bytes: &[u8], ids: Ids, is_stream: bool, now: Instant) -> Heard {
        let Self { name, .. } = &*self;
        let reply = self.open().find_map(|family| {
            let reply = message::reply(bytes, ids.of(family), name, family);
            reply.map(|reply| (family, reply))
        });
        let Some((family, reply)) = reply else {
            return Heard::Nothing;
        };
        match reply.answer {
            Ok(answer) if reply.is_truncated && !is_stream => {
                if let Answer::Addresses(part) = answer {
                    self.sufficed_at.get_or_insert(now);
                    self.progress_mut(family).part = part;
                }
                Heard::Truncated(family)
            }
            Ok(answer) => {
                if answer != Answer::NoAddress {
                    self.sufficed_at.get_or_insert(now);
                }
                self.progress_mut(family).answer = Some(answer);
                Heard::Answered
            }
            Err(unusable) => Heard::Unusable(family, unusable),
        }
    }

    /// The answer to both questions together. `None`: too little has been said.
    pub fn answer(self) -> Option<Answer> {
        let mut addresses = Vec::new();
        for progress in [&self.v6, &self.v4] {
            match &progress.answer {
                Some(Answer::Addresses(all)) => addresses.extend(all),
                _ => addresses.extend(&progress.part),
            }
        }
        if !addresses.is_empty() {
            return Some(Answer::Addresses(addresses));
        }
        match (self.v6.answer, self.v4.answer) {
            // A server that says both is at odds with itself: the name exists.
            (Some(Answer::NoAddress), Some(_)) | (Some(_), Some(Answer::NoAddress)) => {
                Some(Answer::NoAddress)
            }
            (Some(Answer::NoSuchName), _) | (_, Some(Answer::NoSuchName)) => {
                Some(Answer::NoSuchName)
            }
            _ => None,
        }
    }

    fn progress(&self, family: Family) -> &Progress {
        match family {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        }
    }

    fn progress_mut(&mut self, family: Family) -> &mut Progress {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}
