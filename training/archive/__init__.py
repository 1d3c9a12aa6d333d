"""The archive: `predictions*` and `outcomes` as Parquet, by date and hour, each record exactly once.

The log keeps records for a month; the archive for as long as its store does. A process of its own
(`scorestream archive`), without a consumer group: the names of its files are all that it knows of where
it was.
"""
