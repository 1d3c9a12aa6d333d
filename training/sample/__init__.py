"""Sample data that looks like Home Credit Default Risk, made from its published figures.

For everyone who has no Kaggle account: the demo, the tests, the benchmarks. ``write_sample`` makes
the eight CSV files with the real names, columns, encodings, rules between columns and strength of
signal; ``report`` compares a folder of CSV files with the published figures column by column.

Where to look: ``facts`` what is published · ``risk`` who defaults and why · ``draws`` from a normal
score to a value · ``applications`` and its parts (``person``, ``loan``, ``contact``, ``housing``) ·
one module per history table · ``chunks`` and ``writer`` how rows become files.
"""

from training.sample.errors import SampleRejected
from training.sample.facts import ALL_TABLES
from training.sample.writer import SampleWritten, write_sample

__all__ = ["ALL_TABLES", "SampleRejected", "SampleWritten", "write_sample"]
