"""Scripts that kill and fill are commands, and no tests."""

collect_ignore = ["crowds.py", "full_disks.py", "kills.py", "verbs.py"]
