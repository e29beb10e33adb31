//! The booking of a request with its client's account: admitted before the first call, and settled exactly once, at the
//! latest when it is dropped.

use std::time::{Duration, Instant, SystemTime};

use crate::config::{Account, Route, Step};
use crate::dialect::Dialect;
use crate::dialect::request::Request;
use crate::dialect::size_of_request::RequestSize;
use crate::dialect::usage::Usage;
use crate::limits::{Money, Price, Unit, UnixMs};
use crate::quota::accounts::{self, BookIndex, Excess, Left, LineLeft, Spent, Wanted};

use super::context::Context;
use super::history::unix_ms;
use super::shared_accounts::now;

/// Bytes of text that are about a token, and the tokens of an image.
const BYTES_A_TOKEN: u64 = 4;
const AN_IMAGE: u64 = 1000;

/// The bytes of a frame, of a whole answer, that are no text of the answer, at most: its names, ids and marks.
const AROUND_TEXT: u64 = 256;

/// The body from which images in it are looked for (bytes).
const MAY_HAVE_IMAGES: usize = 16 * 1024;

/// A request as its client's account knows it.
pub struct ClientBooking<'g> {
    context: &'g Context,
    route: &'g Route,
    place: BookIndex,
    /// The reservation; `None` for a client without limits, for whom nothing is reserved.
    reserved: Option<accounts::Booking>,
    admitted: UnixMs,
    /// The tokens of input as estimated.
    input: u64,
    /// The prices of the step that answers; `None` where it costs nothing.
    price: Option<Price>,
    /// The part of an answer that its client has got; `None` without an answer.
    answer: Option<Received>,
    /// The use that failed attempts have reported.
    failed: Spent<'static>,
    is_settled: bool,
    /// The tokens of input and output that it was settled with, where nobody told them.
    estimate: Option<(u64, u64)>,
}

/// The part of an answer that came.
#[derive(Clone, Copy, Default)]
struct Received {
    usage: Option<Usage>,
    /// It came to its end.
    is_whole: bool,
    /// The request is one of tokens: without usage they are estimated.
    has_tokens: bool,
    /// And so is its answer, which that of vectors is not.
    has_output: bool,
    frames: u64,
    bytes: u64,
    /// Of the shortest frame.
    shortest: u64,
}

/// The answer to the question whether a request may be made.
pub struct Admitted<'g> {
    pub booking: ClientBooking<'g>,
    /// The rest of the client's limits.
    pub left: Left,
    /// The provider has to tell the usage, as there are limits of tokens or money.
    pub needs_usage: bool,
}

