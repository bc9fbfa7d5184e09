"""The faults in force, and which of them a call meets."""

import threading

from polymask.dataloop.emulator.call import Call
from polymask.dataloop.emulator.faults.fault import Fault


class Faults:
    """The faults in force; at most one strikes a call, the first added that matches.

    Examples:
        >>> faults = Faults()
        >>> faults.add(Fault("GET", "/projects", "status", status=503))
        >>> faults.strike(Call(1, "GET", "/projects")).status
        503
        >>> faults.strike(Call(2, "GET", "/projects")) is None
        True
    """

    def __init__(self) -> None:
        # Tests add faults from a thread of theirs while calls come in.
        self._lock = threading.Lock()
        self._calls: dict[Fault, int] = {}

    def add(self, *faults: Fault) -> None:
        """Put faults in force."""
        with self._lock:
            self._calls.update(dict.fromkeys(faults, 0))

    def clear(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._calls.clear()

    def strike(self, call: Call) -> Fault | None:
        """Return the fault that this call meets, counting it, or None."""
        with self._lock:
            for fault, calls in self._calls.items():
                if fault.matches(call):
                    # Counted whether or not it strikes, or `skip` would never pass.
                    self._calls[fault] = calls + 1
                    if fault.skip <= calls and (fault.times is None or calls < fault.skip + fault.times):
                        return fault
        return None
