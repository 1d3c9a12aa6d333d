"""One module a command; `scorestream.cli` loads each only when it is called."""
