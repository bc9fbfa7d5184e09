"""The options of a run on a dataset, from those of a conversion."""

from polymask.conversion.options import ConvertOptions
from polymask.conversion.planning.effects import refuse_folder_options
from polymask.errors import InputError
from polymask.in_place.job import ProvenOptions


def in_place_options(options: ConvertOptions) -> ProvenOptions:
    """The options of a run on a dataset; raises `InputError` for flags that datasets do not take."""
    refuse_folder_options(options)
    if options.to not in ("index", "dataloop"):
        raise InputError("a dataset takes masks of its own kind only", advice="leave --to out")
    if options.overwrite:
        raise InputError(
            "--overwrite has no effect on a dataset, where masks of ours follow their polygons",
            advice="leave it out; a mask that somebody changed is made anew once it is deleted",
        )
    options.rules()  # refuses an unknown pixel rule
    return ProvenOptions(
        pixel_rule=options.pixel_rule,
        only=frozenset(options.only),
        delete_source=options.delete_source,
        max_delete=options.max_delete,
        check_images=options.check_images,
        dry_run=options.dry_run,
        shard=options.part,
        workers=options.workers,
        limits=options.limits,
        choice=options.choice,
        add_labels=options.add_labels,
        update=options.update,
    )
