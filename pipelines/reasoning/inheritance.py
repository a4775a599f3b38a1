"""A data set of two hops: which method runs when an object of a class gets a call, where the class inherits the method?

A query is a class and a method of Python's standard library (`threading tcp server serve forever`), its answer the
definition that Python finds, a document (`base server def serve forever self poll interval`). A reasoning target names
the classes that the class inherits from, in the order in which Python looks through them.

Of every class some methods that it defines itself are asked for, in the split sft: the name of the class leads to them, and
their reasoning targets tell its ancestors. Methods that are inherited are asked for in all splits, which share no top-level
package of the class. So what a held-out class inherits from can be learnt from text, but no judgement says what that means
for a search.
"""

from __future__ import annotations

import ast
import collections
import hashlib
import json
import os
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SPLITS = {"rl": 0.15, "dev": 0.1, "test": 0.25}  # of the queries for inherited methods; the rest is sft
# Tests, bundled or generated code, and packages so large that a few of their base classes would be most answers.
LEFT_OUT = {"__pycache__", "config", "distutils", "encodings", "ensurepip", "idlelib", "lib-dynload", "lib2to3"}
LEFT_OUT |= {"dist-packages", "site-packages", "test", "tests", "tkinter", "turtledemo"}
SHARED = 10  # classes that define a method of this name, at least: otherwise the name alone leads to it
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

Method = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Class:
    """A class of a module: what stands behind its name in brackets, and the methods in its body."""

    bases: list[str]
    methods: dict[str, Method]


@dataclass(frozen=True)
class Query:
    """A query's id, the document that answers it, its split, and what its reasoning is to be."""

    id: str
    answer: str
    split: str
    reasoning: str


def words(text: str) -> str:
    """`parseHTTPHeader_2` -> `parse http header 2`."""
    return " ".join(word.lower() for word in re.findall(r"[A-Za-z]+|[0-9]+", CAMEL.sub(" ", text)))


def last(name: str) -> str:
    """The words of the last part of a dotted name."""
    return words(name.rpartition(".")[2])


def modules(folder: Path) -> Iterator[Path]:
    """Files of modules in an order that does not depend on the file system."""
    for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if path.name.partition("-")[0] in LEFT_OUT or path.name in LEFT_OUT:
            continue
        if path.is_dir():
            yield from modules(path)
        elif path.suffix == ".py":
            yield path


def imported(tree: ast.Module, package: list[str]) -> dict[str, str]:
    """What the names that a module imports stand for."""
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            source = [*above, *([node.module] if node.module else [])]
            names.update({alias.asname or alias.name: ".".join([*source, alias.name]) for alias in node.names})
    return names


def classes_of(path: Path, root: Path) -> Iterator[tuple[str, Class]]:
    """The classes at the top of a module by their full names."""
    parts = list(path.relative_to(root).with_suffix("").parts)
    module = parts[:-1] if parts[-1] == "__init__" else parts
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = imported(tree, parts[:-1])
    found = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names.update({node.name: ".".join([*module, node.name]) for node in found})
    for node in found:
        written = [ast.unparse(base) for base in node.bases if isinstance(base, ast.Name | ast.Attribute)]
        bases = [".".join([names.get(text.split(".")[0], text.split(".")[0]), *text.split(".")[1:]]) for text in written]
        yield names[node.name], Class(bases, {part.name: part for part in node.body if isinstance(part, Method)})


def order(name: str, classes: dict[str, Class], below: tuple[str, ...] = ()) -> list[str]:
    """The class and what it inherits from, in the order of look-up: depth first, what comes twice at its last place."""
    found = [name]
    for base in classes[name].bases:
        if base in classes and base != name and base not in below:
            above = order(base, classes, (*below, name))
            found = [*(one for one in found if one not in above), *above]
    return found


def document(name: str, method: Method) -> str:
    """A definition as words after the name of its class, without docstring and decorators."""
    if ast.get_docstring(method, clean=False) is not None:
        method.body = method.body[1:] or [ast.Pass()]
    method.decorator_list, method.returns = [], None
    return f"{last(name)} {words(ast.unparse(method))}"


def digest(text: str) -> str:
    """An order without rhyme or reason that is the same everywhere."""
    return hashlib.sha256(text.encode()).hexdigest()


