"""The lag exporter: what Kafka itself says about work that is waiting. Lives when the scorers are dead."""
