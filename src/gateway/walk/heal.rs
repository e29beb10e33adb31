//! Self-healing: a step that refuses a member by its name is called again without it, in the same attempt's time, and the
//! lesson is remembered for the requests that follow.

use std::time::Instant;

use crate::adapt::{self, Lesson};
use crate::config::Step;
use crate::dialect::class::Class;
use crate::dialect::request::{Payload, Request};
use crate::dialect::{Dialect, StepRefusal};
use crate::gateway::context::Context;
use crate::gateway::journal::{HealResult, Journal};
use crate::routing::Failure;

use super::errand::Errand;

/// The most repeats of a call within one attempt.
const MOST_REPEATS: usize = 3;

/// The name of a healing that is not remembered: the conversation itself had to change.
const REWORDED: &str = "conversation";

/// The state of an attempt's healing.
pub struct Healing<'a> {
    context: &'a Context,
    dialect: &'static dyn Dialect,
    request: &'a Request<'a>,
    /// The request in other words, for this attempt alone, where the step has refused what only the dialect knows of.
    reworded: Option<Request<'a>>,
    step: &'a Step,
    /// The lessons that the body is made with: those in memory, then those of this attempt.
    lessons: Vec<Lesson>,
    /// The request of the call under way.
    sent: Payload<'a>,
    repeats: usize,
    /// The lessons that the call under way is to prove, and the message that taught them.
    unproven: Vec<Lesson>,
    taught_by: String,
    /// The refusal that counts if the answer does not do what was left out of the request.
    trial: Option<Box<Failure>>,
}

/// A refusal, as the provider sent it.
pub struct Refused<'a> {
    pub status: u16,
    pub body: &'a str,
    pub failure: &'a mut Failure,
}

impl<'a> Healing<'a> {
    pub fn new(errand: &Errand<'a, 'a>, step: &'a Step) -> Box<Self> {
        let Errand {
            context,
            dialect,
            edited: request,
            ..
        } = *errand;
        let lessons = context.ledger.lessons_of(step);
        Box::new(Self {
            context,
            dialect,
            request,
            reworded: None,
            step,
            sent: fitted(dialect, request.payload.borrowed(), request, step, &lessons),
            lessons,
            repeats: 0,
            unproven: Vec::new(),
            taught_by: String::new(),
            trial: None,
        })
    }

