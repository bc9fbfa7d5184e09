"""A preview of a conversion: the masks that it would write, beside the existing masks."""

from dataclasses import replace

from polymask.analysis.masks.mask_sets import masks_in
from polymask.conversion.plan import Plan
from polymask.report.changes import Changes, preview_of_changes
from polymask.report.page import Preview
from polymask.storage.remote.urls import Location, listed_once, located


def preview_of_plan(plan: Plan, dest: Location) -> Preview:
    """The images that a plan would paint, before and after."""
    options, annotations = plan.options, plan.annotations
    chosen = replace(
        annotations,
        names=[annotations.names[index] for index in plan.indices],
        decode=lambda number: plan.chosen(annotations.decode(plan.indices[number])),
        picture=(lambda number: picture(plan.indices[number])) if (picture := annotations.picture) else None,
        picture_file=lambda number: annotations.picture_file(plan.indices[number]),
    )
    masks = masks_in(dest, labels=plan.label_map, limits=options.limits)
    images = listed_once(located(options.images)) if options.images else None
    survey = Changes(chosen, masks, label_map=plan.label_map, rules=plan.rules, images=images)
    return preview_of_changes(survey, f"{annotations.path.name} → {dest.name}", workers=options.workers)
