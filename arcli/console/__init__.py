"""What knows a terminal: options, the session of a run, output, progress, faults."""
