"""Readers on top of torch. Each function is printed in the docs as it stands."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.consumers.cells import Seen, reads
from tests.consumers.light import id2label


@reads("torchvision VOCSegmentation", "voc", "torchvision")
def torchvision_voc(dest: Path) -> Iterator[Seen]:
    from torchvision.datasets import VOCSegmentation

    root = dest.parent.parent  # DEST is root/VOCdevkit/VOC2012
    dataset = VOCSegmentation(str(root), year="2012", image_set="trainval")
    for (picture, mask), path in zip(dataset, dataset.masks, strict=True):
        yield Seen(
            name=Path(path).stem,
            values=np.array(mask),
            names=id2label(dest),
            picture=(picture.height, picture.width),
        )


@reads("torchvision Cityscapes", "cityscapes", "torchvision", unlabeled=True)
def torchvision_cityscapes(dest: Path) -> Iterator[Seen]:
    from torchvision.datasets import Cityscapes

    names = {row.id: row.name for row in Cityscapes.classes} | {0: "background"}
    for split in ("train", "val"):
        dataset = Cityscapes(str(dest), split=split, mode="fine", target_type=["semantic", "instance"])
        for (picture, (mask, instances)), path in zip(dataset, dataset.images, strict=True):
            ids = np.array(instances)
            values = np.where(ids >= 1000, ids // 1000, ids)
            assert (values == np.array(mask)).all()
            name = Path(path).name.removesuffix("_leftImg8bit.png")
            yield Seen(name=name, values=values, names=names, picture=(picture.height, picture.width))


@reads("torchvision CocoDetection", "coco", "torchvision")
def torchvision_coco(dest: Path) -> Iterator[Seen]:
    from torchvision.datasets import CocoDetection, wrap_dataset_for_transforms_v2

    for split in ("train", "val"):
        plain = CocoDetection(str(dest / "images"), str(dest / f"annotations/instances_{split}.json"))
        names = {row["id"]: row["name"] for row in plain.coco.dataset["categories"]}
        wrapped = wrap_dataset_for_transforms_v2(plain, target_keys=["masks", "labels"])
        for number, (picture, target) in zip(plain.ids, wrapped, strict=True):
            masks = target["masks"].numpy() == 1 if "masks" in target else []
            labels = target["labels"].tolist() if "labels" in target else []
            yield Seen(
                name=Path(plain.coco.imgs[number]["file_name"]).stem,
                labels={names[label]: mask for label, mask in zip(labels, masks, strict=True)},
                picture=(picture.height, picture.width),
            )


@reads("Ultralytics semantic", "yolo-semantic", "ultralytics")
def ultralytics_semantic(dest: Path) -> Iterator[Seen]:
    from ultralytics.cfg import get_cfg
    from ultralytics.data.dataset import SemanticDataset
    from ultralytics.data.utils import check_det_dataset

    data = check_det_dataset(str(dest / "data.yaml"))
    for split in ("train", "val"):
        dataset = SemanticDataset(img_path=data[split], data=data, imgsz=160, augment=False, hyp=get_cfg())
        for number, label in enumerate(dataset.labels):
            shape = label["shape"]
            mask = dataset[number]["semantic_mask"].numpy().squeeze()
            top, left = ((mask.shape[at] - shape[at]) // 2 for at in (0, 1))  # letterboxed
            mask = mask[top : top + shape[0], left : left + shape[1]]
            yield Seen(
                name=Path(label["im_file"]).stem, values=mask, names={255: "__ignore__", **data["names"]}
            )


def processed(
    processor: object, dest: Path, folder: str, **options: object
) -> Iterator[tuple[str, np.ndarray]]:
    """Each image's name, and the labels that an image processor makes of its mask."""
    from PIL import Image

    for path in sorted((dest / folder).rglob("*.png")):
        picture = next((dest / "images").rglob(f"{path.stem}.*"))
        inputs = processor(
            Image.open(picture).convert("RGB"),
            segmentation_maps=Image.open(path),
            return_tensors="pt",
            **options,
        )
        yield path.stem, inputs


@reads("transformers SegFormer", "index", "transformers")
def segformer(dest: Path) -> Iterator[Seen]:
    from transformers import SegformerImageProcessor

    processor = SegformerImageProcessor(do_resize=False)
    for name, inputs in processed(processor, dest, "masks"):
        yield Seen(name=name, values=inputs["labels"][0].numpy(), names=id2label(dest))


@reads("transformers SegFormer, reduced labels", "ade20k", "transformers", unlabeled=True)
def segformer_reduced(dest: Path) -> Iterator[Seen]:
    from transformers import SegformerImageProcessor

    processor = SegformerImageProcessor(do_resize=False, do_reduce_labels=True)
    names = id2label(dest, "id2label_reduced.json")
    for name, inputs in processed(processor, dest, "annotations"):
        yield Seen(name=name, values=inputs["labels"][0].numpy(), names=names)


@reads("transformers BEiT, reduced labels", "ade20k", "transformers", unlabeled=True)
def beit_reduced(dest: Path) -> Iterator[Seen]:
    from transformers import BeitImageProcessor

    processor = BeitImageProcessor(do_resize=False, do_center_crop=False, do_reduce_labels=True)
    names = id2label(dest, "id2label_reduced.json")
    for name, inputs in processed(processor, dest, "annotations"):
        yield Seen(name=name, values=inputs["labels"][0].numpy(), names=names)


