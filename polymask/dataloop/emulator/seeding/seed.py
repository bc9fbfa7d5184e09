"""What an emulator begins with: a COCO file, or a folder of pictures.

A COCO file becomes a dataset of its name: an item for each image, an annotation
for each object, all rings of an object in one annotation; runs become binary
masks. A folder becomes a dataset of its pictures; where it is laid out as dtlpy
downloads one (`items/` and `json/`), the annotations of `json/` come along.
"""

from pathlib import Path

from polymask.dataloop.emulator.platform import Platform
from polymask.dataloop.emulator.seeding import coco, folder
from polymask.dataloop.emulator.seeding.dataset import Seeded
from polymask.errors import InputError


def seed_platform(
    platform: Platform, seed: Path, *, images: str | Path | None = None, project: str = "emulator"
) -> Seeded:
    """Fill a platform from a COCO file or a folder.

    Raises
    ------
    InputError
        It is neither, or not what it should be; the message names the file.
    """
    if not seed.exists():
        raise InputError(f"{seed}: no such file or folder")
    with platform.store.lock, platform.write():
        project_id = platform.add_project(project).id
        if seed.is_dir():
            done = folder.fill(platform, project_id, seed)
        else:
            done = coco.fill(platform, project_id, seed, images=Path(images) if images else None)
    platform.store.settle()
    return done
