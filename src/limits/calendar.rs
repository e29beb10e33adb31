//! The calendar of limits: days and months in a time zone, without a database of time zones.

use std::fmt;

use time::{Date, Month, OffsetDateTime};

/// A point in time of the wall clock (milliseconds since 1970).
pub type UnixMs = u64;

/// The time zone in which days and months turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeZone {
    #[default]
    Utc,
    /// The Pacific time of the United States: UTC−8, and UTC−7 from the second Sunday of March 02:00 to the first Sunday
    /// of November 02:00.
    Pacific,
    /// A fixed distance from UTC (seconds; at most 15 h).
    Offset(i32),
}

/// A day or a month of a calendar: what a counter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub key: PeriodKey,
    pub start: UnixMs,
    /// The start of the next one.
    pub end: UnixMs,
}

/// The name of a day (`2026-11-26`) or of a month (`2026-11`). Later ones are greater, among days as among months.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeriodKey {
    year: u16,
    month: u8,
    /// 0 of a month.
    day: u8,
}

const DAY: i64 = 24 * 3600;
const PACIFIC_STANDARD: i64 = -8 * 3600;
const PACIFIC_DAYLIGHT: i64 = -7 * 3600;

/// The last second that counts: in the year 9000, which a clock shows only by mistake.
const LAST: i64 = 221_845_392_000;

impl TimeZone {
    /// Reads `utc`, `pacific`, or an offset such as `+02:00`; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "utc" | "UTC" | "Z" => return Some(Self::Utc),
            "pacific" => return Some(Self::Pacific),
            _ => {}
        }
        let (sign, rest) = match text.strip_prefix('+') {
            Some(rest) => (1, rest),
            None => (-1, text.strip_prefix(['-', '\u{2212}'])?),
        };
        let (hours, minutes) = rest.split_once(':')?;
        let number = |text: &str, most: i32| {
            let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            let number = text.parse::<i32>().ok()?;
            (is_number && number <= most).then_some(number)
        };
        let (hours, minutes) = (number(hours, 14)?, number(minutes, 59)?);
        Some(match sign * (hours * 3600 + minutes * 60) {
            0 => Self::Utc,
            seconds => Self::Offset(seconds),
        })
    }

    /// The day that a point in time lies in.
    pub fn day(self, at: UnixMs) -> Period {
        let date = self.date_at(at);
        let next = date.next_day().unwrap_or(date);
        Period {
            key: PeriodKey::of(date, date.day()),
            start: self.midnight(date),
            end: self.midnight(next),
        }
    }

    /// The month that a point in time lies in.
    pub fn month(self, at: UnixMs) -> Period {
        let date = self.date_at(at);
        let first = date.replace_day(1).unwrap_or(date);
        let length = date.month().length(date.year());
        let last = date.replace_day(length).unwrap_or(date);
        Period {
            key: PeriodKey::of(date, 0),
            start: self.midnight(first),
            end: self.midnight(last.next_day().unwrap_or(last)),
        }
    }

    /// The end of a day by its name; `None` for the name of a month, or of a day that no calendar has.
    pub fn end_of_day(self, key: PeriodKey) -> Option<UnixMs> {
        Some(self.midnight(key.date()?.next_day()?))
    }

    /// A point in time as in RFC 3339, to the second: `2026-11-26T00:00:00+01:00`.
    pub fn spell(self, at: UnixMs) -> String {
        let seconds = seconds(at);
        let offset = self.offset_at(seconds);
        let there = at_second(seconds + offset);
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            there.year(),
            u8::from(there.month()),
            there.day(),
            there.hour(),
            there.minute(),
            there.second()
        );
        match offset {
            0 => text.push('Z'),
            _ => {
                let (sign, minutes) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
                text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
            }
        }
        text
    }

    /// The distance of local time from UTC at a point in time (seconds).
    fn offset_at(self, seconds: i64) -> i64 {
        match self {
            Self::Utc => 0,
            Self::Offset(offset) => i64::from(offset),
            Self::Pacific => {
                let year = at_second(seconds + PACIFIC_STANDARD).year();
                let begins = sunday(year, Month::March, 2) + 2 * 3600 - PACIFIC_STANDARD;
                let ends = sunday(year, Month::November, 1) + 2 * 3600 - PACIFIC_DAYLIGHT;
                if (begins..ends).contains(&seconds) {
                    PACIFIC_DAYLIGHT
                } else {
                    PACIFIC_STANDARD
                }
            }
        }
    }

    fn date_at(self, at: UnixMs) -> Date {
        let seconds = seconds(at);
        at_second(seconds + self.offset_at(seconds)).date()
    }

    /// The point in time at which a day begins here. Clocks change at 02:00, so the hour after midnight tells the offset
    /// at midnight.
    fn midnight(self, date: Date) -> UnixMs {
        let there = start_of(date);
        let offset = match self {
            Self::Pacific => self.offset_at(there - PACIFIC_STANDARD),
            _ => self.offset_at(there),
        };
        u64::try_from(there - offset).unwrap_or(0) * 1000
    }
}

