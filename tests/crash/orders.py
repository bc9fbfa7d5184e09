"""The order of the calls of real runs, and of mutants that forget a sync."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.crash.kills import Case, Setup, setups
from tests.crash.mutants import MUTANTS
from tests.crash.order import violations
from tests.crash.traces import Call, traced
from tests.support.campaign_table import Tally, Verdict, tallied


def order_of(setup: Setup, arguments: tuple[object, ...]) -> list[str]:
    """What a run of the command does in the wrong order."""
    ended, calls = traced(setup.forked_runs, arguments)
    assert ended.code == 0, ended
    return violations(calls, dest=setup.scene.dest, source=setup.scene.source)


def _mask(setup: Setup) -> str:
    return next(name for name in setup.scene.golden.files if name.endswith(".png"))


def undisturbed(setup: Setup) -> list[str]:
    setup.prepare()
    return order_of(setup, setup.arguments)


def mask_removed(setup: Setup) -> list[str]:
    """Restored, a mask removed by hand: what is painted again must last as well."""
    setup.scene.reset()
    setup.forked_runs.run(setup.scene.convert)
    setup.forked_runs.run(setup.scene.restore)
    (setup.scene.dest / _mask(setup)).unlink()
    return order_of(setup, setup.scene.convert)


def after_a_kill(setup: Setup, call: Call) -> list[str]:
    """What the killed run had not synced counts as well, when the next one relies on it."""
    setup.prepare()
    fault = f"{call.name}:signal=KILL:when={call.nth}"
    _, first = traced(setup.forked_runs, setup.arguments, fault)
    _, second = traced(setup.forked_runs, setup.arguments)
    return violations([*first, *second], dest=setup.scene.dest, source=setup.scene.source)


def orders(*, kills: bool = False) -> Tally:
    """The order of undisturbed runs, of runs that repair, and of each pair of killed run and rerun."""
    with setups() as all_of_them:

        def cases() -> Iterator[Case]:
            for setup in all_of_them:
                yield setup.name, partial(_verdict, partial(undisturbed, setup))
                if setup.command == "convert":
                    yield f"{setup.name}, a mask removed", partial(_verdict, partial(mask_removed, setup))
                for call in setup.calls() if kills else ():
                    case = partial(_verdict, partial(after_a_kill, setup, call))
                    yield f"{setup.name}, killed before {call.text[:90]}", case

        return tallied("order of writes, syncs and deletions", cases())


def mutants() -> Tally:
    """Each mutant must be told from the product."""

    def cases() -> Iterator[Case]:
        for name in MUTANTS:
            yield name, partial(_caught, name)

    return tallied("mutants without one sync: caught by the order", cases())


def _verdict(found: Callable[[], list[str]]) -> Verdict:
    return Verdict(other=tuple(found()))


def _caught(name: str) -> Verdict:
    with setups(name) as all_of_them:
        found = [wrong for setup in all_of_them if setup.command == "convert" for wrong in undisturbed(setup)]
    return Verdict(other=() if found else ("not caught",))
