"""glibc's allocator, told to keep memory instead of giving it back after every step."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4


def tune_allocator() -> bool:
    """Make glibc serve large blocks from a heap that is never trimmed; True where that worked.

    Training on a CPU frees and asks for the same large blocks at every step; by default each is mapped anew
    and its pages are zeroed again. Harmless and without effect on other C libraries.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 200_000_000))
    accepted = [mallopt(key, value) == 1 for key, value in wanted]
    return all(accepted)
