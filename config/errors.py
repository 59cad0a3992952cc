"""The drawn tree of errors: sorted by what the caller does next, not by where they arose.

TiebackError
├── ConfigError      a person must change a file, a setting or an argument; nothing was done
├── Transient        the same call may succeed later; the caller waits and tries again
│   └── Uncertain    the call went out and its answer never came; it may have been applied
├── Permanent        the same call will fail again; the caller stops and shows the sentence
└── LostLease        somebody else holds this work now; the caller drops it silently
    └── Withheld     a person holds such work up; it is put aside and taken up later, as if it had not begun
"""

from __future__ import annotations


class TiebackError(Exception):
    """Base of every error that we raise on purpose; `str()` is a sentence for a person."""


class ConfigError(TiebackError):
    """Something a person wrote cannot be used. The sentence says where, what was seen, what to do."""


class Transient(TiebackError):
    """The same call may succeed later.

    `kind` names the class for `retry: only:` (`timeout`, `connection`, `http_429`, `http_5xx`, …);
    `retry_after_s` is in seconds, None when the far end gave none.
    """

    def __init__(self, message: str, *, kind: str = "transient", retry_after_s: float | None = None):
        super().__init__(message)
        self.kind = kind
        self.retry_after_s = retry_after_s


class Uncertain(Transient):
    """The request went out whole or in part and no readable answer came back."""


class Permanent(TiebackError):
    """The same call will fail again. `kind` is the class, such as `http_403` or `expression`."""

    def __init__(self, message: str, *, kind: str = "permanent"):
        super().__init__(message)
        self.kind = kind


class LostLease(TiebackError):
    """The lease on this piece of work has passed to somebody else."""


class Withheld(LostLease):
    """A person holds this kind of work up. Nothing was done; the work is put aside without counting as an attempt."""
