"""The images: one Dockerfile, a lock per component, a build for any Docker-compatible builder."""
