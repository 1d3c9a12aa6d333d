"""Grafana dashboards as code: what a panel asks and means is here; `python -m grafana` writes the JSON."""
