"""Functions of the installed Python's standard library, in an order that does not depend on the file system."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

# Not the library itself: tests, bundled third-party code, and packages that are mostly data.
_LEFT_OUT = frozenset(
    {"__pycache__", "ensurepip", "idlelib", "lib-dynload", "lib2to3", "site-packages", "dist-packages", "test", "tests"}
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function: where it is, its code without docstrings, and the first sentence of its docstring, if it has one."""

    name: str  # asyncio.queues.Queue.get; a second one of this name has #2 after it
    package: str  # asyncio
    code: str
    body: str  # the code with the function's own name taken out
    sentence: str | None


def stdlib_functions() -> list[Function]:
    """Every function whose code has at least five words, sorted by module and place in it."""
    root = Path(sysconfig.get_paths()["stdlib"])
    seen: Counter[str] = Counter()
    functions = []
    for path in _modules(root):
        for function in _functions_of(path, root):
            seen[function.name] += 1
            times = seen[function.name]
            functions.append(function if times == 1 else replace(function, name=f"{function.name}#{times}"))
    return functions


def _modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.is_dir():
            if path.name not in _LEFT_OUT and not path.name.startswith("config-"):
                yield from _modules(path)
        elif path.suffix == ".py":
            yield path


def _functions_of(path: Path, root: Path) -> Iterator[Function]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return  # files of the library that test the parser
    module = ".".join(path.relative_to(root).with_suffix("").parts)
    for name, node in _walk(tree, module):
        sentence = _first_sentence(ast.get_docstring(node))
        if not _strip_docstrings(node):
            continue
        code = _code(node)
        if len(code.split()) >= 5:
            body = code.replace(f"def {node.name}(", "def f(", 1)
            yield Function(name, module.split(".")[0], code, body, sentence)


def _walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, FunctionNode]]:
    """Functions in source order with their qualified names; inner ones before the outer one loses its docstrings."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode | ast.ClassDef):
            name = f"{prefix}.{child.name}"
            yield from _walk(child, name)
            if not isinstance(child, ast.ClassDef):
                yield name, child
        else:
            yield from _walk(child, prefix)


def _first_sentence(docstring: str | None) -> str | None:
    if not docstring or not docstring.strip():
        return None
    paragraph = " ".join(docstring.strip().split("\n\n")[0].split())
    return _SENTENCE_END.split(paragraph)[0]


def _strip_docstrings(function: FunctionNode) -> bool:
    """Takes out the docstrings of the function and of all in it; says whether anything is left of its body."""
    for node in ast.walk(function):
        if isinstance(node, FunctionNode | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            rest = node.body[1:]
            if node is function and not rest:
                return False
            node.body = rest or [ast.Pass()]
    return True


def _code(node: FunctionNode) -> str:
    """The function as source, without decorators and return type."""
    node.decorator_list = []
    node.returns = None
    return ast.unparse(node)
