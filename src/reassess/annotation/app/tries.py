"""A bound on how often wrong tokens are tried, so that nobody finds one by trying many."""

import math
from collections import deque
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

__all__ = ["Tries"]

_OF_NETWORK = 64  # leading bits of an IPv6 address, of which the others are its owner's to choose


@dataclass
class Tries:
    """Wrong tries of the last while, which the server's memory holds.

    Parameters
    ----------
    of_one
        So many from one address are answered; IPv6 addresses of one network of 64 bits are one.
    of_all
        So many from all addresses together; no more than these are ever kept.
    seconds
        How long a try counts.

    Examples
    --------
    >>> tries = Tries(of_one=1)
    >>> tries.count("192.0.2.7", now=100.0), tries.count("192.0.2.7", now=130.0), tries.count("192.0.2.8", now=130.0)
    (0, 30, 0)
    >>> tries.take_back("192.0.2.8", now=130.0)
    >>> tries.count("192.0.2.8", now=130.0)
    0
    """

    of_one: int = 10
    of_all: int = 300
    seconds: float = 60.0
    _wrong: deque[tuple[float, str]] = field(default_factory=deque, repr=False)

    def count(self, address: str, now: float) -> int:
        """Count a try of an address as a wrong one; if there were too many, the seconds to wait, and it is not counted.

        Tries are counted before it is known whether they are wrong, so that many at the same time are not all answered.
        """
        while self._wrong and not 0 <= now - self._wrong[0][0] < self.seconds:
            self._wrong.popleft()
        origin = _origin(address)
        all_times = [at for at, _ in self._wrong]
        own_times = [at for at, of in self._wrong if of == origin]
        for times, most in ((own_times, self.of_one), (all_times, self.of_all)):
            if len(times) >= most:
                return max(1, math.ceil(times[-most] + self.seconds - now))
        self._wrong.append((now, origin))
        return 0

    def take_back(self, address: str, now: float) -> None:
        """Count a try no more: it was a right one."""
        if (one := (now, _origin(address))) in self._wrong:
            self._wrong.remove(one)


def _origin(address: str) -> str:
    """What addresses of one owner have in common."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if not isinstance(found, IPv6Address):
        return address
    return str(found.ipv4_mapped or int(found) >> 128 - _OF_NETWORK)
