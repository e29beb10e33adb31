//! Bytes that are put together, sent and forgotten: a line of the log, the head of a request.

/// Bytes that lie where their owner lies, mostly on the stack, as long as there are few of them (`N`). On the heap, the thread
/// would keep their room for the next ones, also while it waits; see [`crate::freed_memory`].
#[derive(Debug)]
pub struct InlineBytes<const N: usize> {
    few: [u8; N],
    /// The bytes in `few`, as long as `many` is empty; else `N`.
    length: usize,
    /// All of them, where they are more.
    many: Vec<u8>,
}

impl<const N: usize> Default for InlineBytes<N> {
    fn default() -> Self {
        Self {
            few: [0; N],
            length: 0,
            many: Vec::new(),
        }
    }
}

impl<const N: usize> InlineBytes<N> {
    pub fn as_bytes(&self) -> &[u8] {
        match &*self.many {
            [] => self.few.get(..self.length).unwrap_or_default(),
            many => many,
        }
    }

    /// Appends bytes as they are.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.few.get_mut(self.length..end) {
            Some(room) => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            None => self.room_among_many(bytes.len()).copy_from_slice(bytes),
        }
    }

    /// Appends bytes with their letters in lower case (ASCII).
    pub fn push_lower(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        let room = match self.few.get_mut(self.length..end) {
            Some(room) => {
                self.length = end;
                room
            }
            None => self.room_among_many(bytes.len()),
        };
        room.copy_from_slice(bytes);
        room.make_ascii_lowercase();
    }

    /// Appends a number in decimal digits. Most have few.
    pub fn push_number(&mut self, number: u64) {
        if number >= 10 {
            self.push_number(number / 10);
        }
        self.push(&[b'0' + (number % 10) as u8]);
    }

    #[cold]
    fn room_among_many(&mut self, bytes: usize) -> &mut [u8] {
        if self.many.is_empty() {
            let few = self.few.get(..self.length).unwrap_or_default();
            self.many.extend_from_slice(few);
            self.length = N;
        }
        let begin = self.many.len();
        self.many.resize(begin + bytes, 0);
        self.many.get_mut(begin..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that are more than most must be whole all the same, and so what is put behind them.
    #[test]
    fn any_number_of_bytes_is_whole() {
        for length in [0, 1, 10, 11, 12, 13, 16, 17, 40] {
            let (mut bytes, text) = (InlineBytes::<16>::default(), "X".repeat(length));
            bytes.push(text.as_bytes());
            bytes.push_lower(b"-ID");
            bytes.push_number(1024);
            bytes.push(b"");
            let expected = format!("{text}-id1024");
            assert_eq!(bytes.as_bytes(), expected.as_bytes(), "{length}");
        }
    }

    #[test]
    fn a_number_has_all_its_digits() {
        for number in [0, 7, 10, 429, 1_000_000, u64::MAX] {
            let mut bytes = InlineBytes::<32>::default();
            bytes.push_number(number);
            assert_eq!(bytes.as_bytes(), number.to_string().as_bytes());
        }
    }
}
