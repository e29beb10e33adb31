//! A worker thread: from a whole head to the next.

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags};

use super::connection::{Connection, Fill, poll_until};
use super::edge::Edge;
use super::exchange::Exchange;
use super::finishing::Finishing;
use super::handler::{Contained, contain};
use super::head::Head;
use super::pool::{Job, Occupation};
use super::returns::Lease;
use super::turn::{Ending, Turn};

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
        let served = contain(format_args!("a worker"), || serve(edge, handler, current));
        job = match served {
            Some(Then::Do(next)) => Some(next),
            Some(Then::Rest(from)) => edge.pool.next(from),
            None => edge.pool.next(Occupation::Busy(edge.pool.finishing())),
        };
    }
}

/// What a worker does when it has let go of a connection.
#[allow(clippy::large_enum_variant)] // Lives on the stack, one at a time.
enum Then {
    Do(Job),
    Rest(Occupation),
}

/// Answers the request, and those that follow it closely.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn serve(edge: &Arc<Edge>, handler: &Contained, job: Job) -> Then {
    let lease = Lease::new(&job.connection, &edge.returns);
    let Job {
        mut connection,
        mut head,
        mut received,
    } = job;
    loop {
        let (answered, ending, finishing) = answer(edge, handler, connection, head, received);
        connection = answered;
        match ending {
            Ending::Keep => {}
            Ending::Close => return Then::Rest(Occupation::Busy(finishing)),
            Ending::Discard => {
                lease.discard(connection);
                return Then::Rest(Occupation::Busy(finishing));
            }
        }
        match linger(edge, &mut connection, finishing) {
            Lingered::Next(next) => (head, received) = (next, Instant::now()),
            Lingered::Leave(then) => {
                lease.keep(connection);
                return then;
            }
        }
    }
}

#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn answer(
    edge: &Arc<Edge>,
    handler: &Contained,
    connection: Connection,
    head: Head,
    received: Instant,
) -> (Connection, Ending, Finishing) {
    let mut turn = Turn::new(connection, head, received, Arc::clone(edge));
    if let Some(response) = handler.instant(&turn.head) {
        turn.send(&response);
    } else if let Err(refusal) = turn.take_place() {
        edge.counts.refused(refusal);
        turn.send(&refusal.into());
    } else {
        handler.handle(Exchange::new(&mut turn));
    }
    turn.end()
}

#[allow(clippy::large_enum_variant)] // Lives on the stack, one at a time.
enum Lingered {
    Next(Head),
    Leave(Then),
}

/// Waits a moment for the next request on the connection, while no other one waits for a worker. Whatever else comes
/// (half a head, a bad one, the end) is left to the front, which is there for it.
#[inline(never)] // frames of their own keep the stack of a waiting worker small
fn linger(edge: &Edge, connection: &mut Connection, finishing: Finishing) -> Lingered {
    if let Some(job) = edge.pool.begin_linger(finishing) {
        return Lingered::Leave(Then::Do(job));
    }
    let rest = || Lingered::Leave(Then::Rest(Occupation::Lingering));
    let until = Instant::now() + LINGER;
    loop {
        match connection.scan(&edge.limits) {
            Ok(Some(_)) => break,
            Ok(None) if connection.buffer.is_empty() => {}
            Ok(None) | Err(_) => return rest(),
        }
        let mut watched = [
            PollFd::new(&*connection.socket, PollFlags::IN),
            PollFd::from_borrowed_fd(edge.pool.wanted(), PollFlags::IN),
        ];
        if !poll_until(&mut watched, until).unwrap_or(false) {
            return rest();
        }
        let [client, wanted] = watched.map(|watched| !watched.revents().is_empty());
        if wanted && let Some(job) = edge.pool.wanted_elsewhere() {
            return Lingered::Leave(Then::Do(job));
        }
        if client && connection.fill() != Fill::Bytes {
            return rest();
        }
    }
    if let Some(job) = edge.pool.resume() {
        return Lingered::Leave(Then::Do(job));
    }
    match connection.next_head(&edge.limits) {
        Ok(Some(head)) => Lingered::Next(head),
        Ok(None) | Err(_) => {
            let busy = Occupation::Busy(edge.pool.finishing());
            Lingered::Leave(Then::Rest(busy))
        }
    }
}
