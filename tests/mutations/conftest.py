"""The list and what runs it are a command, and no tests."""

collect_ignore = ["catalog.py", "run.py"]
