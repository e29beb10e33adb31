//! A worker thread: from a whole head to the next.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags};

use super::connection::{Fill, poll_until};
use super::edge::Edge;
use super::handler::{ContainedHandler, caught, log_panic};
use super::handoff::Lease;
use super::pool::{Job, Step, WorkerState};
use super::refusal::Refusal;
use super::transaction::{AnswerState, Disposition, Transaction};

/// The stack of a worker: room for a handler that calls upstream over TLS and nothing recursive. Only touched pages cost
/// memory (bytes).
const STACK: usize = 256 * 1024;

/// The linger: a worker's wait for the next request on a connection before it hands it back to the front. Longer than the
/// pause of a client that asks again at once, shorter than what it costs to be missed elsewhere.
const LINGER: Duration = Duration::from_millis(2);

/// Starts a worker.
///
/// # Errors
/// The system has no thread or no memory for it.
pub(super) fn spawn(edge: &Arc<Edge>, handler: &ContainedHandler) -> io::Result<()> {
    let (edge, handler) = (Arc::clone(edge), handler.clone());
    let worker = thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(STACK);
    worker.spawn(move || work(&edge, &handler)).map(drop)
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
        let disposition;
        (job, disposition) = answer(edge, handler, job);
        match disposition {
            Disposition::Keep => {}
            Disposition::Close => return None,
            Disposition::Discard => {
                lease.discard(job);
                return None;
            }
        }
        if let ControlFlow::Break(other) = linger(edge, worker, &mut job) {
            lease.keep(job);
            return other;
        }
    }
}

fn answer(edge: &Arc<Edge>, handler: &ContainedHandler, job: Box<Job>) -> (Box<Job>, Disposition) {
    let mut transaction = Transaction::new(job, Arc::clone(edge));
    if let Some(response) = handler.instant(&transaction.job.head) {
        transaction.send(&response);
    } else if let Err(refusal) = transaction.admit() {
        edge.refused(transaction.client_address(), refusal);
        transaction.send(&handler.refusal(refusal));
    } else {
        handler.handle(&mut transaction);
    }
    if transaction.answer == AnswerState::None {
        transaction.send(&handler.refusal(Refusal::PANIC));
    }
    transaction.end()
}

/// Lingers for the next request on the connection, while no job waits for a worker. Half a head, a malformed one and the
/// end are left to the front, which is there for them. Breaks with the job that waits for this worker, or with `None` if
/// no job does.
fn linger(edge: &Edge, worker: &mut WorkerState, job: &mut Job) -> ControlFlow<Option<Box<Job>>> {
    let connection = &mut job.connection;
    connection.was_open = false;
    if let Some(other) = edge.pool.step(worker, Step::Linger) {
        return ControlFlow::Break(Some(other));
    }
    let until = Instant::now() + LINGER;
    let mut was_open = false;
    let length = loop {
        match connection.scan(&edge.limits) {
            Ok(Some(length)) => break length,
            Ok(None) if connection.buffer.is_empty() => {}
            Ok(None) | Err(_) => return ControlFlow::Break(None),
        }
        let mut watched = [
            PollFd::new(&*connection.socket, PollFlags::IN | PollFlags::RDHUP),
            PollFd::from_borrowed_fd(edge.pool.wanted(), PollFlags::IN),
        ];
        if !poll_until(&mut watched, until).unwrap_or(false) {
            return ControlFlow::Break(None);
        }
        let [client, wanted] = watched.map(|watched| watched.revents());
        if !wanted.is_empty()
            && let Some(other) = edge.pool.step(worker, Step::Linger)
        {
            return ControlFlow::Break(Some(other));
        }
        if client.is_empty() {
            continue;
        }
        if connection.fill_head() != Fill::Bytes {
            return ControlFlow::Break(None);
        }
        was_open = client == PollFlags::IN;
    };
    job.permit.take();
    if let Some(other) = edge.pool.step(worker, Step::Continue) {
        // That job came first; this request goes back to the front, unread.
        return ControlFlow::Break(Some(other));
    }
    let Ok(head) = connection.take_head(length, &edge.limits) else {
        return ControlFlow::Break(None);
    };
    // Said of this request only: a request that goes back to the front may wait long for its worker.
    connection.was_open = was_open;
    (job.head, job.received) = (head, Instant::now());
    ControlFlow::Continue(())
}
