from __future__ import annotations

import pytest

from gateway import errors, problems


def leaves(kind: type[Exception]) -> list[type[Exception]]:
    below = kind.__subclasses__()
    return [leaf for one in below for leaf in leaves(one)] if below else [kind]


@pytest.mark.parametrize("kind", leaves(errors.GatewayError), ids=lambda kind: kind.__name__)
def test_every_error_of_the_gateway_has_a_status(kind: type[Exception]) -> None:
    status, _, title = problems._KINDS[kind]
    assert title
    assert (status in {429, 503}) == issubclass(kind, errors.Unavailable)
