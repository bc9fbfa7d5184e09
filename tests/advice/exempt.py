"""Advice that no command can be made to give here, or that nobody can follow in a test, and why.

A reason that names a test (`tests/….py::test_…`) says that this test provokes the error and goes on as
it says, with a hook where the moment is.
"""

RERUN = "only where somebody changes it in that very moment; the rerun is shown by "
BUG = "an internal check: reporting it is for people"
PLATFORM = "only the platform's own answers can do this; the rerun is shown by "
SERVICE = "of a store or service that says no: only its owner can follow it"
ELSEWHERE = "on a cluster's worker, which no command here installs; told as shown by "
NO_OTHER = "every error of this kind has advice of its own, or reaches no command: the last resort"
HANDED_ON = "the advice of an error from within, which has its row there"

EXEMPT = {
    "analysis/verify: error.advice": HANDED_ON,
    "layouts/common/read_back: advice": HANDED_ON,
    "labels/label_map: nearest(name, known) or None": "a hint, to which callers add ways out",
    "api: '' if report.notes else None": "none where notes tell the causes, else the usual, with a row",
    "cli/commands: '' if report.notes else None": "as that of `api`",
    "codecs/pixels: save it smaller, or as baseline JPEG": "too large to be shown: by a picture editor",
    "codecs/zip: use `--to index`": "of zip members above 4 GiB",
    "conversion/rehearsal: split it first": "of files above 4 GiB; "
    "tests/conversion/test_delete_source.py::test_only_a_coco_file_on_disk_is_rewritten",
    "conversion/delete_source: run again": RERUN
    + "tests/conversion/test_late_edits.py::test_an_edit_while_masks_are_made_costs_a_rerun",
    "conversion/delete_source: nothing was deleted, run again": RERUN
    + "tests/conversion/test_late_edits.py::test_a_deletion_that_was_called_off_is_nothing_to_restore",
    "conversion/restore: it was left as it is, run again": RERUN
    + "tests/conversion/test_restore.py::test_a_changed_file_does_not_keep_the_others_from_being_restored",
    "conversion/dest/deletion_journal: the files as they were are in {root.path / EARLIER_BACKUP}": "earlier "
    "builds; tests/conversion/test_restore.py::test_an_earlier_builds_journal_that_is_lost_is_told",
    "conversion/executors: leave one out": "an executor is Python's; a command has --scheduler only",
    "conversion/executors: leave the executor out, or name another place": "as above; "
    "tests/storage/test_engines.py::test_what_only_this_process_sees_is_not_shared_out",
    "conversion/executors: install(version)": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_worker_of_another_version_says_so",
    "conversion/executors: {install()}": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_worker_of_another_version_says_so",
    "conversion/executors: run again": RERUN
    + "tests/storage/test_engines.py::test_a_worker_refuses_another_source",
    "conversion/executors: run the same command again to finish": ELSEWHERE
    + "tests/storage/test_engines.py::test_workers_that_are_gone_are_unavailable",
    "parallel/dask_cluster: install it there": ELSEWHERE
    + "tests/storage/test_engines.py::test_workers_without_polymask_are_named",
    "parallel/dask_cluster: start one with": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_scheduler_without_workers_is_unavailable",
    "parallel/pool: run the same command again to finish": "the system kills it for want of memory",
    "conversion/run: please report this": BUG,
    "in_place/job: please report this": BUG,
    "ledger: please report this": BUG,
    "dataloop/bulk_deletion: run again": PLATFORM
    + "tests/dataloop/test_edits_during_deletion.py::test_edited_just_before_the_deletion",
    "dataloop/client: try again": PLATFORM
    + "tests/dataloop/test_client.py::test_a_listing_that_never_adds_up_is_an_error",
    "dataloop/responses: LOG_IN": SERVICE,
    "dataloop/client: LOG_IN": "dtlpy finds the login of whoever runs the tests; told as shown by "
    "tests/dataloop/test_client.py::test_without_a_login_nothing_is_tried",
    "dataloop/download: correct it on the platform": "numbers that no file can hold; "
    "the platform itself refuses them",
    "dataloop/restoring: run again": PLATFORM
    + "tests/dataloop/test_source.py::test_a_polygon_that_does_not_arrive_is_an_error",
    "dataloop/source: try again": "a download that is cut off: only the network does it",
    "dataloop/source: run again": PLATFORM
    + "tests/dataloop/test_source.py::test_nothing_is_deleted_from_a_record_that_changed",
    "in_place/deletion: run again": PLATFORM
    + "tests/dataloop/test_interruptions.py::test_edited_between_reading_and_deleting",
    "in_place/deletion: {len(lost)} polygons were put back, run again": PLATFORM
    + "tests/dataloop/test_edits_during_deletion.py::test_a_mask_that_goes_during_the_deletion",
    "in_place/job: nothing was deleted, run again": PLATFORM
    + "tests/dataloop/test_interruptions.py::test_a_mask_deleted_by_hand_and_still_seen_once",
    "in_place/job: run again": PLATFORM
    + "tests/dataloop/test_interruptions.py::test_edited_before_an_old_mask_is_taken_away",
    "usual: PolymaskError": NO_OTHER,
    "usual: GeometryError": NO_OTHER,
    "usual: LimitError": NO_OTHER,
    "usual: BackendError": SERVICE,
    "usual: ConflictError": "another run in that very moment; that of a folder, which a row shows, says more",
    "formats/coco/indexed: run again": RERUN
    + "tests/formats/test_coco_index.py::test_a_file_that_changes_under_the_run_is_noticed",
    "formats/coco/indexed: add those of its annotations as `images`": "of files of 256 MiB, as "
    "that of `coco/whole`, which has a row: tests/formats/test_coco_index.py::test_refusals_are_the_same",
    "formats/coco/whole: run again": RERUN
    + "tests/conversion/test_late_edits.py::test_an_edit_while_masks_are_made_costs_a_rerun",
    "formats/dicom/series: store it as Explicit VR": "by the DICOM tool that wrote it; "
    "tests/formats/test_dicom.py::test_malformed_files_are_refused",
    "formats/parsing/byte_ranges: run again": "a large file that becomes shorter while it is read",
    "formats/parsing/outline: save it as UTF-8": "of files of 256 MiB; the same as that of smaller ones",
    "native: install with a C compiler, or unset POLYMASK_KERNEL": "raised at import: "
    "tests/advice/test_library.py::test_a_kernel_that_is_not_there_is_not_asked_for",
    "storage/connections: check the credentials": SERVICE,
    "storage/connections: log in to the store": SERVICE,
    "storage/object_store: run again when it is done": "a run of another machine; "
    "tests/storage/test_roots.py::test_a_run_that_was_taken_over_publishes_nothing",
    "storage/object_store: no run can hold such a store": SERVICE,
    "storage/object_store: wait for it, or stop it": "a run of another machine; "
    "tests/storage/test_roots.py::test_a_run_of_another_machine_holds_the_prefix",
    "storage/urls: set it where the store's own tools look for it": SERVICE,
}
