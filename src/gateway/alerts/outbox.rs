//! The outbox: the queue of messages, their tries, and the share of each receiver. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::message::Message;

/// Messages that wait.
const LONGEST_QUEUE: usize = 64;

/// The waits before the tries that follow the first.
const WAITS: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);

/// The messages of a receiver in [`WINDOW`].
const SHARE: usize = 20;
const WINDOW: Duration = Duration::from_secs(60 * 60);

/// A message on its way to a receiver.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The receiver's name.
    pub receiver: String,
    pub message: Arc<Message>,
    /// Tries that failed.
    pub tries: usize,
    due: Instant,
}

/// The fate of a message that was handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    Queued,
    /// The message is queued; the oldest one, for this receiver, is not any more.
    Displaced(String),
    /// The receiver has had its share; how many more there were is told later.
    HeldBack,
}

/// The queue, and what receivers have had of late.
#[derive(Debug, Default)]
pub struct Outbox {
    queue: VecDeque<Delivery>,
    shares: BTreeMap<String, Share>,
}

#[derive(Debug, Default)]
struct Share {
    /// The times of the messages in the window (at most [`SHARE`]).
    had: VecDeque<Instant>,
    held_back: usize,
}

impl Outbox {
    /// Queues a message, as far as the receiver's share goes.
    pub fn post(&mut self, receiver: &str, message: Arc<Message>, now: Instant) -> Posted {
        let share = self.shares.entry(receiver.to_owned()).or_default();
        if share.held_back > 0 || !share.take(now) {
            share.held_back += 1;
            return Posted::HeldBack;
        }
        self.queue(receiver, message, now)
    }

    /// Receivers whose share is free again after messages were held back, and how many these were.
    pub fn released(&mut self, now: Instant) -> Vec<(String, usize)> {
        let shares = self.shares.iter_mut();
        let released = shares.filter_map(|(name, share)| {
            let is_due = share.held_back > 0 && share.take(now);
            is_due.then(|| (name.clone(), std::mem::take(&mut share.held_back)))
        });
        released.collect()
    }

    /// Queues a message beyond the share.
    pub fn queue(&mut self, receiver: &str, message: Arc<Message>, now: Instant) -> Posted {
        let oldest = match self.queue.len() < LONGEST_QUEUE {
            true => None,
            false => self.queue.pop_front(),
        };
        self.queue.push_back(Delivery {
            receiver: receiver.to_owned(),
            message,
            tries: 0,
            due: now,
        });
        oldest.map_or(Posted::Queued, |oldest| Posted::Displaced(oldest.receiver))
    }

    /// The next delivery that is due, taken out. Those to one receiver keep their order; one that has not failed yet goes
    /// before one that has, so that a receiver that hangs holds up the others least. With `all` nothing waits for its time.
    pub fn next(&mut self, now: Instant, all: bool) -> Option<Delivery> {
        let first = self.first_of_each();
        let due = first.filter(|(_, delivery)| all || delivery.due <= now);
        let (index, _) = due.min_by_key(|(index, delivery)| (delivery.tries, *index))?;
        self.queue.remove(index)
    }

    /// The time at which the next delivery is due; `None` of an empty queue.
    pub fn due(&self) -> Option<Instant> {
        self.first_of_each().map(|(_, delivery)| delivery.due).min()
    }

    /// Takes a delivery back whose call failed, unless it was the last try, and says whether. `asked` is the wait that the
    /// receiver asked for.
    pub fn failed(
        &mut self,
        mut delivery: Delivery,
        asked: Option<Duration>,
        now: Instant,
    ) -> bool {
        let Some(wait) = wait_before(delivery.tries, asked) else {
            return false;
        };
        delivery.tries += 1;
        delivery.due = now + wait;
        self.queue.push_front(delivery);
        true
    }

    /// Forgets the receivers that there are not any more.
    pub fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        self.queue.retain(|delivery| is_known(&delivery.receiver));
        self.shares.retain(|name, _| is_known(name));
    }

    fn first_of_each(&self) -> impl Iterator<Item = (usize, &Delivery)> {
        let queue = self.queue.iter().enumerate();
        queue.filter(|(index, delivery)| {
            let mut before = self.queue.iter().take(*index);
            !before.any(|other| other.receiver == delivery.receiver)
        })
    }
}

