//! The turns of a conversation under construction: results stand right behind the turn with their calls, whatever items
//! came between.

use std::collections::BTreeMap;

use crate::dialect::canonical::{Call, Escaped, Part, Reasoning, Role, ToolResult, Turn};

/// A conversation under construction.
#[derive(Debug, Default)]
pub struct Conversation<'a> {
    blocks: Vec<Block<'a>>,
    /// The places of the blocks with the calls, by the calls' ids as they are spelled.
    calls: BTreeMap<String, usize>,
    /// Reasoning that waits for what it precedes.
    reasoning: Vec<Reasoning<'a>>,
}

/// A turn, and the results of the calls in it.
#[derive(Debug)]
struct Block<'a> {
    turn: Option<Turn<'a>>,
    results: Vec<Part<'a>>,
}

impl<'a> Conversation<'a> {
    /// Adds a message of the user.
    pub fn add_user(&mut self, parts: Vec<Part<'a>>) {
        self.reasoning.clear();
        self.blocks.push(Block {
            turn: Some(Turn {
                role: Role::User,
                parts,
            }),
            results: Vec::new(),
        });
    }

    /// Adds a text of the assistant.
    pub fn add_text(&mut self, text: Escaped<'a>) {
        self.add(Part::Text(text));
    }

    /// Adds a call.
    pub fn add_call(&mut self, call: Call<'a>) {
        let id = call.id.inside().to_owned();
        self.add(Part::Call(call));
        self.calls.insert(id, self.blocks.len().saturating_sub(1));
    }

    /// Adds reasoning, which belongs to the next text or call of the assistant; without one it is lost.
    pub fn add_reasoning(&mut self, reasoning: Reasoning<'a>) {
        self.reasoning.push(reasoning);
    }

    /// Adds the result of a call. One without its call stays where it is: the provider judges.
    pub fn add_result(&mut self, result: ToolResult<'a>) {
        let known = self.calls.get(result.id.inside());
        let block = known.and_then(|place| self.blocks.get_mut(*place));
        if let Some(block) = block {
            block.results.push(Part::Result(result));
            return;
        }
        self.blocks.push(Block {
            turn: None,
            results: vec![Part::Result(result)],
        });
    }

    /// The turns in their order.
    pub fn into_turns(self) -> Vec<Turn<'a>> {
        let mut turns = Vec::with_capacity(self.blocks.len());
        for block in self.blocks {
            turns.extend(block.turn);
            if !block.results.is_empty() {
                turns.push(Turn {
                    role: Role::User,
                    parts: block.results,
                });
            }
        }
        turns
    }

    /// Adds a part to the assistant's turn that is last, or begins one.
    fn add(&mut self, part: Part<'a>) {
        let reasoning = self.reasoning.drain(..).map(Part::Reasoning);
        let parts = reasoning.chain([part]);
        match self.blocks.last_mut() {
            Some(Block {
                turn: Some(turn),
                results,
            }) if turn.role == Role::Assistant && results.is_empty() => turn.parts.extend(parts),
            _ => self.blocks.push(Block {
                turn: Some(Turn {
                    role: Role::Assistant,
                    parts: parts.collect(),
                }),
                results: Vec::new(),
            }),
        }
    }
}
