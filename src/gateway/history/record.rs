//! The record of a request that has ended, and its form for those who ask.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::Name;
use crate::json::raw;
use crate::limits::UnixMs;
use crate::text::{milliseconds, timestamp};

use super::trail;

/// The largest record (bytes). The steps of one that is larger are left out from the first on.
const MAX_RECORD: usize = 4 * 1024;

/// The counters of an `Arc` before its value (bytes).
const COUNTERS: usize = 2 * size_of::<usize>();

/// The memory that malloc takes for so many bytes: sizes go in steps of 16, with a head of 8 (glibc's malloc(3)).
pub fn taken(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        _ => (bytes + 8).next_multiple_of(16).max(32),
    }
}

/// A request. No key is in it, and nothing of what was asked or answered.
#[derive(Debug)]
pub struct Record {
    pub id: Arc<str>,
    /// The arrival of its head.
    pub time: SystemTime,
    pub client: Option<Name>,
    pub route: Option<Name>,
    /// The dialect of the request.
    pub api: &'static str,
    pub stream: bool,
    /// 499 for a client that went away.
    pub status: u16,
    /// The code or class of the problem that ended it.
    pub code: Option<&'static str>,
    /// The time to a stream's first content.
    pub first_content: Option<Duration>,
    pub total: Duration,
    pub input_tokens: Option<u64>,
    pub output_tokens: Option<u64>,
    /// The tokens are an estimate.
    pub estimated: bool,
    pub cost: Option<String>,
    pub request_bytes: usize,
    /// The stream broke after its first content.
    pub broken: bool,
    /// The routing summary; `None` where no step was looked at.
    pub summary: Option<Arc<String>>,
    /// The standing of each attempt's step before the call, in words, in the order of the attempts; no words for a step
    /// without limits.
    pub standings: Vec<String>,
}

/// The end of a request, from its client's point of view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Whole,
    /// After the first content.
    Broken,
    /// Nothing of an answer was sent.
    Refused,
    /// By the client.
    Left,
}

/// The choice of records that somebody asks for.
#[derive(Debug, Default)]
pub struct Filter {
    pub id: Option<String>,
    pub route: Option<String>,
    pub client: Option<String>,
    pub api: Option<String>,
    /// Only those that did not end whole.
    pub failed: bool,
    /// Only those that ended at this time or later.
    pub since: Option<UnixMs>,
}

impl Record {
    /// Leaves out the first of its steps for which there is no room. The memory that the record takes comes back (bytes).
    pub fn bound(&mut self) -> usize {
        let size = self.size();
        if let Some(summary) = &self.summary
            && size > MAX_RECORD
        {
            let room = (MAX_RECORD + summary.capacity()).saturating_sub(size);
            let (last, attempts_lost) = trail::last_steps(summary, room);
            self.summary = Some(Arc::new(last));
            // Standings go with their attempts; those at the end may have none.
            let lost = attempts_lost.min(self.standings.len());
            self.standings = self.standings.split_off(lost);
            return self.size();
        }
        size
    }

    /// The memory that it takes in an [`Arc`], with the share of the allocator (bytes). The client's name is the
    /// configuration's.
    pub fn size(&self) -> usize {
        let summary = self.summary.as_ref();
        let texts = [
            COUNTERS + self.id.len(),
            // Mostly the configuration's own, and else a text of the client's.
            self.route
                .as_ref()
                .map_or(0, |route| COUNTERS + route.len()),
            self.cost.as_ref().map_or(0, String::capacity),
            summary.map_or(0, |summary| summary.capacity()),
            summary.map_or(0, |_| COUNTERS + size_of::<String>()),
            self.standings.capacity() * size_of::<String>(),
        ];
        let standings = self.standings.iter().map(String::capacity);
        let parts = texts.into_iter().chain(standings);
        taken(COUNTERS + size_of::<Self>()) + parts.map(taken).sum::<usize>()
    }

    pub fn ended(&self) -> Ended {
        match self.status {
            499 => Ended::Left,
            _ if self.broken => Ended::Broken,
            200..300 => Ended::Whole,
            _ => Ended::Refused,
        }
    }

