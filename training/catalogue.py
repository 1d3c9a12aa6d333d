"""The reason catalogue: which features an applicant would see as one thing, and how it is said.

Each model input has one group. The sentences are true whichever feature of the group weighed, and
whichever way: nothing makes the trees take more of a feature for more risk, so a sentence names what was
looked at and never says that it is high or low. A code is for ever, whatever its words say: add, never
rename. English and French, since the lender's documents are French.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from feature_service.application import NOT_EMPLOYED
from feature_service.ratios import ENQUIRIES, MISMATCHES


@dataclass(frozen=True, slots=True)
class CatalogueGroup:
    """A reason, and which features speak through it: by name, or by how their name begins."""

    code: str
    english: str
    french: str
    names: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    def holds(self, feature: str) -> bool:
        """Whether the feature belongs to this group."""
        return feature in self.names or feature.startswith(self.prefixes)


#: The first group that holds a feature has it.
CATALOGUE: Final[tuple[CatalogueGroup, ...]] = (
    CatalogueGroup(
        "EXTERNAL_SCORE_LOW",
        "The scores that other credit agencies give, or their absence, carry more risk.",
        "Les scores d'autres organismes de crédit, ou leur absence, présentent un risque plus élevé.",
        prefixes=("EXT_SOURCE_",),
    ),
    CatalogueGroup(
        "DEBT_BURDEN",
        "The income, and how the loan and its instalments relate to it, carry more risk.",
        "Le revenu, et son rapport au crédit et à ses échéances, présentent un risque plus élevé.",
        names=(
            "ANNUITY_TO_INCOME",
            "CREDIT_TO_INCOME",
            "GOODS_TO_INCOME",
            "AMT_INCOME_TOTAL",
            "INCOME_PER_PERSON",
        ),
    ),
    CatalogueGroup(
        "LOAN_TERMS",
        "The amount, kind or length of the loan carries more risk.",
        "Le montant, le type ou la durée du crédit présente un risque plus élevé.",
        names=("CREDIT_TO_ANNUITY", "AMT_CREDIT", "AMT_ANNUITY", "NAME_CONTRACT_TYPE"),
    ),
    CatalogueGroup(
        "DOWN_PAYMENT",
        "The price of the goods, and how the credit relates to it, carry more risk.",
        "Le prix du bien, et son rapport au crédit demandé, présentent un risque plus élevé.",
        names=("GOODS_TO_CREDIT", "CREDIT_OVER_GOODS", "AMT_GOODS_PRICE"),
    ),
    CatalogueGroup(
        "EMPLOYMENT_LENGTH",
        "The time in the present employment, or its absence, carries more risk.",
        "L'ancienneté dans l'emploi actuel, ou son absence, présente un risque plus élevé.",
        names=("DAYS_EMPLOYED", "EMPLOYED_TO_AGE", "INCOME_TO_EMPLOYED", NOT_EMPLOYED),
    ),
    CatalogueGroup(
        "OCCUPATION",
        "The occupation, the employer's line of business or the source of income carries more risk.",
        "La profession, le secteur de l'employeur ou la source de revenu présente un risque plus élevé.",
        names=("OCCUPATION_TYPE", "ORGANIZATION_TYPE", "NAME_INCOME_TYPE"),
    ),
    CatalogueGroup(
        "EDUCATION",
        "The level of education was taken into account.",
        "Le niveau d'études a été pris en compte.",
        names=("NAME_EDUCATION_TYPE",),
    ),
    CatalogueGroup(
        "AGE",
        "The age of the applicant was taken into account.",
        "L'âge du demandeur a été pris en compte.",
        names=("DAYS_BIRTH",),
    ),
    CatalogueGroup(
        "BUREAU_ENQUIRIES",
        "The number of recent enquiries at the credit bureau carries more risk.",
        "Le nombre de consultations récentes du fichier de crédit présente un risque plus élevé.",
        names=(*ENQUIRIES, "BUREAU_ENQUIRY_COUNT"),
    ),
    CatalogueGroup(
        "SOCIAL_CIRCLE",
        "Whether people in the applicant's social circle paid late was taken into account.",
        "Les éventuels retards de paiement dans l'entourage du demandeur ont été pris en compte.",
        names=("DEFAULTS_30_TO_SEEN", "DEFAULTS_60_TO_SEEN"),
        prefixes=("OBS_", "DEF_"),
    ),
    CatalogueGroup(
        "PROPERTY",
        "What the applicant owns or does not own (car, home) carries more risk.",
        "Le patrimoine du demandeur (voiture, logement), ou son absence, présente un risque plus élevé.",
        names=("FLAG_OWN_CAR", "FLAG_OWN_REALTY", "OWN_CAR_AGE", "CAR_AGE_TO_AGE", "CAR_AGE_TO_EMPLOYED"),
    ),
    CatalogueGroup(
        "DEPENDANTS",
        "The number of children was taken into account.",
        "Le nombre d'enfants a été pris en compte.",
        names=("CNT_CHILDREN",),
    ),
    CatalogueGroup(
        "RESIDENCE_STABILITY",
        "The last change of registration or identity document carries more risk.",
        "Le dernier changement d'adresse déclarée ou de pièce d'identité présente un risque plus élevé.",
        names=("DAYS_REGISTRATION", "DAYS_ID_PUBLISH", "REGISTRATION_TO_AGE", "ID_PUBLISH_TO_AGE"),
    ),
    CatalogueGroup(
        "CONTACT_DETAILS",
        "The contact details given, or how recently they changed, carry more risk.",
        "Les coordonnées fournies, ou leur changement récent, présentent un risque plus élevé.",
        names=(
            "FLAG_MOBIL",
            "FLAG_EMP_PHONE",
            "FLAG_WORK_PHONE",
            "FLAG_CONT_MOBILE",
            "FLAG_PHONE",
            "FLAG_EMAIL",
            "DAYS_LAST_PHONE_CHANGE",
            "PHONE_CHANGE_TO_AGE",
            "CONTACT_COUNT",
        ),
    ),
    CatalogueGroup(
        "ADDRESSES_DIFFER",
        "The registered, contact and work addresses were compared.",
        "Les adresses déclarée, de contact et de travail ont été comparées.",
        names=(*MISMATCHES, "ADDRESS_MISMATCH_COUNT"),
    ),
    CatalogueGroup(
        "REGION",
        "The region of residence carries more risk.",
        "La région de résidence présente un risque plus élevé.",
        prefixes=("REGION_",),
    ),
    CatalogueGroup(
        "DOCUMENTS",
        "The documents handed in were taken into account.",
        "Les documents fournis ont été pris en compte.",
        names=("DOCUMENT_COUNT",),
        prefixes=("FLAG_DOCUMENT_",),
    ),
    CatalogueGroup(
        "COMPANION",
        "Who came along when the application was made was taken into account.",
        "La personne accompagnant le demandeur a été prise en compte.",
        names=("NAME_TYPE_SUITE",),
    ),
    CatalogueGroup(
        "APPLICATION_TIME",
        "The day and hour of the application were taken into account.",
        "Le jour et l'heure de la demande ont été pris en compte.",
        names=("WEEKDAY_APPR_PROCESS_START", "HOUR_APPR_PROCESS_START"),
    ),
    CatalogueGroup(
        "HOUSING",
        "The housing situation, or what is known of the building, carries more risk.",
        "La situation de logement, ou ce qui est connu de l'immeuble, présente un risque plus élevé.",
        names=("NAME_HOUSING_TYPE", "HOUSING_MISSING_COUNT"),
        prefixes=(
            "APARTMENTS_",
            "BASEMENTAREA_",
            "YEARS_",
            "COMMONAREA_",
            "ELEVATORS_",
            "ENTRANCES_",
            "FLOORSM",
            "LANDAREA_",
            "LIVINGA",
            "NONLIVINGA",
            "FONDKAPREMONT_",
            "HOUSETYPE_",
            "TOTALAREA_",
            "WALLSMATERIAL_",
            "EMERGENCYSTATE_",
        ),
    ),
)


def features_by_group(
    feature_names: Sequence[str], of_history: Sequence[CatalogueGroup] = ()
) -> list[tuple[CatalogueGroup, tuple[str, ...]]]:
    """The groups that the features need, in the catalogue's order, each with its features.

    `of_history` are reasons of history features, which hold theirs by name and go first; where the
    catalogue has the same code, they are one reason.
    Raises LookupError for a feature that no group holds: it could move a decision unexplained.
    """
    code_of = {name: _group_of(name, of_history).code for name in feature_names}
    groups = {group.code: group for group in (*CATALOGUE, *of_history)}
    return [
        (group, members)
        for group in groups.values()
        if (members := tuple(name for name in feature_names if code_of[name] == group.code))
    ]


def _group_of(feature: str, of_history: Sequence[CatalogueGroup]) -> CatalogueGroup:
    for group in of_history:
        if feature in group.names:
            return group
    for group in CATALOGUE:
        if group.holds(feature):
            return group
    raise LookupError(f"no group of the reason catalogue holds the feature {feature}")
