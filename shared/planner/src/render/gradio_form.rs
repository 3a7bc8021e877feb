//! Writes a form for Gradio: only what Gradio 5.45 and 6 have in common.

use super::respond::{Form, Shape};
use crate::plan::{Action, Field, FieldKind, FormPlan};
use crate::python::{Code, literal, literals, wrap};

pub(super) fn write(title: &str, plan: &FormPlan) -> String {
    let form = Form::new(plan);
    let mut code = Code::default();
    code.line("\"\"\"A small app. Run it with: python app.py\"\"\"\n");
    let (needs_math, needs_pandas) = form.imports();
    if needs_math {
        code.line("import math\n");
    }
    code.line("import gradio as gr");
    if needs_pandas {
        code.line("import pandas as pd");
    }
    code.line(format!("\nTITLE = {}", literal(title)));
    form.write(&mut code);
    match plan.action {
        Action::Chat => code.line("\n\ndemo = gr.ChatInterface(respond, title=TITLE)"),
        Action::Collect => collect(&mut code, &form),
        _ => page(&mut code, &form),
    }
    code.line("\nif __name__ == \"__main__\":\n    demo.launch()");
    code.finish()
}

fn page(code: &mut Code, form: &Form<'_>) {
    code.line("\n\nwith gr.Blocks(title=TITLE) as demo:");
    code.block_body(|code| {
        code.line("gr.Markdown(f\"# {TITLE}\")");
        for (field, variable) in form.fields.iter().zip(&form.variables) {
            input(code, field, variable);
        }
        if let Some(label) = &form.plan.button {
            code.line(format!(
                "button = gr.Button({}, variant=\"primary\")",
                literal(label)
            ));
        }
        code.line(match form.shape() {
            Shape::Text => "result = gr.Textbox(label=\"Result\", lines=3, interactive=False)",
            Shape::Line => "result = gr.LinePlot(x=\"x\", y=\"y\", label=\"Result\")",
            Shape::Bars => "result = gr.BarPlot(x=\"label\", y=\"value\", label=\"Result\")",
            Shape::Table => "result = gr.Dataframe(label=\"Result\", interactive=False)",
            Shape::Image => "result = gr.Image(label=\"Result\", interactive=False)",
        });
        code.line("");
        code.call("inputs = [", &form.variables, "]");
        if form.plan.button.is_some() {
            code.line("button.click(respond, inputs, result)");
        } else {
            code.line("demo.load(respond, inputs, result)");
            code.block("for field in inputs:", |code| {
                code.line("field.change(respond, inputs, result)");
            });
        }
    });
}

fn collect(code: &mut Code, form: &Form<'_>) {
    let labels = literals(form.fields.iter().map(|field| field.label.as_str()));
    code.call("COLUMNS = [", &labels, "]");
    code.function("def add_row(rows, *values):", |code| {
        code.line("\"\"\"Return the rows with one more, for the memory and for the table.\"\"\"");
        code.line("rows = [*rows, list(values)]\nreturn rows, rows");
    });
    code.line("\n\nwith gr.Blocks(title=TITLE) as demo:");
    code.block_body(|code| {
        code.line("gr.Markdown(f\"# {TITLE}\")\nrows = gr.State([])");
        for (field, variable) in form.fields.iter().zip(&form.variables) {
            input(code, field, variable);
        }
        let button = form.plan.button.as_deref().unwrap_or("Add");
        code.line(format!(
            "button = gr.Button({}, variant=\"primary\")",
            literal(button)
        ));
        code.line("table = gr.Dataframe(headers=COLUMNS, interactive=False)\n");
        let inputs: Vec<String> = std::iter::once("rows".to_owned())
            .chain(form.variables.iter().cloned())
            .collect();
        code.call("inputs = [", &inputs, "]");
        code.line("button.click(add_row, inputs, [rows, table])");
    });
}

fn input(code: &mut Code, field: &Field, variable: &str) {
    let list =
        |options: &[String]| wrap("[", &literals(options.iter().map(String::as_str)), "]", 2);
    let first = |options: &[String]| {
        format!(
            "value={}",
            literal(options.first().map_or("", String::as_str))
        )
    };
    let (component, arguments) = match &field.kind {
        // Without a value the first call would get `None`.
        FieldKind::Text { lines: ..=1 } => ("Textbox", vec!["value=\"\"".to_owned()]),
        FieldKind::Text { lines } => (
            "Textbox",
            vec!["value=\"\"".to_owned(), format!("lines={lines}")],
        ),
        FieldKind::Number => ("Number", vec!["value=0".to_owned()]),
        FieldKind::Slider { min, max } => {
            let middle = min + (max - min) / 2;
            let ends = [min, max, &middle].map(i64::to_string);
            (
                "Slider",
                [ends.to_vec(), vec!["step=1".to_owned()]].concat(),
            )
        }
        FieldKind::Dropdown { options } => ("Dropdown", vec![list(options), first(options)]),
        FieldKind::Radio { options } => ("Radio", vec![list(options), first(options)]),
        FieldKind::Multiple { options } => ("CheckboxGroup", vec![list(options)]),
        FieldKind::Checkbox => ("Checkbox", vec![]),
        FieldKind::Date => (
            "DateTime",
            vec![
                "include_time=False".to_owned(),
                "type=\"string\"".to_owned(),
            ],
        ),
        FieldKind::File => ("File", vec![]),
        FieldKind::Image => ("Image", vec!["type=\"pil\"".to_owned()]),
        FieldKind::Color => ("ColorPicker", vec!["value=\"#1f77b4\"".to_owned()]),
    };
    let label = format!("label={}", literal(&field.label));
    let arguments: Vec<String> = arguments.into_iter().chain([label]).collect();
    code.call(&format!("{variable} = gr.{component}("), &arguments, ")");
}
