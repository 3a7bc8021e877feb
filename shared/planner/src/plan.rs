//! What a plan is: decisions, without a line of code.

use model::Framework;
use profile::ExtraFields;
use serde::{Deserialize, Serialize};

/// An app before it is written.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Plan {
    /// What stands above the app; one line.
    pub title: String,
    /// The framework that the app is written for.
    pub framework: Framework,
    /// What was assumed, one sentence each, for the person who asked.
    pub assumptions: Vec<String>,
    /// What kind of app it is.
    pub body: Body,
}

/// What is assumed of a prompt that names no input.
pub(crate) const NO_INPUT: &str =
    "the prompt names no input that the planner knows, so there is one for a text";
/// What is assumed of a prompt that names no action.
pub(crate) const NO_ACTION: &str =
    "the prompt names no action that the planner knows, so the app says what was entered";

impl Plan {
    /// Whether the planner understood nothing of the prompt: then the app is one that anybody gets.
    pub fn is_a_guess(&self) -> bool {
        let assumes = |sentence| self.assumptions.iter().any(|told| told == sentence);
        assumes(NO_INPUT) && assumes(NO_ACTION)
    }
}

/// What kind of app it is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// Figures and charts over a dataset.
    Dashboard(Box<DashboardPlan>),
    /// Inputs, and something done with them.
    Form(FormPlan),
}

/// Figures and charts over a dataset.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DashboardPlan {
    /// The file, and how it must be read.
    pub source: Source,
    /// The figures on top, never empty. The charts show one of them at a time, at first the first.
    pub kpis: Vec<Measure>,
    /// The figures over time.
    pub trend: Option<Trend>,
    /// The figures by category.
    pub breakdowns: Vec<Breakdown>,
    /// Two columns against each other.
    pub relation: Option<Relation>,
    /// A column whose values are counted in ranges.
    pub distribution: Option<String>,
    /// What the rows can be narrowed by.
    pub filters: Vec<Filter>,
    /// The rows themselves.
    pub table: Table,
}

/// A CSV file, and what `pandas.read_csv` must be told about it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Source {
    /// Its name, beside the program.
    pub file_name: String,
    /// What stands between two fields.
    pub delimiter: char,
    /// The decimal mark.
    pub decimal: char,
    /// Whether the first row holds names.
    pub has_header: bool,
    /// The names of the columns, where those in the file do not do.
    pub names: Option<Vec<String>>,
    /// How many columns there are.
    pub columns: usize,
    /// What becomes of rows with too many fields.
    pub extra_fields: Option<ExtraFields>,
    /// The columns that are dates.
    pub dates: Vec<DateColumn>,
    /// Columns of text that would be taken for numbers.
    pub text: Vec<String>,
    /// Columns of whole numbers with gaps that would become fractions.
    pub integers: Vec<String>,
}

impl Source {
    /// The columns that are days without a time.
    pub(crate) fn days(&self) -> impl Iterator<Item = &str> {
        self.dates
            .iter()
            .filter(|date| !date.with_time)
            .map(|date| date.column.as_str())
    }
}

/// A column of dates.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DateColumn {
    /// Its name.
    pub column: String,
    /// Its format, as for `strptime`.
    pub format: String,
    /// Whether there is a time of day.
    pub with_time: bool,
    /// Whether the times carry an offset from UTC.
    pub zoned: bool,
}

/// A figure: one column, put together in one way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Measure {
    /// What the person reads; different for each figure.
    pub label: String,
    /// The column.
    pub column: String,
    /// How its values are put together.
    pub aggregate: Aggregate,
    /// How many decimals are shown.
    pub decimals: u8,
}

/// How the values of a column are put together.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Added up.
    Sum,
    /// Averaged.
    Mean,
    /// The middle one.
    Median,
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// How many different ones.
    Distinct,
    /// How many rows, whatever the column holds.
    Rows,
}

/// The figures over time.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Trend {
    /// The column with the time.
    pub column: String,
    /// What the person reads below the axis.
    pub label: String,
    /// How much time makes one point.
    pub grain: Grain,
    /// A category with a line for each of its values.
    pub split_by: Option<String>,
}

