"""`python -m tests.seeded.mutants MODULE... [--sample N] [--seed S] [--write]`: the mutation score of modules.

Each mutant is one small change: a comparison, a boolean, a number or a condition turned round, a
statement or a return value gone. Those that no test sees are printed, with their line; those that
`equivalent.py` lists change nothing that anybody could see, and are left out of the score.
With `--state` what was killed before is not run again, as long as its module is the same: tests are only added.
"""

import argparse
import ast
import copy
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

from tests.seeded.copies import ROOT, TIMEOUT, copied, run_forked
from tests.seeded.equivalent import EQUIVALENT

PAGE = ROOT / "docs" / "trust.md"
HEADER = "| module | mutants | run | killed | equivalent | survived | score | date |\n|---|--:|--:|--:|--:|--:|--:|--:|"

_OF_CONVERSIONS = (
    "tests/conversion/test_run.py", "tests/conversion/test_choosing.py", "tests/conversion/test_delete_source.py", "tests/conversion/test_options.py",
    "tests/layouts/test_binary.py", "tests/layouts/test_dataloop.py", "tests/layouts/test_overlay.py",
    "tests/parallel/test_shards.py", "tests/conversion/test_folder_sink.py", "tests/cli/test_stopped.py",
)  # fmt: skip
TESTS = {
    "storage/roots/local.py": ("tests/storage/test_local.py", "tests/conversion/test_folder_sink.py", "tests/storage/test_roots.py"),
    "storage/roots/folders.py": ("tests/storage/test_local.py", "tests/storage/test_roots.py"),
    "storage/safe_names.py": ("tests/storage/test_local.py", "tests/storage/test_names_confined.py"),
    "in_place/journal.py": ("tests/in_place/test_journal.py",),
    "in_place/reconcile.py": ("tests/in_place/test_reconcile.py", "tests/in_place/test_reconcile_properties.py"),
    "painting/accounted.py": ("tests/painting/test_accounted.py", "tests/conversion/test_delete_source.py"),
    "storage/local_disk/durable.py": ("tests/conversion/test_delete_source.py", "tests/conversion/test_restore.py"),
    "conversion/dest/deletion_journal.py": ("tests/conversion/test_delete_source.py", "tests/conversion/test_restore.py"),
    "conversion/undoing/restore.py": ("tests/conversion/test_delete_source.py", "tests/conversion/test_restore.py"),
    "conversion/delete_source.py": ("tests/conversion/test_delete_source.py", "tests/conversion/test_restore.py", "tests/fuzz/test_fuzz.py::test_hostile_input_is_a_result_or_an_error_of_ours[folder-journal]"),
    "conversion/dest/folder_sink.py": ("tests/conversion/test_folder_sink.py", "tests/analysis/test_verify.py", "tests/conversion/test_delete_source.py"),
    "conversion/dest/outdated.py": ("tests/conversion/test_outdated.py",),
    "conversion/dest/way_back.py": ("tests/conversion/test_way_back.py", "tests/conversion/test_delete_source.py"),
    "conversion/dest/check.py": ("tests/conversion/test_folder_sink.py", "tests/analysis/test_verify.py", "tests/layouts/test_several_runs.py", "tests/layouts/test_value_tables.py"),
    "conversion/plan.py": _OF_CONVERSIONS,
    "conversion/planning/dest_plan.py": _OF_CONVERSIONS,
    "conversion/planning/layout_plan.py": _OF_CONVERSIONS,
    "conversion/run.py": _OF_CONVERSIONS,
    "in_place/job.py": ("tests/dataloop/test_in_place.py", "tests/dataloop/test_cli_dataloop.py"),
    "limits.py": ("tests/test_limits.py",),
    "dataloop/sink.py": ("tests/dataloop/test_sink.py", "tests/dataloop/test_upload.py"),
    "dataloop/source.py": ("tests/dataloop/test_source.py", "tests/dataloop/test_in_place.py", "tests/dataloop/test_restore.py"),
    "dataloop/jobs/run.py": (
        "tests/dataloop/test_verify.py", "tests/dataloop/test_upload.py", "tests/dataloop/test_source.py",
        "tests/dataloop/test_in_place.py", "tests/dataloop/test_restore.py", "tests/dataloop/test_app.py",
        "tests/dataloop/test_shards.py::test_restoring_finds_the_journals_of_all_parts",
    ),
    "dataloop/jobs/undoing/restoration.py": ("tests/dataloop/test_restore.py", "tests/dataloop/test_lost_backups.py"),
    "dataloop/reading/copies.py": ("tests/dataloop/test_clones.py",),
    "dataloop/service/client.py": ("tests/dataloop/test_client.py",),
    "dataloop/service/responses.py": ("tests/dataloop/test_client.py",),
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
            isinstance(value, ast.Constant) and value.value in (None, False, True)  # the latter are turned
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


@dataclass(frozen=True)
class Mutant:
    """One small change to a module: its line, what is changed, and where in the tree."""

    line: int
    what: str
    number: int
    change: Change

    def text(self, tree: ast.Module) -> str:
        """The changed module."""
        other = copy.deepcopy(tree)
        _replace(other, self.number, self.change)
        return ast.unparse(ast.fix_missing_locations(other))


def mutants(text: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree, lines = ast.parse(text), text.splitlines()
    told = {id(node) for annotated in ast.walk(tree) for node in _annotations(annotated)}
    seen: Counter[tuple[int, str]] = Counter()
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in told:
            continue
        for what, change in changes(node):
            line = getattr(node, "lineno", 0)
            place = ast.unparse(node).partition("\n")[0]
            seen[line, f"{what}{place}"] += 1
            which = f" ({seen[line, f'{what}{place}']})" if seen[line, f"{what}{place}"] > 1 else ""
            yield Mutant(line, f"{what}: {place}{which} in: {lines[line - 1].strip()}", number, change)


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


@dataclass
class Score:
    """What came of a module's mutants."""

    module: str
    there: int
    seed: int
    run: int = 0
    killed: int = 0
    equivalent: int = 0
    survived: int = 0

    @property
    def share(self) -> float:
        """Killed, of those that a test could see."""
        return 100 * self.killed / max(1, self.run - self.equivalent)

    @property
    def row(self) -> str:
        """For people and for the page."""
        seed = "all" if self.run == self.there else f"seed {self.seed}"
        numbers = f"{self.there} | {self.run} ({seed}) | {self.killed} | {self.equivalent} | {self.survived}"
        day = datetime.now(UTC).strftime("%Y-%m-%d")
        return f"| `{self.module}` | {numbers} | {self.share:.1f} % | {day} |"


def score(module: str, *, sample: int | None, seed: int, state: Path | None) -> Score:
    """Run tests on mutants of a module; those that no test saw are printed."""
    text = (ROOT / "polymask" / module).read_text()
    made, tree = list(mutants(text)), ast.parse(text)
    chosen = sorted(Random(seed).sample(made, min(sample or len(made), len(made))), key=lambda one: one.line)
    result = Score(module, len(made), seed)
    before = _killed(state, text)
    tests = [test for test in TESTS[module] if (ROOT / test.partition("::")[0]).exists()]
    with copied() as folder:
        began = time.monotonic()
        if code := run_forked(folder, tests, timeout=TIMEOUT):
            sys.exit(f"{module}: pytest ends with {code} where nothing was changed")
        timeout = 15 + 6 * (time.monotonic() - began)
        for mutant in chosen:
            key = f"{mutant.number} {mutant.what}"
            if key not in before:
                (folder / "polymask" / module).write_text(mutant.text(tree))
                if run_forked(folder, tests, timeout=timeout):
                    before.add(key)
                    _keep(state, text, before)
            _count(result, mutant, key in before)
    for what in EQUIVALENT.get(module, {}).keys() - {mutant.what for mutant in made}:
        print(f"    {module}: equivalent.py lists what is not there: {what}", flush=True)
    print(result.row, flush=True)
    return result


def _count(result: Score, mutant: Mutant, killed: bool) -> None:
    listed = mutant.what in EQUIVALENT.get(result.module, {})
    result.run += 1
    result.killed += killed and not listed
    result.equivalent += listed
    result.survived += not killed and not listed
    if killed == listed:
        told = "is listed as equivalent, but a test sees it: " if killed else ""
        print(f"    {result.module}:{mutant.line}: {told}{mutant.what}", flush=True)


def _killed(state: Path | None, text: str) -> set[str]:
    if state is None or not state.exists():
        return set()
    return set(json.loads(state.read_text()).get(sha256(text.encode()).hexdigest(), ()))


def _keep(state: Path | None, text: str, killed: set[str]) -> None:
    if state is not None:
        held = json.loads(state.read_text()) if state.exists() else {}
        state.write_text(json.dumps(held | {sha256(text.encode()).hexdigest(): sorted(killed)}))


def page_with(page: str, scores: list[Score]) -> str:
    """The page with the rows of these modules renewed, between its two marks."""
    begin, end = "<!-- mutants -->\n", "<!-- end of mutants -->"
    head, rest = page.split(begin)
    table, tail = rest.split(end)
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    rows |= {one.module: one.row for one in scores}
    ordered = [rows[module] for module in TESTS if module in rows]
    return head + begin + "\n".join([HEADER, *ordered]) + "\n" + end + tail


def main() -> int:
    """Score the modules and sum up; 1 where a mutant survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.seeded.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", choices=[*TESTS, []], default=[])
    parser.add_argument("--sample", type=int, help="of each module; default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, help="where to keep what was killed")
    parser.add_argument("--write", action="store_true", help="renew the modules' rows in docs/trust.md")
    given = parser.parse_args()
    print(HEADER, flush=True)
    scores = [
        score(module, sample=given.sample, seed=given.seed, state=given.state)
        for module in given.modules or TESTS
    ]
    if given.write:
        PAGE.write_text(page_with(PAGE.read_text(), scores))
    survived, run = sum(one.survived for one in scores), sum(one.run for one in scores)
    print(f"{run} mutants, {survived} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
