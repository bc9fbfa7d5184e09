"""Locks of the kernel: one process at a time, and a lock goes with its process, however that ends."""

import fcntl


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder until its descriptor is closed; False where another process holds it.

    With `wait` it is waited for. Raises `OSError` on a file system without locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
