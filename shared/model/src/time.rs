//! Moments, as whole milliseconds since 1970 in UTC.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const MILLIS_A_DAY: u64 = 86_400_000;

/// A moment in UTC, in milliseconds since 1970-01-01; JSON shows it as RFC 3339.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment `millis` milliseconds after 1970-01-01T00:00:00Z.
    pub fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_millis(self) -> u64 {
        self.0
    }

    /// The moment `duration` later.
    pub fn after(self, duration: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// The moment `duration` earlier; `None` before 1970.
    pub fn before(self, duration: Duration) -> Option<Self> {
        self.0
            .checked_sub(u64::try_from(duration.as_millis()).ok()?)
            .map(Self)
    }

    /// The time from `earlier` to this moment, zero if it is the later one.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The calendar day, as `2026-11-21`: the key of the day index.
    pub fn day(self) -> String {
        let (year, month, day) = civil_from_days(self.0 / MILLIS_A_DAY);
        format!("{year:04}-{month:02}-{day:02}")
    }
}

/// The proleptic Gregorian date of a day number (H. Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`), for days since 1970-01-01.
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0 % MILLIS_A_DAY;
        let (hours, minutes) = (of_day / 3_600_000, of_day / 60_000 % 60);
        let (seconds, millis) = (of_day / 1_000 % 60, of_day % 1_000);
        write!(
            formatter,
            "{}T{hours:02}:{minutes:02}:{seconds:02}.{millis:03}Z",
            self.day()
        )
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{text}` is not a moment like 2026-11-21T09:42:57.000Z"
            ))
        })
    }
}

/// Reads the one form that `Display` writes.
fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let shape = |at: usize, mark: u8| bytes.get(at) == Some(&mark);
    let marks = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'.'),
        (23, b'Z'),
    ];
    if bytes.len() != 24 || !marks.iter().all(|&(at, mark)| shape(at, mark)) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let of_day = (number(11, 13)? * 3_600 + number(14, 16)? * 60 + number(17, 19)?) * 1_000;
    let millis = days_from_civil(year, month, day) * MILLIS_A_DAY + of_day + number(20, 23)?;
    Some(Timestamp(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn writes_rfc_3339_in_utc() {
        let check = |millis, text: &str| {
            assert_eq!(Timestamp::from_unix_millis(millis).to_string(), text);
        };
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_795_254_177_123, "2026-11-21T09:42:57.123Z");
    }

    proptest! {
        #[test]
        fn a_moment_reads_back_as_it_was_written(millis in 0u64..253_402_300_800_000) {
            let moment = Timestamp::from_unix_millis(millis);
            prop_assert_eq!(parse(&moment.to_string()), Some(moment));
        }
    }
}
