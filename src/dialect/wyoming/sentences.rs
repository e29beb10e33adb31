//! Text that arrives in pieces, spoken sentence by sentence.

/// The shortest sentence that is spoken by itself (characters): shorter ones are put before the next.
const SHORTEST: usize = 20;

/// The longest text that waits for the end of its sentence (bytes).
const LONGEST: usize = 4096;

/// The text that was not spoken yet.
#[derive(Debug, Default)]
pub struct Sentences {
    text: String,
}

impl Sentences {
    /// Takes a piece. Whole sentences come back, in order.
    pub fn push(&mut self, piece: &str) -> Vec<String> {
        self.text.push_str(piece);
        let mut whole = Vec::new();
        while let Some(end) = self.end() {
            let rest = self.text.split_off(end);
            let sentence = std::mem::replace(&mut self.text, rest);
            whole.extend(spoken(&sentence));
        }
        whole
    }

    /// The rest, at the end of the text; `None` where there is nothing to speak.
    pub fn rest(&mut self) -> Option<String> {
        spoken(&std::mem::take(&mut self.text))
    }

    /// The place behind the first sentence: an end mark with a blank behind it. A text without one is cut at a blank.
    fn end(&self) -> Option<usize> {
        let mut characters = self.text.char_indices().enumerate().peekable();
        while let Some((count, (_, character))) = characters.next() {
            let Some((_, (after, next))) = characters.peek().copied() else {
                break;
            };
            let is_mark = matches!(character, '.' | '!' | '?' | ';' | ':' | '\u{2026}' | '\n');
            let is_wide_mark = matches!(character, '\u{3002}' | '\u{ff01}' | '\u{ff1f}');
            if count + 1 >= SHORTEST && (is_mark && next.is_whitespace() || is_wide_mark) {
                return Some(after);
            }
        }
        (self.text.len() > LONGEST).then(|| {
            let cut = self.text.floor_char_boundary(LONGEST);
            let before = self.text.get(..cut).unwrap_or_default();
            before
                .rfind(char::is_whitespace)
                .filter(|at| *at > 0)
                .unwrap_or(cut)
        })
    }
}

fn spoken(text: &str) -> Option<String> {
    let text = text.trim();
    text.chars()
        .any(char::is_alphanumeric)
        .then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_spoken_when_they_are_whole() {
        let mut sentences = Sentences::default();
        assert!(
            sentences
                .push("It is 21.5 degrees in the living")
                .is_empty()
        );
        assert!(sentences.push(" room.").is_empty(), "the blank is missing");
        assert_eq!(
            sentences.push(" Fine. And outside it is colder! Bye"),
            [
                "It is 21.5 degrees in the living room.",
                "Fine. And outside it is colder!"
            ]
        );
        assert_eq!(sentences.rest().as_deref(), Some("Bye"));
        assert_eq!(sentences.rest(), None);
    }

    /// However the pieces are cut, the same is said.
    #[test]
    fn pieces_do_not_matter() {
        let text = "One sentence that is long enough. Another, which is as long: is it? \u{3053}\u{3093}! ... end";
        let mut whole = Sentences::default();
        let mut expected = whole.push(text);
        expected.extend(whole.rest());
        let mut sentences = Sentences::default();
        let mut said: Vec<String> = Vec::new();
        for character in text.chars() {
            said.extend(sentences.push(&character.to_string()));
        }
        said.extend(sentences.rest());
        assert_eq!(said, expected);
    }

    #[test]
    fn a_text_without_an_end_is_bounded() {
        let mut sentences = Sentences::default();
        for _ in 0..1000 {
            sentences.push("word and no end ");
            assert!(sentences.text.len() <= LONGEST + 32);
        }
    }
}
