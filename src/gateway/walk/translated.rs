//! A request that a step takes in another dialect: the exchange with its provider, and the answer in the client's.

use std::time::{Instant, SystemTime};

use crate::adapt;
use crate::budget::Charge;
use crate::config::{ResponseModel, Step};
use crate::dialect::Dialect;
use crate::dialect::answer::{Flaw, Says};
use crate::dialect::class::Class;
use crate::dialect::reading::{Asked, Reading};
use crate::dialect::request::{Incoming, Request, Unfit};
use crate::dialect::translate::{self, Answering, Target, Translated, Translation};
use crate::gateway::journal::Journal;
use crate::gateway::shared_ledger::random;
use crate::routing::{Attempt, Failure};
use crate::upstream::CallError;

use super::arriving_answer::{cover, without_a_word};
use super::attempt::{HeldAnswer, Missed, Reply, Success};
use super::errand::Errand;
use super::failure::{class_of_flaw, failure_of as failure_of_call};

/// A request in the dialect of a step's provider.
pub struct Prepared {
    dialect: &'static dyn Dialect,
    /// `None` where there was no memory for it.
    translated: Option<Translated>,
    /// The charge for its body, which lies beside the client's own as long as the call goes on.
    charge: Charge,
}

impl<'a> Errand<'a, '_> {
    /// The request as a step takes it in another dialect; `None` where it takes the client's own.
    ///
    /// # Errors
    /// The step cannot carry the request. It is passed over without a call.
    pub(super) fn prepared(&self, step: &Step) -> Result<Option<Box<Prepared>>, Unfit> {
        let lessons = self.context.ledger.lessons_of(step);
        let Some(dialect) = self.dialect.spoken_by(self.request, &step.traits) else {
            let unfit = self.dialect.unfit(self.request, &step.traits);
            let vocabulary = self.dialect.vocabulary();
            let unfit = unfit.or_else(|| adapt::unfit(vocabulary, self.request, step, &lessons));
            return unfit.map_or(Ok(None), Err);
        };
        let mut charge = self.budget.empty();
        let object = self.request.payload.object();
        if !charge.cover(object.map_or(0, |object| object.source().len())) {
            return Ok(Some(Box::new(Prepared {
                dialect,
                translated: None,
                charge,
            })));
        }
        let translated = translate::request(self.dialect, dialect, self.request, &target_of(step))?;
        let request = read(dialect, &translated)?;
        let unfit = dialect.unfit(&request, &step.traits);
        match unfit.or_else(|| adapt::unfit(dialect.vocabulary(), &request, step, &lessons)) {
            Some(unfit) => Err(unfit),
            None => Ok(Some(Box::new(Prepared {
                dialect,
                translated: charge.cover(translated.body.len()).then_some(translated),
                charge,
            }))),
        }
    }

    /// Makes the attempt in the provider's dialect.
    ///
    /// # Errors
    /// As [`Self::attempt`].
    #[expect(clippy::boxed_local, reason = "a waiting worker keeps a small stack")]
    pub(super) fn call_translated(
        &self,
        prepared: Box<Prepared>,
        attempt: &mut Attempt,
        step: &'a Step,
        journal: &Journal<'_>,
    ) -> Result<Success<'a>, Box<Missed<'a>>> {
        let Prepared {
            dialect,
            translated,
            charge,
        } = *prepared;
        let Some(mut translated) = translated else {
            return Err(failure_of_call(&CallError::no_memory()).into());
        };
        journal.translated(dialect.name());
        attempt.changes.translated = true;
        attempt.changes.dropped = std::mem::take(&mut translated.dropped);
        let called = {
            let request = read(dialect, &translated)
                .map_err(|unfit| Failure::new(Class::Rejected, &unfit.reason))?;
            let errand = Errand {
                dialect,
                translated_for: Some(self.dialect),
                request: &request,
                edited: &request,
                elided: None,
                ..*self
            };
            errand.call(attempt, step, journal)
        };
        drop(charge);
        match called {
            Ok(success) => {
                let Success { reply, limits } = success;
                let reply = self.answer(reply, dialect, step, translated)?;
                Ok(Success { reply, limits })
            }
            Err(missed) => {
                let Missed {
                    failure,
                    second_best,
                } = *missed;
                let second_best = second_best.and_then(|reply| {
                    match self.answer(reply, dialect, step, translated) {
                        Ok(reply) => Some(reply),
                        Err(missed) => missed.second_best,
                    }
                });
                Err(Box::new(Missed {
                    failure,
                    second_best,
                }))
            }
        }
    }

    /// The client's answer, made from the provider's.
    fn answer(
        &self,
        reply: Reply<'a>,
        provider: &'static dyn Dialect,
        step: &Step,
        translated: Translated,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let model = match self.context.config.response_model {
            ResponseModel::Route => Some(self.route.name.as_str()),
            ResponseModel::Upstream => None,
        };
        let answering = Answering {
            request: self.request,
            target: target_of(step),
            names: translated.names,
            model,
            seed: random(),
            now: SystemTime::now(),
        };
        let translation = Translation::new(self.dialect, provider, answering, Instant::now());
        let mut translation = translation.ok_or_else(|| {
            let message = "the answer cannot be translated";
            Failure::new(Class::BadResponse, message)
        })?;
        let now = SystemTime::now();
        translation.at(now.checked_sub(self.received.elapsed()).unwrap_or(now));
        translation.at(now);
        match reply {
            Reply::Whole(held) => self.whole(*held, provider, step, translation),
            Reply::Stream(mut committed) => {
                committed.translation = Some(Box::new(translation));
                Ok(Reply::Stream(committed))
            }
            Reply::Opaque(answer) => Ok(Reply::Opaque(answer)),
        }
    }

    /// A whole answer in the client's dialect. It lies beside the provider's, and beside the frames of both, until it is
    /// made.
    fn whole(
        &self,
        held: HeldAnswer,
        provider: &dyn Dialect,
        step: &Step,
        mut translation: Translation,
    ) -> Result<Reply<'a>, Box<Missed<'a>>> {
        let HeldAnswer { answer, mut charge } = held;
        cover(&mut charge, answer.text().len().saturating_mul(6))?;
        let translated = (|| {
            let mut frames = provider.split(&answer)?;
            frames.retain(|data| Some(data.as_str()) != provider.end_mark());
            translate::whole(&mut translation, &frames, self.dialect.assemble())
        })();
        let (repairs, says) = (answer.repairs, answer.says);
        drop(answer);
        let text = translated.map_err(|flaw| failure_of(&flaw))?;
        let asked = Asked {
            request: Some(self.request),
            step: &step.traits,
            reading: Reading::default(),
        };
        let mut answer = self
            .dialect
            .whole(text, &asked)
            .map_err(|flaw| failure_of(&flaw))?;
        answer.repairs.add_all(repairs);
        charge.uncover(answer.text().len());
        let left = answer.says;
        let reply = Reply::Whole(Box::new(HeldAnswer { answer, charge }));
        match (says, left) {
            (Says::Nothing(_), _) => Ok(reply),
            // All that the provider says is lost on the client: another step may say it in words.
            (Says::Content | Says::Reasoning(_), Says::Nothing(silence)) => {
                let expectation = self.dialect.expectation(&self.request.payload);
                without_a_word(silence, &expectation, reply, failure_of(&Flaw::Unsayable))
            }
            _ => Ok(reply),
        }
    }
}

fn failure_of(flaw: &Flaw) -> Failure {
    Failure::new(class_of_flaw(flaw), &flaw.to_string())
}

fn target_of(step: &Step) -> Target<'_> {
    Target {
        traits: &step.traits,
        replays_reasoning: adapt::replays_reasoning(step),
        kept: &step.fit.keep,
    }
}

/// The translated request as its dialect reads it.
fn read<'t>(dialect: &dyn Dialect, translated: &'t Translated) -> Result<Request<'t>, Unfit> {
    let incoming = Incoming::from(translated.body.as_bytes());
    dialect
        .read(incoming)
        .map_err(|error| Unfit::from(format!("the request cannot be translated: {error}")))
}
