"""The bulk way into `feature_service.application`: a table of the CSV instead of rows.

Called by training. Gives the same codes as `encode`, to the bit; knows no file.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts.application_fields import FIELDS
from contracts.fields import Kind
from feature_service.application import Encoded


def encode_table(table: pa.Table) -> Encoded:
    """The table's rows as numbers, `(n_rows, n_columns)`, as `encode` would have made them.

    Columns are found by name; one that the contract requires or not, but that the table lacks,
    is missing in every row. Categories are strings or dictionaries of strings.
    """
    encoded = np.full((table.num_rows, len(FIELDS)), np.nan)
    for index, field in enumerate(FIELDS):
        if field.name not in table.column_names:
            continue
        column = table[field.name]
        if field.kind is Kind.CATEGORY:
            column = pc.index_in(column.cast(pa.string()), value_set=pa.array(field.categories))
        encoded[:, index] = column.cast(pa.float64()).to_numpy()
    return encoded