@reads("transformers Mask2Former", "index", "transformers")
def mask2former(dest: Path) -> Iterator[Seen]:
    from transformers import Mask2FormerImageProcessor

    processor = Mask2FormerImageProcessor(do_resize=False, ignore_index=255)
    for name, inputs in processed(processor, dest, "masks"):
        yield Seen(name=name, values=painted(inputs), names=id2label(dest))


def painted(inputs: dict[str, list]) -> np.ndarray:
    """The mask that a model of MaskFormer's family learns: its binary masks, each in its class."""
    masks, classes = inputs["mask_labels"][0].numpy(), inputs["class_labels"][0].tolist()
    values = np.full(masks.shape[1:], 255)
    for mask, label in zip(masks, classes, strict=True):
        values[mask == 1] = label
    return values[:120, :160]  # padded below and on the right


@reads(
    "transformers Mask2Former, reduced labels",
    "ade20k",
    "transformers",
    glue="it makes class 254 of void (255), so void becomes 0 first, which it leaves out",
    unlabeled=True,
)
def mask2former_reduced(dest: Path) -> Iterator[Seen]:
    from PIL import Image
    from transformers import Mask2FormerImageProcessor

    processor = Mask2FormerImageProcessor(do_resize=False, ignore_index=255, do_reduce_labels=True)
    for path in (dest / "annotations").rglob("*.png"):
        picture = Image.open(next((dest / "images").rglob(f"{path.stem}.*"))).convert("RGB")
        mask = np.array(Image.open(path))
        mask[mask == 255] = 0  # void
        inputs = processor(picture, segmentation_maps=mask, return_tensors="pt")
        yield Seen(name=path.stem, values=painted(inputs), names=id2label(dest, "id2label_reduced.json"))


@reads("datasets (Hugging Face)", "hf", "datasets")
def hugging_face_imagefolder(dest: Path) -> Iterator[Seen]:
    from datasets import load_dataset

    names = id2label(dest)
    for split in load_dataset("imagefolder", data_dir=str(dest), cache_dir=str(dest / "cache")).values():
        for row in split:
            name = Path(row["label"].filename).stem
            yield Seen(name=name, values=np.array(row["label"]), names=names, picture=row["image"].size[::-1])


@reads(
    "datasets (Hugging Face)", "index", "datasets", glue="a table of paths: `datasets` knows no mask layout"
)
def hugging_face_datasets(dest: Path) -> Iterator[Seen]:
    from datasets import Dataset, Image

    masks = sorted((dest / "masks").glob("*.png"))
    table = {
        "image": [str(dest / "images" / path.name) for path in masks],
        "label": [str(path) for path in masks],
    }
    dataset = Dataset.from_dict(table).cast_column("image", Image()).cast_column("label", Image())
    for path, row in zip(masks, dataset, strict=True):
        size = row["image"].height, row["image"].width
        yield Seen(name=path.stem, values=np.array(row["label"]), names=id2label(dest), picture=size)


@reads("MONAI", "index", "monai", glue="`reverse_indexing=False`, or its reader turns rows into columns")
def monai_index(dest: Path) -> Iterator[Seen]:
    from monai.data import Dataset, PILReader
    from monai.transforms import LoadImaged

    masks = sorted((dest / "masks").glob("*.png"))
    rows = [{"image": str(dest / "images" / path.name), "label": str(path)} for path in masks]
    load = LoadImaged(keys=["image", "label"], reader=PILReader(reverse_indexing=False), dtype=np.int64)
    for path, row in zip(masks, Dataset(rows, transform=load), strict=True):
        size = tuple(row["image"].shape[:2])
        yield Seen(
            name=path.stem, values=row["label"].numpy().astype(int), names=id2label(dest), picture=size
        )


@reads("nnU-Net", "nnunet", "nnunetv2")
def nnunet(dest: Path) -> Iterator[Seen]:
    import json

    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    from nnunetv2.imageio.natural_image_reader_writer import NaturalImage2DIO

    verify_dataset_integrity(
        str(dest), num_processes=1
    )  # `nnUNetv2_plan_and_preprocess --verify_dataset_integrity`
    labels = json.loads((dest / "dataset.json").read_text())["labels"]
    names = {value: name for name, value in labels.items()} | {labels["ignore"]: "__ignore__"}
    for path in (dest / "labelsTr").iterdir():
        mask, _ = NaturalImage2DIO().read_seg(str(path))
        pictures, _ = NaturalImage2DIO().read_images([str(dest / "imagesTr" / f"{path.stem}_0000.png")])
        yield Seen(name=path.stem, values=mask[0, 0].astype(int), names=names, picture=pictures.shape[2:])


@reads(
    "segmentation-models-pytorch",
    "index",
    "segmentation-models-pytorch",
    glue="it takes arrays: `MaskDataset` reads the folder",
)
def segmentation_models(dest: Path) -> Iterator[Seen]:
    import torch
    from segmentation_models_pytorch.losses import DiceLoss

    from polymask.training import MaskDataset

    names = id2label(dest)
    loss = DiceLoss(mode="multiclass", from_logits=False, ignore_index=255)
    pairs = MaskDataset(dest / "images", dest)
    for name, (picture, mask) in zip(pairs.names, pairs, strict=True):
        truth = torch.from_numpy(mask.astype(int))[None]
        classes = torch.arange(max(names) + 1)[None, :, None, None]
        assert loss((truth[:, None] == classes).float()[:, : len(names)], truth) < 1e-6  # of itself
        yield Seen(name=Path(name).stem, values=mask, names=names, picture=picture.shape[:2])
