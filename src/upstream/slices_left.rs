//! The slices of a body that are still to be sent.

use std::io::IoSlice;

/// The most slices of one write. A body has a few, an edited conversation some more.
const AT_ONCE: usize = 16;

/// The most bytes of one write. Between two of them the input is looked at: a provider that reads as fast as it is
/// written to would take any request in a single write (bytes).
pub(super) const MOST_AT_ONCE: usize = 256 * 1024;

/// The rest of a head and the slices of its body.
pub(super) struct SlicesLeft<'b> {
    /// The rest of the slice that is being sent; the head is the first one.
    begun: &'b [u8],
    slices: &'b [&'b [u8]],
}

impl<'b> SlicesLeft<'b> {
    pub fn new(head: &'b [u8], slices: &'b [&'b [u8]]) -> Self {
        let mut left = Self {
            begun: head,
            slices,
        };
        left.advance(0);
        left
    }

    pub fn is_empty(&self) -> bool {
        self.begun.is_empty()
    }

    /// Empty slices for a write, to be filled.
    pub fn room<'w>() -> [IoSlice<'w>; AT_ONCE] {
        [IoSlice::new(&[]); AT_ONCE]
    }

    /// The next slices to write.
    pub fn fill<'r, 'w>(&self, room: &'r mut [IoSlice<'w>; AT_ONCE]) -> &'r [IoSlice<'w>]
    where
        'b: 'w,
    {
        self.fill_behind(&[], room)
    }

    /// The next slices to write, behind other bytes.
    pub fn fill_behind<'r, 'w>(
        &self,
        first: &'w [u8],
        room: &'r mut [IoSlice<'w>; AT_ONCE],
    ) -> &'r [IoSlice<'w>]
    where
        'b: 'w,
    {
        let of_both = [first, self.begun].into_iter();
        let of_both = of_both.filter(|slice| !slice.is_empty());
        let all = of_both.chain(self.slices.iter().copied());
        let (mut count, mut free) = (0, MOST_AT_ONCE);
        for (place, slice) in room.iter_mut().zip(all) {
            let slice = slice.get(..free).unwrap_or(slice);
            *place = IoSlice::new(slice);
            count += 1;
            free -= slice.len();
            if free == 0 {
                break;
            }
        }
        room.get(..count).unwrap_or_default()
    }

    /// Takes the next bytes as sent.
    pub fn advance(&mut self, bytes: usize) {
        let mut sent = bytes;
        while sent >= self.begun.len()
            && let Some((next, others)) = self.slices.split_first()
        {
            sent -= self.begun.len();
            (self.begun, self.slices) = (next, others);
        }
        self.begun = self.begun.get(sent..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A byte lost or doubled between two writes would make another request of it.
    #[test]
    fn every_byte_is_sent_once_wherever_a_write_ends() {
        let parts: Vec<Vec<u8>> = (0..40u8)
            .map(|index| vec![index; usize::from(index % 4)])
            .collect();
        let slices: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        for step in 1..30 {
            let mut left = SlicesLeft::new(b"head", &slices);
            let (mut got, mut before) = (Vec::new(), &b"gathered"[..]);
            while !(left.is_empty() && before.is_empty()) {
                let mut room = SlicesLeft::room();
                let filled = left.fill_behind(before, &mut room);
                let bytes: Vec<u8> = filled.iter().flat_map(|slice| slice.to_vec()).collect();
                let sent = step.min(bytes.len());
                got.extend_from_slice(&bytes[..sent]);
                let of_before = sent.min(before.len());
                before = &before[of_before..];
                left.advance(sent - of_before);
            }
            let expected = [b"gatheredhead".to_vec(), parts.concat()].concat();
            assert_eq!(got, expected, "{step}");
        }
    }

    /// A short write in the middle of a request is where an early answer is noticed.
    #[test]
    fn a_write_has_a_bound() {
        let (long, room) = (vec![b'x'; MOST_AT_ONCE], &mut SlicesLeft::room());
        let slices: [&[u8]; 2] = [&long, b"rest"];
        let mut left = SlicesLeft::new(b"", &slices);
        let filled = left.fill_behind(b"head", room);
        assert_eq!(
            filled.iter().map(|slice| slice.len()).sum::<usize>(),
            MOST_AT_ONCE
        );
        left.advance(MOST_AT_ONCE - 4);
        let filled = left.fill(room);
        assert_eq!(filled.iter().map(|slice| slice.len()).sum::<usize>(), 8);
    }

    #[test]
    fn nothing_is_left_of_empty_slices() {
        assert!(SlicesLeft::new(b"", &[]).is_empty());
        assert!(SlicesLeft::new(b"", &[b"", b""]).is_empty());
        assert!(!SlicesLeft::new(b"head", &[]).is_empty());
    }
}
