//! Writes `respond`, the function that does what a form is for. It is plain Python, the same for
//! both frameworks, and takes the inputs in their order.

use crate::plan::{Action, Field, FieldKind, FormPlan, TextChange};
use crate::python::{Code, identifier, literal};

/// What `respond` returns, and so how it is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    Text,
    /// A table with `x` and `y`.
    Line,
    /// A table with `label` and `value`.
    Bars,
    Table,
    Image,
}

/// A form with the variables that stand for its inputs.
pub(super) struct Form<'a> {
    pub(super) plan: &'a FormPlan,
    pub(super) fields: Vec<Field>,
    pub(super) variables: Vec<String>,
}

/// What a choice of operations is called.
const OPERATION: &str = "Operation";

impl<'a> Form<'a> {
    pub(super) fn new(plan: &'a FormPlan) -> Self {
        let mut fields = plan.fields.clone();
        if let Action::Arithmetic { operations } = &plan.action
            && operations.len() > 1
        {
            let options = operations.clone();
            fields.push(Field {
                label: OPERATION.to_owned(),
                kind: FieldKind::Radio { options },
            });
        }
        let mut taken = Vec::new();
        let variables = fields
            .iter()
            .map(|field| identifier(&field.label, &mut taken))
            .collect();
        Self {
            plan,
            fields,
            variables,
        }
    }

    pub(super) fn shape(&self) -> Shape {
        match self.plan.action {
            Action::Wave => Shape::Line,
            Action::Bars => Shape::Bars,
            Action::Preview | Action::Collect => Shape::Table,
            Action::Show | Action::Grey => Shape::Image,
            _ => Shape::Text,
        }
    }

    /// The modules that `respond` needs, in the order of their names.
    pub(super) fn imports(&self) -> (bool, bool) {
        let needs_math = self.plan.action == Action::Wave;
        let needs_pandas = matches!(
            self.plan.action,
            Action::Wave | Action::Bars | Action::Preview
        );
        (needs_math, needs_pandas)
    }

    fn numbers(&self) -> Vec<&str> {
        self.variables_of(FieldKind::is_numeric)
    }

    fn variables_of(&self, wanted: fn(&FieldKind) -> bool) -> Vec<&str> {
        let fields = self.fields.iter().zip(&self.variables);
        fields
            .filter(|(field, _)| wanted(&field.kind))
            .map(|(_, variable)| variable.as_str())
            .collect()
    }

    /// Writes the function, where the action needs one.
    pub(super) fn write(&self, code: &mut Code) {
        let head = crate::python::wrap("def respond(", &self.variables, "):", 0);
        match &self.plan.action {
            Action::Collect => {}
            Action::Chat => code.function("def respond(message, history):", |code| {
                code.line("\"\"\"Answer a message. Put the call of a language model here.\"\"\"");
                code.line("return f\"You said: {message}\"");
            }),
            action => code.function(head, |code| self.body(code, action)),
        }
    }

    fn body(&self, code: &mut Code, action: &Action) {
        match action {
            Action::Greeting => self.greeting(code),
            Action::Arithmetic { operations } => self.arithmetic(code, operations),
            Action::Text { change } => self.text(code, *change),
            Action::Convert {
                from,
                to,
                factor,
                offset,
            } => {
                let number = self
                    .numbers()
                    .first()
                    .map_or("0", |number| number)
                    .to_owned();
                code.line("\"\"\"Convert the number.\"\"\"");
                code.line(format!(
                    "if {number} is None:\n    return \"Enter a number.\""
                ));
                let sum = if offset == "0" {
                    String::new()
                } else {
                    format!(" + {offset}").replace("+ -", "- ")
                };
                code.line(format!("result = {number} * {factor}{sum}"));
                code.line(format!(
                    "return f\"{{{number}:g}} {from} = {{result:,.6g}} {to}\""
                ));
            }
            Action::Wave => self.wave(code),
            Action::Bars => self.bars(code),
            Action::Preview => {
                let file = self.variables_of(|kind| *kind == FieldKind::File);
                let file = file.first().copied().unwrap_or("file");
                code.line(
                    "\"\"\"Return the first rows of the file; its delimiter is found out.\"\"\"",
                );
                code.line(format!("if {file} is None:\n    return pd.DataFrame()"));
                code.line(format!(
                    "return pd.read_csv({file}, sep=None, engine=\"python\").head(100)"
                ));
            }
            Action::Show | Action::Grey => {
                let image = self.variables_of(|kind| *kind == FieldKind::Image);
                let image = image.first().copied().unwrap_or("image");
                if *action == Action::Grey {
                    code.line("\"\"\"Return the picture in grey.\"\"\"");
                    code.line(format!("return {image} and {image}.convert(\"L\")"));
                } else {
                    code.line("\"\"\"Return the picture as it is.\"\"\"");
                    code.line(format!("return {image}"));
                }
            }
            Action::Summary | Action::Collect | Action::Chat => self.summary(code),
        }
    }

    fn entries(&self, skip: Option<&str>) -> Vec<String> {
        let fields = self.fields.iter().zip(&self.variables);
        fields
            .filter(|(_, variable)| Some(variable.as_str()) != skip)
            .map(|(field, variable)| format!("{}: {variable}", literal(&field.label)))
            .collect()
    }

    fn summary(&self, code: &mut Code) {
        code.line("\"\"\"Say what was entered.\"\"\"");
        code.call("entered = {", &self.entries(None), "}");
        code.line("return \"\\n\".join(f\"{label}: {value}\" for label, value in entered.items())");
    }

