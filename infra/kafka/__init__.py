"""Kafka as the project needs it: topics created from the contracts, and a real broker on one machine."""
