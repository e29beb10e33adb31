//! The start of a thread of our own, in one place: the machinery of it is built once, and not for each closure.

use std::io;
use std::thread::{Builder, JoinHandle};

/// The stack that Rust gives a thread unless told otherwise. Only touched pages cost memory (bytes).
pub const USUAL_STACK: usize = 2 * 1024 * 1024;

/// Starts a thread with a name, as the system shows it, and a stack of so many bytes.
///
/// # Errors
/// The system has no thread or no memory for it.
pub fn start(
    name: &str,
    stack: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let work: Box<dyn FnOnce() + Send> = Box::new(work);
    start_boxed(name, stack, work)
}

fn start_boxed(
    name: &str,
    stack: usize,
    work: Box<dyn FnOnce() + Send>,
) -> io::Result<JoinHandle<()>> {
    let thread = Builder::new().name(name.to_owned());
    thread.stack_size(stack).spawn(work)
}
