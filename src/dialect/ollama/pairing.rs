//! The calls of a conversation, and which of them each result of a tool is for. Home Assistant sends neither ids nor names:
//! the order is all there is.

use crate::dialect::canonical::Escaped;

/// The calls of a conversation so far, in their order.
#[derive(Debug, Default)]
pub struct Calls<'a>(Vec<Pending<'a>>);

#[derive(Debug)]
struct Pending<'a> {
    id: Escaped<'a>,
    name: Escaped<'a>,
    /// The place of the turn that it is in.
    turn: usize,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    /// Adds a call, and returns its id: the one that it has, or its number in the conversation.
    pub fn add(&mut self, id: Option<Escaped<'a>>, name: Escaped<'a>, turn: usize) -> Escaped<'a> {
        let number = self.0.len();
        let id = id.filter(|id| !id.is_empty());
        let id = id.unwrap_or_else(|| Escaped::text(&format!("call_{number}")));
        self.0.push(Pending {
            id: id.clone(),
            name,
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
        let open = |call: &Pending<'_>| !call.is_answered;
        let with_id = |call: &Pending<'_>| open(call) && id.is_some_and(|id| call.id == *id);
        let with_name =
            |call: &Pending<'_>| open(call) && name.is_some_and(|name| call.name == *name);
        let place = self.0.iter().position(with_id);
        let place = place.or_else(|| self.0.iter().position(with_name));
        let place = place.or_else(|| self.0.iter().position(open))?;
        let call = self.0.get_mut(place)?;
        call.is_answered = true;
        Some((call.id.clone(), call.turn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_is_for_one_call() {
        let mut calls = Calls::default();
        for (id, name) in [(None, "f"), (Some("x"), "g"), (None, "f"), (None, "h")] {
            calls.add(id.map(Escaped::plain), Escaped::plain(name), 1);
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
