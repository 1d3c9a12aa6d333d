"""What the DAGs have in common: settings, commands, assets, alerts. Declares; the work is in command lines.

Imports Airflow and nothing of the platform, so a scheduler needs no more than Airflow and this folder.
"""