/// How much time makes one point.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Grain {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A week.
    Week,
    /// A month.
    Month,
    /// Three months.
    Quarter,
    /// A year.
    Year,
    /// Each value of the column by itself: years written as numbers.
    Value,
}

/// The figures by category.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Breakdown {
    /// The column with the category.
    pub column: String,
    /// What the person reads.
    pub label: String,
    /// How many categories are shown, the largest first.
    pub top: usize,
}

/// Two columns against each other.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Relation {
    /// The column across.
    pub x: String,
    /// The column upwards.
    pub y: String,
    /// A category that gives the colour.
    pub color: Option<String>,
}

/// What the rows can be narrowed by.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Filter {
    /// From one day to another.
    Period {
        /// The column.
        column: String,
        /// What the person reads.
        label: String,
    },
    /// Some of the values.
    Choice {
        /// The column.
        column: String,
        /// What the person reads.
        label: String,
    },
    /// From one number to another.
    Range {
        /// The column.
        column: String,
        /// What the person reads.
        label: String,
        /// Whether all values are whole.
        integer: bool,
    },
}

impl Filter {
    /// What the person reads.
    pub fn label(&self) -> &str {
        match self {
            Self::Period { label, .. } | Self::Choice { label, .. } | Self::Range { label, .. } => {
                label
            }
        }
    }
}

/// The rows themselves.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Table {
    /// Only so many are shown; all of them where absent.
    pub first_rows: Option<usize>,
}

/// Inputs, and something done with them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct FormPlan {
    /// The inputs; a chat has none of its own.
    pub fields: Vec<Field>,
    /// What is done with them.
    pub action: Action,
    /// What stands on the button; without a button the result follows each change.
    pub button: Option<String>,
}

/// One input.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Field {
    /// What the person reads; different for each input.
    pub label: String,
    /// What kind it is.
    pub kind: FieldKind,
}

/// What kind of input it is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldKind {
    /// A text of some lines.
    Text {
        /// How many are seen at once.
        lines: u8,
    },
    /// A number.
    Number,
    /// A number on a scale.
    Slider {
        /// Where the scale begins.
        min: i64,
        /// Where it ends; more than `min`.
        max: i64,
    },
    /// One of some options from a list that opens.
    Dropdown {
        /// The options, never empty.
        options: Vec<String>,
    },
    /// One of some options that are all seen.
    Radio {
        /// The options, never empty.
        options: Vec<String>,
    },
    /// Any of some options.
    Multiple {
        /// The options, never empty.
        options: Vec<String>,
    },
    /// Yes or no.
    Checkbox,
    /// A day.
    Date,
    /// Any file.
    File,
    /// A picture.
    Image,
    /// A colour.
    Color,
}

impl FieldKind {
    /// Whether one can calculate with it.
    pub fn is_numeric(&self) -> bool {
        matches!(self, Self::Number | Self::Slider { .. })
    }
}

/// What is done with the inputs.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Says what was entered.
    Summary,
    /// Greets by the first text.
    Greeting,
    /// Calculates with the numbers. More than one operation adds a choice of it.
    Arithmetic {
        /// Out of `add`, `subtract`, `multiply`, `divide`, `average`, `percent`; or, of one number,
        /// `square`, `cube`, `double`, `root`.
        operations: Vec<String>,
    },
    /// Changes the first text.
    Text {
        /// How.
        change: TextChange,
    },
    /// Multiplies the number, then adds.
    Convert {
        /// The unit of the number.
        from: String,
        /// The unit of the result.
        to: String,
        /// The factor, as Python writes it.
        factor: String,
        /// What is added, as Python writes it.
        offset: String,
    },
    /// Draws a sine wave with the first number as frequency and the second as amplitude.
    Wave,
    /// Draws the numbers as bars, or a text of numbers between commas.
    Bars,
    /// Shows the table in a CSV file.
    Preview,
    /// Shows the picture in grey.
    Grey,
    /// Shows the picture.
    Show,
    /// Adds the inputs to a table as a row.
    Collect,
    /// Answers each message with its echo.
    Chat,
}

/// What is done to a text.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TextChange {
    /// From its end to its start.
    Reverse,
    /// In capitals.
    Uppercase,
    /// Without capitals.
    Lowercase,
    /// Its words, characters and lines are counted.
    Count,
}
