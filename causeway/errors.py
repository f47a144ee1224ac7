"""Every error that Causeway raises on purpose.

An error says what failed, on what, and what to do next. Anything else that escapes is a bug.
"""


class CausewayError(Exception):
    """Base of all our errors; the command line prints its text and exits with status 2."""


class ConfigError(CausewayError):
    """A setting is unknown, missing or out of range; the text names it."""


class StoreError(CausewayError):
    """The store cannot be opened, read or written."""


class UnsupportedQuery(StoreError):
    """The backend cannot answer this exactly; it refuses rather than approximates."""


class QueueFull(CausewayError):
    """The intake is full: the client must come back after `retry_after_s`."""

    def __init__(self, reason: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(f"{reason}; retry after {retry_after_s:g} s")
        self.retry_after_s = retry_after_s


class BadRequest(CausewayError):
    """A whole request cannot be understood; the text names the place and the reason."""


class TooLarge(BadRequest):
    """A request is larger than its limit, on the wire or after decompression."""


class DeliveryFailed(CausewayError):
    """An alarm system did not take an alert; `permanent` says whether trying again can help."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent
