"""What the history features are called towards an applicant: one sentence per group, English and French.

The reason catalogue of training takes these in beside its own groups for the application. A code is
for ever: add, never rename. Each sentence is true whichever feature of its group weighed, and whichever way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class HistoryGroup:
    """A reason that history features speak through."""

    code: str
    english: str
    french: str


_GROUPS: Final = (
    HistoryGroup(
        "BUREAU_HISTORY",
        "The number, kind and age of the credits at other lenders carry more risk.",
        "Le nombre, le type et l'âge des crédits auprès d'autres prêteurs présentent un risque plus élevé.",
    ),
    HistoryGroup(
        "BUREAU_RECENT_CREDIT",
        "How recently credits were taken at other lenders was taken into account.",
        "Le caractère récent des crédits pris auprès d'autres prêteurs a été pris en compte.",
    ),
    HistoryGroup(
        "BUREAU_DEBT",
        "The debts at other lenders, if any, and how far credits are used carry more risk.",
        "Les éventuelles dettes auprès d'autres prêteurs et l'usage des crédits présentent plus de risque.",
    ),
    HistoryGroup(
        "BUREAU_DELINQUENCY",
        "How payments to other lenders were made was taken into account.",
        "La régularité des paiements auprès d'autres prêteurs a été prise en compte.",
    ),
    HistoryGroup(
        "PREVIOUS_OUTCOMES",
        "What came of earlier applications here was taken into account.",
        "L'issue des demandes précédentes a été prise en compte.",
    ),
    HistoryGroup(
        "PREVIOUS_LOANS",
        "The number, amounts and dates of earlier applications and loans here carry more risk.",
        "Le nombre, les montants et les dates des demandes précédentes présentent un risque plus élevé.",
    ),
    HistoryGroup(
        "PREVIOUS_TERMS",
        "The length and price of earlier loans here were taken into account.",
        "La durée et le coût des crédits précédents ont été pris en compte.",
    ),
    HistoryGroup(
        "PREVIOUS_CIRCUMSTANCES",
        "How and for what earlier applications were made was taken into account.",
        "Les circonstances et l'objet des demandes précédentes ont été pris en compte.",
    ),
    HistoryGroup(
        "RUNNING_LOANS",
        "The loans held here now or before, or their absence, and what is left to pay carry more risk.",
        "Les crédits en cours ou passés, ou leur absence, et le reste à payer présentent plus de risque.",
    ),
    HistoryGroup(
        "LOAN_ARREARS",
        "Whether earlier loans here were in arrears was taken into account.",
        "Les éventuels arriérés sur les crédits précédents ont été pris en compte.",
    ),
    HistoryGroup(
        "PAYMENTS_LATE",
        "How punctually earlier instalments were paid was taken into account.",
        "La ponctualité du paiement des échéances précédentes a été prise en compte.",
    ),
    HistoryGroup(
        "PAYMENTS_SHORT",
        "How completely earlier instalments were paid was taken into account.",
        "Le paiement complet ou partiel des échéances précédentes a été pris en compte.",
    ),
    HistoryGroup(
        "CARD_UTILISATION",
        "The balance and limit of the credit card, or having none, carry more risk.",
        "Le solde et le plafond de la carte de crédit, ou son absence, présentent un risque plus élevé.",
    ),
    HistoryGroup(
        "CARD_DRAWINGS",
        "How the credit card was drawn on was taken into account.",
        "L'utilisation de la carte de crédit a été prise en compte.",
    ),
    HistoryGroup(
        "CARD_PAYMENTS",
        "How the credit card was paid back was taken into account.",
        "Le remboursement de la carte de crédit a été pris en compte.",
    ),
    HistoryGroup(
        "HISTORY_BURDEN",
        "How debts and instalments that already run relate to the income carries more risk.",
        "Le rapport entre le revenu et les dettes et échéances en cours présente un risque plus élevé.",
    ),
    HistoryGroup(
        "HISTORY_COMPARED",
        "The loan was compared with earlier ones and with the length of the credit history.",
        "Le crédit a été comparé aux précédents et à l'ancienneté de l'historique de crédit.",
    ),
)
HISTORY_GROUPS: Final = {group.code: group for group in _GROUPS}
