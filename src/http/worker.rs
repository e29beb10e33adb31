//! A worker thread: from a whole head to the next.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags};

use super::connection::{Fill, poll_until};
use super::edge::Edge;
use super::finishing::Finishing;
use super::handler::{Contained, caught, log_panic};
use super::pool::{Job, Occupation};
use super::refusal::Refusal;
use super::returns::Lease;
use super::turn::{Answer, Ending, Turn};

/// Room for a handler that calls upstream over TLS and nothing recursive. Only touched pages cost memory.
const STACK: usize = 256 * 1024;

/// How long a worker waits for the next request on a connection before it gives it back to the front. Longer than the
/// pause of a client that asks again at once, shorter than what it costs to be missed elsewhere.
const LINGER: Duration = Duration::from_millis(2);

/// Starts a worker.
///
/// # Errors
/// The system has no thread or no memory for it.
pub(super) fn spawn(edge: &Arc<Edge>, handler: &Contained) -> io::Result<()> {
    let (edge, handler) = (Arc::clone(edge), handler.clone());
    let worker = thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(STACK);
    worker.spawn(move || work(&edge, &handler)).map(drop)
}

fn work(edge: &Arc<Edge>, handler: &Contained) {
    let mut job = edge.pool.next(Occupation::Called);
    while let Some(current) = job {
        // The handler's panics are caught nearer to it. This one keeps the count of workers true if the edge itself
        // should be wrong; the connection ends with its lease.
        job = match caught(|| serve(edge, handler, current)) {
            Ok(Then::Do(next)) => Some(next),
            Ok(Then::Rest(from)) => edge.pool.next(from),
            Err(panic) => {
                log_panic(format_args!("a worker"), &*panic);
                edge.pool.next(Occupation::Busy(edge.pool.finishing()))
            }
        };
    }
}

/// What a worker does when it has let go of a connection.
enum Then {
    Do(Box<Job>),
    Rest(Occupation),
}

/// Answers the request, and those that follow it closely.
fn serve(edge: &Arc<Edge>, handler: &Contained, mut job: Box<Job>) -> Then {
    let lease = Lease::new(&job.connection, &edge.returns);
    loop {
        let (ending, finishing);
        (job, ending, finishing) = answer(edge, handler, job);
        match ending {
            Ending::Keep => {}
            Ending::Close => return Then::Rest(Occupation::Busy(finishing)),
            Ending::Discard => {
                lease.discard(job);
                return Then::Rest(Occupation::Busy(finishing));
            }
        }
        if let Lingered::Leave(then) = linger(edge, &mut job, finishing) {
            lease.keep(job);
            return then;
        }
    }
}

fn answer(edge: &Arc<Edge>, handler: &Contained, job: Box<Job>) -> (Box<Job>, Ending, Finishing) {
    let mut turn = Turn::new(job, Arc::clone(edge));
    if !answer_at_once(edge, handler, &mut turn) {
        handler.handle(&mut turn);
    }
    if turn.answer == Answer::None {
        turn.send(&handler.refusal(Refusal::PANIC));
    }
    turn.end()
}

/// Answers what needs no handler, or shall not have one.
#[inline(never)] // a frame of its own keeps the stack of a waiting worker small
fn answer_at_once(edge: &Edge, handler: &Contained, turn: &mut Turn) -> bool {
    if let Some(response) = handler.instant(&turn.job.head) {
        turn.send(&response);
    } else if let Err(refusal) = turn.check_body().and_then(|()| turn.take_place()) {
        edge.counts.refused(refusal);
        turn.send(&handler.refusal(refusal));
    } else {
        return false;
    }
    true
}

enum Lingered {
    /// The job has its next request.
    Next,
    Leave(Then),
}

/// Waits a moment for the next request on the connection, while no other one waits for a worker. Whatever else comes
/// (half a head, a bad one, the end) is left to the front, which is there for it.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn linger(edge: &Edge, job: &mut Job, finishing: Finishing) -> Lingered {
    let connection = &mut job.connection;
    connection.was_open = false;
    if let Some(other) = edge.pool.begin_linger(finishing) {
        return Lingered::Leave(Then::Do(other));
    }
    let rest = || Lingered::Leave(Then::Rest(Occupation::Lingering));
    let until = Instant::now() + LINGER;
    let mut was_open = false;
    let length = loop {
        match connection.scan(&edge.limits) {
            Ok(Some(length)) => break length,
            Ok(None) if connection.buffer.is_empty() => {}
            Ok(None) | Err(_) => return rest(),
        }
        let mut watched = [
            PollFd::new(&*connection.socket, PollFlags::IN | PollFlags::RDHUP),
            PollFd::from_borrowed_fd(edge.pool.wanted(), PollFlags::IN),
        ];
        if !poll_until(&mut watched, until).unwrap_or(false) {
            return rest();
        }
        let [client, wanted] = watched.map(|watched| watched.revents());
        if !wanted.is_empty()
            && let Some(other) = edge.pool.wanted_elsewhere()
        {
            return Lingered::Leave(Then::Do(other));
        }
        if client.is_empty() {
            continue;
        }
        if connection.fill_head() != Fill::Bytes {
            return rest();
        }
        was_open = client == PollFlags::IN;
    };
    if let Some(other) = edge.pool.resume() {
        return Lingered::Leave(Then::Do(other));
    }
    match connection.take_head(length, &edge.limits) {
        Ok(head) => {
            // Said of this request only: one that goes back to the front may wait long for its worker.
            connection.was_open = was_open;
            (job.head, job.received) = (head, Instant::now());
            Lingered::Next
        }
        Err(_) => {
            let busy = Occupation::Busy(edge.pool.finishing());
            Lingered::Leave(Then::Rest(busy))
        }
    }
}
