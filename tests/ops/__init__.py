"""The command line, the embedded services and supervisord, with real processes and real signals."""
