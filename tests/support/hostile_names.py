"""Names as an enemy would write them, and a tree around DEST in which nothing may change."""

import hashlib
import os
from pathlib import Path

HOSTILE = [
    "../x.png", "../../x.png", "a/../../x.png", "a/../x.png", "./x.png", "a/./x.png", "..", ".", "", "/", "//", "/x.png",
    "//server/share/x.png", "/etc/passwd", "/dev/null", "/proc/self/mem", "~/x.png", "~root/x.png", "$HOME/x.png",
    "C:x.png", "C:\\x.png", "c:/x.png", "\\\\server\\share\\x.png", "..\\x.png", "a\\..\\..\\x.png", "\\x.png", "\\\\?\\C:\\x.png",
    "x\0.png", "x.png\0.txt", "x\n.png", "x\r.png", "x\t.png", "x\x1b[2J.png", "x\x7f.png", "\x85x.png", "\u202egnp.x", "x\u2066.png",
    "\u2028x.png", "x" * 251 + ".png", "x" * 300 + ".png", "é" * 130 + ".png", "/".join(["a"] * 3000) + ".png",
    "x.", "x ", "x.png.", "a./x.png", "a /x.png", " x.png", "...", ".../x.png", "CON", "con.png", "nul", "AUX.jpg", "COM1.png", "lpt9",
    ".polymask/run.json", ".polymask/x.png", "masks/../../x.png", "-rf", "--overwrite", "*", "?", "x;y.png", "`id`.png", "$(id).png",
    "x|y.png", "x:y.png", "x<y>.png", '"x".png', "%2e%2e/x.png", "..%2fx.png", "．．/x.png", "x/", "a//x.png", "labels.json", "manifest.jsonl",
    "\ud800.png", "\udcff.png", "ﬁ.png", "\u200bx.png", "𝔁.png",
]  # fmt: skip
TWINS = [
    ("a.jpg", "a.png"), ("a.jpg", "A.JPG"), ("a/b.jpg", "A/b.png"), ("é.jpg", "e\u0301.jpg"), ("ß.jpg", "SS.jpg"), ("ﬁ.jpg", "FI.jpg"),
    ("a.jpg", "a.png/b.jpg"), ("K.jpg", "\u212a.jpg"), ("a.jpg", "a.jpg"),
]  # fmt: skip


def canaries(folder: Path) -> Path:
    """A tree of precious files, with room for DEST in the middle of it; gives DEST, which is not there."""
    middle = folder / "outer" / "middle"
    middle.mkdir(parents=True)
    for place in (folder, folder / "outer", middle):
        for name in ("x.png", "precious.txt", "labels.json"):
            (place / name).write_text(f"precious {place.name}")
    return middle / "dest"


def digest_below(folder: Path, *, without: Path) -> str:
    """A digest of all that is below a folder, DEST left out: names, kinds, modes and contents."""
    digest = hashlib.sha256()
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if Path(root) / name != without)
        for name in sorted([*folders, *files]):
            path = Path(root) / name
            if path != without:
                status = path.lstat()
                links = 1 if path.is_dir() else status.st_nlink  # folders count those within
                plain = path.is_file() and not path.is_symlink()
                content = path.read_bytes() if plain else os.readlink(path) if path.is_symlink() else ""
                digest.update(
                    repr((str(path), status.st_mode, links, content)).encode("utf-8", "surrogateescape")
                )
    return digest.hexdigest()
