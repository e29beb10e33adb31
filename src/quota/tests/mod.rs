//! Tests of lines: each row of their standing, what is learned, and providers of every shape in virtual time.

mod bench;
mod learning;
mod providers;
mod restart;
mod standing;
