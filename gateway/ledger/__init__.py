"""The ledger: every application and its decision by id, in a database that the log can rebuild."""