    /// Whether it is one of those that are asked for.
    pub fn passes(&self, filter: &Filter) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| Some(wanted) == found)
        };
        let ended_at = unix_ms(self.time + self.total);
        is(&filter.id, Some(&self.id))
            && is(&filter.route, self.route.as_deref())
            && is(&filter.client, self.client.as_deref())
            && is(&filter.api, Some(self.api))
            && (!filter.failed || self.ended() != Ended::Whole)
            && filter.since.is_none_or(|since| ended_at >= since)
    }

    /// Appends the record as JSON.
    pub fn push_json(&self, out: &mut String) {
        let ms = |duration: Duration| milliseconds(duration).to_string();
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let quoted = |text: Option<&str>| text.map(raw::quoted);
        let flag = |flag: bool| Some(flag.to_string());
        let summary = self.summary.as_ref().map_or("", |summary| summary.as_str());
        let (served_by, steps) = trail::told(summary, &self.standings);
        let members = [
            ("id", quoted(Some(&self.id))),
            ("time", quoted(Some(&timestamp(self.time)))),
            ("client", quoted(self.client.as_deref())),
            ("route", quoted(self.route.as_deref())),
            ("api", quoted(Some(self.api))),
            ("stream", flag(self.stream)),
            ("status", number(Some(self.status.into()))),
            ("code", quoted(self.code)),
            ("served_by", served_by),
            ("first_content_ms", self.first_content.map(ms)),
            ("total_ms", Some(ms(self.total))),
            ("input_tokens", number(self.input_tokens)),
            ("output_tokens", number(self.output_tokens)),
            ("estimated", flag(self.estimated)),
            ("cost", quoted(self.cost.as_deref())),
            ("request_bytes", number(Some(self.request_bytes as u64))),
            ("ended", quoted(Some(self.ended().word()))),
            ("steps", Some(steps)),
        ];
        trail::push_object(out, members.into_iter());
    }
}

impl Ended {
    fn word(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Broken => "broken",
            Self::Refused => "refused",
            Self::Left => "left",
        }
    }
}

