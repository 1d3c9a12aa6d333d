"""The HTTP front: accept an application, wait for its reply, answer."""
