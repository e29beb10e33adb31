//! A text as pieces of another one, and what is new between them: it can be written without being copied.

use super::{raw, slice};

/// A piece of an edited text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// The bytes of the source from here to there.
    Kept(u32, u32),
    New(&'t str),
}

impl<'t> Piece<'t> {
    /// The text of the piece.
    pub fn of(self, source: &'t str) -> &'t str {
        match self {
            Self::Kept(from, to) => slice(source, from, to),
            Self::New(text) => text,
        }
    }
}

/// A receiver of the pieces of a text, in their order.
pub trait Pieces {
    fn take(&mut self, piece: Piece<'_>);

    /// Takes a text as a JSON string, with its quotes.
    fn take_quoted(&mut self, text: &str) {
        self.take(Piece::New(&raw::quoted(text)));
    }
}

/// The text itself, written behind another one.
pub struct Written<'w> {
    pub source: &'w str,
    pub out: &'w mut String,
}

impl Pieces for Written<'_> {
    fn take(&mut self, piece: Piece<'_>) {
        self.out.push_str(match piece {
            Piece::Kept(from, to) => slice(self.source, from, to),
            Piece::New(text) => text,
        });
    }

    fn take_quoted(&mut self, text: &str) {
        raw::push_quoted(self.out, text);
    }
}

/// The writer of pieces, which joins those that lie side by side in the source.
pub(super) struct PieceWriter<'w, 't> {
    from: u32,
    to: u32,
    take: &'w mut dyn FnMut(Piece<'t>),
}

impl<'w, 't> PieceWriter<'w, 't> {
    pub fn new(take: &'w mut dyn FnMut(Piece<'t>)) -> Self {
        Self {
            from: 0,
            to: 0,
            take,
        }
    }

    pub fn keep(&mut self, from: u32, to: u32) {
        if from != self.to {
            self.flush();
            self.from = from;
        }
        self.to = to;
    }

    pub fn put(&mut self, text: &'t str) {
        self.flush();
        self.from = self.to;
        (self.take)(Piece::New(text));
    }

    /// Ends the text.
    pub fn finish(mut self) {
        self.flush();
    }

    fn flush(&mut self) {
        if self.from < self.to {
            (self.take)(Piece::Kept(self.from, self.to));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_the_source_are_one_piece() {
        let mut found = Vec::new();
        let mut take = |piece| found.push(piece);
        let mut pieces = PieceWriter::new(&mut take);
        pieces.keep(0, 2);
        pieces.keep(2, 5);
        pieces.put("x");
        pieces.put("y");
        pieces.keep(5, 5);
        pieces.keep(7, 8);
        pieces.keep(8, 9);
        pieces.finish();
        let expected = [
            Piece::Kept(0, 5),
            Piece::New("x"),
            Piece::New("y"),
            Piece::Kept(7, 9),
        ];
        assert_eq!(found, expected);
        let texts = expected.map(|piece| piece.of("012345678"));
        assert_eq!(texts, ["01234", "x", "y", "78"]);
    }
}