/// The milliseconds since 1970; 0 before.
pub fn unix_ms(time: SystemTime) -> UnixMs {
    let since_1970 = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    milliseconds(since_1970)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A record whose summary has so many bytes in all.
    pub fn record(id: &str, bytes: usize) -> Record {
        Record {
            id: id.into(),
            time: UNIX_EPOCH + Duration::from_millis(1_764_064_800_123),
            client: Some("home".into()),
            route: Some("r".into()),
            api: "chat",
            stream: true,
            status: 200,
            code: None,
            first_content: Some(Duration::from_millis(640)),
            total: Duration::from_millis(2310),
            input_tokens: Some(812),
            output_tokens: None,
            estimated: false,
            cost: None,
            request_bytes: 4120,
            broken: false,
            summary: Some(Arc::new("x".repeat(bytes))),
            standings: Vec::new(),
        }
    }

    fn json(record: &Record) -> serde_json::Value {
        let mut text = String::new();
        record.push_json(&mut text);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn a_record_tells_the_way_of_its_request() {
        let summary = r#"{"route_name":"r","steps":[{"step_index":0,"provider":"a","model":"m","key_index":1,"success":false,"duration_ms":88,"error":"slow \"down\"","class":"rate_limited","status":429,"retry_after_ms":20000},{"step_index":1,"provider":"b","model":"n","success":false,"duration_ms":0,"error":"limit: 10 requests/min used","class":"rate_limited","skipped":true},{"step_index":2,"provider":"c","model":"o","success":true,"duration_ms":12}]}"#;
        let record = Record {
            summary: Some(Arc::new(summary.to_owned())),
            standings: vec!["open, 29 of 30 requests/min used".to_owned()],
            ..record("req-1", 0)
        };
        let json = json(&record);
        assert_eq!(json["time"], "2025-11-25T10:00:00.123Z");
        assert_eq!(json["ended"], "whole");
        assert_eq!(
            json["served_by"],
            serde_json::json!({"step": 2, "provider": "c", "model": "o", "key": null})
        );
        assert_eq!(json["cost"], serde_json::Value::Null);
        let steps = json["steps"].as_array().unwrap();
        assert_eq!(steps[0]["key"], 1);
        assert_eq!(steps[0]["error"], "slow \"down\"");
        let standings: Vec<&str> = steps
            .iter()
            .map(|step| step["standing"].as_str().unwrap())
            .collect();
        assert_eq!(
            standings,
            [
                "open, 29 of 30 requests/min used",
                "limit: 10 requests/min used",
                "open"
            ]
        );
    }

    /// A provider that answers with a page of its own costs no other step its place, and nobody the screen.
    #[test]
    fn long_words_of_a_provider_are_cut_before_steps_are() {
        let step = |index: usize| {
            let error = r#"\"é "#.repeat(500);
            format!(
                r#"{{"step_index":{index},"provider":"a","model":"m","success":false,"error":"{error}","status":500}}"#
            )
        };
        let steps: Vec<String> = (0..3).map(step).collect();
        for count in [1, 3] {
            let summary = format!(
                r#"{{"route_name":"r","steps":[{}]}}"#,
                steps[..count].join(",")
            );
            let mut record = Record {
                summary: Some(Arc::new(summary)),
                ..record("req-1", 0)
            };
            record.bound();
            assert!(record.size() <= MAX_RECORD, "{}", record.size());
            let json = json(&record);
            let told = json["steps"].as_array().unwrap();
            assert_eq!(told.len(), count);
            for (index, step) in told.iter().enumerate() {
                assert_eq!(step["step_index"], index);
                assert_eq!(step["status"], 500);
                let error = step["error"].as_str().unwrap();
                assert!((490..=503).contains(&error.chars().count()), "{error}");
            }
        }
    }

    #[test]
    fn the_end_of_a_request_has_one_word() {
        for (status, broken, word) in [
            (200, false, "whole"),
            (200, true, "broken"),
            (502, false, "refused"),
            (499, false, "left"),
        ] {
            let record = Record {
                status,
                broken,
                ..record("req-1", 0)
            };
            assert_eq!(record.ended().word(), word);
            let filter = Filter {
                failed: true,
                ..Filter::default()
            };
            assert_eq!(record.passes(&filter), word != "whole");
        }
    }

    /// `tail` asks for what ended since it asked last: a long request arrived long before.
    #[test]
    fn the_time_that_counts_is_that_of_the_end() {
        let record = record("req-1", 0);
        for (after, passes) in [(0, true), (2310, true), (2311, false)] {
            let filter = Filter {
                since: Some(1_764_064_800_123 + after),
                ..Filter::default()
            };
            assert_eq!(record.passes(&filter), passes, "{after}");
        }
    }

    #[test]
    fn a_large_record_loses_its_first_steps() {
        // Each third one is skipped.
        let step = |index: usize| {
            // A provider's words may look like the beginning of a step.
            let error = r#"{\"step_index\":7,"#.to_owned() + &"e".repeat(400);
            let skipped = [r#","skipped":true"#, "", ""][index % 3];
            format!(
                r#"{{"step_index":{index},"provider":"a","model":"m","success":false,"error":"{error}"{skipped}}}"#
            )
        };
        // No words are kept for the last attempt.
        let attempts = (0..39).filter(|index| index % 3 > 0);
        let steps: Vec<String> = (0..41).map(step).collect();
        let summary = format!(r#"{{"route_name":"r","steps":[{}]}}"#, steps.join(","));
        let mut record = Record {
            summary: Some(Arc::new(summary)),
            standings: attempts.map(|index| format!("open {index}")).collect(),
            ..record("req-1", 0)
        };
        record.bound();
        assert!(record.size() <= MAX_RECORD, "{}", record.size());
        let json = json(&record);
        let steps = json["steps"].as_array().unwrap();
        assert!(steps.len() > 3, "{}", steps.len());
        assert_eq!(steps.last().unwrap()["step_index"], 40);
        for step in steps.iter().filter(|step| step["skipped"] != true) {
            let index = step["step_index"].as_u64().unwrap();
            let words = if index < 39 {
                format!("open {index}")
            } else {
                "open".to_owned()
            };
            assert_eq!(step["standing"], words.as_str(), "{step}");
        }
    }
}
