//! Tool calls as clients can use them: which delta belongs to which call, however they are numbered, and what is missing
//! of one.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::dialect::repairs::{RepairKind, Repairs};
use crate::json::raw;
use crate::json::{Object, reader::Reader};

/// The most calls that are told apart in one answer; OpenAI's bound for the tools of a request is 128.
const MAX_CALLS: usize = 1024;

/// The changes of one tool call, or of one delta of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CallEdit {
    index: Option<u64>,
    id: Option<IdEdit>,
    /// As a JSON string.
    arguments: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum IdEdit {
    Set(String),
    /// The call has been given an id before its own came; clients add up the texts of deltas.
    Removed,
}

/// The calls of one answer so far.
#[derive(Debug, Default)]
pub(super) struct CallTable {
    calls: Vec<KnownCall>,
    /// The number of the chunk under way.
    chunk: u64,
}

#[derive(Debug)]
struct KnownCall {
    choice: u64,
    /// The index that the provider gives it.
    given: Option<u64>,
    /// The index that the client sees.
    index: u64,
    /// The provider's id; none if it has not given one.
    id: Option<String>,
    name: String,
    /// The chunk that spoke of it last.
    chunk: u64,
    arguments: Progress,
}

impl CallTable {
    /// Begins the next chunk.
    pub fn begin_chunk(&mut self) {
        self.chunk += 1;
    }

    /// Takes a delta of a call, and tells its changes; none if it is right.
    pub fn take(&mut self, choice: u64, delta: &str, seed: u64) -> Option<CallEdit> {
        let members = CallMembers::of(delta)?;
        let known = self.known(choice, &members);
        let place = match known {
            Some(place) => place,
            None if self.calls.len() >= MAX_CALLS => return None,
            None => self.begin(choice, &members),
        };
        let chunk = self.chunk;
        let known_before = known.is_some();
        let call = self.calls.get_mut(place)?;
        call.chunk = chunk;
        let mut edit = CallEdit {
            index: (members.index != Some(call.index)).then_some(call.index),
            id: None,
            arguments: members.arguments.and_then(text_of_value),
        };
        if call.name.is_empty() {
            members.name.unwrap_or_default().clone_into(&mut call.name);
        }
        call.arguments.read(members.arguments);
        match members.id {
            None if !known_before => edit.id = Some(IdEdit::Set(made_up(seed, choice, place))),
            Some(_) if known_before && call.id.is_none() => edit.id = Some(IdEdit::Removed),
            _ => {}
        }
        (edit != CallEdit::default()).then_some(edit)
    }

    /// The place of the call that a delta goes on with; none if it begins another.
    fn known(&self, choice: u64, delta: &CallMembers<'_>) -> Option<usize> {
        let of_choice = |call: &&KnownCall| call.choice == choice;
        let mut latest_first = self.calls.iter().enumerate().rev();
        let mut find = |is: &dyn Fn(&KnownCall) -> bool| {
            latest_first
                .find(|(_, call)| of_choice(call) && is(call))
                .map(|(place, _)| place)
        };
        let place = match (delta.index, delta.id) {
            (Some(index), _) => find(&|call| call.given == Some(index))?,
            (None, Some(id)) => match find(&|call| call.id.as_deref() == Some(id)) {
                Some(place) => place,
                None => self.calls.iter().rposition(|call| of_choice(&call))?,
            },
            (None, None) => find(&|_| true)?,
        };
        let call = self.calls.get(place)?;
        (!self.is_another(call, delta)).then_some(place)
    }

    /// Whether a delta begins another call than the one at its place. Gemini's compatible API gives parallel calls the
    /// same index, or none; they differ in their ids and each comes with its name. An id alone does not tell: old
    /// versions of vLLM made up a new one for every delta.
    fn is_another(&self, call: &KnownCall, delta: &CallMembers<'_>) -> bool {
        let Some(name) = delta.name else {
            return false;
        };
        match (delta.id, call.id.as_deref()) {
            (Some(id), Some(known)) => id != known,
            (Some(_), None) => !call.name.is_empty() && call.name != name,
            // Without ids: two in one chunk are two, and behind the end of the arguments begins another call.
            (None, _) => {
                let is_over = call.chunk == self.chunk || call.arguments.are_complete();
                let is_named = !call.name.is_empty();
                is_named && (is_over || (delta.index.is_none() && call.name != name))
            }
        }
    }

    fn begin(&mut self, choice: u64, delta: &CallMembers<'_>) -> usize {
        let of_choice = self.calls.iter().filter(|call| call.choice == choice);
        let next = of_choice.clone().map(|call| call.index + 1).max();
        let free = delta
            .index
            .filter(|index| of_choice.clone().all(|call| call.index != *index));
        self.calls.push(KnownCall {
            choice,
            given: delta.index,
            // An index near the end of all numbers is none to count on from.
            index: free
                .filter(|index| *index < u64::from(u32::MAX))
                .unwrap_or(next.unwrap_or(0)),
            id: delta.id.map(str::to_owned),
            name: String::new(),
            chunk: self.chunk,
            arguments: if delta.id.is_none() || delta.index.is_none() {
                Progress::Begun(OpenNesting::default())
            } else {
                Progress::Unwatched
            },
        });
        self.calls.len() - 1
    }
}

