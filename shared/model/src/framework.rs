//! Which framework a program builds its app with: read off its imports, as Python would see them.
//!
//! A small scanner rather than a full parser: a component has 600 KB in all. It knows strings,
//! comments, brackets and line joins, so that an `import` inside any of them does not count.

use serde::{Deserialize, Serialize};

mod scan;

/// The framework of a generated app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Framework {
    /// Gradio.
    Gradio,
    /// Streamlit.
    Streamlit,
}

impl Framework {
    /// The name of the Python package, which is also our wire name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gradio => "gradio",
            Self::Streamlit => "streamlit",
        }
    }
}

/// What in the `gradio` package makes an app, as opposed to, say, asking for its version.
const GRADIO_APPS: [&str; 7] = [
    "Blocks",
    "Interface",
    "ChatInterface",
    "TabbedInterface",
    "Series",
    "Parallel",
    "load",
];

/// The framework whose app this program builds, or `None` for a plain program.
///
/// A program builds an app if it imports the package and uses it: for Gradio, one of the classes
/// that can be launched; for Streamlit, anything but its version. If it uses both, the first
/// import decides.
pub fn of_program(code: &str) -> Option<Framework> {
    let scanned = scan::scan(code);
    scanned.imports.iter().find_map(|import| {
        let framework = match import.package() {
            "gradio" => Framework::Gradio,
            "streamlit" => Framework::Streamlit,
            _ => return None,
        };
        let builds = |name: &str| match framework {
            Framework::Gradio => GRADIO_APPS.contains(&name),
            Framework::Streamlit => name != "__version__",
        };
        let used = match &import.names {
            scan::Names::Module(alias) => scanned
                .uses
                .iter()
                .any(|(object, name)| object == alias && builds(name)),
            scan::Names::Listed(names) => names.iter().any(|name| name == "*" || builds(name)),
        };
        used.then_some(framework)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, expected: Option<Framework>) {
        assert_eq!(of_program(code), expected, "{code}");
    }

    #[test]
    fn finds_an_app_by_its_imports() {
        check(
            "import gradio as gr\ngr.Interface(f, 'text', 'text').launch()",
            Some(Framework::Gradio),
        );
        check(
            "import gradio\nwith gradio.Blocks() as demo:\n  pass",
            Some(Framework::Gradio),
        );
        check(
            "from gradio import Blocks, Textbox as T\nBlocks()",
            Some(Framework::Gradio),
        );
        check(
            "import os, streamlit as st\nst.title('x')",
            Some(Framework::Streamlit),
        );
        check(
            "from streamlit import (\n  title,\n  write as w,\n)\n",
            Some(Framework::Streamlit),
        );
        check(
            "if True: import streamlit as st; st.write(1)",
            Some(Framework::Streamlit),
        );
        check(
            "try:\n\timport gradio as gr\nexcept ImportError: pass\ngr . Blocks()",
            Some(Framework::Gradio),
        );
        check(
            "import \\\n  gradio as gr\ngr.Blocks()",
            Some(Framework::Gradio),
        );
        check(
            "import streamlit.components.v1 as c\nimport streamlit as st\nst.write(1)",
            Some(Framework::Streamlit),
        );
    }

    #[test]
    fn does_not_take_text_for_an_import() {
        check("print('import gradio as gr'); x = 'gr.Blocks()'", None);
        check("# import streamlit as st\n# st.write(1)\n1 + 1", None);
        check("'''\nimport gradio as gr\ngr.Blocks()\n'''", None);
        check("x = (\nimport_gradio, gradio\n)", None);
        check("import gradio_client\ngradio_client.Client('x')", None);
        check("from . import gradio\ngradio.Blocks()", None);
        check(
            "r'\\\\'; print(\"\"\"\nimport streamlit as st\nst.write()\"\"\")",
            None,
        );
        check("f'{\"import streamlit as st\"}'\n", None);
    }

    #[test]
    fn using_a_package_without_building_an_app_is_a_plain_program() {
        check("import gradio as gr\nprint(gr.__version__)", None);
        check("import streamlit\nprint(streamlit.__version__)", None);
        check("import gradio as gr", None);
        check("", None);
    }

    #[test]
    fn unfinished_programs_do_not_confuse_it() {
        for code in [
            "'''",
            "'",
            "import",
            "from",
            "from gradio import",
            "(",
            "import a as",
            "\\",
            "f\"{",
            "é = 1\nimport ü",
        ] {
            check(code, None);
        }
    }
}