impl<'g> ClientBooking<'g> {
    /// Admits a request, and reserves what it may take.
    ///
    /// # Errors
    /// The limit that it would exceed, and what is left of the others.
    pub fn admit(
        context: &'g Context,
        client: &Account,
        route: &'g Route,
        dialect: &dyn Dialect,
        request: &Request<'_>,
    ) -> Result<Admitted<'g>, Box<(Excess, Left)>> {
        let (place, is_limited) = context.places.of(&context.config, client);
        let mut booking = Self {
            context,
            route,
            place,
            reserved: None,
            admitted: unix_ms(SystemTime::now()),
            input: 0,
            price: None,
            answer: None,
            failed: Spent::default(),
            is_settled: false,
            estimate: None,
        };
        if !is_limited {
            booking.input = rough_tokens(request);
            return Ok(Admitted {
                booking,
                left: Left::default(),
                needs_usage: false,
            });
        }
        let started = Instant::now();
        let size = RequestSize::of(&request.payload);
        booking.input = tokens_of(size);
        let prices: Vec<Price> = route.steps.iter().filter_map(|step| step.price).collect();
        let mut wanted = Wanted {
            input: booking.input,
            max_output: size.max_output,
            has_output: has_tokens(dialect),
            prices: &prices,
            locally: false,
        };
        let (admitted, left) = loop {
            let now = now();
            let mut accounts = context.accounts.lock();
            let admitted = accounts.admit(place, &wanted, now);
            let left = accounts.left(place, now);
            drop(accounts);
            match admitted {
                Err(excess) if excess.is_dry && !wanted.locally => {
                    // The only wait for the server that any request has, and a bounded one.
                    wanted.locally = !context.has_more(started);
                }
                admitted => break (admitted, left),
            }
        };
        match admitted {
            Ok(reserved) => booking.reserved = Some(reserved),
            Err(excess) => {
                booking.is_settled = true;
                return Err(Box::new((excess, left)));
            }
        }
        let mut units = client.limits.iter().map(|limit| limit.unit);
        Ok(Admitted {
            booking,
            left,
            needs_usage: units.any(Unit::is_settled_later),
        })
    }

    /// A step answers: its first content is there.
    pub fn answered_by(&mut self, step: &Step, dialect: &dyn Dialect) {
        self.price = step.price;
        self.answer = Some(Received {
            has_tokens: has_tokens(dialect) || dialect.operation() == "embeddings",
            has_output: has_tokens(dialect),
            ..Received::default()
        });
    }

    /// Words of an answer came, in a frame of so many bytes.
    pub fn received(&mut self, bytes: usize) {
        if let Some(answer) = &mut self.answer {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            answer.shortest = match answer.frames {
                0 => bytes,
                _ => answer.shortest.min(bytes),
            };
            answer.frames += 1;
            answer.bytes = answer.bytes.saturating_add(bytes);
        }
    }

    /// The answer has come as far as it will, with what its provider says of its usage.
    pub fn ended(&mut self, usage: Option<Usage>, is_whole: bool) {
        if let Some(answer) = &mut self.answer {
            answer.usage = usage.and_then(Usage::plausible);
            answer.is_whole = is_whole;
        }
    }

    /// An attempt whose answer was passed over has told what it took.
    pub fn wasted(&mut self, step: &Step, usage: Option<Usage>) {
        let Some(usage) = usage.and_then(Usage::plausible) else {
            return;
        };
        let price = step.price.unwrap_or_default();
        let taken = spent_of(usage, price);
        self.failed.input += taken.input;
        self.failed.output += taken.output;
        self.failed.cached += taken.cached;
        self.failed.cost = self.failed.cost.plus(taken.cost);
    }

    /// Settles the request. Its cost comes back; `None` where nothing of it has a price.
    pub fn settle(&mut self) -> Option<Money> {
        if std::mem::replace(&mut self.is_settled, true) {
            return None;
        }
        let mut spent = self.spent();
        spent.route = &self.route.name;
        let cost = spent.cost;
        self.estimate = spent.is_estimate.then_some((spent.input, spent.output));
        let mut accounts = self.context.accounts.lock();
        let is_first = match self.reserved.take() {
            Some(reserved) => accounts.settle(reserved, &spent, Instant::now()),
            None => accounts.count(self.place, &spent, self.admitted),
        };
        drop(accounts);
        if is_first {
            self.context.accounts.changed();
        }
        (self.price.is_some() || cost > Money::default()).then_some(cost)
    }

    /// The tokens of input and output that it was settled with, where nobody told them.
    pub fn estimate(&self) -> Option<(u64, u64)> {
        self.estimate
    }

    fn spent(&self) -> Spent<'static> {
        let mut spent = self.failed;
        let Some(answer) = self.answer else {
            return spent;
        };
        let price = self.price.unwrap_or_default();
        let estimate = || answer.estimated_output();
        let usage = answer.usage.unwrap_or_default();
        let is_told = usage.prompt_tokens.is_some() || usage.completion_tokens.is_some();
        let (mut told, is_estimate) = match (is_told, answer.has_tokens) {
            (true, _) => (usage, false),
            (false, true) => (
                Usage {
                    prompt_tokens: Some(self.input),
                    completion_tokens: Some(estimate()),
                    ..usage
                },
                true,
            ),
            (false, false) => (usage, false),
        };
        if !answer.is_whole && !is_estimate {
            // What was told at the beginning of a stream holds nothing of what came behind.
            let output = told.completion_tokens.unwrap_or(0).max(estimate());
            told.completion_tokens = Some(output);
            told.prompt_tokens = told.prompt_tokens.or(Some(self.input));
        }
        let taken = spent_of(told, price);
        spent.counts = true;
        spent.is_estimate = is_estimate;
        spent.input += taken.input;
        spent.output += taken.output;
        spent.cached += taken.cached;
        spent.cost = spent.cost.plus(taken.cost);
        spent
    }
}

impl Drop for ClientBooking<'_> {
    fn drop(&mut self) {
        self.settle();
    }
}

