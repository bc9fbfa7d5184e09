"""Which of a Dataloop item's annotations are taken: by who made them, and by what QA says of them.

An annotation is a prediction where its metadata name a model: `metadata.user.model`, which
dtlpy's `model_info` writes, or `metadata.system.model`, which the platform's model adapter adds.
`metadata.system.automated` is no sign of one: dtlpy sets it for whatever a script uploads.
A mask of ours is taken where every annotation that it was made of is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from polymask.errors import InputError, unknown
from polymask.validation import as_names, listed, part

PREDICTIONS = ("skip", "keep", "only")
ANY, NONE, FLAGGED = "any", "none", "issue"
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
        confidence = (self.model or {}).get("confidence")
        return (
            float(confidence)
            if isinstance(confidence, int | float) and not isinstance(confidence, bool)
            else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What is taken: people's annotations, all of them, unless told otherwise.

    `predictions` are skipped, kept beside the others, or all that is taken; those below
    `min_confidence`, or without one, are left out. `creator` and `status` name whose, and of what
    status; `none` is that of annotations without one, `any` every status. `annotated_only`
    leaves out images with nothing to paint. Without `flagged`, what QA has an open issue with is
    taken only if a `status` asks for it.

    >>> Choice().refusal(Origin(model={"name": "yolo"}))
    'a prediction (yolo); take it with --predictions keep'
    """

    predictions: str = "skip"
    min_confidence: float | None = None
    creator: Sequence[str] = ()
    status: Sequence[str] = ()
    annotated_only: bool = False
    flagged: bool = True

    def __post_init__(self) -> None:
        if self.predictions not in PREDICTIONS:
            raise unknown("predictions", str(self.predictions), PREDICTIONS)
        for name in ("creator", "status"):
            object.__setattr__(self, name, as_names(name, getattr(self, name)))
        if self.min_confidence is not None:
            self._check_confidence(self.min_confidence)

    def _check_confidence(self, minimum: Any) -> None:
        if isinstance(minimum, bool) or not isinstance(minimum, int | float) or not 0 <= minimum <= 1:
            raise InputError(f"min_confidence is a number from 0 to 1, not {minimum!r}")
        if self.predictions == "skip":
            raise InputError(
                "--min-confidence chooses among predictions",
                advice="add --predictions keep, or --predictions only",
            )

    def refusal(self, origin: Origin) -> str | None:
        """Why an annotation is not taken; None for one that is."""
        return self._prediction_refusal(origin) or self._review_refusal(origin)

    def _prediction_refusal(self, origin: Origin) -> str | None:
        if origin.model is None:
            return "no prediction, but --predictions only" if self.predictions == "only" else None
        if self.predictions == "skip":
            name = origin.model.get("name") or origin.model.get("model_id") or "of a model"
            return f"a prediction ({name}); take it with --predictions keep"
        minimum, confidence = self.min_confidence, origin.confidence
        if minimum is not None and (confidence is None or not confidence >= minimum):
            return f"a prediction with a confidence of {confidence}, --min-confidence is {minimum:g}"
        return None

    def _review_refusal(self, origin: Origin) -> str | None:
        if self.creator and origin.creator.casefold() not in map(str.casefold, self.creator):
            return f"made by {origin.creator or 'nobody that is told'}, not by --creator"
        statuses = [status.casefold() for status in self.status]
        if statuses and ANY not in statuses and origin.status not in statuses:
            return f"its status is '{origin.status}', not that of --status"
        if not statuses and not self.flagged and origin.status == FLAGGED:
            return "QA has an open issue with it; take it with --status any"
        return None


def changed_flags(choice: Choice) -> list[str]:
    """The flags of a choice that is another than the default one."""
    return [f"--{f.name.replace('_', '-')}" for f in fields(Choice) if getattr(choice, f.name) != f.default]


def origin_of(creator: Any, metadata: Any) -> Origin:
    """Who made an annotation, by its `creator` and `metadata`."""
    system, user = part(metadata, "system"), part(metadata, "user")
    model = {name: value for name, value in part(user, "model").items() if value is not None}
    return _origin(creator, system.get("status"), _model(part(system, "model") | model))


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


def _model(model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The model that predicted an annotation, if what is told names one."""
    is_named = any(model.get(name) is not None for name in ("name", "model_id", "confidence"))
    return model if is_named else None


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
