//! The calls of a conversation, and which of them each result of a tool is for. Home Assistant sends neither ids nor names:
//! the order is all there is.

use std::collections::{BTreeMap, VecDeque};

use crate::dialect::canonical::Escaped;

/// The calls of a conversation so far, in their order. A conversation may have as many as its body has room for, so none
/// of them is looked for one by one.
#[derive(Debug, Default)]
pub struct Calls<'a> {
    calls: Vec<Call<'a>>,
    /// The places of the calls of an id, and of a name.
    of_id: BTreeMap<String, VecDeque<usize>>,
    of_name: BTreeMap<String, VecDeque<usize>>,
    /// All calls before it are answered.
    first_open: usize,
}

#[derive(Debug)]
struct Call<'a> {
    id: Escaped<'a>,
    /// The place of the turn that it is in.
    turn: usize,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    /// Adds a call, and returns its id: the one that it has, or its number in the conversation.
    pub fn add(&mut self, id: Option<Escaped<'a>>, name: &Escaped<'_>, turn: usize) -> Escaped<'a> {
        let place = self.calls.len();
        let id = id.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Escaped::text(&format!("call_{place}")));
        for (places, key) in [
            (&mut self.of_id, id.inside()),
            (&mut self.of_name, name.inside()),
        ] {
            places.entry(key.to_owned()).or_default().push_back(place);
        }
        self.calls.push(Call {
            id: id.clone(),
            turn,
            is_answered: false,
        });
        id
    }

    /// The call that a result is for, which is answered by it: that with its id, else the first one that is not answered
    /// of its name, else the first one. Returns its id and the place of its turn; `None` where all are answered.
    pub fn answer(
        &mut self,
        id: Option<&Escaped<'_>>,
        name: Option<&Escaped<'_>>,
    ) -> Option<(Escaped<'a>, usize)> {
        let with_id = id.and_then(|id| next_open(&mut self.of_id, id, &self.calls));
        let place = with_id.or_else(|| next_open(&mut self.of_name, name?, &self.calls));
        let place = place.or_else(|| self.first_open());
        let call = self.calls.get_mut(place?)?;
        call.is_answered = true;
        Some((call.id.clone(), call.turn))
    }

    fn first_open(&mut self) -> Option<usize> {
        while self.calls.get(self.first_open)?.is_answered {
            self.first_open += 1;
        }
        Some(self.first_open)
    }
}

/// The first call of a key that is not answered. Those before it are forgotten.
fn next_open(
    places: &mut BTreeMap<String, VecDeque<usize>>,
    key: &Escaped<'_>,
    calls: &[Call<'_>],
) -> Option<usize> {
    let places = places.get_mut(key.inside())?;
    while let Some(&place) = places.front() {
        if calls.get(place).is_some_and(|call| !call.is_answered) {
            return Some(place);
        }
        places.pop_front();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_is_for_one_call() {
        let mut calls = Calls::default();
        for (id, name) in [(None, "f"), (Some("x"), "g"), (None, "f"), (None, "h")] {
            calls.add(id.map(Escaped::plain), &Escaped::plain(name), 1);
        }
        let mut answered = |id: Option<&'static str>, name: Option<&'static str>| {
            let (id, name) = (id.map(Escaped::plain), name.map(Escaped::plain));
            let call = calls.answer(id.as_ref(), name.as_ref());
            call.map(|(id, _)| id.inside().to_owned())
        };
        assert_eq!(answered(None, Some("f")).as_deref(), Some("call_0"));
        assert_eq!(answered(None, Some("f")).as_deref(), Some("call_2"));
        assert_eq!(answered(Some("unknown"), None).as_deref(), Some("x"));
        assert_eq!(answered(Some("x"), Some("f")).as_deref(), Some("call_3"));
        assert_eq!(answered(None, None), None);
    }
}
