//! Reads one value in every way that it can be a date.

use super::{DayFormat, Format, HalfDay, Order, Stamp, TimeFormat};

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The ways to read one value: two at most, by the order of day and month or by `May`.
pub(super) struct Ways<T>([Option<(T, Stamp)>; WAYS]);

const WAYS: usize = 4;

impl<T> Ways<T> {
    fn none() -> Self {
        Self([const { None }; WAYS])
    }

    fn push(&mut self, format: T, stamp: Stamp) {
        if let Some(place) = self.0.iter_mut().find(|place| place.is_none()) {
            *place = Some((format, stamp));
        }
    }
}

impl<T> IntoIterator for Ways<T> {
    type Item = (T, Stamp);
    type IntoIter = std::iter::Flatten<std::array::IntoIter<Option<(T, Stamp)>, WAYS>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter().flatten()
    }
}

/// Every format that the value follows, with the point in time that it then means.
pub(super) fn readings(value: &[u8]) -> Ways<Format> {
    let mut found = Ways::none();
    // From `1/1/20` to `September 30, 2020 11:59:59.999999 PM`.
    if !(6..=40).contains(&value.len()) || !value.is_ascii() {
        return found;
    }
    let Ok(text) = std::str::from_utf8(value) else {
        return found;
    };
    let (day, clock) = split_time(text);
    for (day_format, stamp) in days(day) {
        let Some(clock) = clock else {
            let time = TimeFormat::None;
            found.push(
                Format {
                    day: day_format,
                    time,
                },
                stamp,
            );
            continue;
        };
        let iso = day_format == ISO_DAY;
        if let Some((time, stamp)) = read_clock(clock, stamp, iso) {
            found.push(
                Format {
                    day: day_format,
                    time,
                },
                stamp,
            );
        }
    }
    found
}

const ISO_DAY: DayFormat = DayFormat::Numbers {
    order: Order::YearMonthDay,
    separator: b'-',
    short_year: false,
};

/// Parts `2020-01-31 10:00` before the character that separates day and time.
fn split_time(text: &str) -> (&str, Option<&str>) {
    let Some(colon) = text.find(':') else {
        return (text, None);
    };
    let hour = text[..colon]
        .bytes()
        .rev()
        .take(2)
        .take_while(u8::is_ascii_digit)
        .count();
    let start = colon - hour;
    if hour == 0 || start == 0 {
        return (text, None);
    }
    (&text[..start - 1], Some(&text[start - 1..]))
}

fn days(text: &str) -> Ways<DayFormat> {
    let mut found = Ways::none();
    let separator = text
        .bytes()
        .find(|byte| matches!(byte, b'-' | b'/' | b'.' | b' '));
    let Some(separator) = separator else {
        return found;
    };
    let mut parts = text.split(char::from(separator));
    let mut next = || parts.next();
    match (next(), next(), next(), next()) {
        (Some(first), Some(second), Some(third), None) if separator != b' ' => {
            numbers(first, second, third, separator, &mut found);
            named_day_first(first, second, third, separator, &mut found);
        }
        (Some(first), Some(second), Some(third), None) => {
            named_day_first(first, second, third, separator, &mut found);
            named_month_first(first, second, third, &mut found);
        }
        (Some(first), Some(second), None, _) => two_parts(first, second, separator, &mut found),
        _ => {}
    }
    found
}

fn numbers(first: &str, second: &str, third: &str, separator: u8, found: &mut Ways<DayFormat>) {
    let mut add = |order, short_year, year: Option<u16>, month: Option<u8>, day: Option<u8>| {
        if let (Some(year), Some(month), Some(day)) = (year, month, day)
            && let Some(stamp) = Stamp::day(year, month, day)
        {
            let format = DayFormat::Numbers {
                order,
                separator,
                short_year,
            };
            found.push(format, stamp);
        }
    };
    if first.len() == 4 {
        return add(
            Order::YearMonthDay,
            false,
            year(first),
            small(second),
            small(third),
        );
    }
    let short = third.len() == 2;
    let year = if short {
        short_year(third)
    } else {
        year(third)
    };
    // The dot is European: there the day comes first.
    if separator == b'.' {
        add(
            Order::DayMonthYear,
            short,
            year,
            small(second),
            small(first),
        );
    } else {
        add(
            Order::MonthDayYear,
            short,
            year,
            small(first),
            small(second),
        );
        add(
            Order::DayMonthYear,
            short,
            year,
            small(second),
            small(first),
        );
    }
}

fn named_day_first(
    first: &str,
    second: &str,
    third: &str,
    separator: u8,
    found: &mut Ways<DayFormat>,
) {
    let short = third.len() == 2;
    let year = if short {
        short_year(third)
    } else {
        year(third)
    };
    for (month, long_name) in month_names(second) {
        if let (Some(day), Some(year)) = (small(first), year)
            && let Some(stamp) = Stamp::day(year, month, day)
        {
            let order = Order::DayMonthYear;
            let format = DayFormat::Named {
                order,
                separator,
                comma: false,
                long_name,
                short_year: short,
            };
            found.push(format, stamp);
        }
    }
}

fn named_month_first(first: &str, second: &str, third: &str, found: &mut Ways<DayFormat>) {
    let comma = second.ends_with(',');
    for (month, long_name) in month_names(first) {
        if let (Some(day), Some(year)) = (small(second.trim_end_matches(',')), year(third))
            && let Some(stamp) = Stamp::day(year, month, day)
        {
            let (order, separator, short_year) = (Order::MonthDayYear, b' ', false);
            let format = DayFormat::Named {
                order,
                separator,
                comma,
                long_name,
                short_year,
            };
            found.push(format, stamp);
        }
    }
}

