"""Programs that check what is shipped: built from pinned sources, kept for every clone of this machine.

Nothing of the platform imports this; Make and the tests do.
"""
