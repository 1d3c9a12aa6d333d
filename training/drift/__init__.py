"""Drift: whether the applications, the scores and the outcomes of a period are still those of training.

`scorestream drift` runs it, Airflow once a day. The flow, in the order of the files:

    reference.py    the sample that was stored with the model in Production, scored by it
    window.py       what was decided in the period, from the archive, as the same features
    columns.py      how far each column has moved (PSI), and what is missing or new in it. Pure
    performance.py  what became of the loans whose performance window is over. Pure
    judge.py        the facts against the bounds: drift, no drift, not enough. Pure
    page.py         the page, and Evidently's for the columns that moved most
    publish.py      the page and the figures to MLflow, DriftReported to Kafka
"""
