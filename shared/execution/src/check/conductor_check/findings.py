"""What is wrong with a program, and how an exception becomes that.

A finding has a stable `kind`, a `message` for whoever mends the program, the `line` (and `column`,
from 1) in it, the `name` that the matter is about (a package, a name, a column, a file), a
`replacement` where one is known, the `place` where it showed (a page, a widget, an endpoint) and the
`traceback`. The kinds are those of `shared/model/src/check.rs`.
"""

import os
import re

import conductor_app as app

from . import names

# What a kind of this list says is not said again by an exception in the same line.
SAID_BEFORE = ("exception", "exit_call", "input_call", "undefined_name", "missing_package")


def finding(kind, message, **fields):
    keys = ("line", "column", "name", "replacement", "place", "traceback")
    return {"kind": kind, "message": message, **{key: fields.get(key) for key in keys}}


class Findings:
    """Each once, although the source and a run may both show it."""

    def __init__(self):
        self.all = []
        self.names = ("", "")

    def rename(self, name, shown):
        self.names = (name, shown)

    def __len__(self):
        return len(self.all)

    def add(self, new):
        new = finding(**new)
        for key in ("message", "traceback"):
            if new[key] and self.names[0]:
                new[key] = new[key].replace(*self.names)
        for known in self.all:
            if same(known, new):
                for key, value in new.items():
                    if known[key] is None:
                        known[key] = value
                return
        self.all.append(new)

    def sorted(self):
        return sorted(self.all, key=lambda one: one["line"] or 0)


def same(known, new):
    if known["kind"] == new["kind"]:
        if known["name"] and new["name"]:
            # `gradio.Dropdown.update` of the source is `Dropdown.update` of the run.
            if last_part(known["name"]) != last_part(new["name"]):
                return False
            # The source is read to the parameter, a run only to the beginning of its call.
            read_and_run = not known["traceback"] or not new["traceback"]
            return known["line"] == new["line"] or read_and_run
        if known["line"] is None and new["line"] is None:
            return known["message"] == new["message"]
        return known["line"] == new["line"]
    about_one_line = known["line"] is not None and known["line"] == new["line"]
    return about_one_line and (known["kind"] in SAID_BEFORE or new["kind"] in SAID_BEFORE)


def last_part(name):
    return name.rpartition(".")[2]


def drawn_stack(stack, app_path):
    """(line, function) pairs, innermost first, as Python would show them."""
    if not stack:
        return None
    import linecache

    rows = ["Stack (most recent call last):"]
    for line, function in reversed(stack):
        rows.append(f'  File "{os.path.basename(app_path)}", line {line}, in {function}')
        if text := linecache.getline(app_path, line).strip():
            rows.append(f"    {text}")
    return "\n".join(rows)


def of_exception(error, app_path, program=None, function=None):
    """The finding that an exception is; `function` is to blame where no line of the program is."""
    described = app.describe(error, app_path)
    frames = frames_of(error)
    own = [frame for frame in frames if frame[0].co_filename == app_path]
    line = described["line"]
    if line is None and own:
        line = own[-1][1]
    code = getattr(function, "__code__", None)
    if line is None and code is not None and code.co_filename == app_path:
        line = code.co_firstlineno
    kind, name, message, replacement = classify(error, frames, own, app_path, program)
    if described["kind"]:
        kind, name = "limit", described["kind"]
    return finding(
        kind,
        message or f"{described['name']}: {described['value']}".rstrip(": "),
        line=line,
        column=getattr(error, "offset", None) if kind == "syntax_error" else None,
        name=name,
        replacement=replacement,
        traceback=described["traceback"],
    )


