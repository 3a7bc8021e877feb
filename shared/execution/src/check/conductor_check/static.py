"""What the source itself shows, also in places that no run comes to."""

import ast
import builtins
import importlib
import inspect
import json
import os
import shutil
import subprocess
import sys

from . import names
from .findings import finding, gone, of_missing_module, unknown_parameter

LINT_SECONDS = 20
ENDS = {("sys", "exit"), ("os", "_exit"), ("os", "abort")}


class Program:
    """A program that can be parsed."""

    def __init__(self, tree, folder):
        self.tree = tree
        self.folder = folder
        self.nodes = list(ast.walk(tree))
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        self.defined = {node.name for node in self.nodes if isinstance(node, kinds)}
        self.bound = self.defined | {
            node.id
            for node in self.nodes
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        self.bound |= {node.arg for node in self.nodes if isinstance(node, ast.arg)}

    def defines(self, qualified):
        return any(part in self.defined for part in qualified)


def parse(source, app_path):
    """The program, or the finding that it is none."""
    try:
        # It finds what `ast` alone lets pass, such as `return` outside of a function.
        compile(source, app_path, "exec", dont_inherit=True)
        return Program(ast.parse(source), os.path.dirname(app_path)), None
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        text = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
        column = getattr(error, "offset", None) or None
        return None, finding("syntax_error", text, line=line, column=column)


def findings(program, app_path):
    """All but what ruff finds."""
    yield from missing_packages(program)
    modules = imported_modules(program)
    yield from lost_names(program, modules)
    yield from lost_parameters(program, modules)
    yield from ends_and_questions(program)


# --- ruff ----------------------------------------------------------------------------------------


def start_lint(app_path):
    """ruff at work; None where it is not installed."""
    beside = os.path.join(os.path.dirname(sys.executable), "ruff")
    ruff = beside if os.access(beside, os.X_OK) else shutil.which("ruff")
    if ruff is None:
        return None
    # F821 undefined name, F823 local variable read before it is set.
    arguments = ["check", "--isolated", "--no-cache", "--ignore-noqa", "--select", "F821,F823"]
    version = f"py3{sys.version_info.minor}"
    arguments += ["--target-version", version, "--output-format", "json", "--exit-zero", app_path]
    try:
        return subprocess.Popen(
            [ruff, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "RAYON_NUM_THREADS": "1"},
        )
    except OSError:
        return None


def read_lint(process, app_path, notices):
    try:
        output = process.communicate(timeout=LINT_SECONDS)[0]
        for row in json.loads(output):
            message = row["message"]
            place = row["location"]
            name = message.split("`")[1] if "`" in message else None
            yield finding(
                "undefined_name",
                message[:1].lower() + message[1:],
                line=place["row"],
                column=place["column"],
                name=name,
            )
    except (AttributeError, OSError, ValueError, KeyError, subprocess.SubprocessError):
        if process is not None:
            process.kill()
        notices.append("names in code that did not run were not checked: ruff is not there")


# --- Imports -------------------------------------------------------------------------------------


def guarded(program):
    """The nodes below a `try`: whoever wrote it reckons with a failure."""
    inside = set()
    for node in program.nodes:
        if isinstance(node, ast.Try) and node.handlers:
            for statement in node.body:
                inside.update(map(id, ast.walk(statement)))
    return inside


def missing_packages(program):
    safe = guarded(program)
    for node in program.nodes:
        if id(node) in safe:
            continue
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        else:
            continue
        for module in modules:
            top = module.split(".")[0]
            beside = os.path.join(program.folder, top)
            if os.path.exists(beside + ".py") or os.path.isdir(beside):
                continue
            if top not in sys.builtin_module_names and not names.is_installed(top):
                kind, name, message = of_missing_module(module)
                place = {"line": node.lineno, "column": node.col_offset + 1}
                yield finding(kind, message, name=name, **place)


def imported_modules(program):
    """What the program calls the modules of known libraries."""
    modules = {}
    for node in program.nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in names.LIBRARIES:
                    if module := load(alias.name):
                        own = alias.asname or alias.name.split(".")[0]
                        modules[own] = module if alias.asname else load(own)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.split(".")[0] in names.LIBRARIES:
                for alias in node.names:
                    if module := load(f"{node.module}.{alias.name}"):
                        modules[alias.asname or alias.name] = module
    # A name that is also something else is nobody's for sure.
    return {name: module for name, module in modules.items() if name not in program.bound}


def load(name):
    try:
        return importlib.import_module(name)
    except Exception:  # whatever a library does when it is imported
        return None


def lost_names(program, modules):
    safe = guarded(program)
    # `hasattr(st, "rerun")` asks before it uses.
    asked = {
        node.args[1].value
        for node in program.nodes
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("hasattr", "getattr")
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
    }
    for node in program.nodes:
        if id(node) in safe:
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            owner, path = resolve(node.value, modules)
            if owner is None or node.attr in asked or has(owner, node.attr):
                continue
            missing, place = f"{path}.{node.attr}", node
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            if node.module.split(".")[0] not in names.LIBRARIES:
                continue
            module = load(node.module)
            lost = [
                alias
                for alias in node.names
                if module
                and alias.name != "*"
                and not has(module, alias.name)
                and not load(f"{node.module}.{alias.name}")
            ]
            if not lost:
                continue
            missing, place = f"{node.module}.{lost[0].name}", node
        else:
            continue
        kind, name, message, known = gone(missing)
        where = {"line": getattr(place, "end_lineno", place.lineno), "column": place.col_offset + 1}
        if isinstance(place, ast.ImportFrom):
            where["line"] = place.lineno
        yield finding(kind, message, name=name, replacement=known, **where)


def resolve(node, modules):
    """The module or class that an expression names, and its full name; (None, None) if unknown."""
    if isinstance(node, ast.Name):
        module = modules.get(node.id)
        return (module, module.__name__) if module is not None else (None, None)
    if isinstance(node, ast.Attribute):
        owner, path = resolve(node.value, modules)
        if owner is None or not has(owner, node.attr):
            return None, None
        value = getattr(owner, node.attr)
        if inspect.ismodule(value) or inspect.isclass(value):
            return value, f"{path}.{node.attr}"
    return None, None


def has(owner, name):
    try:
        return hasattr(owner, name)
    except Exception:  # a lazy attribute may raise anything; then it is there
        return True


def lost_parameters(program, modules):
    """Keyword arguments that a function or class of the frameworks does not take."""
    safe = guarded(program)
    for call in program.nodes:
        if not isinstance(call, ast.Call) or id(call) in safe or not call.keywords:
            continue
        if not isinstance(call.func, ast.Attribute):
            continue
        owner, path = resolve(call.func.value, modules)
        if owner is None or path.split(".")[0] not in ("gradio", "streamlit"):
            continue
        callee = getattr(owner, call.func.attr, None)
        if callee is None or not (inspect.isclass(callee) or inspect.isroutine(callee)):
            continue
        try:
            accepted = inspect.signature(callee).parameters
        except (TypeError, ValueError):
            continue
        if any(one.kind is one.VAR_KEYWORD for one in accepted.values()):
            continue
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in accepted:
                text = f"{call.func.attr}() takes no parameter `{keyword.arg}`"
                kind, name, message, known = unknown_parameter(call.func.attr, keyword.arg, text)
                where = {"line": call.lineno, "column": keyword.col_offset + 1}
                yield finding(kind, message, name=name, replacement=known, **where)


# --- What has no place in a dashboard ------------------------------------------------------------


def ends_and_questions(program):
    main_guards = set()
    for node in program.nodes:
        if isinstance(node, ast.If) and "__name__" in ast.dump(node.test):
            main_guards.update(map(id, ast.walk(node)))
    for call in program.nodes:
        if not isinstance(call, ast.Call):
            continue
        where = {"line": call.lineno, "column": call.col_offset + 1}
        name = ast.unparse(call.func)
        if name == "input" and "input" not in program.bound:
            message = "nobody can answer input() in a dashboard: ask with a component of the page"
            yield finding("input_call", message, name=name, **where)
        is_end = tuple(name.split(".")) in ENDS or (
            name in ("exit", "quit") and name not in program.bound and hasattr(builtins, name)
        )
        if is_end and id(call) not in main_guards:
            message = f"{name}() ends the program for everybody: show a message on the page instead"
            yield finding("exit_call", message, name=name, **where)
