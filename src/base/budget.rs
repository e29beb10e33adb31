//! The budget of memory for everything of unbounded size: request bodies, answers that wait for their clients.
//!
//! A [`Charge`] counts bytes that are held, and gives them back when it is dropped. The budget itself allocates nothing:
//! the count goes beside the buffers, in whatever thread has them, and costs one atomic addition.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// The part of each request, and of each answer, that is free of the budget: small ones never wait for large ones (bytes).
pub const FREE: usize = 8 * 1024;

/// The budget, shared by all who charge it.
#[derive(Clone)]
pub struct Budget(Arc<Tally>);

struct Tally {
    limit: usize,
    used: AtomicUsize,
    /// The bound of what is charged and what is lent together.
    total: usize,
    lent: AtomicUsize,
    /// A request waits for bytes to be given back.
    awaited: AtomicBool,
    /// A request asks for the bytes that others hold in vain.
    wanted: AtomicBool,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Budget {
    /// A budget of `limit` bytes. `wake` is called when bytes were given back that were waited for; it must not block.
    pub fn new(limit: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self::within(limit, usize::MAX, wake)
    }

    /// A budget that never refuses, for a process that serves nobody.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX, || {})
    }

    /// The same where what is charged and what is lent are bounded together (bytes).
    pub fn within(limit: usize, total: usize, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(Tally {
            limit,
            used: AtomicUsize::new(0),
            total,
            lent: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            wake: Box::new(wake),
        }))
    }

    pub fn limit(&self) -> usize {
        self.0.limit
    }

    /// The bytes that are charged. More than the limit where charges were forced.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// A charge of nothing, to grow.
    pub fn empty(&self) -> Charge {
        Charge {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// A charge for what is in memory already, whether or not there is room.
    pub fn force(&self, bytes: usize) -> Charge {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        Charge {
            budget: self.clone(),
            bytes,
        }
    }

    /// Has `wake` called at the next return of bytes. Those that were returned before are not reported, so that the
    /// charge is to be tried again after this.
    pub fn await_return(&self) {
        self.0.awaited.store(true, Ordering::SeqCst);
    }

    /// Lends memory that is of a fixed size and no body, such as a worker's; `None` where there is none.
    pub fn lend(&self, bytes: usize) -> Option<Loan> {
        let left = self.0.total.saturating_sub(self.used());
        let fits = |lent: usize| lent.checked_add(bytes).filter(|sum| *sum <= left);
        let lent = &self.0.lent;
        let taken = lent.fetch_update(Ordering::SeqCst, Ordering::Relaxed, fits);
        taken.is_ok().then(|| Loan {
            budget: self.clone(),
            bytes,
        })
    }

    /// Whether a charge has found no room since this was asked last, see [`Charge::want`].
    pub fn was_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed) && self.0.wanted.swap(false, Ordering::SeqCst)
    }

    fn take(&self, bytes: usize) -> bool {
        let left = self
            .0
            .total
            .saturating_sub(self.0.lent.load(Ordering::SeqCst));
        let limit = self.0.limit.min(left);
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        let taken = self
            .0
            .used
            .fetch_update(Ordering::SeqCst, Ordering::Relaxed, fits);
        taken.is_ok()
    }

    fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.0.used.fetch_sub(bytes, Ordering::SeqCst);
        self.tell_return();
    }

    fn tell_return(&self) {
        if self.0.awaited.load(Ordering::SeqCst) && self.0.awaited.swap(false, Ordering::SeqCst) {
            (self.0.wake)();
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} bytes", self.used(), self.limit())
    }
}

/// Memory that is lent until this is dropped.
#[derive(Debug)]
pub struct Loan {
    budget: Budget,
    bytes: usize,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.budget.0.lent.fetch_sub(self.bytes, Ordering::SeqCst);
        self.budget.tell_return();
    }
}

