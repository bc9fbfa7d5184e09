"""`python -m tests.seeded.mutants MODULE... [--sample N] [--seed S]`: the mutation score of modules.

Each mutant is one small change: a comparison, a boolean, a number or a condition turned round, a
statement or a return value gone. Those that no test sees are printed, with their line.
"""

import argparse
import ast
import copy
import sys
import time
from collections.abc import Callable, Iterator
from random import Random

from tests.seeded.copies import ROOT, copied, run_tests

TESTS = {
    "files.py": ("tests/test_files.py", "tests/test_folder.py"),
    "names.py": ("tests/test_files.py", "tests/test_names_confined.py"),
    "journal.py": ("tests/test_journal.py",),
    "reconcile.py": ("tests/test_reconcile.py", "tests/test_reconcile_properties.py"),
    "removal.py": ("tests/test_removal.py", "tests/fuzz/test_fuzz.py"),
    "folder.py": ("tests/test_folder.py", "tests/test_verify.py", "tests/test_removal.py"),
    "job.py": ("tests/test_removal.py", "tests/test_options.py", "tests/test_folder.py", "tests/test_job.py"),
    "proven.py": ("tests/dataloop/test_in_place.py", "tests/dataloop/test_cli_dataloop.py"),
    "limits.py": ("tests/test_limits.py",),
    "dataloop/sink.py": ("tests/dataloop/test_sink.py", "tests/dataloop/test_upload.py"),
    "dataloop/source.py": ("tests/dataloop/test_source.py", "tests/dataloop/test_restore.py"),
    "dataloop/client.py": ("tests/dataloop/test_client.py",),
    "dataloop/answers.py": ("tests/dataloop/test_client.py",),
}  # fmt: skip
_OTHER: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
Change = Callable[[ast.AST], ast.AST | None]


def changes(node: ast.AST) -> Iterator[tuple[str, Change]]:
    """The small changes that a node can take: what it is, and how it is made on a copy of the node."""
    match node:
        case ast.Compare(ops=[op]) if type(op) in _OTHER:
            yield (
                f"{type(op).__name__} → {_OTHER[type(op)].__name__}",
                lambda n: _set(n, ops=[_OTHER[type(n.ops[0])]()]),
            )
        case ast.BoolOp():
            yield "and ↔ or", lambda n: _set(n, op=ast.Or() if isinstance(n.op, ast.And) else ast.And())
        case ast.UnaryOp(op=ast.Not()):
            yield "not gone", lambda n: n.operand
        case ast.Constant(value=bool()):
            yield "True ↔ False", lambda n: _set(n, value=not n.value)
        case ast.Constant(value=int()):
            yield "number + 1", lambda n: _set(n, value=n.value + 1)
        case ast.Return(value=ast.expr() as value) if not (
            isinstance(value, ast.Constant) and value.value is None
        ):
            yield "return None", lambda n: _set(n, value=ast.Constant(None))
        case ast.Expr(value=ast.Call() | ast.Yield()) | ast.Raise() | ast.AugAssign() | ast.Continue():
            yield "statement gone", lambda n: ast.copy_location(ast.Pass(), n)
        case ast.If() | ast.While() | ast.IfExp():
            yield "condition turned", lambda n: _set(n, test=ast.UnaryOp(ast.Not(), n.test))
        case ast.BinOp(op=ast.Add()):
            yield "+ → -", lambda n: _set(n, op=ast.Sub())
        case ast.BinOp(op=ast.Sub()):
            yield "- → +", lambda n: _set(n, op=ast.Add())
        case ast.BinOp(op=ast.BitOr()):
            yield "| → &", lambda n: _set(n, op=ast.BitAnd())


def _set(node: ast.AST, **values: object) -> ast.AST:
    for name, value in values.items():
        setattr(node, name, value)
    return node


def mutants(text: str) -> Iterator[tuple[int, str, str]]:
    """Every mutant of a module: its line, what was changed, and its text."""
    tree = ast.parse(text)
    told = {id(node) for annotated in ast.walk(tree) for node in _annotations(annotated)}
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in told:
            continue
        for what, change in changes(node):
            other = copy.deepcopy(tree)
            _replace(other, number, change)
            line = getattr(node, "lineno", 0)
            yield (
                line,
                f"{what}: {text.splitlines()[line - 1].strip()}",
                ast.unparse(ast.fix_missing_locations(other)),
            )


def _annotations(node: ast.AST) -> Iterator[ast.AST]:
    """What is said of types, which nothing runs."""
    for part in (getattr(node, "annotation", None), getattr(node, "returns", None)):
        if isinstance(part, ast.AST):
            yield from ast.walk(part)


def _replace(tree: ast.AST, number: int, change: Change) -> None:
    wanted = next(node for at, node in enumerate(ast.walk(tree)) if at == number)
    made = change(wanted)
    if made is wanted or made is None:
        return
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is wanted:
                setattr(parent, name, made)
            elif isinstance(value, list) and any(one is wanted for one in value):
                value[next(at for at, one in enumerate(value) if one is wanted)] = made


def score(module: str, *, sample: int | None, seed: int) -> tuple[int, int]:
    """How many mutants were made, and how many a test saw; the others are printed."""
    made = list(mutants((ROOT / "polymask" / module).read_text()))
    chosen = sorted(Random(seed).sample(made, min(sample or len(made), len(made))))
    killed, began = 0, time.perf_counter()
    with copied() as folder:
        for line, what, text in chosen:
            (folder / "polymask" / module).write_text(text)
            code, _ = run_tests(folder, [test for test in TESTS[module] if (ROOT / test).exists()])
            killed += code != 0
            if code == 0:
                print(f"    {module}:{line}: {what}", flush=True)
    seconds = time.perf_counter() - began
    print(
        f"{module:<22}{killed:>5} of {len(chosen)} ({len(made)} there are), {100 * killed / max(1, len(chosen)):.1f} %, {seconds:.0f} s",
        flush=True,
    )
    return len(chosen), killed


def main() -> int:
    """Score the modules and sum up."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], default=[])
    parser.add_argument("--sample", type=int, help="of each module; default: all")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    scores = [score(module, sample=given.sample, seed=given.seed) for module in given.modules or TESTS]
    made, killed = (sum(column) for column in zip(*scores, strict=True))
    print(f"{'all':<22}{killed:>5} of {made}, {100 * killed / max(1, made):.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
