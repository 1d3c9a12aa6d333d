"""The fields of an application: the columns of Home Credit's application table, in its order.

`contracts.application` decodes by this table, `docs/application.md` is rendered from it. Bounds
are wider than anything in the public data on purpose: they are there to stop nonsense (an age of
300, an income of 1e30), not to describe the past; drift is watched elsewhere.

To add a field, append it as optional. To add a category, append it to its tuple: the position of
a category is the code that features use, so nothing is ever reordered or removed.
"""

from __future__ import annotations

from typing import Final

from contracts.fields import Field, Kind

#: DAYS_EMPLOYED of an applicant without a job (pensioners, mostly).
NOT_EMPLOYED_DAYS: Final = 365_243
#: Largest whole number that every JSON reader, JavaScript's included, carries exactly.
LARGEST_ID: Final = 2**53 - 1
LARGEST_AMOUNT: Final = 1_000_000_000
#: 120 and 18 years, in days before the application.
OLDEST_DAYS: Final = -43_830
YOUNGEST_DAYS: Final = -6_574


def category(name: str, meaning: str, *categories: str, is_required: bool = False) -> Field:
    """A field of named categories."""
    return Field(name, Kind.CATEGORY, "", meaning, is_required=is_required, categories=categories)


def count(name: str, unit: str, meaning: str, *, minimum: int = 0, maximum: int = 1000) -> Field:
    """A whole number of things."""
    return Field(name, Kind.INTEGER, unit, meaning, minimum=minimum, maximum=maximum)


def flag(name: str, meaning: str) -> Field:
    """A yes-or-no question answered with 1 or 0."""
    return Field(name, Kind.INTEGER, "flag", f"1 if {meaning}, 0 if not", minimum=0, maximum=1)


def money(name: str, meaning: str, *, is_required: bool = False) -> Field:
    """An amount in the lender's currency."""
    return Field(
        name, Kind.NUMBER, "currency", meaning, is_required=is_required, minimum=1, maximum=LARGEST_AMOUNT
    )


def share(name: str, meaning: str) -> Field:
    """A number from 0 to 1."""
    return Field(name, Kind.NUMBER, "share", meaning, minimum=0, maximum=1)


def days(name: str, meaning: str, *, maximum: int = 0) -> Field:
    """A day, counted from the application."""
    return Field(
        name, Kind.INTEGER, "day", f"{meaning}; negative is the past", minimum=OLDEST_DAYS, maximum=maximum
    )


def acquaintances(name: str, meaning: str) -> Field:
    """A count over the people around the applicant."""
    return count(name, "person", f"people in the applicant's social circle {meaning}")


def enquiries(name: str, window: str) -> Field:
    """How often others asked the credit bureau about the applicant."""
    return count(
        f"AMT_REQ_CREDIT_BUREAU_{name}", "enquiry", f"credit bureau enquiries about the applicant {window}"
    )


#: What is measured of the building the applicant lives in, by the stem of its three columns.
BUILDING_MEASURES: Final[dict[str, str]] = {
    "APARTMENTS": "size of the building's flats",
    "BASEMENTAREA": "basement area",
    "YEARS_BEGINEXPLUATATION": "time since the building came into use",
    "YEARS_BUILD": "age of the construction",
    "COMMONAREA": "area shared by the residents",
    "ELEVATORS": "number of lifts",
    "ENTRANCES": "number of entrances",
    "FLOORSMAX": "number of floors of the highest part",
    "FLOORSMIN": "number of floors of the lowest part",
    "LANDAREA": "area of the plot",
    "LIVINGAPARTMENTS": "size of the flats that are lived in",
    "LIVINGAREA": "living area",
    "NONLIVINGAPARTMENTS": "size of the flats not used for living",
    "NONLIVINGAREA": "area not used for living",
}


def housing(suffix: str, statistic: str) -> tuple[Field, ...]:
    """One statistic of every building measure."""
    return tuple(
        share(f"{stem}_{suffix}", f"building lived in: {measure}, {statistic}, scaled to 0..1")
        for stem, measure in BUILDING_MEASURES.items()
    )


