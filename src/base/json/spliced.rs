//! A text that is spliced: kept whole, with the pieces that are sent of it and between which ones something else is sent.

use super::pieces::{Piece, Pieces};
use super::{position, slice};

/// A text and how it is to be sent. Nothing of its size is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spliced {
    source: String,
    splices: Splices,
}

/// The pieces of a text, gathered while the text is read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Splices {
    /// All that is new, one after the other.
    added: String,
    pieces: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    is_new: bool,
    from: u32,
    to: u32,
}

impl Pieces for Splices {
    fn take(&mut self, piece: Piece<'_>) {
        let part = match piece {
            Piece::Kept(from, to) => Part {
                is_new: false,
                from,
                to,
            },
            Piece::New(text) => {
                let from = position(self.added.len());
                self.added.push_str(text);
                Part {
                    is_new: true,
                    from,
                    to: position(self.added.len()),
                }
            }
        };
        match self.pieces.last_mut() {
            Some(last) if last.is_new == part.is_new && last.to == part.from => last.to = part.to,
            _ if part.from < part.to => self.pieces.push(part),
            _ => {}
        }
    }
}

impl Splices {
    /// The slices of `source`, the text that these pieces were read from; none is empty.
    pub fn slices<'t>(&'t self, source: &'t str) -> impl Iterator<Item = &'t [u8]> {
        self.pieces.iter().map(move |part| {
            let text = if part.is_new { &self.added } else { source };
            slice(text, part.from, part.to).as_bytes()
        })
    }

    /// The text that these pieces were read from, to be sent so.
    pub fn of(self, source: String) -> Spliced {
        Spliced {
            source,
            splices: self,
        }
    }
}

impl Spliced {
    /// The slices to send, one after the other; none is empty.
    pub fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.splices.slices(&self.source)
    }

    /// The length of what is sent (bytes).
    pub fn len(&self) -> usize {
        let lengths = self.splices.pieces.iter();
        lengths.map(|part| (part.to - part.from) as usize).sum()
    }

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.splices.pieces.is_empty()
    }

    /// The memory that it takes (bytes).
    pub fn capacity(&self) -> usize {
        self.source.capacity() + self.splices.added.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_sent_in_their_order_and_neighbours_as_one() {
        let mut splices = Splices::default();
        for piece in [
            Piece::Kept(0, 2),
            Piece::Kept(2, 3),
            Piece::New("x"),
            Piece::New(""),
            Piece::New("y"),
            Piece::Kept(5, 5),
            Piece::Kept(6, 8),
        ] {
            splices.take(piece);
        }
        let spliced = splices.of("01234567".to_owned());
        let slices: Vec<&[u8]> = spliced.slices().collect();
        assert_eq!(slices, [&b"012"[..], b"xy", b"67"]);
        assert!(spliced.len() == 7 && !spliced.is_empty() && Spliced::default().is_empty());
    }
}
