"""What the platform runs on: Kafka, one-machine platform, images, locks."""
