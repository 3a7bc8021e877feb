//! Writes a form for Streamlit.

use super::respond::{Form, Shape};
use crate::plan::{Action, Field, FieldKind, FormPlan};
use crate::python::{Code, literal, literals};

pub(super) fn write(title: &str, plan: &FormPlan) -> String {
    let form = Form::new(plan);
    let mut code = Code::default();
    code.line("\"\"\"A small app. Run it with: streamlit run app.py\"\"\"\n");
    let (needs_math, needs_pandas) = form.imports();
    if needs_math {
        code.line("import math\n");
    }
    if needs_pandas {
        code.line("import pandas as pd");
    }
    code.line("import streamlit as st");
    if form.shape() == Shape::Image {
        code.line("from PIL import Image");
    }
    code.line(format!("\nTITLE = {}", literal(title)));
    form.write(&mut code);
    code.line(if plan.action == Action::Collect {
        ""
    } else {
        "\n"
    });
    code.line("st.set_page_config(page_title=TITLE)\nst.title(TITLE)\n");
    match plan.action {
        Action::Chat => chat(&mut code),
        Action::Collect => collect(&mut code, &form),
        _ => {
            for (field, variable) in form.fields.iter().zip(&form.variables) {
                input(&mut code, field, variable);
            }
            code.line("");
            let call = format!("respond({})", form.variables.join(", "));
            match &plan.button {
                Some(label) => code.block(format!("if st.button({}):", literal(label)), |code| {
                    show(code, form.shape(), &call);
                }),
                None => show(&mut code, form.shape(), &call),
            }
        }
    }
    code.finish()
}

fn input(code: &mut Code, field: &Field, variable: &str) {
    let label = literal(&field.label);
    let list = |options: &[String]| {
        crate::python::wrap("[", &literals(options.iter().map(String::as_str)), "]", 1)
    };
    let (widget, arguments) = match &field.kind {
        FieldKind::Text { lines: ..=1 } => ("text_input", vec![]),
        FieldKind::Text { .. } => ("text_area", vec![]),
        FieldKind::Number => ("number_input", vec!["value=0.0".to_owned()]),
        FieldKind::Slider { min, max } => {
            let middle = min + (max - min) / 2;
            (
                "slider",
                vec![min.to_string(), max.to_string(), middle.to_string()],
            )
        }
        FieldKind::Dropdown { options } => ("selectbox", vec![list(options)]),
        FieldKind::Radio { options } => {
            ("radio", vec![list(options), "horizontal=True".to_owned()])
        }
        FieldKind::Multiple { options } => ("multiselect", vec![list(options)]),
        FieldKind::Checkbox => ("checkbox", vec![]),
        FieldKind::Date => ("date_input", vec![]),
        FieldKind::File => ("file_uploader", vec![]),
        FieldKind::Image => (
            "file_uploader",
            vec!["type=[\"png\", \"jpg\", \"jpeg\", \"webp\"]".to_owned()],
        ),
        FieldKind::Color => ("color_picker", vec![]),
    };
    let arguments: Vec<String> = std::iter::once(label).chain(arguments).collect();
    code.call(&format!("{variable} = st.{widget}("), &arguments, ")");
    if field.kind == FieldKind::Image {
        code.line(format!(
            "{variable} = Image.open({variable}) if {variable} else None"
        ));
    }
}

fn show(code: &mut Code, shape: Shape, call: &str) {
    match shape {
        Shape::Text => code.line(format!("st.text({call})")),
        Shape::Line => code.line(format!("st.line_chart({call}, x=\"x\", y=\"y\")")),
        Shape::Bars => code.line(format!("st.bar_chart({call}, x=\"label\", y=\"value\")")),
        Shape::Table => code.line(format!("st.dataframe({call}, hide_index=True)")),
        Shape::Image => {
            code.line(format!("result = {call}"));
            code.block("if result:", |code| {
                code.line("st.image(result, caption=f\"{result.width} × {result.height} pixels\")");
            });
        }
    }
}

fn chat(code: &mut Code) {
    code.line("history = st.session_state.setdefault(\"history\", [])");
    code.block("if message := st.chat_input(\"Say something\"):", |code| {
        code.line("answer = respond(message, history)");
        code.line("history += [(\"user\", message), (\"assistant\", answer)]");
    });
    code.block("for role, text in history:", |code| {
        code.line("st.chat_message(role).text(text)");
    });
}

fn collect(code: &mut Code, form: &Form<'_>) {
    code.line("rows = st.session_state.setdefault(\"rows\", [])");
    let button = form.plan.button.as_deref().unwrap_or("Add");
    code.block("with st.form(\"entry\", clear_on_submit=True):", |code| {
        for (field, variable) in form.fields.iter().zip(&form.variables) {
            input(code, field, variable);
        }
        code.block(
            format!("if st.form_submit_button({}):", literal(button)),
            |code| {
                let entries: Vec<String> = form
                    .fields
                    .iter()
                    .zip(&form.variables)
                    .map(|(field, variable)| format!("{}: {variable}", literal(&field.label)))
                    .collect();
                code.call("rows.append({", &entries, "})");
            },
        );
    });
    code.line("st.dataframe(rows, hide_index=True)");
}