/// Bytes that are charged to a budget until this is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Raises the charge to this many bytes. `false` if the budget has no room for them; then nothing changes.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let grown = more == 0 || self.budget.take(more);
        if grown {
            self.bytes += more;
        }
        grown
    }

    /// Raises the charge to that of a buffer of this many bytes, of which [`FREE`] are free. `false` as with
    /// [`Self::grow_to`].
    pub fn cover(&mut self, bytes: usize) -> bool {
        self.grow_to(bytes.saturating_sub(FREE))
    }

    /// Asks, by a call of `wake`, for what others hold in vain: the charge could not be raised.
    pub fn want(&self) {
        self.budget.0.wanted.store(true, Ordering::SeqCst);
        (self.budget.0.wake)();
    }

    /// Lowers the charge to that of a buffer of this many bytes.
    pub fn uncover(&mut self, bytes: usize) {
        self.shrink_to(bytes.saturating_sub(FREE));
    }

    /// Lowers the charge to this many bytes.
    pub fn shrink_to(&mut self, bytes: usize) {
        let surplus = self.bytes.saturating_sub(bytes);
        self.bytes -= surplus;
        self.budget.give_back(surplus);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(limit: usize) -> (Budget, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&woken);
        let budget = Budget::new(limit, move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        (budget, woken)
    }

    #[test]
    fn a_charge_counts_as_long_as_it_lives() {
        let (budget, _) = budget(10);
        let (mut first, mut second) = (budget.empty(), budget.empty());
        assert!(first.grow_to(6) && second.grow_to(4));
        assert!(!second.grow_to(5) && second.bytes() == 4);
        assert!(first.grow_to(3) && first.bytes() == 6, "it does not shrink");
        first.shrink_to(2);
        assert!(second.grow_to(8));
        drop(first);
        drop(second);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn what_is_in_memory_already_may_exceed_the_limit() {
        let (budget, _) = budget(10);
        let forced = budget.force(25);
        assert_eq!((budget.used(), budget.empty().grow_to(1)), (25, false));
        drop(forced);
        assert!(budget.empty().grow_to(10));
    }

    #[test]
    fn a_return_wakes_once_and_only_if_it_is_waited_for() {
        let (budget, woken) = budget(10);
        drop(budget.force(1));
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        let (first, second) = (budget.force(5), budget.force(5));
        budget.await_return();
        drop(budget.empty());
        assert_eq!(woken.load(Ordering::SeqCst), 0, "nothing was returned");
        drop(first);
        drop(second);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn what_is_lent_and_what_is_charged_are_bounded_together() {
        let budget = Budget::within(10, 12, || {});
        let mut charge = budget.empty();
        let loan = budget.lend(5).unwrap();
        assert!(!charge.grow_to(8) && charge.grow_to(7));
        assert!(budget.lend(1).is_none());
        drop(loan);
        assert!(charge.grow_to(10) && budget.lend(2).is_some() && budget.lend(3).is_none());
    }

    #[test]
    fn a_want_wakes_and_is_told_once() {
        let (budget, woken) = budget(10);
        let charge = budget.force(10);
        assert!(!budget.was_wanted());
        charge.want();
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert!(budget.was_wanted() && !budget.was_wanted());
    }

    #[test]
    fn the_first_bytes_of_a_buffer_are_free() {
        let (budget, _) = budget(10);
        let mut charge = budget.empty();
        assert!(charge.cover(FREE) && charge.bytes() == 0);
        assert!(charge.cover(FREE + 10) && !charge.cover(FREE + 11));
        charge.uncover(FREE + 4);
        assert_eq!(budget.used(), 4);
    }

    #[test]
    fn threads_that_charge_at_once_stay_within_the_limit() {
        let (budget, _) = budget(3);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..20_000 {
                        let mut charge = budget.empty();
                        if charge.grow_to(2) {
                            assert!(budget.used() <= 3);
                        }
                    }
                });
            }
        });
        assert_eq!(budget.used(), 0);
    }
}
