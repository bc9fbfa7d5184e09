"""Polygons to a trained model: `python docs/train_unet.py` (needs polymask[torch]).

Prepares the sample at 128 x 128, trains a small U-Net for some steps on the CPU, and prints the IoU
of each label, of the model and of a guess that all is background.
"""

import argparse
import tempfile

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import polymask
from polymask.training import MaskDataset, class_values, class_weights, label_iou, resize

SOURCE, PICTURES, SIDE = "fixtures/shapes/instances.json", "fixtures/shapes/images", 128


class ToTensors:
    """A pair at 128 x 128: (3, H, W) float32 from 0 to 1, and (H, W) int64."""

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


def train(dest, *, steps, workers):
    torch.manual_seed(0)
    pairs = MaskDataset(PICTURES, dest, transform=ToTensors())
    values = class_values(pairs.label_map)
    weights = class_weights(polymask.stats(dest))
    # the square root: a loss that follows the rarest label alone forgets the others
    balance = torch.tensor([weights[name] ** 0.5 for name in ("background", *pairs.label_map.names)])
    loss = nn.CrossEntropyLoss(balance.float(), ignore_index=pairs.label_map.void)
    model = SmallUNet(len(values))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loader = DataLoader(pairs, batch_size=len(pairs), num_workers=workers, persistent_workers=workers > 0)
    for _ in range(steps):
        for images, masks in loader:
            optimizer.zero_grad()
            loss(model(images), masks).backward()
            optimizer.step()
    return pairs, model.eval()


@torch.no_grad()
def scores(pairs, model):
    """The IoU of each class over all images: of the model, and of a guess of nothing."""
    truth = np.concatenate([mask for _, mask in pairs])
    found = [model(torch.from_numpy(image)[None]).argmax(1)[0].numpy() for image, _ in pairs]
    values = class_values(pairs.label_map)
    return label_iou(truth, np.concatenate(found), values), label_iou(truth, np.zeros_like(truth), values)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as dest:
        polymask.convert(SOURCE, dest, to="voc")
        pairs, model = train(dest, steps=chosen.steps, workers=chosen.workers)
        trained, guessed = scores(pairs, model)
        names = ("background", *pairs.label_map.names)
    print(f"{'label':<12}{'U-Net':>8}{'all background':>16}")
    for name, own, guess in zip(names, trained, guessed, strict=True):
        print(f"{name:<12}{own:>8.3f}{guess:>16.3f}")
    print(f"{'mean':<12}{np.nanmean(trained):>8.3f}{np.nanmean(guessed):>16.3f}")
    return float(np.nanmean(trained)), float(np.nanmean(guessed))


if __name__ == "__main__":
    main()