fn two_parts(first: &str, second: &str, separator: u8, found: &mut Ways<DayFormat>) {
    // `2020.01` is a number.
    if first.len() == 4 && separator != b'.' {
        if let (Some(year), Some(month)) =
            (year(first), small(second).filter(|_| second.len() == 2))
            && let Some(stamp) = Stamp::day(year, month, 1)
        {
            found.push(DayFormat::YearMonth { separator }, stamp);
        }
        return;
    }
    for (month, long_name) in month_names(first) {
        if let Some(stamp) = year(second).and_then(|year| Stamp::day(year, month, 1)) {
            let (order, comma, short_year) = (Order::MonthYear, false, false);
            let format = DayFormat::Named {
                order,
                separator,
                comma,
                long_name,
                short_year,
            };
            found.push(format, stamp);
        }
    }
}

/// The month, and whether its name is the long one; `May` is both.
fn month_names(name: &str) -> impl Iterator<Item = (u8, bool)> {
    let is_name = name.len() >= 3 && name.bytes().all(|byte| byte.is_ascii_alphabetic());
    let months = if is_name { MONTHS.as_slice() } else { &[] };
    (1..).zip(months).flat_map(move |(month, long)| {
        let is_long = name.eq_ignore_ascii_case(long);
        let is_short = name.eq_ignore_ascii_case(&long[..3]);
        let short = is_short.then_some((month, false));
        short.into_iter().chain(is_long.then_some((month, true)))
    })
}

fn read_clock(text: &str, mut stamp: Stamp, iso_day: bool) -> Option<(TimeFormat, Stamp)> {
    let separator = text
        .bytes()
        .next()
        .filter(|byte| matches!(byte, b' ' | b'T'))?;
    let (clock, zoned) = strip_zone(&text[1..]);
    let (clock, half_day, afternoon) = strip_half_day(clock);
    let mut parts = clock.split(':');
    stamp.hour = small(parts.next()?)?;
    stamp.minute = parts
        .next()
        .filter(|minute| minute.len() == 2)
        .and_then(small)?;
    let seconds = parts.next();
    if parts.next().is_some() || stamp.minute > 59 {
        return None;
    }
    let mut fraction = false;
    if let Some(seconds) = seconds {
        let (whole, rest) = seconds
            .split_once('.')
            .map_or((seconds, None), |(a, b)| (a, Some(b)));
        stamp.second = small(whole).filter(|second| whole.len() == 2 && *second < 60)?;
        fraction = rest.is_some();
        if rest.is_some_and(|rest| {
            !(1..=9).contains(&rest.len()) || !rest.bytes().all(|b| b.is_ascii_digit())
        }) {
            return None;
        }
    }
    if half_day == HalfDay::Absent {
        if stamp.hour > 23 {
            return None;
        }
    } else {
        if !(1..=12).contains(&stamp.hour) {
            return None;
        }
        stamp.hour = stamp.hour % 12 + if afternoon { 12 } else { 0 };
    }
    if iso_day && half_day == HalfDay::Absent {
        return Some((TimeFormat::Iso { zoned }, stamp));
    }
    // Only ISO 8601 says clearly what its zone means.
    let time = TimeFormat::Clock {
        separator,
        seconds: seconds.is_some(),
        fraction,
        half_day,
    };
    (!zoned).then_some((time, stamp))
}

/// Takes off `Z`, `+01:00`, `-0500` or `+01`.
fn strip_zone(text: &str) -> (&str, bool) {
    if let Some(rest) = text.strip_suffix('Z') {
        return (rest, true);
    }
    let Some(sign) = text.rfind(['+', '-']) else {
        return (text, false);
    };
    let offset = &text[sign + 1..];
    let digits = offset.bytes().filter(u8::is_ascii_digit).count();
    let right = matches!((offset.len(), digits), (2, 2) | (4, 4) | (5, 4));
    if right {
        (&text[..sign], true)
    } else {
        (text, false)
    }
}

fn strip_half_day(text: &str) -> (&str, HalfDay, bool) {
    let Some(split) = text.len().checked_sub(2) else {
        return (text, HalfDay::Absent, false);
    };
    let (clock, mark) = text.split_at(split);
    let afternoon = mark.eq_ignore_ascii_case("pm");
    if !afternoon && !mark.eq_ignore_ascii_case("am") {
        return (text, HalfDay::Absent, false);
    }
    match clock.strip_suffix(' ') {
        Some(clock) => (clock, HalfDay::Spaced, afternoon),
        None => (clock, HalfDay::Attached, afternoon),
    }
}

fn year(text: &str) -> Option<u16> {
    let digits = text.as_bytes().first_chunk::<4>()?;
    (text.len() == 4 && digits.iter().all(u8::is_ascii_digit)).then(|| {
        digits
            .iter()
            .fold(0, |year, digit| year * 10 + u16::from(digit - b'0'))
    })
}

/// As `strptime` reads `%y`: 69 to 99 are of the last century.
fn short_year(text: &str) -> Option<u16> {
    small(text)
        .filter(|_| text.len() == 2)
        .map(|year| if year < 69 { 2000 } else { 1900 } + u16::from(year))
}

/// A number of one or two digits.
fn small(text: &str) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| byte - b'0');
    match *text.as_bytes() {
        [only] => digit(only),
        [first, second] => Some(digit(first)? * 10 + digit(second)?),
        _ => None,
    }
}
