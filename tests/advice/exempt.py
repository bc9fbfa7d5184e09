"""Advice that no command can be made to give here, or that nobody can follow in a test, and why.

A reason that names a test (`tests/….py::test_…`) says that this test provokes the error.
"""

RERUN = "only where somebody changes it in that very moment; shown by "
BUG = "an internal check: reporting it is for people"
ELSEWHERE = "on a cluster's worker, which no command here installs; told as shown by "
NO_OTHER = "every error of this kind has advice of its own, or reaches no command: the last resort"
HANDED_ON = "the advice of an error from within, which has its row there"

EXEMPT = {
    "analysis/verify: error.advice": HANDED_ON,
    "layouts/common/read_back: advice": HANDED_ON,
    "labels/label_map: nearest(name, names) or None": "a hint, to which callers add ways out",
    "proving: '' if report.notes else None": "none where notes tell the causes, else the usual, with a row",
    "cli/commands: '' if report.notes else None": "as that of `proving`",
    "codecs/pixels: save it smaller, or as baseline JPEG": "too large to be shown: by a picture editor",
    "conversion/undoing/restore: it was left as it is, run again": RERUN
    + "tests/conversion/test_restore.py::test_a_changed_file_does_not_keep_the_others_from_being_restored",
    "conversion/executors: install(version)": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_worker_of_another_version_says_so",
    "conversion/executors: {install()}": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_worker_of_another_version_says_so",
    "conversion/executors: run again": RERUN
    + "tests/storage/test_engines.py::test_a_worker_refuses_another_source",
    "parallel/dask_cluster: install it there": ELSEWHERE
    + "tests/storage/test_engines.py::test_workers_without_polymask_are_named",
    "parallel/dask_cluster: start one with": ELSEWHERE
    + "tests/storage/test_engines.py::test_a_scheduler_without_workers_is_unavailable",
    "parallel/pool: run the same command again to finish": "the system kills it for want of memory",
    "conversion/run: please report this": BUG,
    "in_place/job: please report this": BUG,
    "ledger: please report this": BUG,
    "dataloop/jobs/download: correct it on the platform": "numbers that no file holds",
    "dataloop/emulator/http/server: choose another with --port": "a command that runs until it is stopped: "
    "tests/dataloop/test_emulator_server.py::test_a_taken_port_is_said_to_be_taken",
    "usual: PolymaskError": NO_OTHER,
    "usual: GeometryError": NO_OTHER,
    "usual: LimitError": NO_OTHER,
    "dataloop/jobs/undoing/removal: run again": RERUN
    + "tests/dataloop/test_remove_masks.py::test_a_mask_that_is_changed_just_before_it_goes_stays",
    "formats/coco/whole: run again": RERUN
    + "tests/conversion/test_late_edits.py::test_an_edit_while_masks_are_made_costs_a_rerun",
    "cli/app: set PYTHONUTF8=1": "of the environment: "
    "tests/cli/test_everywhere.py::test_names_that_the_locale_forbids",
    "native: install with a C compiler, or unset POLYMASK_KERNEL": "raised at import: "
    "tests/advice/test_library.py::test_a_kernel_that_is_not_there_is_not_asked_for",
    "storage/roots/object_store: no run can hold such a store": "of a store that loses what is "
    "put there: only its owner can follow it",
}