impl Received {
    /// The tokens of the text that came: frames differ by it, and are as long as the shortest of them otherwise. A frame with
    /// content has a token at least, and most have one.
    fn estimated_output(&self) -> u64 {
        if !self.has_output {
            return 0;
        }
        let around = self.shortest.saturating_sub(1).min(AROUND_TEXT);
        let text = self
            .bytes
            .saturating_sub(self.frames.saturating_mul(around));
        text.div_ceil(BYTES_A_TOKEN).max(self.frames)
    }
}

fn spent_of(usage: Usage, price: Price) -> Spent<'static> {
    let (input, output) = (
        usage.prompt_tokens.unwrap_or(0),
        usage.completion_tokens.unwrap_or(0),
    );
    let cached = usage.cached_tokens.unwrap_or(0);
    Spent {
        input,
        output,
        cached,
        cost: price.of(input, cached, output),
        ..Spent::default()
    }
}

/// Whether the answers of a dialect are texts of tokens.
fn has_tokens(dialect: &dyn Dialect) -> bool {
    matches!(
        dialect.operation(),
        "chat" | "text_completion" | "generate_content"
    )
}

fn tokens_of(size: RequestSize) -> u64 {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let images = number(size.images).saturating_mul(AN_IMAGE);
    (number(size.bytes) / BYTES_A_TOKEN).saturating_add(images)
}

/// The tokens of a request whose client has no limits: of small ones its length says enough.
fn rough_tokens(request: &Request<'_>) -> u64 {
    let length = request
        .payload
        .object()
        .map_or(0, |object| object.source().len());
    match length {
        0..MAY_HAVE_IMAGES => length as u64 / BYTES_A_TOKEN,
        _ => tokens_of(RequestSize::of(&request.payload)),
    }
}

/// The fields that tell a client what is left of its limits; none for one without.
pub fn limit_fields(left: &Left) -> Vec<(&'static str, String)> {
    let mut fields = Vec::new();
    let names = [
        (
            left.requests,
            [
                "x-ratelimit-limit-requests",
                "x-ratelimit-remaining-requests",
                "x-ratelimit-reset-requests",
            ],
        ),
        (
            left.tokens,
            [
                "x-ratelimit-limit-tokens",
                "x-ratelimit-remaining-tokens",
                "x-ratelimit-reset-tokens",
            ],
        ),
    ];
    for (line, [limit, remaining, reset]) in names {
        let Some(LineLeft {
            amount,
            left,
            reset: until,
        }) = line
        else {
            continue;
        };
        fields.push((limit, amount.to_string()));
        fields.push((remaining, left.to_string()));
        fields.push((reset, spelled(until)));
    }
    fields
}

/// A duration as OpenAI's fields have it: `1m4.2s`, `6ms`, `0s`.
fn spelled(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return match duration.as_millis() {
            0 => "0s".to_owned(),
            milliseconds => format!("{milliseconds}ms"),
        };
    }
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    let tenths = duration.subsec_millis() / 100;
    text.push_str(&match tenths {
        0 => format!("{}s", seconds % 60),
        _ => format!("{}.{tenths}s", seconds % 60),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_openais_fields() {
        for (ms, text) in [
            (0, "0s"),
            (6, "6ms"),
            (1000, "1s"),
            (64_200, "1m4.2s"),
            (60_000, "1m0s"),
            (11_550_000, "3h12m30s"),
        ] {
            assert_eq!(spelled(Duration::from_millis(ms)), text);
        }
    }

    /// Without a provider's word the text is what the frames have more than their like.
    #[test]
    fn the_text_of_frames_is_estimated() {
        let answer = |lengths: &[u64]| Received {
            frames: lengths.len() as u64,
            bytes: lengths.iter().sum(),
            shortest: lengths.iter().copied().min().unwrap_or(0),
            has_output: true,
            ..Received::default()
        };
        assert_eq!(answer(&[]).estimated_output(), 0);
        // Ten words of five bytes in frames of 150 bytes and one of one.
        let mut lengths = vec![155; 10];
        lengths.push(151);
        assert_eq!(answer(&lengths).estimated_output(), 13);
        // Frames that are all alike, of a token each.
        assert_eq!(answer(&[155; 40]).estimated_output(), 40);
        // A whole answer in one frame.
        assert_eq!(answer(&[4256]).estimated_output(), 1000);
    }
}
