//! Sockets that are ready: epoll, edge-triggered, each socket registered once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

const EVENTS_A_TURN: usize = 1024;

pub struct Readiness {
    epoll: OwnedFd,
    events: Vec<Event>,
}

impl Readiness {
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            events: Vec::with_capacity(EVENTS_A_TURN),
        })
    }

    /// Socket is watched for both directions under a number of the caller's.
    pub fn watch(&self, socket: impl AsFd, number: usize) -> io::Result<()> {
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        epoll::add(
            &self.epoll,
            socket,
            EventData::new_u64(number as u64),
            flags,
        )?;
        Ok(())
    }

    /// Numbers of the sockets that became ready within `longest`. Empty when none did (to the nanosecond: kernel 5.11).
    pub fn wait(&mut self, longest: Option<Duration>) -> io::Result<impl Iterator<Item = usize>> {
        self.events.clear();
        let longest = longest.and_then(|longest| Timespec::try_from(longest).ok());
        match epoll::wait(
            &self.epoll,
            spare_capacity(&mut self.events),
            longest.as_ref(),
        ) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(self.events.iter().map(|event| event.data.u64() as usize))
    }
}
