"""Which of a Dataloop item's annotations are taken: by who made them, and by what QA says of them.

An annotation is a prediction where its metadata name a model: `metadata.user.model`, which
dtlpy's `model_info` writes, or `metadata.system.model`, which the platform's model adapter adds.
`metadata.system.automated` is no sign of one: dtlpy sets it for whatever a script uploads.
A mask of ours is taken where every annotation that it was made of is.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from polymask.errors import InputError, unknown
from polymask.validation import as_names, listed, part

PREDICTIONS = ("skip", "keep", "only")
ANY, NONE, FLAGGED = "any", "none", "issue"
NOBODY = "nobody that is told"
_NO_STATUS = ("", "clear")  # what dtlpy writes to take a status away


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made an annotation: its creator, its QA status, and the model, where one predicted it."""

    creator: str = ""
    status: str = NONE
    model: Mapping[str, Any] | None = None

    @property
    def confidence(self) -> float | None:
        """How sure the model was, 0 to 1."""
        told = (self.model or {}).get("confidence")
        return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is taken: people's annotations, all of them, unless told otherwise.

    `predictions` are skipped, kept beside the others, or all that is taken; those below
    `min_confidence`, or without one, are left out. `creator` and `status` name whose, and of what
    status; `none` is that of annotations without one, `any` every status. `annotated_only`
    leaves out images with nothing to paint. Without `flagged`, what QA has an open issue with is
    taken only if a `status` asks for it. Where several people drew an image, as in a consensus task, only
    what `annotator` drew is taken of theirs.

    >>> Choice().refusal(Origin(model={"name": "yolo"}))
    'a prediction (yolo); take it with --predictions keep'
    """

    predictions: str = "skip"
    min_confidence: float | None = None
    creator: Sequence[str] = ()
    status: Sequence[str] = ()
    annotator: str | None = None
    annotated_only: bool = False
    flagged: bool = True

    def __post_init__(self) -> None:
        if self.predictions not in PREDICTIONS:
            raise unknown("predictions", str(self.predictions), PREDICTIONS)
        for name in ("creator", "status"):
            object.__setattr__(self, name, as_names(name, getattr(self, name)))
        if self.min_confidence is not None:
            self._check_confidence(self.min_confidence)

    def _check_confidence(self, least: Any) -> None:
        if isinstance(least, bool) or not isinstance(least, int | float) or not 0 <= least <= 1:
            raise InputError(f"min_confidence is a number from 0 to 1, not {least!r}")
        if self.predictions == "skip":
            raise InputError(
                "--min-confidence chooses among predictions",
                advice="add --predictions keep, or --predictions only",
            )

    def among(self, origins: Iterable[Origin]) -> "Choice":
        """The choice for an image whose annotations come from there: one that a single person drew is theirs.

        Examples:
            >>> Choice(annotator="ann").among([Origin("bob"), Origin("Bob")]).annotator
        """
        if self.annotator is None:
            return self
        people = {origin.creator.casefold() for origin in origins if origin.model is None}
        return self if len(people) > 1 else replace(self, annotator=None)

    def refusal(self, origin: Origin) -> str | None:
        """Why an annotation is not taken; None for one that is."""
        return self._of_model(origin) or self._of_people(origin)

    def _of_model(self, origin: Origin) -> str | None:
        if origin.model is None:
            return "no prediction, but --predictions only" if self.predictions == "only" else None
        if self.predictions == "skip":
            name = origin.model.get("name") or origin.model.get("model_id") or "of a model"
            return f"a prediction ({name}); take it with --predictions keep"
        least, sure = self.min_confidence, origin.confidence
        if least is not None and (sure is None or not sure >= least):
            return f"a prediction with a confidence of {sure}, --min-confidence is {least:g}"
        return None

    def _of_people(self, origin: Origin) -> str | None:
        if self.creator and origin.creator.casefold() not in map(str.casefold, self.creator):
            return f"made by {origin.creator or NOBODY}, not by --creator"
        is_anothers = origin.creator.casefold() != (self.annotator or "").casefold()
        if self.annotator is not None and origin.model is None and is_anothers:
            return f"drawn by {origin.creator or NOBODY}, and by --annotator too"
        wanted = [status.casefold() for status in self.status]
        if wanted and ANY not in wanted and origin.status not in wanted:
            return f"its status is '{origin.status}', not that of --status"
        if not wanted and not self.flagged and origin.status == FLAGGED:
            return "QA has an open issue with it; take it with --status any"
        return None


def different(choice: Choice) -> list[str]:
    """The flags of a choice that is another than the default one; `--annotator` other formats take too."""
    names = [f.name for f in fields(Choice) if getattr(choice, f.name) != f.default and f.name != "annotator"]
    return [f"--{name.replace('_', '-')}" for name in names]


def origin_of(creator: Any, metadata: Any) -> Origin:
    """Who made an annotation, by its `creator` and `metadata`."""
    system, user = part(metadata, "system"), part(metadata, "user")
    told = {name: value for name, value in part(user, "model").items() if value is not None}
    return _origin(creator, system.get("status"), _model(part(system, "model") | told))


def origins_of(creator: Any, metadata: Any) -> Iterator[Origin]:
    """Who made an annotation, or each that a mask of ours was made of."""
    sources = sources_of(metadata)
    if not sources:
        yield origin_of(creator, metadata)
    for source in sources:
        yield _origin(source.get("creator", creator), source.get("status"), _model(part(source, "model")))


def _origin(creator: Any, status: Any, model: Mapping[str, Any] | None) -> Origin:
    word = str(status or "").casefold()
    return Origin(str(creator or ""), NONE if word in _NO_STATUS else word, model)


def _model(told: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The model that predicted an annotation, if what is told names one."""
    named = any(told.get(name) is not None for name in ("name", "model_id", "confidence"))
    return told if named else None


def sources_of(metadata: Any) -> list[dict[str, Any]]:
    """What a mask of ours says of each annotation it was made of; nothing for other annotations."""
    return [
        source
        for source in listed(part(metadata, "user", "polymask").get("sources"))
        if isinstance(source, dict) and "id" in source
    ]


def original_id(row: Mapping[str, Any]) -> str | None:
    """The id that a restored polygon had in this item before it was deleted."""
    mark = _mark(row)
    # A mark of an earlier build names no item: it is taken to be of the one that it is on.
    if not mark or mark.get("item", row.get("itemId")) != row.get("itemId", mark.get("item")):
        return None
    return str(mark["restored"])


def _mark(row: Mapping[str, Any]) -> dict[str, Any]:
    metadata = part(row, "metadata")
    for place in (part(metadata, "user"), metadata):
        if (mark := part(place, "polymask")).get("restored"):
            return mark
    return {}
