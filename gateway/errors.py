"""Why a request is not answered with a decision, by what the caller should do next.

    GatewayError
    ├── Rejected                 the request is at fault: the same request fails every time
    │   ├── TooLarge                 413
    │   ├── NotJson                  415
    │   ├── InvalidHeader            422
    │   ├── Unauthenticated          401
    │   ├── Forbidden                403
    │   ├── IdempotencyConflict      409
    │   ├── UnknownApplication       404
    │   ├── NotDecided               409
    │   └── NoModelPromoted          404
    └── Unavailable              try again later
        ├── TooManyInFlight          429
        ├── TooManyRequests          429
        ├── LedgerUnavailable        503
        ├── NotAccepted              503, and the application may still land
        └── Starting                 503, nothing was tried

`contracts.problems.InvalidApplication` and `InvalidOutcome` (422) are rejections too. The HTTP codes
themselves are in `gateway.problems` and nowhere else.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Anything the gateway answers with a problem document."""


class Rejected(GatewayError):
    """The same request would be refused again."""


class TooLarge(Rejected):
    """The body is longer than an application may be."""


class NotJson(Rejected):
    """The content type is not JSON."""


class InvalidHeader(Rejected):
    """A request header is not in its declared form."""


class Unauthenticated(Rejected):
    """No API key, or none that is known."""


class Forbidden(Rejected):
    """The key may not do this."""


class IdempotencyConflict(Rejected):
    """The client used this key before, for other bytes."""

    def __init__(self, application_id: str) -> None:
        super().__init__(
            "this Idempotency-Key was used for another body; send the same bytes again, or choose a new key"
        )
        self.application_id = application_id


class UnknownApplication(Rejected):
    """No application of this client has the id."""


class NotDecided(Rejected):
    """There is such an application, but no decision, so no loan that could end."""

    def __init__(self, application_id: str) -> None:
        super().__init__(
            "the application has no decision yet, or was put aside; only a decided one has an outcome"
        )
        self.application_id = application_id


class NoModelPromoted(Rejected):
    """Nobody promoted a version of the model yet."""


class Unavailable(GatewayError):
    """The same request may succeed later."""


class TooManyInFlight(Unavailable):
    """As many requests wait as this gateway allows."""


class TooManyRequests(Unavailable):
    """The key's rate is used up."""


class LedgerUnavailable(Unavailable):
    """The ledger does not answer, or is too far behind the log to say."""


class NotAccepted(Unavailable):
    """The log did not acknowledge the application in time; it may still land."""

    def __init__(self, application_id: str) -> None:
        super().__init__(
            "the log did not acknowledge the application in time; it may still land. Retry with the same "
            "Idempotency-Key, or ask for the application by its id"
        )
        self.application_id = application_id


class Starting(Unavailable):
    """The gateway has no connection to the log yet; nothing was tried."""
