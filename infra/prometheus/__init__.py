"""Watching the platform: what each process measures, what Prometheus asks, when it alerts."""
