//! A worker thread: from a whole head to the next.

use std::sync::Arc;
use std::time::Instant;
use std::{io, mem};

use rustix::event::{PollFd, PollFlags};

use super::asked::Asked;
use super::collecting::{Arrival, Collecting, Progress, arrival};
use super::connection::{Connection, Fill, poll_until};
use super::edge::Edge;
use super::handler::{ContainedHandler, caught, log_panic};
use super::handoff::Lease;
use super::outgoing::Disposition;
use super::pool::{Job, Transition, WorkerState};
use super::refusal::Refusal;
use super::transaction::{AnswerState, Ended, Transaction};
use crate::threads;

/// The stack of a worker: room for a handler that calls upstream over TLS and nothing recursive. Only touched pages cost
/// memory (bytes).
const STACK: usize = 256 * 1024;

/// The memory that a worker takes with its request, its two connections and what the kernel has for them; measured in a
/// control group with a thousand that wait for their providers: 51 KiB (bytes).
const MEMORY: usize = 54 * 1024;

/// The reads of one body by a lingering worker; the front has those that take more.
const READS_OF_BODY: usize = 16;

/// Starts a worker.
///
/// # Errors
/// The system has no thread or no memory for it.
pub(super) fn spawn(edge: &Arc<Edge>, handler: &ContainedHandler) -> io::Result<()> {
    let loan = edge.budget.lend(MEMORY);
    let loan = loan.ok_or(io::ErrorKind::OutOfMemory)?;
    let (edge, handler) = (Arc::clone(edge), handler.clone());
    let work = move || {
        let _loan = loan;
        work(&edge, &handler);
    };
    threads::start("worker", STACK, work).map(drop)
}

fn work(edge: &Arc<Edge>, handler: &ContainedHandler) {
    let mut worker = WorkerState::Called;
    let mut job = edge.pool.next(&mut worker);
    while let Some(current) = job {
        // The handler's panics are caught nearer to it. This one keeps the count of workers true if the edge itself
        // should be wrong; the connection ends with its lease.
        let served = caught(|| serve(edge, handler, &mut worker, current));
        let next = served.unwrap_or_else(|panic| {
            log_panic(format_args!("a worker"), &*panic);
            None
        });
        job = next.or_else(|| edge.pool.next(&mut worker));
    }
}

/// Answers the request, and those that follow closely on its connection. Returns the job that waits for this worker,
/// `None` if no job does.
fn serve(
    edge: &Arc<Edge>,
    handler: &ContainedHandler,
    worker: &mut WorkerState,
    mut job: Box<Job>,
) -> Option<Box<Job>> {
    let lease = Lease::new(&job.connection, &edge.handoff);
    loop {
        job.connection.rhythm.asks(job.received);
        let ended;
        (job, ended) = answer(edge, handler, job);
        match ended {
            Ended::Answered(Disposition::Keep) => {}
            Ended::Answered(Disposition::Close) => return None,
            Ended::Answered(Disposition::Discard) => {
                lease.discard(job);
                return None;
            }
            Ended::Unsent(rest) => {
                lease.write(job, rest);
                return None;
            }
        }
        let (next, other) = linger(edge, worker, &mut job);
        match next {
            Next::Here => continue,
            Next::NotYet => lease.keep(job),
            Next::Part(collecting) => lease.collect(job, collecting),
            Next::Whole => lease.resubmit(job),
        }
        return other;
    }
}

fn answer(edge: &Arc<Edge>, handler: &ContainedHandler, job: Box<Job>) -> (Box<Job>, Ended) {
    let mut transaction = Transaction::new(job, Arc::clone(edge));
    transaction.fields = handler.fields(&transaction.job.head);
    if answered_at_once(handler, &mut transaction) {
        return transaction.end();
    }
    match transaction.admit() {
        Ok(()) => handler.handle(&mut transaction),
        Err(refusal) => {
            edge.refused(transaction.client_address(), refusal);
            refuse(handler, &mut transaction, refusal);
        }
    }
    if transaction.answer == AnswerState::None {
        refuse(handler, &mut transaction, Refusal::PANIC);
    }
    transaction.end()
}

/// Answers what takes no handler. In a frame of its own, as [`refuse`] is: the answer would stand on the stack of every
/// worker that waits inside its handler.
fn answered_at_once(handler: &ContainedHandler, transaction: &mut Transaction) -> bool {
    let response = handler.instant(&transaction.job.head);
    let is_answered = response.is_some();
    if let Some(response) = response {
        transaction.send(response, None);
    }
    is_answered
}

fn refuse(handler: &ContainedHandler, transaction: &mut Transaction, refusal: Refusal) {
    let response = handler.refusal(refusal, &Asked::whole(&transaction.job.head));
    transaction.send(response, None);
}