impl PeriodKey {
    /// Reads `2026-11-26` or `2026-11`; `None` for a text that names no day or month.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| -> Option<u16> {
            let part = parts.next()?;
            let is_number = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok())?
        };
        let (year, month) = (number(4)?, u8::try_from(number(2)?).ok()?);
        let day = match text.len() {
            7 => 0,
            _ => u8::try_from(number(2)?).ok().filter(|day| *day > 0)?,
        };
        let key = Self { year, month, day };
        let is_one = parts.next().is_none() && key.first().is_some();
        is_one.then_some(key)
    }

    /// Whether it names a month.
    pub fn is_month(self) -> bool {
        self.day == 0
    }

    /// The month of a day; a month's own name.
    #[must_use]
    pub fn month(self) -> Self {
        Self { day: 0, ..self }
    }

    fn of(date: Date, day: u8) -> Self {
        Self {
            year: u16::try_from(date.year()).unwrap_or_default(),
            month: date.month().into(),
            day,
        }
    }

    fn date(self) -> Option<Date> {
        (self.day > 0).then(|| self.first())?
    }

    /// The day itself, or the first of the month.
    fn first(self) -> Option<Date> {
        let month = Month::try_from(self.month).ok()?;
        Date::from_calendar_date(self.year.into(), month, self.day.max(1)).ok()
    }
}

impl fmt::Display for PeriodKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)?;
        match self.day {
            0 => Ok(()),
            day => write!(f, "-{day:02}"),
        }
    }
}

/// The whole seconds of a point in time, within what a calendar has.
fn seconds(at: UnixMs) -> i64 {
    i64::try_from(at / 1000).unwrap_or(LAST).min(LAST)
}

fn at_second(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds.clamp(0, LAST + DAY))
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// The start of a day in UTC (seconds since 1970).
fn start_of(date: Date) -> i64 {
    date.midnight().assume_utc().unix_timestamp()
}

