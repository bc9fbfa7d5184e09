"""COCO instances JSON, and COCO results lists: whole files in memory, large ones by parts."""

from polymask.formats.coco.whole import FACTS, MANY, read, sniff

__all__ = ["FACTS", "MANY", "read", "sniff"]
