"""mmsegmentation's own data sets and loaders. Each function is printed in the docs as it stands.

With mmcv-lite, as its documentation says for who needs no compiled operators. mmsegmentation imports them all
the same, for its models, so something must stand where they would be: no loader calls it.
"""

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

from tests.consumers.cells import Seen, reads
from tests.consumers.light import id2label

PACKAGES = ("mmsegmentation", "mmcv-lite", "mmengine")


class _NoOperators(ModuleType):
    """Stands where mmcv's compiled operators would be."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: object, **__: object) -> None:
            raise NotImplementedError(f"mmcv-lite has no {name}")

        return missing


def prepared() -> None:
    """Let mmsegmentation be imported beside mmcv-lite, and its names be found, as its own tools do."""
    if "mmcv._ext" not in sys.modules and not find_spec("mmcv._ext"):
        sys.modules["mmcv._ext"] = _NoOperators("mmcv._ext")
    import mmseg.datasets  # noqa: F401 - it registers what it has
    from mmengine.registry import init_default_scope

    init_default_scope("mmseg")


def loaded(dataset: object, names: dict[int, str], *, cut: str = "") -> Iterator[Seen]:
    """What mmsegmentation's pipeline makes of each image."""
    for number in range(len(dataset)):
        sample = dataset[number]["data_samples"]
        mask = sample.gt_sem_seg.data[0].numpy()
        name = Path(sample.img_path).stem.removesuffix(cut)
        yield Seen(name=name, values=mask, names=names, picture=sample.ori_shape)


def pipeline() -> list[dict[str, object]]:
    """Load, and nothing else."""
    return [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations"}, {"type": "PackSegInputs"}]


@reads("mmsegmentation, dataset.py", "mmseg", *PACKAGES)
def mmseg_config(dest: Path) -> Iterator[Seen]:
    prepared()
    from mmengine.config import Config
    from mmseg.registry import DATASETS

    mine = dest / "mine.py"
    mine.write_text('_base_ = ["./dataset.py"]\n')
    config = Config.fromfile(mine)
    for loader in (config.train_dataloader, config.val_dataloader):
        dataset = DATASETS.build({**loader.dataset, "pipeline": pipeline()})
        yield from loaded(dataset, {255: "__ignore__", **dict(enumerate(dataset.metainfo["classes"]))})


@reads("mmsegmentation PascalVOCDataset", "voc", *PACKAGES)
def mmseg_voc(dest: Path) -> Iterator[Seen]:
    prepared()
    from mmseg.datasets import PascalVOCDataset

    dataset = PascalVOCDataset(
        data_root=str(dest),
        ann_file="ImageSets/Segmentation/trainval.txt",
        data_prefix={"img_path": "JPEGImages", "seg_map_path": "SegmentationClass"},
        pipeline=pipeline(),
    )
    yield from loaded(dataset, id2label(dest))


@reads("mmsegmentation CityscapesDataset", "cityscapes", *PACKAGES, unlabeled=True)
def mmseg_cityscapes(dest: Path) -> Iterator[Seen]:
    prepared()
    from mmseg.datasets import CityscapesDataset

    for split in ("train", "val"):
        dataset = CityscapesDataset(
            data_root=str(dest),
            data_prefix={"img_path": f"leftImg8bit/{split}", "seg_map_path": f"gtFine/{split}"},
            pipeline=pipeline(),
        )
        classes = {255: "background", **dict(enumerate(dataset.metainfo["classes"]))}
        yield from loaded(dataset, classes, cut="_leftImg8bit")


@reads("mmsegmentation ADE20KDataset", "ade20k", *PACKAGES, unlabeled=True)
def mmseg_ade20k(dest: Path) -> Iterator[Seen]:
    prepared()
    from mmseg.datasets import ADE20KDataset

    reduced = [{"type": "LoadImageFromFile"}, {"type": "LoadAnnotations", "reduce_zero_label": True}]
    for split in ("training", "validation"):
        dataset = ADE20KDataset(
            data_root=str(dest),
            data_prefix={"img_path": f"images/{split}", "seg_map_path": f"annotations/{split}"},
            pipeline=[*reduced, {"type": "PackSegInputs"}],
        )
        yield from loaded(dataset, id2label(dest, "id2label_reduced.json"))


@reads("mmsegmentation COCOStuffDataset", "coco-stuff", *PACKAGES, unlabeled=True)
def mmseg_coco_stuff(dest: Path) -> Iterator[Seen]:
    prepared()
    from mmseg.datasets import COCOStuffDataset

    for split in ("train", "val"):
        dataset = COCOStuffDataset(
            data_root=str(dest),
            data_prefix={"img_path": f"images/{split}", "seg_map_path": f"annotations/{split}"},
            pipeline=pipeline(),
        )
        yield from loaded(dataset, id2label(dest, "id2label_trainIds.json"))
