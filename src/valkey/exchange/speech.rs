//! The commands of this replica in an exchange, and when it leaves.

use std::time::{Duration, Instant};

use crate::quota::portions::Draw;
use crate::quota::server_clock::ServerMs;

use crate::valkey::exchange::Exchange;
use crate::valkey::pipeline::{Expected, Kind, MOST, Pipeline};
use crate::valkey::words::{LineDraw, Outgoing};

/// The time between two signs of life (2 s).
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The lifetime of a counter beyond two of its windows (milliseconds).
const GRACE: u64 = 60_000;

/// The age at which a mark that is over is dropped from the server (milliseconds).
const OVER: u64 = 60_000;

/// A difference of deadlines that is none: two readings of a clock differ (milliseconds).
const SLACK: u64 = 100;

impl Exchange {
    /// The words of an exchange.
    pub fn speak(&mut self, outgoing: &Outgoing, now: Instant) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        let server_now = self.clock.map_or(0, |clock| clock.ms_at(now));
        pipeline.say(Kind::Time, &[b"TIME"]);
        pipeline.say(Kind::Epoch, &[b"GET", &self.key("e")]);
        pipeline.say(Kind::Version, &[b"GET", &self.key("v")]);
        for LineDraw { line, draw } in &outgoing.draws {
            self.add(
                &mut pipeline,
                Kind::Drawn,
                b"INCRBY",
                line,
                draw,
                server_now,
            );
        }
        for LineDraw { line, draw } in &outgoing.returns {
            self.add(&mut pipeline, Kind::Done, b"DECRBY", line, draw, server_now);
        }
        for usage in &outgoing.usage {
            let key = self.key(&format!("a:{}", usage.window));
            if let Some((replica, sum)) = &usage.told {
                pipeline.say(
                    Kind::Done,
                    &[b"HSET", &key, replica.as_bytes(), sum.as_bytes()],
                );
                pipeline.expire(&key, usage.lifetime);
            }
            pipeline.say(Kind::Usage, &[b"HGETALL", &key]);
        }
        // The marks are told once those of the others are known: what is missing there may have been refuted.
        if self.version.is_some() {
            self.tell(&mut pipeline, outgoing, server_now);
        }
        let is_due = |at: Instant| now.saturating_duration_since(at) >= HEARTBEAT;
        // Who waits for others is waited for by them.
        if self.settling.is_some() || self.heartbeat_at.is_none_or(is_due) {
            self.heartbeat_at = Some(now);
            self.show_life(&mut pipeline, server_now);
        }
        pipeline.end()
    }

    /// The last words of this replica: what it does not need any more, and that it is gone.
    pub fn farewell(&self, returns: &[LineDraw], now: Instant) -> (Vec<u8>, Expected) {
        let mut pipeline = Pipeline::new();
        let server_now = self.clock.map_or(0, |clock| clock.ms_at(now));
        for LineDraw { line, draw } in returns {
            self.add(&mut pipeline, Kind::Done, b"DECRBY", line, draw, server_now);
        }
        pipeline.say(
            Kind::Done,
            &[b"ZREM", &self.key("r"), self.member.as_bytes()],
        );
        pipeline.end()
    }

    fn tell(&mut self, pipeline: &mut Pipeline, outgoing: &Outgoing, now: ServerMs) {
        let key = self.key("m");
        let mut is_new = false;
        for (place, mark) in &outgoing.marks {
            let known = self.marks.get(place);
            if known.is_some_and(|known| known.until.saturating_add(SLACK) >= mark.until) {
                continue;
            }
            let spelled = mark.spelled();
            pipeline.say(
                Kind::Done,
                &[b"HSET", &key, place.as_bytes(), spelled.as_bytes()],
            );
            self.marks.insert(place.clone(), *mark);
            is_new = true;
        }
        let held = &self.held;
        self.marks.retain(|place, mark| {
            let is_over = mark.until <= now;
            // Others may mark what is not configured here.
            let is_refuted =
                !is_over && held.contains(place) && !outgoing.marks.contains_key(place);
            if is_refuted || now.saturating_sub(mark.until) > OVER {
                pipeline.say(Kind::Done, &[b"HDEL", &key, place.as_bytes()]);
                is_new |= is_refuted;
                return false;
            }
            true
        });
        self.held = outgoing.marks.keys().cloned().collect();
        let key = self.key("n");
        for (line, lesson) in &outgoing.learned {
            pipeline.say(
                Kind::Done,
                &[b"HSET", &key, line.as_bytes(), lesson.as_bytes()],
            );
            is_new = true;
        }
        if is_new {
            pipeline.say(Kind::Told, &[b"INCR", &self.key("v")]);
        }
    }

    fn show_life(&self, pipeline: &mut Pipeline, now: ServerMs) {
        let key = self.key("r");
        let (dead, now) = (now.saturating_sub(self.dead).to_string(), now.to_string());
        pipeline.say(
            Kind::Done,
            &[b"ZADD", &key, now.as_bytes(), self.member.as_bytes()],
        );
        pipeline.say(
            Kind::Done,
            &[b"ZREMRANGEBYSCORE", &key, b"-inf", dead.as_bytes()],
        );
        pipeline.say(Kind::Members, &[b"ZCARD", &key]);
        if let Some(settling) = self.settling {
            let since = settling.since.to_string();
            pipeline.say(Kind::Back, &[b"ZCOUNT", &key, since.as_bytes(), b"+inf"]);
        }
    }

    fn add(
        &self,
        pipeline: &mut Pipeline,
        kind: Kind,
        verb: &[u8],
        line: &str,
        draw: &Draw,
        now: ServerMs,
    ) {
        let key = self.key(&format!("l:{line}:{}", draw.span.start));
        let amount = draw.amount().min(MOST).to_string();
        pipeline.say(kind, &[verb, &key, amount.as_bytes()]);
        let length = draw.span.length();
        let left = draw.span.end.saturating_sub(now);
        // All time has no end.
        if draw.span.end < ServerMs::MAX {
            pipeline.expire(&key, left.saturating_add(length).saturating_add(GRACE));
        }
    }
}