    fn greeting(&self, code: &mut Code) {
        let texts = self.variables_of(|kind| matches!(kind, FieldKind::Text { .. }));
        let name = texts.first().copied().unwrap_or("name");
        code.line("\"\"\"Greet by name.\"\"\"");
        code.line(format!(
            "greeting = f\"Hello, {{{name}.strip() or 'world'}}!\""
        ));
        let entries = self.entries(Some(name));
        if entries.is_empty() {
            code.line("return greeting");
        } else {
            code.call("entered = {", &entries, "}");
            code.line("lines = [f\"{label}: {value}\" for label, value in entered.items()]");
            code.line("return \"\\n\".join([greeting, *lines])");
        }
    }

    fn arithmetic(&self, code: &mut Code, operations: &[String]) {
        let numbers = self.numbers();
        let join = |operator: &str| numbers.join(&format!(" {operator} "));
        let first = numbers.first().copied().unwrap_or("0");
        let formula = |operation: &str| match operation {
            "subtract" => join("-"),
            "multiply" => join("*"),
            "divide" => join("/"),
            "average" => format!("({}) / {}", join("+"), numbers.len()),
            "percent" => format!("{} / 100", join("*")),
            "square" => format!("{first}**2"),
            "cube" => format!("{first}**3"),
            "double" => format!("{first} * 2"),
            "root" => format!("abs({first}) ** 0.5"),
            _ => join("+"),
        };
        code.line("\"\"\"Calculate with the numbers.\"\"\"");
        match numbers[..] {
            [only] => code.line(format!("if {only} is None:")),
            _ => code.line(format!("if None in ({}):", numbers.join(", "))),
        }
        code.line("    return \"Enter all numbers.\"");
        let divides = operations.iter().any(|operation| operation == "divide");
        let divisors: Vec<String> = numbers
            .iter()
            .skip(1)
            .map(|number| (*number).to_owned())
            .collect();
        let guard = match &divisors[..] {
            [only] => format!("{only} == 0"),
            _ => format!("0 in ({})", divisors.join(", ")),
        };
        if let [only] = operations {
            if divides {
                code.line(format!(
                    "if {guard}:\n    return \"Nothing can be divided by zero.\""
                ));
            }
            code.line(format!("result = {}", formula(only)));
        } else {
            let choice = self.variables.last().map_or("operation", String::as_str);
            if divides {
                code.line(format!("if {choice} == \"divide\" and {guard}:"));
                code.line("    return \"Nothing can be divided by zero.\"");
            }
            for (index, operation) in operations.iter().enumerate() {
                let word = match index {
                    0 => "if",
                    _ => "elif",
                };
                let head = if index + 1 == operations.len() {
                    "else:".to_owned()
                } else {
                    format!("{word} {choice} == {}:", literal(operation))
                };
                code.block(head, |code| {
                    code.line(format!("result = {}", formula(operation)))
                });
            }
        }
        code.line("return f\"{result:,.10g}\"");
    }

    fn text(&self, code: &mut Code, change: TextChange) {
        let texts = self.variables_of(|kind| matches!(kind, FieldKind::Text { .. }));
        let text = texts.first().copied().unwrap_or("text");
        match change {
            TextChange::Reverse => code.line(format!(
                "\"\"\"Turn the text round.\"\"\"\nreturn {text}[::-1]"
            )),
            TextChange::Uppercase => {
                code.line(format!(
                    "\"\"\"Write the text in capitals.\"\"\"\nreturn {text}.upper()"
                ));
            }
            TextChange::Lowercase => {
                code.line(format!(
                    "\"\"\"Write the text without capitals.\"\"\"\nreturn {text}.lower()"
                ));
            }
            TextChange::Count => {
                code.line("\"\"\"Count words, characters and lines.\"\"\"");
                code.line(format!(
                    "words, lines = len({text}.split()), len({text}.splitlines())"
                ));
                code.line(format!(
                    "return f\"{{words}} words, {{len({text})}} characters, {{lines}} lines\""
                ));
            }
        }
    }

    fn wave(&self, code: &mut Code) {
        let numbers = self.numbers();
        let [frequency, amplitude] = [0, 1].map(|index| numbers.get(index).copied().unwrap_or("1"));
        code.line("\"\"\"Return the points of a sine wave over two seconds.\"\"\"");
        code.line("x = [step / 200 for step in range(401)]");
        code.line(format!("turns = 2 * math.pi * ({frequency} or 0)"));
        code.line(format!(
            "y = [({amplitude} or 0) * math.sin(turns * second) for second in x]"
        ));
        code.line("return pd.DataFrame({\"x\": x, \"y\": y})");
    }

    fn bars(&self, code: &mut Code) {
        let numbers = self
            .fields
            .iter()
            .zip(&self.variables)
            .filter(|(field, _)| field.kind.is_numeric());
        let entries: Vec<String> = numbers
            .map(|(field, variable)| format!("{}: {variable} or 0", literal(&field.label)))
            .collect();
        code.line("\"\"\"Return one bar for each number.\"\"\"");
        if entries.is_empty() {
            let texts = self.variables_of(|kind| matches!(kind, FieldKind::Text { .. }));
            let text = texts.first().copied().unwrap_or("text");
            code.line("bars = {}");
            code.block(format!("for part in {text}.split(\",\"):"), |code| {
                code.block("try:", |code| {
                    code.line("bars[f\"{len(bars) + 1}\"] = float(part)")
                });
                code.block("except ValueError:", |code| {
                    code.line("continue  # what is no number is left out")
                });
            });
        } else {
            code.call("bars = {", &entries, "}");
        }
        code.line("return pd.DataFrame({\"label\": list(bars), \"value\": list(bars.values())})");
    }
}