def frames_of(error):
    """(code, line, locals) from the outermost to the innermost, of the innermost cause."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append((trace.tb_frame.f_code, trace.tb_lineno, trace.tb_frame.f_locals))
        trace = trace.tb_next
    return frames


def classify(error, frames, own, app_path, program):
    """Kind, name, message (None: the exception's own) and replacement."""
    text = str(error)
    type_name = type(error).__name__
    for rule in (of_names, of_the_end, of_files, of_layout, of_columns, of_dtypes):
        if found := rule(error, text, type_name, frames, own, app_path, program):
            return (*found, None, None, None)[:4]
    return "exception", None, None, None


def of_names(error, text, type_name, frames, own, app_path, program):
    if isinstance(error, SyntaxError):
        return ("syntax_error",) if error.filename == app_path else None
    if isinstance(error, NameError):
        return "undefined_name", getattr(error, "name", None)
    if isinstance(error, ModuleNotFoundError):
        return of_missing_module(error.name or text)
    if isinstance(error, ImportError):
        match = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", text)
        return gone(f"{match[2]}.{match[1]}") if match else None
    if isinstance(error, AttributeError):
        thing = getattr(error, "obj", None)
        name = getattr(error, "name", None)
        if name and "outside of a gradio.Blocks" not in text and "accessor" not in text:
            if isinstance(thing, type(os)):
                return gone(f"{thing.__name__}.{name}")
            return of_missing_member(thing, name)
    if isinstance(error, TypeError):
        match = re.match(r"([\w.<>]+)\(\) got an unexpected keyword argument '(\w+)'", text)
        if match and (program is None or not program.defines(match[1].split("."))):
            callee = match[1].removesuffix(".__init__").rpartition(".")[2]
            return unknown_parameter(callee, match[2], text)
    return None


def of_missing_member(thing, name):
    kind = thing if isinstance(thing, type) else type(thing)
    if kind.__module__.split(".")[0] not in names.LIBRARIES:
        return None
    if kind.__module__.startswith("gradio"):
        if known := names.MEMBERS.get(f"Component.{name}"):
            message = f"`{kind.__name__}.{name}` is gone from Gradio: use {known}"
            return "removed_name", f"{kind.__name__}.{name}", message, known
        return "removed_name", f"{kind.__name__}.{name}"
    for base in kind.__mro__:
        if known := names.MEMBERS.get(f"{base.__name__}.{name}"):
            message = f"`{base.__name__}.{name}` is gone: use {known}"
            return "removed_name", f"{base.__name__}.{name}", message, known
    if hasattr(thing, "columns") and not isinstance(thing, type):
        return unknown_column([name], thing.columns)
    if kind.__module__.startswith("streamlit") and kind.__name__ == "DeltaGenerator":
        return gone(f"streamlit.{name}")
    return None


def of_missing_module(module):
    top = module.split(".")[0]
    if top != module and names.is_installed(top):
        return gone(module)
    package = names.PACKAGES.get(top, top)
    message = f"the package `{package}` (`import {top}`) is not installed: do without it"
    return "missing_package", top, message


def gone(name):
    known = names.replacement(name)
    library = name.split(".")[0]
    what = f"`{name}` does not exist in {library} {names.version(library)}".rstrip()
    return "removed_name", name, f"{what}: use {known}" if known else what, known


def unknown_parameter(callee, parameter, text):
    known = names.PARAMETERS.get(f"{callee}.{parameter}") or names.PARAMETERS.get(f"*.{parameter}")
    return "unknown_parameter", parameter, f"{text}: {known}" if known else text, known


def of_the_end(error, text, type_name, frames, own, app_path, program):
    if isinstance(error, SystemExit):
        message = f"the program ends itself ({type_name} {text}".rstrip() + ")"
        return "exit_call", None, f"{message}: a dashboard goes on; leave out what ends it"
    if isinstance(error, EOFError) and own and frames[-1][0] is own[-1][0]:
        return (
            "input_call",
            None,
            "nobody can answer input() in a dashboard: ask with a component of the page instead",
        )
    return None


def of_files(error, text, type_name, frames, own, app_path, program):
    if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
        name = error.filename or None
        if isinstance(name, bytes):
            name = name.decode("utf-8", "replace")
        if name is None and (match := re.search(r"['\"]([^'\"]+)['\"]", text)):
            name = match[1]
        return "missing_file", str(name) if name is not None else None
    if type_name == "MediaFileStorageError" and "Error opening" in text:
        match = re.search(r"Error opening '(.*?)'", text)
        return "missing_file", match[1] if match else None
    return None


LAYOUT_ERRORS = (
    "StreamlitInvalidLayoutContextError",
    "StreamlitInvalidColumnSpecError",
    "StreamlitInvalidFormCallbackError",
    "StreamlitInvalidWidthError",
    "StreamlitInvalidHeightError",
    "StreamlitSetPageConfigMustBeFirstCommandError",
)
LAYOUT_WORDS = re.compile(
    r"set_page_config|st\.form\b|nested|inside (?:an?other|of)|outside of a gradio\.Blocks|"
    r"should be within|can't be used in|cannot be used in|only be used",
    re.I,
)


def of_layout(error, text, type_name, frames, own, app_path, program):
    module = type(error).__module__
    if type_name.startswith("StreamlitDuplicateElement"):
        return ("duplicate_element",)
    if type_name == "StreamlitWidgetAlreadyInstantiatedError" or "after the widget" in text:
        return ("circular_state",)
    if type_name in LAYOUT_ERRORS:
        return ("bad_layout",)
    if module.startswith("streamlit") and LAYOUT_WORDS.search(text):
        return ("bad_layout",)
    from_gradio = frames and "/gradio/" in frames[-1][0].co_filename
    if from_gradio and LAYOUT_WORDS.search(text):
        return ("bad_layout",)
    if from_gradio and frames[-1][0].co_filename.endswith(
        ("/layouts/row.py", "/layouts/column.py")
    ):
        return ("bad_layout",)
    return None


COLUMN_PATTERNS = (
    r"Column not found: (?P<name>.+?)['\"]?$",
    r"Value of '\w+' is not the name of a column in 'data_frame'.*?but received: (?P<name>.+?)(?:\n|$)",
    r"Missing column provided to 'parse_dates': '(?P<name>.+?)'",
    r"Usecols do not match columns, columns expected but not found: (?P<list>\[.*?\])",
    r"Data does not have a column named `?\"?(?P<name>.+?)`?\"?\.",
    r"Could not interpret value `(?P<name>.+?)` for",
    r"`?(?P<name>\w+)`? encoding field is specified without a type",
    r"Unable to determine data type for the field \"(?P<name>.+?)\"",
    r"Column\(s\) (?P<list>\[.*?\]) do not exist",
    r"(?P<list>\[.*?\]) not (?:found|in) (?:axis|index)",
    r"None of (?:Index\()?(?P<list>\[.*?\]).* are in the",
    r"columns? (?P<list>\[.*?\]) (?:is|are) not",
)


def of_columns(error, text, type_name, frames, own, app_path, program):
    if not isinstance(error, (KeyError, ValueError, IndexError)) and "Column" not in type_name:
        return None
    in_pandas = any("/pandas/" in code.co_filename for code, _, _ in frames)
    for pattern in COLUMN_PATTERNS:
        if match := re.search(pattern, text, re.S):
            groups = match.groupdict()
            if groups.get("list"):
                missing = re.findall(r"['\"](.+?)['\"]", groups["list"])
            else:
                missing = [groups["name"].strip()]
            if missing and (in_pandas or not isinstance(error, KeyError)):
                return unknown_column(missing, columns_near(frames, own))
    if isinstance(error, KeyError) and in_pandas and error.args:
        return unknown_column([error.args[0]], columns_near(frames, own))
    return None


def columns_near(frames, own):
    """The columns of the data that the failing call was about."""
    for _, _, variables in reversed(frames):
        for name in ("self", "obj", "data_frame", "df", "data", "frame"):
            columns = getattr(variables.get(name), "columns", None)
            if columns is not None and hasattr(columns, "tolist"):
                return columns
    for _, _, variables in reversed(own):
        for value in list(variables.values()):
            columns = getattr(value, "columns", None)
            if type(value).__name__ == "DataFrame" and columns is not None:
                return columns
    return None


def unknown_column(missing, columns):
    shown = ", ".join(repr(name) for name in missing)
    message = f"the data has no column {shown}"
    if columns is not None:
        there = [str(name) for name in columns][:30]
        message += "; it has " + ", ".join(repr(name) for name in there)
    return "unknown_column", ", ".join(str(name) for name in missing), message


DTYPE_WORDS = re.compile(
    r"dtype|could not convert|unsupported operand|not supported between|can only concatenate|"
    r"accessor with|to numeric|Unable to parse|does not match format|must be real number|"
    r"Cannot (?:convert|compare|perform|subtract|setitem|cast)|Invalid comparison|no numeric data|"
    r"not understood|operation .* not supported|can't multiply|ufunc|Could not operate|not all numeric",
    re.I,
)
DATA_LIBRARIES = re.compile(r"/site-packages/(?:pandas|numpy|pyarrow|plotly|altair|narwhals)/")


def of_dtypes(error, text, type_name, frames, own, app_path, program):
    if not isinstance(error, (TypeError, ValueError, AttributeError, ArithmeticError)):
        return None
    about_data = type(error).__module__.split(".")[0] in ("pandas", "numpy", "pyarrow") or any(
        DATA_LIBRARIES.search(code.co_filename) for code, _, _ in frames
    )
    return ("wrong_dtype",) if about_data and DTYPE_WORDS.search(text) else None
