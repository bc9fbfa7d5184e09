"""What a conversion would change in a folder, as a report: the masks that would be, beside those that are."""

from dataclasses import replace

from polymask.analysis.mask_sets import masks_in
from polymask.conversion.job import Job
from polymask.report.changes import Changes, preview_of_changes
from polymask.report.html import Preview
from polymask.storage.urls import Location, listed_once, located


def preview_of_job(job: Job, dest: Location) -> Preview:
    """The images that a job would paint, before and after."""
    options, annotations = job.options, job.annotations
    chosen = replace(
        annotations,
        names=[annotations.names[index] for index in job.indices],
        decode=lambda at: job.chosen(annotations.decode(job.indices[at])),
        picture=(lambda at: picture(job.indices[at])) if (picture := annotations.picture) else None,
        picture_file=lambda at: annotations.picture_file(job.indices[at]),
    )
    masks = masks_in(dest, labels=job.label_map, limits=options.limits)
    images = listed_once(located(options.images)) if options.images else None
    survey = Changes(chosen, masks, label_map=job.label_map, rules=job.rules, images=images)
    return preview_of_changes(survey, f"{annotations.path.name} → {dest.name}", workers=options.workers)
