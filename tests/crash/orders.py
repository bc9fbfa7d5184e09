"""The order of the calls of real runs, and of mutants that forget a sync."""

from collections.abc import Callable, Iterator
from functools import partial

from tests.crash.kills import Case, Stand, stands
from tests.crash.mutants import MUTANTS
from tests.crash.order import violations
from tests.crash.tally import Tally, Verdict, tallied
from tests.crash.traces import Call, traced


def order_of(stand: Stand, arguments: tuple[object, ...]) -> list[str]:
    """What a run of the command does in the wrong order."""
    ended, calls = traced(stand.nursery, arguments)
    assert ended.code == 0, ended
    return violations(calls, dest=stand.scene.dest, source=stand.scene.source)


def _mask(stand: Stand) -> str:
    return next(name for name in stand.scene.golden.files if name.endswith(".png"))


def undisturbed(stand: Stand) -> list[str]:
    stand.prepare()
    return order_of(stand, stand.arguments)


def mask_removed(stand: Stand) -> list[str]:
    """Restored, a mask removed by hand: what is painted again must last as well."""
    stand.scene.reset()
    stand.nursery.run(stand.scene.convert)
    stand.nursery.run(stand.scene.restore)
    (stand.scene.dest / _mask(stand)).unlink()
    return order_of(stand, stand.scene.convert)


def after_a_kill(stand: Stand, call: Call) -> list[str]:
    """What the killed run had not synced counts as well, when the next one relies on it."""
    stand.prepare()
    fault = f"{call.name}:signal=KILL:when={call.nth}"
    _, first = traced(stand.nursery, stand.arguments, fault)
    _, second = traced(stand.nursery, stand.arguments)
    return violations([*first, *second], dest=stand.scene.dest, source=stand.scene.source)


def orders(*, kills: bool = False) -> Tally:
    """The order of undisturbed runs, of runs that repair, and of each pair of killed run and rerun."""
    with stands() as all_of_them:

        def cases() -> Iterator[Case]:
            for stand in all_of_them:
                yield stand.name, partial(_verdict, partial(undisturbed, stand))
                if stand.command == "convert":
                    yield f"{stand.name}, a mask removed", partial(_verdict, partial(mask_removed, stand))
                for call in stand.calls() if kills else ():
                    case = partial(_verdict, partial(after_a_kill, stand, call))
                    yield f"{stand.name}, killed before {call.text[:90]}", case

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
    with stands(name) as all_of_them:
        found = [wrong for stand in all_of_them if stand.command == "convert" for wrong in undisturbed(stand)]
    return Verdict(other=() if found else ("not caught",))