def splits_of(sizes: collections.Counter[str]) -> dict[str, str]:
    """A split for each package: where most is missing, while it fits; otherwise sft."""
    wanted = {name: share * sizes.total() for name, share in SPLITS.items()}
    filled = dict.fromkeys(wanted, 0)
    home = dict.fromkeys(sizes, "sft")
    for package in sorted(sizes, key=digest):
        name = max(wanted, key=lambda split: ((wanted[split] - filled[split]) / wanted[split], split))
        if filled[name] + sizes[package] <= wanted[name] * 1.05:
            home[package] = name
            filled[name] += sizes[package]
    return home


def library() -> dict[str, Class]:
    """The classes of the standard library by their full names; of several that share one, the first."""
    root = Path(sysconfig.get_paths()["stdlib"])
    classes: dict[str, Class] = {}
    for path in modules(root):
        for name, found in classes_of(path, root):
            classes.setdefault(name, found)
    return classes


def inherited_by(line: list[str], classes: dict[str, Class]) -> list[tuple[str, str]]:
    """The methods that the first of `line` inherits, each with the class of `line` that defines it."""
    owner: dict[str, str] = {}
    for name in line:
        for method in classes[name].methods:
            owner.setdefault(method, name)
    return [(method, name) for method, name in owner.items() if name != line[0]]


def asked_for(classes: dict[str, Class], lines: dict[str, list[str]], limits: dict[str, int]) -> dict[str, Query]:
    """The queries by their text. Those for methods that a class defines itself come first, and all are sft."""
    definers = collections.Counter(method for one in classes.values() for method in one.methods)
    shared = {name: [one for one in inherited_by(line, classes) if definers[one[0]] >= SHARED] for name, line in lines.items()}
    chosen = sorted((name for name, found in shared.items() if found), key=digest)[: limits["classes"]]
    direct = {name: [(method, name) for method in classes[name].methods] for name in chosen}

    def some(methods: dict[str, list[tuple[str, str]]], limit: int) -> list[tuple[str, str, str]]:
        ordered = {name: sorted((digest(name + method), method, owner) for method, owner in methods[name]) for name in chosen}
        return [(name, method, owner) for name in sorted(chosen) for _, method, owner in ordered[name][:limit]]

    indirect = some(shared, limits["inherited"])
    home = splits_of(collections.Counter(name.split(".")[0] for name, _, _ in indirect))
    queries: dict[str, Query] = {}
    for name, method, owner in [*some(direct, limits["defined"]), *indirect]:
        split = "sft" if owner == name else home[name.split(".")[0]]
        above = " ".join(last(one) for one in lines[name][1 : 1 + limits["ancestors"]])
        query = Query(f"q:{name}.{method}", f"{owner}.{method}", split, above)
        queries.setdefault(f"{last(name)} {words(method)}", query)
    return queries


def main() -> None:
    """Writes the data set. `classes` are asked for, of each some methods that are its own (`defined`) and `inherited` ones."""
    job = json.loads(Path(os.environ["PAWL_JOB"]).read_text())
    classes = library()
    lines = {name: order(name, classes) for name in classes}
    queries = asked_for(classes, lines, job["inputs"])
    searched = sorted({above for query in queries.values() for above in lines[query.id[2:].rpartition(".")[0]]})
    corpus = {f"{name}.{method}": document(name, node) for name in searched for method, node in classes[name].methods.items()}
    write(Path(job["outputs"]["dataset"]), corpus, queries)


def write(folder: Path, corpus: dict[str, str], queries: dict[str, Query]) -> None:
    """Writes the files of a dataset and how many documents and queries there are."""
    taught = [query for query in queries.values() if query.split == "sft"]
    files: dict[str, list[dict[str, str | int]]] = {
        "corpus": [{"_id": name, "text": text} for name, text in corpus.items()],
        "queries": [{"_id": query.id, "text": text, "split": query.split} for text, query in queries.items()],
        "qrels": [{"query": query.id, "document": query.answer, "grade": 1} for query in queries.values()],
        "reasoning": [{"query": query.id, "text": query.reasoning} for query in taught],
        "pairs": [],
    }
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = collections.Counter(query.split for query in queries.values())
    sizes = {"corpus": len(corpus), "queries": counts, "judgements": len(queries), "reasoning": len(taught), "pairs": 0}
    (folder / "manifest.json").write_text(json.dumps({"schema": 1, "name": "inheritance", **sizes, "notes": {}}))
    metrics = {"corpus": len(corpus), **{f"queries_{name}": count for name, count in counts.items()}}
    (Path(os.environ["PAWL_OUTPUTS"]) / "metrics.json").write_text(json.dumps(metrics))


main()
