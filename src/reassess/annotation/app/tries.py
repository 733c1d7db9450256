"""A bound on how often wrong tokens are tried, so that a flood of them costs nothing but an answer."""

import math
from collections import deque
from dataclasses import dataclass, field

__all__ = ["Tries"]


@dataclass
class Tries:
    """Wrong tries of the last while, which the server's memory holds.

    Parameters
    ----------
    of_one
        So many from one address are answered.
    of_all
        So many from all addresses together; no more than these are ever kept.
    seconds
        How long a try counts.

    Examples
    --------
    >>> tries = Tries(of_one=1)
    >>> tries.add("192.0.2.7", now=100.0)
    >>> tries.wait("192.0.2.7", now=130.0), tries.wait("192.0.2.8", now=130.0), tries.wait("192.0.2.7", now=161.0)
    (30, 0, 0)
    """

    of_one: int = 10
    of_all: int = 300
    seconds: float = 60.0
    _wrong: deque[tuple[float, str]] = field(default_factory=deque, repr=False)

    def add(self, address: str, now: float) -> None:
        """Count a wrong try of an address."""
        self._wrong.append((now, address))

    def wait(self, address: str, now: float) -> int:
        """Seconds until an address may try again; 0 if it may now."""
        while self._wrong and not 0 <= now - self._wrong[0][0] < self.seconds:
            self._wrong.popleft()
        all_times = [at for at, _ in self._wrong]
        own_times = [at for at, of in self._wrong if of == address]
        for times, most in ((own_times, self.of_one), (all_times, self.of_all)):
            if len(times) >= most:
                return max(1, math.ceil(times[-most] + self.seconds - now))
        return 0