/// The wait before the next try, after so many that failed before this one; `None` when there is no further one.
pub fn wait_before(tries: usize, asked: Option<Duration>) -> Option<Duration> {
    let usual = WAITS.get(tries).copied()?;
    Some(asked.map_or(usual, |asked| asked.min(LONGEST_WAIT)))
}

impl Share {
    /// Takes a message of the share, if there is one left.
    fn take(&mut self, now: Instant) -> bool {
        let is_old = |had: &Instant| now.saturating_duration_since(*had) >= WINDOW;
        while self.had.front().is_some_and(is_old) {
            self.had.pop_front();
        }
        let is_free = self.had.len() < SHARE;
        if is_free {
            self.had.push_back(now);
        }
        is_free
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::test_message;
    use super::*;

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn tries_wait_longer_and_longer_or_as_the_receiver_asks() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        assert_eq!(outbox.post("a", test_message("one"), start), Posted::Queued);
        let mut now = start;
        for (asked, wait) in [(None, 1), (Some(7), 7), (Some(3600), 300)] {
            let delivery = outbox.next(now, false).expect("due");
            assert!(outbox.next(now, true).is_none(), "taken out");
            assert!(outbox.failed(delivery, asked.map(Duration::from_secs), now));
            assert!(outbox.next(after(now, wait - 1), false).is_none());
            assert_eq!(outbox.due(), Some(after(now, wait)));
            now = after(now, wait);
        }
        let delivery = outbox.next(now, false).expect("the last try");
        assert!(!outbox.failed(delivery, None, now));
        assert_eq!(outbox.due(), None);
    }

    #[test]
    fn a_receiver_that_fails_keeps_its_order_and_lets_others_pass() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        for (receiver, text) in [("a", "1"), ("a", "2"), ("b", "3")] {
            outbox.post(receiver, test_message(text), now);
        }
        let first = outbox.next(now, false).unwrap();
        outbox.failed(first, None, now);
        let texts: Vec<String> = std::iter::from_fn(|| outbox.next(now, false))
            .map(|delivery| delivery.message.text.clone())
            .collect();
        assert_eq!(texts, ["3"], "2 waits behind 1");
        let texts: Vec<String> = std::iter::from_fn(|| outbox.next(now, true))
            .map(|delivery| delivery.message.text.clone())
            .collect();
        assert_eq!(texts, ["1", "2"]);
    }

    #[test]
    fn the_oldest_of_a_full_queue_gives_way() {
        let now = Instant::now();
        let mut outbox = Outbox::default();
        for number in 0..LONGEST_QUEUE {
            let posted = outbox.queue("a", test_message(&number.to_string()), now);
            assert_eq!(posted, Posted::Queued);
        }
        let posted = outbox.queue("b", test_message("last"), now);
        assert_eq!(posted, Posted::Displaced("a".to_owned()));
        assert_eq!(outbox.next(now, false).unwrap().message.text, "1");
    }

    #[test]
    fn a_share_is_20_an_hour_and_the_rest_is_one_message() {
        let start = Instant::now();
        let mut outbox = Outbox::default();
        for number in 0..25 {
            let posted = outbox.post("a", test_message("x"), after(start, number));
            let expected = if number < 20 {
                Posted::Queued
            } else {
                Posted::HeldBack
            };
            assert_eq!(posted, expected, "{number}");
        }
        assert_eq!(outbox.post("b", test_message("y"), start), Posted::Queued);
        assert_eq!(outbox.released(after(start, 3599)), []);
        assert_eq!(outbox.released(after(start, 3600)), [("a".to_owned(), 5)]);
        assert_eq!(outbox.released(after(start, 3600)), []);
        outbox.retain(|name| name == "b");
        assert_eq!(outbox.next(start, true).unwrap().receiver, "b");
        assert!(outbox.next(start, true).is_none());
    }
}
