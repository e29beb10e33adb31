//! A worker thread: from a whole head to the next.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags};

use super::connection::{Connection, Fill, poll_until};
use super::edge::{Edge, Lease};
use super::exchange::Exchange;
use super::finishing::Finishing;
use super::head::Head;
use super::pool::{Job, Occupation};
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
pub(super) fn spawn(edge: &Arc<Edge>) -> io::Result<()> {
    let edge = Arc::clone(edge);
    let worker = thread::Builder::new()
        .name("worker".to_owned())
        .stack_size(STACK);
    worker.spawn(move || work(&edge)).map(drop)
}

fn work(edge: &Arc<Edge>) {
    let mut job = edge.pool.next(Occupation::Called);
    while let Some(current) = job {
        // The handler's panics are caught nearer to it. This one keeps the count of workers true if the edge itself
        // should be wrong; the connection ends with its lease.
        let served = catch_unwind(AssertUnwindSafe(|| serve(edge, current)));
        job = match served {
            Ok(Then::Do(next)) => Some(next),
            Ok(Then::Rest(from)) => edge.pool.next(from),
            Err(panic) => {
                log::error!("a worker panicked: {}", bounded(&*panic));
                edge.pool.next(Occupation::Busy(edge.pool.finishing()))
            }
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
fn serve(edge: &Arc<Edge>, job: Job) -> Then {
    let lease = Lease::new(&job.connection, &edge.returns);
    let Job {
        mut connection,
        mut head,
        mut received,
    } = job;
    loop {
        let (answered, ending, finishing) = answer(edge, connection, head, received);
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

fn answer(
    edge: &Arc<Edge>,
    connection: Connection,
    head: Head,
    received: Instant,
) -> (Connection, Ending, Finishing) {
    let mut turn = Turn::new(connection, head, received, Arc::clone(edge));
    if let Some(response) = edge.instant(&turn.head) {
        turn.send(&response);
        return turn.end();
    }
    let handled = catch_unwind(AssertUnwindSafe(|| {
        edge.handler.handle(Exchange::new(&mut turn))
    }));
    if let Err(panic) = handled {
        log::error!(
            "request {}: the handler panicked: {}",
            turn.head.request_id(),
            bounded(&*panic)
        );
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

/// What a panic said, cut to a length fit for a log line.
pub(super) fn bounded(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied());
    said.unwrap_or("(no text)").chars().take(200).collect()
}
