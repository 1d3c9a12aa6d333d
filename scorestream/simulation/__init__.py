"""Traffic that tells a story: applicants of a sample over HTTP, shifted if asked, their outcomes later.

For demonstrations and tests; knows the platform only by its HTTP interface.
"""
