"""What every process of the platform is started with: Kafka connection, logs, metrics, shutdown.

The gateway and the scorer never import each other; what both need and no domain owns is here.
"""
