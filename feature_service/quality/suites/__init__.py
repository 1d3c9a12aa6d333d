"""What the eight tables of Home Credit look like, table by table: start reading here.

Shares, bounds and categories are those of the published data, widened: real rows pass, nonsense
does not.
"""

from __future__ import annotations

from typing import Final

from feature_service.quality.suites.application import APPLICATION_TEST, APPLICATION_TRAIN
from feature_service.quality.suites.bureau import BUREAU, BUREAU_BALANCE
from feature_service.quality.suites.earlier_loans import (
    CREDIT_CARD_BALANCE,
    INSTALLMENTS_PAYMENTS,
    POS_CASH_BALANCE,
)
from feature_service.quality.suites.previous_application import PREVIOUS_APPLICATION
from feature_service.quality.vocabulary import TableSuite

#: In the order in which they are checked: parents before children.
SUITES: Final[dict[str, TableSuite]] = {
    suite.name: suite
    for suite in (
        APPLICATION_TRAIN,
        APPLICATION_TEST,
        BUREAU,
        BUREAU_BALANCE,
        PREVIOUS_APPLICATION,
        POS_CASH_BALANCE,
        CREDIT_CARD_BALANCE,
        INSTALLMENTS_PAYMENTS,
    )
}
#: At least one of these has to be there.
APPLICATIONS: Final = (APPLICATION_TRAIN.name, APPLICATION_TEST.name)
