"""Which of a Dataloop item's annotations are read, by their creator and by their QA status.

An annotation is a prediction if its metadata name a model: in `metadata.user.model`, which dtlpy's
`model_info` writes, or in `metadata.system.model`, which the platform's model adapter adds.
`metadata.system.automated` does not make it a prediction: dtlpy sets it for everything that a script
uploads. A mask that polymask wrote is read if all of its source annotations would be.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import msgspec

from polymask.errors import InputError, unknown
from polymask.validation import as_names, listed, part

PREDICTIONS = ("skip", "keep", "only")
ANY, NONE, FLAGGED = "any", "none", "issue"
STATUSES = (FLAGGED, "review", "approved", NONE, ANY)  # of `--status`; the first three are dtlpy's
NOBODY = "somebody unknown"
_NO_STATUS = ("", "clear")  # dtlpy writes these to remove a status


class Origin(msgspec.Struct, frozen=True):
    """The origin of an annotation: its creator, its QA status, and the model of a prediction."""

    creator: str = ""
    status: str = NONE
    model: Mapping[str, Any] | None = None

    @property
    def confidence(self) -> float | None:
        """The model's confidence, 0 to 1; None where it gives none."""
        confidence = (self.model or {}).get("confidence")
        return (
            float(confidence)
            if isinstance(confidence, int | float) and not isinstance(confidence, bool)
            else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which annotations are read; by default all that people made.

    `predictions` says whether predictions are skipped, kept beside the others, or the only ones read;
    those below `min_confidence`, or without a confidence, are left out. `creator` and `status` name the
    creators and QA statuses to read: the status `none` stands for annotations without a status, `any`
    for every status. `annotated_only` leaves out images with nothing to paint. Without `flagged`,
    annotations with an open QA issue are read only if `status` names it. Of an image that several people
    drew, as in a consensus task, only the annotations by `annotator` are read.

    Examples:
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
        for status in self.status:
            if status.casefold() not in STATUSES:
                raise unknown("status", status, STATUSES)
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
        """Why an annotation is not read; None where it is."""
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
            return f"made by {origin.creator or NOBODY}, not by --creator"
        is_by_another = origin.creator.casefold() != (self.annotator or "").casefold()
        if self.annotator is not None and origin.model is None and is_by_another:
            return f"drawn by {origin.creator or NOBODY}, and by --annotator too"
        statuses = [status.casefold() for status in self.status]
        if statuses and ANY not in statuses and origin.status not in statuses:
            return f"its status is '{origin.status}', not that of --status"
        if not statuses and not self.flagged and origin.status == FLAGGED:
            return "QA has an open issue with it; take it with --status any"
        return None


def changed_flags(choice: Choice) -> list[str]:
    """The flags whose values differ from the defaults, but `--annotator`, which other formats take too."""
    names = [f.name for f in fields(Choice) if getattr(choice, f.name) != f.default and f.name != "annotator"]
    return [f"--{name.replace('_', '-')}" for name in names]


def origin_of(creator: Any, metadata: Any) -> Origin:
    """The origin of an annotation, from its `creator` and `metadata`."""
    system, user = part(metadata, "system"), part(metadata, "user")
    model = {name: value for name, value in part(user, "model").items() if value is not None}
    return _origin(creator, system.get("status"), _model(part(system, "model") | model))


def origins_of(creator: Any, metadata: Any) -> Iterator[Origin]:
    """The origin of an annotation; for a mask that polymask wrote, the origin of each source annotation."""
    sources = sources_of(metadata)
    if not sources:
        yield origin_of(creator, metadata)
    for source in sources:
        yield _origin(source.get("creator", creator), source.get("status"), _model(part(source, "model")))


def _origin(creator: Any, status: Any, model: Mapping[str, Any] | None) -> Origin:
    word = str(status or "").casefold()
    return Origin(str(creator or ""), NONE if word in _NO_STATUS else word, model)


def _model(model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The model that predicted an annotation; None where the metadata name none."""
    is_named = any(model.get(name) is not None for name in ("name", "model_id", "confidence"))
    return model if is_named else None


def sources_of(metadata: Any) -> list[dict[str, Any]]:
    """The source annotations that a mask written by polymask lists; an empty list for other annotations."""
    return [
        source
        for source in listed(part(metadata, "user", "polymask").get("sources"))
        if isinstance(source, dict) and "id" in source
    ]


def original_id(row: Mapping[str, Any]) -> str | None:
    """The id that a restored polygon had in this item before it was deleted."""
    mark = _mark(row)
    # Marks of earlier builds name no item: they belong to the item that they lie on.
    if not mark or mark.get("item", row.get("itemId")) != row.get("itemId", mark.get("item")):
        return None
    return str(mark["restored"])


def ids_in_claims(row: Mapping[str, Any]) -> frozenset[str]:
    """The ids under which the masks of an item may list an annotation: its id, and the one it had first.

    The latter also if it had that in another item: a clone's masks list the polygons of the item that
    it was cloned from.
    """
    return frozenset(str(key) for key in (row.get("id"), _mark(row).get("restored")) if key)


def _mark(row: Mapping[str, Any]) -> dict[str, Any]:
    metadata = part(row, "metadata")
    for place in (part(metadata, "user"), metadata):
        if (mark := part(place, "polymask")).get("restored"):
            return mark
    return {}