def documents() -> tuple[Field, ...]:
    """The documents that may be handed in, by number."""
    return tuple(
        flag(f"FLAG_DOCUMENT_{number}", f"the applicant handed in document {number}")
        for number in range(2, 22)
    )


# fmt: off
FIELDS: Final[tuple[Field, ...]] = (
    Field("SK_ID_CURR", Kind.INTEGER, "id", "the applicant's number; keys topics and the lender's history",
          is_required=True, minimum=1, maximum=LARGEST_ID),
    category("NAME_CONTRACT_TYPE", "what is applied for: a loan paid out in cash, or a revolving credit line",
             "Cash loans", "Revolving loans", is_required=True),
    category("CODE_GENDER", "the applicant's gender; XNA when it is not stated", "F", "M", "XNA"),
    category("FLAG_OWN_CAR", "whether the applicant owns a car", "N", "Y"),
    category("FLAG_OWN_REALTY", "whether the applicant owns a house or a flat", "N", "Y"),
    count("CNT_CHILDREN", "person", "the applicant's children", maximum=30),
    money("AMT_INCOME_TOTAL", "the applicant's income as stated", is_required=True),
    money("AMT_CREDIT", "the amount of credit applied for", is_required=True),
    money("AMT_ANNUITY", "what is to be paid back per period"),
    money("AMT_GOODS_PRICE", "price of the goods that the credit is to pay for"),
    category("NAME_TYPE_SUITE", "who came along when the application was made",
             "Unaccompanied", "Family", "Spouse, partner", "Children", "Other_B", "Other_A",
             "Group of people"),
    category("NAME_INCOME_TYPE", "where the income comes from",
             "Working", "Commercial associate", "Pensioner", "State servant", "Unemployed", "Student",
             "Businessman", "Maternity leave"),
    category("NAME_EDUCATION_TYPE", "highest level of schooling reached",
             "Secondary / secondary special", "Higher education", "Incomplete higher", "Lower secondary",
             "Academic degree"),
    category("NAME_FAMILY_STATUS", "family status",
             "Married", "Single / not married", "Civil marriage", "Separated", "Widow", "Unknown"),
    category("NAME_HOUSING_TYPE", "how the applicant is housed",
             "House / apartment", "With parents", "Municipal apartment", "Rented apartment",
             "Office apartment", "Co-op apartment"),
    share("REGION_POPULATION_RELATIVE", "how populous the applicant's region is; more is more populous"),
    Field("DAYS_BIRTH", Kind.INTEGER, "day", "birth in days from the application; negative is the past",
          is_required=True, minimum=OLDEST_DAYS, maximum=YOUNGEST_DAYS),
    days("DAYS_EMPLOYED", "start of the present job in days from the application, 365243 if there is none",
         maximum=NOT_EMPLOYED_DAYS),
    days("DAYS_REGISTRATION", "last change of the registration in days from the application"),
    days("DAYS_ID_PUBLISH", "issue of the identity document used, in days from the application"),
    count("OWN_CAR_AGE", "year", "age of the applicant's car; null without a car", maximum=150),
    flag("FLAG_MOBIL", "a mobile number was given"),
    flag("FLAG_EMP_PHONE", "the employer's number was given"),
    flag("FLAG_WORK_PHONE", "a number at work was given"),
    flag("FLAG_CONT_MOBILE", "the mobile number could be reached"),
    flag("FLAG_PHONE", "a home number was given"),
    flag("FLAG_EMAIL", "an e-mail address was given"),
    category("OCCUPATION_TYPE", "what the applicant works as",
             "Laborers", "Sales staff", "Core staff", "Managers", "Drivers", "High skill tech staff",
             "Accountants", "Medicine staff", "Security staff", "Cooking staff", "Cleaning staff",
             "Private service staff", "Low-skill Laborers", "Waiters/barmen staff", "Secretaries",
             "Realty agents", "HR staff", "IT staff"),
    count("CNT_FAM_MEMBERS", "person", "members of the applicant's household", minimum=1, maximum=50),
    count("REGION_RATING_CLIENT", "grade", "the lender's grade of the region lived in", minimum=1, maximum=3),
    count("REGION_RATING_CLIENT_W_CITY", "grade", "the same grade with the city counted in; -1 is not known",
          minimum=-1, maximum=3),
    category("WEEKDAY_APPR_PROCESS_START", "weekday of the application",
             "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"),
    count("HOUR_APPR_PROCESS_START", "hour", "hour of the day of the application, roughly", maximum=23),
    flag("REG_REGION_NOT_LIVE_REGION", "the registered and the contact address lie in different regions"),
    flag("REG_REGION_NOT_WORK_REGION", "the registered and the work address lie in different regions"),
    flag("LIVE_REGION_NOT_WORK_REGION", "the contact and the work address lie in different regions"),
    flag("REG_CITY_NOT_LIVE_CITY", "the registered and the contact address lie in different cities"),
    flag("REG_CITY_NOT_WORK_CITY", "the registered and the work address lie in different cities"),
    flag("LIVE_CITY_NOT_WORK_CITY", "the contact and the work address lie in different cities"),
    category("ORGANIZATION_TYPE", "line of business of the employer; XNA without one",
             "Business Entity Type 3", "XNA", "Self-employed", "Other", "Medicine", "Business Entity Type 2",
             "Government", "School", "Trade: type 7", "Kindergarten", "Construction",
             "Business Entity Type 1", "Transport: type 4", "Trade: type 3", "Industry: type 9",
             "Industry: type 3", "Security", "Housing", "Industry: type 11", "Military", "Bank",
             "Agriculture", "Police", "Transport: type 2", "Postal", "Security Ministries", "Trade: type 2",
             "Restaurant", "Services", "University", "Industry: type 7", "Transport: type 3",
             "Industry: type 1", "Hotel", "Electricity", "Industry: type 4", "Trade: type 6",
             "Industry: type 5", "Insurance", "Telecom", "Emergency", "Industry: type 2", "Advertising",
             "Realtor", "Culture", "Industry: type 12", "Trade: type 1", "Mobile", "Legal Services",
             "Cleaning", "Transport: type 1", "Industry: type 6", "Industry: type 10", "Religion",
             "Industry: type 13", "Trade: type 4", "Trade: type 5", "Industry: type 8"),
    share("EXT_SOURCE_1", "first score bought from outside, scaled; more is safer"),
    share("EXT_SOURCE_2", "second score bought from outside, scaled; more is safer"),
    share("EXT_SOURCE_3", "third score bought from outside, scaled; more is safer"),
    *housing("AVG", "average"),
    *housing("MODE", "most frequent value"),
    *housing("MEDI", "median"),
    category("FONDKAPREMONT_MODE", "how the building's repair fund is held",
             "reg oper account", "reg oper spec account", "not specified", "org spec account"),
    category("HOUSETYPE_MODE", "type of the building",
             "block of flats", "specific housing", "terraced house"),
    share("TOTALAREA_MODE", "building lived in: total area, most frequent value, scaled to 0..1"),
    category("WALLSMATERIAL_MODE", "what the building's walls are made of",
             "Panel", "Stone, brick", "Block", "Wooden", "Mixed", "Monolithic", "Others"),
    category("EMERGENCYSTATE_MODE", "whether the building is declared unsafe", "No", "Yes"),
    acquaintances("OBS_30_CNT_SOCIAL_CIRCLE", "whose loans can be seen, counted at 30 days past due"),
    acquaintances("DEF_30_CNT_SOCIAL_CIRCLE", "who defaulted at 30 days past due"),
    acquaintances("OBS_60_CNT_SOCIAL_CIRCLE", "whose loans can be seen, counted at 60 days past due"),
    acquaintances("DEF_60_CNT_SOCIAL_CIRCLE", "who defaulted at 60 days past due"),
    days("DAYS_LAST_PHONE_CHANGE", "last change of the phone number in days from the application"),
    *documents(),
    enquiries("HOUR", "in the last hour"),
    enquiries("DAY", "in the last day, without the last hour"),
    enquiries("WEEK", "in the last week, without the last day"),
    enquiries("MON", "in the last month, without the last week"),
    enquiries("QRT", "in the last three months, without the last month"),
    enquiries("YEAR", "in the last year, without the last three months"),
)
# fmt: on