    /// The request to call the step with.
    pub fn request(&self) -> &Payload<'a> {
        &self.sent
    }

    /// Whether the body has the schema that was asked for in words.
    pub fn puts_schema_into_words(&self) -> bool {
        adapt::puts_schema_into_words(self.request, self.step, &self.lessons)
    }

    /// Takes in a refusal, and corrects its class where the words say more than the status. Tells whether the step is to
    /// be called again, with a body from which what was refused is gone; `healed` gets its names.
    pub fn refused(
        &mut self,
        refused: Refused<'_>,
        journal: &Journal<'_>,
        healed: &mut Vec<String>,
    ) -> bool {
        let Refused {
            status,
            body,
            failure,
        } = refused;
        let result = if failure.message == self.taught_by {
            HealResult::Refused
        } else {
            HealResult::Healed
        };
        self.prove(result, journal);
        if !self.step.provider.fit.heal {
            return false;
        }
        if self.rewords(status, body) {
            healed.push(REWORDED.to_owned());
            return true;
        }
        let mut found = adapt::lessons_of(status, body, &self.sent, self.step);
        if !found.is_empty() && matches!(failure.class, Class::ServerError | Class::ModelNotFound) {
            // The status blames the server or the model, the words the request: the next one may be fine.
            failure.class = Class::Rejected;
            failure.stated = None;
        }
        self.try_without(&mut found, failure);
        let (passing, edits): (Vec<Lesson>, Vec<Lesson>) =
            found.into_iter().partition(Lesson::is_about_passing_over);
        if !passing.is_empty() {
            for lesson in passing {
                journal.heal_ended(self.step, &lesson, HealResult::PassedOver);
                self.remember(lesson, journal);
            }
            return false;
        }
        let new = edits.into_iter();
        let new: Vec<Lesson> = new
            .filter(|lesson| !self.lessons.contains(lesson))
            .collect();
        if new.is_empty() || self.repeats == MOST_REPEATS {
            return false;
        }
        self.lessons.extend(new.iter().cloned());
        let request = self.reworded.as_ref().unwrap_or(self.request);
        let payload = request.payload.clone();
        let edited = fitted(self.dialect, payload, request, self.step, &self.lessons);
        if edited.is_written_as(&self.sent) {
            return false;
        }
        self.sent = edited;
        self.repeats += 1;
        journal.heal_began(self.step, &new);
        healed.extend(new.iter().map(|lesson| lesson.label().to_owned()));
        self.unproven = new;
        failure.message.clone_into(&mut self.taught_by);
        true
    }

    /// Puts the request into other words, once, where the dialect knows some that this refusal asks for.
    fn rewords(&mut self, status: u16, body: &str) -> bool {
        if self.reworded.is_some() {
            return false;
        }
        let refusal = StepRefusal {
            status,
            body,
            step: &self.step.traits,
        };
        let Some(payload) = self.dialect.reworded(&refusal, &self.request.payload) else {
            return false;
        };
        self.sent = payload.clone();
        let stream = self.request.stream;
        adapt::edit_all(
            self.dialect,
            &mut self.sent,
            stream,
            self.step,
            &self.lessons,
        );
        self.reworded = Some(Request {
            payload,
            ..self.request.clone()
        });
        true
    }

    /// Puts the omission of a member in the place of passing the step over, once, where the answer will tell.
    fn try_without(&mut self, found: &mut [Lesson], failure: &Failure) {
        let Some(sent) = self.sent.object() else {
            return;
        };
        for lesson in found {
            let dialect = self.dialect;
            let is_told = lesson
                .place()
                .is_some_and(|place| dialect.is_held_against(place));
            if is_told
                && self.trial.is_none()
                && let Some(instead) = lesson.tried_without(sent)
            {
                *lesson = instead;
                self.trial = Some(Box::new(failure.clone()));
            }
        }
    }

    /// The call was not refused, and its answer is one or is not. Where only the answer tells whether the request could go
    /// without what was refused, and it is none, the refusal comes back.
    pub fn accepted(&mut self, is_answer: bool, journal: &Journal<'_>) -> Option<Box<Failure>> {
        let trial = self.trial.take().filter(|_| !is_answer);
        let result = if trial.is_some() {
            HealResult::Refused
        } else {
            HealResult::Healed
        };
        self.prove(result, journal);
        trial
    }

    /// A lesson is remembered once the repeat has shown that it was right: the text of the refusal is gone.
    fn prove(&mut self, result: HealResult, journal: &Journal<'_>) {
        for lesson in std::mem::take(&mut self.unproven) {
            journal.heal_ended(self.step, &lesson, result);
            if result == HealResult::Healed {
                self.remember(lesson, journal);
            }
        }
    }

    fn remember(&self, lesson: Lesson, journal: &Journal<'_>) {
        let mut learned = self.context.ledger.learned();
        let is_news = learned.learn(self.step, lesson.clone(), Instant::now());
        drop(learned);
        if is_news {
            self.context.ledger.changed();
            journal.learned(self.step, &lesson);
        }
    }
}

/// The payload of a request for a step, in the form that its provider takes.
fn fitted<'a>(
    dialect: &dyn Dialect,
    mut sent: Payload<'a>,
    request: &Request<'_>,
    step: &Step,
    lessons: &[Lesson],
) -> Payload<'a> {
    adapt::edit_all(dialect, &mut sent, request.stream, step, lessons);
    dialect.fit(&mut sent, request, &step.traits);
    sent
}
