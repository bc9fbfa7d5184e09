"""The compiled kernel and its loader; the numpy twins stand beside the functions that call it.

`POLYMASK_KERNEL=numpy` or `compiled` in the environment asks for one of them.
"""

import os
from typing import Any

from polymask.errors import InputError


def _load(wanted: str) -> Any:
    """The compiled module, or None for numpy."""
    if wanted not in ("", "numpy", "compiled"):
        raise InputError(f"POLYMASK_KERNEL is 'numpy' or 'compiled', not '{wanted}'")
    if wanted == "numpy":
        return None
    try:
        from polymask.native import _kernel  # type: ignore[attr-defined]
    except ImportError as error:
        if wanted:
            raise InputError(
                f"the compiled kernel is not here ({error})",
                advice="install with a C compiler, or unset POLYMASK_KERNEL",
            ) from None
        return None
    return _kernel


compiled = _load(os.environ.get("POLYMASK_KERNEL", ""))
KERNEL = "compiled" if compiled else "numpy"
