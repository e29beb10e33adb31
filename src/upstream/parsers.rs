//! The reader of name servers' messages without a socket around it, for the fuzz target: it is private otherwise.

use std::net::IpAddr;

use crate::dns::message::{self, Answer, Family};
use crate::dns::name::Name;

/// The addresses that a message gives as the reply to a question for those of a name. `None`: it is no such reply, or has
/// none.
pub fn addresses(message: &[u8], id: u16, name: &str, wants_v6: bool) -> Option<Vec<IpAddr>> {
    let family = if wants_v6 { Family::V6 } else { Family::V4 };
    let name = Name::parse(name)?;
    match message::reply(message, id, &name, family)?.answer {
        Ok(Answer::Addresses(addresses)) => Some(addresses),
        Ok(Answer::NoAddress | Answer::NoSuchName) | Err(_) => None,
    }
}

/// The question for the addresses of a name; `None` if it is no name.
pub fn question(id: u16, name: &str, wants_v6: bool) -> Option<Vec<u8>> {
    let family = if wants_v6 { Family::V6 } else { Family::V4 };
    Some(message::question(id, &Name::parse(name)?, family))
}
