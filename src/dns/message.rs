//! DNS messages: a question for the addresses of a name, and what is read of an answer (RFC 1035 section 4, RFC 3596).

use std::net::IpAddr;

use super::name::Name;

/// The longest chain of aliases (CNAME) that is followed.
const MAX_ALIASES: usize = 16;

/// The bound of the records of an answer that are kept, each of addresses and aliases (64).
const MAX_RECORDS: usize = 64;

const HEADER: usize = 12;
const INTERNET: u16 = 1;
const ALIAS: u16 = 5;

/// The kind of address that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    /// Both, the one with more answers first.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The type of its records: A, AAAA.
    fn record(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }

    /// The address in the data of a record of its type.
    fn address(self, data: &[u8]) -> Option<IpAddr> {
        match self {
            Self::V4 => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            Self::V6 => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
        }
    }
}

/// The knowledge of a name server about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// At least one.
    Addresses(Vec<IpAddr>),
    /// The name exists, without an address of this family.
    NoAddress,
    NoSuchName,
}

/// The reason why a reply is no answer, so that another server is to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// The response code: 2 is SERVFAIL, 5 REFUSED.
    Code(u8),
    /// The server knows nothing of the name, and asks no others (a lame delegation).
    NoRecursion,
    Malformed,
}

/// The reply to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub answer: Result<Answer, Unusable>,
    /// There was more than a datagram holds: the answer has to be asked for over TCP.
    pub is_truncated: bool,
}

/// The message that asks for the addresses of a name.
///
/// It has no OPT record (EDNS): with 512 bytes some thirty addresses arrive, the rest over TCP, and there are routers that
/// do not answer what they do not know.
pub(crate) fn question(id: u16, name: &Name, family: Family) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + 4 + name.wire().len());
    message.extend(id.to_be_bytes());
    // Recursion desired; one question, and nothing else.
    message.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    message.extend(name.wire());
    message.extend(family.record().to_be_bytes());
    message.extend(INTERNET.to_be_bytes());
    message
}

/// Reads the reply to a question. `None`: a message that is not one, which has to be ignored, as anybody may have sent it
/// (RFC 5452 section 9.1).
pub(crate) fn reply(message: &[u8], id: u16, name: &Name, family: Family) -> Option<Reply> {
    let header = Header::read(message)?;
    let (asked, end) = Name::read(message, HEADER)?;
    let records = end.checked_add(4)?;
    let is_ours = header.id == id
        && header.is_response
        && header.opcode == 0
        && header.questions == 1
        && asked == *name
        && word(message, end)? == family.record()
        && word(message, end.checked_add(2)?)? == INTERNET;
    is_ours.then(|| Reply {
        answer: header.verdict().and_then(|answer| match answer {
            Some(answer) => Ok(answer),
            None => read_records(message, records, &header, name, family),
        }),
        is_truncated: header.is_truncated,
    })
}

struct Header {
    id: u16,
    is_response: bool,
    opcode: u8,
    is_authoritative: bool,
    is_truncated: bool,
    recurses: bool,
    code: u8,
    questions: u16,
    answers: u16,
    additional: u16,
}

impl Header {
    fn read(message: &[u8]) -> Option<Self> {
        let &[high, low] = message.get(2..4)? else {
            return None;
        };
        Some(Self {
            id: word(message, 0)?,
            is_response: high & 0x80 != 0,
            opcode: (high >> 3) & 0xf,
            is_authoritative: high & 0x04 != 0,
            is_truncated: high & 0x02 != 0,
            recurses: low & 0x80 != 0,
            code: low & 0xf,
            questions: word(message, 4)?,
            answers: word(message, 6)?,
            additional: word(message, 10)?,
        })
    }

    /// The answer that the header gives alone; `None` where the records decide.
    fn verdict(&self) -> Result<Option<Answer>, Unusable> {
        // glibc and Go tell a server that only refers to others in this way as well.
        let is_empty = self.answers == 0 && self.additional == 0;
        match self.code {
            0 if is_empty && !self.is_authoritative && !self.recurses => Err(Unusable::NoRecursion),
            0 => Ok(None),
            3 => Ok(Some(Answer::NoSuchName)),
            code => Err(Unusable::Code(code)),
        }
    }
}

/// The records of an answer that matter here, each with its owner.
#[derive(Default)]
struct Records {
    addresses: Vec<(Name, IpAddr)>,
    aliases: Vec<(Name, Name)>,
}

fn read_records(
    message: &[u8],
    mut at: usize,
    header: &Header,
    name: &Name,
    family: Family,
) -> Result<Answer, Unusable> {
    let mut records = Records::default();
    for _ in 0..header.answers {
        match records.read(message, at, family) {
            Some(behind) => at = behind,
            // A datagram may have been cut anywhere.
            None if header.is_truncated => break,
            None => return Err(Unusable::Malformed),
        }
    }
    records.answer(name)
}

impl Records {
    /// Reads the record at an offset, and returns the offset behind it. `None`: malformed.
    fn read(&mut self, message: &[u8], at: usize, family: Family) -> Option<usize> {
        let (owner, at) = Name::read(message, at)?;
        let (kind, class) = (word(message, at)?, word(message, at.checked_add(2)?)?);
        // The time to live stands between.
        let length = word(message, at.checked_add(8)?)?;
        let start = at.checked_add(10)?;
        let end = start.checked_add(usize::from(length))?;
        let data = message.get(start..end)?;
        if class != INTERNET {
            return Some(end);
        }
        if kind == family.record() && self.addresses.len() < MAX_RECORDS {
            self.addresses.push((owner, family.address(data)?));
        } else if kind == ALIAS && self.aliases.len() < MAX_RECORDS {
            let (target, behind) = Name::read(message, start)?;
            if behind > end {
                return None;
            }
            self.aliases.push((owner, target));
        }
        Some(end)
    }

    /// The addresses at the end of the name's chain of aliases. Records of other names do not count.
    fn answer(self, name: &Name) -> Result<Answer, Unusable> {
        let mut owner = name;
        for _ in 0..=MAX_ALIASES {
            let here = self.addresses.iter().filter(|(of, _)| of == owner);
            let here: Vec<IpAddr> = here.map(|(_, address)| *address).collect();
            if !here.is_empty() {
                return Ok(Answer::Addresses(here));
            }
            match self.aliases.iter().find(|(of, _)| of == owner) {
                Some((_, target)) => owner = target,
                None => return Ok(Answer::NoAddress),
            }
        }
        Err(Unusable::Malformed)
    }
}

/// The number of two bytes at an offset.
fn word(message: &[u8], at: usize) -> Option<u16> {
    let bytes = message.get(at..at.checked_add(2)?)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

#[cfg(test)]
mod tests;