/// The next request of a connection, as far as the linger has brought it.
enum Next {
    /// The worker goes on with it.
    Here,
    /// The front waits for it.
    NotYet,
    /// The front waits for the rest of its body.
    Part(Box<Collecting>),
    /// The request is whole, and the worker has another job.
    Whole,
}

/// Lingers for the next request on the connection, while no job waits for a worker. Half a head or body, a malformed one
/// and the end are left to the front, which is there for them. Returns also the job that waits for this worker, `None` if
/// no job does.
fn linger(edge: &Edge, worker: &mut WorkerState, job: &mut Job) -> (Next, Option<Box<Job>>) {
    job.connection.was_open = false;
    if let Some(other) = edge.pool.step(worker, Transition::Linger) {
        return (Next::NotYet, Some(other));
    }
    let now = Instant::now();
    let mut wait = Wait {
        edge,
        worker,
        now: Some(now),
        until: job.connection.rhythm.answered(now),
        was_open: false,
        other: None,
    };
    let next = wait.for_request(job);
    let Wait {
        was_open, other, ..
    } = wait;
    if !matches!(next, Next::Here) {
        return (next, other);
    }
    job.permit.take();
    if let Some(other) = edge.pool.step(worker, Transition::Continue) {
        // That job came first; this request goes back to the front.
        return (Next::Whole, Some(other));
    }
    // Said of this request only: a request that goes back to the front may wait long for its worker.
    job.connection.was_open = was_open;
    (Next::Here, None)
}

/// The wait of a lingering worker.
struct Wait<'w> {
    edge: &'w Edge,
    worker: &'w mut WorkerState,
    /// The time at which the wait began, until it is used.
    now: Option<Instant>,
    until: Instant,
    /// Whether the client had not ended its side at the last read.
    was_open: bool,
    /// The job that ends the wait.
    other: Option<Box<Job>>,
}

impl Wait<'_> {
    fn for_request(&mut self, job: &mut Job) -> Next {
        let limits = &self.edge.limits;
        let connection = &mut job.connection;
        let head = loop {
            match connection.next_head(limits) {
                Ok(Some(head)) => break head,
                Ok(None) if connection.buffer.is_empty() => {}
                Ok(None) | Err(_) => return Next::NotYet,
            }
            if !self.for_bytes(connection) || connection.fill_head() != Fill::Bytes {
                return Next::NotYet;
            }
        };
        job.received = Instant::now();
        let collecting = match arrival(head, job.received, connection, limits, &self.edge.budget) {
            Arrival::Pending(collecting) => collecting,
            Arrival::Ready(head, body, charge) => {
                (job.head, job.body, job.charge) = (head, body, charge);
                return Next::Here;
            }
        };
        self.for_body(job, collecting)
    }

    /// Waits for the rest of a body, which clients that write it apart from its head send at once.
    fn for_body(&mut self, job: &mut Job, mut collecting: Box<Collecting>) -> Next {
        if collecting.awaits_continue {
            return Next::Part(collecting);
        }
        let connection = &mut job.connection;
        let mut was_polled = false;
        for _ in 0..READS_OF_BODY {
            match collecting.take(connection) {
                Progress::Whole => {
                    (job.head, job.body, job.charge) = collecting.into_whole();
                    return Next::Here;
                }
                Progress::Part => {}
                Progress::NoMemory => return Next::Part(collecting),
                Progress::Failed(error) => {
                    (job.head, job.body, job.charge) = collecting.into_failed(error);
                    return Next::Here;
                }
            }
            match collecting.read(connection, job.received, Connection::fill) {
                Fill::Bytes => self.was_open &= mem::take(&mut was_polled),
                Fill::Blocked if self.for_bytes(connection) => was_polled = true,
                Fill::Blocked | Fill::End | Fill::Broken => break,
            }
        }
        Next::Part(collecting)
    }

    /// Waits until the client has sent something. `false` if the time is over, or if another job came.
    fn for_bytes(&mut self, connection: &Connection) -> bool {
        loop {
            let mut watched = [
                PollFd::new(&*connection.socket, PollFlags::IN | PollFlags::RDHUP),
                PollFd::from_borrowed_fd(self.edge.pool.wanted(), PollFlags::IN),
            ];
            let now = self.now.take().unwrap_or_else(Instant::now);
            if !poll_until(&mut watched, now, self.until).unwrap_or(false) {
                return false;
            }
            let [client, wanted] = watched.map(|watched| watched.revents());
            if !wanted.is_empty() {
                self.other = self.edge.pool.step(self.worker, Transition::Linger);
                if self.other.is_some() {
                    return false;
                }
            }
            if !client.is_empty() {
                self.was_open = client == PollFlags::IN;
                return true;
            }
        }
    }
}
