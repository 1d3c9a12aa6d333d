"""What crosses a process border: topics, headers, the application, events, error codes, examples."""