/// The start of the nth Sunday of a month, as if in UTC (seconds since 1970).
fn sunday(year: i32, month: Month, nth: i64) -> i64 {
    let Ok(first) = Date::from_calendar_date(year, month, 1) else {
        return 0;
    };
    let to_sunday = (7 - i64::from(first.weekday().number_days_from_sunday())) % 7;
    start_of(first) + (to_sunday + (nth - 1) * 7) * DAY
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> UnixMs {
        let (date, rest) = text.split_once('T').unwrap();
        let key = PeriodKey::parse(date).unwrap();
        let mut clock = rest.trim_end_matches('Z').split(':');
        let mut next = || clock.next().unwrap().parse::<i64>().unwrap();
        let seconds = start_of(key.date().unwrap()) + next() * 3600 + next() * 60 + next();
        u64::try_from(seconds).unwrap() * 1000
    }

    #[test]
    fn zones_are_read_as_they_are_written() {
        for (text, zone) in [
            ("utc", Some(TimeZone::Utc)),
            ("UTC", Some(TimeZone::Utc)),
            ("pacific", Some(TimeZone::Pacific)),
            ("+02:00", Some(TimeZone::Offset(7200))),
            ("-03:30", Some(TimeZone::Offset(-12_600))),
            ("\u{2212}08:00", Some(TimeZone::Offset(-28_800))),
            ("+00:00", Some(TimeZone::Utc)),
            ("+14:00", Some(TimeZone::Offset(50_400))),
            ("+15:00", None),
            ("+2:00", None),
            ("+0200", None),
            ("02:00", None),
            ("+02:60", None),
            ("Europe/Berlin", None),
            ("", None),
        ] {
            assert_eq!(TimeZone::parse(text), zone, "{text}");
        }
    }

    /// The Pacific day of both changes of clocks has 23 and 25 hours.
    #[test]
    fn days_turn_at_midnight_of_their_zone() {
        let plus_one = TimeZone::Offset(3600);
        for (zone, time, key, start, end) in [
            (
                TimeZone::Utc,
                "2026-11-26T18:00:00Z",
                "2026-11-26",
                "2026-11-26T00:00:00Z",
                "2026-11-27T00:00:00Z",
            ),
            (
                plus_one,
                "2026-12-31T23:00:00Z",
                "2027-01-01",
                "2026-12-31T23:00:00Z",
                "2027-01-01T23:00:00Z",
            ),
            (
                plus_one,
                "2026-12-31T22:59:59Z",
                "2026-12-31",
                "2026-12-30T23:00:00Z",
                "2026-12-31T23:00:00Z",
            ),
            (
                TimeZone::Pacific,
                "2026-01-15T07:59:59Z",
                "2026-01-14",
                "2026-01-14T08:00:00Z",
                "2026-01-15T08:00:00Z",
            ),
            (
                TimeZone::Pacific,
                "2026-03-08T10:00:00Z",
                "2026-03-08",
                "2026-03-08T08:00:00Z",
                "2026-03-09T07:00:00Z",
            ),
            (
                TimeZone::Pacific,
                "2026-07-01T06:59:59Z",
                "2026-06-30",
                "2026-06-30T07:00:00Z",
                "2026-07-01T07:00:00Z",
            ),
            (
                TimeZone::Pacific,
                "2026-11-01T09:00:00Z",
                "2026-11-01",
                "2026-11-01T07:00:00Z",
                "2026-11-02T08:00:00Z",
            ),
        ] {
            let day = zone.day(at(time));
            assert_eq!(day.key.to_string(), key, "{zone:?} {time}");
            assert_eq!(
                (day.start, day.end),
                (at(start), at(end)),
                "{zone:?} {time}"
            );
        }
    }

    #[test]
    fn months_turn_with_their_last_day() {
        for (zone, time, key, start, end) in [
            (
                TimeZone::Utc,
                "2024-02-29T23:59:59Z",
                "2024-02",
                "2024-02-01T00:00:00Z",
                "2024-03-01T00:00:00Z",
            ),
            (
                TimeZone::Pacific,
                "2026-03-31T12:00:00Z",
                "2026-03",
                "2026-03-01T08:00:00Z",
                "2026-04-01T07:00:00Z",
            ),
            (
                TimeZone::Offset(-3600),
                "2027-01-01T00:30:00Z",
                "2026-12",
                "2026-12-01T01:00:00Z",
                "2027-01-01T01:00:00Z",
            ),
        ] {
            let month = zone.month(at(time));
            assert_eq!(month.key.to_string(), key, "{zone:?} {time}");
            assert_eq!((month.start, month.end), (at(start), at(end)));
        }
    }

    /// Every hour of some years lies in the day and the month that are said of it, and each ends where the next begins.
    #[test]
    fn periods_follow_each_other_without_a_gap() {
        for zone in [TimeZone::Utc, TimeZone::Pacific, TimeZone::Offset(-34_200)] {
            let mut now = at("2023-12-30T00:00:00Z");
            let (mut day, mut month) = (zone.day(now), zone.month(now));
            while now < at("2028-01-03T00:00:00Z") {
                let (next_day, next_month) = (zone.day(now), zone.month(now));
                for (known, next) in [(&mut day, next_day), (&mut month, next_month)] {
                    assert!((next.start..next.end).contains(&now));
                    if next != *known {
                        assert_eq!(known.end, next.start);
                        assert!(known.key < next.key);
                        *known = next;
                    }
                }
                assert_eq!(day.key.month(), month.key);
                now += 1_800_000;
            }
        }
    }

    #[test]
    fn names_are_read_back() {
        for text in ["2026-11-26", "2026-11", "2024-02-29", "1970-01-01"] {
            let key = PeriodKey::parse(text).unwrap();
            assert_eq!(key.to_string(), text);
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-00",
            "2026-11-00",
            "2026-02-30",
            "2026-1-1",
            "26-11",
            "2026-11-26-1",
            "2026-11-26T",
            "+026-11",
            "2026-11-",
        ] {
            assert_eq!(PeriodKey::parse(text), None, "{text}");
        }
    }

    #[test]
    fn points_in_time_are_told_with_their_offset() {
        let time = at("2026-11-25T23:00:00Z");
        assert_eq!(TimeZone::Utc.spell(time), "2026-11-25T23:00:00Z");
        let zone = TimeZone::Offset(3600);
        assert_eq!(zone.spell(time), "2026-11-26T00:00:00+01:00");
        assert_eq!(TimeZone::Pacific.spell(time), "2026-11-25T15:00:00-08:00");
        let day = PeriodKey::parse("2027-01-31").unwrap();
        let end = zone.end_of_day(day).map(|end| zone.spell(end));
        assert_eq!(end.as_deref(), Some("2027-02-01T00:00:00+01:00"));
    }

    /// A clock that was never set shows 1970, a broken one anything.
    #[test]
    fn absurd_clocks_have_a_day_too() {
        for now in [0, 1, u64::MAX / 2, u64::MAX] {
            for zone in [TimeZone::Utc, TimeZone::Pacific, TimeZone::Offset(-50_400)] {
                let (day, month) = (zone.day(now), zone.month(now));
                assert!(
                    day.start < day.end && month.start < month.end,
                    "{now} {zone:?}"
                );
                assert!(!zone.spell(now).is_empty());
            }
        }
    }
}
