"""Polygons to a trained model: `python docs/train_unet.py` (needs polymask[torch]).

Draws 40 small pictures of boats and their polygons, converts them at 128 x 128 with a quarter put aside,
trains a small U-Net on the others for some steps on the CPU, and prints the IoU of each label on the pictures
that it has not seen: of the model, and of a guess that all is background. With your own data:

    python docs/train_unet.py --source instances.json --pictures pictures/ --steps 400
"""

import argparse
import json
import tempfile
from itertools import chain, islice, repeat
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

import polymask
from polymask.training import MaskDataset, class_values, class_weights, label_iou, resize

SIDE, RATIO = 128, "0.75,0.25"
FRAME = (96, 128)
COLORS = {"sail": (225, 222, 214), "hull": (120, 60, 40), "sun": (235, 190, 60)}


def scene(rng):
    """A picture of a boat below the sun, and the ring of each label."""
    x, y, size = rng.uniform(30, 100), rng.uniform(55, 85), rng.uniform(12, 24)
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    sun = np.stack([np.cos(turn), np.sin(turn)], axis=1) * rng.uniform(5, 10) + rng.uniform(
        (10, 10), (118, 20)
    )
    hull = np.array([(-1, 0), (1, 0), (0.6, 0.5), (-0.6, 0.5)]) * size + (x, y)
    sail = np.array([(-0.1, -0.1), (-0.1, -1.6), (0.9, -0.1)]) * size + (x, y)
    picture = np.full((*FRAME, 3), (90, 130, 170)) + rng.integers(-40, 40, 3)
    rings = {"sun": sun, "sail": sail, "hull": hull}
    for label, ring in rings.items():
        picture[polymask.rasterize(polymask.Polygon(ring), FRAME)] = COLORS[label] + rng.integers(-25, 25, 3)
    return np.clip(picture + rng.normal(0, 12, picture.shape), 0, 255).astype(np.uint8), rings


def draw(folder, *, count=40):
    """Pictures in `folder/pictures`, and their polygons as a COCO file, which is returned."""
    rng, labels = np.random.default_rng(0), list(COLORS)
    document = {"images": [], "annotations": [], "categories": []}
    document["categories"] = [{"id": key, "name": name} for key, name in enumerate(labels, 1)]
    (folder / "pictures").mkdir()
    for number in range(count):
        picture, rings = scene(rng)
        name = f"boat{number:02}.png"
        Image.fromarray(picture).save(folder / "pictures" / name)
        height, width = FRAME
        document["images"].append({"id": number, "file_name": name, "height": height, "width": width})
        for label, ring in rings.items():
            facts = {"image_id": number, "category_id": labels.index(label) + 1}
            polygon = ring.round(2).reshape(-1).tolist()
            key = len(document["annotations"])
            document["annotations"].append({"id": key, "segmentation": [polygon], **facts})
    source = folder / "instances.json"
    source.write_text(json.dumps(document))
    return source, folder / "pictures"


class ToTensors:
    """A pair at 128 x 128: (3, H, W) float32 from 0 to 1, and (H, W) int64 class numbers."""

    def __call__(self, image, mask):
        image, mask = resize(image, mask, (SIDE, SIDE))
        return image.transpose(2, 0, 1).astype(np.float32) / 255, mask.astype(np.int64)


class SmallUNet(nn.Module):
    """Two levels down and up again, with the skip connections that make it a U."""

    def __init__(self, classes, width=16):
        super().__init__()
        self.first, self.second = self._block(3, width), self._block(width, 2 * width)
        self.bottom = self._block(2 * width, 4 * width)
        self.up2 = self._block(6 * width, 2 * width)
        self.up1 = self._block(3 * width, width)
        self.head = nn.Conv2d(width, classes, 1)
        self.down = nn.MaxPool2d(2)
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)

    @staticmethod
    def _block(before, after):
        parts = [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        return nn.Sequential(*parts, nn.Conv2d(after, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU())

    def forward(self, images):
        """(N, 3, H, W) pictures to (N, classes, H, W) scores."""
        first = self.first(images)
        second = self.second(self.down(first))
        bottom = self.bottom(self.down(second))
        joined = self.up2(torch.cat([self.up(bottom), second], dim=1))
        return self.head(self.up1(torch.cat([self.up(joined), first], dim=1)))


def train(pairs, weights, *, steps, workers):
    torch.manual_seed(0)
    # the square root: a loss that follows the rarest label alone forgets the others
    balance = torch.tensor([weights[name] ** 0.5 for name in ("background", *pairs.label_map.names)])
    loss = nn.CrossEntropyLoss(balance.float(), ignore_index=pairs.label_map.void)
    model = SmallUNet(len(class_values(pairs.label_map)))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loader = DataLoader(
        pairs, batch_size=8, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    batches = islice(chain.from_iterable(repeat(loader)), steps)
    progress = tqdm(batches, total=steps, unit="step", desc=f"training on {len(pairs)} pictures")
    for images, masks in progress:
        optimizer.zero_grad()
        error = loss(model(images), masks)
        error.backward()
        optimizer.step()
        progress.set_postfix(loss=f"{error.item():.3f}")
    return model.eval()


@torch.no_grad()
def scores(pairs, model):
    """The IoU of each class over all images: of the model, and of a guess of nothing."""
    truth = np.concatenate([mask for _, mask in pairs])
    predicted = np.concatenate(
        [model(torch.from_numpy(image)[None]).argmax(1)[0].numpy() for image, _ in pairs]
    )
    values = class_values(pairs.label_map)
    return label_iou(truth, predicted, values), label_iou(truth, np.zeros_like(truth), values)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--source", help="annotations of any format; without them, boats are drawn")
    parser.add_argument("--pictures", help="the folder of their pictures")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        drawn = draw(Path(folder)) if options.source is None else (options.source, options.pictures)
        source, pictures = drawn
        dest = Path(folder) / "masks"
        polymask.convert(source, dest, to="voc", split_ratio=RATIO)
        seen, unseen = (
            MaskDataset(pictures, dest, split=split, transform=ToTensors()) for split in ("train", "val")
        )
        model = train(seen, class_weights(dest, split="train"), steps=options.steps, workers=options.workers)
        trained, guessed = scores(unseen, model)
        names = ("background", *unseen.label_map.names)
    print(f"IoU on {len(unseen)} pictures that the model has not seen")
    print(f"{'label':<12}{'U-Net':>8}{'all background':>16}")
    for name, score, guess in zip(names, trained, guessed, strict=True):
        print(f"{name:<12}{score:>8.3f}{guess:>16.3f}")
    print(f"{'mean':<12}{np.nanmean(trained):>8.3f}{np.nanmean(guessed):>16.3f}")
    return float(np.nanmean(trained)), float(np.nanmean(guessed))


if __name__ == "__main__":
    main()
