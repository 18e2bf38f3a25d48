"""Which errors each operation can raise, read off the code.

From the view on, every function that a function names is followed, by the imports of its module; a
method that is called on a value is followed where the service has one method of that name. An error
counts where it is made. So what is found is rather too much than too little: a branch that this
operation never takes is found as well.
"""

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask

import recovery_service
from recovery_service.errors import every_error

ROOT = Path(recovery_service.__file__).parent
_BUILT_IN = {name for kind in (str, bytes, dict, list, set, date, Path) for name in dir(kind)}
_AT_THE_EDGE = {  # what `api/operations.py` adds by what an operation takes
    "internal_error",
    "malformed_json",
    "not_authenticated",
    "access_ended",
    "not_found",
    "too_large",
    "unsupported_media_type",
}


@dataclass
class Module:
    """The functions of a module, and what its names mean."""

    name: str
    functions: dict[str, ast.AST] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)


@cache
def modules() -> dict[str, Module]:
    """Return every module of the service by its dotted name, migrations aside."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        inside = path.relative_to(ROOT.parent).with_suffix("")
        if "migrations" in inside.parts:
            continue
        dotted = ".".join(inside.parts).removesuffix(".__init__")
        found[dotted] = _read(dotted, ast.parse(path.read_text(encoding="utf-8")))
    return found


def _read(name: str, tree: ast.Module) -> Module:
    module = Module(name)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom | ast.Import):
            above = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
            for alias in node.names:
                module.names[alias.asname or alias.name] = above + alias.name
    for top in tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef):
            module.names[top.name] = f"{name}.{top.name}"
            module.functions[top.name] = top
        if isinstance(top, ast.ClassDef):
            for inner in top.body:
                if isinstance(inner, ast.FunctionDef):
                    module.functions[f"{top.name}.{inner.name}"] = inner
    return module


@cache
def _methods() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for module in modules().values():
        for name in module.functions:
            if "." in name:
                found.setdefault(name.split(".")[1], []).append(f"{module.name}.{name}")
    return found


@cache
def _codes() -> dict[str, str]:
    return {each.__name__: each.code for each in every_error()}


def raised_by(app: Flask) -> dict[str, list[str]]:
    """Return the codes of each endpoint of the API, apart from those of the edge."""
    return {
        rule.endpoint: sorted(_of_view(app.view_functions[rule.endpoint]) - _AT_THE_EDGE)
        for rule in sorted(app.url_map.iter_rules(), key=lambda each: each.endpoint)
        if rule.rule.startswith("/api/v1/") and not rule.endpoint.startswith("documents.")
    }


def _of_view(view: Any) -> set[str]:
    function = inspect.unwrap(view)
    found: set[str] = set()
    seen: set[str] = set()
    ahead = [f"{function.__module__}.{function.__name__}"]
    while ahead:
        place = ahead.pop()
        if place in seen:
            continue
        seen.add(place)
        makes, names = _of_function(place)
        found |= makes
        ahead.extend(names)
    return found


@cache
def _of_function(place: str) -> tuple[frozenset[str], tuple[str, ...]]:
    module, name = _located(place)
    if module is None or name not in module.functions:
        return frozenset(), ()
    node = module.functions[name]
    if isinstance(node, ast.ClassDef):  # a class that is called or handed on
        own = (f"{place}.{each}" for each in ("__init__", "__post_init__", "__call__"))
        return frozenset(), tuple(own)
    codes: set[str] = set()
    names: list[str] = []
    body = [*node.body, node.args] if isinstance(node, ast.FunctionDef) else [node]
    for inner in (each for part in body for each in ast.walk(part)):
        if isinstance(inner, ast.Raise | ast.Call):
            codes |= _made(module, inner.exc if isinstance(inner, ast.Raise) else inner.func)
        names.extend(_named(module, name, inner))
    return frozenset(codes), tuple(names)


def _made(module: Module, node: ast.expr | None) -> set[str]:
    dotted = _dotted(module, node)
    if dotted and dotted.startswith("recovery_service.errors."):
        code = _codes().get(dotted.rsplit(".", 1)[1])
        return {code} if code else set()
    return set()


def _named(module: Module, within: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name | ast.Attribute):
        dotted = _dotted(module, node)
        if dotted and dotted.startswith("recovery_service."):
            yield dotted
            return
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        called = node.func
        if isinstance(called.value, ast.Name) and called.value.id in {"self", "cls"}:
            yield f"{module.name}.{within.split('.', maxsplit=1)[0]}.{called.attr}"
        elif called.attr not in _BUILT_IN and len(_methods().get(called.attr, ())) == 1:
            yield _methods()[called.attr][0]


def _dotted(module: Module, node: ast.AST | None) -> str | None:
    if isinstance(node, ast.Name):
        return module.names.get(node.id)
    if isinstance(node, ast.Attribute):
        above = _dotted(module, node.value)
        return f"{above}.{node.attr}" if above else None
    return None


def _located(place: str) -> tuple[Module | None, str]:
    """Return the module that defines what a dotted name means, through what packages export."""
    parts = place.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module = modules().get(".".join(parts[:cut]))
        if module is None:
            continue
        name = ".".join(parts[cut:])
        meant = module.names.get(parts[cut])
        if name not in module.functions and meant and not f"{place}.".startswith(f"{meant}."):
            return _located(".".join([meant, *parts[cut + 1 :]]))
        return module, name
    return None, place
