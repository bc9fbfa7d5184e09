"""The platform's own tutorial on polygons and masks, and then polymask's way, against an emulator.

Run it: `python docs/dataloop_tutorial.py`. It needs no account: the platform is emulated on
loopback, the SDK is the real one, unmodified, with its files in a temporary folder.
"""

import io
import os
import tempfile

home = tempfile.mkdtemp()
os.environ.update(HOME=home, DATALOOP_PATH=f"{home}/.dataloop", NO_PROXY="127.0.0.1")

import dtlpy as dl  # noqa: E402
from PIL import Image  # noqa: E402

import polymask  # noqa: E402
from polymask.dataloop.emulator import Emulator, fake_token, point_sdk_at  # noqa: E402

dl.verbose.disable_progress_bar = True


def picture() -> io.BytesIO:
    """A picture to annotate."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(buffer, "PNG")
    buffer.name = "boat.png"
    buffer.seek(0)
    return buffer


def annotated() -> dl.Dataset:
    """A dataset with one picture and the tutorial's two polygons, of which one has a hole."""
    dataset = dl.projects.create("My Project").datasets.create("My Dataset")
    item = dataset.items.upload(local_path=picture(), remote_path="/")
    builder = item.annotations.builder()
    builder.add(dl.Polygon(label="person", geo=[(4.5, 4.5), (20.5, 4.5), (20.5, 30.5), (4.5, 30.5)]))
    builder.add(dl.Polygon(label="boat", geo=[(16.5, 20.5), (60.5, 20.5), (50.5, 40.5), (20.5, 40.5)]))
    item.annotations.upload(builder)
    return dataset


def tutorial_filter() -> dl.Filters:
    """The tutorial's: files that have polygons."""
    filters = dl.Filters()
    filters.add(field="type", values="file")
    filters.add_join(field="type", values="segment")
    return filters


def the_sdk_way(dataset: dl.Dataset) -> None:
    """What the tutorial does: for each item, a mask for each polygon, then the polygon is deleted."""
    for page in dataset.items.list(filters=tutorial_filter()):
        for item in page:
            width, height = Image.open(item.download(save_locally=False)).size
            builder = item.annotations.builder()
            for annotation in item.annotations.list():
                if annotation.type == "segment":
                    mask = dl.Segmentation.from_polygon(
                        label=annotation.label, geo=annotation.geo, shape=(height, width)
                    )
                    builder.add(mask)
                    annotation.delete()
            item.annotations.upload(builder)


def masks(emulator: Emulator) -> list[tuple[str, str]]:
    """Every annotation on the platform, by type and label."""
    return sorted((row["type"], row["label"]) for row in emulator.annotations())


def main() -> None:
    """The tutorial first, then the same with polymask, and back."""
    with Emulator() as emulator:
        point_sdk_at(emulator.url, token=fake_token("me@example.org"))
        the_sdk_way(annotated())
        print("the SDK's way:", masks(emulator))
    with Emulator() as emulator:
        point_sdk_at(emulator.url, token=fake_token("me@example.org"))
        annotated()
        url = "dataloop://My Project/My Dataset"
        report = polymask.convert(url, delete_source=True, journal=f"{home}/journal")
        print("polymask:", masks(emulator), f"deleted {report.deleted}")
        again = polymask.convert(url, delete_source=True, journal=f"{home}/journal")
        print("once more:", again.written, "written")
        print("proven again:", polymask.verify(url, journal=f"{home}/journal").unchanged)
        print("put back:", polymask.restore(url, journal=f"{home}/journal").written, masks(emulator))


if __name__ == "__main__":
    main()
