"""The bugs: which promise each breaks, the edit, and the tests that must see it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bug:
    """One edit of one module of the package: `old`, which is there once, becomes `new`."""

    promise: str
    what: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]


BUGS = (
    Bug("no loss", "the journal is not synced", "journal.py",
        "    os.fsync(descriptor)\n\n\ndef sync_folder", "\n\ndef sync_folder", ("tests/test_journal.py",)),
    Bug("no loss", "masks are not synced before the manifest", "folder.py",
        "            self.root.sync()\n", "            pass\n", ("tests/test_folder.py::test_the_manifest_comes_after_everything_is_durable",)),
    Bug("no loss", "polygons go before their masks are proven", "proven.py",
        "        decisions = self._settled(item, reading, drawn, decisions, outcome)\n",
        "        if self.options.delete_source:\n"
        "            ids = [one.id for many in drawn.values() for one in many]\n"
        "            self.source.delete(item, ids, reading.record.etag)\n"
        "        decisions = self._settled(item, reading, drawn, decisions, outcome)\n", ("tests/dataloop/test_in_place.py",)),
    Bug("no loss", "an upload's answer is believed, nothing is read back", "proven.py",
        "            if all(mask.key in keys for mask in masks):", "            if True:", ("tests/dataloop/test_in_place.py", "tests/dataloop/test_faults.py")),
    Bug("no loss", "a damaged mask is proof enough", "reconcile.py",
        "    sound = [proof for proof in stored if proof not in broken]", "    sound = list(stored)", ("tests/test_reconcile.py",)),
    Bug("no loss", "the first ring is the polygon", "dataloop/source.py",
        "(Polygon(first, others),)", "(Polygon(first),)", ("tests/dataloop/test_source.py",)),
    Bug("no loss", "category 0 is none", "formats/coco_shapes.py",
        "if annotation.category_id not in names:", "if not annotation.category_id or annotation.category_id not in names:", ("tests/formats/test_coco.py",)),
    Bug("no loss", "the local mask is not painted again before polygons go", "removal.py",
        '        if again.pixels_sha256 != entry["pixels_sha256"]:', "        if False:", ("tests/test_removal.py",)),
    Bug("no loss", "the backup is skipped", "proven.py",
        "        self.journal.back_up(item.id, item.name, [reading.raw[key] for key in ids])", "        del ids", ("tests/dataloop/test_restore.py", "tests/dataloop/test_in_place.py")),
    Bug("no loss", "what is refused only while drawing is left out in silence", "formats/per_image.py",
        "        if len(notes.refusals.skipped) > self.refused[index]:", "        if False:", ("tests/test_limits.py",)),
    Bug("no loss", "--max-delete is not asked", "proven.py",
        "            if count > self._allowance:", "            if False:", ("tests/dataloop/test_in_place.py", "tests/dataloop/test_cli_dataloop.py")),
    Bug("somebody's edits stay", "the etag is not compared before deleting", "dataloop/source.py",
        "        if reading.record.etag != etag:", "        if False:", ("tests/dataloop/test_source.py", "tests/dataloop/test_in_place.py")),
    Bug("somebody's edits stay", "a changed annotation file is replaced", "removal.py",
        "    if _bytes(path) != before:", "    if False:", ("tests/test_removal.py",)),
    Bug("no duplicates", "a POST is repeated blindly", "dataloop/client.py",
        "        return self._attempts(method, path, body, safe=safe, read=as_json)",
        "        return self._attempts(method, path, body, safe=True, read=as_json)", ("tests/dataloop/test_client.py", "tests/dataloop/test_sink.py")),
    Bug("no duplicates", "doubles stay", "reconcile.py",
        "        if what in seen:", "        if False:", ("tests/test_reconcile.py",)),
    Bug("no duplicates", "the lock is removed", "files.py",
        "            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)", "            pass", ("tests/test_files.py",)),
    Bug("whole files", "a file is written under its own name", "files.py",
        "            os.rename(temporary, _name(relative), src_dir_fd=work, dst_dir_fd=parent)",
        "            os.unlink(temporary, dir_fd=work)\n            (self.path / relative).write_bytes(data)", ("tests/test_files.py",)),
    Bug("whole files", "temporaries have one name", "files.py",
        '        temporary = f"{os.getpid()}-{self._token}-{next(self._numbers)}.tmp"', '        temporary = "part.tmp"', ("tests/test_files.py",)),
    Bug("confinement", "links below DEST are followed", "files.py",
        "_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC", "_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC", ("tests/test_files.py", "tests/test_names_confined.py")),
    Bug("confinement", "a drive or a backslash is a name like others", "names.py",
        '    if "\\\\" in part or part[1:2] == ":":', "    if False:", ("tests/test_names_confined.py",)),
    Bug("confinement", "two names become one mask", "names.py",
        "        if key in taken:", "        if False:", ("tests/test_names_confined.py",)),
    Bug("right pixels", "a background on top of a conflict becomes void", "raster/sweep.py",
        "        return value if void is None or value == self.scene.background else void", "        return value if void is None else void", ("tests/raster/test_sweep.py",)),
    Bug("right pixels", "a mask's PNG wraps values that it does not hold", "painted_png.py",
        "    if largest >= values:", "    if False:", ("tests/raster/test_painted_png.py",)),
    Bug("right pixels", "one kernel copies shorter stretches than the other", "raster/scanlines.py",
        "COPIED = 16 ", "COPIED = 15 ", ("tests/raster/test_painted_png.py",)),
    Bug("right pixels", "a digest's runs end where rows do", "raster/mask_digest.py",
        "    first = np.concatenate([[True], value[1:] != value[:-1]])", "    first = np.ones(len(value), bool)", ("tests/raster/test_painted.py",)),
    Bug("totality", "frames are not measured before they are painted", "limits.py",
        "        if height * width > self.max_pixels:", "        if False:", ("tests/test_limits.py",)),
    Bug("totality", "a zip may unpack to anything", "formats/place.py",
        "        ratio = max(0, size - SMALL) // max(packed, 1)\n", "        ratio = 0\n", ("tests/formats/test_place.py",)),
    Bug("secrets", "a failed call tells the token", "dataloop/client.py",
        'raise Passing(f"Dataloop: {method} {path}: {type(error).__name__}") from None',
        'raise Passing(f"Dataloop: {method} {path}: {self._api.token}") from None', ("tests/dataloop/test_tls.py",)),
    Bug("secrets", "journals are readable by all", "journal.py",
        "            folder.mkdir(mode=0o700, exist_ok=True)", "            folder.mkdir(mode=0o755, exist_ok=True)", ("tests/test_journal.py", "tests/dataloop/test_secrets.py")),
    Bug("secrets", "the certificate is not looked at", "dataloop/client.py",
        ', "verify": os.environ.get("REQUESTS_CA_BUNDLE") or True}', "}", ("tests/dataloop/test_tls.py",)),
)  # fmt: skip