/// The changes of a call in a whole answer; none if it is right.
pub(super) fn whole_call(choice: u64, place: usize, call: &str, seed: u64) -> Option<CallEdit> {
    let members = CallMembers::of(call)?;
    let is_null = members.arguments == Some("null");
    let edit = CallEdit {
        index: None,
        id: members
            .id
            .is_none()
            .then(|| IdEdit::Set(made_up(seed, choice, place))),
        arguments: match members.arguments {
            Some("null") if is_null => Some(r#""{}""#.to_owned()),
            arguments => arguments.and_then(text_of_value),
        },
    };
    (edit != CallEdit::default()).then_some(edit)
}

/// The arguments of a legacy `function_call` as a JSON string; none if they are right.
pub(super) fn function_arguments(function_call: &str) -> Option<String> {
    text_of_value(raw::member(function_call, "arguments")?)
}

impl CallEdit {
    /// The call with its changes; none if it is no object.
    pub fn apply(&self, call: &str) -> Option<String> {
        let mut object = Object::parse_lenient(call).ok()?;
        if let Some(index) = self.index {
            object.set("index", index.to_string());
        }
        match &self.id {
            Some(IdEdit::Set(id)) => object.set("id", raw::quoted(id)),
            Some(IdEdit::Removed) => drop(object.remove("id")),
            None => {}
        }
        if let Some(arguments) = &self.arguments {
            let function = object.get("function").unwrap_or("{}").to_owned();
            object.set("function", with_arguments(&function, arguments));
        }
        Some(object.to_json())
    }

    pub fn note(&self, repairs: &mut Repairs) {
        if self.index.is_some() {
            repairs.add(RepairKind::ToolCallIndex);
        }
        if self.id.is_some() {
            repairs.add(RepairKind::ToolCallId);
        }
        if self.arguments.is_some() {
            repairs.add(RepairKind::ToolCallArguments);
        }
    }
}

/// A function, or a function call, with other arguments.
pub(super) fn with_arguments(function: &str, arguments: &str) -> String {
    match Object::parse_lenient(function) {
        Ok(mut object) => {
            object.set("arguments", arguments.to_owned());
            object.to_json()
        }
        Err(_) => function.to_owned(),
    }
}

/// The members of a call that tell it apart.
struct CallMembers<'a> {
    index: Option<u64>,
    id: Option<&'a str>,
    name: Option<&'a str>,
    arguments: Option<&'a str>,
}

impl<'a> CallMembers<'a> {
    /// `None` for a value that is no object.
    fn of(call: &'a str) -> Option<Self> {
        let mut members = Self {
            index: None,
            id: None,
            name: None,
            arguments: None,
        };
        raw::each_member(call, &mut |key, value| match key {
            r#""index""# => members.index = raw::whole_number(value),
            r#""id""# => members.id = raw::inside(value).filter(|id| !id.is_empty()),
            r#""function""# | r#""custom""# if raw::is_object(value) => {
                let _ = raw::each_member(value, &mut |key, value| match key {
                    r#""name""# => {
                        members.name = raw::inside(value).filter(|name| !name.is_empty());
                    }
                    r#""arguments""# => members.arguments = Some(value),
                    _ => {}
                });
            }
            _ => {}
        })
        .ok()?;
        Some(members)
    }
}

/// A JSON string of a JSON value that stands in place of its text; none for texts and null.
fn text_of_value(value: &str) -> Option<String> {
    (!value.starts_with('"') && value != "null").then(|| raw::quoted(value))
}

/// An id for a call that came without; never one that something else has.
fn made_up(seed: u64, choice: u64, place: usize) -> String {
    let mut hasher = DefaultHasher::new();
    (seed, choice, place).hash(&mut hasher);
    format!("call_{:016x}", hasher.finish())
}

/// The progress of arguments, of calls that are not numbered.
#[derive(Debug)]
enum Progress {
    Unwatched,
    Begun(OpenNesting),
    Complete,
}

#[derive(Clone, Copy, Debug, Default)]
struct OpenNesting {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Progress {
    fn are_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }

    /// Reads the next piece, raw.
    fn read(&mut self, piece: Option<&str>) {
        let (Self::Begun(nesting), Some(piece)) = (&mut *self, piece) else {
            return;
        };
        let is_over = match raw::text(piece) {
            Some(text) => nesting.close(&text),
            // A value comes whole.
            None => Reader::new(piece).value().is_ok() && piece != "null",
        };
        if is_over {
            *self = Self::Complete;
        }
    }
}

impl OpenNesting {
    /// Whether an object ends within the text.
    fn close(&mut self, text: &str) -> bool {
        for byte in text.bytes() {
            match byte {
                _ if std::mem::take(&mut self.escaped) => {}
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => self.depth = self.depth.saturating_add(1),
                b'}' | b']' if !self.in_string => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return true;
                    }
                }
                _ => {}
            }
        }
        false
    }
}
