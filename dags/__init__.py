"""Airflow DAGs: what runs when, after what, and what to do when it fails. The work is in command lines."""
