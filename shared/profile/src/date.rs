//! Recognises dates, and says how to read them in the notation of `strptime`.
//!
//! One column has one format: the first value proposes a few, and each further value strikes out
//! those that it does not follow. So `03/04/2020` is settled by a later `25/04/2020`.

mod parse;

/// Years outside this range do not fit a timestamp of nanoseconds.
const YEARS: std::ops::RangeInclusive<u16> = 1678..=2261;

/// A point in time as it is written, without its zone. The order of the fields is that of time.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Stamp {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

impl Stamp {
    /// A day that is in the calendar.
    fn day(year: u16, month: u8, day: u8) -> Option<Self> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u8::from(leap),
            _ => return None,
        };
        (YEARS.contains(&year) && (1..=last).contains(&day)).then_some(Self {
            year,
            month,
            day,
            hour: 0,
            minute: 0,
            second: 0,
        })
    }

    fn iso(self, with_time: bool) -> String {
        let Self {
            year,
            month,
            day,
            hour,
            minute,
            second,
        } = self;
        if with_time {
            format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
        } else {
            format!("{year:04}-{month:02}-{day:02}")
        }
    }
}

/// How a column writes its dates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Format {
    day: DayFormat,
    time: TimeFormat,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum DayFormat {
    /// `2020-01-31`, `31.01.2020`, `01/31/2020`, `31/01/20`.
    Numbers {
        order: Order,
        separator: u8,
        short_year: bool,
    },
    /// `2020-01`.
    YearMonth { separator: u8 },
    /// `Jan 31 2020`, `January 31, 2020`, `31-Jan-20`, `January 2020`.
    Named {
        order: Order,
        separator: u8,
        comma: bool,
        long_name: bool,
        short_year: bool,
    },
}

/// In the order in which they win where several fit all values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    YearMonthDay,
    MonthDayYear,
    DayMonthYear,
    MonthYear,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum TimeFormat {
    None,
    /// After an ISO day; seconds and fractions may come and go.
    Iso {
        zoned: bool,
    },
    Clock {
        separator: u8,
        seconds: bool,
        fraction: bool,
        half_day: HalfDay,
    },
}

/// `AM` and `PM`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HalfDay {
    Absent,
    Attached,
    Spaced,
}

impl Format {
    fn strptime(self) -> String {
        let year = |short: bool| if short { "%y" } else { "%Y" };
        let mut text = match self.day {
            DayFormat::Numbers { .. } if matches!(self.time, TimeFormat::Iso { .. }) => {
                return "ISO8601".to_owned();
            }
            DayFormat::Numbers {
                order,
                separator,
                short_year,
            } => {
                let (separator, year) = (char::from(separator), year(short_year));
                match order {
                    Order::DayMonthYear => format!("%d{separator}%m{separator}{year}"),
                    Order::MonthDayYear => format!("%m{separator}%d{separator}{year}"),
                    Order::YearMonthDay | Order::MonthYear => {
                        format!("{year}{separator}%m{separator}%d")
                    }
                }
            }
            DayFormat::YearMonth { separator } => format!("%Y{}%m", char::from(separator)),
            DayFormat::Named {
                order,
                separator,
                comma,
                long_name,
                short_year,
            } => {
                let (separator, year) = (char::from(separator), year(short_year));
                let month = if long_name { "%B" } else { "%b" };
                let comma = if comma { "," } else { "" };
                match order {
                    Order::DayMonthYear => format!("%d{separator}{month}{separator}{year}"),
                    Order::MonthYear => format!("{month}{separator}{year}"),
                    Order::MonthDayYear | Order::YearMonthDay => {
                        format!("{month}{separator}%d{comma}{separator}{year}")
                    }
                }
            }
        };
        if let TimeFormat::Clock {
            separator,
            seconds,
            fraction,
            half_day,
        } = self.time
        {
            text.push(char::from(separator));
            text.push_str(if half_day == HalfDay::Absent {
                "%H:%M"
            } else {
                "%I:%M"
            });
            text.push_str(if seconds { ":%S" } else { "" });
            text.push_str(if fraction { ".%f" } else { "" });
            text.push_str(match half_day {
                HalfDay::Absent => "",
                HalfDay::Attached => "%p",
                HalfDay::Spaced => " %p",
            });
        }
        text
    }

    fn order(self) -> Order {
        match self.day {
            DayFormat::Numbers { order, .. } | DayFormat::Named { order, .. } => order,
            DayFormat::YearMonth { .. } => Order::YearMonthDay,
        }
    }
}

/// The formats that all values of a column so far follow.
#[derive(Default)]
pub(crate) struct DateCandidates {
    seen: bool,
    alive: Vec<Candidate>,
}

struct Candidate {
    format: Format,
    min: Stamp,
    max: Stamp,
    /// Whether the latest value follows it.
    follows: bool,
}

/// What a column of dates turned out to be.
pub(crate) struct Dates {
    pub(crate) format: String,
    pub(crate) with_time: bool,
    pub(crate) zoned: bool,
    /// Day and month could be the other way round.
    pub(crate) ambiguous: bool,
    pub(crate) min: String,
    pub(crate) max: String,
}

impl DateCandidates {
    #[inline]
    pub(crate) fn add(&mut self, value: &[u8]) {
        if !self.seen || !self.alive.is_empty() {
            self.strike(value);
        }
    }

    /// Strikes out the formats that a value does not follow.
    fn strike(&mut self, value: &[u8]) {
        let readings = parse::readings(value);
        if !self.seen {
            self.seen = true;
            let candidate = |(format, stamp)| Candidate {
                format,
                min: stamp,
                max: stamp,
                follows: true,
            };
            self.alive = readings.into_iter().map(candidate).collect();
            return;
        }
        for candidate in &mut self.alive {
            candidate.follows = false;
        }
        for (format, stamp) in readings {
            for candidate in &mut self.alive {
                if candidate.format == format {
                    candidate.min = candidate.min.min(stamp);
                    candidate.max = candidate.max.max(stamp);
                    candidate.follows = true;
                }
            }
        }
        self.alive.retain(|candidate| candidate.follows);
    }

    /// The format that all values follow.
    pub(crate) fn finish(&self) -> Option<Dates> {
        let chosen = self.alive.first()?;
        let with_time = chosen.format.time != TimeFormat::None;
        Some(Dates {
            format: chosen.format.strptime(),
            with_time,
            zoned: chosen.format.time == TimeFormat::Iso { zoned: true },
            ambiguous: self
                .alive
                .iter()
                .any(|other| other.format.order() != chosen.format.order()),
            min: chosen.min.iso(with_time),
            max: chosen.max.iso(with_time),
        })
    }
}

#[cfg(test)]
mod tests;
