"""With PyTorch itself: `pytest -m torch`, after installing polymask[torch]."""

import runpy

import numpy as np
import pytest

from polymask import convert
from polymask.training import MaskDataset
from tests.conftest import SAMPLE

pytestmark = pytest.mark.torch


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_a_data_loader_with_two_workers_gives_the_dataset(tmp_path, start):
    """Batches hold the pairs in order, whether workers are forked or spawned."""
    from torch.utils.data import DataLoader

    convert(SAMPLE, tmp_path)
    pairs = MaskDataset(SAMPLE.parent / "images", tmp_path)
    loader = DataLoader(pairs, batch_size=2, num_workers=2, multiprocessing_context=start)
    batches = [(images.numpy(), masks.numpy()) for images, masks in loader]
    images, masks = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    assert (images == np.stack([image for image, _ in pairs])).all()
    assert (masks == np.stack([mask for _, mask in pairs])).all()


def test_the_u_net_of_the_docs_beats_a_guess_of_nothing():
    """Mean IoU over background and all labels, at least twice that of all background."""
    trained, guessed = runpy.run_path("docs/train_unet.py")["main"](["--steps", "40", "--workers", "0"])
    assert trained > 2 * guessed
