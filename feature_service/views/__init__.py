"""Feature views: what the history tables say of an applicant, as Ibis expressions, one file per table.

To add a feature, add one line to a view's `features`; the list, the snapshot, the page and the model
follow. The order of VIEWS and of their features is the order of the snapshot's columns.
"""

from __future__ import annotations

from typing import Final

from feature_service.definitions import FeatureDefinition
from feature_service.views import (
    bureau,
    bureau_balance,
    credit_card,
    installments,
    pos_cash,
    previous,
    previous_terms,
)
from feature_service.views.view import View

VIEWS: Final[tuple[View, ...]] = (
    bureau.VIEW,
    bureau_balance.VIEW,
    previous.VIEW,
    previous_terms.VIEW,
    pos_cash.MONTHS,
    pos_cash.LOANS,
    credit_card.VIEW,
    installments.INSTALMENTS,
    installments.LOANS,
)
HISTORY_FEATURES: Final[tuple[FeatureDefinition, ...]] = tuple(
    definition for view in VIEWS for definition in view.definitions()
)
