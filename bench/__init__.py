"""Measurements that anyone can run against a running platform."""
